//! Cells that keep their value while the power is off for a short time.
//!
//! Cell `i` holds what it held through an off-time below its retention time,
//!
//! ```text
//! tau_i = median(T) exp(log_sd z_i),    median(T) = median_reference 2^(-(T - T_reference) / halving),
//! fraction retained = Phi(-(ln(off) - ln median(T)) / log_sd).
//! ```
//!
//! S. Skorobogatov, *Low temperature data remanence in static RAM* (UCAM-CL-TR-536, 2002), measures
//! retention that grows with cold; A. Rahmati et al., *TARDIS* (USENIX Security 2012), use the decay as
//! a clock from seconds to hours and compensate it for temperature; D. Holcomb et al. fingerprint chips
//! by the retention of their cells. C. Cakir, M. Bhargava and K. Mai (CICC 2012, read in its
//! abstract) find half the bits of a 65 nm array retained after 44 ms at -40 degrees. The lognormal form
//! and the halving, which stands for leakage that doubles about every ten degrees, are recalled, not
//! re-checked. Left out: partial charge, which is [history](super::history), and the sign of it.

use super::environment::Environment;
use super::normal;
use super::parameter::{ParameterError, check, default};
use super::temperature::TemperatureLaw;

/// The law of remanence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RemanenceLaw {
    retention_seconds: f64,
    log_sd: f64,
    halving_celsius: f64,
}

impl RemanenceLaw {
    /// The median retention time at the reference temperature, in seconds (0 to 1e9, 0 for none), the
    /// standard deviation of its natural logarithm over cells (0.001 to 10), and the degrees of heat
    /// that halve it (0.1 to 1e9).
    ///
    /// # Errors
    /// If one of them is no number or out of range.
    pub fn new(
        retention_seconds: f64,
        log_sd: f64,
        halving_celsius: f64,
    ) -> Result<Self, ParameterError> {
        Ok(Self {
            retention_seconds: check("retention_seconds", retention_seconds)?,
            log_sd: check("retention_log_sd", log_sd)?,
            halving_celsius: check("retention_halving_celsius", halving_celsius)?,
        })
    }

    /// The median retention time at the reference temperature, in seconds.
    #[must_use]
    pub fn retention_seconds(&self) -> f64 {
        self.retention_seconds
    }

    /// The standard deviation of the logarithm of retention times over cells.
    #[must_use]
    pub fn log_sd(&self) -> f64 {
        self.log_sd
    }

    /// The degrees of heat that halve retention times.
    #[must_use]
    pub fn halving_celsius(&self) -> f64 {
        self.halving_celsius
    }

    /// The quantile of the standard normal law above which a cell's `z_i` keeps its value in
    /// `environment`: `(ln(off) - ln median(T)) / log_sd`, minus infinity for an off-time of 0.
    ///
    /// `None` if nothing is kept: no off-time is stated, or nothing is ever retained.
    #[must_use]
    pub fn quantile(&self, environment: &Environment, temperature: &TemperatureLaw) -> Option<f64> {
        let off = environment.off_seconds()?;
        if self.retention_seconds == 0.0 {
            return None;
        }
        let halvings = temperature.difference(environment) / self.halving_celsius;
        let median = libm::log(self.retention_seconds) - halvings * core::f64::consts::LN_2;
        Some((libm::log(off) - median) / self.log_sd)
    }

    /// Expected fraction of cells that keep their value in `environment`, 0 to 1.
    #[must_use]
    pub fn fraction(&self, environment: &Environment, temperature: &TemperatureLaw) -> f64 {
        self.quantile(environment, temperature).map_or(0.0, |quantile| normal::cdf(-quantile))
    }
}

impl Default for RemanenceLaw {
    /// Off.
    fn default() -> Self {
        Self {
            retention_seconds: default("retention_seconds"),
            log_sd: default("retention_log_sd"),
            halving_celsius: default("retention_halving_celsius"),
        }
    }
}
