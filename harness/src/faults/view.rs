//! What detectors see of a device, and what several of them need of it.

use std::cell::OnceCell;

use puf_emulator::silicon::Instructions;

use super::address_class::Classes;
use super::dead;
use super::finding::{Finding, Kind, Remedy};
use super::groups::Groups;
use super::pairs::Pairs;
use crate::metric::scan::Scan;

/// A device with all that two passes over its readouts left.
#[derive(Debug, Clone, Copy)]
pub struct DeviceView<'a> {
    /// Its place among the devices of the set.
    pub index: usize,
    /// What it is called.
    pub name: &'a str,
    /// Under what condition it was read, empty when nothing says.
    pub condition: &'a str,
    /// The address of the first byte, where the data know it.
    pub address: Option<u64>,
    /// What the passes left.
    pub scan: &'a Scan,
}

/// A device under examination.
pub struct Examined<'a> {
    /// What is examined.
    pub view: &'a DeviceView<'a>,
    /// Readouts that are dead, ascending; the other detectors do without them.
    pub dead: Vec<usize>,
    /// Places in the sample of readouts that are not.
    pub live: Vec<usize>,
    pairs: OnceCell<Pairs>,
    groups: OnceCell<Groups>,
    classes: OnceCell<Classes>,
}

impl<'a> Examined<'a> {
    pub(super) fn of(view: &'a DeviceView<'a>) -> Self {
        let dead = dead::readouts(view.scan);
        let is_live = |place: &usize| {
            let readout = view.scan.sample.readouts[*place];
            dead.binary_search(&readout).is_err()
        };
        let live = (0..view.scan.sample.rows.len()).filter(is_live).collect();
        let (pairs, groups, classes) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { view, dead, live, pairs, groups, classes }
    }

    /// A finding about this device, with nothing named yet.
    pub(super) fn finding(&self, kind: Kind, log10_chance: f64) -> Finding {
        Finding {
            kind,
            devices: vec![self.view.index],
            readouts: Vec::new(),
            cells: Vec::new(),
            detail: String::new(),
            log10_chance,
            remedy: Remedy::default(),
        }
    }

    /// The number of cells that differ between two readouts of the largest group, equal ones left out:
    /// the lower quartile, for where the temperature changed on the way the median is between the two.
    /// `None` with fewer than two that differ.
    pub(super) fn usual_distance(&self) -> Option<f64> {
        let main = &self.groups().groups.first()?.places;
        let pairs = self.pairs();
        let sorted = pairs.sorted(|a| main.binary_search(&pairs.places[a]).is_ok());
        let quartile = *sorted.get(sorted.len() / 4)?;
        Some(
            quartile as f64 * self.scan().tally.kept_cells() as f64
                / self.sample_cells().max(1) as f64,
        )
    }

    pub(super) fn scan(&self) -> &'a Scan {
        self.view.scan
    }

    /// Positions of a readout.
    pub(super) fn cells(&self) -> usize {
        self.scan().tally.cells()
    }

    /// Whether no readout is alive: what the others say of the cells is nothing.
    pub(super) fn is_dead(&self) -> bool {
        self.live.is_empty()
    }

    /// The readout at a place in the sample.
    pub(super) fn readout(&self, place: usize) -> usize {
        self.scan().sample.readouts[place]
    }

    /// Cells that count in a row of the sample.
    pub(super) fn sample_cells(&self) -> u64 {
        let (tally, sample) = (&self.scan().tally, &self.scan().sample);
        let cells = tally.cells();
        match tally.kept() {
            Some(kept) => {
                sample.words.iter().map(|&word| u64::from(kept.words()[word].count_ones())).sum()
            }
            None => sample.words.iter().map(|&word| (cells - 64 * word).min(64) as u64).sum(),
        }
    }

    /// Cells that differ between two places of the sample.
    pub(super) fn distance(&self, a: usize, b: usize) -> u64 {
        let rows = &self.scan().sample.rows;
        Instructions::detected().distance(rows.row(a), rows.row(b))
    }

    /// Distances between some of the live readouts.
    pub(super) fn pairs(&self) -> &Pairs {
        self.pairs.get_or_init(|| Pairs::of(self))
    }

    /// Groups of readouts with nothing between them.
    pub(super) fn groups(&self) -> &Groups {
        self.groups.get_or_init(|| Groups::of(self))
    }

    /// Classes of addresses that ones depend on.
    pub(super) fn classes(&self) -> &Classes {
        self.classes.get_or_init(|| Classes::of(self.scan()))
    }
}
