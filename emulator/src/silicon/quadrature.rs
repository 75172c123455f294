//! Expectations over a normal variate by the rule of Gauss and Hermite.

use alloc::vec::Vec;
use core::f64::consts::SQRT_2;

/// The `n` weights and nodes of `E f(z) = sum w f(z)`, `z ~ N(0,1)`, exact for polynomials of degree
/// up to `2n - 1`; `n` is 1 to 64.
///
/// Roots of the Hermite polynomials by Newton's method on their orthonormal recurrence, from the
/// starting points of W. H. Press et al., *Numerical Recipes* (`gauher`).
pub(super) fn normal_rule(n: usize) -> Vec<(f64, f64)> {
    let order = n as f64;
    let mut upper: Vec<(f64, f64)> = Vec::with_capacity(n.div_ceil(2));
    for i in 0..n.div_ceil(2) {
        let root = |back: usize| upper[i - back].1;
        let mut x = match i {
            0 => {
                let width = 2.0 * order + 1.0;
                libm::sqrt(width) - 1.855_75 * libm::pow(width, -1.0 / 6.0)
            }
            1 => root(1) - 1.14 * libm::pow(order, 0.426) / root(1),
            2 => 1.86 * root(1) - 0.86 * root(2),
            3 => 1.91 * root(1) - 0.91 * root(2),
            _ => 2.0 * root(1) - root(2),
        };
        let mut slope = 1.0;
        // Converges in four to six steps from there.
        for _ in 0..20 {
            let (value, before) = hermite(n, x);
            slope = libm::sqrt(2.0 * order) * before;
            let step = value / slope;
            x -= step;
            if step.abs() <= 4.0 * f64::EPSILON * x.abs().max(1.0) {
                slope = libm::sqrt(2.0 * order) * hermite(n, x).1;
                break;
            }
        }
        if 2 * i + 1 == n {
            x = 0.0;
        }
        upper.push((2.0 / (slope * slope * SQRT_PI), x));
    }
    let lower = upper.iter().take(n / 2).map(|&(weight, x)| (weight, -SQRT_2 * x));
    let middle_up = upper.iter().rev().map(|&(weight, x)| (weight, SQRT_2 * x));
    lower.chain(middle_up).collect()
}

/// The orthonormal Hermite polynomials of degrees `n` and `n - 1` at `x`.
fn hermite(n: usize, x: f64) -> (f64, f64) {
    let (mut value, mut before) = (PI_TO_MINUS_QUARTER, 0.0);
    for j in 1..=n {
        let j = j as f64;
        let next = x * libm::sqrt(2.0 / j) * value - libm::sqrt((j - 1.0) / j) * before;
        (value, before) = (next, value);
    }
    (value, before)
}

const PI_TO_MINUS_QUARTER: f64 = 0.751_125_544_464_942_5;
const SQRT_PI: f64 = 1.772_453_850_905_516;

#[cfg(test)]
mod tests {
    use super::*;

    /// `E z^k` is `(k-1)!!` for even `k`, and 0 for odd.
    #[test]
    fn moments_are_exact() {
        for n in 1..=64 {
            let rule = normal_rule(n);
            assert_eq!(rule.len(), n);
            assert!(rule.windows(2).all(|pair| pair[0].1 < pair[1].1), "{n}");
            let mut exact = 1.0;
            for k in 0..(2 * n).min(40) {
                let power = |z: f64| (0..k).fold(1.0, |product, _| product * z);
                let sum: f64 = rule.iter().map(|&(weight, z)| weight * power(z)).sum();
                if k % 2 == 1 {
                    assert!(sum.abs() < 1e-12 * exact * k as f64, "{n} nodes, moment {k}: {sum}");
                } else {
                    if k > 0 {
                        exact *= (k - 1) as f64;
                    }
                    assert!((sum / exact - 1.0).abs() < 1e-12, "{n} nodes, moment {k}: {sum}");
                }
            }
        }
    }
}
