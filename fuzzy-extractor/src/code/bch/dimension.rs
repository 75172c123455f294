//! Which BCH codes there are.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::gf2m::{Field, MAX_DEGREE};

/// A BCH code among those of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BchDimension {
    /// Message length in bits.
    pub k: usize,
    /// The largest designed number of correctable errors of the codes of this dimension.
    pub t: usize,
}

impl fmt::Display for BchDimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (t={})", self.k, self.t)
    }
}

/// Why there is no such BCH code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BchError {
    /// The length is not in 3..=8191.
    Length {
        /// Word length asked for.
        n: usize,
    },
    /// No code of this length has this dimension.
    Dimension {
        /// Word length asked for.
        n: usize,
        /// Dimension asked for.
        k: usize,
        /// Errors asked for.
        t: usize,
        /// The code of this length that corrects so many errors, if `t` is not zero.
        with_t: Option<BchDimension>,
        /// The next smaller dimension.
        below: Option<BchDimension>,
        /// The next larger dimension.
        above: Option<BchDimension>,
    },
    /// The code of this length and dimension has another largest designed `t`.
    Errors {
        /// Word length asked for.
        n: usize,
        /// Errors asked for.
        t: usize,
        /// The code there is.
        right: BchDimension,
        /// The code of this length that corrects so many errors, if `t` is not zero.
        with_t: Option<BchDimension>,
    },
}

impl fmt::Display for BchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { n } => {
                write!(f, "bch codes have n from 3 to {}, not {n}", (1 << MAX_DEGREE) - 1)
            }
            Self::Dimension { n, k, t, with_t, below, above } => {
                write!(f, "bch({n},{k},{t}) does not exist: {}", WithT(t, with_t))?;
                match (below, above) {
                    (Some(below), Some(above)) => {
                        write!(f, "the nearest k are {below} and {above}")
                    }
                    (Some(near), None) | (None, Some(near)) => write!(f, "the nearest k is {near}"),
                    (None, None) => write!(f, "no code has length {n}"),
                }
            }
            Self::Errors { n, t, right, with_t } => {
                write!(f, "bch({n},{},{t}) does not exist: {}", right.k, WithT(t, with_t))?;
                write!(f, "k={} has t={}", right.k, right.t)
            }
        }
    }
}

impl core::error::Error for BchError {}

/// The part of a refusal that says what the asked `t` has.
struct WithT(usize, Option<BchDimension>);

impl fmt::Display for WithT {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(0, _) => f.write_str("t is at least 1; "),
            Self(t, Some(found)) if found.t == t => write!(f, "t={t} has k={}; ", found.k),
            Self(t, Some(found)) => write!(f, "t={t} is reached by k={found}; "),
            Self(t, None) => write!(f, "no code of this length has t={t}; "),
        }
    }
}

/// The field of the codes of length `n`.
pub(super) fn field_for(n: usize) -> Result<Field, BchError> {
    Field::for_length(n).filter(|_| n >= 3).ok_or(BchError::Length { n })
}

/// Refuses parameters that no code over this field has.
pub(super) fn check(field: &Field, n: usize, k: usize, t: usize) -> Result<(), BchError> {
    let dimensions = shortened(field, n);
    let with_t = dimensions.iter().copied().find(|found| t > 0 && found.t >= t);
    match dimensions.iter().find(|found| found.k == k) {
        Some(found) if found.t == t => Ok(()),
        Some(&right) => Err(BchError::Errors { n, t, right, with_t }),
        None => Err(BchError::Dimension {
            n,
            k,
            t,
            with_t,
            below: dimensions.iter().copied().find(|found| found.k < k),
            above: dimensions.iter().rev().copied().find(|found| found.k > k),
        }),
    }
}

/// The codes of length `n`, largest dimension first.
pub(super) fn of_length(n: usize) -> Vec<BchDimension> {
    field_for(n).map(|field| shortened(&field, n)).unwrap_or_default()
}

/// The codes of the field's full length that have message bits left after dropping all past `n`.
fn shortened(field: &Field, n: usize) -> Vec<BchDimension> {
    let dropped = field.order() - n;
    primitive(field)
        .into_iter()
        .filter(|full| full.k > dropped)
        .map(|full| BchDimension { k: full.k - dropped, t: full.t })
        .collect()
}

/// The codes of length `2^m - 1`, largest dimension first.
///
/// Each odd exponent whose coset is not among the roots yet ends the reach of the code before it.
fn primitive(field: &Field) -> Vec<BchDimension> {
    let n = field.order();
    let mut is_root = vec![false; n];
    let mut k = n;
    let mut codes = Vec::new();
    for exponent in (1..n).step_by(2) {
        if is_root[exponent] {
            continue;
        }
        // The roots so far include alpha^1 .. alpha^(exponent - 1).
        codes.push(BchDimension { k, t: exponent / 2 });
        for conjugate in field.cyclotomic_coset(exponent) {
            is_root[conjugate] = true;
            k -= 1;
        }
    }
    codes.push(BchDimension { k, t: n / 2 });
    // The first entry is the whole space, which corrects nothing.
    codes.retain(|code| code.t > 0);
    codes
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[track_caller]
    fn refused(n: usize, k: usize, t: usize, expected: &str) {
        let error = field_for(n).and_then(|field| check(&field, n, k, t)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn refusals_name_what_is_right() {
        refused(
            255,
            132,
            18,
            "bch(255,132,18) does not exist: t=18 has k=131; \
             the nearest k are 131 (t=18) and 139 (t=15)",
        );
        refused(
            255,
            131,
            17,
            "bch(255,131,17) does not exist: t=17 is reached by k=131 (t=18); k=131 has t=18",
        );
        refused(318, 174, 18, "bch(318,174,18) does not exist: t=18 has k=165; k=174 has t=17");
        refused(
            255,
            248,
            0,
            "bch(255,248,0) does not exist: t is at least 1; the nearest k is 247 (t=1)",
        );
        refused(
            15,
            0,
            9,
            "bch(15,0,9) does not exist: no code of this length has t=9; the nearest k is 1 (t=7)",
        );
        refused(8192, 1, 1, "bch codes have n from 3 to 8191, not 8192");
        refused(2, 1, 1, "bch codes have n from 3 to 8191, not 2");
    }

    #[test]
    fn dimensions_of_length_15_are_the_textbook_ones() {
        let found: Vec<_> = of_length(15).iter().map(|c| (c.k, c.t)).collect();
        assert_eq!(found, [(11, 1), (7, 2), (5, 3), (1, 7)]);
        assert_eq!(of_length(2), []);
        assert_eq!(of_length(8192), []);
    }
}
