//! Counts of the same cells in two conditions.

use std::collections::BTreeMap;

use super::counts::OneCounts;
use super::error::FitError;

/// The most readouts of either condition: a table of them all is fitted.
pub(super) const MOST_READOUTS: usize = 128;

/// How many cells read one `c1` times in `T1` readouts of a first condition and `c2` times in `T2` of
/// a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JointCounts {
    first_readouts: usize,
    second_readouts: usize,
    cells_with: Vec<u64>,
}

impl JointCounts {
    /// Adds up `(c1, c2, cells)`, in any order, a pair of counts as often as it comes.
    ///
    /// # Errors
    /// If either condition has no readout or more than 128 (give fewer of them), a count is larger
    /// than its number of readouts, or there is no cell.
    pub fn new(
        first_readouts: usize,
        second_readouts: usize,
        entries: impl IntoIterator<Item = (usize, usize, u64)>,
    ) -> Result<Self, FitError> {
        for readouts in [first_readouts, second_readouts] {
            if readouts < 1 {
                return Err(FitError::TooFewReadouts { readouts, least: 1 });
            }
            if readouts > MOST_READOUTS {
                return Err(FitError::TooManyReadouts { readouts, most: MOST_READOUTS });
            }
        }
        let mut cells_with = vec![0_u64; (first_readouts + 1) * (second_readouts + 1)];
        let mut total = 0_u64;
        for (first, second, cells) in entries {
            for (count, readouts) in [(first, first_readouts), (second, second_readouts)] {
                if count > readouts {
                    return Err(FitError::Count { count, readouts });
                }
            }
            // No entry is larger than the total, which is checked.
            total = total.checked_add(cells).ok_or(FitError::NoCells)?;
            cells_with[first * (second_readouts + 1) + second] += cells;
        }
        if total == 0 {
            return Err(FitError::NoCells);
        }
        Ok(Self { first_readouts, second_readouts, cells_with })
    }

    /// Counts the pairs of counts of cells.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_cells(
        first_readouts: usize,
        second_readouts: usize,
        counts: impl IntoIterator<Item = (usize, usize)>,
    ) -> Result<Self, FitError> {
        let mut table: BTreeMap<(usize, usize), u64> = BTreeMap::new();
        for pair in counts {
            *table.entry(pair).or_default() += 1;
        }
        let entries = table.into_iter().map(|((first, second), cells)| (first, second, cells));
        Self::new(first_readouts, second_readouts, entries)
    }

    /// Readouts of the first and of the second condition.
    #[must_use]
    pub fn readouts(&self) -> [usize; 2] {
        [self.first_readouts, self.second_readouts]
    }

    /// Number of cells.
    #[must_use]
    pub fn cells(&self) -> u64 {
        self.cells_with.iter().sum()
    }

    /// The table, row `c1` after row, `T2 + 1` entries each.
    #[must_use]
    pub fn cells_with(&self) -> &[u64] {
        &self.cells_with
    }

    /// The histograms of either condition alone.
    ///
    /// # Errors
    /// Never, of a table that could be made.
    pub fn margins(&self) -> Result<[OneCounts; 2], FitError> {
        let width = self.second_readouts + 1;
        let rows = self.cells_with.chunks(width);
        let first = rows.clone().map(|row| row.iter().sum()).collect();
        let second = (0..width).map(|c| rows.clone().map(|row| row[c]).sum()).collect();
        Ok([OneCounts::new(first)?, OneCounts::new(second)?])
    }

    /// Mean over cells of a function of the two counts, weighed by `numbers`: the cells, or what is
    /// expected of them.
    pub(super) fn mean(&self, numbers: &[f64], of: impl Fn(f64, f64) -> f64) -> f64 {
        let width = self.second_readouts + 1;
        let pairs = numbers.iter().enumerate();
        let sum: f64 = pairs.map(|(i, n)| n * of((i / width) as f64, (i % width) as f64)).sum();
        sum / numbers.iter().sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_are_the_histograms_of_each_condition() {
        let pairs = [(0, 0), (2, 3), (2, 3), (1, 0), (0, 2)];
        let joint = JointCounts::of_cells(2, 3, pairs).unwrap();
        let [first, second] = joint.margins().unwrap();
        assert_eq!(first.cells_with(), [2, 1, 2]);
        assert_eq!(second.cells_with(), [2, 0, 1, 2]);
        assert_eq!((joint.cells(), joint.readouts()), (5, [2, 3]));
        assert!(matches!(JointCounts::of_cells(2, 3, [(3, 0)]), Err(FitError::Count { .. })));
        assert_eq!(JointCounts::new(2, 3, []), Err(FitError::NoCells));
        assert!(matches!(JointCounts::new(0, 3, []), Err(FitError::TooFewReadouts { .. })));
    }
}
