//! What age does to a cell.
//!
//! Negative-bias temperature instability weakens the transistor that holds a value, so a cell that
//! rests holding `x` drifts towards powering up as the opposite,
//!
//! ```text
//! u(t) = u(0) - delta(t) * (2x - 1),    delta(t) = delta_reference * (t / t_reference)^exponent.
//! ```
//!
//! A negative `delta` is anti-ageing: the cell rests holding the opposite of what it should keep.
//! The power-law clock has exponents of 0.16 to 0.25 in the literature (recalled, not re-checked).
//! Left out: recovery and the temperature of storage. Drift that does not depend on the value held is
//! [wander](super::wander).

use super::environment::Environment;
use super::parameter::{ParameterError, check, default};

/// The law of ageing: a shift known at one age, and the clock that takes it to others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgeingLaw {
    delta_reference: f64,
    reference_years: f64,
    exponent: f64,
}

impl AgeingLaw {
    /// The shift `delta_reference`, in standard deviations of the readout noise (-1000 to 1000),
    /// that `reference_years` of age bring (0.001 to 1000), and the exponent of the clock (0.01 to
    /// 2).
    ///
    /// # Errors
    /// If one of them is no number or out of range.
    pub fn new(
        delta_reference: f64,
        reference_years: f64,
        exponent: f64,
    ) -> Result<Self, ParameterError> {
        Ok(Self {
            delta_reference: check("ageing_delta", delta_reference)?,
            reference_years: check("ageing_reference_years", reference_years)?,
            exponent: check("ageing_exponent", exponent)?,
        })
    }

    /// The shift at the reference age, in standard deviations of the readout noise.
    #[must_use]
    pub fn delta_reference(&self) -> f64 {
        self.delta_reference
    }

    /// The reference age, in years.
    #[must_use]
    pub fn reference_years(&self) -> f64 {
        self.reference_years
    }

    /// The exponent of the clock.
    #[must_use]
    pub fn exponent(&self) -> f64 {
        self.exponent
    }

    /// `delta(t)`: the shift at the age of `environment`, in standard deviations of the readout
    /// noise; 0 for silicon that has not aged.
    #[must_use]
    pub fn delta(&self, environment: &Environment) -> f64 {
        let clock = environment.age_years() / self.reference_years;
        self.delta_reference * libm::pow(clock, self.exponent)
    }
}

impl Default for AgeingLaw {
    /// 0.205692 at two years, exponent 0.2: the shift that reproduces the rise of the bit error rate
    /// from 2.49 % to 2.97 % in the field test of 16 boards over two years of R. Wang et al. (2020).
    fn default() -> Self {
        Self {
            delta_reference: default("ageing_delta"),
            reference_years: default("ageing_reference_years"),
            exponent: default("ageing_exponent"),
        }
    }
}
