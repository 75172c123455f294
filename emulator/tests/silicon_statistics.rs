//! What the simulator draws against what its laws predict.
//!
//! Seeds are fixed, so a run is green or red for good. Each check allows a false alarm in 5e-9 of
//! seeds (|z| < 5.85 for a normal statistic): with the some 60 checks here, one in three million
//! choices of seeds. Checks over all pairs of 142 readouts take the largest of 10,011 values, at
//! |z| < 6.8 (1e-11 each).
//!
//! A population is one die of independent cells with one pair of readouts, so that errors are
//! independent Bernoulli variables. With 2^22 cells and bit errors of 5 %, 5.85 standard deviations
//! are 1.2 % of the rate: the mutants below would be seen.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use fuzzy_extractor::bits::BitString;
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{AgeingLaw, Environment, Process, SramArray, TemperatureLaw, normal};

const CELLS: usize = 1 << 22;
const LIMIT: f64 = 5.85;

fn die(process: Process, cells: usize, seed: u64) -> SramArray {
    SramArray::manufacture(process, cells, &SeedTree::from_seed(seed).child("statistics")).unwrap()
}

fn process(lambda1: f64, lambda2: f64) -> Process {
    let laws = (TemperatureLaw::default(), AgeingLaw::new(0.4, 2.0, 0.2).unwrap());
    Process::new(lambda1, lambda2, laws.0, laws.1).unwrap()
}

fn environment(celsius: f64, years: f64) -> Environment {
    Environment::new(celsius, years).unwrap()
}

/// Standard deviations between a count of independent events and its expectation.
fn z_score(count: usize, trials: usize, probability: f64) -> f64 {
    let trials = trials as f64;
    let deviation = (trials * probability * (1.0 - probability)).sqrt();
    (count as f64 - trials * probability) / deviation
}

#[track_caller]
fn check(what: &str, count: usize, trials: usize, probability: f64) {
    let z = z_score(count, trials, probability);
    assert!(z.abs() < LIMIT, "{what}: {count} of {trials}, expected {probability}: z = {z:.2}");
}

#[test]
fn bit_error_rates_are_those_of_the_closed_forms() {
    let environments = [
        ("reference", Environment::default()),
        ("cold", environment(-16.0, 0.0)),
        ("hot", environment(85.0, 0.0)),
        ("aged", environment(25.0, 2.0)),
        ("hot and aged", environment(85.0, 10.0)),
    ];
    for (seed, process) in
        [(1, process(0.11, 0.0)), (2, process(0.0584, -0.3245)), (3, process(0.35, 0.5))]
    {
        let die = die(process, CELLS, seed);
        let enrolled = die.power_up(&Environment::default(), 0);
        check("ones", enrolled.weight(), CELLS, process.bias());
        let dominant = die.in_environment(&Environment::default());
        for (readout, (name, environment)) in (1..).zip(&environments) {
            let later = die.power_up(environment, readout);
            let what = format!("{name}, seed {seed}");
            check(&what, enrolled.distance(&later), CELLS, process.ber_at(environment));
            if environment.age_years() == 0.0 {
                let expected = process.ber_to_dominant_at(environment);
                check(&what, dominant.dominant().distance(&later), CELLS, expected);
            }
        }
    }
}

/// Anti-ageing: a cell that rests holding the opposite of its enrolment becomes more reliable.
#[test]
fn holding_the_opposite_is_a_shift_of_the_other_sign() {
    let forwards = process(0.11, 0.1);
    let backwards = forwards.with_ageing(AgeingLaw::new(-0.4, 2.0, 0.2).unwrap());
    let two_years = environment(25.0, 2.0);
    let die = die(forwards, CELLS, 4);
    let enrolled = die.power_up(&Environment::default(), 0);
    let inverse = BitString::from_words(enrolled.words().iter().map(|w| !w).collect(), CELLS);
    let later = die.with_held(inverse).unwrap().power_up(&two_years, 1);
    let expected = backwards.ber_at(&two_years);
    assert!(expected < forwards.ber());
    check("anti-ageing", enrolled.distance(&later), CELLS, expected);
}

/// Tests of the tests: a simulator that is wrong by a little would be seen with this many cells.
#[test]
fn mutants_would_be_seen() {
    let truth = process(0.11, -0.05);
    let die = die(truth, CELLS, 5);
    let place = environment(85.0, 2.0);
    let enrolled = die.power_up(&Environment::default(), 0);
    let (again, later) = (die.power_up(&Environment::default(), 1), die.power_up(&place, 2));
    let seen = |count, probability| z_score(count, CELLS, probability).abs() > LIMIT;

    let errors = enrolled.distance(&again);
    assert!(!seen(errors, truth.ber()));
    assert!(seen(errors, process(0.11 * 1.02, -0.05).ber()), "noise 2 % louder");
    assert!(seen(errors, truth.ber_to_dominant()), "against the wrong reference");
    assert!(seen(enrolled.weight(), process(0.11, 0.05).bias()), "sign of lambda2");

    let errors = enrolled.distance(&later);
    assert!(!seen(errors, truth.ber_at(&place)));
    let reversed = truth.with_ageing(AgeingLaw::new(-0.4, 2.0, 0.2).unwrap());
    assert!(seen(errors, reversed.ber_at(&place)), "sign of ageing");
    let theta = TemperatureLaw::new(30.0 * 1.03, 25.0).unwrap();
    assert!(seen(errors, truth.with_temperature(theta).ber_at(&place)), "theta 3 % larger");
    let clock = AgeingLaw::new(0.4, 2.0 * 1.5, 0.2).unwrap();
    assert!(seen(errors, truth.with_ageing(clock).ber_at(&place)), "slower clock");
    // Readout 1 passed off as readout 0: no error at all where one in twenty is expected.
    assert!(seen(again.distance(&again), truth.ber()), "off-by-one readout");
}

/// Conditional on the drawn cells, ones are a sum of Bernoulli variables with the probabilities that
/// the ground truth states: cell by cell, and in all.
#[test]
fn cells_follow_their_stated_probabilities() {
    const READOUTS: usize = 4000;
    let place = environment(85.0, 2.0);
    let conditioned = die(process(0.35, 0.2), 4096, 13).in_environment(&place);
    let mut counts = vec![0_usize; 4096];
    for readout in 0..READOUTS as u64 {
        for cell in conditioned.power_up(readout).ones() {
            counts[cell] += 1;
        }
    }
    let (mut excess, mut variance, mut squares, mut noisy) = (0.0, 0.0, 0.0, 0.0);
    for (cell, &count) in counts.iter().enumerate() {
        let p = conditioned.one_probability(cell);
        excess += count as f64 - READOUTS as f64 * p;
        variance += READOUTS as f64 * p * (1.0 - p);
        // Cells that flip often enough for a normal deviate.
        if READOUTS as f64 * conditioned.minority_probability(cell) > 100.0 {
            squares += z_score(count, READOUTS, p).powi(2);
            noisy += 1.0;
        }
    }
    assert!(excess.abs() < LIMIT * f64::sqrt(variance), "{excess}, variance {variance}");
    assert!(noisy > 500.0);
    let z = (squares - noisy) / f64::sqrt(2.0 * noisy);
    assert!(z.abs() < LIMIT, "mean square {} over {noisy} cells", squares / noisy);
}

/// A test of the tests: over a thousand dies the deviates have mean 0 and mean square 1, so neither
/// the variance used here is wrong nor are dies more alike than they should be.
#[test]
fn deviates_over_seeds_are_standard() {
    const DIES: u64 = 1000;
    let process = process(0.11, 0.05);
    let place = environment(60.0, 1.0);
    let expected = process.ber_at(&place);
    let (mut sum, mut squares) = (0.0, 0.0);
    for seed in 0..DIES {
        let die = die(process, 4096, 1000 + seed);
        let errors = die.power_up(&Environment::default(), 0).distance(&die.power_up(&place, 1));
        let z = z_score(errors, 4096, expected);
        sum += z;
        squares += z * z;
    }
    let dies = DIES as f64;
    assert!((sum / dies.sqrt()).abs() < LIMIT, "mean {}", sum / dies);
    let z = (squares - dies) / (2.0 * dies).sqrt();
    assert!(z.abs() < LIMIT, "mean square {}", squares / dies);
}

/// How often each number of ones in 15 readouts occurs over a million cells, against the exact
/// mixture `Int phi(z) Bin(k; 15, Phi(u(z))) dz`: all of the law's shape, not only its mean.
#[test]
fn ones_counts_follow_the_mixture() {
    const READOUTS: usize = 15;
    const POPULATION: usize = 1 << 20;
    for (seed, lambda1, lambda2) in [(6, 0.11, 0.0), (7, 0.35, 0.2), (8, 0.06, -0.3)] {
        let conditioned = die(process(lambda1, lambda2), POPULATION, seed)
            .in_environment(&Environment::default());
        let mut counts = vec![0_u8; POPULATION];
        for readout in 0..READOUTS as u64 {
            for (count, bit) in counts.iter_mut().zip(conditioned.power_up(readout).iter()) {
                *count += u8::from(bit);
            }
        }
        let mut histogram = [0_usize; READOUTS + 1];
        for count in counts {
            histogram[usize::from(count)] += 1;
        }
        let expected = mixture::<{ READOUTS + 1 }>(lambda1, lambda2);
        let z = chi_square_z(&histogram, &expected);
        assert!(z < LIMIT, "seed {seed}: {histogram:?}, z = {z:.2}");

        let mutant = mixture::<{ READOUTS + 1 }>(lambda1 * 1.05, lambda2);
        assert!(chi_square_z(&histogram, &mutant) > LIMIT, "seed {seed}: noise 5 % louder");
    }
}

/// Probabilities of 0 to N - 1 ones in N - 1 readouts, by the trapezoid rule.
fn mixture<const N: usize>(lambda1: f64, lambda2: f64) -> [f64; N] {
    const STEP: f64 = 1.0 / 1024.0;
    let readouts = i32::try_from(N).unwrap() - 1;
    let mut sums = [0.0; N];
    for i in -9 * 1024..=9 * 1024 {
        let z = f64::from(i) * STEP;
        let density = (-z * z / 2.0).exp() / core::f64::consts::TAU.sqrt();
        let u = (z - lambda2) / lambda1;
        let (one, zero) = (normal::cdf(u), normal::cdf(-u));
        let mut choose = 1.0;
        for (k, sum) in (0..).zip(&mut sums) {
            *sum += STEP * density * choose * one.powi(k) * zero.powi(readouts - k);
            choose *= f64::from(readouts - k) / f64::from(k + 1);
        }
    }
    sums
}

/// Pearson's chi-square as a normal deviate (Wilson and Hilferty, 1931). No bin expects fewer than
/// five.
fn chi_square_z(counts: &[usize], probabilities: &[f64]) -> f64 {
    let total = counts.iter().sum::<usize>() as f64;
    assert!(probabilities.iter().all(|p| p * total >= 5.0), "bins too small");
    let chi_square: f64 = counts
        .iter()
        .zip(probabilities)
        .map(|(&count, p)| (count as f64 - total * p).powi(2) / (total * p))
        .sum();
    let degrees = counts.len() as f64 - 1.0;
    let spread = 2.0 / (9.0 * degrees);
    ((chi_square / degrees).cbrt() - (1.0 - spread)) / spread.sqrt()
}

/// Distances over all pairs, with the largest and the root mean square of their deviations.
#[track_caller]
fn check_pairs(what: &str, readouts: &[BitString], probability: f64) {
    let cells = readouts[0].len();
    let mut squares = 0.0;
    let mut pairs = 0.0;
    for (i, a) in readouts.iter().enumerate() {
        for b in &readouts[..i] {
            let z = z_score(a.distance(b), cells, probability);
            assert!(z.abs() < 6.8, "{what}: a pair at z = {z:.2}");
            squares += z * z;
            pairs += 1.0;
        }
    }
    // Pairwise distances of independent fair strings are uncorrelated: chi-square, pairs degrees.
    let z = (squares - pairs) / f64::sqrt(2.0 * pairs);
    assert!(z.abs() < LIMIT, "{what}: mean square {}", squares / pairs);
}

#[test]
fn noise_of_readouts_is_independent() {
    // Cells that are next to nothing but noise: p within 0.5 +- 0.02.
    let noise = process(100.0, 0.0);
    let conditioned = die(noise, 4096, 9).in_environment(&Environment::default());
    let readouts: Vec<_> = (0..142).map(|readout| conditioned.power_up(readout)).collect();
    check_pairs("readouts", &readouts, noise.ber());
}

#[test]
fn devices_are_independent() {
    let process = process(0.11, 0.0);
    for labels in [false, true] {
        let root = SeedTree::from_seed(10);
        let readouts: Vec<_> = (0..142)
            .map(|device| {
                let seed = if labels {
                    root.child(&format!("device {device}"))
                } else {
                    root.index(device)
                };
                let die = SramArray::manufacture(process, 4096, &seed).unwrap();
                die.power_up(&Environment::default(), 0)
            })
            .collect();
        check_pairs("devices", &readouts, 0.5);
    }
}

#[test]
fn neighbouring_cells_are_independent() {
    let die = die(process(0.11, 0.0), CELLS, 11);
    let readout = die.power_up(&Environment::default(), 0);
    for lag in [1, 2, 3, 4, 8, 15, 16, 17, 32, 63, 64, 128, 512, 1024, 4096, 65536] {
        let overlap = CELLS - lag;
        let differing = readout.slice(0, overlap).distance(&readout.slice(lag, overlap));
        check(&format!("lag {lag}"), differing, overlap, 0.5);
    }
}

/// The fraction of the population that flips for good when heated, `Pr[sign of u changes] =
/// arctan(lambda1 |step|) / pi`: the drift of a cell does not depend on its skew.
#[test]
fn drift_is_independent_of_skew() {
    let process = process(0.11, 0.0);
    let die = die(process, CELLS, 12);
    let fresh = die.in_environment(&Environment::default());
    for celsius in [-40.0, 85.0] {
        let place = environment(celsius, 0.0);
        let step = process.temperature().step(&place).abs();
        let expected = (process.lambda1() * step).atan() / core::f64::consts::PI;
        let flipped = fresh.dominant().distance(die.in_environment(&place).dominant());
        check("flipped for good", flipped, CELLS, expected);
    }
}
