//! The process: the laws that the cells of a die are drawn from.
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
//! Measured silicon asks for more. For device `d`, cell `i`, readout `j` and a condition of temperature
//! `T`, age `t` and supply rise time `R`, everything in units of the skew's standard deviation,
//!
//! ```text
//!     z_i - lambda2_d + s_d pol(i) + lambda1 (zT_i step_T + zR_i step_R - (2 x_i - 1) delta) + zW_i wander
//!         + o_j + h (2 previous_i - 1)
//! u = ------------------------------------------------------------------------------------------------
//!                                 lambda1_d k_T k_R k_j
//! ```
//!
//! | term | law | of |
//! |---|---|---|
//! | `lambda1_d`, `lambda2_d` | [`variation`](super::variation) | a device |
//! | `s_d pol(i)` | [`polarity`](super::polarity) | a device, and the address of a cell |
//! | `zT_i step_T`, `k_T` | [`temperature`](super::temperature) | a cell, and the temperature |
//! | `zR_i step_R`, `k_R` | [`ramp`](super::ramp) | a cell, and the supply |
//! | `x_i`, `delta` | [`ageing`](super::ageing) | the value held, and age |
//! | `zW_i wander` | [`wander`](super::wander) | a cell, and age |
//! | `o_j`, `k_j` | [`readout`](super::readout) | a readout |
//! | `h` | [`history`](super::history) | the value before |
//!
//! and a cell that [retains](super::remanence) its value through a short off-time has no `u` at all.
//! Every law but those of temperature and ageing is off unless asked for.
//!
//! The closed forms are expectations over cells, devices and readouts. They are ground truth, for
//! whoever predicts or judges, never for a verifier.

use core::f64::consts::PI;

use super::ageing::AgeingLaw;
use super::drift::TwoComponent;
use super::environment::Environment;
use super::history::HistoryLaw;
use super::parameter::{PARAMETERS, Parameter, ParameterError, check, within};
use super::polarity::PolarityLaw;
use super::ramp::RampLaw;
use super::readout::ReadoutLaw;
use super::remanence::RemanenceLaw;
use super::temperature::TemperatureLaw;
use super::variation::VariationLaw;
use super::wander::WanderLaw;

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
    pub(super) lambda1: f64,
    pub(super) lambda2: f64,
    pub(super) variation: VariationLaw,
    pub(super) polarity: PolarityLaw,
    pub(super) temperature: TemperatureLaw,
    pub(super) ageing: AgeingLaw,
    pub(super) wander: WanderLaw,
    pub(super) readout: ReadoutLaw,
    pub(super) history: HistoryLaw,
    pub(super) ramp: RampLaw,
    pub(super) remanence: RemanenceLaw,
}

impl Process {
    /// Noise `lambda1` (1e-6 to 100) and bias `lambda2` (-10 to 10), with a law of temperature and
    /// one of ageing; every other law is off.
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
            lambda1: check("lambda1", lambda1)?,
            lambda2: check("lambda2", lambda2)?,
            temperature,
            ageing,
            variation: VariationLaw::default(),
            polarity: PolarityLaw::default(),
            wander: WanderLaw::default(),
            readout: ReadoutLaw::default(),
            history: HistoryLaw::default(),
            ramp: RampLaw::default(),
            remanence: RemanenceLaw::default(),
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

    /// The process with the parameters that `value_of` gives by the names of [`PARAMETERS`], the others
    /// at their defaults.
    ///
    /// ```
    /// use puf_emulator::silicon::Process;
    ///
    /// let given = [("lambda1", 0.11), ("lambda1_cv", 0.05)];
    /// let value_of = |name: &str| given.iter().find(|(given, _)| *given == name).map(|(_, value)| *value);
    /// let process = Process::from_parameters(value_of)?;
    /// assert_eq!(process.variation().lambda1_cv(), 0.05);
    /// # Ok::<(), puf_emulator::silicon::ParameterError>(())
    /// ```
    ///
    /// # Errors
    /// If one of them is no number or out of range. A `lambda1` that is not given counts as NaN: it has
    /// no default.
    pub fn from_parameters(value_of: impl Fn(&str) -> Option<f64>) -> Result<Self, ParameterError> {
        let value = |name: &'static str| {
            let default = Parameter::named(name).and_then(|parameter| parameter.default);
            value_of(name).or(default).unwrap_or(f64::NAN)
        };
        let temperature = TemperatureLaw::new(value("theta_celsius"), value("reference_celsius"))?
            .with_coefficient(TwoComponent::of_temperature(
                value("temperature_rare_fraction"),
                value("temperature_rare_ratio"),
            )?)
            .with_noise_exponent(value("noise_temperature_exponent"))?;
        let ageing = AgeingLaw::new(
            value("ageing_delta"),
            value("ageing_reference_years"),
            value("ageing_exponent"),
        )?;
        let wander = WanderLaw::new(
            value("wander_sd"),
            value("wander_reference_years"),
            value("wander_exponent"),
        )?
        .with_coefficient(TwoComponent::of_wander(
            value("wander_rare_fraction"),
            value("wander_rare_ratio"),
        )?);
        Ok(Self::new(value("lambda1"), value("lambda2"), temperature, ageing)?
            .with_variation(VariationLaw::new(value("lambda1_cv"), value("lambda2_sd"))?)
            .with_polarity(PolarityLaw::of_numbers(
                value("polarity_mask"),
                value("polarity_mean"),
                value("polarity_sd"),
            )?)
            .with_wander(wander)
            .with_readout(ReadoutLaw::new(
                value("readout_scale_cv"),
                value("readout_offset_sd"),
                value("first_readout_offset"),
            )?)
            .with_history(HistoryLaw::new(value("history"))?)
            .with_ramp(RampLaw::new(
                value("ramp_reference_us"),
                value("ramp_theta_octaves"),
                value("ramp_noise_exponent"),
            )?)
            .with_remanence(RemanenceLaw::new(
                value("retention_seconds"),
                value("retention_log_sd"),
                value("retention_halving_celsius"),
            )?))
    }

    /// Every parameter with its value, in the order of [`PARAMETERS`]; what
    /// [`from_parameters`](Self::from_parameters) makes the same process of.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static Parameter, f64)> + use<> {
        let (temperature, wander) = (self.temperature, self.wander);
        let values: [f64; PARAMETERS.len()] = [
            self.lambda1,
            self.lambda2,
            self.variation.lambda1_cv(),
            self.variation.lambda2_sd(),
            f64::from(self.polarity.mask()),
            self.polarity.mean(),
            self.polarity.sd(),
            temperature.theta_celsius(),
            temperature.reference_celsius(),
            temperature.coefficient().rare_fraction(),
            temperature.coefficient().rare_ratio(),
            temperature.noise_exponent(),
            self.ageing.delta_reference(),
            self.ageing.reference_years(),
            self.ageing.exponent(),
            wander.sd(),
            wander.reference_years(),
            wander.exponent(),
            wander.coefficient().rare_fraction(),
            wander.coefficient().rare_ratio(),
            self.readout.scale_cv(),
            self.readout.offset_sd(),
            self.readout.first_offset(),
            self.history.pull(),
            self.ramp.reference_us(),
            self.ramp.theta_octaves(),
            self.ramp.noise_exponent(),
            self.remanence.retention_seconds(),
            self.remanence.log_sd(),
            self.remanence.halving_celsius(),
        ];
        PARAMETERS.iter().zip(values)
    }

    /// The same cells with another variation between devices.
    #[must_use]
    pub fn with_variation(self, variation: VariationLaw) -> Self {
        Self { variation, ..self }
    }

    /// The same cells with another law of polarity.
    #[must_use]
    pub fn with_polarity(self, polarity: PolarityLaw) -> Self {
        Self { polarity, ..self }
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

    /// The same cells with another drift over age.
    #[must_use]
    pub fn with_wander(self, wander: WanderLaw) -> Self {
        Self { wander, ..self }
    }

    /// The same cells under another law of readouts.
    #[must_use]
    pub fn with_readout(self, readout: ReadoutLaw) -> Self {
        Self { readout, ..self }
    }

    /// The same cells under another law of history.
    #[must_use]
    pub fn with_history(self, history: HistoryLaw) -> Self {
        Self { history, ..self }
    }

    /// The same cells under another law of the supply's rise time.
    #[must_use]
    pub fn with_ramp(self, ramp: RampLaw) -> Self {
        Self { ramp, ..self }
    }

    /// The same cells under another law of remanence.
    #[must_use]
    pub fn with_remanence(self, remanence: RemanenceLaw) -> Self {
        Self { remanence, ..self }
    }

    /// The standard deviation of a readout's noise, in units of that of the skews; the mean over
    /// devices.
    #[must_use]
    pub fn lambda1(&self) -> f64 {
        self.lambda1
    }

    /// The threshold between 0 and 1, in units of the standard deviation of the skews, the mean over
    /// devices; positive for a die that prefers 0.
    #[must_use]
    pub fn lambda2(&self) -> f64 {
        self.lambda2
    }

    /// What differs between devices.
    #[must_use]
    pub fn variation(&self) -> &VariationLaw {
        &self.variation
    }

    /// What the address of a cell does.
    #[must_use]
    pub fn polarity(&self) -> &PolarityLaw {
        &self.polarity
    }

    /// What temperature does.
    #[must_use]
    pub fn temperature(&self) -> &TemperatureLaw {
        &self.temperature
    }

    /// What age does, by the value held.
    #[must_use]
    pub fn ageing(&self) -> &AgeingLaw {
        &self.ageing
    }

    /// What age does, whatever is held.
    #[must_use]
    pub fn wander(&self) -> &WanderLaw {
        &self.wander
    }

    /// What differs between readouts.
    #[must_use]
    pub fn readout(&self) -> &ReadoutLaw {
        &self.readout
    }

    /// What the value before does.
    #[must_use]
    pub fn history(&self) -> &HistoryLaw {
        &self.history
    }

    /// What the rise time of the supply does.
    #[must_use]
    pub fn ramp(&self) -> &RampLaw {
        &self.ramp
    }

    /// What a short off-time leaves.
    #[must_use]
    pub fn remanence(&self) -> &RemanenceLaw {
        &self.remanence
    }

    /// Whether all devices are alike. Where they are not, what is computed from the mean error rate
    /// alone is not the mean of what happens: a few bad devices carry most of it.
    #[must_use]
    pub fn has_like_devices(&self) -> bool {
        let amplitudes = [0.0, 1.0].map(|z| self.polarity.amplitude(z));
        self.variation == VariationLaw::OFF && amplitudes == [0.0; 2]
    }

    /// Whether all readouts are alike: none has a scale or an offset of its own, and none depends on
    /// the one before. The closed forms of error rates leave out the first readout's offset, history
    /// and remanence.
    #[must_use]
    pub fn has_like_readouts(&self) -> bool {
        self.readout == ReadoutLaw::OFF && !self.remembers()
    }

    /// Whether what a cell held before may matter to a readout.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.history.pull() != 0.0 || self.remanence.retention_seconds() != 0.0
    }

    /// The die with the standard normal variates `z`: of its noise, its threshold and its polarity.
    pub(super) fn die(&self, z: [f64; 3]) -> Die {
        let [noise, threshold, polarity] = z;
        Die {
            lambda1: self.lambda1 * self.variation.lambda1_factor(noise),
            lambda2: self.lambda2 + self.variation.lambda2_shift(threshold),
            polarity: self.polarity.amplitude(polarity),
        }
    }

    /// What `environment` means for every cell of this process.
    pub(super) fn condition(&self, environment: &Environment) -> Condition {
        Condition {
            temperature_step: self.temperature.step(environment),
            ramp_step: self.ramp.step(environment),
            wander: self.wander.spread(environment),
            ageing_delta: self.ageing.delta(environment),
            noise_scale: self.temperature.noise_scale(environment)
                * self.ramp.noise_scale(environment),
            retention: self.remanence.quantile(environment, &self.temperature),
        }
    }

    /// The latent skew of one cell of `die` under `condition`, in standard deviations of the skew: the
    /// first line of the numerator of `u`, all that does not depend on the readout. Its sign is what
    /// the cell prefers.
    ///
    /// The one place where the laws of a cell come together. A readout adds its offset and the pull of
    /// [history](HistoryLaw::shift), and divides by [`noise`](Self::noise) times its `k_j`.
    pub(super) fn latent(&self, cell: &Cell, die: &Die, condition: &Condition) -> f64 {
        let polarity = if cell.polarity { die.polarity } else { -die.polarity };
        let wear = if cell.held { -condition.ageing_delta } else { condition.ageing_delta };
        let drift =
            cell.temperature * condition.temperature_step + cell.ramp * condition.ramp_step + wear;
        cell.skew - die.lambda2 + polarity + self.lambda1 * drift + cell.wander * condition.wander
    }

    /// `lambda1_d k_T k_R`: the noise of a readout with `k_j = 1`, in standard deviations of the
    /// skew; positive.
    pub(super) fn noise(&self, die: &Die, condition: &Condition) -> f64 {
        die.lambda1 * condition.noise_scale
    }
}

/// What is fixed in a device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Die {
    /// `lambda1_d`.
    pub(super) lambda1: f64,
    /// `lambda2_d`.
    pub(super) lambda2: f64,
    /// `s_d`.
    pub(super) polarity: f64,
}

/// What is fixed in a cell when its life is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// `z`, in standard deviations over cells.
    pub(super) skew: f64,
    /// Whether its address is of the odd class.
    pub(super) polarity: bool,
    /// `zT`, of unit variance over cells.
    pub(super) temperature: f64,
    /// `zR`, of unit variance over cells.
    pub(super) ramp: f64,
    /// `zW`, of unit variance over cells.
    pub(super) wander: f64,
    /// The value `x` it held while it aged.
    pub(super) held: bool,
}

/// What a condition does to every cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    /// [`TemperatureLaw::step`].
    pub(super) temperature_step: f64,
    /// [`RampLaw::step`].
    pub(super) ramp_step: f64,
    /// [`WanderLaw::spread`].
    pub(super) wander: f64,
    /// [`AgeingLaw::delta`].
    pub(super) ageing_delta: f64,
    /// `k_T k_R`.
    pub(super) noise_scale: f64,
    /// [`RemanenceLaw::quantile`]: cells with a retention variate above it keep their value.
    pub(super) retention: Option<f64>,
}
