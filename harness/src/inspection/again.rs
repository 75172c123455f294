//! The same die under another condition, in another session, or under another name.

use fuzzy_extractor::bits::BitString;
use puf_emulator::silicon::Instructions;
use rayon::prelude::*;

use super::device::{self, DeviceRecord};
use super::selection::Selection;
use super::{InspectError, Kept, Observer, Wanted};
use crate::fit::{self, FitError, JointCounts, TwoConditionFit};
use crate::metric::estimate::Estimate;
use crate::readouts::Catalogue;

/// Two sets of readouts of one die.
#[derive(Debug, Clone)]
pub struct Reunion {
    /// Place in the list of devices of the first of them.
    pub first: usize,
    /// Place of the other.
    pub second: usize,
    /// Mean distance of the readouts of the second to the majority of the first; 0 to 1.
    pub majority_to_readouts: Option<Estimate>,
    /// Distance between both majorities; 0 to 1.
    pub between_majorities: f64,
    /// Fraction of cells that read one value in all readouts of the first, and the other in all of the
    /// second: flips for good.
    pub flipped_for_good: f64,
    /// Cells compared.
    pub cells: usize,
    /// What changed between them.
    pub fit: Result<TwoConditionFit, FitError>,
}

/// The places of devices that are the same die as an earlier one, each with that.
///
/// Two dies agree in as many cells as chance gives, one with itself in far more: less than half of the
/// chance distance is the same die.
pub(super) fn same_dies(records: &[DeviceRecord], kept: &[Kept]) -> Vec<(usize, usize)> {
    let instructions = Instructions::detected();
    let earlier = |place: usize| {
        let (record, reading) = (&records[place], &kept[place].majority);
        let cells = record.figures.cells as f64;
        let fraction = |reading: &BitString| reading.weight() as f64 / cells;
        (0..place).find(|&other| {
            if records[other].positions != record.positions {
                return false;
            }
            let other = &kept[other].majority;
            let (a, b) = (fraction(reading), fraction(other));
            let by_chance = a * (1.0 - b) + b * (1.0 - a);
            let distance = instructions.distance(reading.words(), other.words()) as f64 / cells;
            // What is nearly constant resembles everything: there is no telling.
            distance < 0.5 * by_chance && by_chance > 0.05
        })
    };
    (0..records.len())
        .into_par_iter()
        .filter_map(|place| earlier(place).map(|first| (place, first)))
        .collect()
}

/// Readouts of a condition that a comparison takes: their table has the square of it places.
const MAX_COMPARED: usize = 128;

/// Compares each die with itself, the later sets of readouts with the first.
pub(super) fn reunite(
    catalogue: &Catalogue,
    wanted: Wanted,
    observer: Observer<'_>,
    records: &[DeviceRecord],
    kept: &[Kept],
    same: &[(usize, usize)],
) -> Result<Vec<Reunion>, InspectError> {
    let most = wanted.first.map_or(MAX_COMPARED, |first| first.min(MAX_COMPARED));
    let counts = |place: usize| {
        device::one_counts(&Selection::new(&catalogue.devices[place], Some(most), observer))
    };
    let compared = |&(second, first): &(usize, usize)| {
        let (ones_first, majority, readouts_first) = counts(first)?;
        let (ones_second, _, readouts_second) = counts(second)?;
        let mask = catalogue.devices[first].kept();
        let cells = records[first].figures.cells;
        let keeps = |cell: usize| mask.is_none_or(|mask| mask.get(cell));
        // Of each cell, how many readouts of the second differ from the majority of the first.
        let mut differing = vec![0; readouts_second + 1];
        let mut table = vec![0_u64; (readouts_first + 1) * (readouts_second + 1)];
        for cell in (0..ones_first.len()).filter(|&cell| keeps(cell)) {
            let (c1, c2) = (ones_first[cell] as usize, ones_second[cell] as usize);
            differing[if majority.get(cell) { readouts_second - c2 } else { c2 }] += 1;
            table[c1 * (readouts_second + 1) + c2] += 1;
        }
        let for_good = table[readouts_second] + table[readouts_first * (readouts_second + 1)];
        let entries = table.iter().enumerate().filter(|(_, cells)| **cells > 0);
        let entries = entries
            .map(|(i, &cells)| (i / (readouts_second + 1), i % (readouts_second + 1), cells));
        let joint = JointCounts::new(readouts_first, readouts_second, entries);
        let distance = kept[first].majority.distance(&kept[second].majority);
        let readouts = readouts_second as f64;
        Ok(Reunion {
            first,
            second,
            majority_to_readouts: Estimate::of_cells(&differing, |c| c as f64 / readouts),
            between_majorities: distance as f64 / cells as f64,
            flipped_for_good: for_good as f64 / cells as f64,
            cells,
            fit: joint.and_then(|joint| fit::two_conditions(&joint)),
        })
    };
    same.par_iter().map(compared).collect()
}
