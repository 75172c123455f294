//! Drift with age whatever a cell holds.
//!
//! Beside the wear of [ageing](super::ageing), which moves a cell away from the value it rests at,
//! measured cells drift both ways. Here every cell has a direction and a speed of its own,
//!
//! ```text
//! z'' wander(t),    wander(t) = sd (t / t_reference)^exponent,    z'' of unit variance, fixed per cell,
//! ```
//!
//! with `z''` a [mixture](super::drift) of two normals: as over temperature, a few cells drift
//! further. The power-law clock is that of ageing (recalled, not re-checked); a cell that walked at
//! random would have an exponent of one half and no fixed direction, which is left out.

use super::drift::TwoComponent;
use super::environment::Environment;
use super::parameter::{ParameterError, check, default};

/// The law of wander: a spread known at one age, and the clock that takes it to others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WanderLaw {
    sd: f64,
    reference_years: f64,
    exponent: f64,
    coefficient: TwoComponent,
}

impl WanderLaw {
    /// The standard deviation over cells, in standard deviations of the skew (0 to 10), that
    /// `reference_years` of age bring (0.001 to 1000), and the exponent of the clock (0.01 to 2).
    ///
    /// # Errors
    /// If one of them is no number or out of range.
    pub fn new(sd: f64, reference_years: f64, exponent: f64) -> Result<Self, ParameterError> {
        Ok(Self {
            sd: check("wander_sd", sd)?,
            reference_years: check("wander_reference_years", reference_years)?,
            exponent: check("wander_exponent", exponent)?,
            coefficient: TwoComponent::NORMAL,
        })
    }

    /// The same with another law of the cells' coefficients.
    #[must_use]
    pub fn with_coefficient(self, coefficient: TwoComponent) -> Self {
        Self { coefficient, ..self }
    }

    /// Standard deviation over cells at the reference age, in standard deviations of the skew.
    #[must_use]
    pub fn sd(&self) -> f64 {
        self.sd
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

    /// The law of `z''` over cells.
    #[must_use]
    pub fn coefficient(&self) -> &TwoComponent {
        &self.coefficient
    }

    /// `wander(t)`: the standard deviation over cells at the age of `environment`, in standard
    /// deviations of the skew; 0 for silicon that has not aged.
    #[must_use]
    pub fn spread(&self, environment: &Environment) -> f64 {
        self.sd * libm::pow(environment.age_years() / self.reference_years, self.exponent)
    }
}

impl Default for WanderLaw {
    /// Off.
    fn default() -> Self {
        Self {
            sd: 0.0,
            reference_years: default("wander_reference_years"),
            exponent: default("wander_exponent"),
            coefficient: TwoComponent::NORMAL,
        }
    }
}
