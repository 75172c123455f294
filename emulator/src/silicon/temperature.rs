//! What temperature does to a cell.
//!
//! R. Maes, *An accurate probabilistic reliability model for silicon PUFs* (CHES 2013, ePrint
//! 2013/376): beside its skew every cell has a temperature coefficient, and the skew in units of the
//! noise moves along it,
//!
//! ```text
//! u(T) = u(T_reference) + z' * (T - T_reference) / theta,    z' ~ N(0,1), fixed per cell.
//! ```
//!
//! Left out: the noise itself, which falls about as the square root of the absolute temperature, and
//! the heavy tail of the drift. A Gaussian drift gets the bit error rate right and under-predicts
//! the cells that flip for good.

use super::environment::{CELSIUS, Environment};
use super::parameter::{ParameterError, within};

/// The law of temperature: one scale, the same for heat and cold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemperatureLaw {
    theta_celsius: f64,
    reference_celsius: f64,
}

impl TemperatureLaw {
    /// `theta_celsius`, the temperature step in degrees that moves a cell with `z' = 1` by one
    /// standard deviation of the noise (0.01 to 1e9; the larger, the less temperature matters), and
    /// the temperature at which the other parameters hold, in degrees Celsius (-273.15 to 1000).
    ///
    /// # Errors
    /// If one of them is no number or out of range.
    pub fn new(theta_celsius: f64, reference_celsius: f64) -> Result<Self, ParameterError> {
        Ok(Self {
            theta_celsius: within("theta_celsius", theta_celsius, 0.01..=1e9)?,
            reference_celsius: within("reference_celsius", reference_celsius, CELSIUS)?,
        })
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

    /// `(T - T_reference) / theta`: the standard deviation over cells of what the step to
    /// `environment` does to `u`, with the sign of the step.
    #[must_use]
    pub fn step(&self, environment: &Environment) -> f64 {
        let celsius = environment.temperature_celsius().unwrap_or(self.reference_celsius);
        (celsius - self.reference_celsius) / self.theta_celsius
    }
}

impl Default for TemperatureLaw {
    /// Theta of 30 degrees about 25 degrees Celsius: what two STM32F401 boards measure between 23
    /// and -18 degrees (30.4 and 29.6 from their bit error rates of 6.19 % and 6.15 % to the
    /// majority at 23 degrees).
    fn default() -> Self {
        Self { theta_celsius: 30.0, reference_celsius: 25.0 }
    }
}
