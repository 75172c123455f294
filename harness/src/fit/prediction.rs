//! What follows from a fitted model for readouts that were not taken.
//!
//! Every number is an expectation over cells, `E g(u)` with `u = (z - lambda2) / lambda1`, by quadrature
//! over `u`; with an interval it carries the error of the fit through its derivatives (delta method), on
//! the scale of its logarithm. The interval is that of the population's number: a device with few cells
//! scatters about it.

use core::f64::consts::LN_2;

use puf_emulator::silicon::normal;

use super::mixture::{self, Rows, density};
use super::quadrature::integral;
use super::two_parameter::TwoParameterFit;
use crate::metric::estimate::Estimate;

/// The two-parameter model with given parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoParameter {
    /// Noise of a readout, in standard deviations of the skew.
    pub lambda1: f64,
    /// Threshold, in standard deviations of the skew; positive prefers 0.
    pub lambda2: f64,
}

impl TwoParameter {
    /// Expected fraction of ones, `Phi(-lambda2 / sqrt(1 + lambda1^2))`; ideally 0.5.
    #[must_use]
    pub fn bias(&self) -> f64 {
        normal::cdf(-self.lambda2 / libm::sqrt(1.0 + self.lambda1 * self.lambda1))
    }

    /// Expected fraction of cells that read both values in `readouts` readouts,
    /// `1 - E[p^R + (1-p)^R]`.
    #[must_use]
    pub fn ever_flipped(&self, readouts: usize) -> f64 {
        let count = readouts as f64;
        if readouts < 2 {
            return 0.0;
        }
        self.mean(readouts, |u| {
            // Without cancellation for the stable side.
            let (stable, rare) = (mixture::log_cdf(u.abs()), mixture::log_cdf(-u.abs()));
            -libm::expm1(count * stable) - libm::exp(count * rare)
        })
    }

    /// Expected fraction of cells that read one value in all of `readouts` readouts.
    #[must_use]
    pub fn never_flipping(&self, readouts: usize) -> f64 {
        1.0 - self.ever_flipped(readouts)
    }

    /// Expected bit error rate between two fresh readouts, `2 E[p (1-p)]`.
    #[must_use]
    pub fn ber_pairwise(&self) -> f64 {
        self.ever_flipped(2)
    }

    /// Expected bit error rate between a readout and what each cell prefers, `E[min(p, 1-p)]`.
    #[must_use]
    pub fn ber_to_dominant(&self) -> f64 {
        self.mean(2, |u| normal::cdf(-u.abs()))
    }

    /// Expected bit error rate between a fresh readout and the majority of `enrolment` earlier ones;
    /// an even tie is a fair coin.
    #[must_use]
    pub fn ber_after_majority_of(&self, enrolment: usize) -> f64 {
        if enrolment == 0 {
            return 0.5;
        }
        // With a coin, an even number of readouts is as good as one fewer.
        let votes = if enrolment.is_multiple_of(2) { enrolment - 1 } else { enrolment };
        let rows = Rows::new(votes);
        let h = mixture::step(votes, self.lambda1, mixture::STEP);
        let mut buffer = Vec::new();
        mixture::nodes(h, REACH)
            .map(|u| {
                let row = rows.at(u, &mut buffer);
                let minority = row.first..row.first + row.probabilities.len();
                let wrong_side = |count: usize| (count > votes / 2) == (u < 0.0);
                let outvoted: f64 = minority
                    .zip(row.probabilities)
                    .filter(|(count, _)| wrong_side(*count))
                    .map(|(_, probability)| probability)
                    .sum();
                let (usual, rare) = (normal::cdf(u.abs()), normal::cdf(-u.abs()));
                h * self.weight(u) * ((1.0 - outvoted) * rare + outvoted * usual)
            })
            .sum()
    }

    /// Min-entropy of the noise of a readout, bits per cell: `E[-log2 max(p, 1-p)]`.
    #[must_use]
    pub fn noise_min_entropy(&self) -> f64 {
        self.mean(2, |u| -mixture::log_cdf(u.abs()) / LN_2)
    }

    /// `E g(u)` of a function that falls like a normal tail on both sides, is smooth but for a kink at
    /// 0, and turns over no more than `readouts` readouts make it.
    pub(super) fn mean(&self, readouts: usize, g: impl Fn(f64) -> f64) -> f64 {
        let narrowest = 1.0 / libm::sqrt(1.0 + self.lambda1 * self.lambda1);
        // The edge at which cells begin to flip is sharper the more often they are asked.
        let sharpness = libm::sqrt(libm::log(readouts as f64) + 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, below ten thousand"
        )]
        let panels = libm::ceil(REACH * sharpness / (1.5 * narrowest)) as usize;
        let f = |u: f64| self.weight(u) * g(u);
        integral(-REACH, 0.0, panels, f) + integral(0.0, REACH, panels, f)
    }

    /// `lambda1 phi(lambda1 u + lambda2)`: the density of cells at `u`.
    fn weight(&self, u: f64) -> f64 {
        self.lambda1 * density(self.lambda1 * u + self.lambda2)
    }
}

/// Beyond it a cell does not flip in any number of readouts.
const REACH: f64 = 12.0;

impl TwoParameterFit {
    /// [`TwoParameter::ever_flipped`], with an interval.
    #[must_use]
    pub fn ever_flipped(&self, readouts: usize) -> Estimate {
        self.propagated(|model| model.ever_flipped(readouts))
    }

    /// [`TwoParameter::never_flipping`], with an interval.
    #[must_use]
    pub fn never_flipping(&self, readouts: usize) -> Estimate {
        let flipped = self.ever_flipped(readouts);
        let (lower, upper) = (1.0 - flipped.upper, 1.0 - flipped.lower);
        Estimate { value: 1.0 - flipped.value, lower, upper, ..flipped }
    }

    /// The growth of the ever-flipped fraction: of each number of readouts, what is expected.
    #[must_use]
    pub fn growth(&self, readouts: &[usize]) -> Vec<(usize, Estimate)> {
        readouts.iter().map(|&readouts| (readouts, self.ever_flipped(readouts))).collect()
    }

    /// [`TwoParameter::ber_pairwise`], with an interval.
    #[must_use]
    pub fn ber_pairwise(&self) -> Estimate {
        self.propagated(TwoParameter::ber_pairwise)
    }

    /// [`TwoParameter::ber_to_dominant`], with an interval.
    #[must_use]
    pub fn ber_to_dominant(&self) -> Estimate {
        self.propagated(TwoParameter::ber_to_dominant)
    }

    /// [`TwoParameter::ber_after_majority_of`], with an interval.
    #[must_use]
    pub fn ber_after_majority_of(&self, enrolment: usize) -> Estimate {
        self.propagated(|model| model.ber_after_majority_of(enrolment))
    }

    /// [`TwoParameter::noise_min_entropy`], with an interval.
    #[must_use]
    pub fn noise_min_entropy(&self) -> Estimate {
        self.propagated(TwoParameter::noise_min_entropy)
    }

    /// A function of the parameters with the error of the fit.
    #[must_use]
    pub fn propagated(&self, of: impl Fn(&TwoParameter) -> f64) -> Estimate {
        let model = self.model();
        let at = |log_lambda1: f64, lambda2: f64| {
            of(&TwoParameter {
                lambda1: model.lambda1 * libm::exp(log_lambda1),
                lambda2: model.lambda2 + lambda2,
            })
        };
        // Small against any curvature, large against rounding.
        let step = 1e-4;
        let slopes = [
            (at(step, 0.0) - at(-step, 0.0)) / (2.0 * step),
            (at(0.0, step) - at(0.0, -step)) / (2.0 * step),
        ];
        let mut variance = 0.0;
        for (a, row) in slopes.iter().zip(&self.covariance) {
            for (b, covariance) in slopes.iter().zip(row) {
                variance += a * b * covariance;
            }
        }
        Estimate::positive(of(&model), libm::sqrt(variance.max(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reliability::exact::majority_error;
    use puf_emulator::silicon::{AgeingLaw, Process, TemperatureLaw};
    use statrs::distribution::{ContinuousCDF, Normal};

    const MODELS: [(f64, f64); 5] =
        [(0.101, -0.0022), (0.35, 0.0), (0.05, 0.7), (1.5, -0.3), (0.02, 0.0)];

    fn models() -> impl Iterator<Item = TwoParameter> {
        MODELS.into_iter().map(|(lambda1, lambda2)| TwoParameter { lambda1, lambda2 })
    }

    /// `E g(p, 1 - p)` the plain way, over the skew, with another library's `Phi`.
    fn plain(model: &TwoParameter, g: impl Fn(f64, f64) -> f64) -> f64 {
        const HALF: i32 = 60_000;
        let phi = Normal::standard();
        let h = 9.0 / f64::from(HALF);
        let term = |i: i32| {
            // Half steps about the threshold, where a function may have a kink.
            let z = model.lambda2 + (f64::from(i) + 0.5) * h;
            let u = (z - model.lambda2) / model.lambda1;
            h * density(z) * g(phi.cdf(u), phi.cdf(-u))
        };
        (-HALF..HALF).map(term).sum()
    }

    #[track_caller]
    fn check(found: f64, expected: f64, what: &str) {
        let error = (found / expected - 1.0).abs();
        assert!(error < 1e-5, "{what}: {found:e}, {expected:e}");
    }

    #[test]
    fn predictions_agree_with_plain_sums() {
        for model in models() {
            let case = format!("{model:?}");
            for readouts in [2, 3, 10, 85, 1000, 100_000] {
                let count = readouts as f64;
                let flips = |p: f64, q: f64| {
                    let (most, least) = (p.max(q), p.min(q));
                    -libm::expm1(count * libm::log1p(-least)) - libm::pow(1.0 - most, count)
                };
                let expected = plain(&model, flips);
                check(model.ever_flipped(readouts), expected, &format!("{case}, {readouts}"));
            }
            let entropy = plain(&model, |p, q| -libm::log2(p.max(q)));
            check(model.noise_min_entropy(), entropy, &case);
            for votes in [1, 2, 3, 4, 15] {
                let expected = plain(&model, |p, q| {
                    let (rare, usual) = (p.min(q), p.max(q));
                    let outvoted = majority_error(votes, rare);
                    outvoted * usual + (1.0 - outvoted) * rare
                });
                check(model.ber_after_majority_of(votes), expected, &format!("{case}, {votes}"));
            }
        }
    }

    #[test]
    fn error_rates_are_the_closed_forms_of_a_process() {
        for model in models() {
            let laws = (TemperatureLaw::default(), AgeingLaw::default());
            let process = Process::new(model.lambda1, model.lambda2, laws.0, laws.1).unwrap();
            for (found, expected) in [
                (model.bias(), process.bias()),
                (model.ber_pairwise(), process.ber()),
                (model.ber_to_dominant(), process.ber_to_dominant()),
                (model.ber_after_majority_of(1), process.ber()),
            ] {
                assert!((found / expected - 1.0).abs() < 1e-10, "{model:?}: {found}, {expected}");
            }
        }
        // The digits of facts.md.
        let model = TwoParameter { lambda1: 0.349_752, lambda2: 0.0 };
        assert!((model.ber_pairwise() - 0.15).abs() < 5e-7);
        assert!((model.ber_to_dominant() - 0.1071).abs() < 5e-5);
    }

    /// The counts of the fit's own law say the same of cells that read one value only.
    #[test]
    fn never_flipping_cells_are_the_ends_of_the_histogram() {
        for model in models() {
            let q = mixture::count_probabilities(20, model.lambda1, model.lambda2);
            assert!((model.never_flipping(20) - q[0] - q[20]).abs() < 1e-11);
        }
        let model = TwoParameter { lambda1: 0.1, lambda2: 0.0 };
        assert_eq!((model.ever_flipped(0), model.ever_flipped(1)), (0.0, 0.0));
        assert_eq!(model.ber_after_majority_of(0), 0.5);
        // Many readouts find what each cell prefers.
        let limit = model.ber_to_dominant();
        assert!((model.ber_after_majority_of(10_001) / limit - 1.0).abs() < 1e-3);
    }
}
