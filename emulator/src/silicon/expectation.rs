//! What follows from a process for a large population: closed forms.
//!
//! Everything in a cell is normal once the scales are known, so that each rate is a quadrant of a
//! bivariate normal law. With `V = 1 + sd(lambda2)^2 + sd(polarity)^2` the variance of the skews over
//! cells and devices, an enrolment `x` is decided by `A` and a later readout `y` by `B`,
//!
//! ```text
//! A ~ N(-lambda2, V + o^2 + (lambda1_d k_1)^2),
//! B ~ N(-lambda2, V + o^2 + (lambda1_d k_T k_R k_2)^2 + drift^2),    cov(A, B) = V,
//! drift^2 = lambda1^2 (step_T^2 + step_R^2) + wander^2,
//! rate = Pr[A > 0, B < lambda1 delta] + Pr[A < 0, B > -lambda1 delta],
//! ```
//!
//! with `o` the standard deviation of a readout's offset. Around that are sums: over the components of
//! the drifts, over the two signs of a mean polarity, and by quadrature over the lognormal scales
//! `lambda1_d`, `k_1`, `k_2`.

use alloc::vec;
use alloc::vec::Vec;

use super::drift::TwoComponent;
use super::environment::Environment;
use super::normal;
use super::process::{Condition, Process};

/// Closed forms, over all cells, devices and readouts.
///
/// They hold for readouts that do not depend on each other: no [history](super::history), and
/// off-times after which nothing is [retained](super::remanence). No readout of theirs is the first of
/// a series. A polarity by address is taken to divide the cells in halves.
///
/// Accurate to about 1e-13 relative; where a scale varies, to 1e-10.
impl Process {
    /// Expected fraction of ones in a fresh readout at the reference temperature, ideally 0.5: in the
    /// two-parameter model `Phi(-lambda2 / sqrt(1 + lambda1^2))`.
    #[must_use]
    pub fn bias(&self) -> f64 {
        let (factors, scales) = self.scales();
        let variance = self.skew_variance();
        let mut sum = 0.0;
        for (weight, threshold) in self.thresholds() {
            for (weight, lambda1) in scaled(weight, self.lambda1, &factors) {
                for (weight, noise) in scaled(weight, lambda1, &scales) {
                    let spread = libm::sqrt(variance + self.readout_variance(noise));
                    sum += weight * normal::cdf(-threshold / spread);
                }
            }
        }
        sum
    }

    /// Bit error rate between two fresh readouts at the reference temperature; in the two-parameter
    /// model with `lambda2 = 0`, `arccos(1 / (1 + lambda1^2)) / pi`.
    #[must_use]
    pub fn ber(&self) -> f64 {
        self.ber_at(&Environment::default())
    }

    /// Bit error rate between a fresh readout and the values the cells prefer, both at the reference
    /// temperature; in the two-parameter model with `lambda2 = 0`, `arctan(lambda1) / pi`.
    #[must_use]
    pub fn ber_to_dominant(&self) -> f64 {
        self.ber_to_dominant_at(&Environment::default())
    }

    /// Bit error rate between an enrolment readout `x`, taken fresh at the reference temperature, and
    /// a readout `y` in `environment`, the cells having aged while holding `x`.
    ///
    /// In the two-parameter model with temperature and ageing, `A ~ N(-lambda2/lambda1, 1 +
    /// 1/lambda1^2)` decides `x` and `B ~ N(-lambda2/lambda1, 1 + 1/lambda1^2 + step^2)` decides `y`,
    /// covariance `1/lambda1^2`, and it is
    ///
    /// ```text
    /// Pr[A > 0, B < delta] + Pr[A < 0, B > -delta],
    /// ```
    ///
    /// where `step` is that of [`TemperatureLaw::step`](super::TemperatureLaw::step) and `delta` that of
    /// [`AgeingLaw::delta`](super::AgeingLaw::delta). The other laws widen `A` and `B`, and a rate that
    /// depends on a varying scale is the mean over it.
    #[must_use]
    pub fn ber_at(&self, environment: &Environment) -> f64 {
        self.disagreement(Value::Read, Value::Read, environment)
    }

    /// As [`ber_at`](Self::ber_at), where `x` is what each fresh cell prefers at the reference
    /// temperature: an enrolment by the majority of many readouts. In the two-parameter model with
    /// `lambda2 = 0` and no age, `arctan(lambda1 sqrt(1 + step^2)) / pi`.
    #[must_use]
    pub fn ber_to_dominant_at(&self, environment: &Environment) -> f64 {
        self.disagreement(Value::Dominant, Value::Read, environment)
    }

    /// Expected fraction of cells that prefer another value in `environment` than fresh at the
    /// reference, having aged while holding that: flips that no majority of readouts mends. In the
    /// two-parameter model with `lambda2 = 0` and no age, `arctan(lambda1 |step|) / pi`.
    #[must_use]
    pub fn dominant_flip_fraction_at(&self, environment: &Environment) -> f64 {
        self.disagreement(Value::Dominant, Value::Dominant, environment)
    }

    /// Fraction of cells of which the fresh value `enrolled` at the reference and the value `later` in
    /// `environment` differ.
    fn disagreement(&self, enrolled: Value, later: Value, environment: &Environment) -> f64 {
        let condition = self.condition(environment);
        let shift = self.lambda1 * condition.ageing_delta;
        let drifts = self.drifts(&condition);
        let (factors, scales) = self.scales();
        let mut sum = 0.0;
        for (weight, threshold) in self.thresholds() {
            let pair = Pair { threshold, shift, variance: self.skew_variance() };
            for (weight, lambda1) in scaled(weight, self.lambda1, &factors) {
                let (enrolment, readout) = (lambda1, lambda1 * condition.noise_scale);
                for (weight, first) in self.variances(enrolled, weight, enrolment, &scales) {
                    for (weight, second) in self.variances(later, weight, readout, &scales) {
                        for (weight, drift) in scaled(weight, 1.0, &drifts) {
                            sum += weight * pair.disagreement(first, drift + second);
                        }
                    }
                }
            }
        }
        sum
    }

    /// Variance of the fixed skews over cells and devices.
    fn skew_variance(&self) -> f64 {
        let lambda2_sd = self.variation.lambda2_sd();
        1.0 + (lambda2_sd * lambda2_sd + self.polarity.moments().1)
    }

    /// Weights and thresholds of the classes of cells.
    fn thresholds(&self) -> Rule {
        let (mean, _) = self.polarity.moments();
        if mean == 0.0 {
            return vec![(1.0, self.lambda2)];
        }
        vec![(0.5, self.lambda2 - mean), (0.5, self.lambda2 + mean)]
    }

    /// Weights and variances of what moves the cells until a later readout.
    fn drifts(&self, condition: &Condition) -> Rule {
        let square = |x: f64| x * x;
        let temperature = square(self.lambda1 * condition.temperature_step);
        let ramp = square(self.lambda1 * condition.ramp_step);
        let wander = square(condition.wander);
        let of_temperature = components(temperature, self.temperature.coefficient());
        let of_wander = components(wander, self.wander.coefficient());
        let mut drifts = Vec::with_capacity(4);
        for &(first, temperature) in &of_temperature {
            drifts.extend(
                of_wander
                    .iter()
                    .map(|&(second, wander)| (first * second, temperature + ramp + wander)),
            );
        }
        drifts
    }

    /// Weights and factors of the noise of devices, and of that of readouts.
    fn scales(&self) -> (Rule, Rule) {
        (self.variation.factor().rule(), self.readout.scale().rule())
    }

    /// Weights and variances of what a value adds to the skew: for a readout, its noise about
    /// `noise` and its offset.
    fn variances(&self, value: Value, weight: f64, noise: f64, scales: &Rule) -> Rule {
        match value {
            Value::Dominant => vec![(weight, 0.0)],
            Value::Read => scaled(weight, noise, scales)
                .map(|(weight, noise)| (weight, self.readout_variance(noise)))
                .collect(),
        }
    }

    /// Variance of a readout with noise `noise`, and an offset.
    fn readout_variance(&self, noise: f64) -> f64 {
        let offset = self.readout.offset_sd();
        noise * noise + offset * offset
    }
}

/// A value of a cell that is compared with another.
#[derive(Clone, Copy)]
enum Value {
    /// A readout's.
    Read,
    /// The one it prefers.
    Dominant,
}

/// A fixed skew under an enrolment and a later value.
struct Pair {
    /// Where its mean lies below 0.
    threshold: f64,
    /// How far the later value moves away from the enrolled one.
    shift: f64,
    /// Its variance.
    variance: f64,
}

impl Pair {
    /// Probability that they differ, where the enrolment adds the variance `first` to that of the
    /// skew and the later value `second`: the sum of two quadrants.
    fn disagreement(&self, first: f64, second: f64) -> f64 {
        let Self { threshold, shift, variance } = *self;
        let (first, second) = (first / variance, second / variance);
        // tan of the angle whose cosine is the correlation 1 / sqrt((1 + first) (1 + second)).
        let angle = libm::atan(libm::sqrt(first + second + first * second));

        let a = threshold / libm::sqrt(variance * (1.0 + first));
        let b = |shift: f64| (threshold + shift) / libm::sqrt(variance * (1.0 + second));
        let ones_lost = quadrant(a, b(shift), angle);
        let zeros_lost = quadrant(-a, -b(-shift), angle);
        ones_lost + zeros_lost
    }
}

/// [`normal::quadrant`], or for two variates that are the same, `max(0, Phi(b) - Phi(a))`.
fn quadrant(a: f64, b: f64, angle: f64) -> f64 {
    // Below, squares of it would vanish; nothing that small can be told from 0.
    if angle > 1e-100 {
        return normal::quadrant(a, b, angle);
    }
    let between =
        if a > 0.0 { normal::cdf(-a) - normal::cdf(-b) } else { normal::cdf(b) - normal::cdf(a) };
    between.max(0.0)
}

/// Weights of a sum, each with the number it stands at.
type Rule = Vec<(f64, f64)>;

/// `weight` shared out by a rule, with `value` times its numbers.
fn scaled(weight: f64, value: f64, rule: &Rule) -> impl Iterator<Item = (f64, f64)> + use<'_> {
    rule.iter().map(move |&(share, factor)| (weight * share, value * factor))
}

/// Weights and variances of the components of a drift with this variance.
fn components(variance: f64, law: &TwoComponent) -> Rule {
    if variance == 0.0 || law.is_normal() {
        return vec![(1.0, variance)];
    }
    law.components().map(|(weight, sd)| (weight, variance * (sd * sd))).to_vec()
}
