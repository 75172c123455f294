//! Faults in measured silicon that the repository does not carry: second stage.
//!
//! `PUFLAB_SHARED` names the folder that holds `data/`; by default it is beside the repository.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use puflab::faults::{self, DeviceView, Finding, Kind, Severity, Summary};
use puflab::metric::scan::{Detail, Scan};
use puflab::readouts::{self, Block};

mod shared_folder;

use shared_folder::shared;

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

/// The boards as published, with what is really there: the debugger's four bytes, on all boards at 23
/// degrees and only there; a readout at -7 degrees that is 12 % away from each of the board's 39 others,
/// whatever their temperature; and words of the second bank of one die, 0x100 after a multiple of 0x400,
/// that read nothing but 0, more of them the colder it is.
#[test]
#[ignore = "needs ../shared; stage 2"]
fn faults_of_the_measured_boards_are_these_in_shared() {
    const CELLS: usize = 8 * 98_304;
    let (labels, findings) = found("data/stm32f401", Some(0x2000_0000));
    let faults: Vec<&Finding> =
        findings.iter().filter(|finding| finding.severity() == Severity::Fault).collect();
    let label = |finding: &Finding| labels[finding.devices[0]].as_str();
    let at_the_end: Vec<&str> = faults
        .iter()
        .filter(|finding| {
            finding.kind == Kind::ConstantRun && finding.cells[0] == (CELLS - 32..CELLS)
        })
        .inspect(|finding| assert!(finding.detail.ends_with("bytes 98300-98303 at 0x20017ffc")))
        .map(|finding| label(finding))
        .collect();
    assert_eq!(at_the_end, ["Andrzej", "Franck", "Pierre", "Timothy"]);

    let (cold, normal) = ("temp_tests (cold/-7degrees)", "temp_tests (normal/23degrees)");
    let far: Vec<_> = faults.iter().filter(|finding| finding.kind == Kind::FarReadouts).collect();
    assert_eq!(
        far.iter().map(|f| (label(f), f.readouts.clone())).collect::<Vec<_>>(),
        [(cold, vec![2])]
    );

    let amidst =
        |finding: &&&Finding| finding.kind == Kind::ConstantRun && finding.cells[0].end < CELLS;
    let words: Vec<(&str, usize)> =
        faults.iter().filter(amidst).map(|f| (label(f), f.cells.len())).collect();
    assert_eq!(words, [("Andrzej", 6), ("Andrzejcold (-18degrees)", 16), (cold, 2), (normal, 3)]);
    for range in faults.iter().filter(amidst).flat_map(|finding| &finding.cells) {
        assert!(
            range.len() == 32 && range.start / 8 % 0x400 == 0x100 && range.start / 8 > 0x1_0000
        );
    }
    assert_eq!(faults.len(), at_the_end.len() + far.len() + words.len());

    let mut pairs: Vec<[&str; 2]> = findings
        .iter()
        .filter(|finding| finding.kind == Kind::SameDie)
        .map(|finding| [0, 1].map(|end| labels[finding.devices[end]].as_str()))
        .collect();
    pairs.sort_unstable();
    let (andrzej, andrzej_cold) = ("Andrzej", "Andrzejcold (-18degrees)");
    let expected = [
        [andrzej, andrzej_cold],
        [andrzej, cold],
        [andrzej, normal],
        [andrzej_cold, cold],
        [andrzej_cold, normal],
        ["Pierre", "Pierrecold (-18degrees)"],
    ];
    // Both temperatures of `temp_tests` have one name.
    assert_eq!(pairs, expected);
}
