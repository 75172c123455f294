//! The most common value estimate (section 6.3.1).

use super::bound::{min_entropy, upper_bound};
use super::{Estimate, Figure};

/// What the estimate is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MostCommonValue {
    /// How often the most common value occurs.
    pub mode_count: usize,
    /// Its proportion.
    pub p_hat: f64,
    /// The upper bound of that proportion.
    pub p_u: f64,
    /// Min-entropy per sample, in bits.
    pub min_entropy: f64,
}

/// Min-entropy from the proportion of the most common value. At least two samples.
#[must_use]
pub fn estimate(samples: &[u8], z: f64) -> MostCommonValue {
    let mode_count = counts(samples).into_iter().max().unwrap_or(0);
    let p_hat = mode_count as f64 / samples.len() as f64;
    let p_u = upper_bound(p_hat, samples.len(), z);
    MostCommonValue { mode_count, p_hat, p_u, min_entropy: min_entropy(p_u) }
}

/// How often each symbol occurs.
pub(super) fn counts(samples: &[u8]) -> [usize; 256] {
    let mut counts = [0; 256];
    for &sample in samples {
        counts[usize::from(sample)] += 1;
    }
    counts
}

impl From<MostCommonValue> for Estimate {
    fn from(found: MostCommonValue) -> Self {
        Self {
            min_entropy: found.min_entropy,
            figures: vec![
                ("mode_count", Figure::Count(found.mode_count)),
                ("p_hat", Figure::Real(found.p_hat)),
                ("p_u", Figure::Real(found.p_u)),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of section 6.3.1: p_u = 0.6895, min-entropy 0.5363.
    #[test]
    fn worked_example() {
        let input = [0, 1, 1, 2, 0, 1, 2, 2, 0, 1, 0, 1, 1, 0, 2, 2, 1, 0, 2, 1];
        let found = estimate(&input, 2.576);
        assert_eq!((found.mode_count, format!("{:.4}", found.p_u)), (8, "0.6895".to_owned()));
        assert!((found.min_entropy - 0.536_341_123_506_687_3).abs() < 1e-12);
    }
}
