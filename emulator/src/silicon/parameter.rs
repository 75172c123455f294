//! Parameters checked once, where they enter.

use core::fmt;
use core::ops::RangeInclusive;

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
        write!(f, "{parameter} is {value:?}, outside {least} to {greatest}")
    }
}

impl core::error::Error for ParameterError {}

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
