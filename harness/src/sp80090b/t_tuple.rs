//! The t-tuple estimate (section 6.3.5).

use super::bound::{min_entropy, upper_bound};
use super::repeats::Repeats;
use super::{Estimate, Figure, LeftOut};

/// Occurrences that a tuple must have to be counted: step 1 of sections 6.3.5 and 6.3.6.
pub const CUTOFF: u32 = 35;

/// What the estimate is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TTuple {
    /// The longest length of a tuple that occurs often enough, `t`.
    pub t: usize,
    /// The largest `P_max[i]`: the proportion of the most common tuple of `i` samples, per sample.
    pub p_hat_max: f64,
    /// Its upper bound.
    pub p_u: f64,
    /// Min-entropy per sample.
    pub min_entropy: f64,
}

/// Min-entropy from the most common tuple of each length.
///
/// # Errors
/// [`LeftOut::NoFrequentTuple`] if no sample occurs `cutoff` times.
pub fn estimate(repeats: &Repeats, cutoff: u32, z: f64) -> Result<TTuple, LeftOut> {
    let t = repeats.longest_with(cutoff);
    if t == 0 {
        return Err(LeftOut::NoFrequentTuple { cutoff });
    }
    let proportion = |i: usize| {
        let p = f64::from(repeats.most_common(i)) / (repeats.samples() - i + 1) as f64;
        libm::pow(p, 1.0 / i as f64)
    };
    let p_hat_max = (1..=t).map(proportion).fold(0.0, f64::max);
    let p_u = upper_bound(p_hat_max, repeats.samples(), z);
    Ok(TTuple { t, p_hat_max, p_u, min_entropy: min_entropy(p_u) })
}

impl From<TTuple> for Estimate {
    fn from(found: TTuple) -> Self {
        Self {
            min_entropy: found.min_entropy,
            figures: vec![
                ("t", Figure::Count(found.t)),
                ("p_hat_max", Figure::Real(found.p_hat_max)),
                ("p_u", Figure::Real(found.p_u)),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sp80090b::tests::TERNARY;

    /// The worked example of section 6.3.5, with a cutoff of 3: min-entropy 0.273.
    #[test]
    fn worked_example() {
        let found = estimate(&Repeats::count(&TERNARY, 3), 3, 2.576).unwrap();
        assert_eq!(found.t, 3);
        assert!((found.p_hat_max - 0.540_491_934_937_226_1).abs() < 1e-12);
        assert!((found.min_entropy - 0.273_078_979_711_325_9).abs() < 1e-12);
    }

    #[test]
    fn nothing_frequent_is_said() {
        let repeats = Repeats::count(&[0, 1, 2, 3], 4);
        assert_eq!(estimate(&repeats, 35, 2.576), Err(LeftOut::NoFrequentTuple { cutoff: 35 }));
    }
}
