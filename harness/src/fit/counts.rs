//! How many cells read one how often.

use super::error::FitError;

/// The most readouts that a fit takes: its time grows in proportion.
pub const MAX_READOUTS: usize = 1 << 20;

/// Histogram of the one-counts of cells: entry `c` of `0..=T` is the number of cells that read one in
/// `c` of `T` readouts.
///
/// Cells that are left out (constant runs, a debugger's bytes) are in no entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneCounts {
    cells_with: Vec<u64>,
    cells: u64,
}

impl OneCounts {
    /// Takes the histogram, an entry for each count from 0 to the number of readouts.
    ///
    /// # Errors
    /// If there is no readout, more than [`MAX_READOUTS`], or no cell.
    pub fn new(cells_with: Vec<u64>) -> Result<Self, FitError> {
        let readouts = cells_with.len().saturating_sub(1);
        if readouts < 1 {
            return Err(FitError::TooFewReadouts { readouts, least: 1 });
        }
        if readouts > MAX_READOUTS {
            return Err(FitError::TooManyReadouts { readouts, most: MAX_READOUTS });
        }
        let cells = cells_with.iter().try_fold(0_u64, |sum, &n| sum.checked_add(n));
        match cells {
            None | Some(0) => Err(FitError::NoCells),
            Some(cells) => Ok(Self { cells_with, cells }),
        }
    }

    /// Counts the counts of cells, each from 0 to `readouts`.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if a count is larger than `readouts`.
    pub fn of_cells(
        readouts: usize,
        counts: impl IntoIterator<Item = usize>,
    ) -> Result<Self, FitError> {
        if readouts > MAX_READOUTS {
            return Err(FitError::TooManyReadouts { readouts, most: MAX_READOUTS });
        }
        let mut cells_with = vec![0; readouts + 1];
        for count in counts {
            let cells = cells_with.get_mut(count).ok_or(FitError::Count { count, readouts })?;
            *cells += 1;
        }
        Self::new(cells_with)
    }

    /// Number `T` of readouts.
    #[must_use]
    pub fn readouts(&self) -> usize {
        self.cells_with.len() - 1
    }

    /// Number of cells.
    #[must_use]
    pub fn cells(&self) -> u64 {
        self.cells
    }

    /// The histogram, `T + 1` entries.
    #[must_use]
    pub fn cells_with(&self) -> &[u64] {
        &self.cells_with
    }

    /// Cells that read both values.
    #[must_use]
    pub fn unstable(&self) -> u64 {
        self.cells_with[1..self.readouts()].iter().sum()
    }

    /// Mean over cells and readouts of the value read, ideally 0.5.
    #[must_use]
    pub fn ones_fraction(&self) -> f64 {
        self.mean(|count| count) / self.readouts() as f64
    }

    /// Fraction of differing values over all pairs of readouts of a cell, and all cells; 0 for a
    /// single readout. Unbiased for the bit error rate between two readouts.
    #[must_use]
    pub fn pairwise_disagreement(&self) -> f64 {
        let readouts = self.readouts() as f64;
        if self.readouts() < 2 {
            return 0.0;
        }
        self.mean(|ones| 2.0 * ones * (readouts - ones)) / (readouts * (readouts - 1.0))
    }

    /// Mean over cells of a function of the count.
    fn mean(&self, of: impl Fn(f64) -> f64) -> f64 {
        let sum: f64 = self
            .cells_with
            .iter()
            .enumerate()
            .map(|(count, &cells)| of(count as f64) * cells as f64)
            .sum();
        sum / self.cells as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_cells() {
        let counts = OneCounts::of_cells(3, [0, 0, 1, 3, 2, 3]).unwrap();
        assert_eq!(counts.cells_with(), [2, 1, 1, 2]);
        assert_eq!((counts.cells(), counts.readouts(), counts.unstable()), (6, 3, 2));
        assert!((counts.ones_fraction() - 0.5).abs() < 1e-15);
        // One of three pairs agrees in each of the two unstable cells.
        assert!((counts.pairwise_disagreement() - 2.0 / 6.0 * (2.0 / 3.0)).abs() < 1e-15);
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        assert_eq!(OneCounts::new(vec![]), Err(FitError::TooFewReadouts { readouts: 0, least: 1 }));
        assert_eq!(
            OneCounts::new(vec![5]),
            Err(FitError::TooFewReadouts { readouts: 0, least: 1 })
        );
        assert_eq!(OneCounts::new(vec![0, 0]), Err(FitError::NoCells));
        assert_eq!(OneCounts::new(vec![u64::MAX, 1]), Err(FitError::NoCells));
        let count = FitError::Count { count: 4, readouts: 3 };
        assert_eq!(OneCounts::of_cells(3, [4]), Err(count));
    }
}
