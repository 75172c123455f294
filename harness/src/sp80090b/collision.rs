//! The collision estimate, for bits only (section 6.3.2).

use super::bound::min_entropy;
use super::{Estimate, Figure, LeftOut};

/// What the estimate is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Collision {
    /// Collisions found.
    pub v: usize,
    /// Samples up to the last collision.
    pub sum_t: usize,
    /// Mean number of samples to a collision, 2 to 3.
    pub x_bar: f64,
    /// Its standard deviation.
    pub sigma_hat: f64,
    /// The lower bound of the mean, at least 2.
    pub x_bar_lower: f64,
    /// The probability of the likelier bit that has this mean; 0.5 if none has.
    pub p: f64,
    /// Min-entropy per bit.
    pub min_entropy: f64,
}

/// Min-entropy from how soon a bit value comes twice.
///
/// Among bits a collision takes two samples or three. Its expectation, step 7 of the section, is then
/// `2 + 2p - 2p²`, so that `p` is the root of a quadratic.
///
/// # Errors
/// [`LeftOut::TooFew`] below two collisions.
pub fn estimate(bits: &[u8], z: f64) -> Result<Collision, LeftOut> {
    let (mut at, mut twos, mut threes) = (0, 0_usize, 0_usize);
    while at + 1 < bits.len() {
        if bits[at] == bits[at + 1] {
            twos += 1;
            at += 2;
        } else if at + 2 < bits.len() {
            threes += 1;
            at += 3;
        } else {
            break;
        }
    }
    let v = twos + threes;
    if v < 2 {
        return Err(LeftOut::TooFew { needed: 6 });
    }
    let (count, sum_t) = (v as f64, at);
    let x_bar = sum_t as f64 / count;
    let squares = (4 * twos + 9 * threes) as f64;
    // Rounding must not make the root of a negative number of equal times.
    let sigma_hat = libm::sqrt(((squares - sum_t as f64 * x_bar) / (count - 1.0)).max(0.0));
    let x_bar_lower = (x_bar - z * sigma_hat / libm::sqrt(count)).max(2.0);
    let p = if x_bar_lower < 2.5 { 0.5 + libm::sqrt(1.25 - 0.5 * x_bar_lower) } else { 0.5 };
    Ok(Collision { v, sum_t, x_bar, sigma_hat, x_bar_lower, p, min_entropy: min_entropy(p) })
}

impl From<Collision> for Estimate {
    fn from(found: Collision) -> Self {
        Self {
            min_entropy: found.min_entropy,
            figures: vec![
                ("v", Figure::Count(found.v)),
                ("sum_t", Figure::Count(found.sum_t)),
                ("x_bar", Figure::Real(found.x_bar)),
                ("sigma_hat", Figure::Real(found.sigma_hat)),
                ("x_bar_lower", Figure::Real(found.x_bar_lower)),
                ("p", Figure::Real(found.p)),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sp80090b::tests::FORTY_BITS;

    /// The worked example of section 6.3.2: v = 14, X = 2.7143, sigma = 0.4688, X' = 2.3915, p = 0.7329.
    #[test]
    fn worked_example() {
        let found = estimate(&FORTY_BITS, 2.576).unwrap();
        assert_eq!(found.v, 14);
        assert!((found.x_bar - 2.714_285_714_285_714_4).abs() < 1e-12);
        assert!((found.sigma_hat - 0.468_807_230_938_495_5).abs() < 1e-12);
        assert!((found.x_bar_lower - 2.391_528_363_180_727_4).abs() < 1e-12);
        assert!((found.p - 0.732_885_848_452_919_7).abs() < 1e-12);
        assert!((found.min_entropy - 0.448_339_587_791_089_73).abs() < 1e-12);
    }

    /// The expectation of step 7, with F(1/q) = q(2q² + 2q + 1), is the quadratic that is solved.
    #[test]
    fn the_quadratic_is_the_expectation_of_the_standard() {
        for step in 1..50 {
            let p = 0.5 + f64::from(step) / 100.0;
            let q = 1.0 - p;
            let f = q * (2.0 * q * q + 2.0 * q + 1.0);
            let odds = 0.5 * (1.0 / p - 1.0 / q);
            let expectation = p / (q * q) * (1.0 + odds) * f - p / q * odds;
            assert!((expectation - (2.0 + 2.0 * p - 2.0 * p * p)).abs() < 1e-11, "{p}");
        }
    }

    #[test]
    fn a_few_bits_are_too_few() {
        assert_eq!(estimate(&[0, 1, 0, 1], 2.576), Err(LeftOut::TooFew { needed: 6 }));
        assert!(estimate(&[0, 1, 0, 1, 0, 1], 2.576).is_ok());
        let constant = estimate(&[1; 100], 2.576).unwrap();
        assert!(constant.p >= 1.0 && constant.min_entropy.abs() < 1e-300);
    }
}
