//! The lag prediction estimate (section 6.3.8).

use super::LeftOut;
use super::prediction::{Prediction, Tally};

/// How far back the farthest part looks, `D`.
pub const D: usize = 128;

/// Samples between two looks at who can win.
const BLOCK: usize = 64;

/// Min-entropy from how well the sample `d` places back predicts the next, for `d` from 1 to `depth`.
///
/// Only a lag that can draw level with the best within the next 64 samples is scored sample by sample.
/// For the others it is enough to count how often they are right in those 64, which takes a comparison
/// of two strings.
///
/// # Errors
/// [`LeftOut::TooFew`] below three samples.
pub fn estimate(
    samples: &[u8],
    alphabet: usize,
    depth: usize,
    z: f64,
) -> Result<Prediction, LeftOut> {
    if samples.len() < 3 {
        return Err(LeftOut::TooFew { needed: 3 });
    }
    let mut scores = Scores { of: vec![0; depth], best: 0, winner: 1, tally: Tally::default() };
    let mut start = 1;
    // Not all lags reach back yet.
    while start < samples.len().min(depth) {
        let lags: Vec<usize> = (1..=start).collect();
        scores.score(samples, start..start + 1, &lags);
        start += 1;
    }
    let mut rivals = Vec::with_capacity(depth);
    while start < samples.len() {
        let end = samples.len().min(start + BLOCK);
        rivals.clear();
        for lag in 1..=depth {
            if scores.of[lag - 1] + BLOCK >= scores.best {
                rivals.push(lag);
            } else {
                let pairs = samples[start..end].iter().zip(&samples[start - lag..]);
                scores.of[lag - 1] += usize::from(pairs.map(|(a, b)| u8::from(a == b)).sum::<u8>());
            }
        }
        scores.score(samples, start..end, &rivals);
        start = end;
    }
    Ok(scores.tally.estimate(samples.len() - 1, alphabet, z))
}

struct Scores {
    of: Vec<usize>,
    /// The score of the winner.
    best: usize,
    /// The lag that is followed.
    winner: usize,
    tally: Tally,
}

impl Scores {
    /// Lets `lags`, ascending, predict each sample of a range.
    fn score(&mut self, samples: &[u8], range: std::ops::Range<usize>, lags: &[usize]) {
        for i in range {
            let sample = samples[i];
            self.tally.push(samples[i - self.winner] == sample);
            for &lag in lags {
                let right = samples[i - lag] == sample;
                let score = &mut self.of[lag - 1];
                *score += usize::from(right);
                if right & (*score >= self.best) {
                    self.best = *score;
                    self.winner = lag;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sp80090b::oracle;
    use proptest::prelude::*;

    /// The worked example of section 6.3.8, D = 3: min-entropy 0.735.
    #[test]
    fn worked_example() {
        let input = [2, 1, 3, 2, 1, 3, 1, 3, 1, 2].map(|symbol| symbol - 1);
        let found = estimate(&input, 3, 3, 2.576).unwrap();
        assert_eq!((found.correct, found.predictions, found.r), (2, 9, 3));
        assert!((found.p_global_upper - 0.600_858_632_072_354_8).abs() < 1e-4);
        assert!((found.min_entropy - 0.734_902_496_294_813_9).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn scoring_rivals_alone_is_scoring_all(
            samples in (0_u8..4).prop_flat_map(|top| proptest::collection::vec(0..=top, 3..700)),
            depth in prop::sample::select(vec![1, 3, 20, 128]),
            period in prop::option::of(1_usize..90),
        ) {
            let samples: Vec<u8> = match period {
                Some(period) => (0..samples.len()).map(|i| samples[i % period.min(samples.len())]).collect(),
                None => samples,
            };
            let found = estimate(&samples, 4, depth, 2.576).unwrap();
            prop_assert_eq!(found, oracle::lag(&samples, 4, depth));
        }
    }

    /// Long enough that most lags have fallen behind and are only counted.
    #[test]
    fn lags_that_fell_behind_are_counted() {
        let mut state = 1_u32;
        let samples: Vec<u8> = (0..60_000)
            .map(|i| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Different lags lead in the two halves.
                let period = if i < 40_000 { 7 } else { 5 };
                u8::from(i % period == 0) ^ u8::from(state >> 29 == 0)
            })
            .collect();
        assert_eq!(estimate(&samples, 2, D, 2.576).unwrap(), oracle::lag(&samples, 2, D));
    }
}
