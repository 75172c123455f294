//! Information sets: the positions that determine a code word.

use alloc::vec;
use alloc::vec::Vec;

use crate::bits::BitString;

/// `k` of the `n` positions of a code whose bits determine the code word: any `k` bits there occur
/// in exactly one.
///
/// The other `n - k` are the check positions. Both are read and written in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InformationSet {
    mask: BitString,
    k: usize,
}

impl InformationSet {
    /// The positions of the ones of `mask`, which has a bit for each position.
    #[must_use]
    pub fn from_mask(mask: BitString) -> Self {
        let k = mask.weight();
        Self { mask, k }
    }

    /// The `k` highest of `n` positions, as in a systematic cyclic code.
    ///
    /// # Panics
    /// If `k` is more than `n`.
    #[must_use]
    pub fn high_order(n: usize, k: usize) -> Self {
        let mut mask = BitString::zeros(n);
        mask.write(n - k, &ones(k));
        Self { mask, k }
    }

    /// A one for each position of the set.
    #[must_use]
    pub fn mask(&self) -> &BitString {
        &self.mask
    }

    /// The bits of `word` at the information positions.
    ///
    /// # Panics
    /// If the word has not a bit for each position.
    #[must_use]
    pub fn information(&self, word: &BitString) -> BitString {
        gather(word, self.mask.words(), self.mask.len(), self.k)
    }

    /// The bits of `word` at the check positions.
    ///
    /// # Panics
    /// If the word has not a bit for each position.
    #[must_use]
    pub fn check(&self, word: &BitString) -> BitString {
        gather(word, &self.check_mask(), self.mask.len(), self.mask.len() - self.k)
    }

    /// The word with `message` at the information positions and zeros elsewhere.
    ///
    /// # Panics
    /// If the message is not `k` bits long.
    #[must_use]
    pub fn place_information(&self, message: &BitString) -> BitString {
        assert_eq!(message.len(), self.k, "bits for {} information positions", self.k);
        scatter(message, self.mask.words(), self.mask.len())
    }

    /// The word with `bits` at the check positions and zeros elsewhere.
    ///
    /// # Panics
    /// If there are not `n - k` bits.
    #[must_use]
    pub fn place_check(&self, bits: &BitString) -> BitString {
        let check = self.mask.len() - self.k;
        assert_eq!(bits.len(), check, "bits for {check} check positions");
        scatter(bits, &self.check_mask(), self.mask.len())
    }

    fn check_mask(&self) -> Vec<u64> {
        let mut mask = ones(self.mask.len());
        mask.xor_assign(&self.mask);
        mask.words().to_vec()
    }
}

/// A string of `len` ones.
pub(super) fn ones(len: usize) -> BitString {
    BitString::from_words(vec![u64::MAX; len.div_ceil(64)], len)
}

/// Joins the `count` bits of `word` that `mask` selects.
fn gather(word: &BitString, mask: &[u64], n: usize, count: usize) -> BitString {
    assert_eq!(word.len(), n, "a word of {n} bits is expected");
    let mut joined = vec![0; count.div_ceil(64)];
    let mut place = 0;
    for (&bits, &selected) in word.words().iter().zip(mask) {
        for (start, length) in runs(selected) {
            let run = (bits >> start) & (u64::MAX >> (64 - length));
            joined[place / 64] |= run << (place % 64);
            if place % 64 + length > 64 {
                joined[place / 64 + 1] |= run >> (64 - place % 64);
            }
            place += length;
        }
    }
    BitString::from_words(joined, count)
}

/// Spreads `bits` over the positions that `mask` selects among `n`.
fn scatter(bits: &BitString, mask: &[u64], n: usize) -> BitString {
    let source = bits.words();
    let mut place = 0;
    let spread = mask
        .iter()
        .map(|&selected| {
            runs(selected).fold(0, |word, (start, length)| {
                let mut run = source[place / 64] >> (place % 64);
                if place % 64 + length > 64 {
                    run |= source[place / 64 + 1] << (64 - place % 64);
                }
                place += length;
                word | (run & (u64::MAX >> (64 - length))) << start
            })
        })
        .collect();
    BitString::from_words(spread, n)
}

/// The runs of ones of a word as (start, length), ascending.
fn runs(word: u64) -> impl Iterator<Item = (usize, usize)> {
    let mut rest = word;
    core::iter::from_fn(move || {
        if rest == 0 {
            return None;
        }
        let start = rest.trailing_zeros() as usize;
        let length = (rest >> start).trailing_ones() as usize;
        rest &= !(u64::MAX >> (64 - length) << start);
        Some((start, length))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn gathering_and_placing_agree_with_bit_by_bit(
            pairs in proptest::collection::vec(any::<(bool, bool)>(), 1..300), dense: bool,
        ) {
            // A dense mask has runs that cross word boundaries.
            let mask: BitString =
                pairs.iter().enumerate().map(|(i, p)| p.0 || dense && i % 67 != 0).collect();
            let word: BitString = pairs.iter().map(|p| p.1).collect();
            let set = InformationSet::from_mask(mask.clone());
            let pick = |wanted: bool| -> BitString {
                mask.iter().zip(word.iter()).filter(|p| p.0 == wanted).map(|p| p.1).collect()
            };
            prop_assert_eq!(set.information(&word), pick(true));
            prop_assert_eq!(set.check(&word), pick(false));
            let mut joined = set.place_information(&set.information(&word));
            joined.xor_assign(&set.place_check(&set.check(&word)));
            prop_assert_eq!(joined, word);
        }
    }

    #[test]
    fn the_high_order_set_is_at_the_top() {
        let set = InformationSet::high_order(70, 3);
        assert_eq!(set.mask().ones().collect::<Vec<_>>(), [67, 68, 69]);
    }
}
