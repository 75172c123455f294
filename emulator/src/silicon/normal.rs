//! The normal distribution, with the same bits on every platform.
//!
//! Everything goes through `libm` and IEEE 754 double arithmetic, never through the platform's
//! mathematics: a last digit that moved would move thresholds, and with them promised bytes.

mod as241;
pub(super) mod tables;

use core::f64::consts::{FRAC_1_SQRT_2, PI, TAU};

use as241::{FAR_TAIL_DENOMINATOR, FAR_TAIL_NUMERATOR, TAIL_DENOMINATOR, TAIL_NUMERATOR};
use tables::{centre_quantile, ratio};

/// Cumulative distribution function `Phi(x)` of N(0,1).
///
/// Relative error below `(1 + x^2) * 2^-52` in the lower tail, down to the smallest normal numbers
/// (the argument itself is only known to half a unit in the last place).
///
/// ```
/// use puf_emulator::silicon::normal::cdf;
/// assert_eq!(cdf(0.0), 0.5);
/// assert!((cdf(-10.0) / 7.619853024160526e-24 - 1.0).abs() < 1e-13);
/// ```
#[must_use]
pub fn cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// Quantile `Phi^-1(p)` of N(0,1); minus infinity at 0, infinity at 1, NaN outside of 0 to 1.
///
/// Algorithm AS 241, PPND16 (M. J. Wichura, *The percentage points of the normal distribution*,
/// Applied Statistics 37, 1988): a relative accuracy of about 1e-16. The lower tail is exact down to
/// the smallest `p`; near 1 a `p` has no digits left to tell, so ask for `-quantile(1 - p)` of a
/// known `1 - p` instead.
#[must_use]
pub fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return centre_quantile(q);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail == 0.0 {
        return q.signum() * f64::INFINITY;
    }
    let r = libm::sqrt(-libm::log(tail));
    let magnitude = if r <= 5.0 {
        ratio(r - 1.6, &TAIL_NUMERATOR, &TAIL_DENOMINATOR)
    } else {
        ratio(r - 5.0, &FAR_TAIL_NUMERATOR, &FAR_TAIL_DENOMINATOR)
    };
    magnitude.copysign(q)
}

/// The N(0,1) variate of a fair 64-bit word.
///
/// Bit 0 is the sign, set for positive; the other 63 bits `v` place it in its tail, at
/// `Phi^-1((v + 1/2) / 2^64)`. So both tails are resolved to 2^-65 (a magnitude of 9.16), and the
/// law is exactly symmetric.
#[must_use]
pub(super) fn variate(word: u64) -> f64 {
    let tail = ((word >> 1) as f64 + 0.5) * TWO_POW_MINUS_64;
    let lower = quantile(tail);
    if word & 1 == 1 { -lower } else { lower }
}

/// `Pr[A > a and B < b]` for standard normal `A`, `B` with correlation `cos(angle)`, `angle` in
/// radians, above 0 and at most pi/2.
///
/// From Plackett's identity, `dPhi2/dr = phi2` (R. L. Plackett, Biometrika 41, 1954), integrated
/// from perfect correlation with `r = cos(phi)`:
///
/// ```text
/// max(0, Phi(b) - Phi(a)) + 1/(2 pi) * Int_0^angle exp(-(a^2 + b^2 - 2 a b cos phi) / (2 sin^2 phi)) dphi
/// ```
///
/// The integrand is positive and flat at 0, however far out `a` and `b` lie. The double exponential
/// rule (Takahasi and Mori, 1974) takes the integral to about 1e-13 relative.
pub(super) fn quadrant(a: f64, b: f64, angle: f64) -> f64 {
    // The difference of the smaller tails, which have their digits.
    let between = if a > 0.0 { cdf(-a) - cdf(-b) } else { cdf(b) - cdf(a) };
    let gap = (a - b) * (a - b) / 2.0;
    let density = |phi: f64| {
        let (sin, cos) = (libm::sin(phi), libm::cos(phi));
        libm::exp(-gap / (sin * sin) - a * b / (1.0 + cos))
    };
    between.max(0.0) + integral(density, angle) / TAU
}

/// `Int_0^end f(x) dx` by the double exponential rule, `x = end / (1 + exp(-pi sinh t))`.
fn integral(f: impl Fn(f64) -> f64, end: f64) -> f64 {
    const STEPS: i32 = 256;
    const STEP: f64 = 1.0 / 64.0;
    let sum: f64 = (-STEPS..=STEPS)
        .map(|i| {
            let t = f64::from(i) * STEP;
            let decay = libm::exp(-PI * libm::sinh(t));
            let x = end / (1.0 + decay);
            let weight = PI * libm::cosh(t) * x * decay / (1.0 + decay);
            weight * f(x)
        })
        .sum();
    sum * STEP
}

const TWO_POW_MINUS_64: f64 = 1.0 / 18_446_744_073_709_551_616.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::SeedTree;
    use rand_core::Rng;
    use std::vec::Vec;

    /// 40-digit arithmetic on the double nearest to the argument shown.
    #[test]
    fn cdf_agrees_with_forty_digit_arithmetic() {
        for (x, exact) in [
            (-37.0, 5.725_571_222_524_577e-300),
            (-20.0, 2.753_624_118_606_233_7e-89),
            (-9.1, 4.516_591_491_435_457e-20),
            (-8.3, 5.205_569_744_890_254e-17),
            (-5.0, 2.866_515_718_791_939e-7),
            (-2.5, 0.006_209_665_325_776_135),
            (-1.0, 0.158_655_253_931_457_05),
            (-0.1, 0.460_172_162_722_971_04),
            (0.0, 0.5),
            (0.3, 0.617_911_422_188_952_6),
            (2.0, 0.977_249_868_051_820_8),
            (6.0, 0.999_999_999_013_412_4),
        ] {
            let error = (cdf(x) / exact - 1.0).abs();
            assert!(error <= (1.0 + x * x) * f64::EPSILON, "Phi({x}) is off by {error:e}");
        }
    }

    #[test]
    fn quantile_agrees_with_forty_digit_arithmetic() {
        for (p, exact) in [
            (0.500_000_1, 2.506_628_273_311_648e-7),
            (0.4, -0.253_347_103_135_799_7),
            (0.075, -1.439_531_470_938_456),
            (0.0749, -1.440_238_267_527_963_7),
            (0.024_25, -1.972_961_051_311_884_8),
            (1e-3, -3.090_232_306_167_813_5),
            (1e-10, -6.361_340_902_404_056),
            (1.3e-11, -6.667_611_456_510_741),
            (1e-12, -7.034_483_825_301_132),
            (2.710_505_431_213_761e-20, -9.155_293_772_686_073),
            (1e-100, -21.273_453_560_965_324),
            (1e-300, -37.047_096_299_361_2),
            (0.9, 1.281_551_565_544_600_6),
            (0.999, 3.090_232_306_167_813),
        ] {
            let error = (quantile(p) / exact - 1.0).abs();
            assert!(error <= 1e-15, "the quantile of {p} is off by {error:e}");
        }
        assert_eq!(quantile(0.5), 0.0);
        assert_eq!(quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(quantile(1.0), f64::INFINITY);
        assert!(quantile(-0.1).is_nan() && quantile(1.1).is_nan() && quantile(f64::NAN).is_nan());
    }

    /// Sheppard: `Pr[A > 0, B < 0] = angle / (2 pi)`; and the limits of independence.
    #[test]
    fn quadrants_have_their_closed_forms() {
        for angle in [1e-6, 0.01, 0.3, 1.0, core::f64::consts::FRAC_PI_2] {
            let error = (quadrant(0.0, 0.0, angle) / (angle / TAU) - 1.0).abs();
            assert!(error < 1e-13, "{angle}: {error:e}");
        }
        for (a, b) in [(0.3, 0.3), (-0.7, 1.2), (1.2, -0.7), (3.0, -4.0), (-6.0, -5.0)] {
            let independent = cdf(-a) * cdf(b);
            let error = (quadrant(a, b, core::f64::consts::FRAC_PI_2) / independent - 1.0).abs();
            assert!(error < 1e-12, "{a}, {b}: {error:e}");
        }
    }

    #[test]
    fn variates_are_symmetric_and_reach_their_tails() {
        for word in [0, 2, 1 << 63, 0x1234_5678_9abc_def0] {
            assert_eq!(variate(word), -variate(word | 1));
            assert!(variate(word) <= 0.0);
        }
        assert!((variate(1) - 9.155_293_772_686_073).abs() < 1e-14);
        assert_eq!(variate(u64::MAX - 1), 0.0);
    }

    /// Kolmogorov-Smirnov on a million variates: `2 exp(-2 x^2) = 5e-9` at x = 3.146; and the count
    /// beyond 4, Poisson with mean 63.3, within 5.85 standard deviations.
    #[test]
    fn variates_are_normal() {
        const N: u32 = 1_000_000;
        for seed in [1, 2, 3] {
            let mut words = SeedTree::from_seed(seed).stream(0);
            let mut drawn: Vec<f64> = (0..N).map(|_| variate(words.next_u64())).collect();
            drawn.sort_by(f64::total_cmp);
            let n = f64::from(N);
            let distance = (0_u32..)
                .zip(&drawn)
                .map(|(i, &x)| {
                    let (below, above) = (f64::from(i) / n, f64::from(i + 1) / n);
                    (cdf(x) - below).abs().max((above - cdf(x)).abs())
                })
                .fold(0.0, f64::max);
            assert!(distance * n.sqrt() < 3.146, "seed {seed}: {distance}");
            let far = drawn.iter().filter(|x| x.abs() > 4.0).count();
            let expected = 2.0 * cdf(-4.0) * n;
            assert!((far as f64 - expected).abs() < 5.85 * expected.sqrt(), "seed {seed}: {far}");
        }
    }
}
