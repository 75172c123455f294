//! What temperature does to a cell.
//!
//! R. Maes, *An accurate probabilistic reliability model for silicon PUFs* (CHES 2013, ePrint
//! 2013/376): beside its skew every cell has a temperature coefficient, and the skew in units of the
//! noise at the reference moves along it,
//!
//! ```text
//! u(T) = u(T_reference) + z' * (T - T_reference) / theta,    z' of unit variance, fixed per cell.
//! ```
//!
//! With Maes `z'` is normal; on measured boards a few cells move further than that, which a
//! [mixture](super::drift) of two normals describes. The noise of a readout itself goes with the
//! absolute temperature,
//!
//! ```text
//! noise(T) = noise(T_reference) * (T / T_reference)^exponent,
//! ```
//!
//! on the same boards about with its square root, as thermal noise does.

use super::drift::TwoComponent;
use super::environment::Environment;
use super::parameter::{GREATEST_THETA, ParameterError, check, default};

/// The law of temperature: one scale, the same for heat and cold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemperatureLaw {
    theta_celsius: f64,
    reference_celsius: f64,
    coefficient: TwoComponent,
    noise_exponent: f64,
}

impl TemperatureLaw {
    /// `theta_celsius`, the temperature step in degrees that moves a cell with `z' = 1` by one
    /// standard deviation of the noise (0.01 to 1e9; the larger, the less temperature matters, and at
    /// 1e9 it moves nothing), and the temperature at which the other parameters hold, in degrees
    /// Celsius (-273.15 to 1000). Coefficients are normal and the noise is the same at every
    /// temperature.
    ///
    /// # Errors
    /// If one of them is no number or out of range.
    pub fn new(theta_celsius: f64, reference_celsius: f64) -> Result<Self, ParameterError> {
        Ok(Self {
            theta_celsius: check("theta_celsius", theta_celsius)?,
            reference_celsius: check("reference_celsius", reference_celsius)?,
            coefficient: TwoComponent::NORMAL,
            noise_exponent: default("noise_temperature_exponent"),
        })
    }

    /// The same with another law of the cells' coefficients `z'`.
    #[must_use]
    pub fn with_coefficient(self, coefficient: TwoComponent) -> Self {
        Self { coefficient, ..self }
    }

    /// The same with a noise that goes with this power of the absolute temperature (-4 to 4; 0 for no
    /// change).
    ///
    /// # Errors
    /// If it is no number or out of range.
    pub fn with_noise_exponent(self, noise_exponent: f64) -> Result<Self, ParameterError> {
        Ok(Self { noise_exponent: check("noise_temperature_exponent", noise_exponent)?, ..self })
    }

    /// The temperature scale theta, in degrees.
    #[must_use]
    pub fn theta_celsius(&self) -> f64 {
        self.theta_celsius
    }

    /// The reference temperature, in degrees Celsius.
    #[must_use]
    pub fn reference_celsius(&self) -> f64 {
        self.reference_celsius
    }

    /// The law of `z'` over cells.
    #[must_use]
    pub fn coefficient(&self) -> &TwoComponent {
        &self.coefficient
    }

    /// The exponent of the absolute temperature in the noise.
    #[must_use]
    pub fn noise_exponent(&self) -> f64 {
        self.noise_exponent
    }

    /// `T - T_reference`, in degrees.
    #[must_use]
    pub fn difference(&self, environment: &Environment) -> f64 {
        self.celsius(environment) - self.reference_celsius
    }

    /// `(T - T_reference) / theta`: the standard deviation over cells of what the step to
    /// `environment` does to `u`, with the sign of the step.
    #[must_use]
    pub fn step(&self, environment: &Environment) -> f64 {
        if self.theta_celsius == GREATEST_THETA {
            return 0.0;
        }
        self.difference(environment) / self.theta_celsius
    }

    /// The noise in `environment` over that of the reference.
    ///
    /// Below a hundredth of a kelvin temperatures count as that, so that absolute zero leaves some
    /// noise.
    #[must_use]
    pub fn noise_scale(&self, environment: &Environment) -> f64 {
        let kelvin = |celsius: f64| (celsius - ABSOLUTE_ZERO_CELSIUS).max(0.01);
        let ratio = kelvin(self.celsius(environment)) / kelvin(self.reference_celsius);
        libm::pow(ratio, self.noise_exponent)
    }

    fn celsius(&self, environment: &Environment) -> f64 {
        environment.temperature_celsius().unwrap_or(self.reference_celsius)
    }
}

impl Default for TemperatureLaw {
    /// Theta of 30 degrees about 25 degrees Celsius: what two STM32F401 boards measure between 23
    /// and -18 degrees (30.4 and 29.6 from their bit error rates of 6.19 % and 6.15 % to the
    /// majority at 23 degrees).
    fn default() -> Self {
        Self {
            theta_celsius: default("theta_celsius"),
            reference_celsius: default("reference_celsius"),
            coefficient: TwoComponent::NORMAL,
            noise_exponent: default("noise_temperature_exponent"),
        }
    }
}

const ABSOLUTE_ZERO_CELSIUS: f64 = -273.15;
