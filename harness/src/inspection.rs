//! All that measured readouts tell: figures, the noise model, the same die again, what is wrong.
//!
//! [`inspect`] goes over the devices of a [`Catalogue`] on all cores, each in bounded memory, and leaves
//! records: [`DeviceRecord`], [`Between`], [`Reunion`], [`Finding`]. Where something is wrong with the
//! data, it is all scored again without the faulty part.

mod again;
mod device;
mod selection;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use fuzzy_extractor::bits::BitString;
use rayon::prelude::*;

use crate::faults::{self, Finding, Remedy, Summary};
use crate::metric::between::{self, Between, References};
use crate::readouts::{Catalogue, ReadoutError};

pub use again::Reunion;
pub use device::{DeviceRecord, Fits, Growth};

use selection::Selection;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Only the first so many readouts of each device count, if given.
    pub first: Option<usize>,
    /// Fits, faults and comparisons of conditions are left out: the metrics alone.
    pub metrics_only: bool,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// In the order of the catalogue.
    pub devices: Vec<DeviceRecord>,
    /// Comparisons of devices with equally many cells.
    pub between: Vec<Comparison>,
    /// Devices that are the same die under another condition or name.
    pub reunions: Vec<Reunion>,
    /// What is wrong with the data or worth knowing, gravest first.
    pub findings: Vec<Finding>,
    /// The figures without the faulty parts; `None` where nothing is to be left out.
    pub without: Option<Without>,
}

/// A comparison of devices that have equally many cells.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Their places in the list of devices: a die once, with its first condition.
    pub devices: Vec<usize>,
    /// Cells compared.
    pub cells: usize,
    /// Places of those that are left out as the same die again, each with the one it is the same as.
    pub again: Vec<(usize, usize)>,
    /// What the comparison shows.
    pub between: Between,
}

/// The figures once more, without what is faulty.
#[derive(Debug, Clone)]
pub struct Without {
    /// The devices of which something was left out: place in the list, number of readouts and of cells
    /// left out, and what remains; `None` where nothing does.
    pub devices: Vec<LeftOut>,
    /// Comparisons of what remains.
    pub between: Vec<Comparison>,
}

/// What was left out of a device.
#[derive(Debug, Clone)]
pub struct LeftOut {
    /// Its place in the list of devices.
    pub device: usize,
    /// Readouts left out.
    pub readouts: usize,
    /// Cells left out.
    pub cells: usize,
    /// The record of what remains; `None` where nothing does.
    pub record: Option<DeviceRecord>,
}

/// Why an inspection ended.
#[derive(Debug)]
pub enum InspectError {
    /// A file that cannot be read as it stands.
    Readouts(ReadoutError),
    /// It was asked to stop.
    Interrupted,
}

impl fmt::Display for InspectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readouts(error) => error.fmt(f),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for InspectError {}

impl From<ReadoutError> for InspectError {
    fn from(error: ReadoutError) -> Self {
        Self::Readouts(error)
    }
}

/// What an inspection reports to while it runs, and asks whether to go on.
#[derive(Clone, Copy)]
pub struct Observer<'a> {
    /// Told of cells that were read once.
    pub advance: &'a (dyn Fn(u64) + Sync),
    /// Set from outside to stop.
    pub interrupted: &'a AtomicBool,
}

impl fmt::Debug for Observer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").finish_non_exhaustive()
    }
}

impl Observer<'_> {
    fn check(&self) -> Result<(), InspectError> {
        if self.interrupted.load(Ordering::Relaxed) {
            Err(InspectError::Interrupted)
        } else {
            Ok(())
        }
    }
}

/// What is kept of a device beside its record: a bit a cell.
struct Kept {
    majority: BitString,
    summary: Option<Summary>,
}

/// Inspects the devices of a catalogue.
///
/// Memory: about 16 bytes a cell and 24 a readout for each device being read, one a core, and two bits
/// a cell for every device.
///
/// # Errors
/// If a file cannot be read as it stands, or the observer stops it.
pub fn inspect(
    catalogue: &Catalogue,
    wanted: Wanted,
    observer: Observer<'_>,
) -> Result<Inspection, InspectError> {
    let devices: Vec<(DeviceRecord, Kept, Vec<Finding>)> = catalogue
        .devices
        .par_iter()
        .enumerate()
        .map(|(place, source)| {
            device::inspect(place, &Selection::all(source, wanted.first, observer), wanted)
        })
        .collect::<Result<_, InspectError>>()?;
    let mut records = Vec::with_capacity(devices.len());
    let mut kept = Vec::with_capacity(devices.len());
    let mut findings = Vec::new();
    for (record, majority, found) in devices {
        records.push(record);
        kept.push(majority);
        findings.extend(found);
    }
    let same = again::same_dies(&records, &kept);
    let between = compare(&records, &kept, &same);
    if wanted.metrics_only {
        return Ok(Inspection { devices: records, between, ..Default::default() });
    }
    let summaries: Vec<Summary> = kept.iter_mut().filter_map(|kept| kept.summary.take()).collect();
    findings.extend(faults::between(&summaries));
    drop(summaries);
    findings.sort_by_key(Finding::severity);
    let reunions = again::reunite(catalogue, wanted, observer, &records, &kept, &same)?;
    let without = rescore(catalogue, wanted, observer, &records, &mut kept, &findings)?;
    Ok(Inspection { devices: records, between, reunions, findings, without })
}

/// Compares devices with equally many cells, each die once.
fn compare(records: &[DeviceRecord], kept: &[Kept], same: &[(usize, usize)]) -> Vec<Comparison> {
    let mut shapes: Vec<(usize, usize)> = records.iter().map(DeviceRecord::shape).collect();
    shapes.sort_unstable();
    shapes.dedup();
    let of_shape = |shape: (usize, usize)| {
        let of_shape = |&place: &usize| records[place].shape() == shape;
        let is_again = |place: usize| same.iter().any(|&(other, _)| other == place);
        let devices: Vec<usize> = (0..records.len()).filter(of_shape).collect();
        let once: Vec<usize> = devices.iter().copied().filter(|&p| !is_again(p)).collect();
        let readings: Vec<&BitString> = once.iter().map(|&place| &kept[place].majority).collect();
        let cells = shape.1;
        let between = between::compare(References { readings: &readings, kept_cells: cells })?;
        let again = same.iter().copied().filter(|(place, _)| devices.contains(place)).collect();
        Some(Comparison { devices: once, cells, again, between })
    };
    shapes.into_iter().filter_map(of_shape).collect()
}

/// Scores what remains of the devices when the remedies of the faults are applied.
fn rescore(
    catalogue: &Catalogue,
    wanted: Wanted,
    observer: Observer<'_>,
    records: &[DeviceRecord],
    kept: &mut [Kept],
    findings: &[Finding],
) -> Result<Option<Without>, InspectError> {
    let mut left_out = Vec::new();
    let mut records = records.to_vec();
    for (place, source) in catalogue.devices.iter().enumerate() {
        observer.check()?;
        let mut selection = Selection::all(source, wanted.first, observer);
        let remedy = Remedy::of(findings, place);
        selection.leave_out(&remedy.readouts, &remedy.cells);
        let (readouts, cells) = selection.left_out();
        if readouts == 0 && cells == 0 {
            continue;
        }
        let record = if selection.is_empty() {
            None
        } else {
            let (record, remains, _) = device::inspect(place, &selection, wanted)?;
            records[place] = record.clone();
            kept[place].majority = remains.majority;
            Some(record)
        };
        left_out.push(LeftOut { device: place, readouts, cells, record });
    }
    if left_out.is_empty() {
        return Ok(None);
    }
    let gone = |place: usize| left_out.iter().any(|l| l.device == place && l.record.is_none());
    let mut same = again::same_dies(&records, kept);
    // What is gone is compared with nothing.
    same.extend((0..records.len()).filter(|&place| gone(place)).map(|place| (place, place)));
    let between = compare(&records, kept, &same);
    Ok(Some(Without { devices: left_out, between }))
}
