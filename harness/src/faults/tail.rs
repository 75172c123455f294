//! Tails of binomial laws as decimal logarithms: chances far below the smallest number.

use std::f64::consts::LN_10;

/// Decimal logarithm of a chance at which a detector speaks up: its false-alarm rate on a clean set.
pub const LOG10_ALARM: f64 = -6.0;

/// Natural logarithm of the probability of exactly `x` of `n`.
fn log_term(n: f64, p: f64, x: f64) -> f64 {
    let choose = libm::lgamma(n + 1.0) - libm::lgamma(x + 1.0) - libm::lgamma(n - x + 1.0);
    choose + x * libm::log(p) + (n - x) * libm::log1p(-p)
}

/// `log10 P[X >= x]` for X binomial(n, p); an upper bound within a factor of 2 where `x` is past the
/// mean, 0 (certain) where it is not.
#[must_use]
pub fn log10_at_least(n: f64, p: f64, x: f64) -> f64 {
    if x <= n * p || p >= 1.0 {
        return 0.0;
    }
    if x > n || p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    // Past the mean, each term is at most this part of the one before.
    let ratio = (n - x) / (x + 1.0) * p / (1.0 - p);
    let log = log_term(n, p, x) - libm::log1p(-ratio.min(1.0 - 1e-9));
    (log / LN_10).min(0.0)
}

/// `log10 P[X <= x]` for X binomial(n, p), as [`log10_at_least`].
#[must_use]
pub fn log10_at_most(n: f64, p: f64, x: f64) -> f64 {
    log10_at_least(n, 1.0 - p, n - x)
}

/// `log10 P[X >= x]` for X Poisson with this mean, as [`log10_at_least`].
#[must_use]
pub fn log10_poisson_at_least(mean: f64, x: f64) -> f64 {
    if x <= mean {
        return 0.0;
    }
    if mean <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let log = x * libm::log(mean) - mean - libm::lgamma(x + 1.0);
    ((log - libm::log1p(-mean / (x + 1.0))) / LN_10).min(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reliability::exact::binomial_tail;

    /// Against the exact sum: never below it, and above by a factor of 2 at most.
    #[test]
    fn tails_bound_the_exact_ones() {
        for (n, p) in [(32, 0.5), (100, 0.01), (1000, 0.3), (500, 0.9)] {
            for x in 0..=n {
                let exact = if x == 0 { 1.0 } else { binomial_tail(n, x - 1, p) };
                let found = log10_at_least(n as f64, p, x as f64);
                if exact < 0.05 && exact > 1e-290 {
                    let off = found - libm::log10(exact);
                    assert!((-1e-9..0.31).contains(&off), "{n} {p} {x}: {off}");
                }
                let mirrored = log10_at_most(n as f64, 1.0 - p, (n - x) as f64);
                assert!((found - mirrored).abs() < 1e-9, "{found} {mirrored}");
            }
        }
        assert_eq!(log10_at_least(10.0, 0.5, 11.0), f64::NEG_INFINITY);
        assert_eq!(log10_at_least(10.0, 0.0, 1.0), f64::NEG_INFINITY);
        assert_eq!(log10_at_least(0.0, 0.5, 0.0), 0.0);
    }

    #[test]
    fn poisson_is_the_limit_of_the_binomial() {
        for (mean, x) in [(0.001, 1.0), (3.0, 20.0), (100.0, 200.0)] {
            let found = log10_poisson_at_least(mean, x);
            let binomial = log10_at_least(1e8, mean / 1e8, x);
            assert!((found - binomial).abs() < 1e-4, "{found} {binomial}");
        }
        assert_eq!(log10_poisson_at_least(0.0, 1.0), f64::NEG_INFINITY);
        assert_eq!(log10_poisson_at_least(0.0, 0.0), 0.0);
    }
}
