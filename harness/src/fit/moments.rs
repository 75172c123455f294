//! The two-parameter model from two means.
//!
//! With `a = lambda2 / sqrt(1 + lambda1^2)` the fraction of ones is `Phi(-a)`, and two readouts of a
//! cell are bivariate normal with correlation `cos theta = 1 / (1 + lambda1^2)`, so that they differ
//! with probability
//!
//! ```text
//! d = 1/pi Int_0^theta exp(-a^2 / (1 + cos phi)) dphi
//! ```
//!
//! (R. L. Plackett, Biometrika 41, 1954); for `a = 0` that is Sheppard's `theta / pi`.

use core::f64::consts::{FRAC_PI_2, PI};

use puf_emulator::silicon::normal;

use super::counts::OneCounts;
use super::error::FitError;
use super::quadrature::integral;

/// The estimates of the method of moments: consistent, and a cross-check of maximum likelihood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Noise, in standard deviations of the skew.
    pub lambda1: f64,
    /// Threshold, in standard deviations of the skew.
    pub lambda2: f64,
}

/// The parameters with the fraction of ones and the pairwise disagreement of the counts.
///
/// # Errors
/// If there are fewer than two readouts, or the counts leave one of the two undetermined.
pub fn moments(counts: &OneCounts) -> Result<Moments, FitError> {
    if counts.readouts() < 2 {
        return Err(FitError::TooFewReadouts { readouts: counts.readouts(), least: 2 });
    }
    of_rates(counts.ones_fraction(), counts.pairwise_disagreement())
}

/// The parameters with a fraction of ones and a bit error rate between two readouts.
pub(super) fn of_rates(ones: f64, disagreement: f64) -> Result<Moments, FitError> {
    if ones <= 0.0 || ones >= 1.0 {
        return Err(FitError::OneValue);
    }
    let a = -normal::quantile(ones);
    if disagreement >= disagreement_at(a, FRAC_PI_2) {
        return Err(FitError::NoSkew);
    }
    // Concave and rising from 0: Newton's steps from below never overshoot by more than one.
    let mut theta = (PI * disagreement * libm::exp(0.5 * a * a)).min(1.5);
    for _ in 0..100 {
        let slope = libm::exp(-a * a / (1.0 + libm::cos(theta))) / PI;
        let step = (disagreement - disagreement_at(a, theta)) / slope;
        let next = theta + step;
        theta = if next >= FRAC_PI_2 { 0.5 * (theta + FRAC_PI_2) } else { next.max(0.5 * theta) };
        if step.abs() < 1e-14 * theta {
            break;
        }
    }
    // 1 - cos = 2 sin^2(theta / 2), which keeps its digits for a small angle.
    let half_sin = libm::sin(theta / 2.0);
    let lambda1 = libm::sqrt(2.0 * half_sin * half_sin / libm::cos(theta));
    Ok(Moments { lambda1, lambda2: a * libm::sqrt(1.0 + lambda1 * lambda1) })
}

fn disagreement_at(a: f64, theta: f64) -> f64 {
    integral(0.0, theta, 4, |phi| libm::exp(-a * a / (1.0 + libm::cos(phi)))) / PI
}

#[cfg(test)]
mod tests {
    use super::*;
    use puf_emulator::silicon::{AgeingLaw, Process, TemperatureLaw};

    /// The closed form of the emulator, written from the other end of the integral.
    #[test]
    fn rates_of_a_process_give_its_parameters_back() {
        for lambda1 in [1e-5, 0.02, 0.11, 0.35, 1.0, 5.0] {
            for lambda2 in [-2.5, -0.5, 0.0, 0.01, 1.0] {
                let laws = (TemperatureLaw::default(), AgeingLaw::default());
                let process = Process::new(lambda1, lambda2, laws.0, laws.1).unwrap();
                let found = of_rates(process.bias(), process.ber()).unwrap();
                let off = (found.lambda1 / lambda1 - 1.0).abs() + (found.lambda2 - lambda2).abs();
                assert!(off < 1e-9, "{lambda1}, {lambda2}: {found:?}");
            }
        }
    }

    /// The table of rates and parameters of facts.md, all printed digits.
    #[test]
    fn unbiased_cells_have_the_known_parameters() {
        for (ber, lambda1) in [
            (0.01, 0.022_219_0),
            (0.03, 0.066_766_9),
            (0.05, 0.111_647),
            (0.10, 0.226_853),
            (0.15, 0.349_752),
            (0.25, 0.643_594),
        ] {
            let found = of_rates(0.5, ber).unwrap();
            assert!((found.lambda1 / lambda1 - 1.0).abs() < 5e-6, "{ber}: {found:?}");
            assert!(found.lambda2.abs() < 1e-15);
        }
    }

    #[test]
    fn rates_that_no_cells_have_are_refused() {
        assert_eq!(of_rates(0.0, 0.0), Err(FitError::OneValue));
        assert_eq!(of_rates(0.5, 0.5), Err(FitError::NoSkew));
        assert_eq!(of_rates(0.6, 0.49), Err(FitError::NoSkew));
    }
}
