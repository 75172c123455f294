//! What differs from one readout to the next of the same cells.
//!
//! Readout `j` has a noise scale and an offset of all its cells,
//!
//! ```text
//! k_j lognormal with mean 1,    o_j ~ N(0, sd^2), and the first readout's offset on top where j = 0.
//! ```
//!
//! On measured parts the noise varies by 5 to 7 % between readouts on three and not at all on two.
//! The first readout after a board was connected lies 11 to 47 % away from all the others on several
//! parts, and has 10 to 30 % more errors on others; an offset of 0.4 skews does that.

use super::lognormal::LogNormal;
use super::parameter::{ParameterError, check};

/// The law of readouts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadoutLaw {
    scale: LogNormal,
    offset_sd: f64,
    first_offset: f64,
}

impl ReadoutLaw {
    /// All readouts alike.
    pub const OFF: Self = Self { scale: LogNormal::ONE, offset_sd: 0.0, first_offset: 0.0 };

    /// The coefficient of variation of the noise (0 to 0.5), the standard deviation of the offset (0
    /// to 10) and the offset of the first readout (-10 to 10), both in standard deviations of the
    /// skew.
    ///
    /// # Errors
    /// If one of them is no number or out of range.
    pub fn new(scale_cv: f64, offset_sd: f64, first_offset: f64) -> Result<Self, ParameterError> {
        Ok(Self {
            scale: LogNormal::new(check("readout_scale_cv", scale_cv)?),
            offset_sd: check("readout_offset_sd", offset_sd)?,
            first_offset: check("first_readout_offset", first_offset)?,
        })
    }

    /// Coefficient of variation of the noise between readouts.
    #[must_use]
    pub fn scale_cv(&self) -> f64 {
        self.scale.cv()
    }

    /// Standard deviation of the offset over readouts, in standard deviations of the skew.
    #[must_use]
    pub fn offset_sd(&self) -> f64 {
        self.offset_sd
    }

    /// What the first readout's offset has more, in standard deviations of the skew.
    #[must_use]
    pub fn first_offset(&self) -> f64 {
        self.first_offset
    }

    /// `(k_j, o_j)` of readout `readout_index` with the standard normal variates `z_scale` and
    /// `z_offset`; the offset in standard deviations of the skew, positive towards 1.
    #[must_use]
    pub fn of(&self, z_scale: f64, z_offset: f64, readout_index: u64) -> (f64, f64) {
        let first = if readout_index == 0 { self.first_offset } else { 0.0 };
        (self.scale.at(z_scale), self.offset_sd * z_offset + first)
    }

    /// The law of `k_j`.
    pub(super) fn scale(&self) -> LogNormal {
        self.scale
    }
}

impl Default for ReadoutLaw {
    fn default() -> Self {
        Self::OFF
    }
}
