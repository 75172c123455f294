//! The longest repeated substring (LRS) estimate (section 6.3.6).

use super::bound::{min_entropy, upper_bound};
use super::repeats::Repeats;
use super::{Estimate, Figure, LeftOut};

/// What the estimate is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lrs {
    /// The shortest length at which no tuple occurs often enough for the t-tuple estimate, `u`.
    pub u: usize,
    /// The longest length of a tuple that occurs twice, `v`.
    pub v: usize,
    /// The largest `P_max,W`: the collision probability of tuples of `W` samples, per sample.
    pub p_hat: f64,
    /// Its upper bound.
    pub p_u: f64,
    /// Min-entropy per sample.
    pub min_entropy: f64,
}

/// Min-entropy from how many pairs of long tuples are equal.
///
/// # Errors
/// [`LeftOut::NoLongRepeat`] if no tuple repeats that is longer than those of the t-tuple estimate.
pub fn estimate(repeats: &Repeats, cutoff: u32, z: f64) -> Result<Lrs, LeftOut> {
    let (u, v) = (repeats.longest_with(cutoff) + 1, repeats.longest());
    if v < u {
        return Err(LeftOut::NoLongRepeat);
    }
    let proportion = |w: usize| {
        let windows = (repeats.samples() - w + 1) as f64;
        let p = repeats.equal_pairs(w) as f64 / (windows * (windows - 1.0) / 2.0);
        libm::pow(p, 1.0 / w as f64)
    };
    let p_hat = (u..=v).map(proportion).fold(0.0, f64::max);
    let p_u = upper_bound(p_hat, repeats.samples(), z);
    Ok(Lrs { u, v, p_hat, p_u, min_entropy: min_entropy(p_u) })
}

impl From<Lrs> for Estimate {
    fn from(found: Lrs) -> Self {
        Self {
            min_entropy: found.min_entropy,
            figures: vec![
                ("u", Figure::Count(found.u)),
                ("v", Figure::Count(found.v)),
                ("p_hat", Figure::Real(found.p_hat)),
                ("p_u", Figure::Real(found.p_u)),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sp80090b::tests::TERNARY;

    /// The worked example of section 6.3.6, with a cutoff of 3: u = 4, v = 5, min-entropy 0.6146.
    #[test]
    fn worked_example() {
        let found = estimate(&Repeats::count(&TERNARY, 3), 3, 2.576).unwrap();
        assert_eq!((found.u, found.v), (4, 5));
        assert!((found.min_entropy - 0.614_563_462_271_914_2).abs() < 1e-12);
    }

    #[test]
    fn no_long_repeat_is_said() {
        let repeats = Repeats::count(&[0, 1, 2, 3], 4);
        assert_eq!(estimate(&repeats, 35, 2.576), Err(LeftOut::NoLongRepeat));
    }
}
