//! What a detector says: the kind of fault, its evidence, and what to leave out to be rid of it.

use std::ops::Range;

/// What is wrong with the data, or what a reader of its figures should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Nearly all cells read the same: the memory was not powered, or not read.
    DeadReadouts,
    /// The first readout is far from all others.
    FirstReadout,
    /// Single later readouts are far from all others.
    FarReadouts,
    /// Readouts fall into groups with nothing between them.
    SeveralModes,
    /// Readouts are as far from the others as those of another die.
    OtherDevice,
    /// Readouts equal one before, bit for bit.
    DuplicateReadouts,
    /// Readouts are far too much like the one before.
    NoPowerOff,
    /// A run of cells never reads anything but one value.
    ConstantRun,
    /// A run of cells holds a pattern that never changes.
    StuckCells,
    /// Cells at one position of every word never read anything but one value.
    DeadDataLine,
    /// Blocks that differ in one address bit are equal.
    DeadAddressLine,
    /// Stretches of cells come again at another address.
    RepeatedWords,
    /// Files were put in the order of their names as text.
    TextOrder,
    /// Ones depend on the address of the cell.
    AddressClass,
    /// Two devices have the same readouts, bit for bit.
    SharedReadouts,
    /// Two names stand for one die.
    SameDie,
    /// One name stands for different dies at different conditions.
    RelabelledDevice,
    /// Names were exchanged between two conditions.
    PermutedLabels,
}

/// Whether a finding is an error in the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Figures are wrong while it is there.
    Fault,
    /// Data may be sound; figures want care.
    Advice,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 18] = [
        Self::DeadReadouts,
        Self::FirstReadout,
        Self::FarReadouts,
        Self::SeveralModes,
        Self::OtherDevice,
        Self::DuplicateReadouts,
        Self::NoPowerOff,
        Self::ConstantRun,
        Self::StuckCells,
        Self::DeadDataLine,
        Self::DeadAddressLine,
        Self::RepeatedWords,
        Self::TextOrder,
        Self::AddressClass,
        Self::SharedReadouts,
        Self::SameDie,
        Self::RelabelledDevice,
        Self::PermutedLabels,
    ];

    /// The kind in a word, as reports write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DeadReadouts => "dead-readouts",
            Self::FirstReadout => "first-readout",
            Self::FarReadouts => "far-readouts",
            Self::SeveralModes => "several-modes",
            Self::OtherDevice => "other-device",
            Self::DuplicateReadouts => "duplicate-readouts",
            Self::NoPowerOff => "no-power-off",
            Self::ConstantRun => "constant-run",
            Self::StuckCells => "stuck-cells",
            Self::DeadDataLine => "dead-data-line",
            Self::DeadAddressLine => "dead-address-line",
            Self::RepeatedWords => "repeated-words",
            Self::TextOrder => "text-order",
            Self::AddressClass => "address-class",
            Self::SharedReadouts => "shared-readouts",
            Self::SameDie => "same-die",
            Self::RelabelledDevice => "relabelled-device",
            Self::PermutedLabels => "permuted-labels",
        }
    }

    /// What it does to the figures, in a sentence.
    #[must_use]
    pub fn effect(self) -> &'static str {
        match self {
            Self::DeadReadouts => "these readouts say nothing of the cells, and pull every figure",
            Self::FirstReadout => {
                "as a reference it makes every later readout look worse, and its cells look unstable"
            }
            Self::FarReadouts => "mean distances rise, and stable cells look unstable",
            Self::SeveralModes => {
                "distances are a mixture of those within and between the groups; no noise model fits"
            }
            Self::OtherDevice => {
                "distances within the device count those between devices, so errors look many"
            }
            Self::DuplicateReadouts => "copies count as agreement, so errors look few",
            Self::NoPowerOff => {
                "cells keep what they held, so errors look few and readouts are not independent"
            }
            Self::ConstantRun => "cells that are no cells look stable, alike on all devices",
            Self::StuckCells | Self::DeadDataLine => "cells that are no cells look stable",
            Self::DeadAddressLine | Self::RepeatedWords => {
                "the same cells count several times: every interval is too narrow, entropy too high"
            }
            Self::TextOrder => "figures of drift and of history are of a shuffled order",
            Self::AddressClass => {
                "ones look fair on the whole and are not by address: entropy is overestimated"
            }
            Self::SharedReadouts => "distances between the devices are wrong",
            Self::SameDie => "the pair must not count among distances between devices",
            Self::RelabelledDevice | Self::PermutedLabels => {
                "distances between conditions count those between devices"
            }
        }
    }

    /// Whether it is an error in the data.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::AddressClass | Self::SameDie => Severity::Advice,
            _ => Severity::Fault,
        }
    }
}

/// What was found, how sure it is, and how to do without.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// The devices it is about, by their index; two or more only where devices were compared.
    pub devices: Vec<usize>,
    /// The readouts it is about, counted from 0, ascending; empty where it is about all of them.
    pub readouts: Vec<usize>,
    /// The cells it is about, ascending; empty where it is about all of them.
    pub cells: Vec<Range<usize>>,
    /// The evidence in one line, with numbers.
    pub detail: String,
    /// Decimal logarithm of an upper bound on the probability that a clean set of this size shows as
    /// much anywhere.
    pub log10_chance: f64,
    /// What to leave out.
    pub remedy: Remedy,
}

impl Finding {
    /// Whether it is an error in the data.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }
}

/// What has to be left out for figures without the faulty part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remedy {
    /// Readouts to drop, counted from 0.
    pub readouts: Vec<usize>,
    /// Cells to mask.
    pub cells: Vec<Range<usize>>,
    /// Pairs of devices, by their index, that must not count among distances between devices.
    pub pairs: Vec<[usize; 2]>,
}

impl Remedy {
    /// Nothing helps, or nothing needs help.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.readouts.is_empty() && self.cells.is_empty() && self.pairs.is_empty()
    }

    /// All that the findings about device `device` ask for, of severity [`Fault`](Severity::Fault);
    /// and the pairs that any finding asks for.
    #[must_use]
    pub fn of(findings: &[Finding], device: usize) -> Self {
        let mut all = Self::default();
        for finding in findings.iter().filter(|finding| finding.devices.contains(&device)) {
            all.pairs.extend(&finding.remedy.pairs);
            if finding.severity() == Severity::Fault && finding.devices.len() == 1 {
                all.readouts.extend(&finding.remedy.readouts);
                all.cells.extend(finding.remedy.cells.iter().cloned());
            }
        }
        all.readouts.sort_unstable();
        all.readouts.dedup();
        all.cells = merged(all.cells);
        all.pairs.sort_unstable();
        all.pairs.dedup();
        all
    }
}

/// The same cells in ascending ranges that do not touch.
#[must_use]
pub fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// Some of the numbers as text: `3, 5-8 and 4 more`.
pub(super) fn listed(numbers: &[usize]) -> String {
    const MOST: usize = 6;
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let shown: Vec<String> = runs
        .iter()
        .take(MOST)
        .map(|&(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first}-{last}"),
        })
        .collect();
    let left: usize = runs.iter().skip(MOST).map(|(first, last)| last - first + 1).sum();
    let more = if left == 0 { String::new() } else { format!(" and {left} more") };
    shown.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_and_all_differ() {
        let mut names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert!(names.iter().all(|n| n.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
    }

    #[test]
    fn numbers_are_listed_in_runs() {
        assert_eq!(listed(&[]), "");
        assert_eq!(listed(&[3, 5, 6, 7, 9, 10]), "3, 5-7, 9, 10");
        assert_eq!(listed(&[0, 2, 4, 6, 8, 10, 12, 13, 20]), "0, 2, 4, 6, 8, 10 and 3 more");
    }

    #[test]
    fn ranges_are_merged_where_they_touch() {
        assert_eq!(merged(vec![8..9, 0..4, 4..6, 2..3]), [0..6, 8..9]);
    }
}
