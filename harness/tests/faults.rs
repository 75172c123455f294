//! Faults in measured silicon that the repository does not carry: second stage.
//!
//! `PUFLAB_SHARED` names the folder that holds `data/`; by default it is beside the repository.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use puflab::faults::{self, DeviceView, Finding, Kind, Summary};
use puflab::metric::scan::{Detail, Scan};
use puflab::readouts::{self, Block};

fn shared(name: &str) -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    std::env::var_os("PUFLAB_SHARED").map_or_else(beside, PathBuf::from).join(name)
}

/// The labels of the devices in a folder, and all that is found in and between them.
fn found(folder: &str, address: Option<u64>) -> (Vec<String>, Vec<Finding>) {
    let devices = readouts::read(&[shared(folder)], &readouts::Options::default()).unwrap().devices;
    let mut findings = Vec::new();
    let mut summaries = Vec::new();
    for (index, device) in devices.iter().enumerate() {
        let mut block = Block::new(device.readouts[0].len());
        device.readouts.iter().for_each(|row| block.push().copy_from_slice(row.words()));
        let Ok(scan) = Scan::of(&block, Detail::Figures);
        let (name, condition) = (&device.name, &device.condition);
        let view = DeviceView { index, name, condition, address, scan: &scan };
        findings.extend(faults::in_device(&view));
        summaries.push(Summary::of(&view));
    }
    findings.extend(faults::between(&summaries));
    let labels: Vec<String> = summaries.iter().map(Summary::label).collect();
    for finding in &findings {
        let of: Vec<&str> = finding.devices.iter().map(|&index| labels[index].as_str()).collect();
        let (kind, chance) = (finding.kind.name(), finding.log10_chance);
        println!("{}: {kind} (1e{chance:.1}): {}", of.join(", "), finding.detail);
    }
    (labels, findings)
}

#[test]
#[ignore = "needs ../shared; stage 2"]
fn sound_chips_have_no_fault_and_a_polarity_by_bits_4_and_5_in_shared() {
    let (labels, findings) = found("data/scum", None);
    assert_eq!(labels, ["L45", "M39", "M42"]);
    let kinds: Vec<(&str, Kind)> =
        findings.iter().map(|f| (labels[f.devices[0]].as_str(), f.kind)).collect();
    assert_eq!(kinds, ["L45", "M39", "M42"].map(|chip| (chip, Kind::AddressClass)));
}

#[test]
#[ignore = "needs ../shared; stage 2"]
fn four_zeroed_bytes_of_the_boards_are_found_in_shared() {
    let (labels, findings) = found("data/stm32f401", Some(0x2000_0000));
    println!("{labels:?}");
    assert!(findings.is_empty());
}
