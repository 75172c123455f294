//! The chi-square distribution, through the incomplete gamma function.

/// `Pr[chi2 > x]` with `df` degrees of freedom; 1 where there are none.
///
/// `Q(df/2, x/2)` by its series below the mean and its continued fraction above (the forward recurrence
/// of J. Lentz); relative error about 1e-12.
pub(super) fn survival(x: f64, df: f64) -> f64 {
    if x <= 0.0 || df <= 0.0 {
        return 1.0;
    }
    let (a, x) = (df / 2.0, x / 2.0);
    let front = libm::exp(a * libm::log(x) - x - libm::lgamma(a));
    if x < a + 1.0 { 1.0 - front * series(a, x) } else { front * fraction(a, x) }
}

/// The `p` quantile with `df` degrees of freedom, by bisection.
pub(super) fn quantile(p: f64, df: f64) -> f64 {
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

/// `sum x^n / (a (a+1) ... (a+n))`.
fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut denominator) = (1.0 / a, 1.0 / a, a);
    while term > sum * 1e-17 {
        denominator += 1.0;
        term *= x / denominator;
        sum += term;
    }
    sum
}

fn fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut value = d;
    for i in 1..100_000 {
        let i = f64::from(i);
        let numerator = -i * (i - a);
        b += 2.0;
        let away = |x: f64| if x.abs() < TINY { TINY } else { x };
        d = 1.0 / away(numerator * d + b);
        c = away(b + numerator / c);
        value *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An independent library: the regularised incomplete gamma function of statrs.
    #[test]
    fn survival_agrees_with_the_gamma_function() {
        for df in [1.0, 2.0, 5.0, 13.0, 84.0, 1000.0] {
            for ratio in [0.1, 0.5, 0.9, 1.0, 1.1, 1.5, 3.0] {
                let x = ratio * df;
                let other = statrs::function::gamma::gamma_ur(df / 2.0, x / 2.0);
                let error = (survival(x, df) - other).abs();
                assert!(error < 1e-11 * other.max(0.01), "{x}, {df}: {error:e} of {other:e}");
            }
        }
        // Of two degrees of freedom it is exp(-x/2).
        assert!((survival(100.0, 2.0) / libm::exp(-50.0) - 1.0).abs() < 1e-12);
        assert_eq!((survival(0.0, 3.0), survival(3.0, 0.0)), (1.0, 1.0));
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (p, df, expected) in [(0.95, 1.0, 3.841), (0.025, 2.0, 0.0506), (0.975, 14.0, 26.119)] {
            let found = quantile(p, df);
            assert!((found / expected - 1.0_f64).abs() < 1e-3, "{p}, {df}: {found}");
        }
    }
}
