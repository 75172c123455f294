//! Systematic encoding of cyclic codes: division by the generator polynomial.

use alloc::vec;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::bits::BitString;
use crate::polynomial::BinaryPolynomial;

/// Divides by a generator polynomial, eight coefficients at a time, as a table-driven CRC does.
///
/// The register holds the `r` coefficients of the remainder at the top of its words, so that a
/// generator of any degree, also below eight, takes the same steps.
#[derive(Debug, Clone)]
pub(super) struct Divider {
    degree: usize,
    /// For each byte the register that it leaves, 256 registers one after the other.
    table: Vec<u64>,
}

impl Divider {
    /// A divider by `generator`, of degree `degree`, which is not zero.
    pub(super) fn new(generator: &BinaryPolynomial, degree: usize) -> Self {
        let taps = aligned(generator, degree);
        let words = taps.len();
        let mut table = vec![0; 256 * words];
        for (byte, register) in (0_u64..).zip(table.chunks_exact_mut(words)) {
            register[words - 1] = byte << 56;
            for _ in 0..8 {
                let carry = register[words - 1] >> 63 == 1;
                shift_left(register, 1);
                if carry {
                    xor(register, &taps);
                }
            }
        }
        Self { degree, table }
    }

    /// The check bits of a message, `m(x) x^r mod g(x)`.
    pub(super) fn check_bits(&self, message: &BitString) -> BitString {
        let words = self.degree.div_ceil(64);
        let mut register = match words {
            1 => self.divide(message, Zeroizing::new([0; 1])).to_vec(),
            2 => self.divide(message, Zeroizing::new([0; 2])).to_vec(),
            3 => self.divide(message, Zeroizing::new([0; 3])).to_vec(),
            4 => self.divide(message, Zeroizing::new([0; 4])).to_vec(),
            _ => self.divide(message, Zeroizing::new(vec![0; words])).to_vec(),
        };
        shift_right(&mut register, 64 * words - self.degree);
        BitString::from_words(register, self.degree)
    }

    /// Runs the message through the register. One of known length takes a fraction of the time.
    fn divide<R: AsMut<[u64]>>(&self, message: &BitString, mut register: R) -> R {
        let state = register.as_mut();
        let words = state.len();
        // Zeros above the message's highest bit leave the register at zero.
        for byte in message.words().iter().rev().flat_map(|word| word.to_be_bytes()) {
            let top = (state[words - 1] >> 56) as usize ^ usize::from(byte);
            shift_left(state, 8);
            xor(state, &self.table[top * words..][..words]);
        }
        register
    }
}

/// The generator without its highest term, moved to the top of as few words as hold it.
fn aligned(generator: &BinaryPolynomial, degree: usize) -> Vec<u64> {
    let mut taps = vec![0; degree.div_ceil(64)];
    for i in generator.exponents().filter(|&i| i < degree) {
        taps[i / 64] |= 1 << (i % 64);
    }
    let excess = 64 * taps.len() - degree;
    if excess > 0 {
        shift_left(&mut taps, excess);
    }
    taps
}

fn xor(register: &mut [u64], addend: &[u64]) {
    for (a, b) in register.iter_mut().zip(addend) {
        *a ^= b;
    }
}

/// Multiplies by `x^count`, `count` in 1..64; what leaves the register is lost.
fn shift_left(register: &mut [u64], count: usize) {
    let mut carry = 0;
    for word in register {
        (*word, carry) = (*word << count | carry, *word >> (64 - count));
    }
}

/// Divides by `x^count`, `count` below 64.
fn shift_right(register: &mut [u64], count: usize) {
    if count == 0 {
        return;
    }
    let mut carry = 0;
    for word in register.iter_mut().rev() {
        (*word, carry) = (*word >> count | carry, *word << (64 - count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn check_bits_are_the_remainder(
            mut generator in proptest::collection::vec(any::<u64>(), 1..4),
            shift in 0_usize..63,
            message in proptest::collection::vec(any::<bool>(), 1..300),
        ) {
            // Any degree, also a multiple of 64 and below eight.
            if let Some(last) = generator.last_mut() {
                *last >>= shift;
            }
            let generator = BinaryPolynomial::from_words(generator);
            let degree = generator.degree().unwrap_or(0);
            prop_assume!(degree > 0);
            let message = BitString::from_iter(message);
            let exponents: Vec<_> = message.ones().map(|i| i + degree).collect();
            let shifted = BinaryPolynomial::from_exponents(&exponents);
            let check = Divider::new(&generator, degree).check_bits(&message);
            let check = BinaryPolynomial::from_words(check.words().to_vec());
            prop_assert_eq!(Some(check), shifted.rem(&generator));
        }
    }
}
