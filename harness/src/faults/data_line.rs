//! A dead data line: the cells at one position of every byte or word never read but one value.
//!
//! For words of 8, 16, 32 and 64 cells and each position in them, all cells there that count read one
//! value in all readouts. A cell does that with the frequency `f` of the others, at most
//! [`GREATEST_FREQUENCY`]; `n` of them with `f^n`, times the positions and values that are looked at,
//! at 1e-6. A position in bytes that is dead is dead in wider words, too, and told once.

use super::finding::{Finding, Kind, Remedy};
use super::tail::LOG10_ALARM;
use super::{Detector, Examined};

pub(super) const DETECTOR: Detector = Detector { kinds: &[Kind::DeadDataLine], find };

/// Cells of the words that are looked at, narrowest first.
const WIDTHS: [usize; 4] = [8, 16, 32, 64];

/// The most that cells are believed to read nothing but a value.
const GREATEST_FREQUENCY: f64 = 0.9;

/// Positions and values that are looked at.
const TRIALS: f64 = 2.0 * (8 + 16 + 32 + 64) as f64;

fn find(device: &Examined<'_>) -> Vec<Finding> {
    let tally = &device.scan().tally;
    // Dead readouts hide which cells flip: where there are any, they go first.
    if device.live.is_empty() || !device.dead.is_empty() {
        return Vec::new();
    }
    // By position in 64 cells: those that count, and those that read nothing but 0, and but 1.
    let mut cells = [0_u64; 64];
    let mut constant = [[0_u64; 2]; 64];
    let all = u32::try_from(tally.readouts()).unwrap_or(u32::MAX);
    for (cell, &ones) in tally.ones().iter().enumerate().filter(|(cell, _)| tally.keeps(*cell)) {
        cells[cell % 64] += 1;
        if ones == 0 || ones == all {
            constant[cell % 64][usize::from(ones == all)] += 1;
        }
    }
    let (total, mut findings) = (cells.iter().sum::<u64>(), Vec::<Finding>::new());
    let mut told: Vec<(usize, usize)> = Vec::new();
    for width in WIDTHS {
        for position in 0..width {
            if told.iter().any(|&(width, dead)| position % width == dead) {
                continue;
            }
            let sum =
                |of: &dyn Fn(usize) -> u64| (position..64).step_by(width).map(of).sum::<u64>();
            let here = sum(&|place| cells[place]);
            for value in [0, 1] {
                let dead = sum(&|place| constant[place][value]);
                let others = constant.iter().map(|place| place[value]).sum::<u64>() - dead;
                let frequency =
                    (others as f64 / (total - here).max(1) as f64).min(GREATEST_FREQUENCY);
                let chance = here as f64 * libm::log10(frequency.max(1e-3)) + libm::log10(TRIALS);
                if here > 0 && dead == here && chance < LOG10_ALARM {
                    told.push((width, position));
                    findings.push(dead_line(device, [width, position, value], chance));
                }
            }
        }
    }
    findings
}

fn dead_line(
    device: &Examined<'_>,
    [width, position, value]: [usize; 3],
    log10_chance: f64,
) -> Finding {
    let scan = device.scan();
    let cells: Vec<_> = (position..scan.tally.cells())
        .step_by(width)
        .filter(|&cell| scan.tally.keeps(cell))
        .map(|cell| cell..cell + 1)
        .collect();
    let detail = format!(
        "all {} cells at position {position} of each {width} read {value} in all readouts",
        cells.len()
    );
    let remedy = Remedy { cells: cells.clone(), ..Remedy::default() };
    Finding { cells, detail, remedy, ..device.finding(Kind::DeadDataLine, log10_chance) }
}

#[cfg(test)]
mod tests {
    use super::super::test_sets::{clean, examine};
    use super::*;

    #[test]
    fn a_dead_line_is_told_once_with_its_cells() {
        for (width, position, value) in
            [(8, 7, false), (16, 3, true), (32, 0, false), (64, 63, true)]
        {
            let mut rows = clean(16_384, 9, 1);
            for row in &mut rows {
                (position..16_384).step_by(width).for_each(|cell| row.set(cell, value));
            }
            let findings: Vec<Finding> =
                examine(&rows).into_iter().filter(|f| f.kind == Kind::DeadDataLine).collect();
            assert_eq!(findings.len(), 1, "{width}");
            assert_eq!(findings[0].cells.len(), 16_384 / width);
            assert_eq!(findings[0].cells[0], position..position + 1);
        }
    }

    /// Nearly dead, or too few cells to tell, is nothing.
    #[test]
    fn chance_is_no_dead_line() {
        let mut rows = clean(16_384, 9, 2);
        for row in &mut rows {
            (5..16_384 - 64).step_by(64).for_each(|cell| row.set(cell, false));
        }
        rows[3].set(16_325, true);
        rows[4].set(16_325, false);
        for rows in [rows, clean(16_384, 9, 3), clean(256, 1, 4)] {
            assert!(examine(&rows).iter().all(|f| f.kind != Kind::DeadDataLine));
        }
    }
}
