//! Fair bits for the ties of a majority.

use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::bits::BitString;

/// Decides an even tie of a repetition code.
///
/// A majority of an even number of copies needs one; every other decoder here never asks. The
/// caller chooses: a device hashes its reading ([`HashCoin`]), a simulation draws. Ties are asked
/// for in the order of the bits.
pub trait Coin {
    /// A fair bit.
    fn toss(&mut self) -> bool;
}

/// Any closure is a coin.
impl<F: FnMut() -> bool> Coin for F {
    fn toss(&mut self) -> bool {
        self()
    }
}

/// Tie bits derived from the received word itself, so that one reading always decodes to one word.
///
/// Toss `i` is bit `i % 256`, in the order of readout bytes, of
/// `SHA-256("puflab/1 tie" || counter || word)` with the counter `i / 256` in eight bytes,
/// big-endian, and the word's bytes most significant bit first. Nothing is hashed before the first toss; the
/// word is borrowed, and the bits derived from it are wiped when dropped.
pub struct HashCoin<'a> {
    word: &'a BitString,
    tosses: Tosses,
}

#[derive(Zeroize, ZeroizeOnDrop)]
struct Tosses {
    block: [u8; 32],
    next: u64,
}

impl<'a> HashCoin<'a> {
    /// The coin of a received word.
    #[must_use]
    pub fn new(word: &'a BitString) -> Self {
        Self { word, tosses: Tosses { block: [0; 32], next: 0 } }
    }

    fn block(&self, counter: u64) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"puflab/1 tie")
            .chain_update(counter.to_be_bytes())
            .chain_update(&*Zeroizing::new(self.word.to_bytes_msb0()))
            .finalize()
            .into()
    }
}

impl Coin for HashCoin<'_> {
    fn toss(&mut self) -> bool {
        let place = (self.tosses.next % 256) as usize;
        if place == 0 {
            self.tosses.block = self.block(self.tosses.next / 256);
        }
        self.tosses.next += 1;
        self.tosses.block[place / 8] & (0x80 >> (place % 8)) != 0
    }
}

impl core::fmt::Debug for HashCoin<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "HashCoin({} bits, redacted)", self.word.len())
    }
}
