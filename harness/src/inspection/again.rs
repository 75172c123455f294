//! The same die under another condition, in another session, or under another name.

use std::borrow::Cow;

use fuzzy_extractor::bits::BitString;
use puf_emulator::silicon::Instructions;
use rayon::prelude::*;

use super::device::{self, DeviceRecord};
use super::selection::Selection;
use super::{InspectError, Kept, Observer, Wanted};
use crate::fit::{self, FitError, JointCounts, TwoConditionFit};
use crate::metric::between;
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
/// Two dies agree in as many cells as chance gives, one with itself in far more: less than 0.6 of the
/// chance distance is the same die. Of very many devices the first are looked at.
pub(super) fn same_dies(records: &[DeviceRecord], kept: &[Kept]) -> Vec<(usize, usize)> {
    let earlier = |place: usize| {
        (0..place).find(|&other| {
            records[other].positions == records[place].positions
                && is_same_die(&kept[other], &kept[place])
        })
    };
    (0..records.len().min(between::MAX_COMPARED))
        .into_par_iter()
        .filter_map(|place| earlier(place).map(|first| (place, first)))
        .collect()
}

/// By the cells that both keep.
fn is_same_die(a: &Kept, b: &Kept) -> bool {
    let instructions = Instructions::detected();
    let both = super::common_mask([a, b].into_iter());
    let cells = both.as_ref().map_or(a.majority.len(), BitString::weight);
    let [a, b] = [a, b].map(|kept| match &both {
        Some(both) => Cow::Owned(super::and(&kept.majority, both)),
        None => Cow::Borrowed(&kept.majority),
    });
    let fraction = |count: u64| count as f64 / cells as f64;
    let distance = fraction(instructions.distance(a.words(), b.words()));
    let [a, b] = [a, b].map(|reading| fraction(instructions.weight(reading.words())));
    let by_chance = between::by_chance(a, b);
    // What is nearly constant resembles everything: there is no telling.
    distance < SAME_DIE * by_chance && by_chance > 0.05
}

/// What part of the distance between two dies is that of one.
const SAME_DIE: f64 = 0.6;

/// Readouts of a condition that a comparison takes: their table has the square of it places.
const MAX_COMPARED: usize = 128;

/// Compares each die with itself, the later sets of readouts with the first.
pub(super) fn reunite(
    catalogue: &Catalogue,
    wanted: Wanted,
    observer: Observer<'_>,
    same: &[(usize, usize)],
) -> Result<Vec<Reunion>, InspectError> {
    let most = wanted.first.map_or(MAX_COMPARED, |first| first.min(MAX_COMPARED));
    let counts = |place: usize| {
        device::one_counts(&Selection::new(&catalogue.devices[place], Some(most), observer))
    };
    let compared = |&(second, first): &(usize, usize)| {
        let (ones_first, majority, readouts_first) = counts(first)?;
        let (ones_second, majority_second, readouts_second) = counts(second)?;
        let masks = [first, second].map(|place| catalogue.devices[place].kept());
        let keeps = |cell: usize| masks.iter().flatten().all(|mask| mask.get(cell));
        let cells = (0..ones_first.len()).filter(|&cell| keeps(cell)).count();
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
        let is_unlike =
            |&cell: &usize| keeps(cell) && majority.get(cell) != majority_second.get(cell);
        let distance = (0..ones_first.len()).filter(is_unlike).count();
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
