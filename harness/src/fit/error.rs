//! What data do not tell.

use std::fmt;

/// Why there is no estimate.
#[derive(Debug, Clone, PartialEq)]
pub enum FitError {
    /// A parameter of the model leaves no trace in so few readouts.
    TooFewReadouts {
        /// How many there are.
        readouts: usize,
        /// How many it takes.
        least: usize,
    },
    /// More than can be taken.
    TooManyReadouts {
        /// How many there are.
        readouts: usize,
        /// The most that are taken.
        most: usize,
    },
    /// No cell, or more than can be counted.
    NoCells,
    /// A count of ones larger than the number of readouts.
    Count {
        /// The count.
        count: usize,
        /// The number of readouts.
        readouts: usize,
    },
    /// Tables that do not belong together.
    Shape {
        /// Which.
        what: &'static str,
        /// Entries that it should have.
        expected: usize,
        /// Entries that it has.
        found: usize,
    },
    /// Every cell reads the same value in every readout: neither noise nor bias has left a trace.
    OneValue,
    /// No cell ever flipped: all that is known of the noise is that it is small.
    NoUnstableCell {
        /// Above it, with 95 % confidence, `lambda1` is not: a cell would have flipped.
        lambda1_upper: f64,
        /// The threshold, taking the noise as none.
        lambda2: f64,
    },
    /// Cells do not differ beyond chance: the noise is more than can be told in units of the skew.
    NoSkew,
    /// The likelihood has no maximum that was found.
    NoMaximum,
    /// A profile cannot be made of this.
    Profile(puf_emulator::silicon::profile::ProfileError),
    /// A profile of no device.
    NoDevice,
}

impl fmt::Display for FitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewReadouts { readouts, least } => {
                write!(f, "a fit takes {least} readouts or more, not {readouts}")
            }
            Self::TooManyReadouts { readouts, most } => {
                write!(f, "{readouts} readouts, where {most} are the most")
            }
            Self::NoCells => f.write_str("no cells, or too many to count"),
            Self::Count { count, readouts } => write!(f, "{count} ones in {readouts} readouts"),
            Self::Shape { what, expected, found } => {
                write!(f, "{what} has {found} entries, {expected} are expected")
            }
            Self::OneValue => f.write_str("every cell reads the same value in every readout"),
            Self::NoUnstableCell { lambda1_upper, .. } => {
                write!(f, "no cell ever flipped; lambda1 is below {lambda1_upper:.2e} (95 %)")
            }
            Self::NoSkew => f.write_str("cells do not differ beyond chance"),
            Self::NoMaximum => f.write_str("the likelihood has no maximum that was found"),
            Self::Profile(_) => f.write_str("no profile can be made of the fits"),
            Self::NoDevice => f.write_str("a profile takes a device"),
        }
    }
}

impl std::error::Error for FitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Profile(error) => Some(error),
            _ => None,
        }
    }
}
