//! Several words of one code side by side.

use core::fmt;

use zeroize::Zeroizing;

use super::notation::Precedence;
use super::{
    BlockCode, BoxedCode, CodeError, Coin, DecodeFailure, Decoded, Decoding, InformationSet,
    MAX_BITS, map_blocks,
};
use crate::bits::BitString;

/// The code `A^m`: word `j` of `A` at bits `j n .. (j + 1) n`. All must decode.
#[derive(Debug)]
pub struct Repeated {
    word: BoxedCode,
    count: usize,
    information: InformationSet,
}

impl Repeated {
    /// `count` words of a code.
    ///
    /// # Errors
    /// When they have no bit, or more than [`MAX_BITS`].
    pub fn new(word: BoxedCode, count: usize) -> Result<Self, CodeError> {
        let n = word.n().checked_mul(count);
        if !n.is_some_and(|n| (1..=MAX_BITS).contains(&n)) {
            return Err(CodeError::Length { n });
        }
        let mut mask = BitString::zeros(word.n() * count);
        for j in 0..count {
            mask.write(j * word.n(), word.information_set().mask());
        }
        Ok(Self { word, count, information: InformationSet::from_mask(mask) })
    }
}

impl BlockCode for Repeated {
    fn n(&self) -> usize {
        self.count * self.word.n()
    }

    fn k(&self) -> usize {
        self.count * self.word.k()
    }

    fn t(&self) -> usize {
        self.word.t()
    }

    fn d(&self) -> Option<usize> {
        self.word.d()
    }

    fn information_set(&self) -> &InformationSet {
        &self.information
    }

    fn encode(&self, message: &BitString) -> BitString {
        assert_eq!(message.len(), self.k(), "a message of {self} has {} bits", self.k());
        self.word.encode_blocks(message)
    }

    fn decode(&self, received: &BitString, coin: &mut dyn Coin) -> Result<Decoded, DecodeFailure> {
        assert_eq!(received.len(), self.n(), "a word of {self} has {} bits", self.n());
        let n = self.word.n();
        let mut decoded = Decoded { codeword: BitString::zeros(self.n()), corrected: 0 };
        for j in 0..self.count {
            let block = Zeroizing::new(received.slice(j * n, n));
            let part = self.word.decode(&block, coin)?;
            decoded.codeword.write(j * n, &part.codeword);
            decoded.corrected += part.corrected;
        }
        Ok(decoded)
    }

    fn decoding(&self) -> Decoding<'_> {
        Decoding::Parallel { word: &*self.word, count: self.count }
    }

    fn message(&self, word: &BitString) -> BitString {
        assert_eq!(word.len(), self.n(), "a word of {self} has {} bits", self.n());
        self.word.message_blocks(word)
    }

    fn syndrome(&self, word: &BitString) -> BitString {
        assert_eq!(word.len(), self.n(), "a word of {self} has {} bits", self.n());
        let n = self.word.n();
        map_blocks(word, n, n - self.word.k(), |block| self.word.syndrome(block))
    }

    fn decode_blocks(&self, received: &BitString, coin: &mut dyn Coin) -> BitString {
        assert_eq!(received.len() % self.n(), 0, "no whole number of words of {self}");
        self.word.decode_blocks(received, coin)
    }

    fn precedence(&self) -> Precedence {
        Precedence::Power
    }
}

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Precedence::Atom.write(f, &*self.word)?;
        write!(f, "^{}", self.count)
    }
}
