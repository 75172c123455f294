//! The two-parameter model for two classes of cells with opposite bias.
//!
//! The cells of the odd class have the threshold `lambda2 - s`, those of the even one `lambda2 + s`,
//! both the same noise. Taken together as one class they look like cells with less bias and, in units
//! of a skew that is wider by `sqrt(1 + s^2)`, less noise; so where there is a polarity, `lambda1` of
//! the whole is not that of the cells.

use super::agreement::Agreement;
use super::counts::OneCounts;
use super::error::FitError;
use super::mixture;
use super::scoring::{self, Law};
use super::two_parameter::{in_range, two_parameter};
use crate::metric::estimate::Estimate;

/// Noise, bias and polarity of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassFit {
    /// Noise of a readout, in standard deviations of the skew within a class.
    pub lambda1: Estimate,
    /// Threshold, the mean of that of both classes.
    pub lambda2: Estimate,
    /// Amplitude `s`, positive where the odd class prefers 1.
    pub amplitude: Estimate,
    /// What the third parameter adds to the log-likelihood.
    pub log_likelihood_gain: f64,
    /// How well the law agrees with both histograms.
    pub agreement: Agreement,
}

/// Fits noise, threshold and amplitude to the one-counts of the cells of either class.
///
/// # Errors
/// If the numbers of readouts differ, or the cells of both classes together cannot be
/// [fitted](two_parameter).
pub fn classes(odd: &OneCounts, even: &OneCounts) -> Result<ClassFit, FitError> {
    let (readouts, found) = (odd.readouts(), even.readouts());
    if found != readouts {
        return Err(FitError::Shape {
            what: "the histogram of the even class",
            expected: readouts + 1,
            found: found + 1,
        });
    }
    let both = odd.cells_with().iter().zip(even.cells_with()).map(|(a, b)| a + b);
    let alike = two_parameter(&OneCounts::new(both.collect())?)?;
    let model = alike.model();
    let counts: Vec<u64> = odd.cells_with().iter().chain(even.cells_with()).copied().collect();
    let share = odd.cells() as f64 / (odd.cells() + even.cells()) as f64;
    let law = Classes { readouts, share };
    let start = vec![libm::log(model.lambda1), model.lambda2, 0.0];
    let (q, _) = law.at(&start).ok_or(FitError::NoMaximum)?;
    let without: f64 = counts
        .iter()
        .zip(&q)
        .filter(|(n, _)| **n > 0)
        .map(|(n, q)| *n as f64 * libm::log(*q))
        .sum();
    let found = scoring::maximise(&counts, start, &law)?;
    let lambda1 = libm::exp(found.parameters[0]);
    Ok(ClassFit {
        lambda1: Estimate::positive(lambda1, lambda1 * found.standard_error(0)),
        lambda2: Estimate::normal(found.parameters[1], found.standard_error(1)),
        amplitude: Estimate::normal(found.parameters[2], found.standard_error(2)),
        log_likelihood_gain: found.log_likelihood - without,
        agreement: Agreement::new(&counts, &found.probabilities, 4),
    })
}

/// The law of the counts of both classes, the odd one first, given how many cells are of each.
struct Classes {
    readouts: usize,
    share: f64,
}

impl Law for Classes {
    fn at(&self, parameters: &[f64]) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
        let (log_lambda1, lambda2, amplitude) = (parameters[0], parameters[1], parameters[2]);
        let mut q = Vec::new();
        let mut slopes = vec![Vec::new(); 3];
        for (share, sign) in [(self.share, -1.0), (1.0 - self.share, 1.0)] {
            let threshold = lambda2 + sign * amplitude;
            if !in_range(log_lambda1, threshold) {
                return None;
            }
            let [value, by_log_lambda1, by_threshold] =
                mixture::with_gradient(self.readouts, libm::exp(log_lambda1), threshold);
            q.extend(value.iter().map(|x| share * x));
            slopes[0].extend(by_log_lambda1.iter().map(|x| share * x));
            slopes[1].extend(by_threshold.iter().map(|x| share * x));
            slopes[2].extend(by_threshold.iter().map(|x| sign * share * x));
        }
        Some((q, slopes))
    }
}
