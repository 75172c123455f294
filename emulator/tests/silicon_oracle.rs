//! Power-ups against a second writing of their documentation.
//!
//! Whatever the batch engine does with vectors, tables and planes, the doors of `silicon::sram` and
//! `silicon::batch` say which word of which stream decides what. Here that is done a word and a cell
//! at a time, with `rand_chacha` and `libm`, and readouts have to agree byte for byte.
//!
//! Nothing here is a matter of chance: no false alarm is possible but by an error. The engine's
//! probabilities are only promised within 1e-12, so a draw that lies closer to its threshold than
//! twice that is undecided: of all draws of a test, fewer than three may be.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unreadable_literal,
    reason = "thresholds are integers near real numbers"
)]

use fuzzy_extractor::bits::BitString;
use puf_emulator::seed::{SeedTree, SimulatedRng};
use puf_emulator::silicon::drift::TwoComponent;
use puf_emulator::silicon::{
    AgeingLaw, ConditionedSram, Environment, HistoryLaw, Instructions, PolarityLaw, Process,
    RampLaw, ReadoutLaw, RemanenceLaw, Scratch, SramArray, TemperatureLaw, VariationLaw, WanderLaw,
    normal,
};
use rand_core::Rng;

const SIZES: [usize; 11] = [1, 63, 64, 65, 511, 512, 513, 1000, 8192, 16384, 16385];
const READOUTS: [u64; 4] = [0, 1, 7, u64::MAX];

/// Noise and bias.
const PROCESSES: [(f64, f64); 10] = [
    (1e-6, 0.0),
    (0.03, 0.0),
    (0.11, 0.0),
    (0.11, 0.6),
    (0.35, -0.3),
    (0.35, 0.0),
    (0.64, 0.2),
    (3.0, 0.0),
    (3.0, 10.0),
    (100.0, -5.0),
];

// The documentation of `silicon::batch`.

const CHUNK: usize = 16_384;
/// Where classes of rare cells begin, and the exponents of their bounds.
const CLASSES: [(f64, u32); 5] = [
    (2.1569812426, 6),
    (2.4189793561, 7),
    (2.6607250045, 8),
    (3.0974137974, 10),
    (3.4871367492, 12),
];
const QUIET: (f64, u32) = (4.1695710623, 16);
/// Twice what tables may be off, relative.
const TOLERANCE: f64 = 2e-12;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Noisy,
    Rare(usize),
    Quiet,
}

fn kind(u: f64) -> Kind {
    let u = u.abs();
    for edge in CLASSES.iter().chain([&QUIET]).map(|class| class.0) {
        assert!((u - edge).abs() > 1e-10, "a cell on an edge that has ten digits: another seed");
    }
    if u < CLASSES[0].0 {
        return Kind::Noisy;
    }
    if u >= QUIET.0 {
        return Kind::Quiet;
    }
    Kind::Rare(CLASSES.iter().rposition(|class| u >= class.0).unwrap())
}

/// A readout as documented, with the cells that cannot be decided so.
#[derive(Default)]
struct Readout {
    bits: Vec<bool>,
    undecided: Vec<usize>,
    draws: u64,
}

/// `Phi(-|u|)` and the rate `-ln(1 - p)`.
fn probability(u: f64) -> (f64, f64) {
    let p = normal::cdf(-u.abs());
    (p, -libm::log1p(-p))
}

fn readout(node: &SeedTree, index: u64, latents: &[f64]) -> Readout {
    let mut readout = Readout::default();
    for (chunk, latents) in (0..).zip(latents.chunks(CHUNK)) {
        let words = node.stream(index).at(chunk << 36);
        let first = readout.bits.len();
        readout.bits.extend(latents.iter().map(|&u| u > 0.0));
        decide(latents, words, first, &mut readout);
    }
    readout
}

fn decide(latents: &[f64], mut words: SimulatedRng, first: usize, readout: &mut Readout) {
    let kinds: Vec<Kind> = latents.iter().map(|&u| kind(u)).collect();
    let of_kind = |wanted: Kind| -> Vec<usize> {
        (0..kinds.len()).filter(|&cell| kinds[cell] == wanted).collect()
    };
    let mut draw = || {
        readout.draws += 1;
        words.next_u64()
    };
    let mut flips = vec![false; latents.len()];

    // 1. Planes.
    let noisy = of_kind(Kind::Noisy);
    let mut high = Vec::new();
    for group in noisy.chunks(512) {
        let width = group.len().div_ceil(64);
        let planes: Vec<Vec<u64>> = (0..8).map(|_| (0..width).map(|_| draw()).collect()).collect();
        for lane in 0..group.len() {
            let bit = |plane: &Vec<u64>| plane[lane / 64] >> (lane % 64) & 1;
            high.push(planes.iter().fold(0, |byte, plane| byte << 1 | bit(plane)));
        }
    }
    // 2. The rest of those that agree.
    for (&cell, &high) in noisy.iter().zip(&high) {
        let (p, _) = probability(latents[cell]);
        let threshold = ((p * 2f64.powi(52)).round() as u64) << 12;
        let slack = (p * 2f64.powi(64) * TOLERANCE) as u64 + (1 << 12);
        if (threshold - slack) >> 56 != (threshold + slack) >> 56 {
            readout.undecided.push(first + cell);
        }
        let mut drawn = high << 56;
        if high == threshold >> 56 {
            drawn |= draw() >> 8;
            if drawn.abs_diff(threshold) <= slack {
                readout.undecided.push(first + cell);
            }
        }
        flips[cell] = drawn < threshold;
    }
    // 3. The axis: cells, the lengths of their intervals and how much of them flips.
    let mut axis: Vec<(usize, u64, Option<f64>)> = Vec::new();
    for (class, (_, exponent)) in CLASSES.iter().enumerate() {
        for cell in of_kind(Kind::Rare(class)) {
            let (_, rate) = probability(latents[cell]);
            axis.push((cell, 1 << (46 - exponent), Some(rate * 2f64.powi(46))));
        }
    }
    axis.extend((0..latents.len()).map(|cell| (cell, 1 << (46 - QUIET.1), None)));
    let ends: Vec<u64> = axis
        .iter()
        .scan(0, |end, interval| {
            *end += interval.1;
            Some(*end)
        })
        .collect();
    let (mut position, mut gaps) = (0, 0);
    loop {
        position += exponential(draw());
        gaps += 1;
        // A gap of ours may be off by a unit.
        let slack = gaps + 2;
        let hit = ends.partition_point(|&end| end <= position);
        if ends[..hit].last().is_some_and(|&start| position - start <= slack)
            || ends.get(hit).is_some_and(|&end| end - position <= slack)
        {
            readout.undecided.push(first);
        }
        let Some(&(cell, length, part)) = axis.get(hit) else { break };
        let within = (position - (ends[hit] - length)) as f64;
        let (drawn, part, slack) = match part {
            Some(part) => (within, part.round(), slack as f64 + 1.0),
            None if kinds[cell] == Kind::Quiet => {
                let (_, rate) = probability(latents[cell]);
                (draw() as f64, rate * 2f64.powi(80), 1e4)
            }
            None => continue,
        };
        if (drawn - part).abs() <= slack + part * TOLERANCE {
            readout.undecided.push(first + cell);
        }
        flips[cell] |= drawn < part;
    }
    for (bit, flip) in readout.bits[first..].iter_mut().zip(flips) {
        *bit ^= flip;
    }
}

/// `-ln((k + 1/2) / 2^63)` in units of 2^-46, rounded.
fn exponential(word: u64) -> u64 {
    let k = word >> 1;
    let above = ((1 << 63) - k) as f64 - 0.5;
    let length = if above < 2f64.powi(62) {
        -libm::log1p(-above / 2f64.powi(63))
    } else {
        -libm::log((k as f64 + 0.5) / 2f64.powi(63))
    };
    (length * 2f64.powi(46)).round() as u64
}

/// A test's account of what could not be decided.
#[derive(Default)]
struct Account {
    undecided: usize,
    draws: u64,
}

impl Account {
    #[track_caller]
    fn compare(&mut self, what: &str, expected: &Readout, found: &BitString) {
        assert_eq!(found.len(), expected.bits.len(), "{what}");
        for (cell, (&expected_bit, bit)) in expected.bits.iter().zip(found.iter()).enumerate() {
            let undecided = expected.undecided.contains(&cell);
            assert!(undecided || bit == expected_bit, "{what}: cell {cell} reads {bit}");
        }
        self.undecided += expected.undecided.len();
        self.draws += expected.draws;
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        println!("{} of {} draws undecided", self.undecided, self.draws);
        if !std::thread::panicking() {
            assert!(self.undecided < 3, "{} draws undecided", self.undecided);
        }
    }
}

fn seed(number: u64) -> SeedTree {
    SeedTree::from_seed(number).child("oracle")
}

fn process(lambda1: f64, lambda2: f64) -> Process {
    let temperature = TemperatureLaw::default();
    Process::new(lambda1, lambda2, temperature, AgeingLaw::default()).unwrap()
}

fn die(process: Process, cells: usize, number: u64) -> SramArray {
    SramArray::manufacture(process, cells, &seed(number)).unwrap()
}

fn latents(sram: &ConditionedSram) -> Vec<f64> {
    (0..sram.cells()).map(|cell| sram.latent(cell)).collect()
}

/// The ten digits of the documentation are those of the rates beside them.
#[test]
fn edges_of_classes_are_where_their_rates_are_powers_of_two() {
    for (edge, exponent) in CLASSES.into_iter().chain([QUIET]) {
        let (_, rate) = probability(edge);
        let error = (rate * f64::from(1_u32 << exponent) - 1.0).abs();
        assert!(error < 3e-10, "{edge}: {error:e}");
    }
}

fn compare_sizes(sizes: &[usize]) {
    let mut account = Account::default();
    let mut kinds = [0_usize; 7];
    for (number, (lambda1, lambda2)) in (0..).zip(PROCESSES) {
        for &cells in sizes {
            let reference = die(process(lambda1, lambda2), cells, number);
            let reference = reference.in_environment(&Environment::default());
            let latents = latents(&reference);
            for &u in &latents {
                kinds[match kind(u) {
                    Kind::Noisy => 0,
                    Kind::Rare(class) => 1 + class,
                    Kind::Quiet => 6,
                }] += 1;
            }
            for index in READOUTS {
                let expected = readout(&seed(number).child("power-up"), index, &latents);
                for &instructions in Instructions::available() {
                    let what = format!(
                        "{cells} cells of {lambda1}, {lambda2}, readout {index}, {instructions:?}"
                    );
                    let sram = reference.clone().with_instructions(instructions);
                    account.compare(&what, &expected, &sram.power_up(index));
                    let mut row = vec![u64::MAX; cells.div_ceil(64)];
                    sram.power_up_into(index, &mut row, &mut Scratch::new());
                    assert_eq!(row, sram.power_up(index).words(), "{what}: padding");
                }
            }
        }
    }
    println!("cells by kind: {kinds:?}");
    assert!(kinds.iter().all(|&count| count > 100), "{kinds:?}");
}

#[test]
fn readouts_are_as_documented() {
    compare_sizes(&SIZES);
}

#[test]
fn readouts_of_several_chunks_are_as_documented() {
    compare_sizes(&[40_000]);
}

/// Cells by the thousand readouts, so that rare and quiet cells get their hits.
#[test]
fn many_readouts_are_as_documented() {
    let mut account = Account::default();
    for (number, lambda1, cells, readouts) in [(20, 0.35, 1500, 6000), (21, 0.2, 20_000, 1000)] {
        let sram =
            die(process(lambda1, 0.1), cells, number).in_environment(&Environment::default());
        let latents = latents(&sram);
        let node = seed(number).child("power-up");
        let mut scratch = Scratch::new();
        let mut row = vec![0; cells.div_ceil(64)];
        let mut flips = [0_usize; 7];
        for index in 0..readouts {
            let expected = readout(&node, index, &latents);
            sram.power_up_into(index, &mut row, &mut scratch);
            let found = BitString::from_words(row.clone(), cells);
            account.compare(&format!("{lambda1}, readout {index}"), &expected, &found);
            for cell in found.xor(sram.dominant()).ones() {
                flips[match kind(latents[cell]) {
                    Kind::Noisy => 0,
                    Kind::Rare(class) => 1 + class,
                    Kind::Quiet => 6,
                }] += 1;
            }
        }
        println!("lambda1 {lambda1}: flips by kind {flips:?}");
        assert!(flips[..6].iter().all(|&count| count > 20) && flips[6] > 0, "{flips:?}");
    }
}

/// What the oracle compares is enough to tell a readout from its neighbours, its chunk and its node.
#[test]
fn mutants_of_the_addresses_would_be_seen() {
    let sram = die(process(0.35, 0.0), 20_000, 22).in_environment(&Environment::default());
    let latents = latents(&sram);
    let found = sram.power_up(7);
    let differs = |node: &str, index| {
        let expected = readout(&seed(22).child(node), index, &latents);
        (0..20_000).filter(|&cell| expected.bits[cell] != found.get(cell)).count()
    };
    assert_eq!(differs("power-up", 7), 0);
    assert!(differs("power-up", 8) > 2000);
    assert!(differs("power-up after 1", 7) > 2000);
    let mut moved = latents.clone();
    moved[0] = if latents[0].abs() < CLASSES[0].0 { 3.0 } else { 0.5 };
    assert_ne!(kind(moved[0]) == Kind::Noisy, kind(latents[0]) == Kind::Noisy);
    let expected = readout(&seed(22).child("power-up"), 7, &moved);
    let differing = (0..20_000).filter(|&cell| expected.bits[cell] != found.get(cell)).count();
    assert!(differing > 1000, "a cell of another class moves all that are drawn after it");
}

// The documentation of `silicon::sram` and of the laws.

/// The variate of a 64-bit word: bit 0 the sign, the others `v` at `Phi^-1((v + 1/2) / 2^64)`.
fn variate(word: u64) -> f64 {
    let lower = normal::quantile(((word >> 1) as f64 + 0.5) / 2f64.powi(64));
    if word & 1 == 1 { -lower } else { lower }
}

/// The variate of a cell: the quantile of its word, `(w + 1/2) / 2^32`; with 32 more bits within 2^-13
/// of 0, and mirrored of 1.
fn cell_variate(node: &SeedTree, cell: usize, word: u32) -> f64 {
    let (upper, w) = if word >> 31 == 1 { (true, !word) } else { (false, word) };
    let mut place = (f64::from(w) + 0.5) / 2f64.powi(32);
    if place < 2f64.powi(-13) {
        let more = node.stream(2).at(cell as u64).next_u32();
        place = ((u64::from(w) << 32 | u64::from(more)) as f64 + 0.5) / 2f64.powi(64);
    }
    let lower = normal::quantile(place);
    if upper { -lower } else { lower }
}

fn cell_variates(node: &SeedTree, cells: usize) -> Vec<f64> {
    let mut words = node.stream(0);
    (0..cells).map(|cell| cell_variate(node, cell, words.next_u32())).collect()
}

/// The coefficients of a drift, with the component that the place of a cell gives it.
fn coefficients(node: &SeedTree, cells: usize, law: &TwoComponent) -> Vec<f64> {
    let [(_, common), (rare, far)] = law.components();
    let mut places = node.stream(1);
    cell_variates(node, cells)
        .into_iter()
        .map(|z| {
            let place = f64::from(places.next_u32()) / 2f64.powi(32);
            z * if place < rare { far } else { common }
        })
        .collect()
}

#[test]
fn skews_are_the_quantiles_of_their_words() {
    const CELLS: usize = 200_000;
    let sram = die(process(1.0, 0.0), CELLS, 30).in_environment(&Environment::default());
    let expected = cell_variates(&seed(30).child("cell skew"), CELLS);
    let (mut worst, mut refined) = (0_f64, 0);
    for (cell, expected) in expected.into_iter().enumerate() {
        worst = worst.max((sram.latent(cell) - expected).abs());
        refined += u32::from(normal::cdf(-expected.abs()) < 2f64.powi(-13));
    }
    println!("skews: worst error {worst:e}; {refined} cells refined");
    assert!(worst < 1e-11, "{worst:e}");
    assert!(refined > 20);
}

/// The cells of a large die furthest out in their tails, where 32 bits would be a staircase.
#[test]
fn skews_far_in_the_tail_are_refined() {
    const CELLS: usize = 1 << 22;
    let node = seed(31).child("cell skew");
    let mut words = node.stream(0);
    let far: Vec<(usize, u32)> = (0..CELLS)
        .map(|cell| (cell, words.next_u32()))
        .filter(|(_, word)| word.wrapping_add(1 << 14) < 1 << 15)
        .collect();
    let sram = die(process(1.0, 0.0), CELLS, 31).in_environment(&Environment::default());
    let (mut worst, mut stairs, mut furthest) = (0_f64, 0_f64, 0_f64);
    for &(cell, word) in &far {
        let expected = cell_variate(&node, cell, word);
        let stair = normal::quantile((f64::from(word.min(!word)) + 0.5) / 2f64.powi(32)).abs();
        worst = worst.max((sram.latent(cell) - expected).abs());
        stairs = stairs.max((expected.abs() - stair).abs());
        furthest = furthest.max(expected.abs());
    }
    println!("{} cells, furthest {furthest}: worst {worst:e}, unrefined {stairs:e}", far.len());
    assert!(far.len() > 10 && furthest > 4.9);
    assert!(worst < 1e-11 && stairs > 1e-6);
}

/// Every term at once, of a device that varies, in an environment that moves everything.
#[test]
fn latents_are_as_documented() {
    const CELLS: usize = 20_000;
    let mixture = TwoComponent::of_temperature(0.135, 2.4).unwrap();
    let temperature = TemperatureLaw::new(30.0, 25.0).unwrap();
    let temperature = temperature.with_coefficient(mixture).with_noise_exponent(0.5).unwrap();
    let wander = WanderLaw::new(0.08, 2.0, 0.3).unwrap();
    let wander = wander.with_coefficient(TwoComponent::of_wander(0.2, 3.0).unwrap());
    let ageing = AgeingLaw::new(0.4, 2.0, 0.2).unwrap();
    let process = Process::new(0.12, 0.05, temperature, ageing)
        .unwrap()
        .with_variation(VariationLaw::new(0.2, 0.1).unwrap())
        .with_polarity(PolarityLaw::new(0b11_0000, 0.1, 0.3).unwrap())
        .with_wander(wander)
        .with_ramp(RampLaw::new(100.0, 3.0, 0.25).unwrap())
        .with_remanence(RemanenceLaw::new(2.0, 0.5, 10.0).unwrap());
    let environment = Environment::new(70.0, 5.0)
        .and_then(|place| place.ramped_in_us(400.0)?.off_for_seconds(0.1))
        .unwrap();
    let seed = seed(32);
    let array = die(process, CELLS, 32);

    let mut device = seed.child("die").stream(0);
    let z: [f64; 3] = [0; 3].map(|_| variate(device.next_u64()));
    let s = libm::sqrt(libm::log(1.0 + 0.2 * 0.2));
    let lambda1 = 0.12 * libm::exp(s * z[0] - s * s / 2.0);
    let (lambda2, polarity) = (0.05 + 0.1 * z[1], 0.1 + 0.3 * z[2]);
    for (found, expected) in
        [(array.lambda1(), lambda1), (array.lambda2(), lambda2), (array.polarity(), polarity)]
    {
        assert!((found - expected).abs() < 1e-14, "{found}, {expected}");
    }

    let held = array.power_up(&Environment::default(), 0);
    let skews = cell_variates(&seed.child("cell skew"), CELLS);
    let heat = coefficients(&seed.child("cell temperature"), CELLS, &mixture);
    let ramp = cell_variates(&seed.child("cell ramp"), CELLS);
    let age = coefficients(&seed.child("cell wander"), CELLS, wander.coefficient());
    let retention = cell_variates(&seed.child("cell retention"), CELLS);
    let kelvin = |celsius: f64| celsius + 273.15;
    let noise = lambda1 * (kelvin(70.0) / kelvin(25.0)).sqrt() * 4f64.powf(0.25);
    let spread = 0.08 * 2.5f64.powf(0.3);
    let delta = 0.4 * 2.5f64.powf(0.2);
    let median = 2.0 * 2f64.powf(-45.0 / 10.0);

    let sram = array.in_environment(&environment);
    let retained = sram.retained().unwrap();
    let (mut worst, mut both) = (0_f64, [0; 2]);
    for cell in 0..CELLS {
        let class = if (cell & 0b11_0000).count_ones() % 2 == 1 { 1.0 } else { -1.0 };
        let value = if held.get(cell) { 1.0 } else { -1.0 };
        let drift = heat[cell] * 45.0 / 30.0 + ramp[cell] * 2.0 / 3.0 - value * delta;
        let skew = skews[cell] - lambda2 + polarity * class + 0.12 * drift + age[cell] * spread;
        worst = worst.max((sram.latent(cell) - skew / noise).abs());
        let time = median * (0.5 * retention[cell]).exp();
        assert_eq!(retained.get(cell), time > 0.1, "retention of {time} s");
        both[usize::from(time > 0.1)] += 1;
    }
    println!("latents: worst error {worst:e}; retained {both:?}");
    assert!(worst < 1e-10, "{worst:e}");
    assert!(both.iter().all(|&count| count > 1000));
}

/// Readouts with a scale and an offset of their own, one of them the first.
#[test]
fn readouts_that_differ_are_as_documented() {
    let mut account = Account::default();
    for (number, cells, (cv, sd, first)) in
        [(40, 1000, (0.06, 0.0, 0.0)), (41, 17_000, (0.3, 0.2, 0.4)), (42, 513, (0.0, 0.0, -0.4))]
    {
        let law = ReadoutLaw::new(cv, sd, first).unwrap();
        let array = die(process(0.12, 0.1).with_readout(law), cells, number);
        let sram = array.in_environment(&Environment::default());
        let latents = latents(&sram);
        for index in [0, 1, 2, 3, 7, 1 << 40, u64::MAX] {
            let mut words = seed(number).child("readout").stream(index);
            let (scale, offset) = (variate(words.next_u64()), variate(words.next_u64()));
            let s = libm::sqrt(libm::log(1.0 + cv * cv));
            let scale = libm::exp(s * scale - s * s / 2.0);
            let offset = sd * offset + if index == 0 { first } else { 0.0 };
            let shifted: Vec<f64> = latents.iter().map(|u| (u + offset / 0.12) / scale).collect();
            let expected = readout(&seed(number).child("power-up"), index, &shifted);
            for &instructions in Instructions::available() {
                let found = sram.clone().with_instructions(instructions).power_up(index);
                account.compare(&format!("die {number}, readout {index}"), &expected, &found);
            }
        }
    }
}

/// A readout after another: from 0 with the words of `power-up`, from 1 with those of `power-up
/// after 1`; of cells that hold their value, that value.
#[test]
fn readouts_after_others_are_as_documented() {
    let mut account = Account::default();
    for (number, pull, law, seconds) in [
        (50, 0.3, ReadoutLaw::OFF, None),
        (51, -0.3, ReadoutLaw::OFF, Some(1.0)),
        (52, 0.05, ReadoutLaw::new(0.1, 0.1, 0.4).unwrap(), None),
        (53, 0.0, ReadoutLaw::OFF, Some(2.0)),
        (54, 0.0, ReadoutLaw::new(0.1, 0.1, 0.4).unwrap(), Some(0.0)),
    ] {
        const CELLS: usize = 17_000;
        let process = process(0.12, 0.0)
            .with_history(HistoryLaw::new(pull).unwrap())
            .with_readout(law)
            .with_remanence(RemanenceLaw::new(1.0, 0.5, 10.0).unwrap());
        let environment = match seconds {
            Some(seconds) => Environment::default().off_for_seconds(seconds).unwrap(),
            None => Environment::default(),
        };
        let hot = environment.at_celsius(30.0).unwrap();
        let sram = die(process, CELLS, number).in_environment(&hot);
        let latents = latents(&sram);
        let retained: Vec<bool> =
            sram.retained().map_or(vec![false; CELLS], |retained| retained.iter().collect());
        for index in [0, 1, 5, u64::MAX] {
            let mut words = seed(number).child("readout").stream(index);
            let (scale, offset) =
                law.of(variate(words.next_u64()), variate(words.next_u64()), index);
            let expected = |node: &str, pull: f64| {
                let shifted: Vec<f64> =
                    latents.iter().map(|u| (u + (offset + pull) / 0.12) / scale).collect();
                readout(&seed(number).child(node), index, &shifted)
            };
            let nothing = expected("power-up", 0.0);
            account.compare("after nothing", &nothing, &sram.power_up_after_nothing(index));
            let previous = BitString::random(CELLS, &mut seed(number).child("held").stream(index));
            let from_0 = expected("power-up", -pull);
            let after_1 = if pull == 0.0 { "power-up" } else { "power-up after 1" };
            let from_1 = expected(after_1, pull);
            let mut after = Readout {
                undecided: [from_0.undecided, from_1.undecided].concat(),
                draws: from_0.draws + from_1.draws,
                bits: Vec::new(),
            };
            after.bits = (0..CELLS)
                .map(|cell| match previous.get(cell) {
                    value if retained[cell] => value,
                    true => from_1.bits[cell],
                    false => from_0.bits[cell],
                })
                .collect();
            for &instructions in Instructions::available() {
                let sram = sram.clone().with_instructions(instructions);
                let found = sram.power_up_after(index, &previous);
                account.compare(&format!("die {number}, readout {index}"), &after, &found);
            }
        }
    }
}

/// A series is the chain of its readouts, each after the one before, in whatever order it is asked.
#[test]
fn series_are_chains_of_readouts() {
    const LENGTH: u64 = 200;
    for (number, pull, law, seconds) in [
        (60, 0.3, ReadoutLaw::OFF, None),
        (61, -0.3, ReadoutLaw::OFF, None),
        (62, 0.05, ReadoutLaw::OFF, None),
        (63, -0.3, ReadoutLaw::new(0.1, 0.1, 0.4).unwrap(), None),
        (64, 0.3, ReadoutLaw::OFF, Some(1.0)),
        (65, -0.05, ReadoutLaw::new(0.0, 0.0, 0.4).unwrap(), Some(1.0)),
        (66, 0.0, ReadoutLaw::OFF, Some(1.0)),
        (67, 0.0, ReadoutLaw::new(0.1, 0.1, 0.4).unwrap(), Some(1.0)),
        // A pull many times the noise: for these a series never forgets its beginning.
        (68, 3.0, ReadoutLaw::OFF, None),
        (69, -3.0, ReadoutLaw::OFF, None),
    ] {
        let process = process(0.12, 0.0)
            .with_history(HistoryLaw::new(pull).unwrap())
            .with_readout(law)
            .with_remanence(RemanenceLaw::new(1.0, 0.5, 10.0).unwrap());
        let environment = match seconds {
            Some(seconds) => Environment::default().off_for_seconds(seconds).unwrap(),
            None => Environment::default(),
        };
        let sram = die(process, 1000, number).in_environment(&environment);
        let mut chain = vec![sram.power_up_after_nothing(0)];
        for index in 1..LENGTH {
            chain.push(sram.power_up_after(index, chain.last().unwrap()));
        }
        let mut scratch = Scratch::new();
        let mut row = vec![0; 16];
        // 77 and 200 have no common divisor: each readout once.
        for step in 0..LENGTH {
            let index = step * 77 % LENGTH;
            sram.power_up_into(index, &mut row, &mut scratch);
            let expected = &chain[usize::try_from(index).unwrap()];
            assert_eq!(row, expected.words(), "die {number}, readout {index}");
        }
        assert_eq!(sram.power_up(150), chain[150]);
    }
}

/// The first readout's offset is there whatever the cells held before, with history and without: at
/// ten standard deviations of the skew, every cell reads 1.
#[test]
fn the_first_readout_keeps_its_offset_after_a_value() {
    for (history, offset_sd) in [(0.0, 0.0), (0.1, 0.0), (0.1, 1e-9)] {
        let process = Process::from_parameters(|name| match name {
            "lambda1" => Some(0.2),
            "history" => Some(history),
            "readout_offset_sd" => Some(offset_sd),
            "first_readout_offset" => Some(10.0),
            _ => None,
        })
        .unwrap();
        let seed = SeedTree::from_seed(5);
        let die = SramArray::manufacture(process, 8192, &seed).unwrap();
        let die = die.in_environment(&Environment::default());
        let first = die.power_up_after(0, &BitString::zeros(8192));
        assert_eq!(first.weight(), 8192, "history {history}, offset {offset_sd}");
    }
}
