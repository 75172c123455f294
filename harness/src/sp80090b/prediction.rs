//! What the four predictors share: the count of their successes, the scoreboard of their parts, and the
//! min-entropy that follows from both (section 6.3.7, steps 4 to 8, and as much in 6.3.8 to 6.3.10).

use super::bound::{min_entropy, root_of_falling, upper_bound};
use super::{Estimate, Figure};

/// What the estimate of a predictor is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Correct predictions, `C`.
    pub correct: usize,
    /// One more than the longest run of correct predictions, `r`.
    pub r: usize,
    /// Predictions asked for, `N`.
    pub predictions: usize,
    /// Proportion of correct ones.
    pub p_global: f64,
    /// The upper bound of that proportion, `P'_global`.
    pub p_global_upper: f64,
    /// The success probability at which a run as long as the longest has probability 0.01; `None` where
    /// it is below the other two, as it mostly is.
    pub p_local: Option<f64>,
    /// Min-entropy per sample.
    pub min_entropy: f64,
}

/// Successes of a predictor, one after another.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    correct: usize,
    run: usize,
    longest_run: usize,
}

impl Tally {
    pub(super) fn push(&mut self, correct: bool) {
        self.correct += usize::from(correct);
        self.run = if correct { self.run + 1 } else { 0 };
        self.longest_run = self.longest_run.max(self.run);
    }

    /// The estimate from these successes in `predictions` over an alphabet of `alphabet` symbols.
    pub(super) fn estimate(self, predictions: usize, alphabet: usize, z: f64) -> Prediction {
        let (correct, r, n) = (self.correct, self.longest_run + 1, predictions);
        let p_global = correct as f64 / n as f64;
        let p_global_upper = if correct > 0 {
            upper_bound(p_global, n, z)
        } else {
            1.0 - libm::pow(0.01, 1.0 / n as f64)
        };
        let mut p = p_global_upper.max(1.0 / alphabet as f64);
        let p_local = (log_probability_of_no_run(p, r, n) > LN_0_99).then(|| p_local(r, n, p));
        p = p_local.map_or(p, |local| p.max(local));
        let min_entropy = min_entropy(p);
        Prediction { correct, r, predictions, p_global, p_global_upper, p_local, min_entropy }
    }
}

/// The natural logarithm of 0.99.
const LN_0_99: f64 = -0.010_050_335_853_501_44;

/// The success probability, at least `least`, at which `n` predictions hold no run of `r` successes with
/// probability 0.99.
#[must_use]
pub fn p_local(r: usize, n: usize, least: f64) -> f64 {
    root_of_falling(|p| log_probability_of_no_run(p, r, n), LN_0_99, least, 1.0)
}

/// The logarithm of the probability of no run of `r` successes among `n` (Feller, volume 1, XIII.7,
/// equation 7.11).
///
/// With `q = 1 - p` it is `ln((1 - p x) / ((r + 1 - r x) q)) - (n + 1) ln x`, where `x` is the root of
/// `x = 1 + q p^r x^(r+1)` near 1. Here it is written in `e = x - 1`, which is tiny: `x` itself would
/// drop most of its digits.
fn log_probability_of_no_run(p: f64, r: usize, n: usize) -> f64 {
    let (q, r, n) = (1.0 - p, r as f64, n as f64);
    let run = r * libm::log(p);
    let mut e = 0.0;
    for _ in 0..66 {
        let next = q * libm::exp(run + (r + 1.0) * libm::log1p(e));
        if next - e <= f64::EPSILON * next {
            break;
        }
        e = next;
    }
    libm::log1p(-p * e / q) - libm::log1p(-r * e) - (n + 1.0) * libm::log1p(e)
}

/// How often each part of a predictor has been right, and which is followed.
#[derive(Debug, Clone)]
pub(super) struct Scoreboard {
    scores: Vec<usize>,
    winner: usize,
}

impl Scoreboard {
    pub(super) fn new(parts: usize) -> Self {
        Self { scores: vec![0; parts], winner: 0 }
    }

    /// The part that is followed now.
    pub(super) fn winner(&self) -> usize {
        self.winner
    }

    /// Scores a part; one that was right and draws level is followed from the next sample on.
    ///
    /// Whether a part is right is a coin for the processor, so that there is no branch on it alone.
    #[inline]
    pub(super) fn score(&mut self, part: usize, right: bool) {
        self.scores[part] += usize::from(right);
        if right & (self.scores[part] >= self.scores[self.winner]) {
            self.winner = part;
        }
    }
}

impl From<Prediction> for Estimate {
    fn from(found: Prediction) -> Self {
        let mut figures = vec![
            ("c", Figure::Count(found.correct)),
            ("r", Figure::Count(found.r)),
            ("n", Figure::Count(found.predictions)),
            ("p_global", Figure::Real(found.p_global)),
            ("p_global_upper", Figure::Real(found.p_global_upper)),
        ];
        figures.extend(found.p_local.map(|p_local| ("p_local", Figure::Real(p_local))));
        Self { min_entropy: found.min_entropy, figures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probability of no run of `r` successes among `n`, by counting states.
    fn no_run(p: f64, r: usize, n: usize) -> f64 {
        let mut runs = vec![0.0; r];
        runs[0] = 1.0;
        for _ in 0..n {
            let fails: f64 = runs.iter().sum::<f64>() * (1.0 - p);
            for length in (1..r).rev() {
                runs[length] = runs[length - 1] * p;
            }
            runs[0] = fails;
        }
        runs.iter().sum()
    }

    #[test]
    fn the_approximation_is_near_the_exact_probability() {
        for (p, r, n) in [(0.5, 20, 20_000), (0.3, 9, 1000), (0.9, 120, 5000), (0.1, 4, 200)] {
            let exact = libm::log(no_run(p, r, n));
            let found = log_probability_of_no_run(p, r, n);
            assert!((found / exact - 1.0).abs() < 1e-4, "{p} {r} {n}: {found} {exact}");
        }
    }

    /// The local probabilities of the worked examples of sections 6.3.7 to 6.3.10.
    #[test]
    fn local_probabilities_of_the_worked_examples() {
        for (r, n, expected) in [
            (2, 9, 0.035_967_558_716_323_23),
            (3, 9, 0.116_700_726_743_492_66),
            (3, 7, 0.130_737_101_927_489_05),
            (3, 8, 0.122_948_712_385_189_95),
        ] {
            let found = p_local(r, n, 0.0);
            assert!((found - expected).abs() < 1e-12, "{r} {n}: {found}");
        }
    }

    #[test]
    fn a_predictor_that_is_never_right_is_bounded_all_the_same() {
        let mut tally = Tally::default();
        tally.push(false);
        let found = tally.estimate(1000, 256, 2.576);
        assert!((found.p_global_upper - 0.004_594_6).abs() < 1e-6);
        assert!(found.min_entropy > 7.7 && found.min_entropy <= 8.0);
    }

    #[test]
    fn a_run_that_chance_does_not_make_decides() {
        let mut tally = Tally::default();
        (0..100_000_u32).for_each(|i| tally.push(i % 2 == 0 || i < 200));
        let found = tally.estimate(100_000, 2, 2.576);
        assert!(found.p_local.is_some_and(|local| local > 0.8), "{found:?}");
        assert!((found.min_entropy - min_entropy(found.p_local.unwrap())).abs() < 1e-15);
    }

    #[test]
    fn the_last_to_draw_level_is_followed() {
        let mut board = Scoreboard::new(3);
        for (part, winner) in [(1, 1), (0, 0), (2, 2), (0, 0), (1, 1)] {
            board.score(part, true);
            assert_eq!(board.winner(), winner);
            board.score(2, false);
            assert_eq!(board.winner(), winner);
        }
    }
}
