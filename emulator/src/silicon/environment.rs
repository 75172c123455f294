//! Where and when a power-up happens.

use super::parameter::{ParameterError, within};

/// The conditions of a power-up: the temperature of the die and the age it has reached.
///
/// The default is the reference of every process: its own reference temperature, whatever that is
/// in degrees, and age 0.
///
/// ```
/// use puf_emulator::silicon::Environment;
///
/// let field = Environment::default().at_celsius(-40.0)?.aged_years(2.0)?;
/// assert_eq!(field.temperature_celsius(), Some(-40.0));
/// assert!(Environment::default().at_celsius(-300.0).is_err());
/// # Ok::<(), puf_emulator::silicon::ParameterError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Environment {
    temperature_celsius: Option<f64>,
    age_years: f64,
}

impl Environment {
    /// Temperature in degrees Celsius, -273.15 to 1000, and age in years, 0 to 1000.
    ///
    /// # Errors
    /// If one of them is no number or out of range.
    pub fn new(temperature_celsius: f64, age_years: f64) -> Result<Self, ParameterError> {
        Self::default().at_celsius(temperature_celsius)?.aged_years(age_years)
    }

    /// The same at another temperature, in degrees Celsius, -273.15 to 1000.
    ///
    /// # Errors
    /// If it is no number or out of range.
    pub fn at_celsius(self, temperature_celsius: f64) -> Result<Self, ParameterError> {
        let temperature = within("temperature_celsius", temperature_celsius, CELSIUS)?;
        Ok(Self { temperature_celsius: Some(temperature), ..self })
    }

    /// The same at another age, in years since manufacture, 0 to 1000.
    ///
    /// # Errors
    /// If it is no number or out of range.
    pub fn aged_years(self, age_years: f64) -> Result<Self, ParameterError> {
        Ok(Self { age_years: within("age_years", age_years, 0.0..=1000.0)?, ..self })
    }

    /// Temperature in degrees Celsius; `None` is the reference temperature of the process.
    #[must_use]
    pub fn temperature_celsius(&self) -> Option<f64> {
        self.temperature_celsius
    }

    /// Age in years since manufacture.
    #[must_use]
    pub fn age_years(&self) -> f64 {
        self.age_years
    }
}

/// From absolute zero to where no die is left.
pub(super) const CELSIUS: core::ops::RangeInclusive<f64> = -273.15..=1000.0;
