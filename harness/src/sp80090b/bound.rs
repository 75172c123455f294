//! What the estimators share: the confidence bound, min-entropy of a probability, a root.

/// The 0.995 quantile of the standard normal distribution, for bounds at 99 %.
///
/// Section 6.3 rounds it to 2.576; NIST's tool uses these digits, and so do we.
pub const Z: f64 = 2.575_829_303_548_901;

/// The upper end of the confidence interval of a proportion `p` of `n` samples, at most 1 (section
/// 6.3.1, step 2).
#[must_use]
pub fn upper_bound(p: f64, n: usize, z: f64) -> f64 {
    (p + z * libm::sqrt(p * (1.0 - p) / (n as f64 - 1.0))).min(1.0)
}

/// Min-entropy in bits of an outcome that is guessed with probability `p`; 0 for 1.
#[must_use]
pub fn min_entropy(p: f64) -> f64 {
    // Not `-log2`, which gives -0 for a certainty.
    0.0 - libm::log2(p)
}

/// The number between `low` and `high` at which the falling function `f` passes `target`, to the last
/// bit; `high` if it never falls so far.
pub(super) fn root_of_falling(
    f: impl Fn(f64) -> f64,
    target: f64,
    mut low: f64,
    mut high: f64,
) -> f64 {
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return high;
        }
        if f(middle) > target {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// A sum of many terms that keeps what rounding drops (Kahan, 1965).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    sum: f64,
    dropped: f64,
}

impl Sum {
    pub(super) fn add(&mut self, term: f64) {
        let term = term - self.dropped;
        let sum = self.sum + term;
        self.dropped = (sum - self.sum) - term;
        self.sum = sum;
    }

    pub(super) fn value(self) -> f64 {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certainty_has_no_entropy_and_no_sign() {
        assert!(min_entropy(1.0).is_sign_positive());
        assert!((min_entropy(0.125) - 3.0).abs() < 1e-15);
        assert!((upper_bound(1.0, 10, Z) - 1.0).abs() < 1e-15);
        assert!((upper_bound(0.999, 10, Z) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn a_root_is_found_to_the_last_bit() {
        let root = root_of_falling(|x| 2.0 - x * x, 0.0, 0.0, 2.0);
        assert!((root - std::f64::consts::SQRT_2).abs() < 1e-15);
        assert!((root_of_falling(|_| 1.0, 0.0, 0.0, 2.0) - 2.0).abs() < 1e-15);
        assert!(root_of_falling(|_| f64::NAN, 0.0, 0.0, 2.0) < 1e-300, "no number is no more");
    }

    #[test]
    fn small_terms_are_kept() {
        let mut sum = Sum::default();
        sum.add(1.0);
        for _ in 0..1_000_000 {
            sum.add(1e-16);
        }
        assert!((sum.value() - 1.000_000_000_1).abs() < 1e-15);
    }
}
