//! Maximum likelihood of a multinomial law by Fisher's scoring.
//!
//! ```text
//! score_a = sum_c n_c (dq_c/da) / q_c,    information_ab = N sum_c (dq_c/da) (dq_c/db) / q_c.
//! ```
//!
//! The information is the expected one at the estimate, never negative, so that a step always goes
//! uphill; steps that overshoot are damped (D. W. Marquardt, 1963).

use super::error::FitError;

/// A law of `q_c`, given by some parameters.
pub(super) trait Law {
    /// The probabilities and, for each parameter, their derivatives; `None` outside the range in which
    /// the law is defined.
    fn at(&self, parameters: &[f64]) -> Option<(Vec<f64>, Vec<Vec<f64>>)>;
}

/// The likeliest parameters.
pub(super) struct Maximum {
    pub(super) parameters: Vec<f64>,
    /// `sum_c n_c ln q_c`.
    pub(super) log_likelihood: f64,
    /// Inverse of the information.
    pub(super) covariance: Vec<Vec<f64>>,
    pub(super) probabilities: Vec<f64>,
}

impl Maximum {
    pub(super) fn standard_error(&self, parameter: usize) -> f64 {
        libm::sqrt(self.covariance[parameter][parameter])
    }
}

/// The maximum uphill of `start`.
pub(super) fn maximise(
    counts: &[u64],
    start: Vec<f64>,
    law: &impl Law,
) -> Result<Maximum, FitError> {
    maximise_within(MAX_STEPS, counts, start, law)
}

/// As [`maximise`], given up after so many steps.
pub(super) fn maximise_within(
    steps: usize,
    counts: &[u64],
    start: Vec<f64>,
    law: &impl Law,
) -> Result<Maximum, FitError> {
    let mut parameters = start;
    let (mut q, mut slopes) = law.at(&parameters).ok_or(FitError::NoMaximum)?;
    let mut likelihood = log_likelihood(counts, &q);
    let mut damping = 0.0;
    for _ in 0..steps {
        let (score, information) = derivatives(counts, &q, &slopes);
        let mut damped = information.clone();
        for (i, row) in damped.iter_mut().enumerate() {
            row[i] *= 1.0 + damping;
        }
        let inverse = inverse(damped).ok_or(FitError::NoMaximum)?;
        let step: Vec<f64> = inverse.iter().map(|row| dot(row, &score)).collect();
        // The squared length of the step in standard errors, twice what there is to gain.
        let gain = dot(&step, &score);
        let next: Vec<f64> = parameters.iter().zip(&step).map(|(x, dx)| x + dx).collect();
        let evaluated = law.at(&next).map(|(q, slopes)| (log_likelihood(counts, &q), q, slopes));
        match evaluated {
            Some((better, next_q, next_slopes))
                if better >= likelihood - ROUNDING * better.abs() =>
            {
                (parameters, q, slopes, likelihood) = (next, next_q, next_slopes, better);
                if gain < CONVERGED && damping < 1e-3 {
                    let (_, information) = derivatives(counts, &q, &slopes);
                    let covariance = self::inverse(information).ok_or(FitError::NoMaximum)?;
                    return Ok(Maximum {
                        parameters,
                        log_likelihood: likelihood,
                        covariance,
                        probabilities: q,
                    });
                }
                damping = if damping < 1e-4 { 0.0 } else { damping / 10.0 };
            }
            _ => damping = (damping * 10.0).max(1e-2),
        }
        if damping > 1e12 {
            break;
        }
    }
    Err(FitError::NoMaximum)
}

/// A dozen do, where there is a maximum.
const MAX_STEPS: usize = 60;

/// A hundred-thousandth of a standard error.
const CONVERGED: f64 = 1e-10;

/// What a sum of logarithms may lose.
const ROUNDING: f64 = 1e-13;

/// `sum n ln q`, minus infinity where something was seen that cannot be.
pub(super) fn log_likelihood(counts: &[u64], q: &[f64]) -> f64 {
    let term = |(&n, &q): (&u64, &f64)| match (n, q > 0.0) {
        (0, _) => 0.0,
        (n, true) => n as f64 * libm::log(q),
        (_, false) => f64::NEG_INFINITY,
    };
    counts.iter().zip(q).map(term).sum()
}

/// Score and expected information.
fn derivatives(counts: &[u64], q: &[f64], slopes: &[Vec<f64>]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let total: f64 = counts.iter().map(|&n| n as f64).sum();
    let sum = |of: &dyn Fn(usize) -> f64| {
        (0..q.len()).filter(|&c| q[c] > 0.0).map(|c| of(c) / q[c]).sum::<f64>()
    };
    let score = slopes.iter().map(|slope| sum(&|c| counts[c] as f64 * slope[c])).collect();
    let row = |a: &Vec<f64>| slopes.iter().map(|b| total * sum(&|c| a[c] * b[c])).collect();
    (score, slopes.iter().map(row).collect())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Inverse of a positive definite matrix, by Gauss and Jordan; `None` of any other.
pub(super) fn inverse(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    let n = matrix.len();
    let scale: Vec<f64> = (0..n).map(|i| libm::sqrt(matrix[i][i])).collect();
    if !scale.iter().all(|&s| s > 0.0 && s.is_finite()) {
        return None;
    }
    for (i, row) in matrix.iter_mut().enumerate() {
        row.iter_mut().zip(&scale).for_each(|(x, s)| *x /= s * scale[i]);
    }
    let mut inverse: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for column in 0..n {
        // Of a correlation matrix, what is left below this cannot be told from singular.
        let pivot = matrix[column][column];
        if pivot.is_nan() || pivot < 1e-13 {
            return None;
        }
        for half in [&mut matrix, &mut inverse] {
            half[column].iter_mut().for_each(|x| *x /= pivot);
        }
        for row in (0..n).filter(|&row| row != column) {
            let factor = matrix[row][column];
            for half in [&mut matrix, &mut inverse] {
                let taken: Vec<f64> = half[column].iter().map(|x| factor * x).collect();
                half[row].iter_mut().zip(taken).for_each(|(x, taken)| *x -= taken);
            }
        }
    }
    for (i, row) in inverse.iter_mut().enumerate() {
        row.iter_mut().zip(&scale).for_each(|(x, s)| *x /= s * scale[i]);
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverses_are_inverses() {
        let matrix = vec![vec![4.0, 1.0, 0.5], vec![1.0, 3.0, -1.0], vec![0.5, -1.0, 1e-2 + 1.0]];
        let inverse = inverse(matrix.clone()).unwrap();
        for (i, row) in matrix.iter().enumerate() {
            for j in 0..3 {
                let column: Vec<f64> = inverse.iter().map(|row| row[j]).collect();
                let expected = f64::from(u8::from(i == j));
                assert!((dot(row, &column) - expected).abs() < 1e-12);
            }
        }
        assert_eq!(super::inverse(vec![vec![1.0, 1.0], vec![1.0, 1.0]]), None);
        assert_eq!(super::inverse(vec![vec![f64::NAN]]), None);
    }

    /// Hardy and Weinberg: genotypes p^2, 2 p q, q^2 have the estimate (2 AA + Aa) / 2 N and its
    /// variance p q / 2 N.
    #[test]
    fn a_law_with_a_closed_form_is_fitted_exactly() {
        struct Genotypes;
        impl Law for Genotypes {
            fn at(&self, parameters: &[f64]) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
                let p = parameters[0];
                let q = 1.0 - p;
                let slopes = vec![2.0 * p, 2.0 - 4.0 * p, -2.0 * q];
                (p > 0.0 && p < 1.0).then(|| (vec![p * p, 2.0 * p * q, q * q], vec![slopes]))
            }
        }
        let found = maximise(&[30, 50, 20], vec![0.01], &Genotypes).unwrap();
        assert!((found.parameters[0] - 0.55).abs() < 1e-9);
        let variance: f64 = 0.55 * 0.45 / 200.0;
        assert!((found.standard_error(0) - variance.sqrt()).abs() < 1e-9);
    }
}
