//! The secret noisy reading `w`.

use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::bits::BitString;

/// A reading of a noisy secret, for example the power-up of SRAM cells.
///
/// Wiped when dropped, redacted in `Debug`, compared in constant time, and without any
/// serialisation: what leaves the chip is helper data, never this.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Response(BitString);

impl Response {
    /// Takes a reading.
    #[must_use]
    pub fn new(bits: BitString) -> Self {
        Self(bits)
    }

    /// The bits. Whoever calls this holds the secret and answers for it.
    #[must_use]
    pub fn expose(&self) -> &BitString {
        &self.0
    }

    /// Number of bits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no bit at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The reading of `len` cells from `start` on.
    ///
    /// # Panics
    /// If they reach past the end.
    #[must_use]
    pub fn window(&self, start: usize, len: usize) -> Self {
        Self(self.0.slice(start, len))
    }

    /// The bits as bytes, most significant bit first: input of key derivation. Wiped when dropped.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<alloc::vec::Vec<u8>> {
        Zeroizing::new(self.0.to_bytes_msb0())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({} bits, redacted)", self.len())
    }
}

impl ConstantTimeEq for Response {
    /// Compares in time that depends on the lengths only.
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.words().ct_eq(other.0.words()) & self.0.len().ct_eq(&other.0.len())
    }
}

impl PartialEq for Response {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Response {}
