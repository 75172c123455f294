//! Hamming codes, the perfect single-error-correcting codes, and their shortened ones.

use alloc::vec;
use core::fmt;

use zeroize::Zeroizing;

use super::cyclic::Divider;
use super::{BlockCode, CodeError, Coin, DecodeFailure, Decoded, Decoding, InformationSet};
use crate::bits::BitString;
use crate::gf2m::{Element, Field};
use crate::polynomial::BinaryPolynomial;

/// The code `hamming(n,k)`: [2^m - 1, 2^m - 1 - m, 3], shortened to `n` by dropping the highest
/// message bits; its generator is the primitive polynomial of degree `m`.
///
/// The remainder of `x^i` modulo that polynomial *is* `alpha^i`: the decoder reads the place of the
/// error off the logarithm of the syndrome.
#[derive(Debug, Clone)]
pub struct Hamming {
    n: usize,
    d: Option<usize>,
    field: Field,
    generator: BinaryPolynomial,
    divider: Divider,
    information: InformationSet,
}

impl Hamming {
    /// The Hamming code of these parameters: `n` in 3..=8191, `n - k` the smallest `m` with
    /// `2^m - 1 >= n`.
    ///
    /// # Errors
    /// For any others, with the `k` that `n` has.
    pub fn new(n: usize, k: usize) -> Result<Self, CodeError> {
        let refusal = |right| CodeError::Hamming { n, k, right };
        let field = Field::for_length(n).filter(|_| n >= 3).ok_or(refusal(None))?;
        let right = n - field.degree();
        if k != right {
            return Err(refusal(Some(right)));
        }
        let generator = BinaryPolynomial::from_words(vec![u64::from(field.modulus())]);
        Ok(Self {
            n,
            d: has_weight_three(&field, n).then_some(3),
            divider: Divider::new(&generator, field.degree()),
            information: InformationSet::high_order(n, k),
            generator,
            field,
        })
    }
}

impl BlockCode for Hamming {
    fn n(&self) -> usize {
        self.n
    }

    fn k(&self) -> usize {
        self.n - self.field.degree()
    }

    fn t(&self) -> usize {
        1
    }

    fn d(&self) -> Option<usize> {
        self.d
    }

    fn information_set(&self) -> &InformationSet {
        &self.information
    }

    fn encode(&self, message: &BitString) -> BitString {
        let mut word = self.information.place_information(message);
        word.write(0, &Zeroizing::new(self.divider.check_bits(message)));
        word
    }

    fn decode(&self, received: &BitString, _: &mut dyn Coin) -> Result<Decoded, DecodeFailure> {
        let syndrome = Zeroizing::new(self.syndrome(received));
        let element = Element::try_from(syndrome.words()[0]).map_err(|_| DecodeFailure)?;
        let error = self.field.log(element).map(usize::from);
        if error.is_some_and(|position| position >= self.n) {
            return Err(DecodeFailure);
        }
        let mut codeword = received.clone();
        error.iter().for_each(|&position| codeword.flip(position));
        Ok(Decoded { codeword, corrected: usize::from(error.is_some()) })
    }

    fn decoding(&self) -> Decoding<'_> {
        Decoding::BoundedDistance { n: self.n, t: 1 }
    }

    fn generator(&self) -> Option<&BinaryPolynomial> {
        Some(&self.generator)
    }
}

impl fmt::Display for Hamming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hamming({},{})", self.n, self.k())
    }
}

/// Whether some `1 + x^i + x^j` with `i < j < n` is a code word; a lower term can be divided out.
fn has_weight_three(field: &Field, n: usize) -> bool {
    (1..n).any(|i| field.log(field.exp(i) ^ 1).is_some_and(|j| usize::from(j) < n))
}
