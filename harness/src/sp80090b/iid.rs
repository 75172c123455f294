//! Whether samples may be called independent and identically distributed (section 5).
//!
//! - [`chi_square`]: independence and goodness of fit (section 5.2).
//! - [`longest_repeat`]: the length of the longest repeated substring (section 5.2.5).
//! - [`permutation`]: 19 statistics of the sequence among those of its permutations (section 5.1).
//!
//! Each of them, and each of the 19 statistics, calls IID data something else about once in a thousand
//! times: one false alarm in fifty files is no surprise. Data that pass all are assessed by their most
//! common value alone (section 6.1).

pub mod chi_square;
pub mod longest_repeat;
pub mod permutation;
pub mod statistics;

use super::{Interrupted, Symbols, Z, most_common_value};

use chi_square::ChiSquare;
use longest_repeat::LongestRepeat;
use permutation::Permutation;

/// The chance of a false alarm of a chi-square test or of the longest repeat.
pub const ALPHA: f64 = 0.001;

/// What the tests find.
#[derive(Debug, Clone, PartialEq)]
pub struct Iid {
    /// Independence of successive samples.
    pub independence: ChiSquare,
    /// The same distribution in each tenth of the sequence.
    pub goodness_of_fit: ChiSquare,
    /// The longest repeated substring.
    pub longest_repeat: LongestRepeat,
    /// The permutation test.
    pub permutation: Permutation,
    /// Min-entropy per symbol by the most common value, of symbols and of their bits: what the
    /// assessment is if the samples are IID.
    pub min_entropy_if_iid: f64,
}

impl Iid {
    /// Whether all tests are passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.independence.passed()
            && self.goodness_of_fit.passed()
            && self.longest_repeat.passed()
            && self.permutation.passed()
    }
}

/// Samples without which the statistics are not defined: a lag of 32 blocks of 8 bits.
pub const MIN_SAMPLES: usize = 272;

/// Runs all tests. The result depends on the samples and on `seed` alone.
///
/// `goes_on` is told how many of the permutations are done, and may stop the work.
///
/// # Errors
/// [`IidError`].
pub fn test(
    symbols: &Symbols,
    seed: u64,
    goes_on: &mut dyn FnMut(usize) -> bool,
) -> Result<Iid, IidError> {
    if symbols.len() < MIN_SAMPLES {
        return Err(IidError::TooFew);
    }
    if symbols.alphabet_size() < 2 {
        return Err(IidError::OneSymbol);
    }
    let permutation = permutation::test(symbols, seed, permutation::PERMUTATIONS, goes_on)
        .map_err(|Interrupted| IidError::Interrupted)?;
    let (samples, alphabet) = (symbols.samples(), symbols.alphabet_size());
    let by_symbols = most_common_value::estimate(samples, Z).min_entropy;
    let by_bits = if alphabet > 2 {
        let of_bits = most_common_value::estimate(&symbols.bitstring(), Z).min_entropy;
        f64::from(symbols.bits()) * of_bits
    } else {
        by_symbols
    };
    Ok(Iid {
        independence: chi_square::independence(samples, alphabet),
        goodness_of_fit: chi_square::goodness_of_fit(samples, alphabet),
        longest_repeat: longest_repeat::test(samples, alphabet),
        permutation,
        min_entropy_if_iid: by_symbols.min(by_bits),
    })
}

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IidError {
    /// Fewer than [`MIN_SAMPLES`].
    TooFew,
    /// One symbol is all there is.
    OneSymbol,
    /// The caller asked to stop.
    Interrupted,
}

impl std::fmt::Display for IidError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooFew => write!(f, "the IID tests need {MIN_SAMPLES} samples"),
            Self::OneSymbol => write!(f, "one symbol is all there is"),
            Self::Interrupted => Interrupted.fmt(f),
        }
    }
}

impl std::error::Error for IidError {}
