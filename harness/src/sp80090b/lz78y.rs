//! The LZ78Y prediction estimate (section 6.3.10).

use super::LeftOut;
use super::contexts::{BitContexts, History, MAX_CONTEXT, SymbolContexts, likelier};
use super::prediction::{Prediction, Tally};

/// The longest context, `B`.
pub const B: usize = 16;

/// Contexts that the dictionary holds: step 1 of the section.
pub const MAX_DICTIONARY: usize = 65_536;

/// Min-entropy from how well a dictionary in the manner of LZ78 predicts the next sample: of the
/// contexts of 1 to `longest` samples, at most 16, that in which one symbol has followed most often.
///
/// # Errors
/// [`LeftOut::TooFew`] without at least two samples to predict.
pub fn estimate(
    samples: &[u8],
    alphabet: usize,
    longest: usize,
    z: f64,
) -> Result<Prediction, LeftOut> {
    let longest = longest.clamp(1, MAX_CONTEXT);
    if samples.len() < longest + 3 {
        return Err(LeftOut::TooFew { needed: longest + 3 });
    }
    let tally =
        if alphabet == 2 { of_bits(samples, longest) } else { of_symbols(samples, longest) };
    Ok(tally.estimate(samples.len() - longest - 1, alphabet, z))
}

fn of_bits(samples: &[u8], longest: usize) -> Tally {
    let mut contexts = BitContexts::new(longest);
    let mut held = 0;
    let mut tally = Tally::default();
    let (first, rest) = samples.split_at(longest);
    let mut history = first.iter().fold(0, |bits, &bit| bits << 1 | usize::from(bit & 1));
    for (i, &sample) in rest.iter().enumerate() {
        let (mut most, mut guess) = (0, None);
        for d in (1..=longest).rev() {
            let counts = contexts.after(history, d);
            let (likelier, count) = likelier(*counts);
            if count > 0 {
                if count > most {
                    (most, guess) = (count, Some(likelier));
                }
                counts[usize::from(sample & 1)] += 1;
            } else if held < MAX_DICTIONARY {
                counts[usize::from(sample & 1)] = 1;
                held += 1;
            }
        }
        // The first sample after a whole context only fills the dictionary.
        if i > 0 {
            tally.push(guess == Some(sample));
        }
        history = history << 1 | usize::from(sample & 1);
    }
    tally
}

fn of_symbols(samples: &[u8], longest: usize) -> Tally {
    let mut contexts: Vec<SymbolContexts> = Vec::new();
    contexts.resize_with(longest, SymbolContexts::default);
    let mut held = 0;
    let mut tally = Tally::default();
    let (first, rest) = samples.split_at(longest);
    let mut history = History::default();
    first.iter().for_each(|&sample| history.push(sample));
    for (i, &sample) in rest.iter().enumerate() {
        let (mut most, mut guess) = (0, None);
        for d in (1..=longest).rev() {
            let (contexts, context) = (&mut contexts[d - 1], history.last(d));
            if let Some(known) = contexts.find(context) {
                if known.count > most {
                    (most, guess) = (known.count, Some(known.likeliest));
                }
                contexts.count(context, sample, true);
            } else if held < MAX_DICTIONARY {
                contexts.begin(context, sample);
                held += 1;
            }
        }
        if i > 0 {
            tally.push(guess == Some(sample));
        }
        history.push(sample);
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sp80090b::oracle;
    use proptest::prelude::*;

    /// The worked example of section 6.3.10, B = 4: P'_global = 0.9868, min-entropy 0.0191.
    #[test]
    fn worked_example() {
        let input = [2, 1, 3, 2, 1, 3, 1, 3, 1, 2, 1, 3, 2].map(|symbol| symbol - 1);
        let found = estimate(&input, 3, 4, 2.576).unwrap();
        assert_eq!((found.correct, found.predictions, found.r), (4, 8, 3));
        assert!((found.p_global_upper - 0.986_818_241_235_884_6).abs() < 1e-12);
        assert!((found.min_entropy - 0.019_143_710_930_194_215).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn one_pass_is_the_section_step_by_step(
            samples in (0_u8..4).prop_flat_map(|top| proptest::collection::vec(0..=top, 19..300)),
            longest in 1_usize..=16,
        ) {
            let found = estimate(&samples, 4, longest, 2.576).unwrap();
            prop_assert_eq!(found, oracle::lz78y(&samples, 4, longest));
            let bits: Vec<u8> = samples.iter().map(|s| s % 2).collect();
            let found = estimate(&bits, 2, longest, 2.576).unwrap();
            prop_assert_eq!(found, oracle::lz78y(&bits, 2, longest));
        }
    }

    #[test]
    fn a_full_dictionary_goes_on_counting() {
        let mut state = 1_u32;
        let samples: Vec<u8> = (0..30_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0] >> 5
            })
            .collect();
        assert_eq!(estimate(&samples, 8, B, 2.576).unwrap(), oracle::lz78y(&samples, 8, B));
        let bits: Vec<u8> = samples.iter().map(|s| s & 1).collect();
        assert_eq!(estimate(&bits, 2, B, 2.576).unwrap(), oracle::lz78y(&bits, 2, B));
    }
}
