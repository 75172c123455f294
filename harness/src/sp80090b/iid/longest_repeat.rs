//! The length of the longest repeated substring (section 5.2.5).

use super::ALPHA;
use crate::sp80090b::most_common_value::counts;
use crate::sp80090b::repeats::Repeats;

/// What the test finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LongestRepeat {
    /// Probability that two samples are equal, `p_col`.
    pub p_col: f64,
    /// Length of the longest repeated substring, `W`.
    pub w: usize,
    /// Probability of a repeat of at least this length.
    pub p_value: f64,
}

impl LongestRepeat {
    /// Whether such a repeat is no surprise.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.p_value >= ALPHA
    }
}

/// Compares the longest repeat with the chance of one as long among independent samples. At least one
/// sample.
#[must_use]
pub fn test(samples: &[u8], alphabet: usize) -> LongestRepeat {
    let of = |count: usize| count as f64 / samples.len() as f64;
    let p_col: f64 = counts(samples).into_iter().map(|count| of(count) * of(count)).sum();
    let w = Repeats::count(samples, alphabet).longest();
    let windows = (samples.len() - w + 1) as f64;
    // 1 - (1 - p_col^W)^N for all N pairs of windows, without a difference of numbers near 1.
    let pairs = windows * (windows - 1.0) / 2.0;
    let none = pairs * libm::log1p(-libm::pow(p_col, w as f64));
    let p_value = if p_col < 1.0 { 0.0 - libm::expm1(none) } else { 1.0 };
    LongestRepeat { p_col, w, p_value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_a_surprise() {
        let mut state = 1_u32;
        let samples: Vec<u8> = (0..2000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0] & 1
            })
            .collect();
        assert!(test(&samples, 2).passed());
        let copied = [&samples[..], &samples[..100]].concat();
        let found = test(&copied, 2);
        assert!(found.w >= 100 && !found.passed(), "{found:?}");
        assert!(test(&[0; 50], 1).passed(), "one symbol repeats as it must");
    }
}
