//! Every law of the silicon, one at a time, against its closed form.
//!
//! Which variance is right depends on what is shared:
//!
//! - cells of one device are independent once the device's parameters are known. Where a law gives
//!   devices no parameters of their own, a large die is a population and its errors are binomial;
//! - where devices differ, a device's errors are binomial with the rate of *its* parameters, which the
//!   ground truth tells; sums over devices have the sum of those variances. Against a rate of the
//!   whole population a device is one observation, and the variance is that of the sample of devices;
//! - all cells of one readout share its scale and its offset: a readout is one observation, whose
//!   moments are sums over the known cells and a quadrature over what is shared;
//! - in a series with history a cell is a Markov chain. What it reads, less what its last value lets
//!   expect, is a martingale difference: the sum has the variance of the sum of `p q`. For other sums a
//!   cell is one observation, with the deviations from their exact expectations as variance.
//!
//! Seeds are fixed. Each check allows a false alarm in 5e-9 of seeds (|z| < 5.85 for a normal
//! statistic); with the some 130 checks here, one in 1.5 million choices of seeds.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "counts far below 2^31"
)]

use core::f64::consts::PI;

use fuzzy_extractor::bits::BitString;
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::drift::TwoComponent;
use puf_emulator::silicon::{
    AgeingLaw, Environment, HistoryLaw, PolarityLaw, Process, RampLaw, ReadoutLaw, RemanenceLaw,
    Scratch, SramArray, TemperatureLaw, VariationLaw, WanderLaw, normal,
};

const LIMIT: f64 = 5.85;
const POPULATION: usize = 1 << 21;
const DEVICES: u64 = 4000;

/// No law but noise and bias.
fn bare(lambda1: f64, lambda2: f64) -> Process {
    let temperature = TemperatureLaw::new(1e9, 25.0).unwrap();
    Process::new(lambda1, lambda2, temperature, AgeingLaw::new(0.0, 2.0, 0.2).unwrap()).unwrap()
}

fn die(process: Process, cells: usize, seed: u64) -> SramArray {
    SramArray::manufacture(process, cells, &SeedTree::from_seed(seed).child("laws")).unwrap()
}

fn devices(process: Process, cells: usize, seed: u64) -> impl Iterator<Item = SramArray> {
    let node = SeedTree::from_seed(seed).child("laws");
    (0..DEVICES)
        .map(move |device| SramArray::manufacture(process, cells, &node.index(device)).unwrap())
}

fn reference() -> Environment {
    Environment::default()
}

#[track_caller]
fn check(what: &str, z: f64) {
    println!("{what}: z = {z:.2}");
    assert!(z.abs() < LIMIT, "{what}: z = {z:.2}");
}

fn binomial_z(count: usize, trials: usize, probability: f64) -> f64 {
    let trials = trials as f64;
    let spread = (trials * probability * (1.0 - probability)).sqrt();
    (count as f64 - trials * probability) / spread
}

#[track_caller]
fn check_count(what: &str, count: usize, trials: usize, probability: f64) {
    check(what, binomial_z(count, trials, probability));
}

#[track_caller]
fn close(what: &str, found: f64, expected: f64, relative: f64) {
    assert!((found / expected - 1.0).abs() < relative, "{what}: {found}, {expected} expected");
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviations of the mean of independent values from what was expected, by their sample
/// variance.
fn sample_z(values: &[f64], expected: f64) -> f64 {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    let n = values.len() as f64;
    (centre - expected) / (squares / (n - 1.0) / n).sqrt()
}

/// Mean and variance of values that should be normal.
#[track_caller]
fn check_normal(what: &str, values: &[f64], expected: f64, sd: f64) {
    let n = values.len() as f64;
    let squares: f64 = values.iter().map(|value| ((value - expected) / sd).powi(2)).sum();
    check(&format!("mean of {what}"), (mean(values) - expected) / (sd / n.sqrt()));
    check(&format!("variance of {what}"), (squares - n) / (2.0 * n).sqrt());
}

/// Binomial counts of many devices with a rate each: in all, and how far each is off.
#[derive(Default)]
struct Devices {
    excess: f64,
    variance: f64,
    squares: f64,
    of_squares: f64,
}

impl Devices {
    fn add(&mut self, count: usize, trials: usize, p: f64) {
        let spread = trials as f64 * p * (1.0 - p);
        let deviation = count as f64 - trials as f64 * p;
        self.excess += deviation;
        self.variance += spread;
        self.squares += deviation * deviation / spread - 1.0;
        self.of_squares += 2.0 + (1.0 - 6.0 * p * (1.0 - p)) / spread;
    }

    fn z(&self) -> (f64, f64) {
        (self.excess / self.variance.sqrt(), self.squares / self.of_squares.sqrt())
    }

    #[track_caller]
    fn check(&self, what: &str) {
        let (sum, squares) = self.z();
        check(what, sum);
        check(&format!("{what}, device by device"), squares);
    }
}

/// Expectation over a standard normal variate, by the trapezoid rule.
fn expectation(step: f64, f: impl Fn(f64) -> f64) -> f64 {
    let steps = (9.0 / step).round() as i32;
    let weight = |z: f64| (-z * z / 2.0).exp() * step / (2.0 * PI).sqrt();
    (-steps..=steps).map(|i| f64::from(i) * step).map(|z| weight(z) * f(z)).sum()
}

/// `Phi(-lambda2 / sqrt(1 + noise^2))`.
fn ones(lambda1: f64, lambda2: f64) -> f64 {
    normal::cdf(-lambda2 / (1.0 + lambda1 * lambda1).sqrt())
}

// Between devices.

#[test]
fn devices_vary_in_noise_and_threshold() {
    const CELLS: usize = 512;
    let (lambda1, lambda2, cv, sd) = (0.25, 0.1, 0.3, 0.2);
    let process = bare(lambda1, lambda2).with_variation(VariationLaw::new(cv, sd).unwrap());
    let (mut noises, mut thresholds, mut logs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut rates, mut weights) = (Vec::new(), Vec::new());
    let (mut errors, mut biases, mut alike) =
        (Devices::default(), Devices::default(), Devices::default());
    for array in devices(process, CELLS, 1) {
        let own = bare(array.lambda1(), array.lambda2());
        let first = array.power_up(&reference(), 0);
        let distance = first.distance(&array.power_up(&reference(), 1));
        errors.add(distance, CELLS, own.ber());
        alike.add(distance, CELLS, process.ber());
        biases.add(first.weight(), CELLS, ones(array.lambda1(), array.lambda2()));
        rates.push(distance as f64 / CELLS as f64);
        weights.push(first.weight() as f64 / CELLS as f64);
        noises.push(array.lambda1());
        logs.push(array.lambda1().ln());
        thresholds.push(array.lambda2());
    }
    let n = DEVICES as f64;
    let s = (1.0 + cv * cv).ln().sqrt();
    check_normal("ln lambda1", &logs, lambda1.ln() - s * s / 2.0, s);
    check_normal("lambda2", &thresholds, lambda2, sd);
    // The mean and the coefficient of variation themselves, with the kurtosis of the lognormal law.
    let spread = lambda1 * cv;
    check("mean lambda1", (mean(&noises) - lambda1) / (spread / n.sqrt()));
    let w = 1.0 + cv * cv;
    let excess = w.powi(4) + 2.0 * w.powi(3) + 3.0 * w * w - 6.0;
    let squares: f64 = noises.iter().map(|noise| ((noise - lambda1) / spread).powi(2)).sum();
    check("cv of lambda1", (squares - n) / (n * (excess + 2.0)).sqrt());
    let joint: f64 = logs
        .iter()
        .zip(&thresholds)
        .map(|(log, threshold)| (log - lambda1.ln() + s * s / 2.0) / s * (threshold - lambda2) / sd)
        .sum();
    check("correlation of noise and threshold", joint / n.sqrt());

    errors.check("errors of devices");
    biases.check("ones of devices");
    check("errors of the population", sample_z(&rates, process.ber()));
    check("ones of the population", sample_z(&weights, process.bias()));
    assert!(alike.z().1 > LIMIT, "devices all alike");

    // How far devices are apart: the variance of their rates and what 512 cells add to it.
    let (mut first, mut second, mut own) = (0.0, 0.0, 0.0);
    let step = 0.25;
    let weight = |z: f64| (-z * z / 2.0_f64).exp() * step / (2.0 * PI).sqrt();
    for i in -28..=28 {
        for j in -28..=28 {
            let (x, y) = (f64::from(i) * step, f64::from(j) * step);
            let b = bare(lambda1 * (s * x - s * s / 2.0).exp(), lambda2 + sd * y).ber();
            let weight = weight(x) * weight(y);
            first += weight * b;
            second += weight * b * b;
            own += weight * b * (1.0 - b) / CELLS as f64;
        }
    }
    close("mean over devices", first, process.ber(), 1e-9);
    let squares: Vec<f64> = rates.iter().map(|rate| (rate - first).powi(2)).collect();
    check("variance of the rates", sample_z(&squares, second - first * first + own));
    assert!(sample_z(&squares, own) > LIMIT, "no variation");
    assert!(
        sample_z(&squares, 1.3 * (second - first * first) + own) < -LIMIT,
        "cv a seventh larger"
    );
}

/// The amplitude over devices, and what classes of addresses read.
#[test]
fn polarity_divides_the_addresses() {
    const CELLS: usize = 512;
    let (lambda1, lambda2, average, sd) = (0.12, 0.05, 0.15, 0.3);
    for (seed, mask) in [(2, 32), (3, 0b1_0001_0010)] {
        let law = PolarityLaw::new(mask, average, sd).unwrap();
        let process = bare(lambda1, lambda2).with_polarity(law);
        let odd: BitString =
            (0..CELLS).map(|cell| (cell & mask as usize).count_ones() % 2 == 1).collect();
        assert_eq!(odd.weight(), CELLS / 2);
        let partner = mask.trailing_zeros();
        let (mut amplitudes, mut odds, mut all) = (Vec::new(), Vec::new(), Vec::new());
        let (mut of_odd, mut of_even, mut between, mut blind) =
            (Devices::default(), Devices::default(), Devices::default(), Devices::default());
        for array in devices(process, CELLS, seed) {
            let s = array.polarity();
            let first = array.power_up(&reference(), 0);
            let in_odd = first.ones().filter(|&cell| odd.get(cell)).count();
            let in_even = first.weight() - in_odd;
            let (p, q) = (ones(lambda1, lambda2 - s), ones(lambda1, lambda2 + s));
            of_odd.add(in_odd, CELLS / 2, p);
            of_even.add(in_even, CELLS / 2, q);
            // Pairs of cells of which one is in each class.
            let differing = (0..CELLS)
                .filter(|&cell| odd.get(cell))
                .filter(|&cell| first.get(cell) != first.get(cell ^ (1 << partner)))
                .count();
            between.add(differing, CELLS / 2, p * (1.0 - q) + q * (1.0 - p));
            let b = ones(lambda1, lambda2);
            blind.add(differing, CELLS / 2, 2.0 * b * (1.0 - b));
            amplitudes.push(s);
            odds.push(in_odd as f64 / (CELLS / 2) as f64);
            all.push(first.weight() as f64 / CELLS as f64);
        }
        check_normal("polarity", &amplitudes, average, sd);
        of_odd.check("ones of the odd class");
        of_even.check("ones of the even class");
        between.check("distance between classes");
        assert!(blind.z().0 > LIMIT, "no polarity");
        let spread = (1.0 + lambda1 * lambda1 + sd * sd).sqrt();
        let p = normal::cdf((average - lambda2) / spread);
        check("odd class over devices", sample_z(&odds, p));
        check("ones over devices", sample_z(&all, process.bias()));
        let q = normal::cdf((-average - lambda2) / spread);
        close("bias", process.bias(), f64::midpoint(p, q), 1e-13);
        assert!(sample_z(&odds, q).abs() > LIMIT, "classes exchanged");
    }
}

// Cells and their conditions: a die of independent cells is a population.

fn temperature(coefficient: (f64, f64), exponent: f64) -> TemperatureLaw {
    let law = TwoComponent::of_temperature(coefficient.0, coefficient.1).unwrap();
    let temperature = TemperatureLaw::new(30.0, 25.0).unwrap();
    temperature.with_coefficient(law).with_noise_exponent(exponent).unwrap()
}

/// Weights and variances of a mixture of unit variance, its rare part `ratio` times as wide.
fn mixture(rare: f64, ratio: f64) -> [(f64, f64); 2] {
    let common = 1.0 / (1.0 - rare + rare * ratio * ratio);
    [(1.0 - rare, common), (rare, ratio * ratio * common)]
}

const ALONE: [(f64, f64); 2] = [(1.0, 1.0), (0.0, 1.0)];

/// A place, what moves the cells there (variances in units of the skew's, with the mixtures they
/// are divided by) and the factor of the noise.
struct Moved {
    what: &'static str,
    process: Process,
    environment: Environment,
    first: (f64, [(f64, f64); 2]),
    second: (f64, [(f64, f64); 2]),
    noise: f64,
}

impl Moved {
    /// `E arccos(1 / sqrt((1 + a) (1 + b + drift))) / pi`.
    fn rate(&self, a: f64, b: f64) -> f64 {
        let mut rate = 0.0;
        for (w, x) in self.first.1 {
            for (v, y) in self.second.1 {
                let later = 1.0 + b + self.first.0 * x + self.second.0 * y;
                rate += w * v * (1.0 / ((1.0 + a) * later).sqrt()).acos() / PI;
            }
        }
        rate
    }
}

#[test]
fn conditions_move_cells_and_noise() {
    let still = (0.0, ALONE);
    let lambda1 = 0.12;
    let square = |x: f64| x * x;
    let step = |celsius: f64| square(lambda1 * (celsius - 25.0) / 30.0);
    let kelvin = |celsius: f64| (celsius + 273.15) / 298.15;
    let wander = WanderLaw::new(0.1, 2.0, 0.3).unwrap();
    let far = TwoComponent::of_wander(0.1, 4.0).unwrap();
    let two = mixture(0.135, 2.4);
    let ramp = RampLaw::new(100.0, 3.0, 0.0).unwrap();
    let of = |process: Process, law| process.with_temperature(law);
    let moved = [
        Moved {
            what: "Gaussian drift, hot",
            process: of(bare(lambda1, 0.0), temperature((0.0, 1.0), 0.0)),
            environment: reference().at_celsius(85.0).unwrap(),
            first: (step(85.0), ALONE),
            second: still,
            noise: 1.0,
        },
        Moved {
            what: "two components, hot",
            process: of(bare(lambda1, 0.0), temperature((0.135, 2.4), 0.0)),
            environment: reference().at_celsius(85.0).unwrap(),
            first: (step(85.0), two),
            second: still,
            noise: 1.0,
        },
        Moved {
            what: "two components, cold, noise with the root of temperature",
            process: of(bare(lambda1, 0.0), temperature((0.135, 2.4), 0.5)),
            environment: reference().at_celsius(-40.0).unwrap(),
            first: (step(-40.0), two),
            second: still,
            noise: kelvin(-40.0).sqrt(),
        },
        Moved {
            what: "noise with the square of temperature, hot",
            process: bare(lambda1, 0.0).with_temperature(
                TemperatureLaw::new(1e9, 25.0).unwrap().with_noise_exponent(2.0).unwrap(),
            ),
            environment: reference().at_celsius(125.0).unwrap(),
            first: still,
            second: still,
            noise: square(kelvin(125.0)),
        },
        Moved {
            what: "wander",
            process: bare(lambda1, 0.0).with_wander(wander),
            environment: reference().aged_years(7.0).unwrap(),
            first: (square(0.1 * 3.5_f64.powf(0.3)), ALONE),
            second: still,
            noise: 1.0,
        },
        Moved {
            what: "wander of two components",
            process: bare(lambda1, 0.0).with_wander(wander.with_coefficient(far)),
            environment: reference().aged_years(0.5).unwrap(),
            first: (square(0.1 * 0.25_f64.powf(0.3)), mixture(0.1, 4.0)),
            second: still,
            noise: 1.0,
        },
        Moved {
            what: "slow ramp",
            process: bare(lambda1, 0.0).with_ramp(ramp),
            environment: reference().ramped_in_us(1600.0).unwrap(),
            first: (square(lambda1 * 4.0 / 3.0), ALONE),
            second: still,
            noise: 1.0,
        },
        Moved {
            what: "fast ramp and its noise",
            process: bare(lambda1, 0.0).with_ramp(RampLaw::new(100.0, 3.0, -0.25).unwrap()),
            environment: reference().ramped_in_us(25.0).unwrap(),
            first: (square(lambda1 * 2.0 / 3.0), ALONE),
            second: still,
            noise: 4f64.powf(0.25),
        },
        Moved {
            what: "all of them",
            process: of(bare(lambda1, 0.0), temperature((0.135, 2.4), 0.5))
                .with_wander(wander.with_coefficient(far))
                .with_ramp(RampLaw::new(100.0, 1e9, 0.5).unwrap()),
            environment: Environment::new(60.0, 4.0).unwrap().ramped_in_us(50.0).unwrap(),
            first: (step(60.0), two),
            second: (square(0.1 * 2f64.powf(0.3)), mixture(0.1, 4.0)),
            noise: kelvin(60.0).sqrt() * 0.5_f64.sqrt(),
        },
    ];
    for (seed, moved) in (10..).zip(&moved) {
        let Moved { what, process, environment, .. } = moved;
        let fresh = square(lambda1);
        let later = square(lambda1 * moved.noise);
        let closed = [moved.rate(fresh, later), moved.rate(0.0, later), moved.rate(0.0, 0.0)];
        let stated = [
            process.ber_at(environment),
            process.ber_to_dominant_at(environment),
            process.dominant_flip_fraction_at(environment),
        ];
        for (closed, stated) in closed.into_iter().zip(stated) {
            // arccos has lost its digits near 0: only for no drift at all is that much.
            assert!((closed - stated).abs() < 1e-8 * (1e-3 + closed), "{what}: {stated}, {closed}");
        }
        let array = die(*process, POPULATION, seed);
        let enrolled = array.power_up(&reference(), 0);
        let fresh = array.in_environment(&reference());
        let placed = array.in_environment(environment);
        let readout = placed.power_up(1);
        let counts = [
            enrolled.distance(&readout),
            fresh.dominant().distance(&readout),
            fresh.dominant().distance(placed.dominant()),
        ];
        check_count(&format!("{what}: errors"), counts[0], POPULATION, stated[0]);
        check_count(&format!("{what}: errors to dominant"), counts[1], POPULATION, stated[1]);
        if stated[2] == 0.0 {
            assert_eq!(counts[2], 0, "{what}");
        } else {
            check_count(&format!("{what}: flipped for good"), counts[2], POPULATION, stated[2]);
        }
        let unmoved = bare(lambda1, 0.0).ber();
        assert!(binomial_z(counts[0], POPULATION, unmoved).abs() > LIMIT, "{what}: nothing moved");
        if moved.noise != 1.0 {
            let silent = moved.rate(square(lambda1), square(lambda1));
            assert!(binomial_z(counts[0], POPULATION, silent).abs() > LIMIT, "{what}: same noise");
        }
        if moved.first.1 != ALONE {
            let Moved { first, second, .. } = moved;
            let normal = Moved {
                first: (first.0, ALONE),
                second: (second.0, ALONE),
                process: *process,
                environment: *environment,
                ..*moved
            };
            let z = binomial_z(counts[2], POPULATION, normal.rate(0.0, 0.0));
            assert!(z.abs() > LIMIT, "{what}: a normal drift, z = {z}");
        }
    }
}

/// Cells that are stable to three standard deviations of the noise and flip for good: what a normal
/// drift of the same variance gets wrong.
#[test]
fn stable_cells_flip_for_good_by_the_rare_component() {
    let lambda1 = 0.12;
    let hot = reference().at_celsius(85.0).unwrap();
    let step = 2.0;
    let flipped = |components: [(f64, f64); 2], edge: f64| -> f64 {
        // From the edge on: the trapezoid rule with the density's scale.
        let width = (6.0 - edge) / 20_000.0;
        let density = |z: f64| 2.0 * (-z * z / 2.0).exp() / (2.0 * PI).sqrt();
        (0..=20_000)
            .map(|i| edge + f64::from(i) * width)
            .map(|z| {
                let end = if z == edge { 0.5 } else { 1.0 };
                let drift = |(w, v): (f64, f64)| w * normal::cdf(-z / (lambda1 * step * v.sqrt()));
                end * width * density(z) * components.into_iter().map(drift).sum::<f64>()
            })
            .sum()
    };
    let process = bare(lambda1, 0.0).with_temperature(temperature((0.135, 2.4), 0.0));
    let array = die(process, POPULATION, 30);
    let (fresh, placed) = (array.in_environment(&reference()), array.in_environment(&hot));
    for edge in [3.0, 4.0, 6.0] {
        let count = fresh
            .dominant()
            .xor(placed.dominant())
            .ones()
            .filter(|&cell| fresh.latent(cell).abs() > edge)
            .count();
        let expected = flipped(mixture(0.135, 2.4), edge * lambda1);
        check_count(&format!("stable to {edge}"), count, POPULATION, expected);
        let normal = flipped(ALONE, edge * lambda1);
        println!("{count} cells, a normal drift expects {:.0}", POPULATION as f64 * normal);
        assert!(binomial_z(count, POPULATION, normal).abs() > LIMIT, "a normal drift");
    }
}

/// The shift of a cell by the value it holds, exactly; and the errors of ageing and anti-ageing.
#[test]
fn ageing_moves_cells_away_from_what_they_hold() {
    for (seed, delta, lambda2) in [(31, 0.4, 0.1), (32, -0.4, 0.1), (33, 3.0, 0.0)] {
        let ageing = AgeingLaw::new(delta, 2.0, 0.2).unwrap();
        let process = bare(0.12, lambda2).with_ageing(ageing);
        let old = reference().aged_years(10.0).unwrap();
        let shift = delta * 5f64.powf(0.2);
        let array = die(process, POPULATION, seed);
        let enrolled = array.power_up(&reference(), 0);
        let (fresh, aged) = (array.in_environment(&reference()), array.in_environment(&old));
        for cell in 0..100_000 {
            let held = if enrolled.get(cell) { 1.0 } else { -1.0 };
            let error = aged.latent(cell) - fresh.latent(cell) + held * shift;
            assert!(error.abs() < 1e-11, "cell {cell}: {error:e}");
        }
        let distance = enrolled.distance(&aged.power_up(1));
        check_count(&format!("aged by {delta}"), distance, POPULATION, process.ber_at(&old));
        // What the closed form is, from scratch: an integral over the skew.
        let closed = expectation(1.0 / 512.0, |z| {
            let u = (z - lambda2) / 0.12;
            normal::cdf(u) * normal::cdf(shift - u) + normal::cdf(-u) * normal::cdf(u + shift)
        });
        close("aged", process.ber_at(&old), closed, 1e-9);

        let inverse: BitString = enrolled.iter().map(|bit| !bit).collect();
        let kept = array.with_held(inverse).unwrap();
        let spared = enrolled.distance(&kept.power_up(&old, 1));
        let opposite = process.with_ageing(AgeingLaw::new(-delta, 2.0, 0.2).unwrap());
        check_count("holding the opposite", spared, POPULATION, opposite.ber_at(&old));
        let mutant = binomial_z(distance, POPULATION, opposite.ber_at(&old));
        assert!(mutant.abs() > LIMIT, "sign of ageing");
    }
}

// Between readouts.

/// Moments of a count over cells that share a standard normal variate: the mean, the variance and
/// the variance of the squared deviation from the mean.
fn shared_moments(latents: &[f64], p: impl Fn(f64, f64) -> f64) -> (f64, f64, f64) {
    const STEP: f64 = 0.125;
    const STEPS: i32 = 64;
    let mut moments = Vec::new();
    for i in -STEPS..=STEPS {
        let z = f64::from(i) * STEP;
        let weight = (-z * z / 2.0).exp() * STEP / (2.0 * PI).sqrt();
        let mut cumulants = [0.0; 4];
        for &u in latents {
            let p = p(u, z);
            let v = p * (1.0 - p);
            let own = [p, v, v * (1.0 - 2.0 * p), v * (1.0 - 6.0 * v)];
            for (sum, own) in cumulants.iter_mut().zip(own) {
                *sum += own;
            }
        }
        moments.push((weight, cumulants));
    }
    let mean: f64 = moments.iter().map(|(weight, [m, ..])| weight * m).sum();
    let variance =
        moments.iter().map(|(weight, [m, v, ..])| weight * ((m - mean).powi(2) + v)).sum();
    let fourth: f64 = moments
        .iter()
        .map(|(weight, [m, v, third, fourth])| {
            let d = m - mean;
            weight * (d.powi(4) + 6.0 * d * d * v + 4.0 * d * third + 3.0 * v * v + fourth)
        })
        .sum();
    (mean, variance, fourth - variance * variance)
}

#[test]
fn readouts_vary_in_scale_and_offset() {
    const CELLS: usize = 4096;
    const READOUTS: usize = 6000;
    let (lambda1, cv, sd) = (0.2, 0.2, 0.1);
    let s: f64 = (1.0_f64 + cv * cv).ln().sqrt();
    let one_of = |sd: f64| move |u: f64, z: f64| normal::cdf(u + sd * z / lambda1);
    let flip_of =
        |s: f64| move |u: f64, z: f64| normal::cdf(-u.abs() / (s * z - s * s / 2.0).exp());
    for scale in [false, true] {
        let law = if scale {
            ReadoutLaw::new(cv, 0.0, 0.0).unwrap()
        } else {
            ReadoutLaw::new(0.0, sd, 0.0).unwrap()
        };
        let array = die(bare(lambda1, 0.1).with_readout(law), CELLS, 40 + u64::from(scale));
        let sram = array.in_environment(&reference());
        let latents: Vec<f64> = (0..CELLS).map(|cell| sram.latent(cell)).collect();
        // Flips from the preferred value tell the scale, ones the offset.
        let nothing = BitString::zeros(CELLS);
        let against = if scale { sram.dominant() } else { &nothing };
        let counts: Vec<f64> = (0..READOUTS as u64)
            .map(|readout| sram.power_up(readout).distance(against) as f64)
            .collect();
        let z = |(mean, variance, of_square): (f64, f64, f64)| {
            let n = READOUTS as f64;
            let first: f64 = counts.iter().map(|count| count - mean).sum();
            let second: f64 = counts.iter().map(|count| (count - mean).powi(2) - variance).sum();
            (first / (n * variance).sqrt(), second / (n * of_square).sqrt())
        };
        let moments = |factor: f64| {
            if scale {
                shared_moments(&latents, flip_of(factor * s))
            } else {
                shared_moments(&latents, one_of(factor * sd))
            }
        };
        let what = if scale { "scale" } else { "offset" };
        let (of_mean, of_variance) = z(moments(1.0));
        check(&format!("mean count with {what}"), of_mean);
        check(&format!("variance between readouts with {what}"), of_variance);
        assert!(z(moments(0.0)).1 > LIMIT, "no {what}");
        assert!(z(moments(1.1)).1 < -LIMIT, "{what} a tenth larger: {}", z(moments(1.1)).1);
        // The mean over readouts in its closed form: an offset is more noise.
        if !scale {
            let wider = (1.0 + (sd / lambda1).powi(2)).sqrt();
            let closed: f64 = latents.iter().map(|u| normal::cdf(u / wider)).sum();
            close("mean", moments(1.0).0, closed, 1e-10);
        }
        // Successive readouts share nothing.
        let (mean, variance, _) = moments(1.0);
        let joint: f64 = counts.windows(2).map(|two| (two[0] - mean) * (two[1] - mean)).sum();
        check("successive counts", joint / variance / (READOUTS as f64 - 1.0).sqrt());
    }
}

/// Over devices, each with a pair of readouts of its own.
#[test]
fn readouts_that_vary_have_the_rates_of_the_population() {
    const CELLS: usize = 1024;
    let law = ReadoutLaw::new(0.4, 0.3, 0.0).unwrap();
    let process = bare(0.2, 0.3).with_readout(law);
    let (mut errors, mut weights, mut flips) = (Vec::new(), Vec::new(), Vec::new());
    let mut alike = Devices::default();
    for array in devices(process, CELLS, 42) {
        let sram = array.in_environment(&reference());
        let (first, second) = (sram.power_up(1), sram.power_up(2));
        errors.push(first.distance(&second) as f64 / CELLS as f64);
        weights.push(first.weight() as f64 / CELLS as f64);
        alike.add(first.weight(), CELLS, process.bias());
        flips.push(second.distance(sram.dominant()) as f64 / CELLS as f64);
    }
    check("errors", sample_z(&errors, process.ber()));
    check("ones", sample_z(&weights, process.bias()));
    check("flips", sample_z(&flips, process.ber_to_dominant()));
    let plain = bare(0.2, 0.3);
    assert!(sample_z(&errors, plain.ber()) > LIMIT, "all readouts alike");
    assert!(alike.z().1 > LIMIT, "no offset");
}

#[test]
fn the_first_readout_is_offset_alone() {
    let (lambda1, lambda2) = (0.12, 0.1);
    for (seed, offset) in [(43, 0.4), (44, -0.4)] {
        let process =
            bare(lambda1, lambda2).with_readout(ReadoutLaw::new(0.0, 0.0, offset).unwrap());
        let sram = die(process, POPULATION, seed).in_environment(&reference());
        let readouts: Vec<BitString> = (0..3).map(|readout| sram.power_up(readout)).collect();
        let first = ones(lambda1, lambda2 - offset);
        check_count("ones, first", readouts[0].weight(), POPULATION, first);
        check_count("ones, second", readouts[1].weight(), POPULATION, process.bias());
        check_count("ones, third", readouts[2].weight(), POPULATION, process.bias());
        let apart = expectation(1.0 / 512.0, |z| {
            let (a, b) = ((z - lambda2 + offset) / lambda1, (z - lambda2) / lambda1);
            normal::cdf(a) * normal::cdf(-b) + normal::cdf(-a) * normal::cdf(b)
        });
        let distances = [(0, 1, apart), (0, 2, apart), (1, 2, process.ber())];
        for (a, b, expected) in distances {
            let distance = readouts[a].distance(&readouts[b]);
            check_count(&format!("readouts {a} and {b}"), distance, POPULATION, expected);
        }
        let z = binomial_z(readouts[0].weight(), POPULATION, ones(lambda1, lambda2 + offset));
        assert!(z.abs() > LIMIT, "sign of the offset");
    }
}

/// A cell of a series is a Markov chain: 1 after 1 with `a = Phi(u + h / lambda1)`, 1 after 0 with
/// `b = Phi(u - h / lambda1)`, and after nothing with `Phi(u)`.
#[derive(Clone, Copy)]
struct Chain {
    after_1: f64,
    after_0: f64,
    /// `E x_0`.
    start: f64,
}

impl Chain {
    fn new(u: f64, pull: f64) -> Self {
        Self {
            after_1: normal::cdf(u + pull),
            after_0: normal::cdf(u - pull),
            start: normal::cdf(u),
        }
    }

    fn after(&self, value: bool) -> f64 {
        if value { self.after_1 } else { self.after_0 }
    }

    /// Correlation of successive readouts of a chain that has forgotten its start.
    fn correlation(&self) -> f64 {
        self.after_1 - self.after_0
    }

    fn stationary(&self) -> f64 {
        self.after_0 / (1.0 - self.correlation())
    }

    /// Expected ones in `n` readouts, and their variance.
    fn ones(&self, n: u32) -> (f64, f64) {
        let (pi, rho) = (self.stationary(), self.correlation());
        let (mut mean, mut variance, mut power) = (0.0, 0.0, 1.0);
        // From the last: rho + rho^2 + ... over what follows is the covariance with it.
        let mut later = 0.0;
        let moments: Vec<f64> = (0..n)
            .map(|_| {
                let now = pi + power * (self.start - pi);
                power *= rho;
                now
            })
            .collect();
        for now in moments.into_iter().rev() {
            mean += now;
            variance += now * (1.0 - now) * (1.0 + 2.0 * later);
            later = rho * (1.0 + later);
        }
        (mean, variance)
    }

    /// Expected number of readouts that differ from the one `lag` before, 1 or 2.
    fn differing(&self, n: u32, lag: u32) -> f64 {
        let rho = self.correlation();
        let pi = self.stationary();
        let (a, b) = match lag {
            1 => (self.after_1, self.after_0),
            _ => (pi + rho * rho * (1.0 - pi), pi - rho * rho * pi),
        };
        let (mut sum, mut now) = (0.0, self.start);
        for _ in lag..n {
            sum += now * (1.0 - a) + (1.0 - now) * b;
            now = pi + rho * (now - pi);
        }
        sum
    }
}

#[test]
fn series_with_history_are_markov_chains() {
    const CELLS: usize = 1024;
    const READOUTS: u32 = 4000;
    let lambda1 = 0.12;
    for (seed, pull) in [(50, 0.05), (51, 0.2), (52, -0.05), (53, -0.3)] {
        let process = bare(lambda1, 0.1).with_history(HistoryLaw::new(pull).unwrap());
        let sram = die(process, CELLS, seed).in_environment(&reference());
        let chains = |pull: f64| -> Vec<Chain> {
            (0..CELLS).map(|cell| Chain::new(sram.latent(cell), pull / lambda1)).collect()
        };
        let mut series = vec![sram.power_up_after_nothing(0)];
        for readout in 1..READOUTS {
            series.push(sram.power_up_after(readout.into(), series.last().unwrap()));
        }
        // Random access gives the same series.
        let (mut row, mut scratch) = (vec![0; CELLS / 64], Scratch::new());
        for readout in [3999, 17, 1000] {
            sram.power_up_into(readout, &mut row, &mut scratch);
            assert_eq!(row, series[usize::try_from(readout).unwrap()].words());
        }

        // Innovations, in all and by the value before.
        let innovations = |chains: &[Chain]| {
            let (mut sum, mut by_value, mut variance) = (0.0, 0.0, 0.0);
            for two in series.windows(2) {
                for (cell, chain) in chains.iter().enumerate() {
                    let before = two[0].get(cell);
                    let p = chain.after(before);
                    let innovation = f64::from(u8::from(two[1].get(cell))) - p;
                    sum += innovation;
                    by_value += if before { innovation } else { -innovation };
                    variance += p * (1.0 - p);
                }
            }
            (sum / f64::sqrt(variance), by_value / f64::sqrt(variance))
        };
        let truth = chains(pull);
        let (sum, by_value) = innovations(&truth);
        check(&format!("pull {pull}: innovations"), sum);
        check(&format!("pull {pull}: by the value before"), by_value);
        for mutant in [0.0, -pull, 1.1 * pull] {
            let z = innovations(&chains(mutant)).1;
            assert!(z.abs() > LIMIT, "pull {mutant} for {pull}: z = {z}");
        }

        // Ones, with their exact variance; and differences, a cell an observation.
        let (mut excess, mut variance) = (0.0, 0.0);
        let mut differing = [1, 2].map(|lag| (lag, 0.0, 0.0, 0));
        for (cell, chain) in truth.iter().enumerate() {
            let values: Vec<bool> = series.iter().map(|readout| readout.get(cell)).collect();
            let (expected, spread) = chain.ones(READOUTS);
            excess +=
                values.iter().map(|&value| f64::from(u8::from(value))).sum::<f64>() - expected;
            variance += spread;
            for (lag, sum, squares, seen) in &mut differing {
                let count = values.iter().zip(&values[*lag..]).filter(|(a, b)| a != b).count();
                let off = count as f64 - chain.differing(READOUTS, *lag as u32);
                *sum += off;
                *squares += off * off;
                *seen += count;
            }
        }
        check(&format!("pull {pull}: ones"), excess / f64::sqrt(variance));
        for (lag, sum, squares, seen) in differing {
            println!("{seen} differ from {lag} before");
            check(&format!("pull {pull}: {lag} readouts on"), sum / f64::sqrt(squares));
        }
        let [(.., near), (.., far)] = differing;
        assert_eq!(near > far, pull < 0.0, "{near}, {far}");
    }
}

/// Long after its beginning a series has forgotten it: the stationary law over a population, of
/// independent cells.
#[test]
fn series_forget_their_beginning() {
    const CELLS: usize = 1 << 19;
    let lambda1 = 0.12;
    for (seed, pull) in [(54, 0.1), (55, -0.1)] {
        let process = bare(lambda1, 0.1).with_history(HistoryLaw::new(pull).unwrap());
        let sram = die(process, CELLS, seed).in_environment(&reference());
        let (late, next) = (sram.power_up(1_000_000), sram.power_up(1_000_001));
        let over_cells = |f: &dyn Fn(Chain) -> f64| {
            expectation(1.0 / 512.0, |z| f(Chain::new((z - 0.1) / lambda1, pull / lambda1)))
        };
        let ones = over_cells(&|chain| chain.stationary());
        check_count(&format!("pull {pull}: ones"), late.weight(), CELLS, ones);
        let apart = over_cells(&|chain| 2.0 * chain.stationary() * (1.0 - chain.after_1));
        check_count(&format!("pull {pull}: successive"), late.distance(&next), CELLS, apart);
        let independent =
            over_cells(&|chain| 2.0 * chain.stationary() * (1.0 - chain.stationary()));
        assert!(binomial_z(late.distance(&next), CELLS, independent).abs() > LIMIT);
        // Both are about the same preference: neither the first readout's law nor another's.
        let fresh = sram.power_up(0).distance(&late);
        let from_first = over_cells(&|chain| {
            let pi = chain.stationary();
            chain.start * (1.0 - pi) + (1.0 - chain.start) * pi
        });
        check_count(&format!("pull {pull}: to the first"), fresh, CELLS, from_first);
    }
}

#[test]
fn short_off_times_leave_values() {
    const CELLS: usize = 1 << 20;
    let law = RemanenceLaw::new(2.0, 0.5, 10.0).unwrap();
    let process = bare(0.12, 0.0).with_remanence(law);
    let array = die(process, CELLS, 60);
    let mut before = BitString::zeros(0);
    let at = |celsius: f64, seconds: f64| {
        reference().at_celsius(celsius).unwrap().off_for_seconds(seconds).unwrap()
    };
    // In the order of the median's multiples: cells are lost one after the other.
    for (celsius, seconds) in [
        (25.0, 0.5),
        (-15.0, 16.0),
        (25.0, 1.5),
        (25.0, 2.0),
        (45.0, 0.75),
        (25.0, 4.0),
        (25.0, 8.0),
    ] {
        let environment = at(celsius, seconds);
        let sram = array.in_environment(&environment);
        let retained = sram.retained().unwrap();
        let median = 2.0 * 2f64.powf(-(celsius - 25.0) / 10.0);
        let expected = normal::cdf(-(seconds / median).ln() / 0.5);
        close("fraction", law.fraction(&environment, process.temperature()), expected, 1e-12);
        let what = format!("off for {seconds} s at {celsius}");
        check_count(&what, retained.weight(), CELLS, expected);
        assert!(before.is_empty() || retained.ones().all(|cell| before.get(cell)), "{what}");
        before = retained.clone();

        let previous = BitString::random(CELLS, &mut SeedTree::from_seed(61).stream(0));
        let read = sram.power_up_after(5, &previous);
        let fresh = sram.power_up_after_nothing(5);
        let kept: BitString = retained
            .iter()
            .zip(previous.iter().zip(fresh.iter()))
            .map(|(retained, (previous, fresh))| if retained { previous } else { fresh })
            .collect();
        assert_eq!(read, kept, "{what}");
        // Retention times know nothing of skews: errors are fewer by what is retained.
        let errors = sram.power_up(0).distance(&sram.power_up(9));
        check_count(&format!("{what}: errors"), errors, CELLS, (1.0 - expected) * process.ber());
    }
    let long = array.in_environment(&at(25.0, 1e9));
    assert_eq!(long.retained().unwrap().weight(), 0);
    assert_eq!(long.power_up(3), array.power_up(&reference(), 3));
    assert!(array.in_environment(&reference()).retained().is_none());
    let none = array.in_environment(&at(25.0, 0.0));
    assert_eq!(none.retained().unwrap().weight(), CELLS);
    assert_eq!(none.power_up(1_000_000), none.power_up(0));
    let off = die(bare(0.12, 0.0), 64, 60).in_environment(&at(25.0, 0.0));
    assert!(off.retained().is_none());
}
