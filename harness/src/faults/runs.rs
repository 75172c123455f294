//! Runs of cells that are no cells: constant ones, and patterns that never change.
//!
//! **Constant runs, in all readouts.** A cell reads a value and nothing else with a frequency that the
//! device itself tells, by value and by the strongest [address class](super::address_class); at most
//! [`GREATEST_BIAS`] is believed of a class, lest half of a memory that is dead explain itself. A run's
//! chance is the product over its cells, times the places where it could be: its whole bytes anywhere
//! or at one of the two ends of the memory, where tools leave their traces, or its whole words of 32
//! cells, which programs write and columns of a memory hold.
//!
//! **Constant runs in some readouts**, at their ends or around whole words, likewise.
//!
//! **Stuck cells.** A run without a cell that ever flips has a chance of `(1 - f/2)^L`, for `f` of all
//! cells flip: noise may vary by a factor of 2 over the memory.
//!
//! All at 1e-6 over all places and readouts.

use std::ops::Range;

use super::finding::{Finding, Kind, Remedy, listed, merged};
use super::tail::LOG10_ALARM;
use super::{Detector, Examined};

pub(super) const DETECTOR: Detector =
    Detector { kinds: &[Kind::ConstantRun, Kind::StuckCells], find };

/// The most that cells of a class of addresses are believed to prefer a value.
const GREATEST_BIAS: f64 = 0.8;

/// A stretch of cells, and `log10` of the chance of any such.
struct Run {
    cells: Range<usize>,
    log10_chance: f64,
}

fn find(device: &Examined<'_>) -> Vec<Finding> {
    let (tally, live) = (&device.scan().tally, &device.live);
    // Dead readouts hide which cells flip: where there are any, they go first.
    if live.is_empty() || !device.dead.is_empty() || tally.kept_cells() == 0 {
        return Vec::new();
    }
    let constant = constant_runs(device);
    let covered: Vec<Range<usize>> = constant.iter().map(|(run, _)| run.cells.clone()).collect();
    // A tool leaves its traces at an end; what is amidst is of the memory or of a program.
    let is_at_an_end = |run: &Range<usize>| run.start == 0 || run.end == device.cells();
    let (ends, amidst): (Vec<_>, Vec<_>) =
        constant.into_iter().partition(|(run, _)| is_at_an_end(&run.cells));
    let mut findings: Vec<Finding> =
        [ends, amidst].iter().filter_map(|runs| constant_finding(device, runs)).collect();
    findings.extend(in_some_readouts(device, &covered));
    findings.extend(stuck(device, &covered));
    findings
}

/// What a cell reads in all readouts: one value, or both; `None` where it does not count.
fn only_value(device: &Examined<'_>, cell: usize) -> Option<Option<bool>> {
    let tally = &device.scan().tally;
    let ones = tally.ones()[cell] as usize;
    tally.keeps(cell).then(|| match ones {
        0 => Some(false),
        _ if ones == tally.readouts() => Some(true),
        _ => None,
    })
}

/// `log10` of how often a cell of either class reads nothing but a value: `[odd][value]`.
fn frequencies(
    device: &Examined<'_>,
    value_of: impl Fn(usize) -> Option<Option<bool>>,
) -> [[f64; 2]; 2] {
    let mut counts = [[0_u32; 2]; 2];
    let mut cells = [0_u32; 2];
    for cell in 0..device.cells() {
        let odd = usize::from(device.classes().is_odd(cell));
        let Some(value) = value_of(cell) else { continue };
        cells[odd] += 1;
        if let Some(value) = value {
            counts[odd][usize::from(value)] += 1;
        }
    }
    let frequency = |count: u32, of: u32| f64::from(count) / f64::from(of.max(1));
    [0, 1].map(|odd| {
        [0, 1].map(|value| {
            let overall = frequency(counts[0][value] + counts[1][value], cells[0] + cells[1]);
            let own = frequency(counts[odd][value], cells[odd]).min(GREATEST_BIAS);
            libm::log10(overall.max(own))
        })
    })
}

/// The improbable runs of cells that read one value in all readouts, with that value.
fn constant_runs(device: &Examined<'_>) -> Vec<(Run, bool)> {
    let log10 = frequencies(device, |cell| only_value(device, cell));
    let cells = device.cells();
    let mut runs = Vec::new();
    let mut start = 0;
    while start < cells {
        let Some(Some(value)) = only_value(device, start) else {
            start += 1;
            continue;
        };
        let same = |cell: &usize| only_value(device, *cell) == Some(Some(value));
        let end = (start..cells).find(|cell| !same(cell)).unwrap_or(cells);
        let log10_of =
            |cell: usize| log10[usize::from(device.classes().is_odd(cell))][usize::from(value)];
        runs.extend(improbable(&(start..end), cells, 0.0, log10_of).map(|run| (run, value)));
        start = end;
    }
    runs
}

/// The part of a run that is most improbable, if it is improbable enough: whole words of 32 cells, whole
/// bytes at an end of the memory, or whole bytes anywhere; each over all its places and both values.
fn improbable(
    run: &Range<usize>,
    cells: usize,
    log10_readouts: f64,
    log10_of: impl Fn(usize) -> f64,
) -> Option<Run> {
    let whole = |unit: usize| match cells % 8 {
        0 => run.start.next_multiple_of(unit)..run.end / unit * unit,
        _ => run.clone(),
    };
    let bytes = whole(8);
    let at_an_end = bytes.start == 0 || bytes.end == cells;
    let words = (whole(32), 2.0 * cells.div_ceil(32) as f64);
    let anywhere = (bytes, if at_an_end { 4.0 } else { 2.0 * cells as f64 });
    let chance_of = |cells: &Range<usize>, places: f64| {
        // Three sorts of places; and beyond some thousand cells the rest makes no difference.
        let log10_run: f64 = cells.clone().take(1 << 14).map(&log10_of).sum();
        log10_run + libm::log10(3.0 * places) + log10_readouts
    };
    let runs = [anywhere, words].into_iter().filter(|(cells, _)| cells.len() >= 8).map(
        |(cells, places)| {
            let log10_chance = chance_of(&cells, places);
            Run { cells, log10_chance }
        },
    );
    let least = runs.min_by(|a, b| a.log10_chance.total_cmp(&b.log10_chance))?;
    (least.log10_chance < LOG10_ALARM).then_some(least)
}

/// Cells as bytes at addresses, where both are known.
fn place(device: &Examined<'_>, cells: &Range<usize>) -> String {
    let is_bytes = cells.start.is_multiple_of(8) && cells.end.is_multiple_of(8);
    match device.view.address {
        Some(address) if is_bytes => format!(
            "bytes {}-{} at {:#010x}",
            cells.start / 8,
            cells.end / 8 - 1,
            address.saturating_add((cells.start / 8) as u64),
        ),
        _ if is_bytes => format!("bytes {}-{}", cells.start / 8, cells.end / 8 - 1),
        _ => format!("cells {}-{}", cells.start, cells.end - 1),
    }
}

fn constant_finding(device: &Examined<'_>, runs: &[(Run, bool)]) -> Option<Finding> {
    const MOST_PLACES: usize = 8;
    let (longest, value) = runs.iter().max_by_key(|(run, _)| run.cells.len())?;
    let places: Vec<String> =
        runs.iter().take(MOST_PLACES).map(|(run, _)| place(device, &run.cells)).collect();
    let more = match runs.len().saturating_sub(MOST_PLACES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let many =
        if runs.len() == 1 { String::new() } else { format!("{} runs of up to ", runs.len()) };
    let detail = format!(
        "{many}{} cells in a row read {} in all {} readouts: {}{more}",
        longest.cells.len(),
        u8::from(*value),
        device.scan().tally.readouts(),
        places.join(", "),
    );
    let cells: Vec<Range<usize>> = runs.iter().map(|(run, _)| run.cells.clone()).collect();
    let chance = runs.iter().map(|(run, _)| run.log10_chance).fold(0.0, f64::min);
    let remedy = Remedy { cells: cells.clone(), ..Remedy::default() };
    Some(Finding { cells, detail, remedy, ..device.finding(Kind::ConstantRun, chance) })
}

/// Constant runs that only some of the readouts have.
fn in_some_readouts(device: &Examined<'_>, covered: &[Range<usize>]) -> Option<Finding> {
    let scan = device.scan();
    let (tally, sample) = (&scan.tally, &scan.sample);
    let cells = device.cells();
    if tally.kept().is_some() || !sample.is_whole(tally.readouts(), cells) || tally.readouts() < 2 {
        return None;
    }
    let log10 = frequencies(device, |cell| Some(Some(scan.majority.get(cell))));
    let log10_readouts = libm::log10(tally.readouts() as f64);
    let (mut readouts, mut ranges, mut chance) = (Vec::new(), Vec::new(), 0.0_f64);
    for (&readout, row) in sample.readouts.iter().zip(sample.rows.rows()) {
        for (run, value) in long_runs(row, cells) {
            if covered.iter().any(|known| known.start < run.end && run.start < known.end) {
                continue;
            }
            let log10_of =
                |cell: usize| log10[usize::from(device.classes().is_odd(cell))][usize::from(value)];
            if let Some(run) = improbable(&run, cells, log10_readouts, log10_of) {
                readouts.push(readout);
                ranges.push(run.cells);
                chance = chance.min(run.log10_chance);
            }
        }
    }
    readouts.dedup();
    let longest = ranges.iter().max_by_key(|range| range.len())?.clone();
    let detail = format!(
        "readouts {} read one value in a row where others do not, up to {} cells: {}",
        listed(&readouts),
        longest.len(),
        place(device, &longest),
    );
    let cells = merged(ranges);
    let is_minority = 2 * readouts.len() < tally.readouts();
    let remedy = match is_minority {
        true => Remedy { readouts: readouts.clone(), ..Remedy::default() },
        false => Remedy { cells: cells.clone(), ..Remedy::default() },
    };
    Some(Finding { readouts, cells, detail, remedy, ..device.finding(Kind::ConstantRun, chance) })
}

/// The constant runs of a row that reach an end of it or cover a whole word, with their values.
fn long_runs(row: &[u64], cells: usize) -> Vec<(Range<usize>, bool)> {
    let bit = |cell: usize| row[cell / 64] >> (cell % 64) & 1 == 1;
    let word_of = |value: bool| if value { u64::MAX } else { 0 };
    let end_of = |mut cell: usize, value: bool| {
        while cell < cells && bit(cell) == value {
            let is_whole = cell.is_multiple_of(64) && cell + 64 <= cells;
            cell += if is_whole && row[cell / 64] == word_of(value) { 64 } else { 1 };
        }
        cell
    };
    let start_of = |mut cell: usize, value: bool| {
        while cell > 0 && bit(cell - 1) == value {
            cell -= 1;
        }
        cell
    };
    let mut runs = vec![(0..end_of(0, bit(0)), bit(0))];
    for (word, &bits) in row.iter().enumerate().take(cells / 64) {
        let value = match bits {
            0 => false,
            u64::MAX => true,
            _ => continue,
        };
        let known = runs.last().map_or(0, |(run, _)| run.end);
        if 64 * word >= known {
            runs.push((start_of(64 * word, value)..end_of(64 * word, value), value));
        }
    }
    if runs.last().is_none_or(|(run, _)| run.end < cells) {
        let value = bit(cells - 1);
        runs.push((start_of(cells - 1, value)..cells, value));
    }
    runs
}

/// Runs without a cell that ever flips.
fn stuck(device: &Examined<'_>, covered: &[Range<usize>]) -> Option<Finding> {
    let tally = &device.scan().tally;
    let cells = device.cells();
    if tally.readouts() < 2 {
        return None;
    }
    let flips = |cell: usize| only_value(device, cell) == Some(None);
    let flipping = (0..cells).filter(|&cell| flips(cell)).count() as f64;
    let log10_still =
        libm::log1p(-flipping / tally.kept_cells() as f64 / 2.0) * std::f64::consts::LOG10_E;
    let chance = |run: &Range<usize>| {
        let kept = run.clone().filter(|&cell| tally.keeps(cell)).count();
        kept as f64 * log10_still + libm::log10(cells as f64)
    };
    let mut runs = Vec::new();
    let mut start = 0;
    for cell in (0..cells).filter(|&cell| flips(cell)).chain([cells]) {
        if (cell - start) as f64 * log10_still + libm::log10(cells as f64) < LOG10_ALARM {
            runs.push(start..cell);
        }
        start = cell + 1;
    }
    runs.retain(|run| {
        let known = |known: &Range<usize>| {
            known.end.min(run.end).saturating_sub(known.start.max(run.start))
        };
        let constant: usize = covered.iter().map(known).sum();
        chance(run) < LOG10_ALARM && 2 * constant < run.len()
    });
    let longest = runs.iter().max_by_key(|run| run.len())?.clone();
    let detail = format!(
        "none of {} cells in a row flips in {} readouts, where {:.1} % of all cells do: {}",
        longest.len(),
        tally.readouts(),
        100.0 * flipping / tally.kept_cells() as f64,
        place(device, &longest),
    );
    let remedy = Remedy { cells: runs.clone(), ..Remedy::default() };
    Some(Finding {
        cells: runs,
        detail,
        remedy,
        ..device.finding(Kind::StuckCells, chance(&longest))
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_sets::*;
    use super::*;
    use fuzzy_extractor::bits::BitString;

    fn fill(row: &mut BitString, cells: Range<usize>, value: bool) {
        cells.for_each(|cell| row.set(cell, value));
    }

    #[test]
    fn four_zeroed_bytes_at_the_end_are_named_with_their_address() {
        let mut rows = clean(1 << 16, 15, 1);
        rows.iter_mut().for_each(|row| fill(row, 65_504..65_536, false));
        let findings = examine(&rows);
        assert_eq!(kinds(&findings), [Kind::ConstantRun]);
        assert_eq!((findings[0].cells.len(), &findings[0].cells[0]), (1, &(65_504..65_536)));
        assert!(
            findings[0].detail.ends_with("bytes 8188-8191 at 0x20001ffc"),
            "{}",
            findings[0].detail
        );
    }

    #[test]
    fn a_short_read_filled_up_with_zeros_is_named() {
        let mut rows = clean(1 << 14, 9, 2);
        fill(&mut rows[4], 16_000..1 << 14, false);
        let findings = examine(&rows);
        assert_eq!(kinds(&findings), [Kind::ConstantRun]);
        assert_eq!(
            (findings[0].readouts.as_slice(), &findings[0].cells[0].end),
            (&[4][..], &(1 << 14))
        );
        assert_eq!(findings[0].remedy.readouts, [4]);
    }

    #[test]
    fn half_of_a_memory_that_is_dead_is_named() {
        let mut rows = clean(1 << 14, 9, 3);
        rows.iter_mut().for_each(|row| fill(row, 0..1 << 13, true));
        let findings = examine(&rows);
        let constant = findings.iter().find(|finding| finding.kind == Kind::ConstantRun).unwrap();
        assert_eq!((constant.cells[0].start, constant.cells[0].end / 8), (0, (1 << 13) / 8));
    }

    #[test]
    fn a_program_s_constants_among_cells_are_stuck() {
        let mut rows = clean(1 << 14, 9, 4);
        let constants = clean(1 << 14, 1, 5).remove(0);
        for row in &mut rows {
            (4096..6144).for_each(|cell| row.set(cell, constants.get(cell)));
        }
        let findings = examine(&rows);
        assert_eq!(kinds(&findings), [Kind::StuckCells]);
        let run = &findings[0].cells[0];
        assert!((4050..=4096).contains(&run.start) && (6144..6190).contains(&run.end), "{run:?}");
    }

    #[test]
    fn long_runs_are_those_of_a_loop() {
        for (cells, ones) in
            [(200, 70..200), (64, 0..64), (130, 64..128), (10, 3..4), (256, 60..196)]
        {
            let row: BitString = (0..cells).map(|cell| ones.contains(&cell)).collect();
            let found = long_runs(row.words(), cells);
            let mut expected = Vec::new();
            let mut start = 0;
            for cell in 1..=cells {
                if cell == cells || row.get(cell) != row.get(start) {
                    let run = start..cell;
                    let has_word =
                        (0..cells / 64).any(|w| run.start <= 64 * w && 64 * w + 64 <= run.end);
                    if start == 0 || cell == cells || has_word {
                        expected.push((run, row.get(start)));
                    }
                    start = cell;
                }
            }
            assert_eq!(found, expected, "{cells} {ones:?}");
        }
    }
}
