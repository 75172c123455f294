//! NIST SP 800-90B: how much min-entropy a sequence of samples is assessed at.
//!
//! ```
//! use puflab::sp80090b::{self, Estimator, Symbols};
//!
//! let bits = (0..100_000_u64).map(|i| (i * i / 3 + i / 7) % 5 < 2);
//! let assessment = sp80090b::assess(&Symbols::from_bits(bits)?);
//! assert!(assessment.min_entropy < 1.0);
//! let (who, _) = assessment.least().expect("some estimator ran");
//! assert!(Estimator::ALL.contains(&who));
//! # Ok::<(), puflab::sp80090b::SymbolError>(())
//! ```
//!
//! - The ten estimators for sources that are not IID, section 6.3, one file each; the assessment is the
//!   least of them. For symbols of several bits the same is done for the bits of the symbols one after
//!   another, and the assessment is `min(H_original, n x H_bitstring)` (section 3.1.3).
//! - [`iid`]: the tests of section 5, whether the samples may be called independent and identically
//!   distributed.
//! - [`restart`]: the tests of section 3.1.4 on a matrix of restarts.
//! - [`order`]: the same cells by rows, by columns and shuffled. They differ: see below.
//!
//! # What it means
//!
//! The assessment is a lower bound in the worst of ten views, at 99 % confidence each. It never says
//! that a sequence is random, and its scale ends below 1: **perfect coins of a million bits are assessed
//! at 0.81 to 0.92 bit**, half of them below 0.85, mostly by the compression estimate (1000 seeds of
//! ChaCha8, from the first percentile to the last); of 20,000 bits at about 0.6.
//!
//! It sees one sequence in one order. **Cells that are alike in every chip, or along every column, look
//! like a perfect coin when they are read along rows.** For a PUF the order across devices is the one
//! that an attacker with another chip has; look at all orders, and at bit-aliasing.
//!
//! # Source, and what follows NIST's tool
//!
//! SP 800-90B, January 2018 (`[90B]`), and where that leaves something open NIST's own program,
//! `SP800-90B_EntropyAssessment` 1.1.7, to which all figures are compared: `z` with all its digits
//! ([`Z`]), ties between symbols, symbols numbered without gaps, dictionaries. Not done: the assessment
//! of conditioning components (section 3.1.5) and the health tests (section 4), which run in a source.

mod bound;
pub mod collision;
pub mod compression;
mod contexts;
pub mod iid;
pub mod lag;
pub mod lrs;
pub mod lz78y;
pub mod markov;
pub mod most_common_value;
pub mod multi_mcw;
pub mod multi_mmc;
#[cfg(test)]
mod oracle;
pub mod order;
pub mod prediction;
pub mod repeats;
pub mod restart;
mod suffixes;
mod symbols;
pub mod t_tuple;

use std::fmt;

pub use bound::{Z, min_entropy, upper_bound};
pub use symbols::{FirstBit, MAX_SAMPLES, SymbolError, Symbols, unpack};

use repeats::Repeats;

/// Samples that the standard asks for (section 3.1.1); of fewer an assessment is only an indication.
pub const RECOMMENDED_SAMPLES: usize = 1_000_000;

/// The estimators of section 6.3, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Estimator {
    /// Section 6.3.1.
    MostCommonValue,
    /// Section 6.3.2, bits only.
    Collision,
    /// Section 6.3.3, bits only.
    Markov,
    /// Section 6.3.4, bits only.
    Compression,
    /// Section 6.3.5.
    TTuple,
    /// Section 6.3.6.
    Lrs,
    /// Section 6.3.7.
    MultiMcw,
    /// Section 6.3.8.
    Lag,
    /// Section 6.3.9.
    MultiMmc,
    /// Section 6.3.10.
    Lz78y,
}

impl Estimator {
    /// All ten.
    pub const ALL: [Self; 10] = [
        Self::MostCommonValue,
        Self::Collision,
        Self::Markov,
        Self::Compression,
        Self::TTuple,
        Self::Lrs,
        Self::MultiMcw,
        Self::Lag,
        Self::MultiMmc,
        Self::Lz78y,
    ];

    /// Its name in documents and on command lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MostCommonValue => "most_common_value",
            Self::Collision => "collision",
            Self::Markov => "markov",
            Self::Compression => "compression",
            Self::TTuple => "t_tuple",
            Self::Lrs => "lrs",
            Self::MultiMcw => "multi_mcw",
            Self::Lag => "lag",
            Self::MultiMmc => "multi_mmc",
            Self::Lz78y => "lz78y",
        }
    }

    /// Its name on a page.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::MostCommonValue => "most common value",
            Self::Collision => "collision",
            Self::Markov => "Markov",
            Self::Compression => "compression",
            Self::TTuple => "t-tuple",
            Self::Lrs => "longest repeated substring",
            Self::MultiMcw => "most common in window",
            Self::Lag => "lag prediction",
            Self::MultiMmc => "Markov model prediction",
            Self::Lz78y => "LZ78Y prediction",
        }
    }

    /// Whether it is defined for bits only.
    #[must_use]
    pub fn bits_only(self) -> bool {
        matches!(self, Self::Collision | Self::Markov | Self::Compression)
    }
}

/// A number that an estimate is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    /// A count.
    Count(usize),
    /// Any other number.
    Real(f64),
}

/// What an estimator finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Min-entropy per sample in bits, 0 to the width of a sample.
    pub min_entropy: f64,
    /// The numbers on the way, named as the standard names them.
    pub figures: Vec<(&'static str, Figure)>,
}

/// Why an estimator has nothing to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// Too few samples.
    TooFew {
        /// As many are needed.
        needed: usize,
    },
    /// It is for bits, and these are symbols.
    BitsOnly,
    /// One symbol is all there is.
    OneSymbol,
    /// No symbol occurs often enough.
    NoFrequentTuple {
        /// As often is needed.
        cutoff: u32,
    },
    /// No tuple repeats but those of the t-tuple estimate.
    NoLongRepeat,
    /// It was not asked for.
    NotAsked,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { needed } => write!(f, "too few samples: it needs {needed}"),
            Self::BitsOnly => write!(f, "defined for bits only: see the bit string"),
            Self::OneSymbol => write!(f, "one symbol is all there is"),
            Self::NoFrequentTuple { cutoff } => write!(f, "no symbol occurs {cutoff} times"),
            Self::NoLongRepeat => {
                write!(f, "no tuple repeats beyond those of the t-tuple estimate")
            }
            Self::NotAsked => write!(f, "not asked for"),
        }
    }
}

/// What the estimators say of one sequence over one alphabet.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// Samples in it.
    pub samples: usize,
    /// The least of the estimates, at most the width of a sample.
    pub min_entropy: f64,
    /// All ten, in the order of the standard.
    pub estimates: Vec<(Estimator, Result<Estimate, LeftOut>)>,
}

impl Sequence {
    /// The estimate of an estimator, if it has one.
    #[must_use]
    pub fn estimate(&self, estimator: Estimator) -> Option<&Estimate> {
        self.estimates.iter().find(|(e, _)| *e == estimator)?.1.as_ref().ok()
    }

    /// The estimator that decides, and its estimate.
    #[must_use]
    pub fn least(&self) -> Option<(Estimator, f64)> {
        self.estimates
            .iter()
            .filter_map(|(estimator, found)| Some((*estimator, found.as_ref().ok()?.min_entropy)))
            .min_by(|(_, a), (_, b)| a.total_cmp(b))
    }
}

/// An assessment of a sequence of symbols.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// Bits of a symbol, `n`.
    pub bits_per_symbol: u32,
    /// How many different symbols occur, `k`.
    pub alphabet: usize,
    /// The symbols as they are: `H_original` is its least.
    pub original: Sequence,
    /// Their bits one after another, where more than two symbols occur: `H_bitstring` is its least.
    pub bitstring: Option<Sequence>,
    /// Min-entropy per symbol: `min(H_original, n x H_bitstring)`.
    pub min_entropy: f64,
}

impl Assessment {
    /// The estimator that decides among those of the symbols, and its estimate.
    #[must_use]
    pub fn least(&self) -> Option<(Estimator, f64)> {
        self.original.least()
    }
}

/// The caller asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Assesses symbols by all ten estimators.
#[must_use]
pub fn assess(symbols: &Symbols) -> Assessment {
    let assessed = assess_some(symbols, &Estimator::ALL, &mut || true);
    // Nobody asked to stop.
    assessed.unwrap_or_else(|Interrupted| unreachable!("no interruption was asked for"))
}

/// Assesses symbols by some of the estimators.
///
/// `goes_on` is asked before each estimator, [`steps`] times in all, and may stop the work.
///
/// # Errors
/// [`Interrupted`], if `goes_on` said no.
pub fn assess_some(
    symbols: &Symbols,
    wanted: &[Estimator],
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<Assessment, Interrupted> {
    let (bits, alphabet) = (symbols.bits(), symbols.alphabet_size());
    let original = sequence(symbols.samples(), alphabet, f64::from(bits), wanted, goes_on)?;
    let bitstring = if alphabet > 2 {
        Some(sequence(&symbols.bitstring(), 2, 1.0, wanted, goes_on)?)
    } else {
        None
    };
    let by_bits = bitstring.as_ref().map_or(f64::INFINITY, |b| f64::from(bits) * b.min_entropy);
    let min_entropy = original.min_entropy.min(by_bits);
    Ok(Assessment { bits_per_symbol: bits, alphabet, original, bitstring, min_entropy })
}

/// How often [`assess_some`] asks whether to go on.
#[must_use]
pub fn steps(symbols: &Symbols) -> usize {
    Estimator::ALL.len() * if symbols.alphabet_size() > 2 { 2 } else { 1 }
}

/// Assesses a sequence of samples numbered from 0 below `alphabet`, each of at most `most` bits.
fn sequence(
    samples: &[u8],
    alphabet: usize,
    most: f64,
    wanted: &[Estimator],
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<Sequence, Interrupted> {
    let mut repeats = None;
    let mut estimates = Vec::with_capacity(Estimator::ALL.len());
    for estimator in Estimator::ALL {
        if !goes_on() {
            return Err(Interrupted);
        }
        let found = if wanted.contains(&estimator) {
            estimate(estimator, samples, alphabet, &mut repeats)
        } else {
            Err(LeftOut::NotAsked)
        };
        estimates.push((estimator, found));
    }
    let found = estimates.iter().filter_map(|(_, found)| found.as_ref().ok());
    let min_entropy = found.map(|found| found.min_entropy).fold(most, f64::min);
    Ok(Sequence { samples: samples.len(), min_entropy, estimates })
}

fn estimate(
    estimator: Estimator,
    samples: &[u8],
    alphabet: usize,
    repeats: &mut Option<Repeats>,
) -> Result<Estimate, LeftOut> {
    if samples.len() < 2 {
        return Err(LeftOut::TooFew { needed: 2 });
    }
    if alphabet < 2 && estimator != Estimator::MostCommonValue {
        return Err(LeftOut::OneSymbol);
    }
    if alphabet > 2 && estimator.bits_only() {
        return Err(LeftOut::BitsOnly);
    }
    // Two estimators share the count.
    let count = || Repeats::count(samples, alphabet);
    match estimator {
        Estimator::MostCommonValue => Ok(most_common_value::estimate(samples, Z).into()),
        Estimator::Collision => collision::estimate(samples, Z).map(Estimate::from),
        Estimator::Markov => Ok(markov::estimate(samples).into()),
        Estimator::Compression => {
            let parameters = compression::Parameters::default();
            compression::estimate(samples, parameters, Z).map(Estimate::from)
        }
        Estimator::TTuple => {
            t_tuple::estimate(repeats.get_or_insert_with(count), t_tuple::CUTOFF, Z)
                .map(Estimate::from)
        }
        Estimator::Lrs => {
            let repeats = repeats.get_or_insert_with(count);
            lrs::estimate(repeats, t_tuple::CUTOFF, Z).map(Estimate::from)
        }
        Estimator::MultiMcw => {
            multi_mcw::estimate(samples, alphabet, &multi_mcw::WINDOWS, Z).map(Estimate::from)
        }
        Estimator::Lag => lag::estimate(samples, alphabet, lag::D, Z).map(Estimate::from),
        Estimator::MultiMmc => {
            multi_mmc::estimate(samples, alphabet, multi_mmc::D, Z).map(Estimate::from)
        }
        Estimator::Lz78y => lz78y::estimate(samples, alphabet, lz78y::B, Z).map(Estimate::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Input of the worked examples of sections 6.3.2 to 6.3.4.
    pub(super) const FORTY_BITS: [u8; 40] = [
        1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0,
        1, 0, 1, 0, 1, 0, 1, 1, 1, 0,
    ];

    /// Input of the worked examples of sections 6.3.5 and 6.3.6.
    pub(super) const TERNARY: [u8; 21] =
        [2, 2, 0, 1, 0, 2, 0, 1, 2, 1, 2, 0, 1, 2, 1, 0, 0, 1, 0, 0, 0];

    #[test]
    fn names_are_distinct() {
        for (i, estimator) in Estimator::ALL.iter().enumerate() {
            assert!(Estimator::ALL[..i].iter().all(|other| other.name() != estimator.name()));
        }
    }

    #[test]
    fn one_symbol_has_no_entropy() {
        let assessment = assess(&Symbols::from_values(vec![3; 5000], None).unwrap());
        assert!(assessment.min_entropy.abs() < 1e-300);
        assert_eq!(assessment.least(), Some((Estimator::MostCommonValue, 0.0)));
        assert_eq!(assessment.original.estimates[8].1, Err(LeftOut::OneSymbol));
    }

    #[test]
    fn complementing_bits_leaves_all_but_ties_and_the_dictionary_s_first_bits() {
        let bits = |flip: bool| {
            Symbols::from_bits((0..30_000_u64).map(move |i| ((i * i / 3 + i / 7) % 5 < 2) ^ flip))
        };
        let (one, other) = (assess(&bits(false).unwrap()), assess(&bits(true).unwrap()));
        for estimator in Estimator::ALL {
            // A tie of two counts is decided for the larger symbol.
            if matches!(estimator, Estimator::MultiMmc | Estimator::Lz78y) {
                continue;
            }
            let h = |a: &Assessment| a.original.estimate(estimator).unwrap().min_entropy;
            assert!((h(&one) - h(&other)).abs() < 1e-9, "{estimator:?}");
        }
    }

    #[test]
    fn what_was_not_asked_for_is_left_out() {
        let symbols = Symbols::from_bits((0..100).map(|i| i % 3 == 0)).unwrap();
        let mut asked = 0;
        let mut goes_on = || {
            asked += 1;
            true
        };
        let some = assess_some(&symbols, &[Estimator::Markov], &mut goes_on).unwrap();
        assert_eq!(some.original.estimates.iter().filter(|(_, found)| found.is_ok()).count(), 1);
        assert_eq!(asked, steps(&symbols));
        assert_eq!(assess_some(&symbols, &Estimator::ALL, &mut || false), Err(Interrupted));
    }
}
