//! A number with its error.

/// The quantile of a two-sided interval of 95 %: `Phi^-1(0.975)`.
pub(super) const Z95: f64 = 1.959_963_984_540_054;

/// An estimate with its standard error and an interval of 95 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error; infinite where nothing is known of it.
    pub standard_error: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
}

impl Estimate {
    /// Normal on its own scale: `value +- 1.96 se`.
    #[must_use]
    pub fn normal(value: f64, standard_error: f64) -> Self {
        let half = Z95 * standard_error;
        Self { value, standard_error, lower: value - half, upper: value + half }
    }

    /// Normal on the scale of its logarithm, for what is positive: `value exp(+- 1.96 se / value)`.
    #[must_use]
    pub fn positive(value: f64, standard_error: f64) -> Self {
        if value <= 0.0 {
            return Self { value, standard_error, lower: 0.0, upper: Z95 * standard_error };
        }
        let factor = libm::exp(Z95 * standard_error / value);
        Self { value, standard_error, lower: value / factor, upper: value * factor }
    }

    /// Normal on the scale of the log odds, for what lies between 0 and 1.
    #[must_use]
    pub fn fraction(value: f64, standard_error: f64) -> Self {
        let variance = value * (1.0 - value);
        if variance <= 0.0 {
            return Self { value, standard_error, lower: value, upper: value };
        }
        let odds = value / (1.0 - value);
        let factor = libm::exp(Z95 * standard_error / variance);
        let of = |odds: f64| odds / (1.0 + odds);
        let upper = if factor.is_finite() { of(odds * factor) } else { 1.0 };
        Self { value, standard_error, lower: of(odds / factor), upper }
    }

    /// Whether the interval holds `value`.
    #[must_use]
    pub fn covers(&self, value: f64) -> bool {
        (self.lower..=self.upper).contains(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_stay_where_the_number_can_be() {
        assert!((puf_emulator::silicon::normal::quantile(0.975) - Z95).abs() < 1e-15);
        let positive = Estimate::positive(0.1, 0.1);
        assert!(positive.lower > 0.0 && positive.covers(0.1) && positive.upper > 0.5);
        let fraction = Estimate::fraction(0.99, 0.02);
        assert!(fraction.upper < 1.0 && fraction.lower > 0.0 && fraction.covers(0.99));
        let normal = Estimate::normal(1.0, 0.5);
        assert!((normal.upper - normal.lower - 2.0 * Z95 * 0.5).abs() < 1e-15);
        assert_eq!(Estimate::fraction(0.0, 0.0).upper, 0.0);
    }
}
