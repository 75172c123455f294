//! Is this a reading at all? Refuses what a broken, shorted or never powered memory returns.
//!
//! These are tests of the source in the sense of SP 800-90B section 4, not estimates of entropy: a
//! reading that passes may still be biased.
//!
//! Thresholds are far outside what measured SRAM does (ones between 26 and 74 % over all published
//! parts): a die within that range, of 256 cells or more, is refused for its ones with probability
//! below 1e-9. Shorter readings are not examined.

use core::fmt;

use crate::response::Response;

/// Shortest reading that is examined; below, chance looks like a fault.
const MIN_CELLS: usize = 256;
/// Fewest and most ones, in percent.
const ONES_PERCENT: core::ops::RangeInclusive<usize> = 10..=90;
/// Longest distance at which a repetition is looked for: a page of 64 bytes.
const MAX_PERIOD: usize = 512;
/// A repetition is one when at least this many percent of the cells agree with their partner.
const REPETITION_PERCENT: usize = 95;

/// Why a reading cannot be a power-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthError {
    /// Every cell reads the same.
    Constant,
    /// Nearly every cell reads the same.
    Ones {
        /// Cells that read one.
        ones: usize,
        /// All cells.
        cells: usize,
    },
    /// The reading repeats itself.
    Repeated {
        /// Distance of the repetition in cells.
        period: usize,
    },
}

impl fmt::Display for HealthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("every cell reads the same"),
            Self::Ones { ones, cells } => write!(f, "{ones} ones among {cells} cells"),
            Self::Repeated { period } => write!(f, "the reading repeats every {period} cells"),
        }
    }
}

impl core::error::Error for HealthError {}

/// Examines a reading before it is enrolled.
///
/// # Errors
/// Says what shows that this is no power-up of working cells.
pub fn check(w: &Response) -> Result<(), HealthError> {
    let bits = w.expose();
    let cells = bits.len();
    if cells < MIN_CELLS {
        return Ok(());
    }
    let ones = bits.weight();
    if ones == 0 || ones == cells {
        return Err(HealthError::Constant);
    }
    if !ONES_PERCENT.contains(&(100 * ones / cells)) {
        return Err(HealthError::Ones { ones, cells });
    }
    let repeats = |period: usize| {
        let overlap = cells - period;
        let differing = bits.slice(0, overlap).distance(&bits.slice(period, overlap));
        100 * (overlap - differing) >= REPETITION_PERCENT * overlap
    };
    match (1..=MAX_PERIOD.min(cells - MIN_CELLS / 2)).find(|&period| repeats(period)) {
        Some(period) => Err(HealthError::Repeated { period }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::BitString;
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    fn verdict(cell: impl FnMut(usize) -> bool, cells: usize) -> Result<(), HealthError> {
        check(&Response::new((0..cells).map(cell).collect()))
    }

    #[test]
    fn broken_memories_are_named() {
        assert_eq!(verdict(|_| false, 2032), Err(HealthError::Constant));
        assert_eq!(verdict(|_| true, 256), Err(HealthError::Constant));
        assert_eq!(verdict(|_| true, 255), Ok(()), "too short to tell");
        assert_eq!(verdict(|i| i % 2 == 0, 2032), Err(HealthError::Repeated { period: 2 }));
        let ones = 1999;
        assert_eq!(verdict(|i| i >= 33, 2032), Err(HealthError::Ones { ones, cells: 2032 }));
    }

    #[test]
    fn a_repeated_page_is_found_through_noise() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let page = BitString::random(256, &mut rng);
        let noisy = verdict(|i| page.get(i % 256) ^ (rng.next_u32() % 50 == 0), 2032);
        assert_eq!(noisy, Err(HealthError::Repeated { period: 256 }));
    }

    /// The false alarms of the ones count, summed exactly at the worst measured bias.
    #[test]
    fn a_biased_die_is_refused_for_its_ones_less_than_once_in_1e9() {
        for cells in [MIN_CELLS, 2 * MIN_CELLS, 2226] {
            let mut weight = std::vec![0.0_f64; cells + 1];
            weight[0] = 1.0;
            for _ in 0..cells {
                for ones in (1..=cells).rev() {
                    weight[ones] = weight[ones] * 0.74 + weight[ones - 1] * 0.26;
                }
                weight[0] *= 0.74;
            }
            let refused: f64 = (0..=cells)
                .filter(|ones| !ONES_PERCENT.contains(&(100 * ones / cells)))
                .map(|ones| weight[ones])
                .sum();
            assert!(refused < 1e-9, "{cells} cells: {refused:e}");
        }
    }

    #[test]
    fn healthy_and_even_strongly_biased_readings_pass() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for ones_in_100 in [26, 50, 74] {
            for cells in [255, 256, 2032, 8192] {
                for _ in 0..50 {
                    let biased = verdict(|_| rng.next_u32() % 100 < ones_in_100, cells);
                    assert_eq!(biased, Ok(()), "{ones_in_100} % ones, {cells} cells");
                }
            }
        }
    }
}
