//! What differs from device to device of one process.
//!
//! The noise of a device, `lambda1_d`, is lognormal with the process's `lambda1` as its mean; its
//! threshold `lambda2_d` is normal about the process's `lambda2`,
//!
//! ```text
//! lambda1_d = lambda1 exp(s z - s^2/2),  s^2 = ln(1 + cv^2);    lambda2_d = lambda2 + sd z'.
//! ```
//!
//! Within a part type eight public data sets show a spread of `lambda1` of 3 to 5 %, with outliers;
//! the lognormal form is chosen, for positive values. A mean over a population hides what it does:
//! of a key that fails once in a million on average, the worst hundredth of the devices can carry
//! nearly all failures.

use super::lognormal::LogNormal;
use super::parameter::{ParameterError, check};

/// The law of variation between devices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VariationLaw {
    lambda1: LogNormal,
    lambda2_sd: f64,
}

impl VariationLaw {
    /// All devices alike.
    pub const OFF: Self = Self { lambda1: LogNormal::ONE, lambda2_sd: 0.0 };

    /// The coefficient of variation of `lambda1` (0 to 0.5) and the standard deviation of `lambda2`,
    /// in standard deviations of the skew (0 to 10).
    ///
    /// # Errors
    /// If one of them is no number or out of range.
    pub fn new(lambda1_cv: f64, lambda2_sd: f64) -> Result<Self, ParameterError> {
        Ok(Self {
            lambda1: LogNormal::new(check("lambda1_cv", lambda1_cv)?),
            lambda2_sd: check("lambda2_sd", lambda2_sd)?,
        })
    }

    /// Coefficient of variation of `lambda1`.
    #[must_use]
    pub fn lambda1_cv(&self) -> f64 {
        self.lambda1.cv()
    }

    /// Standard deviation of `lambda2`, in standard deviations of the skew.
    #[must_use]
    pub fn lambda2_sd(&self) -> f64 {
        self.lambda2_sd
    }

    /// `lambda1_d / lambda1` of the device at the quantile of the standard normal `z`: mean 1.
    #[must_use]
    pub fn lambda1_factor(&self, z: f64) -> f64 {
        self.lambda1.at(z)
    }

    /// `lambda2_d - lambda2` of the device with the standard normal variate `z`, in standard
    /// deviations of the skew.
    #[must_use]
    pub fn lambda2_shift(&self, z: f64) -> f64 {
        self.lambda2_sd * z
    }

    /// The law of `lambda1_d / lambda1`.
    pub(super) fn factor(&self) -> LogNormal {
        self.lambda1
    }
}

impl Default for VariationLaw {
    fn default() -> Self {
        Self::OFF
    }
}
