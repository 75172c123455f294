//! Repetition codes `[n, 1, n]` and their majority decoder.

use alloc::vec;
use core::fmt;

use super::systematic::ones;
use super::{
    BlockCode, CodeError, Coin, DecodeFailure, Decoded, Decoding, InformationSet, MAX_BITS,
};
use crate::bits::BitString;

/// The code `rep(n)`: one bit, `n` times, decided by majority.
///
/// It is perfect for odd `n`. For even `n` a tie is decided by the [`Coin`], so that decoding never
/// fails. Like every cyclic code here it keeps its message in the highest position.
#[derive(Debug, Clone)]
pub struct Repetition {
    n: usize,
    information: InformationSet,
}

impl Repetition {
    /// The repetition code of `n` copies, `1..=MAX_BITS`.
    ///
    /// # Errors
    /// For any other `n`.
    pub fn new(n: usize) -> Result<Self, CodeError> {
        if !(1..=MAX_BITS).contains(&n) {
            return Err(CodeError::Length { n: Some(n) });
        }
        Ok(Self { n, information: InformationSet::high_order(n, 1) })
    }

    /// The majority of `n` copies of which `ones` are ones.
    fn majority(&self, ones: usize, coin: &mut dyn Coin) -> bool {
        if 2 * ones == self.n { coin.toss() } else { 2 * ones > self.n }
    }

    fn blocks(&self, words: &BitString) -> usize {
        assert_eq!(words.len() % self.n, 0, "no whole number of words of {} bits", self.n);
        words.len() / self.n
    }
}

impl BlockCode for Repetition {
    fn n(&self) -> usize {
        self.n
    }

    fn k(&self) -> usize {
        1
    }

    fn t(&self) -> usize {
        (self.n - 1) / 2
    }

    fn d(&self) -> Option<usize> {
        Some(self.n)
    }

    fn information_set(&self) -> &InformationSet {
        &self.information
    }

    fn encode(&self, message: &BitString) -> BitString {
        assert_eq!(message.len(), 1, "a message of {self} has one bit");
        if message.get(0) { ones(self.n) } else { BitString::zeros(self.n) }
    }

    fn decode(&self, received: &BitString, coin: &mut dyn Coin) -> Result<Decoded, DecodeFailure> {
        assert_eq!(received.len(), self.n, "a word of {self} has {} bits", self.n);
        let weight = received.weight();
        Ok(if self.majority(weight, coin) {
            Decoded { codeword: ones(self.n), corrected: self.n - weight }
        } else {
            Decoded { codeword: BitString::zeros(self.n), corrected: weight }
        })
    }

    fn decoding(&self) -> Decoding<'_> {
        Decoding::Majority { n: self.n }
    }

    fn encode_blocks(&self, messages: &BitString) -> BitString {
        let mut words = vec![0; (messages.len() * self.n).div_ceil(64)];
        for i in messages.ones() {
            each_word_of(i * self.n, self.n, |word, mask| words[word] |= mask);
        }
        BitString::from_words(words, messages.len() * self.n)
    }

    fn message_blocks(&self, words: &BitString) -> BitString {
        (1..=self.blocks(words)).map(|i| words.get(i * self.n - 1)).collect()
    }

    fn decode_blocks(&self, received: &BitString, coin: &mut dyn Coin) -> BitString {
        (0..self.blocks(received))
            .map(|i| self.majority(weight_of(received, i * self.n, self.n), coin))
            .collect()
    }
}

impl fmt::Display for Repetition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rep({})", self.n)
    }
}

/// The number of ones among the `len` bits from `start` on.
fn weight_of(bits: &BitString, start: usize, len: usize) -> usize {
    let mut weight = 0;
    each_word_of(start, len, |word, mask| {
        weight += (bits.words()[word] & mask).count_ones() as usize;
    });
    weight
}

/// Calls `f` with the index and the mask of each packed word that holds some of the `len` bits from
/// `start` on.
fn each_word_of(start: usize, len: usize, mut f: impl FnMut(usize, u64)) {
    let end = start + len;
    let mut place = start;
    while place < end {
        let count = (64 - place % 64).min(end - place);
        f(place / 64, u64::MAX >> (64 - count) << (place % 64));
        place += count;
    }
}
