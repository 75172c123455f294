//! The finite fields GF(2^m), m = 2..=13.
//!
//! An element is the remainder of a polynomial over GF(2) by the field's primitive polynomial; bit
//! `i` of its integer is the coefficient of `x^i`. The class of `x` is `alpha`, whose powers are
//! all the non-zero elements, so that multiplication adds logarithms (\[MS77\] chapter 4).
//!
//! Table look-ups at secret indices: variable-time, see [`crate::code`].
//!
//! \[MS77\] F. J. MacWilliams, N. J. A. Sloane, The Theory of Error-Correcting Codes, 1977.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// An element of a field, below `2^m`. Addition is exclusive or.
pub type Element = u16;

/// The smallest degree of a field here.
pub const MIN_DEGREE: usize = 2;

/// The largest degree of a field here.
pub const MAX_DEGREE: usize = 13;

/// One primitive polynomial for each degree `m = 2..=13`, bit `i` the coefficient of `x^i`: those
/// on which independent BCH implementations agree. The tests re-derive that each is primitive:
/// `x` has order `2^m - 1` modulo it.
pub const PRIMITIVE_POLYNOMIALS: [u16; MAX_DEGREE - MIN_DEGREE + 1] =
    [0x7, 0xb, 0x13, 0x25, 0x43, 0x89, 0x11d, 0x211, 0x409, 0x805, 0x1053, 0x201b];

/// The field GF(2^m) with its tables of powers and logarithms.
#[derive(Clone)]
pub struct Field {
    degree: usize,
    order: u16,
    /// `alpha^i` for `i < 2 order`, then zeros up to `4 order`: the sum of two logarithms is an
    /// index whatever the factors, see `log`.
    exp: Vec<Element>,
    /// The logarithm of each element; zero has `2 order`, which no sum of two others reaches.
    log: Vec<u16>,
}

impl Field {
    /// The field of `2^degree` elements, `None` unless `degree` is in 2..=13.
    #[must_use]
    pub fn new(degree: usize) -> Option<Self> {
        let modulus = *PRIMITIVE_POLYNOMIALS.get(degree.checked_sub(MIN_DEGREE)?)?;
        let order: u16 = (1 << degree) - 1;
        let length = usize::from(order);
        let mut exp = vec![0; 4 * length + 1];
        let mut log = vec![2 * order; length + 1];
        let mut power = 1;
        for i in 0..order {
            exp[usize::from(i)] = power;
            exp[usize::from(i) + length] = power;
            log[usize::from(power)] = i;
            power = times_x(power, modulus, degree);
        }
        Some(Self { degree, order, exp, log })
    }

    /// The smallest field whose multiplicative group has at least `n` elements, `None` when `n` is
    /// past the largest.
    #[must_use]
    pub fn for_length(n: usize) -> Option<Self> {
        Self::new((MIN_DEGREE..=MAX_DEGREE).find(|&m| (1 << m) > n)?)
    }

    /// `m` of GF(2^m).
    #[must_use]
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// The order of `alpha`: `2^m - 1`, the number of non-zero elements.
    #[must_use]
    pub fn order(&self) -> usize {
        usize::from(self.order)
    }

    /// The primitive polynomial, bit `i` the coefficient of `x^i`.
    #[must_use]
    pub fn modulus(&self) -> u16 {
        PRIMITIVE_POLYNOMIALS[self.degree - MIN_DEGREE]
    }

    /// `alpha^exponent`.
    #[must_use]
    pub fn exp(&self, exponent: usize) -> Element {
        self.exp[exponent % self.order()]
    }

    /// The powers `alpha^0 .. alpha^(order - 1)`.
    #[must_use]
    pub fn powers(&self) -> &[Element] {
        &self.exp[..self.order()]
    }

    /// The exponent below `order` whose power is `x`, `None` for zero.
    ///
    /// # Panics
    /// If `x` is not below `2^m`, as every operation here.
    #[must_use]
    pub fn log(&self, x: Element) -> Option<u16> {
        (x != 0).then(|| self.log[usize::from(x)])
    }

    /// The product.
    #[must_use]
    #[inline]
    pub fn mul(&self, a: Element, b: Element) -> Element {
        let exponent = self.log[usize::from(a)] + self.log[usize::from(b)];
        self.exp[usize::from(exponent)]
    }

    /// The square.
    #[must_use]
    #[inline]
    pub fn square(&self, x: Element) -> Element {
        self.mul(x, x)
    }

    /// The inverse, `None` for zero.
    #[must_use]
    pub fn inverse(&self, x: Element) -> Option<Element> {
        let exponent = self.log(x)?;
        Some(self.exp[usize::from(self.order - exponent)])
    }

    /// `x^exponent`; `x^0` is 1, also for zero.
    #[must_use]
    pub fn pow(&self, x: Element, exponent: usize) -> Element {
        match self.log(x) {
            None => Element::from(exponent == 0),
            Some(log) => self.exp(usize::from(log) * (exponent % self.order())),
        }
    }

    /// The cyclotomic coset of `exponent`: the exponents of the conjugates of `alpha^exponent`,
    /// which are its repeated squares.
    #[must_use]
    pub fn cyclotomic_coset(&self, exponent: usize) -> Vec<usize> {
        let first = exponent % self.order();
        let mut coset = vec![first];
        let mut next = 2 * first % self.order();
        while next != first {
            coset.push(next);
            next = 2 * next % self.order();
        }
        coset
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GF(2^{}) mod {:x}", self.degree, self.modulus())
    }
}

/// Multiplies by `x`, reducing by the modulus.
fn times_x(element: Element, modulus: u16, degree: usize) -> Element {
    let shifted = element << 1;
    if shifted >> degree & 1 == 1 { shifted ^ modulus } else { shifted }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Multiplication by shift and add, without tables.
    fn slow_mul(field: &Field, a: Element, b: Element) -> Element {
        (0..field.degree()).rev().fold(0, |product, i| {
            let doubled = times_x(product, field.modulus(), field.degree());
            if b >> i & 1 == 1 { doubled ^ a } else { doubled }
        })
    }

    #[test]
    fn every_modulus_is_primitive() {
        for m in MIN_DEGREE..=MAX_DEGREE {
            let modulus = PRIMITIVE_POLYNOMIALS[m - MIN_DEGREE];
            assert_eq!(modulus.ilog2() as usize, m);
            let mut power = 1;
            let order = (1..=1_usize << m)
                .find(|_| {
                    power = times_x(power, modulus, m);
                    power == 1
                })
                .unwrap();
            assert_eq!(order, (1 << m) - 1, "order of alpha for m = {m}");
        }
    }

    #[test]
    fn degrees_outside_the_table_are_refused() {
        assert!(Field::new(1).is_none());
        assert!(Field::new(14).is_none());
        assert!(Field::for_length(8192).is_none());
        assert_eq!(Field::for_length(8191).unwrap().degree(), 13);
        assert_eq!(Field::for_length(255).unwrap().degree(), 8);
        assert_eq!(Field::for_length(256).unwrap().degree(), 9);
    }

    #[test]
    fn products_of_small_fields_are_those_without_tables() {
        for m in MIN_DEGREE..=7 {
            let field = Field::new(m).unwrap();
            for a in 0..1 << m {
                for b in 0..1 << m {
                    assert_eq!(field.mul(a, b), slow_mul(&field, a, b), "{a} * {b} in {field:?}");
                }
            }
        }
    }

    #[test]
    fn cosets_partition_the_exponents() {
        for m in MIN_DEGREE..=MAX_DEGREE {
            let field = Field::new(m).unwrap();
            let mut seen = vec![false; field.order()];
            for i in 0..field.order() {
                if seen[i] {
                    continue;
                }
                let coset = field.cyclotomic_coset(i);
                assert_eq!(m % coset.len(), 0, "the size of a coset divides m");
                for j in coset {
                    assert!(!core::mem::replace(&mut seen[j], true));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn field_laws(m in MIN_DEGREE..=MAX_DEGREE, a: u16, b: u16, c: u16, e in 0_usize..100_000) {
            let field = Field::new(m).unwrap();
            let mask = (1 << m) - 1;
            let (a, b, c) = (a & mask, b & mask, c & mask);
            prop_assert_eq!(field.mul(a, b), slow_mul(&field, a, b));
            prop_assert_eq!(field.mul(a, b ^ c), field.mul(a, b) ^ field.mul(a, c));
            prop_assert_eq!(field.square(a), field.mul(a, a));
            match field.inverse(a) {
                Some(inverse) => prop_assert_eq!(field.mul(a, inverse), 1),
                None => prop_assert_eq!(a, 0),
            }
            if let Some(log) = field.log(a) {
                prop_assert_eq!(field.exp(usize::from(log)), a);
            }
            prop_assert_eq!(field.pow(a, e + 1), field.mul(field.pow(a, e), a));
        }
    }
}
