//! The two-parameter model by maximum likelihood.

use puf_emulator::silicon::normal;

use super::agreement::Agreement;
use super::counts::OneCounts;
use super::error::FitError;
use super::mixture;
use super::moments::{Moments, moments};
use super::prediction::TwoParameter;
use super::scoring::{self, Law};
use crate::metric::estimate::Estimate;

/// Name of the method, as reports print it.
pub const METHOD: &str = "maximum likelihood of the one-counts by Fisher scoring; intervals of 95 % \
                          from the expected information, on the scale of ln(lambda1) and lambda2";

/// Noise and bias of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoParameterFit {
    /// Noise of a readout, in standard deviations of the skew.
    pub lambda1: Estimate,
    /// Threshold between 0 and 1, in standard deviations of the skew; positive prefers 0.
    pub lambda2: Estimate,
    /// Covariance matrix of the estimates of `ln lambda1` and `lambda2`.
    pub covariance: [[f64; 2]; 2],
    /// The same parameters by the method of moments.
    pub moments: Moments,
    /// `sum h_c ln q_c` over the counts, without the multinomial coefficient.
    pub log_likelihood: f64,
    /// How well the law agrees with the histogram.
    pub agreement: Agreement,
    /// Number of cells fitted.
    pub cells: u64,
    /// Number of readouts of each.
    pub readouts: usize,
}

impl TwoParameterFit {
    /// The fitted model, which predicts.
    #[must_use]
    pub fn model(&self) -> TwoParameter {
        TwoParameter { lambda1: self.lambda1.value, lambda2: self.lambda2.value }
    }
}

/// Fits `lambda1` and `lambda2` to the one-counts of a device's cells.
///
/// ```
/// use puflab::fit::{OneCounts, count_probabilities, two_parameter};
///
/// // A million cells exactly as expected.
/// let expected = count_probabilities(15, 0.11, -0.01);
/// let counts = OneCounts::new(expected.iter().map(|q| (1e6 * q).round() as u64).collect())?;
/// let fit = two_parameter(&counts)?;
/// assert!(fit.lambda1.covers(0.11) && fit.lambda2.covers(-0.01));
/// assert!((fit.lambda1.value - 0.11).abs() < 1e-5);
/// # Ok::<(), puflab::fit::FitError>(())
/// ```
///
/// # Errors
/// If there are fewer than two readouts; if all cells are stable, which bounds the noise from above
/// only; if they read a single value; or if they do not differ beyond chance.
pub fn two_parameter(counts: &OneCounts) -> Result<TwoParameterFit, FitError> {
    let start = moments_of_unstable(counts)?;
    let law = Counts { readouts: counts.readouts() };
    let start_at = vec![libm::log(start.lambda1), start.lambda2];
    let found = scoring::maximise(counts.cells_with(), start_at, &law).map_err(|error| {
        // Uphill without end: the more noise, the better.
        if start.lambda1 > 0.5 * LARGEST { FitError::NoSkew } else { error }
    })?;
    let lambda1 = libm::exp(found.parameters[0]);
    let covariance = &found.covariance;
    Ok(TwoParameterFit {
        lambda1: Estimate::positive(lambda1, lambda1 * found.standard_error(0)),
        lambda2: Estimate::normal(found.parameters[1], found.standard_error(1)),
        covariance: [[covariance[0][0], covariance[0][1]], [covariance[1][0], covariance[1][1]]],
        moments: start,
        log_likelihood: found.log_likelihood,
        agreement: Agreement::new(counts.cells_with(), &found.probabilities, 2),
        cells: counts.cells(),
        readouts: counts.readouts(),
    })
}

/// The moment fit, or an honest word on why there can be none.
fn moments_of_unstable(counts: &OneCounts) -> Result<Moments, FitError> {
    let readouts = counts.readouts();
    if readouts < 2 {
        return Err(FitError::TooFewReadouts { readouts, least: 2 });
    }
    let ones = counts.ones_fraction();
    if ones <= 0.0 || ones >= 1.0 {
        return Err(FitError::OneValue);
    }
    if counts.unstable() == 0 {
        let lambda2 = -normal::quantile(ones);
        let lambda1_upper = largest_without_a_flip(counts.cells() as f64, readouts, lambda2);
        return Err(FitError::NoUnstableCell { lambda1_upper, lambda2 });
    }
    moments(counts)
}

/// The noise with which none of `cells` flips in `readouts` with probability 5 %: `ln 20` cells are
/// expected to.
fn largest_without_a_flip(cells: f64, readouts: usize, lambda2: f64) -> f64 {
    let expected = libm::log(20.0) / cells;
    let (mut low, mut high) = (libm::log(SMALLEST), libm::log(LARGEST));
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        let model = TwoParameter { lambda1: libm::exp(middle), lambda2 };
        if model.ever_flipped(readouts) < expected {
            low = middle;
        } else {
            high = middle;
        }
    }
    libm::exp(high)
}

/// Range of `lambda1`, that of [`puf_emulator::silicon::Process`].
pub(super) const SMALLEST: f64 = 1e-6;
pub(super) const LARGEST: f64 = 100.0;
/// Largest magnitude of `lambda2`.
pub(super) const LARGEST_LAMBDA2: f64 = 10.0;

/// Whether a model has these parameters.
pub(super) fn in_range(log_lambda1: f64, lambda2: f64) -> bool {
    (SMALLEST..=LARGEST).contains(&libm::exp(log_lambda1)) && lambda2.abs() <= LARGEST_LAMBDA2
}

/// The law of the counts.
struct Counts {
    readouts: usize,
}

impl Law for Counts {
    fn at(&self, parameters: &[f64]) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
        let (log_lambda1, lambda2) = (parameters[0], parameters[1]);
        if !in_range(log_lambda1, lambda2) {
            return None;
        }
        let [q, by_log_lambda1, by_lambda2] =
            mixture::with_gradient(self.readouts, libm::exp(log_lambda1), lambda2);
        Some((q, vec![by_log_lambda1, by_lambda2]))
    }
}
