//! Two conditions, or two sessions, of the same cells.
//!
//! Between them each cell drifts, all cells shift, and the noise of a readout changes,
//!
//! ```text
//! u1 = (z - lambda2) / lambda1,    u2 = (z + D + shift - lambda2) / (lambda1 ratio),
//! D ~ (1 - w) N(0, a^2) + w N(0, b^2),
//! ```
//!
//! all lengths in standard deviations of the skew at the first condition. The latents of the two
//! conditions have the correlation `1 / sqrt(1 + E D^2)`. A single normal drift (`w = 0`) gets error
//! rates right and cells that flip for good wrong; so both are fitted, and the table of counts judges.
//!
//! Readouts of one condition that differ among themselves (a first readout, wear) count as noise here.

use super::agreement::Agreement;
use super::error::FitError;
use super::joint::JointCounts;
use super::mixture::{Row, Rows, density, nodes};
use super::scoring::{self, Law, Maximum};
use super::two_parameter::{in_range, two_parameter};
use crate::metric::estimate::Estimate;

/// What a second condition changes: by one normal drift, and by two.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoConditionFit {
    /// With the drift of a single normal law.
    pub one: Condition,
    /// With a mixture of two; `None` where the table does not tell them apart.
    pub two: Option<Condition>,
    /// What the second component adds to the log-likelihood, for two parameters more.
    pub log_likelihood_gain: f64,
    /// Number of cells.
    pub cells: u64,
    /// Readouts in the first and in the second condition.
    pub readouts: [usize; 2],
}

impl TwoConditionFit {
    /// The mixture of two where it gains more than chance would (14 in log-likelihood: about 1e-6), the
    /// single drift otherwise.
    #[must_use]
    pub fn best(&self) -> &Condition {
        match &self.two {
            Some(two) if self.log_likelihood_gain > 14.0 => two,
            _ => &self.one,
        }
    }
}

/// The parameters of both conditions.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Noise at the first condition, in standard deviations of the skew.
    pub lambda1: Estimate,
    /// Threshold at the first condition, in standard deviations of the skew.
    pub lambda2: Estimate,
    /// Noise at the second condition over that at the first.
    pub noise_ratio: Estimate,
    /// Shift of all cells towards 1, in standard deviations of the skew.
    pub shift: Estimate,
    /// How far cells drift.
    pub drift: Drift,
    /// Correlation of the latents of the two conditions, `1 / sqrt(1 + E D^2)`.
    pub correlation: Estimate,
    /// `sum n ln q` over the table, without the multinomial coefficient.
    pub log_likelihood: f64,
    /// How well the law agrees with the table.
    pub agreement: Agreement,
    /// Bit error rate of readouts at the second condition to the majority at the first, a tie being a
    /// fair coin.
    pub majority_ber: Compared,
    /// Fraction of cells that read one value in every readout at the first condition and the other in
    /// every one at the second.
    pub flipped_for_good: Compared,
}

/// The law of the drift over cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// Standard deviation `a` of the common component, in standard deviations of the skew.
    pub common_sd: Estimate,
    /// Standard deviation `b` of the rare component and the fraction `w` of cells in it; `None` of a
    /// single one.
    pub rare: Option<(Estimate, Estimate)>,
    /// Standard deviation over all cells.
    pub sd: Estimate,
}

/// A number as the cells have it, and as the fit has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// Of the cells.
    pub observed: f64,
    /// Of the model.
    pub predicted: f64,
}

/// Fits what a second condition changes to the counts of the same cells in both.
///
/// # Errors
/// If either condition alone cannot be [fitted](two_parameter), or the table has no likeliest drift.
pub fn two_conditions(joint: &JointCounts) -> Result<TwoConditionFit, FitError> {
    let start = start(joint)?;
    let law = Table { readouts: joint.readouts() };
    let least = least_drift(&start);
    let undrifted = |error: FitError| without_drift(joint, &start, &law).ok_or(error);
    if libm::exp(start[COMMON]) < 3.0 * least
        && let Ok(still) = undrifted(FitError::NoMaximum)
    {
        return Ok(still);
    }
    let single = match scoring::maximise_within(30, joint.cells_with(), start.clone(), &law) {
        Ok(single) => single,
        Err(error) => return undrifted(error),
    };
    let sd = libm::exp(single.parameters[COMMON]);
    let mut second = single.parameters.clone();
    second[COMMON] = libm::log(0.75 * sd);
    second.extend([libm::log(1.9 * sd), libm::log(0.17 / 0.83)]);
    // A dozen steps do where a second component shows.
    let double = scoring::maximise_within(24, joint.cells_with(), second, &law).ok();
    let gain = double.as_ref().map_or(0.0, |double| double.log_likelihood - single.log_likelihood);
    Ok(TwoConditionFit {
        one: described(joint, &single),
        two: double.map(|double| described(joint, &double)),
        log_likelihood_gain: gain,
        cells: joint.cells(),
        readouts: joint.readouts(),
    })
}

/// The least drift that the law takes with these parameters, in standard deviations of the skew.
fn least_drift(parameters: &[f64]) -> f64 {
    let (lambda1, ratio) = (libm::exp(parameters[LAMBDA1]), libm::exp(parameters[RATIO]));
    1.001 * LEAST_DRIFT * lambda1.max(lambda1 * ratio)
}

/// The fit with the least drift there is, where more is less likely: the cells did not drift, as far as
/// can be told, and the drift has an upper end only.
fn without_drift(joint: &JointCounts, start: &[f64], law: &Table) -> Option<TwoConditionFit> {
    let found =
        scoring::maximise_within(30, joint.cells_with(), start[..COMMON].to_vec(), &Still(law));
    let mut found = found.ok()?;
    let least = least_drift(&found.parameters);
    found.parameters.push(libm::log(least));
    found.covariance.iter_mut().for_each(|row| row.push(0.0));
    found.covariance.push(vec![0.0; found.parameters.len()]);
    // How much less likely a drift is, all else as it is.
    let lost = |drift: f64| {
        let mut moved = found.parameters.clone();
        moved[COMMON] = libm::log(drift);
        let q = law.probabilities(&moved)?;
        Some(found.log_likelihood - scoring::log_likelihood(joint.cells_with(), &q))
    };
    if lost(1.3 * least)? < 0.0 {
        return None;
    }
    let mut upper = least;
    while upper < 10.0 * least / LEAST_DRIFT && lost(upper)? < LOST_AT_95_PERCENT {
        upper *= 1.1;
    }
    let mut one = described(joint, &found);
    let standard_error = f64::INFINITY;
    let drift = Estimate { value: least, standard_error, lower: 0.0, upper };
    one.drift = Drift { common_sd: drift, rare: None, sd: drift };
    let correlation = |drift: f64| 1.0 / libm::sqrt(1.0 + drift * drift);
    let (value, lower) = (correlation(least), correlation(upper));
    one.correlation = Estimate { value, standard_error, lower, upper: 1.0 };
    let (cells, readouts) = (joint.cells(), joint.readouts());
    Some(TwoConditionFit { one, two: None, log_likelihood_gain: 0.0, cells, readouts })
}

/// Half the 95 % quantile of chi-square with one degree of freedom.
const LOST_AT_95_PERCENT: f64 = 1.92;

/// The law with the least drift: its parameters are those before [`COMMON`].
struct Still<'a>(&'a Table);

impl Law for Still<'_> {
    fn at(&self, parameters: &[f64]) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
        let with_drift = |parameters: &[f64]| {
            let mut all = parameters.to_vec();
            all.push(libm::log(least_drift(parameters)));
            self.0.probabilities(&all)
        };
        slopes(parameters, &with_drift)
    }
}

/// Places of the parameters: `ln lambda1`, `lambda2`, `ln ratio`, `shift`, `ln a`, and of a mixture
/// `ln b` and the log odds of `w`.
const LAMBDA1: usize = 0;
const LAMBDA2: usize = 1;
const RATIO: usize = 2;
const SHIFT: usize = 3;
const COMMON: usize = 4;
const RARE: usize = 5;
const FRACTION: usize = 6;

/// From the two margins, and from the bit error rate between the conditions for cells without bias:
/// `cos(pi d)^-2 = (1 + lambda1^2) (1 + D^2 + (lambda1 ratio)^2)`.
fn start(joint: &JointCounts) -> Result<Vec<f64>, FitError> {
    let [first, second] = joint.margins()?;
    let (first, second) = (two_parameter(&first)?.model(), two_parameter(&second)?.model());
    let [t1, t2] = joint.readouts().map(|readouts| readouts as f64);
    let cells: Vec<f64> = joint.cells_with().iter().map(|&n| n as f64).collect();
    let differing =
        joint.mean(&cells, |c1, c2| (c1 * (t2 - c2) + (t1 - c1) * c2) / (t1 * t2)).min(0.49);
    let secant = 1.0 / libm::cos(core::f64::consts::PI * differing);
    let square = |x: f64| x * x;
    let noises = (1.0 + square(first.lambda1)) * (1.0 + square(second.lambda1));
    let drift = libm::sqrt((secant * secant / noises - 1.0).max(square(0.1 * first.lambda1)));
    // The second margin knows itself in units of its own, wider skew.
    let width = libm::sqrt(1.0 + drift * drift);
    Ok(vec![
        libm::log(first.lambda1),
        first.lambda2,
        libm::log(second.lambda1 * width / first.lambda1),
        first.lambda2 - second.lambda2 * width,
        libm::log(drift),
    ])
}

fn described(joint: &JointCounts, found: &Maximum) -> Condition {
    let value = |i: usize| found.parameters[i];
    let positive = |i: usize| {
        let value = libm::exp(found.parameters[i]);
        Estimate::positive(value, value * found.standard_error(i))
    };
    let normal = |i: usize| Estimate::normal(value(i), found.standard_error(i));
    let variance = |parameters: &[f64]| {
        components(parameters).map(|(weight, sd)| weight * sd * sd).sum::<f64>()
    };
    let sd = propagated(found, |parameters| libm::sqrt(variance(parameters)));
    let correlation = propagated(found, |parameters| 1.0 / libm::sqrt(1.0 + variance(parameters)));
    let rare = (found.parameters.len() > RARE).then(|| {
        let odds = libm::exp(value(FRACTION));
        let fraction = odds / (1.0 + odds);
        let error = fraction * (1.0 - fraction) * found.standard_error(FRACTION);
        (positive(RARE), Estimate::fraction(fraction, error))
    });
    // The wider component is the rare one by name, whichever the search began with.
    let (common_sd, rare) = match (positive(COMMON), rare) {
        (common, Some((rare, fraction))) if rare.value < common.value => {
            let flipped = 1.0 - fraction.value;
            (rare, Some((common, Estimate::fraction(flipped, fraction.standard_error))))
        }
        (common, rare) => (common, rare),
    };
    let observed: Vec<f64> = joint.cells_with().iter().map(|&n| n as f64).collect();
    let [t1, t2] = joint.readouts().map(|readouts| readouts as f64);
    let compared = |of: &dyn Fn(f64, f64) -> f64| Compared {
        observed: joint.mean(&observed, of),
        predicted: joint.mean(&found.probabilities, of),
    };
    Condition {
        lambda1: positive(LAMBDA1),
        lambda2: normal(LAMBDA2),
        noise_ratio: positive(RATIO),
        shift: normal(SHIFT),
        drift: Drift { common_sd, rare, sd: Estimate::positive(sd.0, sd.1) },
        correlation: Estimate::fraction(correlation.0, correlation.1),
        log_likelihood: found.log_likelihood,
        agreement: Agreement::new(joint.cells_with(), &found.probabilities, found.parameters.len()),
        majority_ber: compared(&|c1, c2| match c1 + c1 - t1 {
            0.0 => 0.5,
            majority if majority > 0.0 => 1.0 - c2 / t2,
            _ => c2 / t2,
        }),
        flipped_for_good: compared(&|c1, c2| {
            let flipped = c1 == 0.0 && c2 == t2 || c1 == t1 && c2 == 0.0;
            f64::from(u8::from(flipped))
        }),
    }
}

/// A function of the parameters, with its standard error by the delta method.
fn propagated(found: &Maximum, of: impl Fn(&[f64]) -> f64) -> (f64, f64) {
    const STEP: f64 = 1e-5;
    let slope = |i: usize| {
        let at = |by: f64| {
            let mut moved = found.parameters.clone();
            moved[i] += by;
            of(&moved)
        };
        (at(STEP) - at(-STEP)) / (2.0 * STEP)
    };
    let slopes: Vec<f64> = (0..found.parameters.len()).map(slope).collect();
    let mut variance = 0.0;
    for (a, row) in slopes.iter().zip(&found.covariance) {
        for (b, covariance) in slopes.iter().zip(row) {
            variance += a * b * covariance;
        }
    }
    (of(&found.parameters), libm::sqrt(variance.max(0.0)))
}

/// Weights and standard deviations of the drift's components.
fn components(parameters: &[f64]) -> impl Iterator<Item = (f64, f64)> + use<> {
    let common = libm::exp(parameters[COMMON]);
    let (fraction, rare) = match parameters.get(RARE..=FRACTION) {
        Some(&[log_sd, log_odds]) => {
            let odds = libm::exp(log_odds);
            (odds / (1.0 + odds), libm::exp(log_sd))
        }
        _ => (0.0, common),
    };
    [(1.0 - fraction, common), (fraction, rare)].into_iter().filter(|(weight, _)| *weight > 0.0)
}

/// The law of the table of counts.
struct Table {
    readouts: [usize; 2],
}

impl Law for Table {
    fn at(&self, parameters: &[f64]) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
        slopes(parameters, &|parameters| self.probabilities(parameters))
    }
}

/// Probabilities and their derivatives by central differences: the quadrature is good to ten digits, so
/// that they are to six, and a wrong slope costs steps and not truth.
fn slopes(
    parameters: &[f64],
    probabilities: &dyn Fn(&[f64]) -> Option<Vec<f64>>,
) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
    const STEP: f64 = 1e-4;
    let q = probabilities(parameters)?;
    let slope = |i: usize| {
        let at = |by: f64| {
            let mut moved = parameters.to_vec();
            moved[i] += by;
            probabilities(&moved)
        };
        let (above, below) = (at(STEP)?, at(-STEP)?);
        Some(above.iter().zip(&below).map(|(a, b)| (a - b) / (2.0 * STEP)).collect())
    };
    let slopes: Option<Vec<Vec<f64>>> = (0..parameters.len()).map(slope).collect();
    Some((q, slopes?))
}

/// Least standard deviation of a drift, in those of the noise: less cannot be told from none, and the
/// quadrature must resolve it.
const LEAST_DRIFT: f64 = 0.05;

/// Beyond it, a component has less than a thousandth of the cells.
const LARGEST_LOG_ODDS: f64 = 7.0;

/// The step in units of the narrowest integrand: `exp(-2 (pi / 0.9)^2)` is 3e-11.
const STEP: f64 = 0.9;

/// Beyond it a cell is stable in any number of readouts that is taken here.
const STABLE: f64 = 9.0;

/// Beyond it there is no cell.
const SKEW_REACH: f64 = 8.5;

impl Table {
    /// Probability of each pair of counts, by the trapezoidal rule over `u1` and `u2`.
    fn probabilities(&self, parameters: &[f64]) -> Option<Vec<f64>> {
        let [log_lambda1, lambda2, log_ratio, shift] =
            [LAMBDA1, LAMBDA2, RATIO, SHIFT].map(|i| parameters[i]);
        let (lambda1, ratio) = (libm::exp(log_lambda1), libm::exp(log_ratio));
        let parts: Vec<(f64, f64)> = components(parameters).collect();
        let least = parts.iter().fold(f64::INFINITY, |least, (_, sd)| least.min(*sd));
        let later = lambda1 * ratio;
        let noise = lambda1.max(later);
        let most = parts.iter().fold(0.0_f64, |most, (_, sd)| most.max(*sd));
        if !in_range(log_lambda1, lambda2)
            || !(1e-3..=1e3).contains(&ratio)
            || shift.abs() > SKEW_REACH
            || least < LEAST_DRIFT * noise
            || most > 10.0
            || parameters.get(FRACTION).is_some_and(|odds| odds.abs() > LARGEST_LOG_ODDS)
        {
            return None;
        }
        let [t1, t2] = self.readouts;
        let drift = noise / least;
        let information = core::f64::consts::FRAC_2_PI * (t1 + t2) as f64;
        let h = STEP / libm::sqrt(1.0 + information + drift * drift + noise * noise);

        let second = Later::new(t2, h, later, lambda2, &parts);
        let first = Rows::new(t1);
        let width = t2 + 1;
        let mut q = vec![0.0; (t1 + 1) * width];
        let (mut buffer, mut sums) = (Vec::new(), vec![0.0; width]);
        let reach = (SKEW_REACH + lambda2.abs()) / lambda1;
        for u in nodes(h, reach) {
            let z = lambda1 * u + lambda2;
            let weight = h * lambda1 * density(z);
            if weight < 1e-18 {
                continue;
            }
            second.given(z + shift, &mut sums);
            let row = first.at(u.clamp(-STABLE, STABLE), &mut buffer);
            for (row_of, probability) in (row.first..).zip(row.probabilities) {
                let into = &mut q[row_of * width..][..width];
                let scale = weight * probability;
                into.iter_mut().zip(&sums).for_each(|(into, sum)| *into += scale * sum);
            }
        }
        Some(q)
    }
}

/// The law of the second count of a cell whose latent had a given mean.
struct Later<'a> {
    h: f64,
    noise: f64,
    lambda2: f64,
    parts: &'a [(f64, f64)],
    readouts: usize,
    /// Rows of the nodes from `-STABLE` to `STABLE`.
    rows: Vec<(usize, Vec<f64>)>,
}

impl<'a> Later<'a> {
    fn new(readouts: usize, h: f64, noise: f64, lambda2: f64, parts: &'a [(f64, f64)]) -> Self {
        let law = Rows::new(readouts);
        let mut buffer = Vec::new();
        let rows = nodes(h, STABLE)
            .map(|u| {
                let Row { first, probabilities } = law.at(u, &mut buffer);
                // A stable cell's row is long and almost empty.
                let end = probabilities.iter().rposition(|&p| p > 1e-22).map_or(0, |last| last + 1);
                let start = probabilities.iter().position(|&p| p > 1e-22).unwrap_or(0);
                (first + start, probabilities[start.min(end)..end].to_vec())
            })
            .collect();
        Self { h, noise, lambda2, parts, readouts, rows }
    }

    /// Probabilities of the second count where the skew there is normal about `mean`, by component.
    fn given(&self, mean: f64, sums: &mut [f64]) {
        sums.fill(0.0);
        let centre = (mean - self.lambda2) / self.noise;
        let middle = libm::round(centre / self.h);
        for &(weight, sd) in self.parts {
            let spread = sd / self.noise;
            let at = (middle * self.h - centre) / spread;
            let step = self.h / spread;
            let peak = weight * step * density(at);
            self.walk(middle, peak, at, step, 1.0, sums);
            // The middle node is counted once.
            let ratio = libm::exp(at * step - 0.5 * step * step);
            self.walk(middle - 1.0, peak * ratio, at - step, step, -1.0, sums);
        }
    }

    /// Adds the nodes from `start` on, one way, each density from the one before:
    /// `phi(x + s) = phi(x) exp(-x s - s^2 / 2)`.
    fn walk(&self, start: f64, value: f64, at: f64, step: f64, way: f64, sums: &mut [f64]) {
        let centre = (self.rows.len() / 2) as f64;
        let mut place = start + centre;
        let mut value = value;
        let mut ratio = libm::exp(-way * at * step - 0.5 * step * step);
        let change = libm::exp(-step * step);
        // Up to the peak values rise, and may begin below what counts.
        while value > 1e-22 || ratio > 1.0 {
            if place < 0.0 {
                sums[0] += value;
            } else if place >= self.rows.len() as f64 {
                sums[self.readouts] += value;
            } else {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a whole number within the rows"
                )]
                let (first, row) = &self.rows[place as usize];
                let into = &mut sums[*first..][..row.len()];
                into.iter_mut().zip(row).for_each(|(into, p)| *into += value * p);
            }
            place += way;
            value *= ratio;
            ratio *= change;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a second readout's noise mattering, margins of the table are the laws of each condition.
    #[test]
    fn margins_of_the_law_are_those_of_one_condition() {
        let table = Table { readouts: [7, 5] };
        let (lambda1, lambda2, ratio, shift) = (0.11_f64, 0.07, 0.9_f64, 0.05);
        let (a, b, w) = (0.1_f64, 0.3_f64, 0.2_f64);
        for parameters in [
            vec![lambda1.ln(), lambda2, ratio.ln(), shift, a.ln()],
            vec![lambda1.ln(), lambda2, ratio.ln(), shift, a.ln(), b.ln(), (w / (1.0 - w)).ln()],
        ] {
            let q = table.probabilities(&parameters).unwrap();
            assert!((q.iter().sum::<f64>() - 1.0).abs() < 1e-10);
            let first = super::super::count_probabilities(7, lambda1, lambda2);
            for (c, expected) in first.iter().enumerate() {
                let found: f64 = q[6 * c..6 * c + 6].iter().sum();
                assert!((found - expected).abs() < 1e-10, "{c}: {found} {expected}");
            }
            // The second condition has a wider skew: a sum over components, in units of its width.
            let mut second = [0.0; 6];
            for (weight, sd) in components(&parameters) {
                let width = (1.0 + sd * sd).sqrt();
                let law = super::super::count_probabilities(
                    5,
                    lambda1 * ratio / width,
                    (lambda2 - shift) / width,
                );
                second.iter_mut().zip(law).for_each(|(sum, q)| *sum += weight * q);
            }
            for (c, expected) in second.iter().enumerate() {
                let found: f64 = (0..8).map(|row| q[6 * row + c]).sum();
                assert!((found - expected).abs() < 1e-10, "{c}: {found} {expected}");
            }
        }
    }

    /// A readout in each of two conditions differ with the closed form of the emulator.
    #[test]
    fn single_readouts_differ_as_a_process_has_it() {
        use puf_emulator::silicon::{
            AgeingLaw, Environment, Process, TemperatureLaw, TwoComponent,
        };
        let law = TemperatureLaw::new(30.0, 25.0)
            .unwrap()
            .with_coefficient(TwoComponent::of_temperature(0.2, 2.0).unwrap());
        let process = Process::new(0.12, 0.3, law, AgeingLaw::default()).unwrap();
        let cold = Environment::default().at_celsius(-20.0).unwrap();
        let sd = 0.12 * 45.0 / 30.0;
        let [(_, a), (w, b)] = process.temperature().coefficient().components();
        let parameters =
            vec![0.12_f64.ln(), 0.3, 0.0, 0.0, (sd * a).ln(), (sd * b).ln(), (w / (1.0 - w)).ln()];
        let q = Table { readouts: [1, 1] }.probabilities(&parameters).unwrap();
        assert!((q[1] + q[2] - process.ber_at(&cold)).abs() < 1e-9);
    }
}
