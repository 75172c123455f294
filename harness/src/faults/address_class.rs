//! Ones that depend on the address of the cell.
//!
//! Many parts prefer 1 at some addresses and 0 at others, by the parity of a few address bits; over
//! all cells this cancels out and the fraction of ones looks fair. A Walsh-Hadamard transform of the
//! majority holds the difference of ones for every mask of address bits at once. For fair coins of the
//! device's bias each is normal; the alarm is at a chance of 1e-6 over all masks, and only where the
//! classes differ by one percent point or more.
//!
//! Sound silicon does this: the finding is advice.

use super::finding::{Finding, Kind};
use super::tail::LOG10_ALARM;
use super::{Detector, Examined};
use crate::fit::walsh;
use crate::metric::scan::Scan;

pub(super) const DETECTOR: Detector = Detector { kinds: &[Kind::AddressClass], find };

/// Cells that are transformed at most: masks reach the address bits below 20.
const MOST_BITS: u32 = 20;
/// Masks that are kept.
const MOST_MASKS: usize = 3;
/// Difference of ones that is worth a word.
const LEAST_DIFFERENCE: f64 = 0.01;

/// A class of addresses: those with an odd number of ones under a mask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Class {
    /// Which bits of the cell's number count.
    pub mask: usize,
    /// Ones per cell with an even number of bits, less those with an odd number.
    pub difference: f64,
    /// `log10` of the chance of so large a difference under any mask.
    pub log10_chance: f64,
}

/// What the address says of a cell's preferred value.
#[derive(Debug, Clone, PartialEq)]
pub struct Classes {
    /// Cells that were looked at, from the first on: a power of 2.
    pub cells: usize,
    /// The strongest masks, the strongest first.
    pub strongest: Vec<Class>,
}

impl Classes {
    /// Looks at the majority of at most 2^20 cells.
    pub(super) fn of(scan: &Scan) -> Self {
        let bits = scan.majority.len().checked_ilog2().unwrap_or(0).min(MOST_BITS);
        let cells = 1_usize << bits;
        let mut values = vec![0.0_f32; if scan.majority.is_empty() { 0 } else { cells }];
        let kept_cells = || (0..values.len()).filter(|&cell| scan.tally.keeps(cell));
        let kept = kept_cells().count();
        let ones = kept_cells().filter(|&cell| scan.majority.get(cell)).count();
        if ones == 0 || ones == kept {
            return Self { cells, strongest: Vec::new() };
        }
        let variance = 4.0 * ones as f64 * (kept - ones) as f64 / kept as f64;
        // Less their mean, for cells that are left out may themselves go by address.
        let one = 2.0 * (kept - ones) as f32 / kept as f32;
        let zero = -2.0 * ones as f32 / kept as f32;
        for cell in (0..values.len()).filter(|&cell| scan.tally.keeps(cell)) {
            values[cell] = if scan.majority.get(cell) { one } else { zero };
        }
        walsh::transform(&mut values);
        let mut masks: Vec<(usize, f32)> = values.into_iter().enumerate().skip(1).collect();
        let top = MOST_MASKS.min(masks.len());
        if top > 0 {
            masks.select_nth_unstable_by(top - 1, |(a, x), (b, y)| {
                y.abs().total_cmp(&x.abs()).then(a.cmp(b))
            });
        }
        let mut strongest: Vec<Class> = masks[..top]
            .iter()
            .map(|&(mask, sum)| {
                let sum = f64::from(sum);
                let log10_chance = log10_beyond(sum * sum / variance) + libm::log10(cells as f64);
                Class { mask, difference: sum / kept as f64, log10_chance }
            })
            .filter(|class| {
                class.log10_chance < LOG10_ALARM && class.difference.abs() >= LEAST_DIFFERENCE
            })
            .collect();
        strongest.sort_by(|a, b| b.difference.abs().total_cmp(&a.difference.abs()));
        Self { cells, strongest }
    }

    /// The class of a cell under the strongest mask: whether its number of bits is odd.
    pub(super) fn is_odd(&self, cell: usize) -> bool {
        self.strongest.first().is_some_and(|class| (cell & class.mask).count_ones() % 2 == 1)
    }
}

/// `log10` of twice the upper tail of a normal law at the root of `square`, bounded from above by
/// `2 exp(-square / 2)`.
fn log10_beyond(square: f64) -> f64 {
    std::f64::consts::LOG10_2 - square / 2.0 * std::f64::consts::LOG10_E
}

fn find(device: &Examined<'_>) -> Vec<Finding> {
    if device.is_dead() {
        return Vec::new();
    }
    let classes = device.classes();
    let Some(strongest) = classes.strongest.first() else { return Vec::new() };
    let said: Vec<String> = classes
        .strongest
        .iter()
        .map(|class| {
            let bits: Vec<String> = (0..MOST_BITS)
                .filter(|bit| class.mask >> bit & 1 == 1)
                .map(|bit| bit.to_string())
                .collect();
            let name = if bits.len() == 1 { "bit" } else { "bits" };
            format!("{:+.1} points by {name} {}", 100.0 * class.difference, bits.join(" xor "))
        })
        .collect();
    let detail = format!(
        "ones among cells of even less those of odd parity: {} of the cell's number, in the first {} cells",
        said.join(", "),
        classes.cells,
    );
    vec![Finding { detail, ..device.finding(Kind::AddressClass, strongest.log10_chance) }]
}

#[cfg(test)]
mod tests {
    use super::super::test_sets::*;
    use super::*;
    use puf_emulator::silicon::PolarityLaw;

    #[test]
    fn a_polarity_map_is_named_and_is_no_fault() {
        let process = typical().with_polarity(PolarityLaw::new(0b11_0000, 0.3, 0.0).unwrap());
        let findings = examine(&rows_of(process, 1 << 15, 5, 2));
        assert_eq!(kinds(&findings), [Kind::AddressClass]);
        assert!(findings[0].detail.contains("by bits 4 xor 5 of"), "{}", findings[0].detail);
        assert!(findings[0].remedy.is_empty());
    }
}
