//! Readouts with a noise or an offset of their own.
//!
//! In readout `j` a cell reads one with probability `Phi((u + o_j / lambda1) / k_j)`. For each readout
//! the cells are sorted by their count of ones `m` in the *other* readouts, which leaves of their
//! latent what a binomial likelihood leaves; among the cells with `m`, the fraction that read one in
//! `j` is
//!
//! ```text
//! P_m(o, k) = Int Phi((u + o / lambda1) / k) Bin(m; T - 1, Phi(u)) dF(u) / q_m
//! ```
//!
//! and the two numbers of the readout are the likeliest, by Fisher's scoring of these independent
//! binomials. Each is against the mean of the others; taken off the mean of all, scales (their
//! logarithms) and offsets sum to about 0. What is common to all readouts is in `lambda1` and
//! `lambda2`.
//!
//! A readout is an outlier if it lies farther from the others than their own scatter has it, by the
//! `t` test of a deleted residual (F. E. Grubbs, Technometrics 11, 1969), one in a million over all
//! readouts. The spread is that of the rest. Outliers of that size also widen the fit that is given:
//! it is better made without them.

use core::f64::consts::FRAC_PI_2;

use puf_emulator::silicon::normal;
use rayon::prelude::*;

use super::counts::OneCounts;
use super::error::FitError;
use super::mixture::{self, Row, Rows, density};
use super::prediction::TwoParameter;
use super::quadrature::integral;
use super::scoring::inverse;
use crate::metric::chi_square;
use crate::metric::estimate::Estimate;

/// Number of cells by their count of ones in all readouts and, for each readout, of those that read
/// one in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadoutOnes {
    counts: OneCounts,
    ones: Vec<Vec<u64>>,
}

/// The most readouts: the table has that many rows and columns.
const MOST_READOUTS: usize = 4096;

impl ReadoutOnes {
    /// Takes the histogram of `T` readouts and `ones[j][c]`, the number of cells with count `c` that
    /// read one in readout `j`: `T` rows of `T + 1` entries.
    ///
    /// # Errors
    /// If there are fewer than 3 readouts or more than 4096, the shapes differ, or the ones of the
    /// cells with some count do not add up to their number times the count.
    pub fn new(counts: OneCounts, ones: Vec<Vec<u64>>) -> Result<Self, FitError> {
        let readouts = counts.readouts();
        if readouts < LEAST_READOUTS {
            return Err(FitError::TooFewReadouts { readouts, least: LEAST_READOUTS });
        }
        if readouts > MOST_READOUTS {
            return Err(FitError::TooManyReadouts { readouts, most: MOST_READOUTS });
        }
        if ones.len() != readouts {
            let (expected, found) = (readouts, ones.len());
            return Err(FitError::Shape { what: "the table of ones", expected, found });
        }
        if let Some(row) = ones.iter().find(|row| row.len() != readouts + 1) {
            let (expected, found) = (readouts + 1, row.len());
            return Err(FitError::Shape { what: "a row of the table of ones", expected, found });
        }
        for (count, &cells) in counts.cells_with().iter().enumerate() {
            let sum: u128 = ones.iter().map(|row| u128::from(row[count])).sum();
            let adds_up = sum == u128::from(cells) * count as u128;
            if !adds_up || ones.iter().any(|row| row[count] > cells) {
                return Err(FitError::Count { count, readouts });
            }
        }
        Ok(Self { counts, ones })
    }

    /// The histogram.
    #[must_use]
    pub fn counts(&self) -> &OneCounts {
        &self.counts
    }

    /// For readout `j`: of the cells with `m` ones in the others, how many read 0 and 1 in it.
    fn given_others(&self, readout: usize) -> Vec<[f64; 2]> {
        let (all, ones) = (self.counts.cells_with(), &self.ones[readout]);
        let of = |m: usize| [(all[m] - ones[m]) as f64, ones[m + 1] as f64];
        (0..self.counts.readouts()).map(of).collect()
    }
}

/// With two readouts, a scale could not be told from the noise of the other.
const LEAST_READOUTS: usize = 3;

/// What is special about each readout.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadoutEffects {
    /// In the order of the readouts.
    pub readouts: Vec<ReadoutEffect>,
    /// Spread of `ln k_j` over readouts that are no outliers, beyond the error of sampling: for small
    /// numbers the coefficient of variation of the noise.
    pub scale: Spread,
    /// Spread of `o_j`, likewise, in standard deviations of the skew.
    pub offset: Spread,
    /// Readouts far from the rest.
    pub outliers: Vec<Outlier>,
}

impl ReadoutEffects {
    /// Readouts whose noise or offset sampling alone does not explain, one in a million over all of
    /// them: where the spread is real, that may be most. An [outlier](Self::outliers) stands out from
    /// the spread, too.
    pub fn beyond_sampling(&self) -> impl Iterator<Item = usize> {
        let alpha = FAMILY_ALPHA / (2.0 * self.readouts.len() as f64);
        let limit = -normal::quantile(0.5 * alpha);
        let is_beyond = move |effect: &ReadoutEffect| {
            effect.scale_z.abs() > limit || effect.offset_z.abs() > limit
        };
        (0..).zip(&self.readouts).filter(move |(_, effect)| is_beyond(effect)).map(|(j, _)| j)
    }
}

/// A readout's own noise and offset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadoutEffect {
    /// Noise `k_j` in terms of the (geometric) mean over readouts.
    pub scale: Estimate,
    /// Offset `o_j` towards 1 from the mean over readouts, in standard deviations of the skew.
    pub offset: Estimate,
    /// `ln k_j` in standard errors of sampling.
    pub scale_z: f64,
    /// `o_j` in standard errors of sampling.
    pub offset_z: f64,
}

/// A standard deviation over readouts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The standard deviation, that of sampling taken off; 0 if sampling explains it all.
    pub value: f64,
    /// Lower end of its interval of 95 %; 0 if there may be no spread.
    pub lower: f64,
    /// Upper end of its interval of 95 %.
    pub upper: f64,
    /// `Pr[a scatter at least this large]` by sampling alone.
    pub p_value: f64,
}

impl Spread {
    /// Whether sampling alone does not explain it: less than one in a million.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        self.p_value < FAMILY_ALPHA
    }

    /// Of deviations from their mean with errors of sampling: `sum e^2 / (v + s^2)` is chi-square.
    fn new(deviations: &[(f64, f64)]) -> Self {
        let n = deviations.len() as f64;
        if n < 2.0 {
            return Self { value: 0.0, lower: 0.0, upper: f64::INFINITY, p_value: 1.0 };
        }
        let mean = deviations.iter().map(|(e, _)| e).sum::<f64>() / n;
        let sum: f64 = deviations.iter().map(|(e, _)| (e - mean) * (e - mean)).sum();
        // An error is that of a deviation from the mean of all.
        let sampling = deviations.iter().map(|(_, error)| error * error).sum::<f64>() / (n - 1.0);
        let df = n - 1.0;
        let root = |variance: f64| libm::sqrt(variance.max(0.0));
        Self {
            value: root(sum / df - sampling),
            lower: root(sum / chi_square::quantile(0.975, df) - sampling),
            upper: root(sum / chi_square::quantile(0.025, df) - sampling),
            p_value: chi_square::survival(sum / sampling, df),
        }
    }
}

/// A readout far from the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlier {
    /// Its number.
    pub readout: usize,
    /// Whether it is its offset that is far out, or its noise.
    pub is_offset: bool,
    /// Its distance from the mean of the others, in terms of their scatter: a `t` with one degree of
    /// freedom for each of them but one.
    pub t: f64,
}

const FAMILY_ALPHA: f64 = 1e-6;

/// Estimates noise and offset of each readout, given the model fitted to all.
///
/// # Errors
/// If a readout has no likeliest noise and offset.
pub fn readout_effects(
    model: &TwoParameter,
    table: &ReadoutOnes,
) -> Result<ReadoutEffects, FitError> {
    let readouts = table.counts.readouts();
    let cells = Posterior::new(readouts - 1, model);
    let fitted: Result<Vec<[(f64, f64); 2]>, FitError> = (0..readouts)
        .into_par_iter()
        .map(|readout| cells.likeliest(&table.given_others(readout)))
        .collect();
    // From the mean of the others to the mean of all.
    let share = (readouts - 1) as f64 / readouts as f64;
    let parts = |which: usize, unit: f64| -> Result<Vec<(f64, f64)>, FitError> {
        let fitted = fitted.as_ref().map_err(Clone::clone)?;
        let part =
            |both: &[(f64, f64); 2]| (unit * share * both[which].0, unit * share * both[which].1);
        Ok(fitted.iter().map(part).collect())
    };
    let (offsets, logs) = (parts(0, model.lambda1)?, parts(1, 1.0)?);
    let effects = offsets.iter().zip(&logs).map(|(&(offset, error), &(log, log_error))| {
        let scale = libm::exp(log);
        ReadoutEffect {
            scale: Estimate::positive(scale, scale * log_error),
            offset: Estimate::normal(offset, error),
            scale_z: log / log_error,
            offset_z: offset / error,
        }
    });
    let mut outliers = Vec::new();
    let mut spread_of_rest = |values: &[(f64, f64)], is_offset: bool| {
        let found = far_out(values);
        let rest: Vec<(f64, f64)> = (0..values.len())
            .filter(|readout| !found.iter().any(|(out, _)| out == readout))
            .map(|readout| values[readout])
            .collect();
        outliers.extend(found.into_iter().map(|(readout, t)| Outlier { readout, is_offset, t }));
        Spread::new(&rest)
    };
    let (scale, offset) = (spread_of_rest(&logs, false), spread_of_rest(&offsets, true));
    Ok(ReadoutEffects { readouts: effects.collect(), scale, offset, outliers })
}

/// The deleted residuals that are no chance, the farthest first, each against what the ones before it
/// leave.
fn far_out(values: &[(f64, f64)]) -> Vec<(usize, f64)> {
    let tests = 2.0 * values.len() as f64;
    let mut rest: Vec<usize> = (0..values.len()).collect();
    let mut found = Vec::new();
    while rest.len() >= 5 && found.len() < values.len() / 3 {
        let deleted = |&out: &usize| {
            let others: Vec<f64> =
                rest.iter().filter(|&&other| other != out).map(|&other| values[other].0).collect();
            let n = others.len() as f64;
            let mean = others.iter().sum::<f64>() / n;
            let squares: f64 = others.iter().map(|x| (x - mean) * (x - mean)).sum();
            // Never less than sampling has it, so that a lucky few do not make an outlier.
            let variance = (squares / (n - 1.0)).max(values[out].1 * values[out].1);
            (out, (values[out].0 - mean) / libm::sqrt(variance * (1.0 + 1.0 / n)))
        };
        let farthest = rest.iter().map(deleted).max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        let Some((out, t)) = farthest else { break };
        if two_sided_t(t, (rest.len() - 2) as f64) > FAMILY_ALPHA / tests {
            break;
        }
        rest.retain(|&readout| readout != out);
        found.push((out, t));
    }
    found
}

/// `Pr[|T| > |t|]` of Student's law: with `t = sqrt(df) cot(a)` its density goes as `sin(a)^(df-1)`.
fn two_sided_t(t: f64, df: f64) -> f64 {
    let density = |angle: f64| libm::pow(libm::sin(angle), df - 1.0);
    let end = libm::atan(libm::sqrt(df) / t.abs());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small positive number"
    )]
    // The peak at a right angle is one over the root of the degrees wide.
    let panels = 8 + 2 * libm::sqrt(df) as usize;
    integral(0.0, end, panels, density) / integral(0.0, FRAC_PI_2, panels, density)
}

/// The latents of cells by their count of ones in `T - 1` readouts.
struct Posterior {
    /// Nodes: `u`, the first count, weights of the counts from there on.
    nodes: Vec<(f64, usize, Vec<f64>)>,
    /// `q_m`.
    probabilities: Vec<f64>,
}

impl Posterior {
    fn new(readouts: usize, model: &TwoParameter) -> Self {
        let TwoParameter { lambda1, lambda2 } = *model;
        let rows = Rows::new(readouts);
        let mut buffer = Vec::new();
        let h = mixture::step(readouts + 1, lambda1, mixture::STEP);
        let nodes = mixture::nodes(h, REACH)
            .map(|u| {
                let weight = h * lambda1 * density(lambda1 * u + lambda2);
                let Row { first, probabilities } = rows.at(u, &mut buffer);
                let counted = |p: &f64| weight * p > 1e-25;
                let start = probabilities.iter().position(counted).unwrap_or(0);
                let end = probabilities.iter().rposition(counted).map_or(start, |last| last + 1);
                let weights = probabilities[start..end].iter().map(|p| weight * p).collect();
                (u, first + start, weights)
            })
            .collect();
        let probabilities = mixture::count_probabilities(readouts, lambda1, lambda2);
        Self { nodes, probabilities }
    }

    /// Offset in standard deviations of the noise and `ln k`, each with its standard error, given the
    /// zeros and ones of the cells by their count in the other readouts.
    fn likeliest(&self, seen: &[[f64; 2]]) -> Result<[(f64, f64); 2], FitError> {
        let mut at = [0.0, 0.0];
        for _ in 0..MAX_STEPS {
            let (score, information) = self.derivatives(at, seen);
            let covariance = inverse(information).ok_or(FitError::NoMaximum)?;
            let step = [0, 1].map(|i| covariance[i][0] * score[0] + covariance[i][1] * score[1]);
            // A whole offset may be several times the noise; a step that large is not to be trusted.
            let length = (step[0].abs() / 0.5).max(step[1].abs() / 0.25).max(1.0);
            at = [at[0] + step[0] / length, at[1] + step[1] / length];
            let error = [0, 1].map(|i| libm::sqrt(covariance[i][i]));
            if !(at[0].abs() < REACH && at[1].abs() < 5.0) {
                return Err(FitError::NoMaximum);
            }
            if (0..2).all(|i| step[i].abs() < 1e-4 * error[i]) {
                return Ok([(at[0], error[0]), (at[1], error[1])]);
            }
        }
        Err(FitError::NoMaximum)
    }

    fn derivatives(&self, at: [f64; 2], seen: &[[f64; 2]]) -> ([f64; 2], Vec<Vec<f64>>) {
        let scale = libm::exp(at[1]);
        let counts = seen.len();
        // Of reading the value that most of the others did not, and its derivatives.
        let mut sums = vec![[0.0; 3]; counts];
        for (u, first, weights) in &self.nodes {
            let latent = (u + at[0]) / scale;
            let (zero, one, slope) = (normal::cdf(-latent), normal::cdf(latent), density(latent));
            for (m, weight) in (*first..).zip(weights) {
                let minority = if 2 * m < counts { one } else { zero };
                let sum = &mut sums[m];
                sum[0] += weight * minority;
                sum[1] += weight * slope;
                sum[2] += weight * slope * latent;
            }
        }
        let (mut score, mut information) = ([0.0; 2], vec![vec![0.0; 2]; 2]);
        for (m, (sum, seen)) in sums.iter().zip(seen).enumerate() {
            let [zeros, ones] = *seen;
            let q = self.probabilities[m];
            let (minority, total) = (sum[0] / q, zeros + ones);
            let one = if 2 * m < counts { minority } else { 1.0 - minority };
            let variance = minority * (1.0 - minority);
            if total == 0.0 || q <= 0.0 || variance <= 0.0 {
                continue;
            }
            let slopes = [sum[1] / q / scale, -sum[2] / q];
            // ones - total P, from the rarer of the two.
            let surplus =
                if 2 * m < counts { ones - total * minority } else { total * minority - zeros };
            debug_assert!((0.0..=1.0).contains(&one));
            for i in 0..2 {
                score[i] += surplus * slopes[i] / variance;
                for j in 0..2 {
                    information[i][j] += total * slopes[i] * slopes[j] / variance;
                }
            }
        }
        (score, information)
    }
}

const MAX_STEPS: usize = 100;

/// Beyond it no cell flips.
const REACH: f64 = 12.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// An independent library: the regularised incomplete beta function of statrs.
    #[test]
    fn tails_of_student_agree_with_the_beta_function() {
        for df in [1.0, 3.0, 13.0, 83.0, 998.0, 4094.0] {
            for t in [0.1, 1.0, -2.5, 6.0, 8.0] {
                let x = df / (df + t * t);
                let beta = statrs::function::beta::beta_reg(df / 2.0, 0.5, x);
                let found = two_sided_t(t, df);
                assert!((found / beta - 1.0).abs() < 1e-7, "{t}, {df}: {found:e}, {beta:e}");
            }
        }
    }
}
