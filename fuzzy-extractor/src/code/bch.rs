//! Binary BCH codes: narrow-sense, primitive or shortened, up to length 8191.
//!
//! The primitive code of length `2^m - 1` and designed distance `2t + 1` consists of the multiples of
//! the least common multiple `g` of the minimal polynomials of `alpha, alpha^2, .., alpha^2t`
//! (\[MS77\] chapters 7.6 and 9.1). Any other `n` is shortened from the next such length by dropping
//! the highest message bits.
//!
//! \[MS77\] F. J. MacWilliams, N. J. A. Sloane, The Theory of Error-Correcting Codes, 1977.

mod decoder;
mod dimension;

use core::fmt;

use zeroize::Zeroizing;

pub use dimension::{BchDimension, BchError};

use super::cyclic::Divider;
use super::{BlockCode, Coin, DecodeFailure, Decoded, Decoding, InformationSet};
use crate::bits::BitString;
use crate::gf2m::Field;
use crate::polynomial::{BinaryPolynomial, FieldPolynomial};
use decoder::Decoder;

/// The code `bch(n,k,t)` with a complete bounded-distance decoder: it corrects whatever is within
/// `t` errors of a code word, and nothing else.
#[derive(Debug, Clone)]
pub struct Bch {
    n: usize,
    k: usize,
    t: usize,
    generator: BinaryPolynomial,
    divider: Divider,
    decoder: Decoder,
    information: InformationSet,
}

impl Bch {
    /// The BCH code of these parameters: `n` in 3..=8191, shortened where it is not `2^m - 1`, and
    /// `t` the largest designed one of its dimension.
    ///
    /// # Errors
    /// For parameters that no code has, with the nearest that one has.
    ///
    /// ```
    /// use fuzzy_extractor::code::Bch;
    ///
    /// assert!(Bch::new(318, 174, 17).is_ok());
    /// assert_eq!(
    ///     Bch::new(255, 132, 18).unwrap_err().to_string(),
    ///     "bch(255,132,18) does not exist: t=18 has k=131; \
    ///      the nearest k are 131 (t=18) and 139 (t=15)",
    /// );
    /// ```
    pub fn new(n: usize, k: usize, t: usize) -> Result<Self, BchError> {
        let field = dimension::field_for(n)?;
        dimension::check(&field, n, k, t)?;
        let generator = generator(&field, t);
        Ok(Self {
            n,
            k,
            t,
            divider: Divider::new(&generator, n - k),
            decoder: Decoder::new(field, n, t, n - k),
            information: InformationSet::high_order(n, k),
            generator,
        })
    }

    /// The dimensions of the codes of length `n`, largest first, with the errors each corrects;
    /// none when `n` is not in 3..=8191.
    #[must_use]
    pub fn dimensions(n: usize) -> alloc::vec::Vec<BchDimension> {
        dimension::of_length(n)
    }

    /// The field whose elements the roots of the generator are.
    #[must_use]
    pub fn field(&self) -> &Field {
        self.decoder.field()
    }
}

impl BlockCode for Bch {
    fn n(&self) -> usize {
        self.n
    }

    fn k(&self) -> usize {
        self.k
    }

    fn t(&self) -> usize {
        self.t
    }

    /// Known when the generator itself, which is a code word, attains the BCH bound.
    fn d(&self) -> Option<usize> {
        let designed = 2 * self.t + 1;
        (self.generator.weight() == designed).then_some(designed)
    }

    fn information_set(&self) -> &InformationSet {
        &self.information
    }

    fn encode(&self, message: &BitString) -> BitString {
        let mut word = self.information.place_information(message);
        word.write(0, &Zeroizing::new(self.divider.check_bits(message)));
        word
    }

    /// The remainder modulo the generator.
    fn syndrome(&self, word: &BitString) -> BitString {
        let message = Zeroizing::new(self.message(word));
        let mut remainder = self.divider.check_bits(&message);
        remainder.xor_assign(&Zeroizing::new(word.slice(0, self.n - self.k)));
        remainder
    }

    fn decode(&self, received: &BitString, _: &mut dyn Coin) -> Result<Decoded, DecodeFailure> {
        let remainder = Zeroizing::new(self.syndrome(received));
        let errors = self.decoder.locate(&remainder).ok_or(DecodeFailure)?;
        let mut codeword = received.clone();
        for &position in errors.iter() {
            codeword.flip(position);
        }
        Ok(Decoded { codeword, corrected: errors.len() })
    }

    fn decoding(&self) -> Decoding<'_> {
        Decoding::BoundedDistance { n: self.n, t: self.t }
    }

    fn generator(&self) -> Option<&BinaryPolynomial> {
        Some(&self.generator)
    }
}

impl fmt::Display for Bch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bch({},{},{})", self.n, self.k, self.t)
    }
}

/// The product of the distinct minimal polynomials of `alpha, alpha^2, .., alpha^2t`.
///
/// Those of even powers are among those of odd ones: squares are conjugates.
fn generator(field: &Field, t: usize) -> BinaryPolynomial {
    (1..2 * t)
        .step_by(2)
        // A coset's smallest exponent is odd and stands for all of it.
        .filter(|&i| field.cyclotomic_coset(i).iter().all(|&j| i <= j))
        .filter_map(|i| FieldPolynomial::minimal(field, i).to_binary())
        .fold(BinaryPolynomial::one(), |product, minimal| product.mul(&minimal))
}
