//! All that measured readouts tell: figures, the noise model, the same die again, what is wrong.
//!
//! [`inspect`] goes over the devices of a [`Catalogue`] on all cores, each in bounded memory, and leaves
//! records: [`DeviceRecord`], [`Between`], [`Reunion`], [`Finding`]. Where something is wrong with the
//! data, it is all scored again without the faulty part.

mod again;
mod assessed;
mod device;
mod selection;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fuzzy_extractor::bits::BitString;
use rayon::prelude::*;

use crate::faults::without::Without as FaultsLeftOut;
use crate::faults::{self, Finding, Remedy, Summary};
use crate::metric::between::{self, Between, References};
use crate::metric::passes::Passes as _;
use crate::readouts::{Catalogue, ReadoutError};

pub use again::Reunion;
pub use assessed::Assessed;
pub use device::{DeviceRecord, Fits, Growth};

use selection::Selection;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Only the first so many readouts of each device count, if given.
    pub first: Option<usize>,
    /// Fits, faults and comparisons of conditions are left out: the metrics alone.
    pub metrics_only: bool,
    /// With the seed of its shuffled order, the assessment by SP 800-90B.
    pub entropy90b: Option<u64>,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// In the order of the catalogue.
    pub devices: Vec<DeviceRecord>,
    /// Comparisons of devices with readouts of one length.
    pub between: Vec<Comparison>,
    /// The assessment by SP 800-90B of the largest comparison; `None` where it was not asked for, or
    /// nothing can be assessed.
    pub assessed: Option<Assessed>,
    /// Devices that are the same die under another condition or name.
    pub reunions: Vec<Reunion>,
    /// What is wrong with the data or worth knowing, gravest first.
    pub findings: Vec<Finding>,
    /// The figures without the faulty parts; `None` where nothing is to be left out.
    pub without: Option<Without>,
}

/// A comparison of devices with readouts of one length.
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

/// What is kept of a device beside its record: a bit or two a cell.
struct Kept {
    majority: BitString,
    /// Which cells count; `None` where all do.
    mask: Option<BitString>,
    summary: Option<Summary>,
}

/// What one device leaves.
type Inspected = (DeviceRecord, Kept, Vec<Finding>);

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
    // The first device that cannot be read is named, whichever thread met one first.
    let failed = AtomicUsize::new(usize::MAX);
    let inspected: Vec<Result<Inspected, InspectError>> = catalogue
        .devices
        .par_iter()
        .enumerate()
        .map(|(place, source)| {
            if place > failed.load(Ordering::Relaxed) {
                return Err(InspectError::Interrupted);
            }
            let selection = Selection::new(source, wanted.first, observer);
            let inspected = device::inspect(place, source, &selection, wanted);
            if inspected.is_err() {
                failed.fetch_min(place, Ordering::Relaxed);
            }
            inspected
        })
        .collect();
    let mut records = Vec::with_capacity(inspected.len());
    let mut kept = Vec::with_capacity(inspected.len());
    let mut findings = Vec::new();
    for device in inspected {
        let (record, majority, found) = device?;
        records.push(record);
        kept.push(majority);
        findings.extend(found);
    }
    let same = again::same_dies(&records, &kept);
    let between = compare(&records, &kept, &same, &|_| false);
    let assessed = match wanted.entropy90b {
        Some(seed) => {
            let comparison = main_comparison(&between);
            assessed::assess(&kept, comparison, seed, observer)?
        }
        None => None,
    };
    if wanted.metrics_only {
        return Ok(Inspection { devices: records, between, assessed, ..Default::default() });
    }
    let summaries: Vec<Summary> = kept.iter_mut().filter_map(|kept| kept.summary.take()).collect();
    findings.extend(faults::between(&summaries));
    drop(summaries);
    findings.sort_by_key(|finding| (finding.severity(), finding.kind));
    let reunions = again::reunite(catalogue, wanted, observer, &same)?;
    let without = rescore(catalogue, wanted, observer, &records, &mut kept, &findings)?;
    Ok(Inspection { devices: records, between, assessed, reunions, findings, without })
}

/// The comparison of most devices.
#[must_use]
pub fn main_comparison(between: &[Comparison]) -> Option<&Comparison> {
    between.iter().max_by_key(|comparison| comparison.devices.len())
}

/// Compares devices with equally many positions by the cells that all of them keep, each die once.
fn compare(
    records: &[DeviceRecord],
    kept: &[Kept],
    same: &[(usize, usize)],
    is_gone: &dyn Fn(usize) -> bool,
) -> Vec<Comparison> {
    let positions: BTreeSet<usize> = records.iter().map(|record| record.positions).collect();
    let of_length = |positions: usize| {
        let of_length = |&place: &usize| records[place].positions == positions;
        let is_again = |place: usize| same.iter().any(|&(other, _)| other == place);
        let is_there = |&place: &usize| of_length(&place) && !is_gone(place);
        let all: Vec<usize> = (0..records.len()).filter(is_there).collect();
        let devices: Vec<usize> = all.iter().copied().filter(|&p| !is_again(p)).collect();
        let mask = common_mask(devices.iter().map(|&place| &kept[place]));
        let cells = mask.as_ref().map_or(positions, BitString::weight);
        let masked: Vec<BitString> = mask
            .iter()
            .flat_map(|mask| devices.iter().map(move |&place| and(&kept[place].majority, mask)))
            .collect();
        let readings: Vec<&BitString> = match mask {
            Some(_) => masked.iter().collect(),
            None => devices.iter().map(|&place| &kept[place].majority).collect(),
        };
        let between = between::compare(References { readings: &readings, kept_cells: cells })?;
        let again = same.iter().copied().filter(|(place, _)| all.contains(place)).collect();
        Some(Comparison { devices, cells, again, between })
    };
    positions.into_iter().filter_map(of_length).collect()
}

/// The cells that all devices keep; `None` where all keep all.
fn common_mask<'a>(devices: impl Iterator<Item = &'a Kept>) -> Option<BitString> {
    devices.filter_map(|kept| kept.mask.as_ref()).fold(None, |common, mask| {
        Some(common.map_or_else(|| mask.clone(), |common| and(&common, mask)))
    })
}

/// The ones that both have.
fn and(a: &BitString, b: &BitString) -> BitString {
    let words = a.words().iter().zip(b.words()).map(|(a, b)| a & b).collect();
    BitString::from_words(words, a.len())
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
    for (place, source) in catalogue.devices.iter().enumerate() {
        observer.check()?;
        let remedy = Remedy::of(findings, place);
        if remedy.readouts.is_empty() && remedy.cells.is_empty() {
            continue;
        }
        let all = Selection::new(source, wanted.first, observer);
        let selection = FaultsLeftOut::new(&all, &remedy);
        let cells_before = records[place].figures.cells;
        let cells = selection.kept().map_or(cells_before, BitString::weight);
        let readouts = all.readouts() - selection.readouts();
        let record = if selection.readouts() == 0 || cells == 0 {
            None
        } else {
            let (record, scan) = device::score(source, &selection, wanted)?;
            kept[place] = device::kept_of(&scan, None);
            Some(record)
        };
        left_out.push(LeftOut { device: place, readouts, cells: cells_before - cells, record });
    }
    if left_out.is_empty() {
        return Ok(None);
    }
    let gone = |place: usize| left_out.iter().any(|l| l.device == place && l.record.is_none());
    // What is left out changes no length, by which devices are told comparable.
    let mut same = again::same_dies(records, kept);
    same.retain(|&(again, first)| !gone(again) && !gone(first));
    let between = compare(records, kept, &same, &gone);
    Ok(Some(Without { devices: left_out, between }))
}
