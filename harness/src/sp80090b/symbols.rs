//! What is assessed: a sequence of symbols of 1 to 8 bits.

use std::error::Error;
use std::fmt;

/// As many symbols as are assessed at once: 2^28. The suffix array takes eight bytes for each.
pub const MAX_SAMPLES: usize = 1 << 28;

/// A sequence of symbols, at least one.
///
/// The estimators see the symbols numbered from 0 without gaps, as section 6.3 numbers an alphabet
/// `x_1 .. x_k` and as NIST's tool maps them down; [`value`](Self::value) gives back what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbols {
    /// Numbers of symbols, each below the size of the alphabet.
    samples: Vec<u8>,
    /// The values that occur, ascending.
    alphabet: Vec<u8>,
    bits: u32,
}

impl Symbols {
    /// Symbols that were given one a byte.
    ///
    /// `bits` is the width of a symbol, 1 to 8; without it the width is that of the largest value.
    ///
    /// # Errors
    /// [`SymbolError`].
    pub fn from_values(mut values: Vec<u8>, bits: Option<u32>) -> Result<Self, SymbolError> {
        let mut seen = [false; 256];
        values.iter().for_each(|&value| seen[usize::from(value)] = true);
        let alphabet: Vec<u8> = (0..=u8::MAX).filter(|&value| seen[usize::from(value)]).collect();
        let largest = *alphabet.last().ok_or(SymbolError::Empty)?;
        if values.len() > MAX_SAMPLES {
            return Err(SymbolError::TooMany { samples: values.len() });
        }
        let bits = bits.unwrap_or_else(|| width_of(largest));
        check_width(bits)?;
        let too_wide = |&value: &u8| width_of(value) > bits;
        if too_wide(&largest)
            && let Some(offset) = values.iter().position(too_wide)
        {
            return Err(SymbolError::TooWide { offset, value: values[offset], bits });
        }
        let mut number = [0_u8; 256];
        for (i, &value) in (0..=u8::MAX).zip(&alphabet) {
            number[usize::from(value)] = i;
        }
        if alphabet.len() <= usize::from(largest) {
            values.iter_mut().for_each(|value| *value = number[usize::from(*value)]);
        }
        Ok(Self { samples: values, alphabet, bits })
    }

    /// The bits of a sequence, each a symbol.
    ///
    /// # Errors
    /// [`SymbolError`], if there are none or too many.
    pub fn from_bits(bits: impl Iterator<Item = bool>) -> Result<Self, SymbolError> {
        let values: Vec<u8> = bits.take(MAX_SAMPLES + 1).map(u8::from).collect();
        Self::from_values(values, Some(1))
    }

    /// Symbols of `bits` bits cut from a sequence of bytes, first bit first. Within a symbol the first
    /// bit is the most significant; what is left at the end and no whole symbol is dropped.
    ///
    /// # Errors
    /// [`SymbolError`].
    pub fn from_packed(bytes: &[u8], order: FirstBit, bits: u32) -> Result<Self, SymbolError> {
        Self::from_values(unpack(bytes, order, bits)?, Some(bits))
    }

    /// The symbols, numbered from 0 without gaps.
    #[must_use]
    pub fn samples(&self) -> &[u8] {
        &self.samples
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Never: a sequence has a symbol.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// How many different symbols occur, `k`.
    #[must_use]
    pub fn alphabet_size(&self) -> usize {
        self.alphabet.len()
    }

    /// The values that occur, ascending.
    #[must_use]
    pub fn alphabet(&self) -> &[u8] {
        &self.alphabet
    }

    /// Bits of a symbol, 1 to 8.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The value that was read for a symbol's number.
    #[must_use]
    pub fn value(&self, sample: u8) -> u8 {
        self.alphabet.get(usize::from(sample)).copied().unwrap_or(sample)
    }

    /// The values as they were read.
    pub fn values(&self) -> impl Iterator<Item = u8> + '_ {
        self.samples.iter().map(|&sample| self.value(sample))
    }

    /// The symbols written out as bits, most significant first, one a byte (section 6.1, `H_bitstring`).
    #[must_use]
    pub fn bitstring(&self) -> Vec<u8> {
        let width = self.bits;
        self.values()
            .flat_map(|value| (0..width).rev().map(move |place| value >> place & 1))
            .collect()
    }
}

/// The order of bits in a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FirstBit {
    /// The first bit is the most significant.
    #[default]
    MostSignificant,
    /// The first bit is the least significant.
    LeastSignificant,
}

/// Cuts symbols of `bits` bits from bytes, one a byte of the result.
///
/// # Errors
/// [`SymbolError`], if the width is none or there are too many.
pub fn unpack(bytes: &[u8], order: FirstBit, bits: u32) -> Result<Vec<u8>, SymbolError> {
    check_width(bits)?;
    let width = bits as usize;
    let samples = bytes.len().saturating_mul(8) / width;
    if samples > MAX_SAMPLES {
        return Err(SymbolError::TooMany { samples });
    }
    let mut values = Vec::with_capacity(samples);
    let (mut pending, mut held) = (0_u32, 0);
    for &byte in bytes {
        let byte = match order {
            FirstBit::MostSignificant => byte,
            FirstBit::LeastSignificant => byte.reverse_bits(),
        };
        pending = pending << 8 | u32::from(byte);
        held += 8;
        while held >= bits {
            held -= bits;
            let symbol = pending >> held & 0xFF >> (8 - bits);
            values.push(symbol.to_le_bytes()[0]);
        }
    }
    Ok(values)
}

/// The bits that a value takes, at least 1.
fn width_of(value: u8) -> u32 {
    (u8::BITS - value.leading_zeros()).max(1)
}

fn check_width(bits: u32) -> Result<(), SymbolError> {
    if (1..=8).contains(&bits) { Ok(()) } else { Err(SymbolError::Width(bits)) }
}

/// Why there is nothing to assess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolError {
    /// No symbol.
    Empty,
    /// A width that is not 1 to 8 bits.
    Width(u32),
    /// A value that does not fit the width.
    TooWide {
        /// The place of the first, from 0.
        offset: usize,
        /// The value.
        value: u8,
        /// The width.
        bits: u32,
    },
    /// More than [`MAX_SAMPLES`].
    TooMany {
        /// How many there are.
        samples: usize,
    },
}

impl fmt::Display for SymbolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "not one whole symbol"),
            Self::Width(bits) => write!(f, "symbols of {bits} bits where 1 to 8 are understood"),
            Self::TooWide { offset, value, bits } => {
                write!(f, "offset {offset}: {value} does not fit in {bits} bits")
            }
            Self::TooMany { samples } => {
                write!(f, "{samples} symbols where at most {MAX_SAMPLES} are assessed at once")
            }
        }
    }
}

impl Error for SymbolError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_cut_in_order() {
        let bytes = [0b1010_0011, 0b1100_0101];
        let values = |order, bits| unpack(&bytes, order, bits).unwrap();
        assert_eq!(values(FirstBit::MostSignificant, 4), [10, 3, 12, 5]);
        assert_eq!(values(FirstBit::MostSignificant, 8), bytes);
        assert_eq!(values(FirstBit::MostSignificant, 5), [0b10100, 0b01111, 0b00010]);
        assert_eq!(values(FirstBit::LeastSignificant, 8), [0b1100_0101, 0b1010_0011]);
        assert_eq!(values(FirstBit::LeastSignificant, 1)[..4], [1, 1, 0, 0]);
        assert_eq!(unpack(&bytes, FirstBit::MostSignificant, 9), Err(SymbolError::Width(9)));
    }

    #[test]
    fn gaps_in_the_alphabet_are_closed_and_the_width_stays() {
        let symbols = Symbols::from_values(vec![9, 2, 9, 200], None).unwrap();
        assert_eq!(symbols.samples(), [1, 0, 1, 2]);
        assert_eq!((symbols.alphabet(), symbols.bits()), (&[2, 9, 200][..], 8));
        assert_eq!(symbols.values().collect::<Vec<_>>(), [9, 2, 9, 200]);
        assert_eq!(symbols.bitstring()[..8], [0, 0, 0, 0, 1, 0, 0, 1]);
        let narrow = Symbols::from_values(vec![0, 0], None).unwrap();
        assert_eq!((narrow.bits(), narrow.alphabet_size()), (1, 1));
        let full = Symbols::from_values((0..=255).collect(), None).unwrap();
        assert_eq!((full.bits(), full.alphabet_size()), (8, 256));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let error = Symbols::from_values(vec![1, 7, 8, 9], Some(3)).unwrap_err();
        assert_eq!(error, SymbolError::TooWide { offset: 2, value: 8, bits: 3 });
        assert_eq!(error.to_string(), "offset 2: 8 does not fit in 3 bits");
        assert_eq!(Symbols::from_values(vec![], None), Err(SymbolError::Empty));
    }
}
