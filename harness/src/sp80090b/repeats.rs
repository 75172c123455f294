//! How often substrings repeat: what the t-tuple and the longest repeated substring estimates count.

use super::suffixes;

/// Counts of the substrings of each length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeats {
    samples: usize,
    /// `Q[t]`, t from 1: how often the most common substring of `t` samples occurs.
    most: Vec<u32>,
    /// For `t` from 1: pairs of equal substrings of `t` samples.
    pairs: Vec<u64>,
}

impl Repeats {
    /// Counts the substrings of a sequence over an alphabet of symbols numbered from 0.
    #[must_use]
    pub fn count(samples: &[u8], alphabet: usize) -> Self {
        let common = suffixes::common_prefixes(samples, alphabet);
        let longest = common.iter().max().map_or(0, |&longest| longest as usize);
        let mut most = vec![1_u32; longest + 1];
        let mut pairs = vec![0_u64; longest + 2];
        // Suffixes between two neighbours that have less in common form an interval, in which all have
        // `length` symbols in common, and the interval around it `outer`. Its suffixes are the
        // occurrences of a substring of each length from `outer + 1` to `length`.
        let mut open: Vec<(u32, u32)> = Vec::new();
        for (i, &next) in (0_u32..).zip(common.iter().skip(1).chain(&[0])) {
            let mut start = i;
            while let Some(&(length, opened)) = open.last()
                && length > next
            {
                open.pop();
                let outer = open.last().map_or(0, |&(outer, _)| outer).max(next);
                let count = i - opened + 1;
                let slot = &mut most[length as usize];
                *slot = count.max(*slot);
                let pairs_here = u64::from(count) * u64::from(count - 1) / 2;
                // Differences, summed up below: wrapping undoes what wrapping does.
                let end = &mut pairs[length as usize + 1];
                *end = end.wrapping_sub(pairs_here);
                let begin = &mut pairs[outer as usize + 1];
                *begin = begin.wrapping_add(pairs_here);
                start = opened;
            }
            if next > open.last().map_or(0, |&(length, _)| length) {
                open.push((next, start));
            }
        }
        // A substring occurs at least as often as what it begins.
        for t in (1..longest).rev() {
            most[t] = most[t].max(most[t + 1]);
        }
        for t in 1..pairs.len() {
            pairs[t] = pairs[t].wrapping_add(pairs[t - 1]);
        }
        Self { samples: samples.len(), most, pairs }
    }

    /// How many samples the sequence has, `L`.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Length of the longest substring that occurs twice, `v`; 0 if none does.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.most.len() - 1
    }

    /// How often the most common substring of `t` samples occurs, `Q[t]`; 1 beyond the longest repeat.
    #[must_use]
    pub fn most_common(&self, t: usize) -> u32 {
        self.most.get(t).copied().unwrap_or(1)
    }

    /// The longest length at which a substring occurs at least `cutoff` times; 0 if none does.
    #[must_use]
    pub fn longest_with(&self, cutoff: u32) -> usize {
        (1..=self.longest()).take_while(|&t| self.most[t] >= cutoff).count()
    }

    /// Pairs of equal substrings of `w` samples.
    #[must_use]
    pub fn equal_pairs(&self, w: usize) -> u64 {
        self.pairs.get(w).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn plain(samples: &[u8], t: usize) -> (u32, u64) {
        let mut counts: HashMap<&[u8], u64> = HashMap::new();
        for window in samples.windows(t) {
            *counts.entry(window).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or(1);
        (u32::try_from(most).unwrap(), counts.values().map(|c| c * (c - 1) / 2).sum())
    }

    proptest! {
        #[test]
        fn counts_are_those_of_all_windows(
            samples in (0_u8..4).prop_flat_map(|top| proptest::collection::vec(0..=top, 1..120)),
        ) {
            let repeats = Repeats::count(&samples, 4);
            for t in 1..=samples.len() + 1 {
                let (most, pairs) = plain(&samples, t.min(samples.len()));
                if t <= samples.len() {
                    prop_assert_eq!((repeats.most_common(t), repeats.equal_pairs(t)), (most, pairs));
                }
                prop_assert_eq!(pairs > 0 && t <= samples.len(), t <= repeats.longest(), "{}", t);
            }
        }
    }

    #[test]
    fn one_sample_repeats_nothing() {
        let repeats = Repeats::count(&[0], 2);
        assert_eq!((repeats.longest(), repeats.longest_with(1), repeats.equal_pairs(1)), (0, 0, 0));
    }
}
