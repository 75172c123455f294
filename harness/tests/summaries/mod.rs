//! The summaries of readouts that fits take, counted the plain way.

use fuzzy_extractor::bits::BitString;
use puflab::fit::{Distances, JointCounts, OneCounts, ReadoutOnes};

/// Ones of each of the first `cells` cells.
pub(crate) fn counts(readouts: &[BitString], cells: usize) -> Vec<usize> {
    let mut counts = vec![0; cells];
    for readout in readouts {
        counts.iter_mut().zip(readout.iter()).for_each(|(count, bit)| *count += usize::from(bit));
    }
    counts
}

pub(crate) fn one_counts(readouts: &[BitString], cells: usize) -> OneCounts {
    OneCounts::of_cells(readouts.len(), counts(readouts, cells)).unwrap()
}

/// The value that each cell reads most often; 0 of a tie.
pub(crate) fn dominant(readouts: &[BitString], cells: usize) -> BitString {
    let mut dominant = BitString::zeros(cells);
    for (cell, count) in counts(readouts, cells).into_iter().enumerate() {
        dominant.set(cell, 2 * count > readouts.len());
    }
    dominant
}

pub(crate) fn joint(first: &[BitString], second: &[BitString], cells: usize) -> JointCounts {
    let pairs = counts(first, cells).into_iter().zip(counts(second, cells));
    JointCounts::of_cells(first.len(), second.len(), pairs).unwrap()
}

pub(crate) fn readout_ones(readouts: &[BitString], cells: usize) -> ReadoutOnes {
    let counts = counts(readouts, cells);
    let ones = readouts.iter().map(|readout| {
        let mut row = vec![0; readouts.len() + 1];
        counts.iter().zip(readout.iter()).for_each(|(&c, bit)| row[c] += u64::from(bit));
        row
    });
    ReadoutOnes::new(one_counts(readouts, cells), ones.collect()).unwrap()
}

pub(crate) fn distances(readouts: &[BitString], cells: usize, lags: usize) -> Distances {
    let first = |readout: &BitString| readout.slice(0, cells);
    let of = |lag: usize| {
        let pairs = readouts.iter().zip(&readouts[lag..]);
        pairs.map(|(a, b)| first(a).distance(&first(b)) as u64).collect()
    };
    Distances::new(cells as u64, (1..=lags).map(of).collect()).unwrap()
}
