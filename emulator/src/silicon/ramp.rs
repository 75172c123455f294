//! What the rise time of the supply does to a power-up.
//!
//! M. Cortez, S. Hamdioui, A. Kaichouhi, V. van der Leest, R. Maes and G.-J. Schrijen (*Intelligent
//! voltage ramp-up time adaptation for temperature noise reduction on memory-based PUF systems*, read
//! in its abstract) make noise up to three times smaller by fitting the rise time to the temperature:
//! a cell's skew depends on both, much as temperature and rise time each move it. Which way a cell
//! moves is its own; so the form is that of temperature, over the logarithm of the time,
//!
//! ```text
//! u(t) = u(t_reference) + z_R log2(t / t_reference) / theta,    z_R ~ N(0,1), fixed per cell,
//! noise(t) = noise(t_reference) (t / t_reference)^exponent.
//! ```
//!
//! Both forms are chosen, not measured. Left out: that the direction of a cell may go together with
//! its temperature coefficient, on which the adaptation of that paper rests.

use super::environment::Environment;
use super::parameter::{GREATEST_THETA, ParameterError, check, default};

/// The law of the supply's rise time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RampLaw {
    reference_us: f64,
    theta_octaves: f64,
    noise_exponent: f64,
}

impl RampLaw {
    /// The rise time at which the other parameters hold, in microseconds (0.001 to 1e9), the
    /// number of its doublings that moves a cell with `z_R = 1` by one standard deviation of the
    /// noise (0.01 to 1e9, which moves nothing), and the exponent of the noise (-4 to 4).
    ///
    /// # Errors
    /// If one of them is no number or out of range.
    pub fn new(
        reference_us: f64,
        theta_octaves: f64,
        noise_exponent: f64,
    ) -> Result<Self, ParameterError> {
        Ok(Self {
            reference_us: check("ramp_reference_us", reference_us)?,
            theta_octaves: check("ramp_theta_octaves", theta_octaves)?,
            noise_exponent: check("ramp_noise_exponent", noise_exponent)?,
        })
    }

    /// The reference rise time, in microseconds.
    #[must_use]
    pub fn reference_us(&self) -> f64 {
        self.reference_us
    }

    /// The scale of the rise time, in octaves.
    #[must_use]
    pub fn theta_octaves(&self) -> f64 {
        self.theta_octaves
    }

    /// The exponent of the rise time in the noise.
    #[must_use]
    pub fn noise_exponent(&self) -> f64 {
        self.noise_exponent
    }

    /// `log2(t / t_reference) / theta`: the standard deviation over cells of what the rise time of
    /// `environment` does to `u`, positive for a slower one.
    #[must_use]
    pub fn step(&self, environment: &Environment) -> f64 {
        if self.theta_octaves == GREATEST_THETA {
            return 0.0;
        }
        libm::log2(self.ratio(environment)) / self.theta_octaves
    }

    /// The noise in `environment` over that of the reference.
    #[must_use]
    pub fn noise_scale(&self, environment: &Environment) -> f64 {
        libm::pow(self.ratio(environment), self.noise_exponent)
    }

    fn ratio(&self, environment: &Environment) -> f64 {
        environment.supply_ramp_us().unwrap_or(self.reference_us) / self.reference_us
    }
}

impl Default for RampLaw {
    /// Off.
    fn default() -> Self {
        Self {
            reference_us: default("ramp_reference_us"),
            theta_octaves: default("ramp_theta_octaves"),
            noise_exponent: default("ramp_noise_exponent"),
        }
    }
}
