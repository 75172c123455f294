//! Names against dies: one die under two names, one name for two dies, names exchanged.
//!
//! Majorities of two dies differ in about half of their cells, less where ones are many. Two devices
//! are the same die where their majorities differ in less than [`OF_ONE_DIE`] of that: dies of one
//! type that prefer 1 at the same addresses are at 0.77 of it, and a die at two temperatures at 0.15.
//! One name stands for two dies where its conditions differ in more than [`OF_TWO_DIES`] of it. Both
//! are exact binomial tails at those bounds, over all pairs.

use std::collections::BTreeMap;

use super::finding::{Finding, Kind, Remedy};
use super::tail::{LOG10_ALARM, log10_at_least, log10_at_most};
use super::{CrossDetector, Summary};
use crate::metric::between::by_chance;

pub(super) const BETWEEN: CrossDetector =
    CrossDetector { kinds: &[Kind::SameDie, Kind::RelabelledDevice, Kind::PermutedLabels], find };

/// Below this part of the distance between two dies is one.
const OF_ONE_DIE: f64 = 0.6;
/// Above this part are two.
const OF_TWO_DIES: f64 = 0.7;
/// Words by which pairs that cannot be one die are passed over, in sets of many devices.
const SKETCH_WORDS: usize = 32;

/// Devices that are compared with each other: of more, the first.
const MOST_COMPARED: usize = 4096;

/// How far two majorities are apart.
struct Apart {
    cells: f64,
    differ: f64,
    of_two_dies: f64,
}

impl Apart {
    fn of(a: &Summary, b: &Summary, words: impl Iterator<Item = usize>) -> Self {
        let (mut cells, mut differ) = (0_u64, 0_u64);
        let len = a.majority.len();
        for word in words {
            let kept =
                |device: &Summary| device.kept.as_ref().map_or(u64::MAX, |kept| kept.words()[word]);
            let valid = u64::MAX >> (64 - (len - 64 * word).min(64));
            let kept = kept(a) & kept(b) & valid;
            cells += u64::from(kept.count_ones());
            let unlike = (a.majority.words()[word] ^ b.majority.words()[word]) & kept;
            differ += u64::from(unlike.count_ones());
        }
        let of_two_dies = by_chance(a.ones_fraction, b.ones_fraction);
        Self { cells: cells as f64, differ: differ as f64, of_two_dies }
    }

    fn log10_one_die(&self) -> f64 {
        log10_at_least(self.cells, OF_TWO_DIES * self.of_two_dies, self.differ)
    }

    fn log10_two_dies(&self) -> f64 {
        log10_at_most(self.cells, OF_ONE_DIE * self.of_two_dies, self.differ)
    }

    fn said(&self) -> String {
        format!(
            "their majorities differ in {:.1} % of the cells, where two dies would in {:.1} %",
            100.0 * self.differ / self.cells,
            100.0 * self.of_two_dies,
        )
    }
}

/// What is sure of pairs of devices, by their places.
#[derive(Default)]
struct Sure {
    same: BTreeMap<(usize, usize), Apart>,
    /// Of one name.
    different: BTreeMap<(usize, usize), Apart>,
}

impl Sure {
    fn of(devices: &[Summary]) -> Self {
        let log10_pairs = libm::log10((devices.len() * devices.len()) as f64);
        let mut sure = Self::default();
        let devices = &devices[..devices.len().min(MOST_COMPARED)];
        for (place, b) in devices.iter().enumerate().filter(|(_, device)| !device.is_dead) {
            for (earlier, a) in devices[..place].iter().enumerate() {
                if a.is_dead || a.majority.len() != b.majority.len() {
                    continue;
                }
                let (words, one_name) = (a.majority.words().len(), a.name == b.name);
                if !one_name && words > 4 * SKETCH_WORDS {
                    let step = words / SKETCH_WORDS;
                    let sketch = Apart::of(a, b, (0..words).step_by(step));
                    // A die at two conditions is far below; 2048 cells of it do not get here by chance.
                    if sketch.differ > 0.8 * sketch.of_two_dies * sketch.cells {
                        continue;
                    }
                }
                let apart = Apart::of(a, b, 0..words);
                if apart.log10_two_dies() + log10_pairs < LOG10_ALARM {
                    sure.same.insert((earlier, place), apart);
                } else if one_name && apart.log10_one_die() + log10_pairs < LOG10_ALARM {
                    sure.different.insert((earlier, place), apart);
                }
            }
        }
        sure
    }

    fn same(&self, a: usize, b: usize) -> Option<&Apart> {
        self.same.get(&(a.min(b), a.max(b)))
    }
}

fn find(devices: &[Summary]) -> Vec<Finding> {
    let sure = Sure::of(devices);
    let log10_pairs = libm::log10((devices.len() * devices.len()) as f64);
    let mut findings = Vec::new();
    // Of one name, the first condition counts as right: nothing says which is.
    let mut wrong = Vec::new();
    for (&(right, place), apart) in &sure.different {
        if wrong.contains(&place) || wrong.contains(&right) {
            continue;
        }
        wrong.push(place);
        let is_other = |other: &usize| devices[*other].name != devices[place].name;
        let whose =
            (0..devices.len()).filter(is_other).find(|&other| sure.same(place, other).is_some());
        let (a, b) = (&devices[right], &devices[place]);
        let log10_chance = apart.log10_one_die() + log10_pairs;
        let (kind, of, and) = match whose.map(|other| &devices[other]) {
            Some(c) => (
                Kind::PermutedLabels,
                vec![a, b, c],
                format!("; {} is the die of {}", b.label(), c.label()),
            ),
            None => (Kind::RelabelledDevice, vec![a, b], String::new()),
        };
        let detail = format!("{} and {} are two dies: {}{and}", a.label(), b.label(), apart.said());
        let pairs = whose.map(|other| [other.min(place), other.max(place)]);
        let pairs = pairs.map(|pair| pair.map(|place| devices[place].index)).into_iter().collect();
        let remedy = Remedy { pairs, ..Remedy::default() };
        findings.push(Finding { detail, remedy, ..Summary::finding(&of, kind, log10_chance) });
    }
    for (&(earlier, place), apart) in &sure.same {
        let (a, b) = (&devices[earlier], &devices[place]);
        if a.name == b.name || wrong.contains(&earlier) || wrong.contains(&place) {
            continue;
        }
        let detail = format!("{} and {} are one die: {}", a.label(), b.label(), apart.said());
        let remedy = Remedy { pairs: vec![[a.index, b.index]], ..Remedy::default() };
        let finding =
            Summary::finding(&[a, b], Kind::SameDie, apart.log10_two_dies() + log10_pairs);
        findings.push(Finding { detail, remedy, ..finding });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::test_sets::*;
    use super::*;

    #[test]
    fn one_die_under_two_names_is_advice() {
        let sets = [
            ("a", "", clean(2048, 4, 1)),
            ("b", "", clean(2048, 4, 2)),
            ("c", "cold", later(2048, 4, 1)),
        ];
        let findings = compare(&sets);
        assert_eq!(kinds(&findings), [Kind::SameDie]);
        assert_eq!(findings[0].remedy.pairs, [[0, 2]]);
        // One die at two conditions under one name is as it should be.
        let sets = [("a", "", clean(2048, 4, 1)), ("a", "cold", later(2048, 4, 1))];
        assert_eq!(kinds(&compare(&sets)), []);
    }

    #[test]
    fn exchanged_names_are_named() {
        let sets = [
            ("a", "warm", clean(2048, 4, 1)),
            ("b", "warm", clean(2048, 4, 2)),
            ("c", "warm", clean(2048, 4, 3)),
            ("a", "cold", later(2048, 4, 2)),
            ("b", "cold", later(2048, 4, 1)),
            ("c", "cold", later(2048, 4, 3)),
        ];
        let findings = compare(&sets);
        assert_eq!(kinds(&findings), [Kind::PermutedLabels; 2]);
        assert_eq!(findings[0].devices, [0, 3, 1]);
        assert_eq!(findings[1].devices, [1, 4, 0]);
    }

    #[test]
    fn a_name_for_two_dies_is_named() {
        let sets = [("a", "warm", clean(2048, 4, 1)), ("a", "cold", clean(2048, 4, 2))];
        let findings = compare(&sets);
        assert_eq!(kinds(&findings), [Kind::RelabelledDevice]);
        assert_eq!(findings[0].devices, [0, 1]);
    }
}
