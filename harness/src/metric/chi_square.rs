//! The chi-square distribution: its upper tail and its quantiles.

/// `P[X >= x]` for X of the chi-square distribution with `df` degrees of freedom; 1 for none.
///
/// It is `Q(df / 2, x / 2)`, the regularised upper incomplete gamma function (DLMF 8.2.4); relative
/// error about 1e-11, down to the smallest numbers.
pub(crate) fn survival(x: f64, df: f64) -> f64 {
    if df <= 0.0 || x <= 0.0 { 1.0 } else { upper_incomplete_gamma(df / 2.0, x / 2.0) }
}

/// The `p` quantile with `df` degrees of freedom, by bisection.
pub(crate) fn quantile(p: f64, df: f64) -> f64 {
    let (mut low, mut high) = (0.0, df + 1.0);
    while survival(high, df) > 1.0 - p {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if survival(middle, df) > 1.0 - p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// `Q(a, x)`, by the series of DLMF 8.11.4 below the bulk and the continued fraction 8.9.2 above it.
fn upper_incomplete_gamma(a: f64, x: f64) -> f64 {
    let density = libm::exp(log_density(a, x));
    if x < a + 1.0 {
        let (mut sum, mut term, mut n) = (1.0, 1.0, a);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return (1.0 - density * sum / a).clamp(0.0, 1.0);
    }
    // Lentz's method, as modified by Thompson and Barnett (1986).
    let tiny = f64::MIN_POSITIVE / f64::EPSILON;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / tiny;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for i in 1..1_000_000 {
        let i = f64::from(i);
        let term = -i * (i - a);
        b += 2.0;
        d = 1.0 / not_zero(term * d + b, tiny);
        c = not_zero(b + term / c, tiny);
        let step = c * d;
        fraction *= step;
        if (step - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    (density * fraction).clamp(0.0, 1.0)
}

fn not_zero(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

/// `ln(x^a e^-x / Gamma(a))`.
fn log_density(a: f64, x: f64) -> f64 {
    if a < 10.0 {
        return a * libm::log(x) - x - libm::lgamma(a);
    }
    // Stirling's series (DLMF 5.11.1), in x relative to a: the large terms cancel before they round.
    let off = (x - a) / a;
    let correction = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * a * a)) / (a * a)) / a;
    a * (libm::log1p(off) - off) + 0.5 * libm::log(a / core::f64::consts::TAU) - correction
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An independent library.
    #[test]
    fn tails_agree_with_statrs() {
        for degrees in [1, 2, 9, 19, 20, 126, 254, 1022, 2046] {
            for quantile in [0.3, 0.7, 0.95, 1.0, 1.05, 1.3, 2.0] {
                let x = quantile * f64::from(degrees);
                let expected = statrs::function::gamma::gamma_ur(f64::from(degrees) / 2.0, x / 2.0);
                let found = survival(x, f64::from(degrees));
                let difference = (found - expected).abs();
                assert!(
                    difference < 1e-10 * expected.max(1e-3),
                    "{degrees} {x}: {found} {expected}"
                );
            }
        }
    }

    /// mpmath.gammainc(a, x, regularized=True), 30 digits.
    #[test]
    fn tails_agree_with_mpmath() {
        for (x, degrees, expected) in MPMATH {
            let found = survival(x, degrees as f64);
            assert!((found / expected - 1.0).abs() < 1e-11, "{x} {degrees}: {found:e}");
        }
    }

    const MPMATH: [(f64, usize, f64); 6] = [
        (5.498_476_121_800_708, 9, 0.788_872_411_597_873_8),
        (1_018.943_048_663_890_6, 1022, 0.521_107_412_645_537_3),
        (1_954.170_260_432_579_9, 2046, 0.926_070_672_769_008_6),
        (66_000.0, 65_280, 0.023_450_243_482_806_774),
        (60.0, 10, 3.624_300_952_061_488e-9),
        (2000.0, 1022, 7.777_822_391_350_243e-66),
    ];

    #[test]
    fn no_degrees_of_freedom_say_nothing() {
        assert!((survival(5.0, 0.0) - 1.0).abs() < 1e-15);
        assert!((survival(0.0, 3.0) - 1.0).abs() < 1e-15);
        assert!(survival(1e9, 9.0).abs() < 1e-300);
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (p, df, expected) in [(0.95, 1.0, 3.841), (0.025, 2.0, 0.0506), (0.975, 14.0, 26.119)] {
            let found = quantile(p, df);
            assert!((found / expected - 1.0_f64).abs() < 1e-3, "{p}, {df}: {found}");
        }
    }
}
