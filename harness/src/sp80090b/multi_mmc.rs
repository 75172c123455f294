//! The multi Markov model with counting (MultiMMC) prediction estimate (section 6.3.9).

use super::LeftOut;
use super::contexts::{BitContexts, History, MAX_CONTEXT, SymbolContexts, likelier};
use super::prediction::{Prediction, Scoreboard, Tally};

/// The longest context, `D`.
pub const D: usize = 16;

/// Different pairs of a context and what follows it that are kept of each length: step 4a.
pub const MAX_ENTRIES: usize = 100_000;

/// Min-entropy from how well what came most often after the last `d` samples predicts the next, for `d`
/// from 1 to `depth`, which is at most 16.
///
/// A part that has not met its context says nothing. As in NIST's tool a run of correct predictions
/// outlasts such a sample; by the letter of steps 4d and 6 it would end there.
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
    let depth = depth.min(MAX_CONTEXT);
    let tally = if alphabet == 2 { of_bits(samples, depth) } else { of_symbols(samples, depth) };
    Ok(tally.estimate(samples.len() - 2, alphabet, z))
}

/// What the part that is followed said of a sample.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Right,
    Wrong,
}

fn push(tally: &mut Tally, said: Said) {
    match said {
        Said::Nothing => {}
        Said::Right => tally.push(true),
        Said::Wrong => tally.push(false),
    }
}

fn of_bits(samples: &[u8], depth: usize) -> Tally {
    let mut contexts = BitContexts::new(depth);
    let mut entries = [0_usize; MAX_CONTEXT];
    let mut board = Scoreboard::new(depth);
    let mut tally = Tally::default();
    let mut history = usize::from(samples[0] & 1);
    for d in 1..=depth.min(samples.len() - 1) {
        let context = samples[..d].iter().fold(0, |bits, &bit| bits << 1 | usize::from(bit & 1));
        contexts.after(context, d)[usize::from(samples[d] & 1)] = 1;
        entries[d - 1] = 1;
    }
    for i in 2..samples.len() {
        history = history << 1 | usize::from(samples[i - 1] & 1);
        let sample = samples[i] & 1;
        let followed = board.winner() + 1;
        let mut said = Said::Nothing;
        for (d, entries) in (1..=depth.min(i - 1)).zip(&mut entries) {
            let counts = contexts.after(history, d);
            let (guess, count) = likelier(*counts);
            if count > 0 {
                let right = guess == sample;
                board.score(d - 1, right);
                if d == followed {
                    said = if right { Said::Right } else { Said::Wrong };
                }
            }
            let counted = &mut counts[usize::from(sample)];
            if *counted > 0 {
                *counted += 1;
            } else if *entries < MAX_ENTRIES {
                *counted = 1;
                *entries += 1;
            }
        }
        push(&mut tally, said);
    }
    tally
}

fn of_symbols(samples: &[u8], depth: usize) -> Tally {
    let mut contexts: Vec<SymbolContexts> = Vec::new();
    contexts.resize_with(depth, SymbolContexts::default);
    let mut entries = [0_usize; MAX_CONTEXT];
    let mut board = Scoreboard::new(depth);
    let mut tally = Tally::default();
    let mut history = History::default();
    for d in 1..=depth.min(samples.len() - 1) {
        history.push(samples[d - 1]);
        contexts[d - 1].begin(history.last(d), samples[d]);
        entries[d - 1] = 1;
    }
    let mut history = History::default();
    history.push(samples[0]);
    for i in 2..samples.len() {
        history.push(samples[i - 1]);
        let sample = samples[i];
        let followed = board.winner();
        let mut said = Said::Nothing;
        // What did not come before did not come as the end of something longer either.
        let mut came = true;
        for part in 0..depth.min(i - 1) {
            let context = history.last(part + 1);
            let room = entries[part] < MAX_ENTRIES;
            let known = if came { contexts[part].find(context) } else { None };
            came = known.is_some();
            if let Some(known) = known {
                let right = known.likeliest == sample;
                board.score(part, right);
                if part == followed {
                    said = if right { Said::Right } else { Said::Wrong };
                }
                entries[part] += usize::from(contexts[part].count(context, sample, room));
            } else if room {
                contexts[part].begin(context, sample);
                entries[part] += 1;
            }
        }
        push(&mut tally, said);
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sp80090b::oracle;
    use proptest::prelude::*;

    /// The worked example of section 6.3.9, D = 3: min-entropy 0.0755.
    #[test]
    fn worked_example() {
        let input = [2, 1, 3, 2, 1, 3, 1, 3, 1].map(|symbol| symbol - 1);
        let found = estimate(&input, 3, 3, 2.576).unwrap();
        assert_eq!((found.correct, found.predictions, found.r), (3, 7, 3));
        assert!((found.p_global_upper - 0.949_002_019_524_727_5).abs() < 1e-4);
        assert!((found.min_entropy - 0.075_516_937_509_039_58).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn interleaved_counting_is_the_section_step_by_step(
            samples in (0_u8..4).prop_flat_map(|top| proptest::collection::vec(0..=top, 3..200)),
            depth in 1_usize..=16,
        ) {
            let found = estimate(&samples, 4, depth, 2.576).unwrap();
            prop_assert_eq!(found, oracle::multi_mmc(&samples, 4, depth));
            let bits: Vec<u8> = samples.iter().map(|s| s % 2).collect();
            let found = estimate(&bits, 2, depth, 2.576).unwrap();
            prop_assert_eq!(found, oracle::multi_mmc(&bits, 2, depth));
        }
    }

    #[test]
    fn dictionaries_stop_growing() {
        // More than 100,000 contexts of three and more symbols.
        let mut state = 1_u32;
        let samples: Vec<u8> = (0..250_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0] >> 2
            })
            .collect();
        assert_eq!(estimate(&samples, 64, 4, 2.576).unwrap(), oracle::multi_mmc(&samples, 64, 4));
    }
}
