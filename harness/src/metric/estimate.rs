//! A figure with how far it may be off.

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

/// The quantile of a two-sided interval of 95 %: `Phi^-1(0.975)`.
pub(crate) const Z95: f64 = 1.959_963_984_540_054;

/// Method of [`Estimate::of_cells`], as reports print it.
pub const OVER_CELLS: &str = "95 %, cells independent, central limit";
/// Method of [`Estimate::of_proportion`], as reports print it.
pub const WILSON: &str = "95 %, cells independent, Wilson";
/// Method of [`Estimate::of_jackknife`], as reports print it.
pub const OVER_DEVICES: &str = "95 %, over devices, jackknife with Student's t";

impl Estimate {
    /// The mean of a value over cells that are independent draws, of which `histogram[i]` have the
    /// value `value(i)`; `None` without a cell.
    ///
    /// Errors in several readouts of one cell are not independent, cells are: the spread over cells is
    /// what counts, and an interval of binomial width would be too narrow.
    #[must_use]
    pub fn of_cells(histogram: &[u64], value: impl Fn(usize) -> f64) -> Option<Self> {
        let cells = histogram.iter().sum::<u64>() as f64;
        if cells == 0.0 {
            return None;
        }
        let weighted = |f: &dyn Fn(f64) -> f64| {
            histogram.iter().enumerate().map(|(i, &n)| n as f64 * f(value(i))).sum::<f64>() / cells
        };
        let mean = weighted(&|x| x);
        let variance = weighted(&|x| (x - mean) * (x - mean));
        if variance == 0.0 {
            // Nothing varied in so many cells: a part of 3 / n may (the rule of three), in the value's
            // own range.
            let values = (0..histogram.len()).map(&value);
            let (least, greatest) =
                values.fold((mean, mean), |(least, greatest), x| (least.min(x), greatest.max(x)));
            let part = (3.0 / cells).min(1.0);
            let lower = mean - part * (mean - least);
            let upper = mean + part * (greatest - mean);
            return Some(Self { value: mean, standard_error: 0.0, lower, upper });
        }
        Some(Self::normal(mean, libm::sqrt(variance / cells)))
    }

    /// The fraction `hits / trials` of independent trials (Wilson, JASA 1927); `None` without a trial.
    #[must_use]
    pub fn of_proportion(hits: u64, trials: u64) -> Option<Self> {
        if trials == 0 {
            return None;
        }
        let n = trials as f64;
        let value = hits as f64 / n;
        let (scale, square) = (1.0 + Z95 * Z95 / n, Z95 * Z95 / (2.0 * n));
        let spread = Z95 * libm::sqrt(value * (1.0 - value) / n + Z95 * Z95 / (4.0 * n * n));
        // At either end the bound is the value itself, which rounding must not pass.
        let lower = ((value + square - spread) / scale).clamp(0.0, value);
        let upper = ((value + square + spread) / scale).clamp(value, 1.0);
        let standard_error = libm::sqrt(value * (1.0 - value) / n);
        Some(Self { value, standard_error, lower, upper })
    }

    /// A statistic `value` of `D` devices whose values without one of them are in `without`; `None`
    /// below two devices.
    #[must_use]
    pub fn of_jackknife(value: f64, without: &[f64]) -> Option<Self> {
        let devices = without.len() as f64;
        if without.len() < 2 {
            return None;
        }
        let mean = without.iter().sum::<f64>() / devices;
        let squares: f64 = without.iter().map(|x| (x - mean) * (x - mean)).sum();
        let error = libm::sqrt((devices - 1.0) / devices * squares);
        let half = students_t(without.len() - 1) * error;
        Some(Self { value, standard_error: error, lower: value - half, upper: value + half })
    }

    /// The mean of one value a device; `None` below two devices.
    #[must_use]
    pub fn of_devices(values: &[f64]) -> Option<Self> {
        let (count, sum) = (values.len() as f64, values.iter().sum::<f64>());
        if values.len() < 2 {
            return None;
        }
        let without: Vec<f64> = values.iter().map(|x| (sum - x) / (count - 1.0)).collect();
        Self::of_jackknife(sum / count, &without)
    }

    /// The interval without what the figure cannot be.
    #[must_use]
    pub fn within(self, least: f64, greatest: f64) -> Self {
        Self { lower: self.lower.max(least), upper: self.upper.min(greatest), ..self }
    }

    /// One minus the figure.
    #[must_use]
    pub fn complement(self) -> Self {
        let Self { value, standard_error, lower, upper } = self;
        Self { value: 1.0 - value, standard_error, lower: 1.0 - upper, upper: 1.0 - lower }
    }

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

/// The 97.5 % quantile of Student's t law with `degrees` of freedom, at least one.
///
/// By bisection on its distribution function, which for whole degrees of freedom is a finite sum of
/// powers of a cosine (Abramowitz and Stegun, 26.7.3 and 26.7.4).
fn students_t(degrees: usize) -> f64 {
    // Above, the first terms of the expansion about the normal law (26.7.5) are exact to 1e-9.
    if degrees > 1000 {
        let (z, n) = (Z95, degrees as f64);
        let cube = z * z * z;
        let second = 5.0 * cube * z * z + 16.0 * cube + 3.0 * z;
        return z + (cube + z) / (4.0 * n) + second / (96.0 * n * n);
    }
    // The quantile is tan(theta) sqrt(degrees), where theta solves within(theta) = 0.95.
    let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if within(degrees, middle) < 0.95 { low = middle } else { high = middle }
    }
    libm::tan(low) * libm::sqrt(degrees as f64)
}

/// Probability that `|t|` stays below `tan(theta) sqrt(degrees)`.
fn within(degrees: usize, theta: f64) -> f64 {
    use std::f64::consts::FRAC_2_PI;
    let (sin, cos) = libm::sincos(theta);
    let odd = degrees % 2 == 1;
    let (mut term, mut sum) = if odd { (cos, 0.0) } else { (1.0, 0.0) };
    let mut power = if odd { 1 } else { 0 };
    while power < degrees.saturating_sub(1) {
        sum += term;
        let next = (power + 1) as f64 / (power + 2) as f64;
        term *= next * cos * cos;
        power += 2;
    }
    if odd { FRAC_2_PI * (theta + sin * sum) } else { sin * sum }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};
    use statrs::distribution::{ContinuousCDF, StudentsT};

    #[test]
    fn students_t_is_that_of_an_independent_library_and_of_the_tables() {
        // Abramowitz and Stegun, table 26.10.
        for (degrees, t) in [(1, 12.706), (2, 4.303), (5, 2.571), (30, 2.042), (120, 1.980)] {
            assert!((students_t(degrees) - t).abs() < 6e-4, "{degrees}: {}", students_t(degrees));
        }
        for degrees in (1..40).chain([99, 1000, 1001, 5000]) {
            let law = StudentsT::new(0.0, 1.0, degrees as f64).unwrap();
            let inside = 2.0 * law.cdf(students_t(degrees)) - 1.0;
            assert!((inside - 0.95).abs() < 1e-9, "{degrees}: {inside}");
        }
    }

    #[test]
    fn proportions_are_within_bounds_and_hold_at_the_ends() {
        assert_eq!(Estimate::of_proportion(0, 0), None);
        let none = Estimate::of_proportion(0, 100).unwrap();
        assert_eq!((none.value, none.lower), (0.0, 0.0));
        // Wilson at 0 of n: z^2 / (n + z^2).
        assert!((none.upper - Z95 * Z95 / (100.0 + Z95 * Z95)).abs() < 1e-15);
        let all = Estimate::of_proportion(100, 100).unwrap();
        assert_eq!((all.value, all.upper), (1.0, 1.0));
        assert!((all.lower - 100.0 / (100.0 + Z95 * Z95)).abs() < 1e-15);
    }

    /// A nominal 95 % interval holds the truth in 93.7 to 96.3 % of 10,000 sets: 5.85 standard errors.
    #[track_caller]
    fn covers(mut interval: impl FnMut(&mut ChaCha8Rng) -> Estimate, truth: f64) {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let hits = (0..10_000).filter(|_| {
            let Estimate { lower, upper, .. } = interval(&mut rng);
            (lower..=upper).contains(&truth)
        });
        let covered = hits.count();
        assert!((9370..=9630).contains(&covered), "{covered} of 10000");
    }

    /// One with probability `p`.
    fn hit(rng: &mut ChaCha8Rng, p: f64) -> bool {
        ((rng.next_u64() >> 11) as f64) < p * (1_u64 << 53) as f64
    }

    #[test]
    fn intervals_over_cells_cover() {
        // 2000 cells of three kinds: the mean of their values is 0.25 * 0.2 + 0.25 * 1 = 0.3.
        covers(
            |rng| {
                let mut histogram = [0; 3];
                (0..2000)
                    .for_each(|_| histogram[[0, 0, 1, 2][(rng.next_u32() >> 30) as usize]] += 1);
                Estimate::of_cells(&histogram, |i| [0.0, 0.2, 1.0][i]).unwrap()
            },
            0.3,
        );
    }

    #[test]
    fn intervals_of_proportions_cover() {
        covers(
            |rng| {
                let hits = (0..3000).filter(|_| hit(rng, 0.05)).count() as u64;
                Estimate::of_proportion(hits, 3000).unwrap()
            },
            0.05,
        );
    }

    #[test]
    fn intervals_over_devices_cover_even_when_they_are_few() {
        // Sums of twelve uniforms are normal enough.
        let normal = |rng: &mut ChaCha8Rng| {
            (0..12).map(|_| f64::from(rng.next_u32()) / 4_294_967_296.0).sum::<f64>()
        };
        for devices in [3, 8] {
            covers(
                |rng| {
                    let values: Vec<f64> = (0..devices).map(|_| normal(rng)).collect();
                    Estimate::of_devices(&values).unwrap()
                },
                6.0,
            );
        }
    }

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
