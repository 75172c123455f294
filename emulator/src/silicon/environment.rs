//! Where and when a power-up happens.

use super::parameter::{CELSIUS, ParameterError, RAMP_US, within};

/// The conditions of a power-up: the temperature of the die, the age it has reached, how fast the
/// supply rises and how long it was off.
///
/// The default is the reference of every process: its own reference temperature, whatever that is in
/// degrees, age 0, its own reference rise time, and an off-time after which nothing is retained.
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
    supply_ramp_us: Option<f64>,
    off_seconds: Option<f64>,
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

    /// The same with a supply that rises in `supply_ramp_us` microseconds, 0.001 to 1e9.
    ///
    /// # Errors
    /// If it is no number or out of range.
    pub fn ramped_in_us(self, supply_ramp_us: f64) -> Result<Self, ParameterError> {
        let ramp = within("supply_ramp_us", supply_ramp_us, RAMP_US)?;
        Ok(Self { supply_ramp_us: Some(ramp), ..self })
    }

    /// The same after `off_seconds` seconds without power, 0 to 1e9; cells may still hold what they
    /// held before.
    ///
    /// # Errors
    /// If it is no number or out of range.
    pub fn off_for_seconds(self, off_seconds: f64) -> Result<Self, ParameterError> {
        let off = within("off_seconds", off_seconds, 0.0..=1e9)?;
        Ok(Self { off_seconds: Some(off), ..self })
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

    /// Rise time of the supply in microseconds; `None` is the reference rise time of the process.
    #[must_use]
    pub fn supply_ramp_us(&self) -> Option<f64> {
        self.supply_ramp_us
    }

    /// Time without power before, in seconds; `None` is long enough for nothing to be retained.
    #[must_use]
    pub fn off_seconds(&self) -> Option<f64> {
        self.off_seconds
    }
}
