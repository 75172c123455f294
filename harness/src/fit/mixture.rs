//! Probabilities of one-counts: a binomial law, mixed over the cells of a die.
//!
//! ```text
//! q_c = C(T, c) Int Phi(u)^c Phi(-u)^(T-c) lambda1 phi(lambda1 u + lambda2) du,    0 < c < T.
//! ```
//!
//! On the axis of `u` the integrand is analytic and falls like a normal density on both sides, so that
//! the trapezoidal rule converges exponentially (L. N. Trefethen and J. A. C. Weideman, SIAM Review
//! 56, 2014): a normal density of standard deviation `s` with the step `h` is off by
//! `exp(-2 (pi s / h)^2)`. The narrowest integrand has `s^-2 = 2 T / pi + lambda1^2`, the information
//! on `u` of `T` readouts of a fair cell and that of the prior. For the ends `c = 0` and `c = T` the
//! integrand does not fall on one side; by parts it does,
//!
//! ```text
//! q_0 = Int Phi(lambda1 u + lambda2) T phi(u) Phi(-u)^(T-1) du,
//! ```
//!
//! the mean of `Phi(lambda1 M + lambda2)` over the least `M` of `T` standard normal numbers.

use core::f64::consts::{FRAC_2_PI, TAU};

use puf_emulator::silicon::normal;

/// Probability of each count from 0 to `readouts`, for `lambda1` from 1e-6 to 100 and `lambda2` from
/// -10 to 10; relative error about 1e-10 where the probability is above 1e-20.
///
/// ```
/// use puflab::fit::count_probabilities;
///
/// // Sheppard: two readouts of unbiased cells differ with probability arccos(1 / (1 + lambda1^2)) / pi.
/// let q = count_probabilities(2, 0.349752, 0.0);
/// assert!((q[1] - 0.15).abs() < 1e-6);
/// ```
#[must_use]
pub fn count_probabilities(readouts: usize, lambda1: f64, lambda2: f64) -> Vec<f64> {
    let mut sums = Sums::new(readouts);
    let rows = Rows::new(readouts);
    rows.integrate(lambda1, lambda2, STEP, |row, weight, _| sums.add(row, weight));
    sums.ends(readouts, lambda1, lambda2, STEP, |_, value, _, _| value);
    sums.0
}

/// Probabilities of the counts, and their derivatives with respect to `ln lambda1` and `lambda2`.
pub(super) fn with_gradient(readouts: usize, lambda1: f64, lambda2: f64) -> [Vec<f64>; 3] {
    let mut all = [Sums::new(readouts), Sums::new(readouts), Sums::new(readouts)];
    let rows = Rows::new(readouts);
    let [value, by_log_lambda1, by_lambda2] = &mut all;
    rows.integrate(lambda1, lambda2, STEP, |row, weight, u| {
        let z = lambda1 * u + lambda2;
        value.add(row, weight);
        by_log_lambda1.add(row, weight * (1.0 - lambda1 * u * z));
        by_lambda2.add(row, -weight * z);
    });
    value.ends(readouts, lambda1, lambda2, STEP, |_, value, _, _| value);
    let slope = |u: f64, _: f64, density: f64, sign: f64| sign * lambda1 * u * density;
    by_log_lambda1.ends(readouts, lambda1, lambda2, STEP, slope);
    by_lambda2.ends(readouts, lambda1, lambda2, STEP, |_, _, density, sign| sign * density);
    all.map(|sums| sums.0)
}

/// The step in units of the narrowest integrand's standard deviation.
pub(super) const STEP: f64 = 0.75;

/// Beyond it no integrand is left, whatever `lambda2`.
const REACH: f64 = 12.0;

/// The step of the trapezoidal rule.
pub(super) fn step(readouts: usize, lambda1: f64, step: f64) -> f64 {
    step / libm::sqrt(1.0 + FRAC_2_PI * readouts as f64 + lambda1 * lambda1)
}

/// The density of N(0,1).
pub(super) fn density(x: f64) -> f64 {
    libm::exp(-0.5 * x * x) / libm::sqrt(TAU)
}

/// Nodes of the trapezoidal rule with step `h`, symmetric about 0.
pub(super) fn nodes(h: f64, reach: f64) -> impl Iterator<Item = f64> {
    #[expect(clippy::cast_possible_truncation, reason = "below 12 / h, itself below 1e5")]
    let most = libm::ceil(reach / h) as i32;
    (-most..=most).map(move |i| f64::from(i) * h)
}

/// Sums over nodes, one for each count.
struct Sums(Vec<f64>);

impl Sums {
    fn new(readouts: usize) -> Self {
        Self(vec![0.0; readouts + 1])
    }

    fn add(&mut self, row: &Row<'_>, weight: f64) {
        let sums = &mut self.0[row.first..][..row.probabilities.len()];
        for (sum, &probability) in sums.iter_mut().zip(row.probabilities) {
            *sum += weight * probability;
        }
    }

    /// Sets the ends to the integrals of `of(u, Phi(+-z), phi(z), +-1)` by parts.
    fn ends(
        &mut self,
        readouts: usize,
        lambda1: f64,
        lambda2: f64,
        relative_step: f64,
        of: impl Fn(f64, f64, f64, f64) -> f64,
    ) {
        let h = step(readouts, lambda1, relative_step);
        let count = readouts as f64;
        let (mut zero, mut all) = (0.0, 0.0);
        for u in nodes(h, REACH) {
            let z = lambda1 * u + lambda2;
            let (density_u, density_z) = (h * count * density(u), density(z));
            let least = libm::exp((count - 1.0) * log_cdf(-u));
            let most = libm::exp((count - 1.0) * log_cdf(u));
            zero += density_u * least * of(u, normal::cdf(z), density_z, 1.0);
            all += density_u * most * of(u, normal::cdf(-z), density_z, -1.0);
        }
        self.0[0] = zero;
        self.0[readouts] = all;
    }
}

/// `ln Phi(u)`, with all its digits near 0.
pub(super) fn log_cdf(u: f64) -> f64 {
    if u > 0.0 { libm::log1p(-normal::cdf(-u)) } else { libm::log(normal::cdf(u)) }
}

/// The binomial law of `T` readouts, as rows to be filled at one node after the other.
pub(super) struct Rows {
    readouts: usize,
    /// `C(T, c+1) / C(T, c)`.
    ratios: Vec<f64>,
}

/// The law at one node: probabilities of the counts from `first` on; the others have none.
pub(super) struct Row<'a> {
    pub(super) first: usize,
    pub(super) probabilities: &'a [f64],
}

impl Rows {
    pub(super) fn new(readouts: usize) -> Self {
        let ratio = |c: usize| (readouts - c) as f64 / (c + 1) as f64;
        Self { readouts, ratios: (0..readouts).map(ratio).collect() }
    }

    /// Calls `each` with the row, the weight `h lambda1 phi(lambda1 u + lambda2)` and `u` of each node.
    fn integrate(
        &self,
        lambda1: f64,
        lambda2: f64,
        relative_step: f64,
        mut each: impl FnMut(&Row<'_>, f64, f64),
    ) {
        let h = step(self.readouts, lambda1, relative_step);
        let mut buffer = Vec::new();
        for u in nodes(h, REACH) {
            let weight = h * lambda1 * density(lambda1 * u + lambda2);
            if weight > 0.0 {
                each(&self.at(u, &mut buffer), weight, u);
            }
        }
    }

    /// The law of the count of a cell with latent `u`.
    ///
    /// From the mode outwards, each probability from the one before, until they no longer count; then
    /// scaled to the sum 1. No logarithm of a factorial loses digits.
    pub(super) fn at<'a>(&self, u: f64, buffer: &'a mut Vec<f64>) -> Row<'a> {
        let (p, q) = (normal::cdf(u), normal::cdf(-u));
        let odds = p / q;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to the number of readouts, by its definition"
        )]
        let mode = (((self.readouts + 1) as f64 * p) as usize).min(self.readouts);
        buffer.clear();
        buffer.resize(self.readouts + 1, 0.0);
        buffer[mode] = 1.0;
        let mut sum = 1.0;
        let (mut first, mut last) = (mode, mode);
        let mut value = 1.0;
        while last < self.readouts {
            value *= self.ratios[last] * odds;
            if value < NEGLIGIBLE {
                break;
            }
            last += 1;
            buffer[last] = value;
            sum += value;
        }
        value = 1.0;
        while first > 0 {
            value /= self.ratios[first - 1] * odds;
            if value < NEGLIGIBLE {
                break;
            }
            first -= 1;
            buffer[first] = value;
            sum += value;
        }
        let scale = 1.0 / sum;
        for value in &mut buffer[first..=last] {
            *value *= scale;
        }
        Row { first, probabilities: &buffer[first..=last] }
    }
}

/// Of the mode's probability, what no sum here can tell from 0.
const NEGLIGIBLE: f64 = 1e-40;

#[cfg(test)]
#[allow(clippy::excessive_precision, reason = "reference values with all their digits")]
mod tests {
    use super::*;

    /// mpmath, 30 digits: adaptive quadrature of the definition over `u`, without integration by parts.
    #[test]
    fn probabilities_agree_with_thirty_digit_quadrature() {
        for (readouts, count, lambda1, lambda2, expected) in [
            (2, 1, 0.349_752, 0.0, 0.150_000_124_612_060_26),
            (85, 0, 0.101, -0.0022, 0.401_567_371_585_280_518),
            (85, 1, 0.101, -0.0022, 0.014_334_997_214_142_532_8),
            (85, 42, 0.101, -0.0022, 0.001_185_246_670_114_527_08),
            (85, 85, 0.101, -0.0022, 0.403_268_291_644_590_345),
            (1000, 3, 0.05, 0.3, 0.002_126_182_359_967_841_37),
            (1000, 500, 0.05, 0.3, 4.778_953_158_200_164_81e-5),
            (5, 2, 100.0, 0.0, 0.312_460_219_040_914_688),
            (15, 3, 0.001, -2.5, 4.071_915_803_339_930_73e-6),
            (15, 0, 0.001, -2.5, 0.006_179_310_228_482_651_56),
            (15, 7, 3.0, 10.0, 7.169_341_024_301_190_04e-12),
            (4, 1, 1.0, 10.0, 3.074_614_910_160_478_93e-12),
            (20_000, 0, 0.1, 0.0, 0.343_951_242_944_309_741),
            (20_000, 10_000, 0.1, 0.0, 4.999_944_386_271_077_96e-6),
            (100_000, 7, 0.2, 0.5, 0.002_712_285_316_488_535_81),
            (15, 15, 1e-6, 1.0, 0.158_654_833_891_624_075),
        ] {
            let found = count_probabilities(readouts, lambda1, lambda2)[count];
            let error = (found / expected - 1.0).abs();
            let case = format!("{count} of {readouts} at {lambda1}, {lambda2}");
            assert!(error < 1e-10, "{case}: {found:e}, {error:e}");
        }
    }

    /// Over the whole range of the parameters; the mean of the counts is that of the bias.
    #[test]
    fn probabilities_sum_to_one() {
        for readouts in [1, 2, 3, 15, 85, 1000] {
            for lambda1 in [1e-6, 1e-3, 0.1, 1.0, 100.0] {
                for lambda2 in [-10.0, -1.0, 0.0, 3.0] {
                    let q = count_probabilities(readouts, lambda1, lambda2);
                    let sum: f64 = q.iter().sum();
                    let case = format!("{readouts} readouts at {lambda1}, {lambda2}");
                    assert!((sum - 1.0).abs() < 1e-10, "{case}: {sum}");
                    let mean: f64 = q.iter().enumerate().map(|(c, q)| c as f64 * q).sum();
                    let bias = normal::cdf(-lambda2 / libm::sqrt(1.0 + lambda1 * lambda1));
                    assert!((mean / readouts as f64 - bias).abs() < 1e-10, "{case}: {mean}");
                }
            }
        }
    }

    #[test]
    fn derivatives_are_those_of_the_probabilities() {
        for (readouts, lambda1, lambda2) in [(15, 0.11_f64, 0.02), (40, 0.7, -0.6), (3, 20.0, 2.0)]
        {
            let [q, by_log, by_lambda2] = with_gradient(readouts, lambda1, lambda2);
            assert_eq!(q, count_probabilities(readouts, lambda1, lambda2));
            let step = 1e-5;
            let at = |log: f64, lambda2: f64| {
                count_probabilities(readouts, lambda1 * libm::exp(log), lambda2)
            };
            let (up, down) = (at(step, lambda2), at(-step, lambda2));
            let (right, left) = (at(0.0, lambda2 + step), at(0.0, lambda2 - step));
            for c in 0..=readouts {
                let slopes =
                    [(up[c] - down[c]) / (2.0 * step), (right[c] - left[c]) / (2.0 * step)];
                assert!((slopes[0] - by_log[c]).abs() < 1e-8, "{readouts}, {c}");
                assert!((slopes[1] - by_lambda2[c]).abs() < 1e-8, "{readouts}, {c}");
            }
        }
    }
}
