//! The restart tests (section 3.1.4): does a source that is switched on again and again begin alike?
//!
//! A matrix holds a restart in each row, 1000 rows of 1000 samples by the standard. Neither its rows
//! nor its columns may be much easier to guess than the initial estimate `H_I` says.

use super::order::{Matrix, Order};
use super::symbols::SymbolError;
use super::{Estimator, Interrupted, Sequence, sequence};
use crate::reliability::exact::binomial_tail;

/// What the restart tests find.
#[derive(Debug, Clone, PartialEq)]
pub struct Restart {
    /// The sanity check.
    pub sanity: Sanity,
    /// The assessment row by row; its least is `H_r`.
    pub rows: Sequence,
    /// The assessment column by column; its least is `H_c`.
    pub columns: Sequence,
    /// The initial estimate, `H_I`, in bits per sample.
    pub initial: f64,
    /// Whether the smaller of `H_r` and `H_c` is at least half of `H_I` (section 3.1.4.2).
    pub validated: bool,
    /// `min(H_r, H_c, H_I)`: what is left where both tests are passed.
    pub min_entropy: f64,
}

impl Restart {
    /// Whether both tests are passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.sanity.passed && self.validated
    }
}

/// The sanity check: is some value too frequent in a row or a column (section 3.1.4.3)?
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sanity {
    /// The chance of a false alarm that each row and column is allowed, 0.01 for all together.
    pub alpha: f64,
    /// Most occurrences of one value in a row, `X_r`.
    pub most_in_row: usize,
    /// Most occurrences of one value in a column, `X_c`.
    pub most_in_column: usize,
    /// The most occurrences in a row that pass.
    pub cutoff_in_row: usize,
    /// The most occurrences in a column that pass.
    pub cutoff_in_column: usize,
    /// Whether neither `X_r` nor `X_c` is beyond its cutoff.
    pub passed: bool,
}

/// Runs the restart tests on a matrix of restarts, a row each.
///
/// The samples are assessed as they are, not as a bit string, as in NIST's tool. For the cutoff the
/// standard takes the binomial distribution of one value of probability `2^-H_I`, and so do we; NIST's
/// tool simulates the most common of all values, which allows a few occurrences more.
///
/// # Errors
/// [`RestartError`].
pub fn test(
    matrix: &Matrix,
    initial: f64,
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<Restart, RestartError> {
    let assess = |order: Order, goes_on: &mut dyn FnMut() -> bool| {
        let symbols = matrix.symbols(order, 0).map_err(RestartError::Symbols)?;
        let (alphabet, bits) = (symbols.alphabet_size(), f64::from(symbols.bits()));
        if !(0.0..=bits).contains(&initial) {
            return Err(RestartError::Initial { bits: symbols.bits() });
        }
        sequence(symbols.samples(), alphabet, bits, &Estimator::ALL, goes_on)
            .map_err(|Interrupted| RestartError::Interrupted)
    };
    let rows = assess(Order::Row, goes_on)?;
    let columns = assess(Order::Column, goes_on)?;
    let least = rows.min_entropy.min(columns.min_entropy);
    Ok(Restart {
        sanity: sanity(matrix, initial)?,
        initial,
        validated: least >= initial / 2.0,
        min_entropy: least.min(initial),
        rows,
        columns,
    })
}

/// How often [`test()`] asks whether to go on.
pub const STEPS: usize = 2 * Estimator::ALL.len();

fn sanity(matrix: &Matrix, initial: f64) -> Result<Sanity, RestartError> {
    let (rows, columns) = (matrix.rows(), matrix.columns());
    let most = |order, length: usize| -> Result<usize, RestartError> {
        let symbols = matrix.symbols(order, 0).map_err(RestartError::Symbols)?;
        let in_piece =
            |piece: &[u8]| super::most_common_value::counts(piece).into_iter().max().unwrap_or(0);
        Ok(symbols.samples().chunks_exact(length).map(in_piece).max().unwrap_or(0))
    };
    let most_in_row = most(Order::Row, columns)?;
    let most_in_column = most(Order::Column, rows)?;
    // (1 - alpha)^(r + c) = 0.99.
    let alpha = 0.0 - libm::expm1(libm::log(0.99) / (rows + columns) as f64);
    let cutoff_in_row = cutoff(columns, initial, alpha);
    let cutoff_in_column = cutoff(rows, initial, alpha);
    let passed = most_in_row <= cutoff_in_row && most_in_column <= cutoff_in_column;
    Ok(Sanity { alpha, most_in_row, most_in_column, cutoff_in_row, cutoff_in_column, passed })
}

/// The most occurrences of a value of probability `2^-initial` among `samples` that come with
/// probability `alpha` or more.
fn cutoff(samples: usize, initial: f64, alpha: f64) -> usize {
    let p = libm::exp2(-initial);
    if p >= 1.0 {
        return samples;
    }
    // `P[X >= x]` falls with x: the last x at which it is not below alpha, by halving.
    let (mut passes, mut fails) = (0, samples + 1);
    while fails - passes > 1 {
        let x = passes + (fails - passes) / 2;
        if binomial_tail(samples, x - 1, p) >= alpha {
            passes = x;
        } else {
            fails = x;
        }
    }
    passes
}

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartError {
    /// The matrix holds no symbols.
    Symbols(SymbolError),
    /// An initial estimate that is no min-entropy of such a sample.
    Initial {
        /// Bits of a sample.
        bits: u32,
    },
    /// The caller asked to stop.
    Interrupted,
}

impl std::fmt::Display for RestartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Symbols(error) => error.fmt(f),
            Self::Initial { bits } => {
                write!(f, "an initial estimate is between 0 and {bits}, the bits of a sample")
            }
            Self::Interrupted => Interrupted.fmt(f),
        }
    }
}

impl std::error::Error for RestartError {}

#[cfg(test)]
mod tests {
    use super::*;
    use puf_emulator::seed::SeedTree;
    use rand_core::Rng as _;

    fn coins(rows: usize, columns: usize) -> Vec<u8> {
        let mut rng = SeedTree::from_seed(3).stream(0);
        (0..rows * columns).map(|_| u8::from(rng.next_u32() >> 31 == 1)).collect()
    }

    /// P[X >= 571] = 4.0e-6 and P[X >= 570] = 5.3e-6 for 1000 fair coins (scipy.stats.binom.sf).
    #[test]
    fn the_cutoff_of_fair_coins() {
        let alpha = 0.0 - libm::expm1(libm::log(0.99) / 2000.0);
        assert!((alpha - 5.025e-6).abs() < 1e-9);
        assert_eq!(cutoff(1000, 1.0, alpha), 570);
        assert_eq!(cutoff(1000, 0.0, alpha), 1000);
    }

    #[test]
    fn fair_coins_pass_and_equal_restarts_do_not() {
        let matrix = Matrix::new(coins(300, 300), 300, Some(1)).unwrap();
        let found = test(&matrix, 0.7, &mut || true).unwrap();
        assert!(found.passed(), "{:?}", found.sanity);
        assert!(found.min_entropy <= 0.7 && found.min_entropy > 0.5);

        let same = coins(1, 300).repeat(300);
        let matrix = Matrix::new(same, 300, Some(1)).unwrap();
        let found = test(&matrix, 0.7, &mut || true).unwrap();
        assert_eq!(found.sanity.most_in_column, 300);
        assert!(!found.sanity.passed && !found.validated && !found.passed());
    }

    #[test]
    fn an_estimate_beyond_the_sample_is_refused() {
        let matrix = Matrix::new(vec![0, 1, 1, 0], 2, Some(1)).unwrap();
        for initial in [-0.1, 1.1, f64::NAN] {
            let error = test(&matrix, initial, &mut || true).unwrap_err();
            assert_eq!(error, RestartError::Initial { bits: 1 });
        }
        assert_eq!(test(&matrix, 1.0, &mut || false), Err(RestartError::Interrupted));
    }
}
