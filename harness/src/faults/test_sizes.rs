//! Sets too small, too large or too empty to say anything of: no panic, and no fault.

use std::ops::Range;

use fuzzy_extractor::bits::BitString;

use super::finding::Remedy;
use super::test_sets::*;
use super::without::Without;
use super::{
    CROSS_DETECTORS, DETECTORS, DeviceView, Finding, Kind, Severity, Summary, between, in_device,
};
use crate::metric::scan::{Detail, Scan};

fn faults(findings: Vec<Finding>) -> Vec<Finding> {
    findings.into_iter().filter(|finding| finding.severity() == Severity::Fault).collect()
}

fn without_cells(cells: Range<usize>) -> Remedy {
    Remedy { cells: std::iter::once(cells).collect(), ..Remedy::default() }
}

#[test]
fn every_kind_has_one_detector() {
    let within = DETECTORS.iter().flat_map(|detector| detector.kinds);
    let mut kinds: Vec<Kind> =
        within.chain(CROSS_DETECTORS.iter().flat_map(|detector| detector.kinds)).copied().collect();
    kinds.sort_unstable();
    assert_eq!(kinds, Kind::ALL);
}

#[test]
fn little_data_have_no_fault() {
    for cells in [1, 7, 8, 63, 64, 65, 100, 128, 130, 400] {
        for readouts in [0, 1, 2, 3, 4, 40] {
            let rows = if readouts == 0 { vec![] } else { clean(cells, readouts, cells as u64) };
            assert_eq!(faults(examine(&rows)), [], "{cells} {readouts}");
            let summary = |rows: &[BitString]| {
                let scan = scan(rows);
                Summary::of(&view(&scan))
            };
            assert_eq!(faults(between(&[summary(&rows), summary(&rows[..rows.len() / 2])])), []);
        }
    }
    assert_eq!(between(&[]), []);
}

/// All cells alike, all readouts alike, no cell kept.
#[test]
fn degenerate_sets_do_not_panic() {
    for cells in [1, 64, 100, 5000] {
        for value in [false, true] {
            for readouts in [1, 2, 5, 70] {
                let row: BitString = (0..cells).map(|_| value).collect();
                let _ = examine(&vec![row; readouts]);
                let rows = vec![clean(cells, 1, 1).remove(0); readouts];
                let _ = examine(&rows);
                let everything = without_cells(0..cells);
                let all = block(&rows);
                let Ok(scan) = Scan::of(&Without::new(&all, &everything), Detail::Figures);
                assert_eq!(in_device(&view(&scan)), []);
                let most = without_cells(1..cells);
                let Ok(scan) = Scan::of(&Without::new(&all, &most), Detail::Figures);
                assert_eq!(in_device(&view(&scan)), []);
            }
        }
    }
}

/// What a finding leaves out is enough to be rid of it.
#[test]
fn remedies_work() {
    let mut rows = clean(1 << 14, 12, 1);
    rows[0] = clean(1 << 14, 1, 2).remove(0);
    rows[5] = rows[4].clone();
    rows[7] = mostly_ones(1 << 14, 0.006, 3);
    for row in &mut rows {
        (16_000..16_384).for_each(|cell| row.set(cell, false));
    }
    let all = block(&rows);
    let Ok(scan) = Scan::of(&all, Detail::Figures);
    let first = in_device(&view(&scan));
    let remedy = Remedy::of(&first, 0);
    assert_eq!(remedy.readouts, [0, 5, 7], "{first:?}");
    let left = Without::new(&all, &remedy);
    let Ok(scan) = Scan::of(&left, Detail::Figures);
    // What dead readouts hid.
    let second = in_device(&view(&scan));
    assert_eq!(kinds(&second), [Kind::ConstantRun]);
    let remedy = Remedy::of(&second, 0);
    let Ok(scan) = Scan::of(&Without::new(&left, &remedy), Detail::Figures);
    assert_eq!(in_device(&view(&scan)), []);
}

/// Minutes or gigabytes would show here.
#[test]
fn a_large_memory_takes_seconds() {
    let rows = clean(1 << 22, 3, 1);
    let Ok(scan) = Scan::of(&block(&rows), Detail::Figures);
    let device = DeviceView { index: 0, name: "large", condition: "", address: None, scan: &scan };
    assert_eq!(in_device(&device), []);
}
