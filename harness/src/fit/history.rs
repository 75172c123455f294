//! Whether a readout feels the one before.
//!
//! With a pull `h` a cell that held `x` reads one with probability `Phi(u + h (2x - 1) / lambda1)`: a
//! Markov chain whose values `n` readouts apart differ with probability
//!
//! ```text
//! 2 p q (1 - r^n),    r = Phi(u + h/lambda1) - Phi(u - h/lambda1),    p = Phi(u - h/lambda1) / (1 - r).
//! ```
//!
//! So successive readouts differ less than others if `h` is positive, more if it is negative. But
//! readouts differ in noise and offset too, which moves all distances of a readout, and with few
//! readouts that passes for history. So the distance of readouts `i`, `j` is explained by a number for
//! each of the two and one for being successive,
//!
//! ```text
//! d_ij = a_i + a_j + Delta [j = i + 1] + error,
//! ```
//!
//! by least squares. The weights of that estimate sum to 0 over the distances of any readout, so that
//! of a cell's variance only the products of two readouts remain, uncorrelated between pairs: the
//! variance of `Delta` is `4 cells E[(p q)^2] sum w^2`, with no assumption on the readouts. Of slow
//! drift it knows nothing: readouts that move away from each other look like a pull. The later lags
//! tell.

use puf_emulator::silicon::normal;

use super::error::FitError;
use super::prediction::TwoParameter;
use super::two_parameter::{LARGEST, SMALLEST, TwoParameterFit};
use crate::metric::chi_square;
use crate::metric::estimate::Estimate;

/// Distances between the readouts of one device by how far they are apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distances {
    cells: u64,
    readouts: usize,
    by_lag: Vec<Vec<u64>>,
}

impl Distances {
    /// Takes `by_lag[n - 1][j]`, the number of the `cells` cells that differ between readouts `j` and
    /// `j + n`: lag 1 and lag 2 at least, all of each.
    ///
    /// # Errors
    /// If there are fewer than two lags, a lag lacks a pair, or a distance is larger than the number of
    /// cells.
    pub fn new(cells: u64, by_lag: Vec<Vec<u64>>) -> Result<Self, FitError> {
        let readouts = by_lag.first().map_or(0, |lag| lag.len() + 1);
        if readouts < LEAST_READOUTS || by_lag.len() < 2 {
            return Err(FitError::TooFewReadouts { readouts, least: LEAST_READOUTS });
        }
        for (lag, distances) in (1..).zip(&by_lag) {
            let expected = readouts.saturating_sub(lag);
            if distances.len() != expected || expected == 0 {
                let found = distances.len();
                return Err(FitError::Shape { what: "a lag", expected, found });
            }
        }
        if cells == 0 || by_lag.iter().flatten().any(|&distance| distance > cells) {
            return Err(FitError::NoCells);
        }
        Ok(Self { cells, readouts, by_lag })
    }

    /// Mean distance at each lag from 1 on, as a fraction of the cells.
    #[must_use]
    pub fn means(&self) -> Vec<f64> {
        let mean = |lag: &Vec<u64>| {
            let sum: f64 = lag.iter().map(|&distance| distance as f64).sum();
            sum / (lag.len() as f64 * self.cells as f64)
        };
        self.by_lag.iter().map(mean).collect()
    }

    /// Pairs `(i, j, lag, fraction of the cells)`.
    fn pairs(&self) -> Vec<Pair> {
        let cells = self.cells as f64;
        let lags = (1..).zip(&self.by_lag);
        let of_lag = |(lag, distances): (usize, &Vec<u64>)| {
            let pair = |(first, &distance): (usize, &u64)| Pair {
                readouts: [first, first + lag],
                lag,
                distance: distance as f64 / cells,
            };
            distances.iter().enumerate().map(pair).collect::<Vec<_>>()
        };
        lags.flat_map(of_lag).collect()
    }
}

/// With fewer, numbers for each readout leave nothing for history.
const LEAST_READOUTS: usize = 4;

struct Pair {
    readouts: [usize; 2],
    lag: usize,
    distance: f64,
}

/// What successive readouts have of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryFit {
    /// How much farther apart successive readouts are than others, in cells over cells; negative for a
    /// pull towards the value before.
    pub difference: Estimate,
    /// The difference in standard errors.
    pub z: f64,
    /// `Pr[|z| at least as large]` without history.
    pub p_value: f64,
    /// The pull `h` towards the value before, in standard deviations of the skew.
    pub pull: Estimate,
    /// What that makes of `lambda1`: a fit that takes readouts for independent finds the noise times one
    /// over this, since a pull makes cells look steadier than their noise is, a push less steady.
    pub lambda1_factor: f64,
    /// Mean distance at each lag from 1 on, as a fraction of the cells.
    pub by_lag: Vec<f64>,
    /// Scatter of the distances about the numbers of their readouts, in terms of that of sampling:
    /// about 1; more if something else moves them, which the error of the difference then includes.
    pub excess: f64,
}

impl HistoryFit {
    /// Whether chance is no explanation: less than one in a million.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        self.p_value < 1e-6
    }
}

/// Tests whether successive readouts are nearer or farther than others, and estimates the pull.
///
/// # Errors
/// If the distances leave no freedom for it: fewer than five readouts with two lags, four with three.
pub fn history(fit: &TwoParameterFit, distances: &Distances) -> Result<HistoryFit, FitError> {
    let model = fit.model();
    let pairs = distances.pairs();
    let readouts = distances.readouts;
    let too_few = FitError::TooFewReadouts { readouts, least: LEAST_READOUTS + 1 };
    let freedom = pairs.len() as f64 - readouts as f64 - 1.0;
    if freedom < 0.0 {
        return Err(too_few);
    }
    let successive: Vec<f64> =
        pairs.iter().map(|pair| f64::from(u8::from(pair.lag == 1))).collect();
    let weights = residuals(&pairs, readouts, &successive);
    let norm: f64 = weights.iter().map(|w| w * w).sum();
    if norm < 1e-9 {
        return Err(too_few);
    }
    let weights: Vec<f64> = weights.iter().map(|w| w / norm).collect();
    let values: Vec<f64> = pairs.iter().map(|pair| pair.distance).collect();
    let difference: f64 = weights.iter().zip(&values).map(|(w, d)| w * d).sum();

    // Of a distance, the variance that products of two readouts leave.
    let product = model.mean_product_squared();
    let sampling = 4.0 * product / distances.cells as f64;
    let without: Vec<f64> =
        values.iter().zip(&successive).map(|(d, s)| d - difference * s).collect();
    let squares: f64 = residuals(&pairs, readouts, &without).iter().map(|x| x * x).sum();
    let excess = if freedom >= 1.0 { squares / freedom / sampling } else { 1.0 };
    // Chance makes it larger than one, too; only what chance does not explain widens the error.
    let explained = freedom < 1.0 || chi_square::survival(squares / sampling, freedom) > 1e-3;
    let variance = sampling / norm * if explained { 1.0 } else { excess };
    let error = libm::sqrt(variance);
    let z = difference / error;

    // What a pull does to the same sum of distances, while all pairs together stay as far apart.
    let lags = distances.by_lag.len();
    let (mut contrast, mut level) = (vec![0.0; lags], vec![0.0; lags]);
    for (weight, pair) in weights.iter().zip(&pairs) {
        contrast[pair.lag - 1] += weight;
        level[pair.lag - 1] += 1.0 / pairs.len() as f64;
    }
    let mean: f64 = level.iter().zip(distances.means()).map(|(share, mean)| share * mean).sum();
    let TwoParameter { lambda1, lambda2 } = model;
    let chain = Chain { lambda2, lambda1, contrast, level, mean };
    let step = chain.step_with(difference);
    let (value, lambda1) = chain.pull(step);
    // The error of the difference, along the curve of pulls at the same mean distance.
    const EPSILON: f64 = 1e-3;
    let (above, below) = (step + EPSILON, step - EPSILON);
    let slope = (chain.pull(above).0 - chain.pull(below).0)
        / (chain.difference(above) - chain.difference(below));
    let pull = Estimate::normal(value, (error * slope).abs());
    Ok(HistoryFit {
        difference: Estimate::normal(difference, error),
        z,
        p_value: 2.0 * normal::cdf(-z.abs()),
        pull,
        lambda1_factor: lambda1 / chain.noise_with(0.0).lambda1,
        by_lag: distances.means(),
        excess,
    })
}

/// Readouts of which each feels the one before, as far apart as those measured.
struct Chain {
    lambda2: f64,
    /// Noise by a fit that takes readouts for independent.
    lambda1: f64,
    /// Weights of the lags in the difference of successive readouts from others.
    contrast: Vec<f64>,
    /// Shares of the lags in all pairs.
    level: Vec<f64>,
    /// Mean distance of all pairs.
    mean: f64,
}

impl Chain {
    /// The pull in terms of the noise at which successive readouts have this `difference` from others.
    ///
    /// At a given mean distance the difference falls with the pull, up to where cells hardly ever
    /// forget; so the search goes outwards from no pull.
    fn step_with(&self, difference: f64) -> f64 {
        let miss = |step: f64| self.difference(step) - difference;
        let way = if miss(0.0) > 0.0 { STRIDE } else { -STRIDE };
        let mut end = 0.0_f64;
        while end.abs() < LARGEST_STEP {
            let next = end + way;
            if miss(next) * way <= 0.0 {
                return root(end, next, miss);
            }
            end = next;
        }
        end
    }

    /// The difference of successive readouts from others at this pull in terms of the noise.
    fn difference(&self, step: f64) -> f64 {
        self.noise_with(step).distances_after(step, &self.contrast)
    }

    /// The pull that is `step` times the noise, and the noise.
    fn pull(&self, step: f64) -> (f64, f64) {
        let lambda1 = self.noise_with(step).lambda1;
        (step * lambda1, lambda1)
    }

    /// The noise with which all pairs are as far apart as they are, the pull being `step` times it.
    fn noise_with(&self, step: f64) -> TwoParameter {
        let of = |log: f64| TwoParameter { lambda1: libm::exp(log), lambda2: self.lambda2 };
        // Distances are nearly in proportion to the noise.
        let miss = |log: f64| {
            let mean = of(log).distances_after(step, &self.level);
            libm::log(mean.max(1e-300) / self.mean)
        };
        let near = libm::log(self.lambda1);
        let (low, high) = (near - 0.5, near + 0.5);
        let bracketed = miss(low) < 0.0 && miss(high) > 0.0;
        of(if bracketed {
            root(low, high, miss)
        } else {
            root(libm::log(SMALLEST), libm::log(LARGEST), miss)
        })
    }
}

/// Where a function changes its sign between `low` and `high`; the nearer end where it does not. Regula
/// falsi, the weight of an end that stays halved (the Illinois rule).
fn root(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut at_low, mut at_high) = (f(low), f(high));
    if at_low * at_high >= 0.0 {
        return if at_low.abs() < at_high.abs() { low } else { high };
    }
    for _ in 0..100 {
        let x = (low * at_high - high * at_low) / (at_high - at_low);
        let at = f(x);
        if at == 0.0 || (high - low).abs() < 1e-11 {
            return x;
        }
        if at * at_high < 0.0 {
            (low, at_low) = (high, at_high);
        } else {
            at_low *= 0.5;
        }
        // The last point is always kept as `high`, on whichever side.
        let moved = (x - high).abs();
        (high, at_high) = (x, at);
        if moved < 1e-11 {
            return x;
        }
    }
    high
}

/// Pull in terms of the noise beyond which it is not looked for.
const LARGEST_STEP: f64 = 1.5;

/// How far the search goes at a time.
const STRIDE: f64 = 0.125;

impl TwoParameter {
    /// `E[(p q)^2]`.
    fn mean_product_squared(&self) -> f64 {
        self.mean(2, |u| {
            let product = normal::cdf(u) * normal::cdf(-u);
            product * product
        })
    }

    /// `sum_n w_n E[2 p q (1 - r^n)]`, the weights from lag 1 on, the pull being `step` times the noise.
    fn distances_after(&self, step: f64, weights: &[f64]) -> f64 {
        self.mean(2, |u| {
            let (after_one, after_zero) = (u + step, u - step);
            let to_zero = normal::cdf(-after_one);
            let to_one = normal::cdf(after_zero);
            let leaving = to_zero + to_one;
            if leaving <= 0.0 {
                return 0.0;
            }
            let (p, q) = (to_one / leaving, to_zero / leaving);
            let mut power = 1.0;
            let sum: f64 = weights
                .iter()
                .map(|weight| {
                    power *= 1.0 - leaving;
                    weight * (1.0 - power)
                })
                .sum();
            2.0 * p * q * sum
        })
    }
}

/// What is left of `values` when the best numbers `a_i + a_j` are taken off: the normal equations of a
/// graph, by conjugate gradients.
fn residuals(pairs: &[Pair], readouts: usize, values: &[f64]) -> Vec<f64> {
    let spread = |numbers: &[f64]| -> Vec<f64> {
        pairs.iter().map(|pair| pair.readouts.iter().map(|&i| numbers[i]).sum()).collect()
    };
    let gathered = |values: &[f64]| {
        let mut sums = vec![0.0; readouts];
        for (pair, value) in pairs.iter().zip(values) {
            pair.readouts.iter().for_each(|&i| sums[i] += value);
        }
        sums
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut numbers = vec![0.0; readouts];
    let mut left = gathered(values);
    let mut way = left.clone();
    let mut size = dot(&left, &left);
    let enough = 1e-28 * size;
    for _ in 0..20 * readouts {
        if size <= enough {
            break;
        }
        let image = gathered(&spread(&way));
        let step = size / dot(&way, &image);
        numbers.iter_mut().zip(&way).for_each(|(x, w)| *x += step * w);
        left.iter_mut().zip(&image).for_each(|(x, i)| *x -= step * i);
        let next = dot(&left, &left);
        way.iter_mut().zip(&left).for_each(|(w, x)| *w = x + next / size * *w);
        size = next;
    }
    values.iter().zip(spread(&numbers)).map(|(value, fitted)| value - fitted).collect()
}
