//! What the tests of several codes share.

use fuzzy_extractor::bits::BitString;
use fuzzy_extractor::code::{BlockCode, Coin, DecodeFailure, Decoded};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The generator of a test.
pub(crate) fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A number below `bound`, all nearly alike.
pub(crate) fn below(rng: &mut impl Rng, bound: usize) -> usize {
    ((u128::from(rng.next_u64()) * bound as u128) >> 64) as usize
}

/// A pattern of `weight` ones among `n` bits.
pub(crate) fn pattern(n: usize, weight: usize, rng: &mut impl Rng) -> BitString {
    let mut places: Vec<usize> = (0..n).collect();
    let mut pattern = BitString::zeros(n);
    for i in 0..weight {
        places.swap(i, i + below(rng, n - i));
        pattern.set(places[i], true);
    }
    pattern
}

/// The coin of decoders that must not ask.
pub(crate) struct NoCoin;

impl Coin for NoCoin {
    fn toss(&mut self) -> bool {
        panic!("this decoder has no ties");
    }
}

/// Decodes with a coin that must not be needed.
pub(crate) fn decode(code: &dyn BlockCode, received: &BitString) -> Result<Decoded, DecodeFailure> {
    code.decode(received, &mut NoCoin)
}

/// All patterns of exactly `weight` ones among `n <= 32` bits, ascending.
pub(crate) fn patterns(n: u32, weight: u32) -> impl Iterator<Item = u32> {
    let mut next = (weight <= n).then(|| (1_u64 << weight) - 1);
    std::iter::from_fn(move || {
        let current = next?;
        // The next larger number of the same weight.
        next = if current == 0 {
            None
        } else {
            let lowest = current & current.wrapping_neg();
            let carried = current + lowest;
            Some(carried | (((current ^ carried) >> 2) / lowest)).filter(|&p| p < 1 << n)
        };
        u32::try_from(current).ok()
    })
}

/// The bits of a word of `n <= 32` bits.
pub(crate) fn bits(word: u32, n: usize) -> BitString {
    BitString::from_words(vec![u64::from(word)], n)
}

/// The integer of a word of at most 32 bits.
pub(crate) fn integer(word: &BitString) -> u32 {
    u32::try_from(word.words()[0]).unwrap()
}

#[test]
fn patterns_are_all_of_their_weight() {
    for (n, weight, count) in [(5, 0, 1), (5, 2, 10), (5, 5, 1), (5, 6, 0), (32, 31, 32)] {
        let found: Vec<_> = patterns(n, weight).collect();
        assert_eq!(found.len(), count, "{weight} of {n}");
        assert!(found.iter().all(|p| p.count_ones() == weight));
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
