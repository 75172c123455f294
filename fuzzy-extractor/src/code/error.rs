//! Why a code with these parameters cannot be built.

use core::fmt;

use super::MAX_BITS;
use super::bch::BchError;

/// Why a code with these parameters cannot be built, and what could be instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeError {
    /// A word of no bit, or of more than [`MAX_BITS`].
    Length {
        /// Bits asked for, `None` when not even that can be computed.
        n: Option<usize>,
    },
    /// Only `[23,12]` and `[24,12]` are Golay codes.
    Golay {
        /// Word length asked for.
        n: usize,
        /// Dimension asked for.
        k: usize,
    },
    /// No Hamming code, shortened or not, of this length and dimension.
    Hamming {
        /// Word length asked for.
        n: usize,
        /// Dimension asked for.
        k: usize,
        /// The dimension that this length has, if it has one.
        right: Option<usize>,
    },
    /// No BCH code of these parameters.
    Bch(BchError),
    /// The outer word cannot be cut into messages of the inner code.
    Grouping {
        /// Dimension of the inner code.
        inner_k: usize,
        /// Word length of the outer code.
        outer_n: usize,
    },
}

impl From<BchError> for CodeError {
    fn from(error: BchError) -> Self {
        Self::Bch(error)
    }
}

impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { n: Some(n) } => {
                write!(f, "a word of {n} bits; words here have 1 to {MAX_BITS}")
            }
            Self::Length { n: None } => {
                write!(f, "a word of more than 2^64 bits; words here have 1 to {MAX_BITS}")
            }
            // With d = 7 its 1 + 24 + 276 + 2024 = 2325 patterns of up to three errors would need as
            // many of the 2^11 syndromes.
            Self::Golay { n: 24, k: 13 } => f.write_str(
                "golay(24,13) cannot exist: three errors in 24 bits make 2325 patterns and \
                 n - k = 11 gives 2048 syndromes; golay(24,12) and golay(23,12) exist",
            ),
            Self::Golay { n, k } => {
                write!(f, "golay({n},{k}) does not exist; golay(23,12) and golay(24,12) do")
            }
            Self::Hamming { n, k, right: Some(right) } => {
                write!(f, "hamming({n},{k}) does not exist; hamming({n},{right}) does")
            }
            Self::Hamming { n, k, right: None } => {
                write!(f, "hamming({n},{k}) does not exist; n is 3 to 8191")
            }
            Self::Bch(error) => error.fmt(f),
            Self::Grouping { inner_k, outer_n } => write!(
                f,
                "the outer word of {outer_n} bits cannot be cut into inner messages of {inner_k}",
            ),
        }
    }
}

impl core::error::Error for CodeError {}
