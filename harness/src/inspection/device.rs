//! One device: figures, the noise model, what is wrong with it.

use std::path::PathBuf;

use fuzzy_extractor::bits::BitString;
use puf_emulator::silicon::PolarityLaw;

use super::{InspectError, Inspected, Kept, Wanted};
use crate::faults::{self, DeviceView, Summary};
use crate::fit::{
    self, ClassFit, Distances, FitError, HistoryFit, OneCounts, PolarityFit, ReadoutEffects,
    ReadoutOnes, TwoParameterFit,
};
use crate::metric::device::DeviceFigures;
use crate::metric::passes::Passes;
use crate::metric::scan::{self, Detail, Scan};
use crate::metric::tally::Tally;
use crate::readouts::DeviceSource;

/// What is known of a device under one condition.
#[derive(Debug, Clone)]
pub struct DeviceRecord {
    /// What it is called.
    pub name: String,
    /// Under what condition it was read, empty when nothing says.
    pub condition: String,
    /// Where it was read from: one file of all readouts, or one for each.
    pub sources: Vec<PathBuf>,
    /// Readouts in the files, of which those counted are the first.
    pub readouts_in_files: usize,
    /// Address of the first byte of a readout, where the format knows.
    pub address: Option<u32>,
    /// Positions of a readout, those left out included.
    pub positions: usize,
    /// The metrics.
    pub figures: DeviceFigures,
    /// The noise model; `None` where it was not asked for.
    pub fits: Option<Fits>,
}

/// The noise model of a device, as far as its readouts show it.
#[derive(Debug, Clone)]
pub struct Fits {
    /// Noise and bias.
    pub cells: Result<TwoParameterFit, FitError>,
    /// Cells that have ever flipped, by number of readouts.
    pub growth: Vec<Growth>,
    /// Classes of cells with opposite bias.
    pub polarity: Result<PolarityFit, FitError>,
    /// The mask of the polarity that stands out most, and the fit of its two classes.
    pub classes: Option<(u32, ClassFit)>,
    /// Noise and offset of single readouts.
    pub readouts: Result<ReadoutEffects, FitError>,
    /// What readouts feel of the one before.
    pub history: Result<HistoryFit, FitError>,
}

/// Fraction of cells that have read both values after a number of readouts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// The number of readouts.
    pub readouts: usize,
    /// Observed: the mean over all choices of so many of the readouts there are, exactly; `None` for
    /// more than there are.
    pub observed: Option<f64>,
    /// Predicted by the fit; `None` where there is none.
    pub predicted: Option<fit::Estimate>,
}

impl DeviceRecord {
    /// Name and condition in one.
    #[must_use]
    pub fn label(&self) -> String {
        match self.condition.as_str() {
            "" => self.name.clone(),
            condition => format!("{} ({condition})", self.name),
        }
    }
}

/// Readouts up to which each gets a noise and an offset of its own: the work grows with their square.
const MAX_READOUT_EFFECTS: usize = 256;

/// Inspects readouts of one device: figures, noise model, faults.
pub(super) fn inspect(
    index: usize,
    source: &DeviceSource,
    readouts: &impl Passes<Error = InspectError>,
    wanted: Wanted,
) -> Result<Inspected, InspectError> {
    let (record, scan) = score(source, readouts, wanted)?;
    if wanted.metrics_only {
        return Ok((record, kept_of(&scan, None), Vec::new()));
    }
    let view = DeviceView {
        index,
        name: &record.name,
        condition: &record.condition,
        address: record.address.map(u64::from),
        scan: &scan,
    };
    let findings = faults::in_device(&view);
    let summary = Some(Summary::of(&view));
    Ok((record, kept_of(&scan, summary), findings))
}

/// Figures and noise model of readouts of one device, and the scan that they come from.
pub(super) fn score(
    source: &DeviceSource,
    readouts: &impl Passes<Error = InspectError>,
    wanted: Wanted,
) -> Result<(DeviceRecord, Scan), InspectError> {
    let in_detail = !wanted.metrics_only && readouts.readouts() <= MAX_READOUT_EFFECTS;
    let detail = if in_detail { Detail::Readouts } else { Detail::Figures };
    let scan = Scan::of(readouts, detail)?;
    let record = DeviceRecord {
        name: source.name.clone(),
        condition: source.condition.clone(),
        sources: source.sources().to_vec(),
        readouts_in_files: source.readouts(),
        address: source.address(),
        positions: source.cells(),
        figures: DeviceFigures::of(&scan),
        fits: (!wanted.metrics_only).then(|| Fits::of(&scan, source.readouts())),
    };
    Ok((record, scan))
}

/// What is kept of a scan.
pub(super) fn kept_of(scan: &Scan, summary: Option<Summary>) -> Kept {
    let tally = &scan.tally;
    Kept { majority: tally.strict_majority(), mask: tally.kept().cloned(), summary }
}

impl Fits {
    fn of(scan: &Scan, in_files: usize) -> Self {
        let tally = &scan.tally;
        let histogram = tally.histogram();
        let counts = OneCounts::new(histogram.clone());
        let cells = counts.clone().and_then(|counts| fit::two_parameter(&counts));
        let noise = cells.as_ref().map_or(0.0, |fit| fit.lambda1.value);
        // The majority of T readouts hides all but about sqrt(pi / 2T) of their noise.
        let of_majority = match tally.readouts() {
            1 => noise,
            t => noise * libm::sqrt(std::f64::consts::FRAC_PI_2 / t as f64).min(1.0),
        };
        let polarity = fit::polarity(&scan.majority, tally.kept(), of_majority);
        let split = polarity.as_ref().ok().and_then(|fit| fit.significant().next());
        let classes = split.and_then(|split| Some((split.mask, classes(scan, split.mask).ok()?)));
        Self {
            growth: growth(&histogram, in_files, cells.as_ref().ok()),
            readouts: readout_effects(scan, counts, cells.as_ref()),
            history: cells.as_ref().map_err(Clone::clone).and_then(|cells| history(scan, cells)),
            polarity,
            classes,
            cells,
        }
    }
}

/// The fit of the cells of either parity of the bits of a mask.
fn classes(scan: &Scan, mask: u32) -> Result<ClassFit, FitError> {
    let tally = &scan.tally;
    let law = PolarityLaw::new(mask, 0.0, 0.0);
    let mut histograms = [vec![0; tally.readouts() + 1], vec![0; tally.readouts() + 1]];
    for (cell, &ones) in tally.ones().iter().enumerate().filter(|(cell, _)| tally.keeps(*cell)) {
        let is_odd = law.is_ok_and(|law| law.is_odd(cell));
        histograms[usize::from(is_odd)][ones as usize] += 1;
    }
    let [even, odd] = histograms;
    fit::classes(&OneCounts::new(odd)?, &OneCounts::new(even)?)
}

fn readout_effects(
    scan: &Scan,
    counts: Result<OneCounts, FitError>,
    cells: Result<&TwoParameterFit, &FitError>,
) -> Result<ReadoutEffects, FitError> {
    let model = cells.map_err(Clone::clone)?.model();
    let Some(profiles) = &scan.ones_by_count else {
        let readouts = scan.tally.readouts();
        return Err(FitError::TooManyReadouts { readouts, most: MAX_READOUT_EFFECTS });
    };
    let wide = |profile: &Vec<u32>| profile.iter().map(|&ones| u64::from(ones)).collect();
    let table = ReadoutOnes::new(counts?, profiles.iter().map(wide).collect())?;
    fit::readout_effects(&model, &table)
}

fn history(scan: &Scan, cells: &TwoParameterFit) -> Result<HistoryFit, FitError> {
    let facts = scan.tally.facts();
    let last = facts.iter().skip(1).map(|facts| u64::from(facts.to_previous));
    let second_last = facts.iter().skip(2).map(|facts| u64::from(facts.to_second_last));
    let kept = scan.tally.kept_cells() as u64;
    let distances = Distances::new(kept, vec![last.collect(), second_last.collect()])?;
    fit::history(cells, &distances)
}

/// Numbers of readouts at which growth is told, up to a good deal more than there are, and at as many
/// as the files hold.
fn growth(histogram: &[u64], in_files: usize, fit: Option<&TwoParameterFit>) -> Vec<Growth> {
    let t = histogram.len() - 1;
    let round = [2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000, 1_000_000];
    let mut readouts: Vec<usize> = round.into_iter().filter(|&r| r <= 100 * t.max(10)).collect();
    readouts.extend([t, in_files]);
    readouts.sort_unstable();
    readouts.dedup();
    readouts
        .into_iter()
        .filter(|&r| r > 1)
        .map(|readouts| Growth {
            readouts,
            observed: (readouts <= t).then(|| ever_flipped(histogram, readouts)),
            predicted: fit.map(|fit| fit.ever_flipped(readouts)),
        })
        .collect()
}

/// Mean over all choices of `chosen` of the `T` readouts of the fraction of cells that read both values
/// in them: of a cell with `c` ones, `1 - [C(c, k) + C(T-c, k)] / C(T, k)`.
fn ever_flipped(histogram: &[u64], chosen: usize) -> f64 {
    let t = histogram.len() - 1;
    // C(c, k) / C(T, k), the probability that all chosen are among c.
    let all_among = |c: usize| -> f64 {
        if c < chosen {
            return 0.0;
        }
        let mut product = 1.0;
        for i in 0..chosen {
            product *= (c - i) as f64 / (t - i) as f64;
            // Of many readouts nearly all products are nothing after a few factors.
            if product < 1e-30 {
                return 0.0;
            }
        }
        product
    };
    let cells: u64 = histogram.iter().sum();
    let stable = |c: usize| all_among(c) + all_among(t - c);
    let there = histogram.iter().enumerate().filter(|(_, cells)| **cells > 0);
    there.map(|(c, &n)| n as f64 * (1.0 - stable(c))).sum::<f64>() / cells as f64
}

/// One-counts of the first readouts of what is selected, for comparison with another condition.
pub(super) fn one_counts(
    readouts: &impl Passes<Error = InspectError>,
) -> Result<(Vec<u32>, BitString, usize), InspectError> {
    let mut tally = Tally::new(readouts.cells(), readouts.kept().cloned());
    let most = scan::block_readouts(readouts.cells());
    readouts.pass(most, &mut |block| {
        tally.add(block);
        Ok(())
    })?;
    Ok((tally.ones().to_vec(), tally.strict_majority(), tally.readouts()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four readouts of three cells: 0110, 1111, 0001. All pairs, triples, and the whole.
    #[test]
    fn growth_is_the_mean_over_all_choices() {
        let histogram = [0, 1, 1, 0, 1];
        // Pairs that differ: 4 of 6 in the first, 0, 3 of 6 in the third.
        assert!((ever_flipped(&histogram, 2) - 7.0 / 18.0).abs() < 1e-15);
        // Triples with both: all 4, 0, 3 of 4.
        assert!((ever_flipped(&histogram, 3) - 7.0 / 12.0).abs() < 1e-15);
        assert!((ever_flipped(&histogram, 4) - 2.0 / 3.0).abs() < 1e-15);
        assert_eq!(ever_flipped(&histogram, 1), 0.0);
    }
}
