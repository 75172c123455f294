//! Figures that follow from how many cells read 1 in how many of `T` readouts.
//!
//! A histogram of one-counts has `T + 1` places, `histogram[c]` the number of cells that read 1 in `c`
//! readouts. Means over readouts are exact for the readouts that were taken; the intervals are about
//! what further cells of the same kind would show.

use super::estimate::Estimate;

/// Number of readouts that a histogram is about.
///
/// # Panics
/// If it has no place at all.
#[must_use]
pub fn readouts(histogram: &[u64]) -> usize {
    assert!(!histogram.is_empty(), "a histogram of T + 1 places");
    histogram.len() - 1
}

/// Fraction of ones over all readouts: *uniformity* (Maiti et al., ePrint 2011/657), Hamming weight;
/// 0 to 1, ideally 0.5.
#[must_use]
pub fn ones_fraction(histogram: &[u64]) -> Option<Estimate> {
    let t = readouts(histogram) as f64;
    if t == 0.0 { None } else { Estimate::of_cells(histogram, |c| c as f64 / t) }
}

/// Mean within-class Hamming distance over all pairs of readouts, 0 to 1, ideally 0: the unbiased
/// estimate of the error rate between two fresh readouts. `None` below two readouts.
#[must_use]
pub fn wchd_pairwise(histogram: &[u64]) -> Option<Estimate> {
    let t = readouts(histogram);
    if t < 2 {
        return None;
    }
    let pairs = (t as f64) * (t as f64 - 1.0);
    Estimate::of_cells(histogram, |c| 2.0 * c as f64 * (t - c) as f64 / pairs)
}

/// Mean within-class Hamming distance of the readouts to their own majority, 0 to 1, ideally 0. `None`
/// without a readout.
///
/// The majority is taken of the readouts that are compared with it, which fits them better than fresh
/// ones: with few readouts the figure is too low, and with one or two it is 0 or half the pairwise one.
#[must_use]
pub fn wchd_majority(histogram: &[u64]) -> Option<Estimate> {
    let t = readouts(histogram);
    if t == 0 {
        return None;
    }
    Estimate::of_cells(histogram, |c| c.min(t - c) as f64 / t as f64)
}

/// Mean within-class Hamming distance of the later readouts to the first, 0 to 1, ideally 0, from the
/// histogram of how often cells read otherwise than then. `None` below two readouts.
#[must_use]
pub fn wchd_first(histogram_to_first: &[u64]) -> Option<Estimate> {
    let t = readouts(histogram_to_first);
    if t < 2 {
        return None;
    }
    Estimate::of_cells(histogram_to_first, |c| c as f64 / (t as f64 - 1.0))
}

/// Fraction of cells that read the same in all readouts, 0 to 1: *stable cells*. It falls with the
/// number of readouts and means nothing without it. `None` below two readouts.
#[must_use]
pub fn never_flipping(histogram: &[u64]) -> Option<Estimate> {
    let t = readouts(histogram);
    if t < 2 {
        return None;
    }
    Estimate::of_proportion(histogram[0] + histogram[t], histogram.iter().sum())
}

/// Mean over cells of `-log2 max(p, 1 - p)` with `p` the fraction of ones of a cell: the noise
/// min-entropy of a readout, bits a cell, 0 to 1; what a generator of random numbers gains and a key
/// pays for. Hori's *steadiness* is one minus it.
///
/// The estimate is too low for few readouts: a cell that has not flipped yet counts as one that never
/// does. `None` below two readouts.
#[must_use]
pub fn noise_min_entropy(histogram: &[u64]) -> Option<Estimate> {
    let t = readouts(histogram);
    if t < 2 {
        return None;
    }
    Estimate::of_cells(histogram, |c| -libm::log2(c.max(t - c) as f64 / t as f64))
}

/// Mean over cells of `|2p - 1|` with `p` the fraction of ones of a cell: the *reliability* of pypuf
/// (`pypuf.metrics.reliability_data`), 0 to 1, ideally 1.
///
/// pypuf documents it as an estimate of `Pr[eval(x) = eval(x)]`, which it is not: of a cell that reads
/// 1 with probability 0.9 it is 0.8, where two readouts agree with probability 0.82.
#[must_use]
pub fn reliability_pypuf(histogram: &[u64]) -> Option<Estimate> {
    let t = readouts(histogram);
    if t == 0 {
        return None;
    }
    Estimate::of_cells(histogram, |c| (2.0 * c as f64 - t as f64).abs() / t as f64)
}

/// Min-entropy of a fraction of ones, `-log2 max(b, 1 - b)`; bits a cell, 0 to 1.
#[must_use]
pub fn min_entropy(ones_fraction: f64) -> f64 {
    // Not -0 where there is none.
    0.0 - libm::log2(ones_fraction.max(1.0 - ones_fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(estimate: Option<Estimate>) -> f64 {
        estimate.unwrap().value
    }

    /// Four readouts of four cells, by hand: 0000, 0001, 0011, 1111 in time.
    const BY_HAND: [u64; 5] = [1, 1, 1, 0, 1];

    #[test]
    fn known_answers() {
        assert_eq!(value(ones_fraction(&BY_HAND)), 7.0 / 16.0);
        // Of six pairs of readouts: 0, 3, 4, 0 differ.
        assert!((value(wchd_pairwise(&BY_HAND)) - 7.0 / 24.0).abs() < 1e-15);
        assert_eq!(value(wchd_majority(&BY_HAND)), (0.0 + 1.0 + 2.0 + 0.0) / 16.0);
        assert_eq!(value(never_flipping(&BY_HAND)), 0.5);
        let entropy = (-libm::log2(0.75) + 1.0) / 4.0;
        assert!((value(noise_min_entropy(&BY_HAND)) - entropy).abs() < 1e-15);
        assert_eq!(value(reliability_pypuf(&BY_HAND)), (1.0 + 0.5 + 0.0 + 1.0) / 4.0);
        // Against a first readout of 0, 0, 0, 1.
        assert_eq!(value(wchd_first(&[2, 1, 1, 0, 0])), 3.0 / 12.0);
    }

    /// The example of pypuf's documentation: (1, 1, -1), and three cells of (1, 1, 1).
    #[test]
    fn the_example_of_pypuf() {
        assert!((value(reliability_pypuf(&[0, 0, 1, 3])) - 0.833_333_333_333_333_3).abs() < 1e-15);
    }

    #[test]
    fn too_few_readouts_have_no_figure() {
        for histogram in [&[5_u64][..], &[2, 3]] {
            assert_eq!(wchd_pairwise(histogram), None);
            assert_eq!(wchd_first(histogram), None);
            assert_eq!(never_flipping(histogram), None);
            assert_eq!(noise_min_entropy(histogram), None);
        }
        assert_eq!(value(ones_fraction(&[2, 3])), 0.6);
        assert_eq!(ones_fraction(&[0, 0]), None);
    }

    #[test]
    fn min_entropy_of_a_bias() {
        assert_eq!(min_entropy(0.5), 1.0);
        assert_eq!(min_entropy(0.25), min_entropy(0.75));
        assert!(min_entropy(1.0).is_sign_positive() && min_entropy(1.0) == 0.0);
    }
}
