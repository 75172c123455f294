//! The compression estimate, for bits only: Maurer's universal statistic (section 6.3.4).

use super::bound::{Sum, min_entropy, root_of_falling};
use super::{Estimate, Figure, LeftOut};

/// Bits of a block, and blocks that fill the dictionary before any is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// Bits of a block, `b`, 1 to 8.
    pub b: usize,
    /// Blocks of the dictionary, `d`, at least 1.
    pub d: usize,
}

impl Default for Parameters {
    /// Those of the section.
    fn default() -> Self {
        Self { b: 6, d: 1000 }
    }
}

/// The factor of the standard deviation in step 6, for blocks of 6 bits.
const CORRECTION: f64 = 0.5907;

/// What the estimate is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compression {
    /// Blocks measured, `v`.
    pub v: usize,
    /// Mean logarithm of the distance to a block's last occurrence.
    pub x_bar: f64,
    /// Its standard deviation.
    pub sigma_hat: f64,
    /// The lower bound of the mean.
    pub x_bar_lower: f64,
    /// The probability of the likeliest block that has this mean; `2^-b` if none has.
    pub p: f64,
    /// Min-entropy per bit.
    pub min_entropy: f64,
}

/// Min-entropy from how far apart equal blocks are.
///
/// # Errors
/// [`LeftOut::TooFew`] without at least two blocks after the dictionary's.
pub fn estimate(bits: &[u8], parameters: Parameters, z: f64) -> Result<Compression, LeftOut> {
    let Parameters { b, d } = parameters;
    let blocks = bits.len() / b;
    if blocks <= d + 1 {
        return Err(LeftOut::TooFew { needed: (d + 2) * b });
    }
    let logarithm = Logarithms::up_to(blocks);
    let mut last = vec![0_usize; 1 << b];
    let (mut sum, mut squares) = (Sum::default(), Sum::default());
    for (place, block) in (1..).zip(bits.chunks_exact(b)) {
        let block = block.iter().fold(0, |value, &bit| value << 1 | usize::from(bit & 1));
        if place > d {
            let distance = logarithm.of(place - last[block]);
            sum.add(distance);
            squares.add(distance * distance);
        }
        last[block] = place;
    }
    let v = blocks - d;
    let count = v as f64;
    let x_bar = sum.value() / count;
    let variance = squares.value() / (count - 1.0) - x_bar * x_bar;
    let sigma_hat = CORRECTION * libm::sqrt(variance.max(0.0));
    let x_bar_lower = x_bar - z * sigma_hat / libm::sqrt(count);

    let others = ((1_usize << b) - 1) as f64;
    let even = 1.0 / (others + 1.0);
    let expectation = |p: f64| {
        let g = |z| expected_share(z, d, blocks, &logarithm);
        g(p) + others * g((1.0 - p) / others)
    };
    let p = if expectation(even) > x_bar_lower {
        root_of_falling(expectation, x_bar_lower, even, 1.0)
    } else {
        even
    };
    let min_entropy = if p > even { min_entropy(p) / b as f64 } else { 1.0 };
    Ok(Compression { v, x_bar, sigma_hat, x_bar_lower, p, min_entropy })
}

/// `G(z)` of step 7: what blocks of probability `z` add to the expectation of the mean.
///
/// The double sum is taken once over the distance `u`. With `a(u) = log2(u) (1-z)^(u-1)`, a distance
/// below the block's own place `t` has weight `z²` at each `t` from `max(u, d) + 1` to `L`, and the
/// distance `u = t`, of a block that has not been seen, weight `z`.
fn expected_share(z: f64, d: usize, blocks: usize, logarithm: &Logarithms) -> f64 {
    let (mut sum, mut power) = (0.0, 1.0);
    let largest = logarithm.of(blocks) * (z * blocks as f64 + 1.0);
    for u in 2..=blocks {
        power *= 1.0 - z;
        let later = (blocks - u.max(d)) as f64;
        let own = if u > d { z } else { 0.0 };
        sum += logarithm.of(u) * power * (z * z * later + own);
        // What is left is below a geometric series of this value.
        if power * largest <= sum * 1e-18 {
            break;
        }
    }
    sum / (blocks - d) as f64
}

/// Logarithms to base 2 of whole numbers, the small ones from a table.
struct Logarithms(Vec<f64>);

impl Logarithms {
    fn up_to(largest: usize) -> Self {
        Self((0..=largest.min(1 << 15)).map(|n| libm::log2(n as f64)).collect())
    }

    fn of(&self, n: usize) -> f64 {
        self.0.get(n).copied().unwrap_or_else(|| libm::log2(n as f64))
    }
}

impl From<Compression> for Estimate {
    fn from(found: Compression) -> Self {
        Self {
            min_entropy: found.min_entropy,
            figures: vec![
                ("v", Figure::Count(found.v)),
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

    /// The worked example of section 6.3.4, with a dictionary of 4 blocks: min-entropy 0.1345.
    #[test]
    fn worked_example() {
        let input = [&FORTY_BITS[..], &[1, 1, 1, 0, 0, 0, 1, 1]].concat();
        let found = estimate(&input, Parameters { b: 6, d: 4 }, 2.576).unwrap();
        assert_eq!(found.v, 4);
        assert!((found.x_bar - 2.630_400_109_930_931_3).abs() < 1e-12);
        assert!((found.sigma_hat - 0.907_376_877_199_771_6).abs() < 1e-12);
        assert!((found.x_bar_lower - 1.461_698_692_097_625_6).abs() < 1e-12);
        assert!((found.p - 0.571_484_682_666_837_8).abs() < 1e-12);
        assert!((found.min_entropy - 0.134_535_544_008_907_8).abs() < 1e-12);
    }

    /// The double sum as step 7 writes it.
    fn share_of_the_standard(z: f64, d: usize, blocks: usize) -> f64 {
        let mut sum = 0.0;
        for t in d + 1..=blocks {
            for u in 1..=t {
                let seen = libm::pow(1.0 - z, (u - 1) as f64);
                let f = if u < t { z * z * seen } else { z * seen };
                sum += libm::log2(u as f64) * f;
            }
        }
        sum / (blocks - d) as f64
    }

    #[test]
    fn one_sum_over_distances_is_the_double_sum() {
        for (d, blocks) in [(1, 3), (4, 9), (100, 400), (30, 1000)] {
            let logarithm = Logarithms::up_to(blocks);
            for z in [1e-9, 0.001, 1.0 / 64.0, 0.3, 0.9, 1.0] {
                let expected = share_of_the_standard(z, d, blocks);
                let found = expected_share(z, d, blocks, &logarithm);
                assert!((found - expected).abs() <= 1e-12 * expected, "{d} {blocks} {z}");
            }
        }
    }

    #[test]
    fn a_dictionary_alone_is_too_few() {
        let parameters = Parameters::default();
        let needed = 6012;
        assert_eq!(estimate(&[0; 6011], parameters, 2.576), Err(LeftOut::TooFew { needed }));
        let constant = estimate(&[0; 6012], parameters, 2.576).unwrap();
        assert!(constant.min_entropy.abs() < 1e-12 && constant.p > 1.0 - 1e-12);
    }
}
