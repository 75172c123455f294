//! Simulated readouts for the tests of detectors.

use fuzzy_extractor::bits::BitString;
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{Environment, Process, SramArray};

use super::{DeviceView, Finding, Kind, Summary, between, in_device};
use crate::metric::scan::{Detail, Scan};
use crate::readouts::Block;

/// A microcontroller's cells: `lambda1` of 0.11.
pub(super) fn typical() -> Process {
    Process::from_parameters(|name| (name == "lambda1").then_some(0.11)).unwrap()
}

pub(super) fn rows_at(
    process: Process,
    cells: usize,
    numbers: std::ops::Range<u64>,
    seed: u64,
    environment: &Environment,
) -> Vec<BitString> {
    let die = SramArray::manufacture(process, cells, &SeedTree::from_seed(seed)).unwrap();
    let die = die.in_environment(environment);
    numbers.map(|number| die.power_up(number)).collect()
}

pub(super) fn rows_of(process: Process, cells: usize, readouts: u64, seed: u64) -> Vec<BitString> {
    rows_at(process, cells, 0..readouts, seed, &Environment::default())
}

/// Readouts of a typical die.
pub(super) fn clean(cells: usize, readouts: u64, seed: u64) -> Vec<BitString> {
    rows_of(typical(), cells, readouts, seed)
}

/// Others of the same die, in the cold.
pub(super) fn later(cells: usize, readouts: u64, seed: u64) -> Vec<BitString> {
    let cold = Environment::default().at_celsius(-18.0).unwrap();
    rows_at(typical(), cells, 1000..1000 + readouts, seed, &cold)
}

/// Ones but for a fraction of zeros.
pub(super) fn mostly_ones(cells: usize, zeros: f64, seed: u64) -> BitString {
    let mut rng = SeedTree::from_seed(seed).stream(9);
    (0..cells)
        .map(|_| f64::from(rand_core::Rng::next_u32(&mut rng)) >= zeros * 4_294_967_296.0)
        .collect()
}

pub(super) fn block(rows: &[BitString]) -> Block {
    let mut block = Block::new(rows.first().map_or(0, BitString::len));
    rows.iter().for_each(|row| block.push().copy_from_slice(row.words()));
    block
}

pub(super) fn scan(rows: &[BitString]) -> Scan {
    let Ok(scan) = Scan::of(&block(rows), Detail::Figures);
    scan
}

pub(super) fn view(scan: &Scan) -> DeviceView<'_> {
    DeviceView { index: 0, name: "d", condition: "", address: Some(0x2000_0000), scan }
}

pub(super) fn examine(rows: &[BitString]) -> Vec<Finding> {
    in_device(&view(&scan(rows)))
}

pub(super) fn compare(sets: &[(&str, &str, Vec<BitString>)]) -> Vec<Finding> {
    let summary = |(index, (name, condition, rows)): (usize, &(&str, &str, Vec<BitString>))| {
        let scan = scan(rows);
        Summary::of(&DeviceView { index, name, condition, address: None, scan: &scan })
    };
    between(&sets.iter().enumerate().map(summary).collect::<Vec<_>>())
}

pub(super) fn kinds(findings: &[Finding]) -> Vec<Kind> {
    findings.iter().map(|finding| finding.kind).collect()
}
