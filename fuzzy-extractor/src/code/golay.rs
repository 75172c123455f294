//! The binary Golay codes `[23,12,7]` and `[24,12,8]` (\[MS77\] chapters 2.6 and 20).
//!
//! \[MS77\] F. J. MacWilliams, N. J. A. Sloane, The Theory of Error-Correcting Codes, 1977.

use alloc::vec;
use core::fmt;

use super::{BlockCode, CodeError, Coin, DecodeFailure, Decoded, Decoding, InformationSet};
use crate::bits::BitString;
use crate::polynomial::BinaryPolynomial;

/// The generator `x^11 + x^10 + x^6 + x^5 + x^4 + x^2 + 1`; the other choice, `ae3`, gives the code
/// read backwards.
const GENERATOR: u32 = 0xc75;

/// `n` of the perfect code.
const N: usize = 23;
/// `k` of both codes.
const K: usize = 12;
/// Errors that both correct.
const T: u32 = 3;

/// The pattern of up to three errors of each syndrome. The code is perfect: there is exactly one.
static LEADERS: [u32; 1 << (N - K)] = coset_leaders();

/// `golay(23,12)`, cyclic and perfect, or `golay(24,12)`, the same with an overall parity.
///
/// Both correct three errors, by looking the pattern up. The parity of the longer one is at the end
/// (bit 0), which lets it see a fourth error instead of making seven of it.
#[derive(Debug, Clone)]
pub struct Golay {
    extended: bool,
    information: InformationSet,
    generator: BinaryPolynomial,
}

impl Golay {
    /// The perfect code `[23,12,7]`.
    #[must_use]
    pub fn perfect() -> Self {
        Self::build(false)
    }

    /// The extended code `[24,12,8]`.
    #[must_use]
    pub fn extended() -> Self {
        Self::build(true)
    }

    /// The code with these parameters.
    ///
    /// # Errors
    /// Unless they are (23, 12) or (24, 12).
    pub fn new(n: usize, k: usize) -> Result<Self, CodeError> {
        match (n, k) {
            (23, 12) => Ok(Self::perfect()),
            (24, 12) => Ok(Self::extended()),
            _ => Err(CodeError::Golay { n, k }),
        }
    }

    fn build(extended: bool) -> Self {
        Self {
            extended,
            information: InformationSet::high_order(N + usize::from(extended), K),
            generator: BinaryPolynomial::from_words(vec![u64::from(GENERATOR)]),
        }
    }

    /// The nearest code word of the perfect code.
    fn correct(word: u32) -> u32 {
        word ^ LEADERS[remainder(word) as usize]
    }

    fn to_bits(&self, word: u32) -> BitString {
        BitString::from_words(vec![u64::from(word)], self.n())
    }

    fn integer_of(&self, bits: &BitString, expected: usize) -> u32 {
        assert_eq!(bits.len(), expected, "{self} works on {expected} bits here");
        u32::try_from(bits.words()[0]).unwrap_or_default()
    }
}

impl BlockCode for Golay {
    fn n(&self) -> usize {
        N + usize::from(self.extended)
    }

    fn k(&self) -> usize {
        K
    }

    fn t(&self) -> usize {
        T as usize
    }

    fn d(&self) -> Option<usize> {
        Some(7 + usize::from(self.extended))
    }

    fn information_set(&self) -> &InformationSet {
        &self.information
    }

    fn encode(&self, message: &BitString) -> BitString {
        let shifted = self.integer_of(message, K) << (N - K);
        let word = shifted | remainder(shifted);
        self.to_bits(if self.extended { with_parity(word) } else { word })
    }

    fn decode(&self, received: &BitString, _: &mut dyn Coin) -> Result<Decoded, DecodeFailure> {
        let word = self.integer_of(received, self.n());
        // Within three errors of a code word of 24 bits, the first 23 are within three of its
        // first 23, which are the only such ones: the parity can only refuse.
        let codeword =
            if self.extended { with_parity(Self::correct(word >> 1)) } else { Self::correct(word) };
        let corrected = (codeword ^ word).count_ones();
        if corrected > T {
            return Err(DecodeFailure);
        }
        Ok(Decoded { codeword: self.to_bits(codeword), corrected: corrected as usize })
    }

    fn decoding(&self) -> Decoding<'_> {
        Decoding::BoundedDistance { n: self.n(), t: self.t() }
    }

    fn generator(&self) -> Option<&BinaryPolynomial> {
        (!self.extended).then_some(&self.generator)
    }
}

impl fmt::Display for Golay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "golay({},{K})", self.n())
    }
}

/// Appends the bit that makes the weight even.
fn with_parity(word: u32) -> u32 {
    word << 1 | (word.count_ones() & 1)
}

/// The remainder modulo the generator: the syndrome of a word of 23 bits.
const fn remainder(word: u32) -> u32 {
    let mut rest = word;
    let mut bit = N;
    while bit > N - K {
        bit -= 1;
        if rest >> bit & 1 == 1 {
            rest ^= GENERATOR << (bit - (N - K));
        }
    }
    rest
}

/// Enumerates the 1 + 23 + 253 + 1771 = 2048 patterns of up to three errors by their syndromes.
const fn coset_leaders() -> [u32; 1 << (N - K)] {
    let mut leaders = [0; 1 << (N - K)];
    // A bit may be chosen more than once: that yields the patterns of fewer errors.
    let mut a = 0;
    while a < N {
        let mut b = a;
        while b < N {
            let mut c = b;
            while c < N {
                let mut pattern = 1 << a;
                pattern |= 1 << b;
                pattern |= 1 << c;
                leaders[remainder(pattern) as usize] = pattern;
                c += 1;
            }
            b += 1;
        }
        a += 1;
    }
    leaders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_syndrome_has_one_leader_of_weight_three_at_most() {
        let mut by_weight = [0; 4];
        for (syndrome, &leader) in LEADERS.iter().enumerate() {
            assert_eq!(remainder(leader) as usize, syndrome);
            by_weight[leader.count_ones() as usize] += 1;
        }
        assert_eq!(by_weight, [1, 23, 253, 1771]);
    }

    #[test]
    fn the_generator_divides_x_to_the_23_minus_1() {
        let g = BinaryPolynomial::from_words(vec![u64::from(GENERATOR)]);
        let cyclic = BinaryPolynomial::from_exponents(&[N, 0]);
        assert_eq!(cyclic.rem(&g), Some(BinaryPolynomial::from_words(vec![])));
    }
}
