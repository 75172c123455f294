//! Faults in measured readouts: what public data were found to suffer from, a detector each.
//!
//! A detector looks at what two passes over a device leave, or at summaries of all devices, and
//! returns [`Finding`]s with their evidence: which readouts, which cells, how likely clean data would
//! show as much, and what to leave out. [`in_device`] and [`between`] run them all; [`DETECTORS`] is
//! the list.
//!
//! # How sure
//!
//! Each detector speaks up where a clean set would do so with a probability of 1e-6
//! ([`LOG10_ALARM`](tail::LOG10_ALARM)), over all readouts, cells and shifts it looked at. Clean is
//! generous, for readouts of a die are no coin tosses with one probability: what silicon is known to
//! do must not alarm. So chances are those of exact tails *beyond* an allowance, which each detector
//! states: noise that differs between readouts, a first readout with a third more errors, drift over
//! tens of degrees, three ones in four cells, ones that depend on the address.
//!
//! # What cannot be found
//!
//! One readout can be compared with none; of two, only those as far apart as two dies, or equal, can
//! be judged. Empty and short files are refused by the readers and never come here.
#![doc = include_str!("faults/detection.md")]

pub mod address_class;
mod address_line;
mod alike;
mod data_line;
mod dead;
pub mod finding;
mod groups;
mod labels;
mod overlap;
mod pairs;
mod runs;
mod summary;
pub mod tail;
mod text_order;
mod view;
pub mod without;

pub use finding::{Finding, Kind, Remedy, Severity};
pub use summary::Summary;
pub use view::{DeviceView, Examined};

/// A detector of faults within a device.
#[derive(Debug, Clone, Copy)]
pub struct Detector {
    /// What it can find.
    pub kinds: &'static [Kind],
    /// Looks for it.
    pub find: fn(&Examined<'_>) -> Vec<Finding>,
}

/// A detector of faults that show between devices.
#[derive(Debug, Clone, Copy)]
pub struct CrossDetector {
    /// What it can find.
    pub kinds: &'static [Kind],
    /// Looks for it.
    pub find: fn(&[Summary]) -> Vec<Finding>,
}

/// All detectors within a device.
pub const DETECTORS: &[Detector] = &[
    dead::DETECTOR,
    groups::DETECTOR,
    alike::DETECTOR,
    runs::DETECTOR,
    data_line::DETECTOR,
    address_line::DETECTOR,
    overlap::DETECTOR,
    text_order::DETECTOR,
    address_class::DETECTOR,
];

/// All detectors between devices.
pub const CROSS_DETECTORS: &[CrossDetector] = &[alike::BETWEEN, labels::BETWEEN];

/// Looks for every fault within a device.
///
/// Linear in the size of the readouts' sample, and in the number of cells but for a transform of at
/// most 2^20 of them.
#[must_use]
pub fn in_device(view: &DeviceView<'_>) -> Vec<Finding> {
    let examined = Examined::of(view);
    DETECTORS.iter().flat_map(|detector| (detector.find)(&examined)).collect()
}

/// Looks for every fault that shows between devices.
#[must_use]
pub fn between(devices: &[Summary]) -> Vec<Finding> {
    CROSS_DETECTORS.iter().flat_map(|detector| (detector.find)(devices)).collect()
}

#[cfg(test)]
mod test_sets;
#[cfg(test)]
mod test_sizes;
#[cfg(test)]
mod test_table;
