//! The parameters of a process: one table, and checks where a number enters.

use core::fmt;
use core::ops::RangeInclusive;

/// A parameter of a process, as the laws take it and a profile names it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Name in a profile, in a device's description and in errors.
    pub name: &'static str,
    /// Unit, as a profile must write it.
    pub unit: &'static str,
    /// Value at which the term does nothing at all; `None` where there is no such value, or where
    /// another parameter switches the term off.
    pub off: Option<f64>,
    /// Value taken where none is given; `None` where one must be given.
    pub default: Option<f64>,
    /// What measured silicon shows, for whoever asks for it; `None` where too little was measured.
    pub typical: Option<f64>,
    /// The least value accepted.
    pub least: f64,
    /// The greatest value accepted.
    pub greatest: f64,
    /// What it is, in a sentence.
    pub meaning: &'static str,
}

impl Parameter {
    /// The parameter called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        PARAMETERS.iter().find(|parameter| parameter.name == name)
    }

    /// Lets `value` through if this parameter can have it; NaN is never let through.
    ///
    /// # Errors
    /// If the value is no number, out of range, or broken where only whole numbers have a meaning.
    pub fn check(&'static self, value: f64) -> Result<f64, ParameterError> {
        let value = within(self.name, value, self.least..=self.greatest)?;
        if self.unit == BIT_MASK && libm::trunc(value) != value {
            return Err(ParameterError {
                parameter: self.name,
                value,
                least: self.least,
                greatest: self.greatest,
            });
        }
        Ok(value)
    }
}

/// Unit of ratios and exponents.
pub const DIMENSIONLESS: &str = "dimensionless";
/// Unit of lengths on the axis of the skew.
pub const OF_SKEW: &str = "sd of the skew";
/// Unit of lengths on the axis of the skew, in terms of the readout noise.
pub const OF_NOISE: &str = "sd of the noise";
/// Unit of a whole number whose bits each mean something.
pub const BIT_MASK: &str = "bit mask";

/// Every parameter of a [`Process`](super::Process), in the order of the model's terms.
///
/// A process made from a few of them has the others at their defaults. For the laws of Maes these are
/// temperature and ageing as measured elsewhere; every further term is off unless asked for.
pub const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "lambda1",
        unit: OF_SKEW,
        off: None,
        default: None,
        typical: Some(0.11),
        least: 1e-6,
        greatest: 100.0,
        meaning: "noise of a readout; the mean over devices; 0.05 to 0.23 over part types",
    },
    Parameter {
        name: "lambda2",
        unit: OF_SKEW,
        off: Some(0.0),
        default: Some(0.0),
        typical: Some(0.0),
        least: -10.0,
        greatest: 10.0,
        meaning: "threshold between 0 and 1, the mean over devices; positive prefers 0",
    },
    Parameter {
        name: "lambda1_cv",
        unit: DIMENSIONLESS,
        off: Some(0.0),
        default: Some(0.0),
        typical: Some(0.05),
        least: 0.0,
        greatest: 0.5,
        meaning: "coefficient of variation of lambda1 between devices, which is lognormal",
    },
    Parameter {
        name: "lambda2_sd",
        unit: OF_SKEW,
        off: Some(0.0),
        default: Some(0.0),
        typical: None,
        least: 0.0,
        greatest: 10.0,
        meaning: "standard deviation of lambda2 between devices, which is normal",
    },
    Parameter {
        name: "polarity_mask",
        unit: BIT_MASK,
        off: Some(0.0),
        default: Some(0.0),
        typical: Some(32.0),
        least: 0.0,
        greatest: 67_108_863.0,
        meaning: "bits of the cell index (not of a byte address, whose bit b is bit b + 3 here) \
                  whose parity divides the cells into two classes of opposite bias; 0 is no classes",
    },
    Parameter {
        name: "polarity_mean",
        unit: OF_SKEW,
        off: Some(0.0),
        default: Some(0.0),
        typical: None,
        least: -10.0,
        greatest: 10.0,
        meaning: "mean over devices of the shift of the odd class towards 1 and the even one towards 0",
    },
    Parameter {
        name: "polarity_sd",
        unit: OF_SKEW,
        off: Some(0.0),
        default: Some(0.0),
        typical: Some(0.3),
        least: 0.0,
        greatest: 10.0,
        meaning: "standard deviation over devices of that shift, which is normal",
    },
    Parameter {
        name: "theta_celsius",
        unit: "degrees",
        off: Some(GREATEST_THETA),
        default: Some(30.0),
        typical: Some(30.0),
        least: 0.01,
        greatest: GREATEST_THETA,
        meaning: "temperature step that moves a cell by one sd of the noise, rms over cells",
    },
    Parameter {
        name: "reference_celsius",
        unit: "degrees Celsius",
        off: None,
        default: Some(25.0),
        typical: None,
        least: *CELSIUS.start(),
        greatest: *CELSIUS.end(),
        meaning: "temperature at which the other parameters hold",
    },
    Parameter {
        name: "temperature_rare_fraction",
        unit: DIMENSIONLESS,
        off: Some(0.0),
        default: Some(0.0),
        typical: Some(0.135),
        least: 0.0,
        greatest: 0.5,
        meaning: "fraction of cells that move further with temperature than the others",
    },
    Parameter {
        name: "temperature_rare_ratio",
        unit: DIMENSIONLESS,
        off: Some(1.0),
        default: Some(1.0),
        typical: Some(2.4),
        least: 1.0,
        greatest: 100.0,
        meaning: "how many times further they move",
    },
    Parameter {
        name: "noise_temperature_exponent",
        unit: DIMENSIONLESS,
        off: Some(0.0),
        default: Some(0.0),
        typical: Some(0.5),
        least: -4.0,
        greatest: 4.0,
        meaning: "exponent of the absolute temperature in the noise of a readout",
    },
    Parameter {
        name: "ageing_delta",
        unit: OF_NOISE,
        off: Some(0.0),
        default: Some(WANG_DELTA),
        typical: Some(WANG_DELTA),
        least: -1000.0,
        greatest: 1000.0,
        meaning: "shift away from the value held, at the reference age; negative is anti-ageing",
    },
    Parameter {
        name: "ageing_reference_years",
        unit: "years",
        off: None,
        default: Some(2.0),
        typical: Some(2.0),
        least: 0.001,
        greatest: 1000.0,
        meaning: "age at which the ageing shift is known",
    },
    Parameter {
        name: "ageing_exponent",
        unit: DIMENSIONLESS,
        off: None,
        default: Some(0.2),
        typical: Some(0.2),
        least: 0.01,
        greatest: 2.0,
        meaning: "exponent of the ageing clock",
    },
    Parameter {
        name: "wander_sd",
        unit: OF_SKEW,
        off: Some(0.0),
        default: Some(0.0),
        typical: None,
        least: 0.0,
        greatest: 10.0,
        meaning: "standard deviation over cells of a drift with age, whatever they hold, at the \
                  reference age",
    },
    Parameter {
        name: "wander_reference_years",
        unit: "years",
        off: None,
        default: Some(2.0),
        typical: None,
        least: 0.001,
        greatest: 1000.0,
        meaning: "age at which the wander is known",
    },
    Parameter {
        name: "wander_exponent",
        unit: DIMENSIONLESS,
        off: None,
        default: Some(0.2),
        typical: None,
        least: 0.01,
        greatest: 2.0,
        meaning: "exponent of the wander's clock",
    },
    Parameter {
        name: "wander_rare_fraction",
        unit: DIMENSIONLESS,
        off: Some(0.0),
        default: Some(0.0),
        typical: Some(0.135),
        least: 0.0,
        greatest: 0.5,
        meaning: "fraction of cells that wander further than the others",
    },
    Parameter {
        name: "wander_rare_ratio",
        unit: DIMENSIONLESS,
        off: Some(1.0),
        default: Some(1.0),
        typical: Some(2.4),
        least: 1.0,
        greatest: 100.0,
        meaning: "how many times further they wander",
    },
    Parameter {
        name: "readout_scale_cv",
        unit: DIMENSIONLESS,
        off: Some(0.0),
        default: Some(0.0),
        typical: Some(0.06),
        least: 0.0,
        greatest: 0.5,
        meaning: "coefficient of variation of the noise between readouts, which is lognormal",
    },
    Parameter {
        name: "readout_offset_sd",
        unit: OF_SKEW,
        off: Some(0.0),
        default: Some(0.0),
        typical: None,
        least: 0.0,
        greatest: 10.0,
        meaning: "standard deviation over readouts of an offset of all cells, which is normal",
    },
    Parameter {
        name: "first_readout_offset",
        unit: OF_SKEW,
        off: Some(0.0),
        default: Some(0.0),
        typical: Some(0.4),
        least: -10.0,
        greatest: 10.0,
        meaning: "offset of all cells in readout 0 of a series; positive reads more ones",
    },
    Parameter {
        name: "history",
        unit: OF_SKEW,
        off: Some(0.0),
        default: Some(0.0),
        typical: None,
        least: -10.0,
        greatest: 10.0,
        meaning: "pull of each cell towards the value it held before; negative pushes it away",
    },
    Parameter {
        name: "ramp_reference_us",
        unit: "microseconds",
        off: None,
        default: Some(100.0),
        typical: None,
        least: *RAMP_US.start(),
        greatest: *RAMP_US.end(),
        meaning: "rise time of the supply at which the other parameters hold",
    },
    Parameter {
        name: "ramp_theta_octaves",
        unit: "octaves",
        off: Some(GREATEST_THETA),
        default: Some(GREATEST_THETA),
        typical: None,
        least: 0.01,
        greatest: GREATEST_THETA,
        meaning: "doublings of the rise time that move a cell by one sd of the noise, rms over cells",
    },
    Parameter {
        name: "ramp_noise_exponent",
        unit: DIMENSIONLESS,
        off: Some(0.0),
        default: Some(0.0),
        typical: None,
        least: -4.0,
        greatest: 4.0,
        meaning: "exponent of the rise time in the noise of a readout",
    },
    Parameter {
        name: "retention_seconds",
        unit: "seconds",
        off: Some(0.0),
        default: Some(0.0),
        typical: None,
        least: 0.0,
        greatest: 1e9,
        meaning: "time without power after which half the cells have lost their value, at the \
                  reference temperature",
    },
    Parameter {
        name: "retention_log_sd",
        unit: DIMENSIONLESS,
        off: None,
        default: Some(0.5),
        typical: None,
        least: 0.001,
        greatest: 10.0,
        meaning: "standard deviation over cells of the natural logarithm of that time",
    },
    Parameter {
        name: "retention_halving_celsius",
        unit: "degrees",
        off: None,
        default: Some(10.0),
        typical: None,
        least: 0.1,
        greatest: 1e9,
        meaning: "degrees of heat that halve that time",
    },
];

/// A temperature or a ramp scale this large means that nothing moves, exactly.
pub(super) const GREATEST_THETA: f64 = 1e9;

/// From absolute zero to where no die is left.
pub(super) const CELSIUS: RangeInclusive<f64> = -273.15..=1000.0;

/// From a nanosecond to a quarter of an hour.
pub(super) const RAMP_US: RangeInclusive<f64> = 1e-3..=1e9;

/// Two years of R. Wang et al. (2020), see [`AgeingLaw`](super::AgeingLaw).
const WANG_DELTA: f64 = 0.205_691_719_379;

/// A parameter that is no number or lies outside the range in which the model is defined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParameterError {
    /// Which parameter, by the name it has in a profile.
    pub parameter: &'static str,
    /// The value refused.
    pub value: f64,
    /// The least value accepted.
    pub least: f64,
    /// The greatest value accepted.
    pub greatest: f64,
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parameter, value, least, greatest } = self;
        if (*least..=*greatest).contains(value) {
            return write!(f, "{parameter} is {value:?}, not a whole number");
        }
        write!(f, "{parameter} is {value:?}, outside {least} to {greatest}")
    }
}

impl core::error::Error for ParameterError {}

/// Lets `value` through if the parameter called `name` can have it.
pub(super) fn check(name: &'static str, value: f64) -> Result<f64, ParameterError> {
    match Parameter::named(name) {
        Some(parameter) => parameter.check(value),
        None => unreachable!("{name} is not in the table"),
    }
}

/// The default of the parameter called `name`.
pub(super) fn default(name: &'static str) -> f64 {
    match Parameter::named(name).and_then(|parameter| parameter.default) {
        Some(value) => value,
        None => unreachable!("{name} has no default"),
    }
}

/// Lets `value` through if it lies in `range`; NaN lies in none.
pub(super) fn within(
    parameter: &'static str,
    value: f64,
    range: RangeInclusive<f64>,
) -> Result<f64, ParameterError> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(ParameterError { parameter, value, least: *range.start(), greatest: *range.end() })
}
