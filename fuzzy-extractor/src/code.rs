//! Binary block codes `[n, k, d]` and their decoders.
//!
//! A word of `n` bits is a [`BitString`] whose bit `i` is the coefficient of `x^i`; written down,
//! `c_{n-1}` comes first. Cyclic codes are systematic with the message in the high-order `k` bits.
//! Every code here has an [information set](InformationSet), so that it also has a syndrome of
//! `n - k` bits and a coset word for each syndrome: that is all that a
//! [secure sketch](crate::sketch) needs.
//!
//! Words are secret: what a decoder makes on its way is wiped, and a [`Decoded`] word with it. But
//! decoding takes variable time here (table look-ups, early ends, a quick way out for words without
//! errors), so that whoever can time it learns of the errors.
//!
//! A new code is a file, its `mod` line, and one line in the lists of [`notation`].

use alloc::boxed::Box;
use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::bits::BitString;
use crate::polynomial::BinaryPolynomial;

mod bch;
mod coin;
mod concatenated;
mod cyclic;
mod error;
mod golay;
mod hamming;
pub mod notation;
mod repeated;
mod repetition;
mod systematic;

pub use bch::{Bch, BchDimension, BchError};
pub use coin::{Coin, HashCoin};
pub use concatenated::Concatenated;
pub use error::CodeError;
pub use golay::Golay;
pub use hamming::Hamming;
pub use repeated::Repeated;
pub use repetition::Repetition;
pub use systematic::InformationSet;

/// The longest word of any code here, in bits: bounds what a hostile parameter can ask for.
pub const MAX_BITS: usize = 1 << 20;

/// A linear block code over GF(2) together with one decoder.
///
/// `Display` prints the notation that [`notation::parse`] reads back to the same code.
///
/// ```
/// use fuzzy_extractor::bits::BitString;
/// use fuzzy_extractor::code::{Bch, BlockCode, HashCoin};
///
/// let code = Bch::new(15, 7, 2)?;
/// let message = BitString::from_integer_hex("48", 7)?;
/// let mut word = code.encode(&message);
/// assert_eq!(word.to_integer_hex(), "48f5");
/// word.flip(3);
/// word.flip(14);
/// let decoded = code.decode(&word, &mut HashCoin::new(&word))?;
/// assert_eq!((code.message(&decoded.codeword), decoded.corrected), (message, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait BlockCode: fmt::Debug + fmt::Display + Send + Sync {
    /// Word length in bits.
    fn n(&self) -> usize;

    /// Dimension: message length in bits.
    fn k(&self) -> usize;

    /// Every pattern of up to `t` errors is corrected, whatever the code word.
    fn t(&self) -> usize;

    /// Minimum distance where it is known exactly.
    fn d(&self) -> Option<usize>;

    /// The positions whose `k` bits determine a code word.
    fn information_set(&self) -> &InformationSet;

    /// The code word of a message.
    ///
    /// # Panics
    /// If the message is not `k` bits long.
    fn encode(&self, message: &BitString) -> BitString;

    /// Corrects a received word.
    ///
    /// A success says that the result is a code word within the decoder's reach of the input; it
    /// does not say that it is the word that was sent.
    ///
    /// # Errors
    /// When no code word is within the decoder's reach.
    ///
    /// # Panics
    /// If the word is not `n` bits long.
    fn decode(&self, received: &BitString, coin: &mut dyn Coin) -> Result<Decoded, DecodeFailure>;

    /// What the decoder corrects, in the terms from which its failure rate is computed.
    fn decoding(&self) -> Decoding<'_>;

    /// The message of a code word. Of any other word, that of the code word which agrees with it on
    /// the information set: it depends on those bits alone, and linearly.
    ///
    /// # Panics
    /// If the word is not `n` bits long.
    fn message(&self, word: &BitString) -> BitString {
        self.information_set().information(word)
    }

    /// The syndrome, `n - k` bits: zero exactly for code words, linear in the word.
    ///
    /// It is the word plus the code word that agrees with it on the information set, at the other
    /// positions, ascending.
    ///
    /// # Panics
    /// If the word is not `n` bits long.
    fn syndrome(&self, word: &BitString) -> BitString {
        let mut sum = Zeroizing::new(self.encode(&Zeroizing::new(self.message(word))));
        sum.xor_assign(word);
        self.information_set().check(&sum)
    }

    /// One fixed word with the given syndrome, linear in it: zeros on the information set, the
    /// syndrome elsewhere.
    ///
    /// # Panics
    /// If the syndrome is not `n - k` bits long.
    fn coset_word(&self, syndrome: &BitString) -> BitString {
        self.information_set().place_check(syndrome)
    }

    /// The code words of consecutive messages, joined.
    ///
    /// # Panics
    /// If there is no whole number of messages.
    fn encode_blocks(&self, messages: &BitString) -> BitString {
        map_blocks(messages, self.k(), self.n(), |message| self.encode(message))
    }

    /// The messages of consecutive words, joined; see [`message`](Self::message).
    ///
    /// # Panics
    /// If there is no whole number of words.
    fn message_blocks(&self, words: &BitString) -> BitString {
        map_blocks(words, self.n(), self.k(), |word| self.message(word))
    }

    /// The messages of consecutive received words, joined: what the next code of a concatenation
    /// sees. A word that does not decode hands on the message it was received with.
    ///
    /// # Panics
    /// If there is no whole number of words.
    fn decode_blocks(&self, received: &BitString, coin: &mut dyn Coin) -> BitString {
        map_blocks(received, self.n(), self.k(), |word| match self.decode(word, coin) {
            Ok(decoded) => self.message(&decoded.codeword),
            Err(DecodeFailure) => self.message(word),
        })
    }

    /// The generator polynomial of a code that is cyclic or a shortened cyclic one.
    fn generator(&self) -> Option<&BinaryPolynomial> {
        None
    }

    /// How tightly the code's notation binds: what must be in parentheses.
    fn precedence(&self) -> notation::Precedence {
        notation::Precedence::Atom
    }
}

/// Cuts `input` into blocks of `from` bits and joins the `to` bits that `f` makes of each.
fn map_blocks(
    input: &BitString,
    from: usize,
    to: usize,
    mut f: impl FnMut(&BitString) -> BitString,
) -> BitString {
    let blocks = input.len() / from;
    assert_eq!(input.len(), blocks * from, "no whole number of blocks of {from} bits");
    let mut output = BitString::zeros(blocks * to);
    for i in 0..blocks {
        let block = Zeroizing::new(input.slice(i * from, from));
        output.write(i * to, &Zeroizing::new(f(&block)));
    }
    output
}

/// How a decoder behaves, as far as its failure rate depends on it.
#[derive(Debug, Clone, Copy)]
pub enum Decoding<'a> {
    /// Majority of `n` copies; an even tie is a fair coin.
    Majority {
        /// Number of copies.
        n: usize,
    },
    /// Recovers exactly when at most `t` of the `n` bits are wrong.
    BoundedDistance {
        /// Word length.
        n: usize,
        /// Correctable errors.
        t: usize,
    },
    /// The bits of the outer word, `k` of the inner code at a time, are protected by an inner word.
    ///
    /// Outer bits `i k .. (i + 1) k` sit in the inner word at bits `i n .. (i + 1) n`, `n` and `k`
    /// the inner code's. An inner word that does not decode hands on its received message.
    Concatenated {
        /// The code next to the cells.
        inner: &'a dyn BlockCode,
        /// The code that corrects what the inner one leaves.
        outer: &'a dyn BlockCode,
    },
    /// Independent words of one code, all of which must decode; word `j` at bits `j n .. (j + 1) n`.
    Parallel {
        /// The code of each word.
        word: &'a dyn BlockCode,
        /// Number of words.
        count: usize,
    },
}

/// A corrected word, wiped when dropped.
#[derive(Debug, Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Decoded {
    /// The code word.
    pub codeword: BitString,
    /// Bits in which it differs from the received word.
    pub corrected: usize,
}

impl Decoded {
    /// The code word, which the caller now has to wipe.
    #[must_use]
    pub fn into_codeword(mut self) -> BitString {
        core::mem::take(&mut self.codeword)
    }
}

/// No code word is within the decoder's reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeFailure;

impl fmt::Display for DecodeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no code word within the decoder's reach")
    }
}

impl core::error::Error for DecodeFailure {}

/// Any code, as [`notation::parse`] makes it.
pub type BoxedCode = Box<dyn BlockCode>;
