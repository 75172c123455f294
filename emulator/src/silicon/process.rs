//! The process: the laws that the cells of a die are drawn from, and what follows from them.
//!
//! The two-parameter cell of R. Maes, *An accurate probabilistic reliability model for silicon PUFs*
//! (CHES 2013, ePrint 2013/376): a skew `z ~ N(0,1)` fixed per cell against noise that is fresh at
//! each power-up. The cell powers up as 1 with probability `p = Phi(u)`,
//!
//! ```text
//! u = (z - lambda2) / lambda1.
//! ```
//!
//! `lambda1` is the noise in units of the skew, `lambda2` the skew of the whole die towards 0
//! (Kusters and Willems write the other sign for `lambda2`).
//!
//! Probabilities here are over cells and readouts: expectations of a large population. They are
//! ground truth, for whoever predicts or judges, never for a verifier.

use core::f64::consts::PI;

use super::ageing::AgeingLaw;
use super::environment::Environment;
use super::normal;
use super::parameter::{ParameterError, within};
use super::temperature::TemperatureLaw;

/// The parameters of a die's cells, checked.
///
/// ```
/// use puf_emulator::silicon::{Environment, Process};
///
/// let process = Process::from_ber(0.15)?;
/// assert!((process.lambda1() - 0.349752).abs() < 1e-6);
/// // Which bit error rate? Against another readout, or against the value a cell prefers:
/// assert!((process.ber() - 0.15).abs() < 1e-15);
/// assert!((process.ber_to_dominant() - 0.1071).abs() < 1e-4);
/// # Ok::<(), puf_emulator::silicon::ParameterError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Process {
    lambda1: f64,
    lambda2: f64,
    temperature: TemperatureLaw,
    ageing: AgeingLaw,
}

impl Process {
    /// Noise `lambda1` (1e-6 to 100) and bias `lambda2` (-10 to 10), with a law of temperature and
    /// one of ageing.
    ///
    /// # Errors
    /// If one of them is no number or out of range.
    pub fn new(
        lambda1: f64,
        lambda2: f64,
        temperature: TemperatureLaw,
        ageing: AgeingLaw,
    ) -> Result<Self, ParameterError> {
        Ok(Self {
            lambda1: within("lambda1", lambda1, LAMBDA1)?,
            lambda2: within("lambda2", lambda2, -10.0..=10.0)?,
            temperature,
            ageing,
        })
    }

    /// The unbiased process with bit error rate `ber` between two readouts:
    /// `lambda1 = sqrt(1 / cos(pi ber) - 1)`, with the default laws of temperature and ageing.
    ///
    /// # Errors
    /// If `ber` is no number or outside 5e-7 to 0.49996, where `lambda1` would leave its range.
    pub fn from_ber(ber: f64) -> Result<Self, ParameterError> {
        let angle = PI * within("ber", ber, 5e-7..=0.499_96)?;
        // 1 - cos = 2 sin^2(angle / 2), which keeps its digits for a small angle.
        let half_sin = libm::sin(angle / 2.0);
        let lambda1 = libm::sqrt(2.0 * half_sin * half_sin / libm::cos(angle));
        Self::new(lambda1, 0.0, TemperatureLaw::default(), AgeingLaw::default())
    }

    /// The same cells under another law of temperature.
    #[must_use]
    pub fn with_temperature(self, temperature: TemperatureLaw) -> Self {
        Self { temperature, ..self }
    }

    /// The same cells under another law of ageing.
    #[must_use]
    pub fn with_ageing(self, ageing: AgeingLaw) -> Self {
        Self { ageing, ..self }
    }

    /// The standard deviation of a readout's noise, in units of that of the skews.
    #[must_use]
    pub fn lambda1(&self) -> f64 {
        self.lambda1
    }

    /// The threshold between 0 and 1, in units of the standard deviation of the skews; positive for
    /// a die that prefers 0.
    #[must_use]
    pub fn lambda2(&self) -> f64 {
        self.lambda2
    }

    /// What temperature does.
    #[must_use]
    pub fn temperature(&self) -> &TemperatureLaw {
        &self.temperature
    }

    /// What age does.
    #[must_use]
    pub fn ageing(&self) -> &AgeingLaw {
        &self.ageing
    }

    /// Expected fraction of ones in a fresh readout at the reference temperature, ideally 0.5:
    /// `Phi(-lambda2 / sqrt(1 + lambda1^2))`.
    #[must_use]
    pub fn bias(&self) -> f64 {
        normal::cdf(-self.lambda2 / libm::sqrt(1.0 + self.lambda1 * self.lambda1))
    }

    /// Bit error rate between two fresh readouts at the reference temperature; for `lambda2 = 0`,
    /// `arccos(1 / (1 + lambda1^2)) / pi`.
    #[must_use]
    pub fn ber(&self) -> f64 {
        self.ber_at(&Environment::default())
    }

    /// Bit error rate between a fresh readout and the values the cells prefer, both at the reference
    /// temperature; for `lambda2 = 0`, `arctan(lambda1) / pi`.
    #[must_use]
    pub fn ber_to_dominant(&self) -> f64 {
        self.ber_to_dominant_at(&Environment::default())
    }

    /// Bit error rate between an enrolment readout `x`, taken fresh at the reference temperature, and
    /// a readout `y` in `environment`, the cells having aged while holding `x`.
    ///
    /// With `A ~ N(-lambda2/lambda1, 1 + 1/lambda1^2)` deciding `x` and `B ~ N(-lambda2/lambda1,
    /// 1 + 1/lambda1^2 + step^2)` deciding `y`, covariance `1/lambda1^2`, it is
    ///
    /// ```text
    /// Pr[A > 0, B < delta] + Pr[A < 0, B > -delta],
    /// ```
    ///
    /// where `step` is that of [`TemperatureLaw::step`] and `delta` that of [`AgeingLaw::delta`].
    /// Accurate to about 1e-13 relative.
    #[must_use]
    pub fn ber_at(&self, environment: &Environment) -> f64 {
        self.disagreement(1.0, environment)
    }

    /// As [`ber_at`](Self::ber_at), where `x` is what each fresh cell prefers at the reference
    /// temperature: an enrolment by the majority of many readouts. For `lambda2 = 0` and no age,
    /// `arctan(lambda1 sqrt(1 + step^2)) / pi`.
    #[must_use]
    pub fn ber_to_dominant_at(&self, environment: &Environment) -> f64 {
        self.disagreement(0.0, environment)
    }

    /// The sum of the two quadrants of [`ber_at`](Self::ber_at), everything in units of the skew;
    /// `enrolment_noise` is the variance of the enrolment's noise in units of a readout's.
    fn disagreement(&self, enrolment_noise: f64, environment: &Environment) -> f64 {
        let condition = self.condition(environment);
        let noise = self.lambda1 * self.lambda1;
        let enrolled = noise * enrolment_noise;
        let later = noise * (1.0 + condition.temperature_step * condition.temperature_step);
        // tan of the angle whose cosine is the correlation 1 / sqrt((1 + enrolled) (1 + later)).
        let angle = libm::atan(libm::sqrt(enrolled + later + enrolled * later));

        let a = self.lambda2 / libm::sqrt(1.0 + enrolled);
        let b = |shift: f64| (self.lambda2 + self.lambda1 * shift) / libm::sqrt(1.0 + later);
        let ones_lost = normal::quadrant(a, b(condition.ageing_delta), angle);
        let zeros_lost = normal::quadrant(-a, -b(-condition.ageing_delta), angle);
        ones_lost + zeros_lost
    }

    /// What `environment` means for every cell of this process.
    pub(super) fn condition(&self, environment: &Environment) -> Condition {
        Condition {
            temperature_step: self.temperature.step(environment),
            ageing_delta: self.ageing.delta(environment),
        }
    }

    /// The latent `u` of one cell: it powers up as 1 with probability `Phi(u)`.
    ///
    /// The one place where the laws come together, each a term in units of the readout noise. The
    /// richer model that measured silicon asks for (a polarity by address, an offset and a noise
    /// scale of a readout, a drift of two components, the value held before) adds its terms here and
    /// its per-cell quantities to [`Cell`].
    pub(super) fn latent(&self, cell: &Cell, condition: &Condition) -> f64 {
        let skew = (cell.skew - self.lambda2) / self.lambda1;
        let drift = cell.temperature_coefficient * condition.temperature_step;
        let wear = if cell.held { -condition.ageing_delta } else { condition.ageing_delta };
        skew + drift + wear
    }
}

/// What is fixed in a cell when its life is known.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    /// `z`, in standard deviations over cells.
    pub(super) skew: f64,
    /// `z'`, in standard deviations over cells.
    pub(super) temperature_coefficient: f64,
    /// The value `x` it held while it aged.
    pub(super) held: bool,
}

/// What a condition does to every cell.
#[derive(Clone, Copy)]
pub(super) struct Condition {
    /// [`TemperatureLaw::step`].
    pub(super) temperature_step: f64,
    /// [`AgeingLaw::delta`].
    pub(super) ageing_delta: f64,
}

const LAMBDA1: core::ops::RangeInclusive<f64> = 1e-6..=100.0;
