//! Fits to simulated silicon, whose numbers are known.
//!
//! Seeds are fixed. Every comparison allows 5.85 standard errors, so that one of 200 two-sided checks
//! is a false alarm once in a million suites; bounds that are rounder are stated.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod summaries;

use fuzzy_extractor::bits::BitString;
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::profile::Profile;
use puf_emulator::silicon::{
    AgeingLaw, Environment, HistoryLaw, PolarityLaw, Process, ReadoutLaw, SramArray,
    TemperatureLaw, TwoComponent, VariationLaw,
};
use puflab::fit::{self, Estimate, FitError, OneCounts, TwoParameter};
use rand_core::Rng;
use summaries::{counts, distances, dominant, joint, one_counts, readout_ones};

/// Standard errors that a right result is away at the most.
const FAR: f64 = 5.85;

fn process(lambda1: f64, lambda2: f64) -> Process {
    Process::new(lambda1, lambda2, TemperatureLaw::default(), AgeingLaw::default()).unwrap()
}

/// Successive readouts of a die, each after the one before.
fn read(process: Process, cells: usize, seed: &SeedTree, readouts: u64) -> Vec<BitString> {
    let die = SramArray::manufacture(process, cells, seed).unwrap();
    let die = die.in_environment(&Environment::default());
    let mut all = vec![die.power_up_after_nothing(0)];
    for readout in 1..readouts {
        let next = die.power_up_after(readout, &all[all.len() - 1]);
        all.push(next);
    }
    all
}

#[track_caller]
fn check(found: Estimate, truth: f64, what: &str) {
    let z = (found.value - truth) / found.standard_error;
    assert!(z.abs() < FAR, "{what}: {found:?}, truth {truth}, {z:.2} standard errors off");
}

/// Draws histograms of a law, a cell at a time.
struct Histograms {
    cumulative: Vec<f64>,
}

impl Histograms {
    fn new(readouts: usize, model: &TwoParameter) -> Self {
        let q = fit::count_probabilities(readouts, model.lambda1, model.lambda2);
        let mut sum = 0.0;
        let cumulative = q.into_iter().map(|q| {
            sum += q;
            sum
        });
        Self { cumulative: cumulative.collect() }
    }

    fn draw(&self, cells: usize, seed: u64) -> OneCounts {
        let mut rng = SeedTree::from_seed(seed).child("histogram").stream(0);
        let last = self.cumulative.len() - 1;
        let count = |_| {
            let place = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            self.cumulative.partition_point(|&sum| sum <= place).min(last)
        };
        OneCounts::of_cells(last, (0..cells).map(count)).unwrap()
    }
}

/// A nominal interval of 95 % covers as often as 2000 draws can tell: 0.95 +- 5.85 sqrt(.95 .05 / 2000),
/// from 92.1 to 97.9 %. Estimates are unbiased to a tenth of their standard error, and chi-square is
/// its degrees of freedom in the mean, within 2 %.
#[test]
fn intervals_of_the_fit_cover() {
    const SETS: u64 = 2000;
    for (readouts, cells, lambda1, lambda2) in
        [(15, 4000, 0.11, -0.03), (5, 1000, 0.2, 0.6), (2, 4000, 0.1, 0.0), (60, 500, 0.05, 0.0)]
    {
        let model = TwoParameter { lambda1, lambda2 };
        let law = Histograms::new(readouts, &model);
        let flips = model.ever_flipped(40);
        let (mut covered, mut off, mut ratio) = ([0.0; 3], [0.0; 2], 0.0);
        for seed in 0..SETS {
            let found = fit::two_parameter(&law.draw(cells, seed)).unwrap();
            let pairs = [
                (found.lambda1, lambda1),
                (found.lambda2, lambda2),
                (found.ever_flipped(40), flips),
            ];
            for (covered, (estimate, truth)) in covered.iter_mut().zip(pairs) {
                *covered += f64::from(u8::from(estimate.covers(truth))) / SETS as f64;
            }
            off[0] += (found.lambda1.value / lambda1).ln() * lambda1 / found.lambda1.standard_error;
            off[1] += (found.lambda2.value - lambda2) / found.lambda2.standard_error;
            ratio += found.agreement.chi2_per_df().unwrap_or(1.0) / SETS as f64;
        }
        let band = FAR * (0.95_f64 * 0.05 / SETS as f64).sqrt();
        let case = format!("{readouts} readouts of {cells} cells at {lambda1}, {lambda2}");
        for covered in covered {
            assert!((covered - 0.95).abs() < band, "{case}: {covered}");
        }
        for off in off {
            let mean = off / SETS as f64;
            assert!(mean.abs() < 0.1 + FAR / (SETS as f64).sqrt(), "{case}: {mean}");
        }
        assert!((ratio - 1.0).abs() < 0.02 + FAR * 0.02, "{case}: {ratio}");
    }
}

#[test]
fn what_counts_do_not_tell_is_said() {
    let of = |cells: &[u64]| fit::two_parameter(&OneCounts::new(cells.to_vec()).unwrap());
    assert_eq!(of(&[3, 5]), Err(FitError::TooFewReadouts { readouts: 1, least: 2 }));
    assert_eq!(of(&[0, 0, 0, 7]), Err(FitError::OneValue));
    // Coins: the more noise, the better.
    assert_eq!(of(&[250, 500, 250]), Err(FitError::NoSkew));
    let Err(FitError::NoUnstableCell { lambda1_upper, lambda2 }) = of(&[600, 0, 0, 0, 400]) else {
        panic!("no cell flipped");
    };
    // With that noise, no cell of 1000 flips with probability 5 %.
    let none = TwoParameter { lambda1: lambda1_upper, lambda2 }.never_flipping(4).powi(1000);
    assert!((none - 0.05).abs() < 1e-3, "{none}");
    // A single unstable cell tells little, and says so.
    let one = of(&[600, 1, 0, 0, 399]).unwrap();
    assert!(one.lambda1.upper / one.lambda1.lower > 10.0, "{:?}", one.lambda1);
}

/// A die of the emulator, through its readouts: the parameters, the agreement, and what later readouts
/// show.
#[test]
fn a_simulated_die_is_recovered() {
    const CELLS: usize = 1 << 18;
    for (number, (lambda1, lambda2)) in [(0.1010, -0.0022), (0.2, 0.7)].into_iter().enumerate() {
        let seed = SeedTree::from_seed(51).index(number as u64);
        let readouts = read(process(lambda1, lambda2), CELLS, &seed, 40);
        let found = fit::two_parameter(&one_counts(&readouts[..12], CELLS)).unwrap();
        check(found.lambda1, lambda1, "lambda1");
        check(found.lambda2, lambda2, "lambda2");
        assert!(found.agreement.p_value > 1e-6, "{:?}", found.agreement);
        assert!((found.moments.lambda1 / lambda1 - 1.0).abs() < 0.02, "{:?}", found.moments);

        // The same cells go on: what they share with the fit only makes the difference smaller.
        let later = one_counts(&readouts, CELLS);
        let flipped = later.unstable() as f64 / CELLS as f64;
        let predicted = found.ever_flipped(40);
        let error = (predicted.standard_error.powi(2) + flipped / CELLS as f64).sqrt();
        assert!(((predicted.value - flipped) / error).abs() < FAR, "{predicted:?}, {flipped}");

        // A fresh readout to the majority of twelve.
        let majority = dominant(&readouts[..12], CELLS);
        let wrong: usize = readouts[12..].iter().map(|r| r.distance(&majority)).sum();
        let rate = wrong as f64 / (28 * CELLS) as f64;
        let predicted = found.ber_after_majority_of(12);
        // Cells count, not their 28 readouts.
        let error = (predicted.standard_error.powi(2) + rate / CELLS as f64).sqrt();
        assert!(((predicted.value - rate) / error).abs() < FAR, "{predicted:?}, {rate}");
    }
}

/// A die with two classes over bits 4 and 5 of the cell index.
#[test]
fn a_polarity_is_found_and_nothing_else() {
    const CELLS: usize = 200_000;
    let seed = SeedTree::from_seed(52);
    let law = PolarityLaw::new(0b11_0000, -0.3, 0.0).unwrap();
    let readouts = read(process(0.11, 0.05).with_polarity(law), CELLS, &seed, 15);
    let found = fit::polarity(&dominant(&readouts, CELLS), None, 0.0).unwrap();
    let masks: Vec<u32> = found.significant().map(|split| split.mask).collect();
    assert_eq!(masks, [0b11_0000], "{:?}", found.top);
    check(found.top[0].amplitude, -0.3, "amplitude");
    assert_eq!(found.top[0].bits().collect::<Vec<_>>(), [4, 5]);
    assert!(found.residual_z() < 6.0, "{}", found.residual_z());
    assert!((found.scale - 1.0).abs() < 0.02, "{}", found.scale);

    let ones = counts(&readouts, CELLS);
    let class = |odd: bool| {
        let of = ones.iter().enumerate().filter(|(cell, _)| law.is_odd(*cell) == odd);
        OneCounts::of_cells(15, of.map(|(_, &count)| count)).unwrap()
    };
    let both = fit::classes(&class(true), &class(false)).unwrap();
    check(both.lambda1, 0.11, "lambda1 by class");
    check(both.lambda2, 0.05, "lambda2 by class");
    check(both.amplitude, -0.3, "amplitude by class");
    assert!(both.log_likelihood_gain > 1000.0 && both.agreement.p_value > 1e-6);
    // Taken together, the cells look as if they had less noise, and the fit does not complain.
    let alike = fit::two_parameter(&one_counts(&readouts, CELLS)).unwrap();
    check(alike.lambda1, 0.11 / (1.0_f64 + 0.09).sqrt(), "lambda1 of the mixture");
    assert!(alike.agreement.p_value > 1e-6, "{:?}", alike.agreement);
}

/// Cells that are left out leave no trace: half of them, all zero, in a block.
#[test]
fn cells_left_out_make_no_polarity() {
    const CELLS: usize = 1 << 16;
    let readout = &read(process(0.1, 0.3), CELLS, &SeedTree::from_seed(53), 1)[0];
    let mut cut = readout.clone();
    let mut kept = BitString::from_words(vec![u64::MAX; CELLS / 64], CELLS);
    for cell in 3 * CELLS / 8..7 * CELLS / 8 {
        cut.set(cell, false);
        kept.set(cell, false);
    }
    let found = fit::polarity(&cut, Some(&kept), 0.1).unwrap();
    assert_eq!(found.significant().count(), 0, "{:?}", found.top);
    assert_eq!(found.cells, CELLS as u64 / 2);
    assert!(fit::polarity(&cut, None, 0.1).unwrap().significant().count() > 0);
    // Neighbours that are alike widen the scale by which masks are judged.
    let mut pairs = readout.clone();
    (0..CELLS)
        .filter(|cell| cell % 4 != 0)
        .for_each(|cell| pairs.set(cell, readout.get(cell & !3)));
    let found = fit::polarity(&pairs, None, 0.1).unwrap();
    assert_eq!(found.significant().count(), 0, "{:?}", found.top);
}

/// Over 300 dies without effects, squared deviations in standard errors are 1 in the mean: the error
/// of that is sqrt(2 / 300 / 9), and 5.85 of it 16 %.
#[test]
fn readouts_that_are_alike_are_found_alike() {
    let (mut scale, mut offset, mut readouts) = (0.0, 0.0, 0.0);
    for die in 0..300 {
        let seed = SeedTree::from_seed(54).index(die);
        let all = read(process(0.12, 0.1), 4096, &seed, 10);
        let table = readout_ones(&all, 4096);
        let model = fit::two_parameter(table.counts()).unwrap().model();
        let found = fit::readout_effects(&model, &table).unwrap();
        for effect in &found.readouts {
            scale += effect.scale_z * effect.scale_z;
            offset += effect.offset_z * effect.offset_z;
            readouts += 1.0;
        }
        assert!(found.outliers.is_empty() && found.beyond_sampling().count() == 0, "{die}");
        assert!(!found.scale.is_significant() && !found.offset.is_significant(), "{die}");
    }
    assert!((scale / readouts - 1.0_f64).abs() < 0.16, "{}", scale / readouts);
    assert!((offset / readouts - 1.0_f64).abs() < 0.16, "{}", offset / readouts);
}

/// Spreads of scale and offset, and a first readout far from the rest. The interval of a spread over
/// 29 readouts is of 95 % by itself; it is asked to hold within a factor of two.
#[test]
fn readouts_that_differ_are_recovered() {
    const CELLS: usize = 65_536;
    let law = ReadoutLaw::new(0.05, 0.01, 0.4).unwrap();
    let all = read(process(0.11, 0.0).with_readout(law), CELLS, &SeedTree::from_seed(55), 30);
    let model = fit::two_parameter(&one_counts(&all[1..], CELLS)).unwrap().model();
    let found = fit::readout_effects(&model, &readout_ones(&all, CELLS)).unwrap();
    let out: Vec<(usize, bool)> =
        found.outliers.iter().map(|out| (out.readout, out.is_offset)).collect();
    assert_eq!(out, [(0, true)], "{:?}", found.outliers);
    let first = found.readouts[0].offset.value * 30.0 / 29.0;
    assert!((first - 0.4).abs() < 0.05, "{first}");
    assert!((0.025..0.1).contains(&found.scale.value), "{:?}", found.scale);
    assert!((0.005..0.02).contains(&found.offset.value), "{:?}", found.offset);
    assert!(found.scale.is_significant() && found.offset.is_significant());
    assert!(found.beyond_sampling().any(|readout| readout == 0));
}

/// Without history the statistic is standard normal, whether readouts differ in noise and offset or
/// not: over 1000 dies the mean square is 1 within 5.85 sqrt(2 / 1000) = 0.26.
#[test]
fn readouts_without_history_show_none() {
    for (number, law) in
        [ReadoutLaw::OFF, ReadoutLaw::new(0.06, 0.02, 0.0).unwrap()].into_iter().enumerate()
    {
        let (mut squares, mut sum) = (0.0, 0.0);
        for die in 0..1000 {
            let seed = SeedTree::from_seed(56).index(number as u64).index(die);
            let all = read(process(0.12, 0.05).with_readout(law), 2048, &seed, 9);
            let cells = fit::two_parameter(&one_counts(&all, 2048)).unwrap();
            let found = fit::history(&cells, &distances(&all, 2048, 3)).unwrap();
            assert!(!found.is_significant(), "{number}, {die}: {found:?}");
            squares += found.z * found.z / 1000.0;
            sum += found.z / 1000.0;
        }
        assert!((squares - 1.0_f64).abs() < 0.26, "{number}: {squares}");
        assert!(sum.abs() < FAR / 1000.0_f64.sqrt(), "{number}: {sum}");
    }
}

/// A pull of either sign, with readouts that differ in noise on top.
#[test]
fn history_is_recovered() {
    const CELLS: usize = 1 << 17;
    for (number, pull) in [-0.012, 0.006, 0.05].into_iter().enumerate() {
        let silicon = process(0.11, 0.02)
            .with_history(HistoryLaw::new(pull).unwrap())
            .with_readout(ReadoutLaw::new(0.04, 0.0, 0.0).unwrap());
        let seed = SeedTree::from_seed(57).index(number as u64);
        let all = read(silicon, CELLS, &seed, 24);
        let cells = fit::two_parameter(&one_counts(&all, CELLS)).unwrap();
        let found = fit::history(&cells, &distances(&all, CELLS, 4)).unwrap();
        assert!(found.is_significant(), "{pull}: {found:?}");
        // The chain has one noise for all readouts: 3 % of the pull are allowed for that.
        let off = (found.pull.value - pull).abs();
        assert!(off < FAR * found.pull.standard_error + 0.03 * pull.abs(), "{pull}: {found:?}");
    }
}

/// A drift of two components between two temperatures, and one of a single component.
#[test]
fn a_drift_is_recovered() {
    const CELLS: usize = 1 << 18;
    let cold = Environment::default().at_celsius(-20.0).unwrap();
    for (number, (fraction, ratio)) in [(0.15, 2.5), (0.0, 1.0)].into_iter().enumerate() {
        let law = TemperatureLaw::new(30.0, 25.0)
            .unwrap()
            .with_coefficient(TwoComponent::of_temperature(fraction, ratio).unwrap())
            .with_noise_exponent(0.5)
            .unwrap();
        let seed = SeedTree::from_seed(58).index(number as u64);
        let die = SramArray::manufacture(process(0.115, -0.02).with_temperature(law), CELLS, &seed);
        let die = die.unwrap();
        let at = |place: &Environment, from: u64| {
            let die = die.in_environment(place);
            (from..from + 12).map(|readout| die.power_up(readout)).collect::<Vec<_>>()
        };
        let (first, second) = (at(&Environment::default(), 0), at(&cold, 12));
        let found = fit::two_conditions(&joint(&first, &second, CELLS)).unwrap();
        let best = found.best();
        let sd = 0.115 * 45.0 / 30.0;
        check(best.lambda1, 0.115, "lambda1");
        check(best.lambda2, -0.02, "lambda2");
        check(best.noise_ratio, (253.15_f64 / 298.15).sqrt(), "noise ratio");
        check(best.shift, 0.0, "shift");
        check(best.drift.sd, sd, "drift");
        check(best.correlation, 1.0 / (1.0 + sd * sd).sqrt(), "correlation");
        assert!(best.agreement.p_value > 1e-6, "{:?}", best.agreement);
        let (flips, ber) = (best.flipped_for_good, best.majority_ber);
        let error = |rate: f64| (rate / CELLS as f64).sqrt();
        assert!(
            (flips.observed - flips.predicted).abs() < FAR * error(flips.observed),
            "{flips:?}"
        );
        assert!((ber.observed - ber.predicted).abs() < FAR * error(ber.observed), "{ber:?}");
        let Some((rare, share)) = best.drift.rare else {
            assert_eq!(fraction, 0.0, "one component where there are two");
            continue;
        };
        let [(_, common), (_, far)] = law.coefficient().components();
        check(best.drift.common_sd, sd * common, "common drift");
        check(rare, sd * far, "rare drift");
        check(share, fraction, "fraction of the rare drift");
        assert!(found.log_likelihood_gain > 100.0);
        // A single normal law has a third of the cells that flip for good.
        assert!(found.one.flipped_for_good.predicted < 0.6 * flips.observed);
    }
}

/// Eight devices of a known process become a profile with their numbers, which is read again and
/// simulated.
#[test]
fn a_profile_of_fits_is_silicon() {
    const CELLS: usize = 32_768;
    let truth = process(0.11, 0.02).with_variation(VariationLaw::new(0.08, 0.1).unwrap());
    let device = |number: u64| {
        let seed = SeedTree::from_seed(59).index(number);
        let cells = fit::two_parameter(&one_counts(&read(truth, CELLS, &seed, 10), CELLS)).unwrap();
        fit::DeviceFit::new(format!("Board \"{number}\"\n"), cells)
    };
    let devices: Vec<fit::DeviceFit> = (0..8).map(device).collect();
    let profile = fit::profile("My boards, 2026!", &devices).unwrap();
    assert_eq!(profile.name(), "my-boards-2026");
    assert_eq!(Profile::from_toml(&profile.to_toml()).as_ref(), Ok(&profile));
    let found = profile.process().unwrap();
    // Spreads of eight devices: within a factor of two and a half, a false alarm of 1e-4.
    assert!((found.lambda1() - 0.11).abs() < FAR * 0.08 * 0.11 / 8.0_f64.sqrt());
    assert!((0.03..0.2).contains(&found.variation().lambda1_cv()), "{:?}", found.variation());
    assert!((0.04..0.25).contains(&found.variation().lambda2_sd()), "{:?}", found.variation());
    assert!(SramArray::manufacture(found, 64, &SeedTree::from_seed(1)).is_ok());
    let set: Vec<&str> = profile.settings().iter().map(|setting| setting.parameter.name).collect();
    assert_eq!(set, ["lambda1", "lambda2", "lambda1_cv", "lambda2_sd"]);
    // One device has no spread to tell.
    let alone = fit::profile("", &devices[..1]).unwrap();
    assert_eq!((alone.name(), alone.settings().len()), ("measured", 2));
    assert_eq!(fit::profile("none", &[]), Err(FitError::NoDevice));
}

/// Every term that was on is in the profile, and none that was off.
#[test]
fn a_profile_has_what_is_no_chance() {
    const CELLS: usize = 1 << 16;
    let silicon = process(0.11, 0.0)
        .with_polarity(PolarityLaw::new(0x20, 0.2, 0.0).unwrap())
        .with_readout(ReadoutLaw::new(0.05, 0.0, 0.4).unwrap())
        .with_history(HistoryLaw::new(-0.02).unwrap());
    let all = read(silicon, CELLS, &SeedTree::from_seed(60), 25);
    let later = &all[1..];
    let cells = fit::two_parameter(&one_counts(later, CELLS)).unwrap();
    let mut device = fit::DeviceFit::new("one", cells.clone());
    device.polarity = Some(fit::polarity(&dominant(later, CELLS), None, 0.0).unwrap());
    device.readouts =
        Some(fit::readout_effects(&cells.model(), &readout_ones(&all, CELLS)).unwrap());
    device.history = Some(fit::history(&cells, &distances(later, CELLS, 4)).unwrap());
    assert_eq!(fit::common_mask(std::slice::from_ref(&device)), Some(0x20));
    let profile = fit::profile("one", &[device]).unwrap();
    let value = |name: &str| {
        let setting = profile.settings().iter().find(|setting| setting.parameter.name == name);
        setting.map(|setting| setting.value)
    };
    let near = |name: &str, truth: f64, share: f64| {
        let found = value(name).unwrap();
        assert!((found / truth - 1.0).abs() < share, "{name}: {found}, truth {truth}");
    };
    near("polarity_mask", 32.0, 1e-12);
    near("polarity_mean", 0.2, 0.1);
    near("readout_scale_cv", 0.05, 0.5);
    near("first_readout_offset", 0.4, 0.1);
    near("history", -0.02, 0.2);
    near("lambda1", 0.11, 0.02);
    assert_eq!(value("theta_celsius"), None);
}
