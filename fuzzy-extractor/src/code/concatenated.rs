//! Concatenated codes (G. D. Forney, Concatenated Codes, 1966), here with two binary codes.

use core::fmt;

use zeroize::Zeroizing;

use super::notation::Precedence;
use super::{
    BlockCode, BoxedCode, CodeError, Coin, DecodeFailure, Decoded, Decoding, InformationSet,
    MAX_BITS,
};
use crate::bits::BitString;

/// The code `A*B`, inner code first: `B` encodes the message, `A` encodes the bits of that word,
/// `k_A` at a time.
///
/// ```text
///     message --B--> | k_A bits | k_A bits | ...    the outer word, n_B bits
///                         A          A
///                    | n_A bits | n_A bits | ...    n_A n_B / k_A bits
/// ```
///
/// Decoding runs the other way; an inner word that does not decode hands on the message it was
/// received with.
#[derive(Debug)]
pub struct Concatenated {
    inner: BoxedCode,
    outer: BoxedCode,
    /// Inner words: `n_B / k_A`.
    blocks: usize,
    information: InformationSet,
}

impl Concatenated {
    /// The concatenation of two codes.
    ///
    /// # Errors
    /// When `k` of the inner code does not divide `n` of the outer one, or when the word would have
    /// more than [`MAX_BITS`].
    pub fn new(inner: BoxedCode, outer: BoxedCode) -> Result<Self, CodeError> {
        let (inner_k, outer_n) = (inner.k(), outer.n());
        if !outer_n.is_multiple_of(inner_k) {
            return Err(CodeError::Grouping { inner_k, outer_n });
        }
        let blocks = outer_n / inner_k;
        let n = blocks.checked_mul(inner.n());
        if n.is_none_or(|n| n > MAX_BITS) {
            return Err(CodeError::Length { n });
        }
        let information = joint_information_set(&*inner, &*outer, blocks);
        Ok(Self { inner, outer, blocks, information })
    }
}

/// The information positions of those inner words' information bits that are information bits of
/// the outer word.
fn joint_information_set(
    inner: &dyn BlockCode,
    outer: &dyn BlockCode,
    blocks: usize,
) -> InformationSet {
    let mut mask = BitString::zeros(blocks * inner.n());
    for i in 0..blocks {
        let chosen = outer.information_set().mask().slice(i * inner.k(), inner.k());
        mask.write(i * inner.n(), &inner.information_set().place_information(&chosen));
    }
    InformationSet::from_mask(mask)
}

impl BlockCode for Concatenated {
    fn n(&self) -> usize {
        self.blocks * self.inner.n()
    }

    fn k(&self) -> usize {
        self.outer.k()
    }

    /// An inner word is wrong only after `t_A + 1` errors and then spoils up to `k_A` bits of the
    /// outer word, which survives `t_B`.
    fn t(&self) -> usize {
        let spoilt_words = self.outer.t() / self.inner.k() + 1;
        (self.inner.t() + 1) * spoilt_words - 1
    }

    /// Known when the inner code carries single bits: each of the `d_B` costs `d_A`.
    fn d(&self) -> Option<usize> {
        (self.inner.k() == 1).then_some(self.inner.d()? * self.outer.d()?)
    }

    fn information_set(&self) -> &InformationSet {
        &self.information
    }

    fn encode(&self, message: &BitString) -> BitString {
        self.inner.encode_blocks(&Zeroizing::new(self.outer.encode(message)))
    }

    fn decode(&self, received: &BitString, coin: &mut dyn Coin) -> Result<Decoded, DecodeFailure> {
        assert_eq!(received.len(), self.n(), "a word of {self} has {} bits", self.n());
        let outer_received = Zeroizing::new(self.inner.decode_blocks(received, coin));
        let outer_word = self.outer.decode(&outer_received, coin)?;
        let codeword = self.inner.encode_blocks(&outer_word.codeword);
        let corrected = codeword.distance(received);
        Ok(Decoded { codeword, corrected })
    }

    fn decoding(&self) -> Decoding<'_> {
        Decoding::Concatenated { inner: &*self.inner, outer: &*self.outer }
    }

    fn message(&self, word: &BitString) -> BitString {
        self.outer.message(&Zeroizing::new(self.inner.message_blocks(word)))
    }

    fn message_blocks(&self, words: &BitString) -> BitString {
        self.outer.message_blocks(&Zeroizing::new(self.inner.message_blocks(words)))
    }

    fn encode_blocks(&self, messages: &BitString) -> BitString {
        self.inner.encode_blocks(&Zeroizing::new(self.outer.encode_blocks(messages)))
    }

    /// What the inner code corrected is kept where the outer one gives up, so that `(A*B)*C` and
    /// `A*(B*C)` decode alike.
    fn decode_blocks(&self, received: &BitString, coin: &mut dyn Coin) -> BitString {
        let outer_received = Zeroizing::new(self.inner.decode_blocks(received, coin));
        self.outer.decode_blocks(&outer_received, coin)
    }

    fn precedence(&self) -> Precedence {
        Precedence::Product
    }
}

impl fmt::Display for Concatenated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Precedence::Product.write(f, &*self.inner)?;
        f.write_str("*")?;
        Precedence::Power.write(f, &*self.outer)
    }
}
