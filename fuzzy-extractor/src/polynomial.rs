//! Polynomials over GF(2) and over GF(2^m).
//!
//! One order everywhere: coefficient `i` is that of `x^i`. Only the hex form of a binary polynomial
//! is written the other way round, as numbers are: it is the big-endian integer whose bit `i` is
//! coefficient `i` (`x^4 + x + 1` is `13`).

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::bits::BitString;
use crate::gf2m::{Element, Field};

/// A polynomial over GF(2), 64 coefficients to a word.
///
/// `Display` writes its hex form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BinaryPolynomial {
    /// Coefficient `i` at bit `i % 64` of word `i / 64`; the last word is not zero.
    words: Vec<u64>,
}

impl BinaryPolynomial {
    /// The polynomial whose coefficient `i` is bit `i % 64` of word `i / 64`.
    #[must_use]
    pub fn from_words(mut words: Vec<u64>) -> Self {
        while words.last() == Some(&0) {
            words.pop();
        }
        Self { words }
    }

    /// The constant 1.
    #[must_use]
    pub fn one() -> Self {
        Self { words: vec![1] }
    }

    /// The sum of the powers of `x` with these exponents.
    #[must_use]
    pub fn from_exponents(exponents: &[usize]) -> Self {
        let length = exponents.iter().max().map_or(0, |&top| top / 64 + 1);
        let mut words = vec![0; length];
        for &i in exponents {
            words[i / 64] ^= 1 << (i % 64);
        }
        Self::from_words(words)
    }

    /// Reads the hex form, in either case; `None` for a character that is no hex digit or for no
    /// digit at all.
    #[must_use]
    pub fn from_hex(hex: &str) -> Option<Self> {
        if hex.is_empty() {
            return None;
        }
        let mut words = vec![0; hex.len().div_ceil(16)];
        for (place, digit) in hex.chars().rev().enumerate() {
            words[place / 16] |= u64::from(digit.to_digit(16)?) << (4 * (place % 16));
        }
        Some(Self::from_words(words))
    }

    /// The hex form without leading zeros; `0` for the zero polynomial.
    #[must_use]
    pub fn to_hex(&self) -> String {
        match self.degree() {
            None => String::from("0"),
            Some(degree) => BitString::from_words(self.words.clone(), degree + 1).to_integer_hex(),
        }
    }

    /// The degree, `None` for the zero polynomial.
    #[must_use]
    pub fn degree(&self) -> Option<usize> {
        let last = self.words.last()?;
        Some(64 * (self.words.len() - 1) + last.ilog2() as usize)
    }

    /// Coefficient `i`.
    #[must_use]
    pub fn coefficient(&self, i: usize) -> bool {
        self.words.get(i / 64).is_some_and(|word| word >> (i % 64) & 1 == 1)
    }

    /// The exponents of its terms, ascending.
    pub fn exponents(&self) -> impl Iterator<Item = usize> + '_ {
        (0..64 * self.words.len()).filter(|&i| self.coefficient(i))
    }

    /// The number of its terms.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The product.
    #[must_use]
    pub fn mul(&self, other: &Self) -> Self {
        let mut words = vec![0; self.words.len() + other.words.len()];
        for i in other.exponents() {
            xor_shifted(&mut words, &self.words, i);
        }
        Self::from_words(words)
    }

    /// The remainder of the division by `divisor`, `None` when that is zero.
    #[must_use]
    pub fn rem(&self, divisor: &Self) -> Option<Self> {
        let degree = divisor.degree()?;
        let mut rest = self.clone();
        while let Some(excess) = rest.degree().and_then(|top| top.checked_sub(degree)) {
            xor_shifted(&mut rest.words, &divisor.words, excess);
            rest = Self::from_words(rest.words);
        }
        Some(rest)
    }
}

/// Adds `x^shift` times `addend`; what would reach past the end of `sum` must be zero.
fn xor_shifted(sum: &mut [u64], addend: &[u64], shift: usize) {
    let (word, bit) = (shift / 64, shift % 64);
    for (i, &a) in addend.iter().enumerate() {
        sum[word + i] ^= a << bit;
        if bit != 0 && a >> (64 - bit) != 0 {
            sum[word + i + 1] ^= a >> (64 - bit);
        }
    }
}

impl fmt::Display for BinaryPolynomial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for BinaryPolynomial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BinaryPolynomial({self})")
    }
}

/// A polynomial over GF(2^m). It does not know its field: each operation is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPolynomial {
    /// Coefficient `i` at index `i`; the last one is not zero.
    coefficients: Vec<Element>,
}

impl FieldPolynomial {
    /// The polynomial with these coefficients, that of `x^0` first.
    #[must_use]
    pub fn new(mut coefficients: Vec<Element>) -> Self {
        while coefficients.last() == Some(&0) {
            coefficients.pop();
        }
        Self { coefficients }
    }

    /// The product of `x - root` over all roots.
    #[must_use]
    pub fn from_roots(field: &Field, roots: impl IntoIterator<Item = Element>) -> Self {
        let mut product = vec![1];
        for root in roots {
            // Coefficient i of (x - r) p(x) is p_{i-1} - r p_i; characteristic 2 has no sign.
            product.push(0);
            for i in (0..product.len()).rev() {
                let below = if i == 0 { 0 } else { product[i - 1] };
                product[i] = below ^ field.mul(root, product[i]);
            }
        }
        Self::new(product)
    }

    /// The minimal polynomial of `alpha^exponent` over GF(2): the product of `x - c` over its
    /// conjugates `c`.
    #[must_use]
    pub fn minimal(field: &Field, exponent: usize) -> Self {
        let conjugates = field.cyclotomic_coset(exponent);
        Self::from_roots(field, conjugates.into_iter().map(|i| field.exp(i)))
    }

    /// The coefficients, that of `x^0` first, without leading zeros.
    #[must_use]
    pub fn coefficients(&self) -> &[Element] {
        &self.coefficients
    }

    /// The degree, `None` for the zero polynomial.
    #[must_use]
    pub fn degree(&self) -> Option<usize> {
        self.coefficients.len().checked_sub(1)
    }

    /// The value at `x`, by Horner's rule.
    #[must_use]
    pub fn evaluate(&self, field: &Field, x: Element) -> Element {
        self.coefficients.iter().rev().fold(0, |value, &c| field.mul(value, x) ^ c)
    }

    /// The same polynomial over GF(2), `None` when a coefficient is neither 0 nor 1.
    #[must_use]
    pub fn to_binary(&self) -> Option<BinaryPolynomial> {
        if self.coefficients.iter().any(|&c| c > 1) {
            return None;
        }
        let bits: BitString = self.coefficients.iter().map(|&c| c == 1).collect();
        Some(BinaryPolynomial::from_words(bits.words().to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gf2m::{MAX_DEGREE, MIN_DEGREE, PRIMITIVE_POLYNOMIALS};
    use alloc::format;
    use proptest::prelude::*;

    fn polynomial() -> impl Strategy<Value = BinaryPolynomial> {
        proptest::collection::vec(any::<u64>(), 0..4).prop_map(BinaryPolynomial::from_words)
    }

    fn add(a: &BinaryPolynomial, b: &BinaryPolynomial) -> BinaryPolynomial {
        let length = a.words.len().max(b.words.len());
        let word = |p: &BinaryPolynomial, i| p.words.get(i).copied().unwrap_or(0);
        BinaryPolynomial::from_words((0..length).map(|i| word(a, i) ^ word(b, i)).collect())
    }

    #[test]
    fn the_hex_form_is_that_of_the_door_comment() {
        let p = BinaryPolynomial::from_exponents(&[4, 1, 0]);
        assert_eq!(format!("{p}"), "13");
        assert_eq!(BinaryPolynomial::from_hex("0013"), Some(p));
        assert_eq!(BinaryPolynomial::from_hex("0"), Some(BinaryPolynomial::from_words(vec![])));
        assert_eq!(BinaryPolynomial::from_hex(""), None);
        assert_eq!(BinaryPolynomial::from_hex("1x"), None);
    }

    #[test]
    fn the_minimal_polynomial_of_alpha_is_the_modulus() {
        for m in MIN_DEGREE..=MAX_DEGREE {
            let field = Field::new(m).unwrap();
            let minimal = FieldPolynomial::minimal(&field, 1).to_binary().unwrap();
            let modulus = u64::from(PRIMITIVE_POLYNOMIALS[m - MIN_DEGREE]);
            assert_eq!(minimal, BinaryPolynomial::from_words(vec![modulus]));
        }
    }

    #[test]
    fn minimal_polynomials_vanish_exactly_on_their_conjugates() {
        let field = Field::new(6).unwrap();
        for i in 0..field.order() {
            let minimal = FieldPolynomial::minimal(&field, i);
            assert!(minimal.to_binary().is_some());
            let coset = field.cyclotomic_coset(i);
            for j in 0..field.order() {
                let vanishes = minimal.evaluate(&field, field.exp(j)) == 0;
                assert_eq!(vanishes, coset.contains(&j), "alpha^{j} in that of alpha^{i}");
            }
        }
    }

    #[test]
    fn nothing_divides_by_zero() {
        assert_eq!(BinaryPolynomial::one().rem(&BinaryPolynomial::from_words(vec![0])), None);
    }

    proptest! {
        #[test]
        fn hex_reads_back(p in polynomial()) {
            prop_assert_eq!(BinaryPolynomial::from_hex(&p.to_hex()), Some(p));
        }

        #[test]
        fn products_divide_without_remainder(a in polynomial(), b in polynomial(), r in polynomial()) {
            prop_assume!(b.degree() > r.degree());
            let product = a.mul(&b);
            prop_assert_eq!(&product, &b.mul(&a));
            prop_assert_eq!(add(&product, &r).rem(&b), Some(r));
        }
    }
}
