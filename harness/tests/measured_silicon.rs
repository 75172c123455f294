//! Populations of the shipped profiles beside the silicon that they were fitted to: second stage.
//!
//! The figures of measured chips are recomputed from the readouts in `../shared/data`; those of the
//! profiles from simulated devices, enough of them that their mean is known to a fraction of the
//! tolerance (stated at each, as one standard error). Nothing is fitted here.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use fuzzy_extractor::bits::BitString;
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{Environment, SramArray, profile};
use puflab::readouts::{self, RecordedDevice};

mod shared_folder;

use rayon::prelude::*;
use shared_folder::shared;

fn measured(folder: &str) -> Vec<RecordedDevice> {
    readouts::read(&[shared(folder)], &readouts::Options::default()).unwrap().devices
}

/// What the readouts of one device tell.
#[derive(Clone, Copy, Debug)]
struct Figures {
    ones: f64,
    wchd_reference: f64,
    wchd_majority: f64,
    never_flipping: f64,
    noise_entropy: f64,
}

impl Figures {
    /// Of the first `cells` cells.
    fn of(readouts: &[BitString], cells: usize) -> Self {
        let counts = ones_counts(readouts, cells);
        let (n, total) = (readouts.len(), cells as f64);
        let later = readouts[1..].iter();
        let errors: usize = later
            .map(|readout| readout.slice(0, cells).distance(&readouts[0].slice(0, cells)))
            .sum();
        let mut figures = Self {
            ones: 0.0,
            wchd_reference: errors as f64 / ((n - 1) as f64 * total),
            wchd_majority: 0.0,
            never_flipping: 0.0,
            noise_entropy: 0.0,
        };
        for count in counts {
            let count = usize::from(count);
            // A tie differs from its majority in half of the readouts, whatever that is.
            let minority = count.min(n - count) as f64 / n as f64;
            figures.ones += count as f64 / n as f64 / total;
            figures.wchd_majority += minority / total;
            figures.never_flipping += f64::from(u8::from(minority == 0.0)) / total;
            figures.noise_entropy -= (1.0 - minority).log2() / total;
        }
        figures
    }

    fn named(&self) -> [(&'static str, f64); 5] {
        [
            ("ones", self.ones),
            ("WCHD to the first readout", self.wchd_reference),
            ("WCHD to the majority", self.wchd_majority),
            ("never-flipping cells", self.never_flipping),
            ("noise min-entropy", self.noise_entropy),
        ]
    }

    fn mean(all: &[Self]) -> Self {
        let mean = |of: fn(&Self) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
        Self {
            ones: mean(|f| f.ones),
            wchd_reference: mean(|f| f.wchd_reference),
            wchd_majority: mean(|f| f.wchd_majority),
            never_flipping: mean(|f| f.never_flipping),
            noise_entropy: mean(|f| f.noise_entropy),
        }
    }
}

fn ones_counts(readouts: &[BitString], cells: usize) -> Vec<u8> {
    let mut counts = vec![0; cells];
    for readout in readouts {
        for (count, bit) in counts.iter_mut().zip(readout.iter()) {
            *count += u8::from(bit);
        }
    }
    counts
}

/// Readouts of device `device` of a profile in an environment, the numbers from `first` on.
fn simulated(
    name: &str,
    device: u64,
    cells: usize,
    environment: &Environment,
    numbers: std::ops::Range<u64>,
) -> Vec<BitString> {
    let process = profile::find(name).unwrap().process().unwrap();
    let seed = SeedTree::from_seed(2026).child(name).index(device);
    let die = SramArray::manufacture(process, cells, &seed).unwrap().in_environment(environment);
    numbers.map(|readout| die.power_up(readout)).collect()
}

/// The mean of the three chips, each with as many readouts as were measured, within 1 % relative.
/// lambda1 has a spread of 5.5 % over devices, so 600 devices leave 0.23 % on the error rates.
#[test]
#[ignore = "needs ../shared; stage 2"]
fn the_scum_profile_reproduces_the_measured_chips_in_shared() {
    const DEVICES: u64 = 600;
    const CELLS: usize = 16_384;
    let chips = measured("data/scum");
    let (mut real, mut model) = (Vec::new(), Vec::new());
    for chip in &chips {
        let readouts = chip.readouts.len() as u64;
        real.push(Figures::of(&chip.readouts, chip.readouts[0].len()));
        let devices: Vec<Figures> = (0..DEVICES)
            .into_par_iter()
            .map(|device| {
                let place = Environment::default();
                Figures::of(&simulated("scum", device, CELLS, &place, 0..readouts), CELLS)
            })
            .collect();
        model.push(Figures::mean(&devices));
    }
    assert_eq!(chips.len(), 3);
    let (real, model) = (Figures::mean(&real).named(), Figures::mean(&model).named());
    for ((name, real), (_, model)) in real.into_iter().zip(model) {
        let off = model / real - 1.0;
        println!("{name}: measured {real:.6}, simulated {model:.6}, {:+.2} %", 100.0 * off);
        assert!(off.abs() < 0.01, "{name}: {model} where {real} was measured");
    }
}

/// From 23 to -18 degrees: readouts in the cold against the majority at 23, 6.19 % within 0.15
/// point; and cells that read one value in every readout at 23 and the other in every one in the
/// cold, 0.2309 % (the mean of two boards) within a third. A drift of one normal component has a
/// third of these.
#[test]
#[ignore = "needs ../shared; stage 2"]
fn the_stm32f401_profile_reproduces_the_cold_in_shared() {
    const DEVICES: u64 = 400;
    const CELLS: usize = 65_536;
    // The last four bytes of the dumps at 23 degrees are a debugger's.
    const MEASURED: usize = 8 * 98_300;
    let boards = measured("data/stm32f401");
    let named = |name: &str| boards.iter().find(|board| board.name == name).unwrap();
    let real = [("Andrzej", "Andrzejcold"), ("Pierre", "Pierrecold")]
        .map(|(warm, cold)| to_the_cold(&named(warm).readouts, &named(cold).readouts, MEASURED));
    let model: Vec<(f64, f64)> = (0..DEVICES)
        .into_par_iter()
        .map(|device| {
            let place = Environment::default();
            let cold = place.at_celsius(-18.0).unwrap();
            to_the_cold(
                &simulated("stm32f401", device, CELLS, &place, 0..15),
                &simulated("stm32f401", device, CELLS, &cold, 15..30),
                CELLS,
            )
        })
        .collect();
    let mean = |all: &[(f64, f64)]| {
        let n = all.len() as f64;
        let sum = all.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        (sum.0 / n, sum.1 / n)
    };
    let ((real_ber, real_flips), (ber, flips)) = (mean(&real), mean(&model));
    println!("to the cold: measured {real_ber:.5}, simulated {ber:.5}");
    println!("flipped for good: measured {real_flips:.6}, simulated {flips:.6}");
    assert!((real_ber - 0.0617).abs() < 1e-4, "{real_ber}");
    assert!((real_flips - 0.002_309).abs() < 1e-5, "{real_flips}");
    assert!((ber - 0.0619).abs() < 0.0015, "{ber}");
    assert!((flips / real_flips - 1.0).abs() < 1.0 / 3.0, "{flips}");
    assert!((flips / 0.002_39 - 1.0).abs() < 1.0 / 3.0, "{flips}");
}

/// The error rate of `cold` to the majority of `warm`, and the fraction of cells that are constant in
/// both with different values.
fn to_the_cold(warm: &[BitString], cold: &[BitString], cells: usize) -> (f64, f64) {
    let (before, after) = (ones_counts(warm, cells), ones_counts(cold, cells));
    let (n, m) = (warm.len() as f64, cold.len());
    let (mut errors, mut flips) = (0.0, 0_usize);
    for (&before, &after) in before.iter().zip(&after) {
        let after = usize::from(after);
        let majority = f64::from(before) > n / 2.0;
        errors += if majority { (m - after) as f64 } else { after as f64 } / m as f64;
        let constant = [0, warm.len()].contains(&usize::from(before)) && [0, m].contains(&after);
        flips += usize::from(constant && (before == 0) == (after == m));
    }
    (errors / cells as f64, flips as f64 / cells as f64)
}
