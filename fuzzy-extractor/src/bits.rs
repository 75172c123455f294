//! Packed bit strings: what cells power up to, what codes work on.
//!
//! One order everywhere: bit `i` lives in word `i / 64` at position `i % 64`. A bit string knows
//! three written forms and converts between them explicitly:
//!
//! - **readout bytes, MSB first**: bit `i` is `byte[i / 8] & (0x80 >> (i % 8))`, the order in which
//!   memory dumps are read and in which helper data and key-derivation input are written;
//! - **readout bytes, LSB first**: bit `i` is `byte[i / 8] & (1 << (i % 8))`;
//! - **integer hex**: bit `i` is the coefficient of `2^i`, written as a big-endian integer padded to
//!   `ceil(n / 4)` digits: the form in which code words are exchanged.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use rand_core::Rng;
use zeroize::Zeroize;

/// A string of bits of fixed length, packed 64 to a word.
///
/// Bits past the end are always zero, so that equality and hashing are those of the bits.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct BitString {
    words: Vec<u64>,
    len: usize,
}

impl BitString {
    /// All zeros, `len` bits.
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    /// Takes whole words, bit `i` at position `i % 64` of word `i / 64`; bits past `len` are
    /// cleared.
    ///
    /// # Panics
    /// If the number of words is not `ceil(len / 64)`.
    #[must_use]
    pub fn from_words(words: Vec<u64>, len: usize) -> Self {
        assert_eq!(words.len(), len.div_ceil(64), "{len} bits take another number of words");
        let mut bits = Self { words, len };
        bits.clear_tail();
        bits
    }

    /// Reads `len` bits of a memory dump, most significant bit of each byte first.
    ///
    /// # Panics
    /// If `bytes` is not exactly `ceil(len / 8)` long.
    #[must_use]
    pub fn from_bytes_msb0(bytes: &[u8], len: usize) -> Self {
        // The first bit of the first byte is the highest of the big-endian word.
        Self::from_bytes(bytes, len, |eight| u64::from_be_bytes(eight).reverse_bits())
    }

    /// Reads `len` bits of a memory dump, least significant bit of each byte first.
    ///
    /// # Panics
    /// If `bytes` is not exactly `ceil(len / 8)` long.
    #[must_use]
    pub fn from_bytes_lsb0(bytes: &[u8], len: usize) -> Self {
        Self::from_bytes(bytes, len, u64::from_le_bytes)
    }

    fn from_bytes(bytes: &[u8], len: usize, word: impl Fn([u8; 8]) -> u64) -> Self {
        assert_eq!(bytes.len(), len.div_ceil(8), "{len} bits take another number of bytes");
        let words = bytes
            .chunks(8)
            .map(|chunk| {
                let mut eight = [0; 8];
                eight[..chunk.len()].copy_from_slice(chunk);
                word(eight)
            })
            .collect();
        Self::from_words(words, len)
    }

    /// Writes the bits most significant bit of each byte first; the last byte is padded with
    /// zeros.
    #[must_use]
    pub fn to_bytes_msb0(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len.div_ceil(8)];
        self.write_bytes_msb0(&mut bytes);
        bytes
    }

    /// As [`to_bytes_msb0`](Self::to_bytes_msb0), into a buffer of the caller's.
    ///
    /// # Panics
    /// If `bytes` is not exactly `ceil(len / 8)` long.
    pub fn write_bytes_msb0(&self, bytes: &mut [u8]) {
        assert_eq!(bytes.len(), self.len.div_ceil(8), "{} bits take another buffer", self.len);
        for (chunk, word) in bytes.chunks_mut(8).zip(&self.words) {
            let eight = word.reverse_bits().to_be_bytes();
            chunk.copy_from_slice(&eight[..chunk.len()]);
        }
    }

    /// Reads `len` bits from the hex of a big-endian integer of exactly `ceil(len / 4)` digits.
    ///
    /// # Errors
    /// Says what is wrong with the text: its length, a character, or a bit past `len`.
    pub fn from_integer_hex(hex: &str, len: usize) -> Result<Self, HexError> {
        let expected = len.div_ceil(4);
        let found = hex.chars().count();
        if found != expected {
            return Err(HexError::Length { expected, found });
        }
        let mut bits = Self::zeros(expected * 4);
        for (place, digit) in hex.chars().rev().enumerate() {
            let value = digit
                .to_digit(16)
                .ok_or(HexError::Digit { offset: expected - 1 - place, digit })?;
            bits.words[place / 16] |= u64::from(value) << (4 * (place % 16));
        }
        if (len..expected * 4).any(|i| bits.get(i)) {
            return Err(HexError::TooLarge { bits: len });
        }
        bits.len = len;
        bits.words.truncate(len.div_ceil(64));
        Ok(bits)
    }

    /// Writes the bits as the hex of a big-endian integer, `ceil(len / 4)` lower-case digits.
    #[must_use]
    pub fn to_integer_hex(&self) -> String {
        (0..self.len.div_ceil(4))
            .rev()
            .map(|place| {
                let nibble = (self.words[place / 16] >> (4 * (place % 16))) & 15;
                char::from(b"0123456789abcdef"[nibble as usize])
            })
            .collect()
    }

    /// Draws `len` fair bits.
    pub fn random(len: usize, rng: &mut (impl Rng + ?Sized)) -> Self {
        Self::from_words((0..len.div_ceil(64)).map(|_| rng.next_u64()).collect(), len)
    }

    /// Number of bits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no bit at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The packed words; bits past the end are zero.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Bit `index`.
    ///
    /// # Panics
    /// If `index` is past the end.
    #[must_use]
    pub fn get(&self, index: usize) -> bool {
        assert!(index < self.len, "bit {index} of {}", self.len);
        self.words[index / 64] >> (index % 64) & 1 == 1
    }

    /// Sets bit `index` to `value`.
    ///
    /// # Panics
    /// If `index` is past the end.
    pub fn set(&mut self, index: usize, value: bool) {
        assert!(index < self.len, "bit {index} of {}", self.len);
        let mask = 1 << (index % 64);
        if value {
            self.words[index / 64] |= mask;
        } else {
            self.words[index / 64] &= !mask;
        }
    }

    /// Inverts bit `index`.
    ///
    /// # Panics
    /// If `index` is past the end.
    pub fn flip(&mut self, index: usize) {
        assert!(index < self.len, "bit {index} of {}", self.len);
        self.words[index / 64] ^= 1 << (index % 64);
    }

    /// Adds `other` bit by bit (exclusive or).
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn xor_assign(&mut self, other: &Self) {
        assert_eq!(self.len, other.len, "bit strings of different lengths");
        for (a, b) in self.words.iter_mut().zip(&other.words) {
            *a ^= b;
        }
    }

    /// The sum bit by bit (exclusive or).
    ///
    /// # Panics
    /// If the lengths differ.
    #[must_use]
    pub fn xor(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.xor_assign(other);
        sum
    }

    /// Hamming weight: the number of ones.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Hamming distance: the number of bits that differ.
    ///
    /// # Panics
    /// If the lengths differ.
    #[must_use]
    pub fn distance(&self, other: &Self) -> usize {
        assert_eq!(self.len, other.len, "bit strings of different lengths");
        self.words.iter().zip(&other.words).map(|(a, b)| (a ^ b).count_ones() as usize).sum()
    }

    /// The `len` bits from `start` on.
    ///
    /// # Panics
    /// If they reach past the end.
    #[must_use]
    pub fn slice(&self, start: usize, len: usize) -> Self {
        let within = start.checked_add(len).is_some_and(|end| end <= self.len);
        assert!(within, "bits {start}..{start}+{len} of {}", self.len);
        let words = (0..len.div_ceil(64)).map(|i| self.word_at(start + 64 * i)).collect();
        Self::from_words(words, len)
    }

    /// The 64 bits from `start` on, zeros past the end.
    fn word_at(&self, start: usize) -> u64 {
        let (word, shift) = (start / 64, start % 64);
        let low = self.words.get(word).copied().unwrap_or(0) >> shift;
        if shift == 0 {
            return low;
        }
        low | self.words.get(word + 1).copied().unwrap_or(0) << (64 - shift)
    }

    /// Overwrites the bits from `start` on with `part`.
    ///
    /// # Panics
    /// If `part` reaches past the end.
    pub fn write(&mut self, start: usize, part: &Self) {
        let within = start.checked_add(part.len).is_some_and(|end| end <= self.len);
        assert!(within, "bits {start}..{start}+{} of {}", part.len, self.len);
        for (i, &bits) in part.words.iter().enumerate() {
            let count = (part.len - 64 * i).min(64);
            let mask = u64::MAX >> (64 - count);
            let (word, shift) = ((start + 64 * i) / 64, (start + 64 * i) % 64);
            self.words[word] = self.words[word] & !(mask << shift) | bits << shift;
            if shift + count > 64 {
                let high = &mut self.words[word + 1];
                *high = *high & !(mask >> (64 - shift)) | bits >> (64 - shift);
            }
        }
    }

    /// The bits in order.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        (0..self.len).map(|i| self.words[i / 64] >> (i % 64) & 1 == 1)
    }

    /// The positions of the ones, ascending.
    pub fn ones(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(i, &word)| {
            let mut rest = word;
            core::iter::from_fn(move || {
                if rest == 0 {
                    return None;
                }
                let place = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                Some(64 * i + place)
            })
        })
    }

    fn clear_tail(&mut self) {
        if !self.len.is_multiple_of(64)
            && let Some(last) = self.words.last_mut()
        {
            *last &= u64::MAX >> (64 - self.len % 64);
        }
    }
}

impl FromIterator<bool> for BitString {
    fn from_iter<I: IntoIterator<Item = bool>>(bits: I) -> Self {
        let bits = bits.into_iter();
        // Set aside at once where the length is known: a vector that grows leaves copies behind.
        let mut words = Vec::with_capacity(bits.size_hint().0.div_ceil(64));
        let mut len = 0;
        for bit in bits {
            if usize::is_multiple_of(len, 64) {
                words.push(0);
            }
            words[len / 64] |= u64::from(bit) << (len % 64);
            len += 1;
        }
        Self { words, len }
    }
}

impl Zeroize for BitString {
    /// Wipes the bits and keeps the length.
    fn zeroize(&mut self) {
        self.words.as_mut_slice().zeroize();
    }
}

/// Shows length and weight only: many bit strings in this crate are secret.
impl fmt::Debug for BitString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BitString({} bits)", self.len)
    }
}

/// What is wrong with the hex text of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HexError {
    /// Another number of digits than the word has.
    Length {
        /// Digits of a word of this length.
        expected: usize,
        /// Digits given.
        found: usize,
    },
    /// A character that is no hex digit.
    Digit {
        /// Its place in the text, from 0.
        offset: usize,
        /// The character.
        digit: char,
    },
    /// The integer has a bit past the word's length.
    TooLarge {
        /// The word's length in bits.
        bits: usize,
    },
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => {
                write!(f, "{found} hex digits where {expected} are expected")
            }
            Self::Digit { offset, digit } => {
                write!(f, "{digit:?} at offset {offset} is not a hex digit")
            }
            Self::TooLarge { bits } => write!(f, "the integer does not fit in {bits} bits"),
        }
    }
}

impl core::error::Error for HexError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bits() -> impl Strategy<Value = BitString> {
        proptest::collection::vec(any::<bool>(), 0..300).prop_map(BitString::from_iter)
    }

    proptest! {
        #[test]
        fn written_forms_read_back(b in bits()) {
            prop_assert_eq!(&BitString::from_bytes_msb0(&b.to_bytes_msb0(), b.len()), &b);
            prop_assert_eq!(BitString::from_integer_hex(&b.to_integer_hex(), b.len()), Ok(b));
        }

        #[test]
        fn slice_and_write_agree_with_bit_by_bit(
            before in bits(), overwritten in bits(), after in bits(), seed in any::<u64>(),
        ) {
            let start = before.len();
            let part: BitString =
                (0..overwritten.len()).map(|i| seed >> (i % 61) & 4 == 4).collect();
            let a: BitString = before.iter().chain(overwritten.iter()).chain(after.iter()).collect();
            let mut fast = a.clone();
            fast.write(start, &part);
            let mut slow = a.clone();
            for (i, bit) in part.iter().enumerate() {
                slow.set(start + i, bit);
            }
            prop_assert_eq!(&fast, &slow);
            prop_assert_eq!(fast.slice(start, part.len()), part);
        }

        #[test]
        fn weight_distance_and_ones_agree(a in bits(), seed in any::<u64>()) {
            let b: BitString = (0..a.len()).map(|i| seed >> (i % 64) & 1 == 1).collect();
            let slow = a.iter().zip(b.iter()).filter(|(x, y)| x != y).count();
            prop_assert_eq!(a.distance(&b), slow);
            prop_assert_eq!(a.xor(&b).weight(), slow);
            prop_assert_eq!(a.ones().collect::<Vec<_>>(),
                (0..a.len()).filter(|&i| a.get(i)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn byte_orders_are_those_of_the_door_comment() {
        let msb = BitString::from_bytes_msb0(&[0x80, 0x01], 16);
        assert_eq!(msb.ones().collect::<Vec<_>>(), [0, 15]);
        let lsb = BitString::from_bytes_lsb0(&[0x80, 0x01], 16);
        assert_eq!(lsb.ones().collect::<Vec<_>>(), [7, 8]);
        assert_eq!(msb.to_integer_hex(), "8001");
    }

    #[test]
    fn bad_hex_is_named() {
        let read = |text| BitString::from_integer_hex(text, 7).unwrap_err();
        assert_eq!(read("1"), HexError::Length { expected: 2, found: 1 });
        assert_eq!(read("7g"), HexError::Digit { offset: 1, digit: 'g' });
        assert_eq!(read("80"), HexError::TooLarge { bits: 7 });
    }
}
