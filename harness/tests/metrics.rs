//! Metrics beside two implementations that we did not write: a NumPy script from the definitions, and
//! pypuf. Second stage; `PUFLAB_PYTHON` names a Python that has both.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::process::Command;

use fuzzy_extractor::bits::BitString;
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{Environment, PolarityLaw, Process, SramArray};
use puflab::metric::between::{References, compare};
use puflab::metric::device::DeviceFigures;
use puflab::metric::scan::{Detail, Scan};
use puflab::readouts::Block;
use serde_json::Value;

const CELLS: usize = 1000;

/// Devices of a biased process with classes of cells, so that no figure is at its ideal.
fn devices(readouts: u64) -> Vec<Block> {
    let process = Process::from_ber(0.12).unwrap();
    let parameters = |name: &str| match name {
        "lambda2" => Some(-0.4),
        name => process.parameters().find(|(p, _)| p.name == name).map(|(_, value)| value),
    };
    let process = Process::from_parameters(parameters).unwrap();
    let process = process.with_polarity(PolarityLaw::new(4, 0.3, 0.2).unwrap());
    let die = |seed: u64| {
        let die = SramArray::manufacture(process, CELLS, &SeedTree::from_seed(seed)).unwrap();
        let die = die.in_environment(&Environment::default());
        let mut block = Block::new(CELLS);
        (0..readouts).for_each(|j| block.push().copy_from_slice(die.power_up(j).words()));
        block
    };
    (1..=5).map(die).collect()
}

fn python(devices: &[Block]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cells.npy");
    let shape = format!("({}, {}, {CELLS})", devices.len(), devices[0].len());
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    for row in devices.iter().flat_map(Block::rows) {
        let row = BitString::from_words(row.to_vec(), CELLS);
        bytes.extend(row.iter().map(u8::from));
    }
    fs::write(&file, bytes).unwrap();
    let python = std::env::var_os("PUFLAB_PYTHON").unwrap_or_else(|| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/metrics.py");
    let run = Command::new(python).arg(script).arg(&file).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    serde_json::from_slice(&run.stdout).unwrap()
}

#[track_caller]
fn same(what: &str, found: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap_or_else(|| panic!("{what}: {expected}"));
    let tolerance = 1e-12 * expected.abs().max(1e-3);
    assert!((found - expected).abs() <= tolerance, "{what}: {found:.15}, expected {expected:.15}");
}

/// An even and an odd number of readouts: only the even one has ties.
#[test]
#[ignore = "needs NumPy and pypuf; stage 2"]
fn every_metric_is_that_of_numpy_and_where_definitions_agree_of_pypuf() {
    for readouts in [10, 13] {
        let devices = devices(readouts);
        let expected = python(&devices);
        let mut majorities = Vec::new();
        for (number, block) in devices.iter().enumerate() {
            let Ok(scan) = Scan::of(block, Detail::Figures);
            let found = DeviceFigures::of(&scan);
            majorities.push(scan.tally.strict_majority());
            let hori = found.hori.unwrap();
            let device = &expected["devices"][number];
            for (name, value) in [
                ("ones_fraction", found.ones_fraction.unwrap().value),
                ("wchd_first", found.wchd_first.unwrap().value),
                ("wchd_first_max", found.wchd_first_max.unwrap()),
                ("wchd_majority", found.wchd_majority.unwrap().value),
                ("wchd_majority_max", found.wchd_majority_max.unwrap()),
                ("wchd_pairwise", found.wchd_pairwise.unwrap().value),
                ("never_flipping", found.never_flipping.unwrap().value),
                ("noise_min_entropy", found.noise_min_entropy.unwrap().value),
                ("reliability_maiti", found.reliability_maiti.unwrap().value),
                ("reliability_pypuf", found.reliability_pypuf.unwrap().value),
                ("min_entropy_bias", found.min_entropy_bias),
                ("randomness", hori.randomness),
                ("steadiness", hori.steadiness),
                ("correctness", hori.correctness),
                ("diffuseness", hori.diffuseness.unwrap()),
            ] {
                same(&format!("{name} of device {number}"), value, &device[name]);
            }
            for (end, &value) in found.ones_range.iter().enumerate() {
                same("ones_range", value, &device["ones_range"][end]);
            }
            let lags = device["autocorrelation"].as_object().unwrap();
            for (lag, expected) in lags {
                let found =
                    found.autocorrelation.iter().find(|a| a.lag.to_string() == *lag).unwrap();
                same(&format!("lag {lag}"), found.coefficient, expected);
            }
            let classes = device["classes"].as_object().unwrap();
            for (mask, expected) in classes {
                let found = found.classes.iter().find(|c| c.mask.to_string() == *mask).unwrap();
                same(&format!("even class of {mask}"), found.ones_even, &expected[0]);
                same(&format!("odd class of {mask}"), found.ones_odd, &expected[1]);
            }
            let pypuf = &expected["pypuf"]["reliability"][number];
            same("reliability of pypuf", found.reliability_pypuf.unwrap().value, pypuf);
        }
        let readings: Vec<&BitString> = majorities.iter().collect();
        let found = compare(References { readings: &readings, kept_cells: CELLS }).unwrap();
        for (name, value) in [
            ("bchd", found.bchd),
            ("bchd_sd", found.bchd_sd),
            ("least", found.least.0),
            ("greatest", found.greatest.0),
            ("expected_from_bias", found.expected_from_bias),
            ("aliasing_min_entropy", found.aliasing_min_entropy),
            ("uniqueness_hori", found.uniqueness_hori),
        ] {
            same(name, value, &expected["between"][name]);
        }
        let pypuf = &expected["pypuf"];
        same("uniqueness of pypuf", found.uniqueness_pypuf, &pypuf["uniqueness"]);
        let distance = readings[0].distance(readings[1]) as f64 / CELLS as f64;
        same("similarity of pypuf", 1.0 - distance, &pypuf["similarity_of_first_two"]);
    }
}
