//! Dead address lines: the memory reads the same whether a bit of the address is set or not.
//!
//! With the line of bit `k` dead, cell `i` equals cell `i xor 2^k` in every readout. Two different cells
//! disagree with a probability of `2 b (1 - b)`, for a fraction `b` of ones; half of that is taken,
//! which leaves room for ones that depend on the address. The chance of so few disagreements is an
//! exact binomial tail, over all bits. The lowest three bits number the bits of a byte: equal there are
//! data lines.

use std::ops::Range;

use super::finding::{Finding, Kind, Remedy};
use super::tail::{LOG10_ALARM, log10_at_most};
use super::{Detector, Examined};

pub(super) const DETECTOR: Detector = Detector { kinds: &[Kind::DeadAddressLine], find };

/// Ranges of cells that a remedy lists at most.
const MOST_RANGES: usize = 1 << 20;

/// In words, the cells whose address bit `k` is not set, for `k` below 6.
const UNSET: [u64; 6] = [
    0x5555_5555_5555_5555,
    0x3333_3333_3333_3333,
    0x0f0f_0f0f_0f0f_0f0f,
    0x00ff_00ff_00ff_00ff,
    0x0000_ffff_0000_ffff,
    0x0000_0000_ffff_ffff,
];

/// Cells of a row, and among pairs of them that differ in address bit `bit` how many disagree: of how
/// many, and how many.
fn disagreements(row: &[u64], valid: &[u64], bit: u32) -> (u64, u64) {
    let count = |(pairs, unlike): (u64, u64), (valid, xor): (u64, u64)| {
        (pairs + u64::from(valid.count_ones()), unlike + u64::from((xor & valid).count_ones()))
    };
    if bit < 6 {
        let shift = 1 << bit;
        let both = |valid: u64| valid & (valid >> shift) & UNSET[bit as usize];
        row.iter().zip(valid).map(|(&x, &v)| (both(v), x ^ (x >> shift))).fold((0, 0), count)
    } else {
        let step = 1 << (bit - 6);
        (0..row.len().saturating_sub(step))
            .filter(|word| word & step == 0)
            .map(|word| (valid[word] & valid[word + step], row[word] ^ row[word + step]))
            .fold((0, 0), count)
    }
}

/// A dead line.
pub(super) struct Line {
    pub(super) bit: u32,
    pairs: u64,
    unlike: u64,
    log10_chance: f64,
}

/// The dead lines of a device, by its majority.
pub(super) fn lines(device: &Examined<'_>) -> Vec<Line> {
    let scan = device.scan();
    let cells = device.cells();
    // Words of one value are equal for another reason; the runs name them.
    let is_mixed = |word: u64| word != 0 && word != u64::MAX;
    let whole = |word: usize| u64::MAX >> (64 - (cells - 64 * word).min(64));
    let kept_of = |word: usize| scan.tally.kept().map_or(whole(word), |kept| kept.words()[word]);
    let row = scan.majority.words().iter().enumerate();
    let valid: Vec<u64> =
        row.map(|(word, &value)| if is_mixed(value) { kept_of(word) } else { 0 }).collect();
    let kept = scan.tally.kept_cells().max(1) as f64;
    let ones = scan.majority.weight() as f64 / kept;
    // Cells of one class of addresses are more alike than all, and a line may part none of them.
    let by_class = device.classes().strongest.first().map_or(0.25, |class| {
        let half = class.difference.abs() / 2.0;
        let [more, less] = [(ones + half).min(1.0), (ones - half).max(0.0)];
        (more * (1.0 - more) + less * (1.0 - less)) / 2.0
    });
    let half_by_chance = by_class.min(ones * (1.0 - ones));
    let bits = usize::BITS - cells.saturating_sub(1).leading_zeros();
    let line = |bit: u32| {
        let (pairs, unlike) = disagreements(scan.majority.words(), &valid, bit);
        let chance = log10_at_most(pairs as f64, half_by_chance, unlike as f64);
        let log10_chance = chance + libm::log10(f64::from(bits));
        (log10_chance < LOG10_ALARM).then_some(Line { bit, pairs, unlike, log10_chance })
    };
    (0..bits).filter_map(line).collect()
}

fn find(device: &Examined<'_>) -> Vec<Finding> {
    if device.is_dead() {
        return Vec::new();
    }
    let lines = lines(device);
    let Some(surest) = lines.iter().min_by(|a, b| a.log10_chance.total_cmp(&b.log10_chance)) else {
        return Vec::new();
    };
    let said: Vec<String> = lines
        .iter()
        .map(|line| {
            let unlike = 100.0 * line.unlike as f64 / line.pairs as f64;
            let name = if line.bit < 3 { "data line, bit" } else { "bit" };
            format!("{name} {} ({unlike:.2} % unlike)", line.bit)
        })
        .collect();
    let detail = format!(
        "cells are equal whether this bit of their number is set or not: {}; of {} cells {} are different ones",
        said.join(", "),
        device.cells(),
        device.cells() >> lines.len(),
    );
    let cells = copies(&lines, device.cells());
    let remedy = Remedy { cells: cells.clone(), ..Remedy::default() };
    vec![Finding {
        cells,
        detail,
        remedy,
        ..device.finding(Kind::DeadAddressLine, surest.log10_chance)
    }]
}

/// The cells that have one of the bits set; none where that would be too long a list.
fn copies(lines: &[Line], cells: usize) -> Vec<Range<usize>> {
    let lowest = lines.iter().map(|line| line.bit).min().unwrap_or(0);
    if cells >> lowest > 2 * MOST_RANGES {
        return Vec::new();
    }
    let mask = lines.iter().fold(0, |mask, line| mask | 1_usize << line.bit);
    let step = 1_usize << lowest;
    let set = (0..cells).step_by(step).filter(|start| start & mask != 0);
    super::finding::merged(set.map(|start| start..(start + step).min(cells)).collect())
}

#[cfg(test)]
mod tests {
    use super::super::test_sets::*;
    use super::*;
    use fuzzy_extractor::bits::BitString;

    /// Readouts through a memory whose line `bit` is stuck at 0.
    fn through(rows: &[BitString], bit: u32) -> Vec<BitString> {
        let cells = rows[0].len();
        rows.iter()
            .map(|row| (0..cells).map(|cell| row.get(cell & !(1 << bit))).collect())
            .collect()
    }

    #[test]
    fn a_dead_line_is_named_with_the_cells_that_are_copies() {
        let rows = clean(5000, 6, 1);
        for bit in [0, 2, 4, 5, 6, 9, 11] {
            let findings = examine(&through(&rows, bit));
            assert_eq!(kinds(&findings), [Kind::DeadAddressLine], "bit {bit}");
            assert!(findings[0].detail.contains(&format!("bit {bit} (0.00 % unlike)")));
            let copies = &findings[0].cells;
            assert_eq!(copies[0], 1 << bit..2 << bit);
            assert!(copies.iter().flat_map(Clone::clone).all(|cell| cell >> bit & 1 == 1));
        }
    }

    #[test]
    fn two_dead_lines_are_named_together() {
        let findings = examine(&through(&through(&clean(4096, 6, 2), 7), 10));
        assert_eq!(kinds(&findings), [Kind::DeadAddressLine]);
        assert!(findings[0].detail.ends_with("of 4096 cells 1024 are different ones"));
    }
}
