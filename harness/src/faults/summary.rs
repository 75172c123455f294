//! What is kept of a device to compare it with others.

use fuzzy_extractor::bits::BitString;

use super::finding::{Finding, Kind, Remedy};
use super::view::{DeviceView, Examined};

/// Readouts of a device whose fingerprints are kept.
const MOST_FINGERPRINTS: usize = 1 << 16;

/// A device in little: a bit or two a cell, some bytes a readout.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Its place among the devices of the set.
    pub index: usize,
    /// What it is called.
    pub name: String,
    /// Under what condition it was read, empty when nothing says.
    pub condition: String,
    /// Number of readouts.
    pub readouts: usize,
    /// The value that each cell reads most often.
    pub majority: BitString,
    /// Which cells count; `None` where all do.
    pub kept: Option<BitString>,
    /// Fraction of ones in the majority.
    pub ones_fraction: f64,
    /// The usual number of cells that differ between two readouts, the lower quartile of those that do;
    /// `None` with fewer than two readouts that differ.
    pub usual_distance: Option<f64>,
    /// Fingerprint and weight of each of the first readouts that is not dead, with its number.
    pub fingerprints: Vec<(u64, u32, usize)>,
    /// Whether no readout is alive.
    pub is_dead: bool,
}

impl Summary {
    /// What is to be kept of a device.
    #[must_use]
    pub fn of(view: &DeviceView<'_>) -> Self {
        let examined = Examined::of(view);
        let tally = &view.scan.tally;
        let prints = tally.facts().iter().enumerate().take(MOST_FINGERPRINTS);
        let alive = |readout: &usize| examined.dead.binary_search(readout).is_err();
        Self {
            index: view.index,
            name: view.name.to_owned(),
            condition: view.condition.to_owned(),
            readouts: tally.readouts(),
            majority: view.scan.majority.clone(),
            kept: tally.kept().cloned(),
            ones_fraction: view.scan.majority.weight() as f64 / tally.kept_cells().max(1) as f64,
            usual_distance: examined.usual_distance(),
            fingerprints: prints
                .filter(|(readout, _)| alive(readout))
                .map(|(readout, facts)| (facts.fingerprint, facts.weight, readout))
                .collect(),
            is_dead: examined.is_dead(),
        }
    }

    /// A finding about some devices, with nothing named yet.
    pub(super) fn finding(devices: &[&Self], kind: Kind, log10_chance: f64) -> Finding {
        Finding {
            kind,
            devices: devices.iter().map(|device| device.index).collect(),
            readouts: Vec::new(),
            cells: Vec::new(),
            detail: String::new(),
            log10_chance,
            remedy: Remedy::default(),
        }
    }

    /// Name and condition, as people are shown them.
    #[must_use]
    pub fn label(&self) -> String {
        match self.condition.as_str() {
            "" => self.name.clone(),
            condition => format!("{} ({condition})", self.name),
        }
    }
}
