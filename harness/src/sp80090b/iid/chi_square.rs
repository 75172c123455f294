//! The chi-square tests (sections 5.2.1 to 5.2.4).
//!
//! Bits are tested in words of `m` bits, symbols in pairs. Values that are expected less than five times
//! are put together, the rarest first, until a bin is expected five times.

use super::ALPHA;
use crate::metric::chi_square::survival;
use crate::sp80090b::most_common_value::counts;

/// What a test finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquare {
    /// The statistic, `T`.
    pub t: f64,
    /// Degrees of freedom; 0 where the data are too one-sided to test.
    pub degrees: usize,
    /// Probability of a statistic as large.
    pub p_value: f64,
}

impl ChiSquare {
    fn new(t: f64, degrees: usize) -> Self {
        Self { t, degrees, p_value: survival(t, degrees as f64) }
    }

    /// Whether such a statistic is no surprise.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.p_value >= ALPHA
    }
}

/// Occurrences that a bin must be expected to have.
const LEAST_EXPECTED: f64 = 5.0;

/// Are successive samples independent (sections 5.2.1 and 5.2.3)?
#[must_use]
pub fn independence(samples: &[u8], alphabet: usize) -> ChiSquare {
    if alphabet == 2 {
        independence_of_bits(samples)
    } else {
        independence_of_pairs(samples, alphabet)
    }
}

/// Do all tenths of the samples have one distribution (sections 5.2.2 and 5.2.4)?
#[must_use]
pub fn goodness_of_fit(samples: &[u8], alphabet: usize) -> ChiSquare {
    let tenth = samples.len() / 10;
    if tenth == 0 {
        return ChiSquare::new(0.0, 0);
    }
    let expected = proportions(samples, alphabet).into_iter().map(|p| p * tenth as f64);
    let bins = if alphabet == 2 {
        // Both bits are kept apart, however rare.
        Bins { of: vec![0, 1], expected: expected.collect() }
    } else {
        Bins::new(&expected.collect::<Vec<_>>())
    };
    let t = samples
        .chunks_exact(tenth)
        .take(10)
        .map(|piece| bins.statistic(piece.iter().map(|&sample| usize::from(sample))))
        .sum();
    ChiSquare::new(t, 9 * (bins.expected.len() - 1))
}

/// Words of `m` bits, the longest up to 11 whose rarest is expected five times.
fn independence_of_bits(bits: &[u8]) -> ChiSquare {
    let p = proportions(bits, 2);
    let rarer = p[0].min(p[1]);
    let frequent =
        |m: &usize| libm::pow(rarer, *m as f64) * (bits.len() / m) as f64 >= LEAST_EXPECTED;
    let Some(m) = (2..=11).rev().find(frequent) else { return ChiSquare::new(0.0, 0) };
    let mut observed = vec![0_usize; 1 << m];
    for word in bits.chunks_exact(m) {
        observed[word.iter().fold(0, |word, &bit| word << 1 | usize::from(bit & 1))] += 1;
    }
    let words = (bits.len() / m) as f64;
    let term = |(word, &count): (usize, &usize)| {
        let ones = word.count_ones();
        let expected =
            libm::pow(p[1], f64::from(ones)) * libm::pow(p[0], m as f64 - f64::from(ones)) * words;
        (count as f64 - expected) * (count as f64 - expected) / expected
    };
    ChiSquare::new(observed.iter().enumerate().map(term).sum(), (1 << m) - 2)
}

fn independence_of_pairs(samples: &[u8], alphabet: usize) -> ChiSquare {
    let p = proportions(samples, alphabet);
    let pairs = (samples.len() / 2) as f64;
    let expected: Vec<f64> =
        p.iter().flat_map(|first| p.iter().map(move |second| first * second * pairs)).collect();
    let bins = Bins::new(&expected);
    let pair = |pair: &[u8]| usize::from(pair[0]) * alphabet + usize::from(pair[1]);
    let t = bins.statistic(samples.chunks_exact(2).map(pair));
    ChiSquare::new(t, bins.expected.len().saturating_sub(alphabet))
}

fn proportions(samples: &[u8], alphabet: usize) -> Vec<f64> {
    counts(samples)[..alphabet].iter().map(|&n| n as f64 / samples.len() as f64).collect()
}

/// Values in bins of enough expected occurrences.
struct Bins {
    /// The bin of each value.
    of: Vec<usize>,
    /// Occurrences that each bin is expected to have.
    expected: Vec<f64>,
}

impl Bins {
    /// Fills bins from the rarest value on, equally rare ones in their order.
    fn new(expected_of_values: &[f64]) -> Self {
        let mut values: Vec<usize> = (0..expected_of_values.len()).collect();
        values.sort_by(|&a, &b| expected_of_values[a].total_cmp(&expected_of_values[b]));
        let (mut of, mut expected) = (vec![0; values.len()], vec![0.0]);
        for value in values {
            if expected[expected.len() - 1] >= LEAST_EXPECTED {
                expected.push(0.0);
            }
            let bin = expected.len() - 1;
            of[value] = bin;
            expected[bin] += expected_of_values[value];
        }
        // The last bin may lack some: then it is part of the one before.
        if let [.., before, last] = expected.as_mut_slice()
            && *last < LEAST_EXPECTED
        {
            *before += *last;
            expected.pop();
            of.iter_mut().for_each(|bin| *bin = (*bin).min(expected.len() - 1));
        }
        Self { of, expected }
    }

    fn statistic(&self, values: impl Iterator<Item = usize>) -> f64 {
        let mut observed = vec![0_usize; self.expected.len()];
        values.for_each(|value| observed[self.of[value]] += 1);
        let pairs = observed.iter().zip(&self.expected);
        pairs.map(|(&o, &e)| (o as f64 - e) * (o as f64 - e) / e).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_values_share_a_bin() {
        let bins = Bins::new(&[9.0, 1.0, 2.0, 6.0, 3.0, 2.0]);
        // 1 + 2 + 2 (in their order), 3 + 6, 9.
        assert_eq!(bins.of, [2, 0, 0, 1, 1, 0]);
        assert_eq!(bins.expected, [5.0, 9.0, 9.0]);
        let bins = Bins::new(&[4.0, 7.0, 0.5]);
        assert_eq!((bins.of, bins.expected), (vec![0, 0, 0], vec![11.5]));
        let alone = Bins::new(&[1.0, 2.0]);
        assert_eq!((alone.of, alone.expected), (vec![0, 0], vec![3.0]));
    }

    #[test]
    fn dependence_and_drift_are_seen() {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        for alphabet in [2_u8, 3, 5] {
            let k = usize::from(alphabet);
            let fair: Vec<u8> = (0..20_000).map(|_| next() % alphabet).collect();
            assert!(independence(&fair, k).passed() && goodness_of_fit(&fair, k).passed());
            let twice: Vec<u8> = fair.iter().flat_map(|&s| [s, s]).collect();
            assert!(!independence(&twice, k).passed(), "{alphabet}");
            let mut drifting = fair.clone();
            drifting.sort_unstable();
            assert!(!goodness_of_fit(&drifting, k).passed(), "{alphabet}");
        }
    }

    #[test]
    fn one_sided_bits_are_not_tested() {
        let mut bits = vec![0; 100];
        bits[50] = 1;
        assert_eq!(independence(&bits, 2).degrees, 0);
        assert!(independence(&bits, 2).passed());
    }
}
