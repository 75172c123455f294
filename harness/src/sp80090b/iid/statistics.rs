//! The statistics of the permutation test (sections 5.1.1 to 5.1.11).
//!
//! Bits are looked at in blocks of eight for most of them: as the number of ones (conversion I) or as a
//! number (conversion II); the last block may be shorter.

use std::io::Write as _;

use bzip2::{Action, Compress, Compression};

use crate::sp80090b::Symbols;

/// Lags of the periodicity and covariance statistics.
pub const LAGS: [usize; 5] = [1, 2, 8, 16, 32];

/// How many statistics there are.
pub const COUNT: usize = 19;

/// Their names in documents, which are those of NIST's tool.
pub const NAMES: [&str; COUNT] = [
    "excursion",
    "numDirectionalRuns",
    "lenDirectionalRuns",
    "numIncreasesDecreases",
    "numRunsMedian",
    "lenRunsMedian",
    "avgCollision",
    "maxCollision",
    "periodicity(1)",
    "periodicity(2)",
    "periodicity(8)",
    "periodicity(16)",
    "periodicity(32)",
    "covariance(1)",
    "covariance(2)",
    "covariance(8)",
    "covariance(16)",
    "covariance(32)",
    "compression",
];

/// What does not change when samples are permuted.
pub(super) struct Law<'a> {
    symbols: &'a Symbols,
    mean: f64,
    median: f64,
}

impl<'a> Law<'a> {
    pub(super) fn of(symbols: &'a Symbols) -> Self {
        let sum: u64 = symbols.values().map(u64::from).sum();
        let mean = sum as f64 / symbols.len() as f64;
        let median = if symbols.alphabet_size() == 2 { 0.5 } else { median(symbols.samples()) };
        Self { symbols, mean, median }
    }

    /// The statistics of a permutation of the samples that are `wanted`; the others are 0.
    pub(super) fn statistics(&self, samples: &[u8], wanted: &[bool; COUNT]) -> [f64; COUNT] {
        let bits = self.symbols.alphabet_size() == 2;
        let alphabet = if bits { 256 } else { self.symbols.alphabet_size() };
        let value = |sample: u8| self.symbols.value(sample);
        let any = |range: std::ops::Range<usize>| wanted[range].contains(&true);
        let mut found = [0.0; COUNT];
        if wanted[0] {
            found[0] = excursion(samples.iter().map(|&sample| value(sample)), self.mean);
        }
        // Of symbols nothing is converted.
        let ones = if bits { conversion(samples, |_| 0) } else { Vec::new() };
        let counted = if bits { &ones } else { samples };
        if any(1..4) {
            let rises = Runs::of(counted.windows(2).map(|pair| pair[0] <= pair[1]));
            found[1] = rises.number as f64;
            found[2] = rises.longest as f64;
            found[3] = rises.yes.max(rises.no) as f64;
        }
        if any(4..6) {
            let runs = Runs::of(samples.iter().map(|&sample| f64::from(sample) >= self.median));
            found[4] = runs.number as f64;
            found[5] = runs.longest as f64;
        }
        if any(6..8) {
            let numbers = if bits { conversion(samples, |place| 7 - place) } else { Vec::new() };
            let numbers = if bits { &numbers } else { samples };
            [found[6], found[7]] = collisions(numbers, alphabet);
        }
        for (i, lag) in LAGS.into_iter().enumerate() {
            let pairs = || counted.iter().zip(counted.iter().skip(lag));
            if wanted[8 + i] {
                found[8 + i] = pairs().filter(|(a, b)| a == b).count() as f64;
            }
            if wanted[13 + i] {
                let product = |(&a, &b): (&u8, &u8)| {
                    // The numbers of symbols are not their values.
                    let (a, b) = if bits { (a, b) } else { (value(a), value(b)) };
                    u64::from(a) * u64::from(b)
                };
                found[13 + i] = pairs().map(product).sum::<u64>() as f64;
            }
        }
        if wanted[18] {
            found[18] = compressed(samples.iter().map(|&sample| value(sample))) as f64;
        }
        found
    }
}

fn median(samples: &[u8]) -> f64 {
    let counts = crate::sp80090b::most_common_value::counts(samples);
    let at = |rank: usize| {
        let mut before = 0;
        let holds = |count: &usize| {
            before += count;
            before > rank
        };
        counts.iter().position(holds).unwrap_or(0) as f64
    };
    f64::midpoint(at((samples.len() - 1) / 2), at(samples.len() / 2))
}

/// Blocks of eight bits, each bit shifted as its place in the block says.
fn conversion(bits: &[u8], shift: impl Fn(u32) -> u32) -> Vec<u8> {
    let block = |block: &[u8]| (0..).zip(block).map(|(place, bit)| bit << shift(place)).sum();
    bits.chunks(8).map(block).collect()
}

/// The largest distance between the sum of the first samples and its mean (section 5.1.1).
fn excursion(values: impl Iterator<Item = u8>, mean: f64) -> f64 {
    let (mut sum, mut most) = (0_u64, 0.0_f64);
    for (count, value) in (1_u64..).zip(values) {
        sum += u64::from(value);
        most = most.max((sum as f64 - count as f64 * mean).abs());
    }
    most
}

/// Runs of a yes or no (sections 5.1.2 to 5.1.6).
struct Runs {
    number: usize,
    longest: usize,
    yes: usize,
    no: usize,
}

impl Runs {
    fn of(answers: impl Iterator<Item = bool>) -> Self {
        let mut runs = Self { number: 0, longest: 0, yes: 0, no: 0 };
        let (mut last, mut length) = (None, 0);
        for answer in answers {
            if last == Some(answer) {
                length += 1;
            } else {
                runs.number += 1;
                length = 1;
            }
            last = Some(answer);
            runs.longest = runs.longest.max(length);
            if answer { runs.yes += 1 } else { runs.no += 1 }
        }
        runs
    }
}

/// Mean and largest number of samples up to the first that came before (sections 5.1.7 and 5.1.8).
fn collisions(samples: &[u8], alphabet: usize) -> [f64; 2] {
    // The search in which each symbol was last seen.
    let mut seen = vec![0_usize; alphabet];
    let (mut found, mut sum, mut most, mut length) = (0_usize, 0_usize, 0_usize, 0_usize);
    for &sample in samples {
        length += 1;
        let last = &mut seen[usize::from(sample)];
        if *last == found + 1 {
            found += 1;
            sum += length;
            most = most.max(length);
            length = 0;
        } else {
            *last = found + 1;
        }
    }
    [if found == 0 { 0.0 } else { sum as f64 / found as f64 }, most as f64]
}

/// Bytes that bzip2 makes of the samples as decimal numbers with blanks between (section 5.1.11).
///
/// Blocks of 500,000 bytes and the default work factor, as in NIST's tool. The algorithm has no
/// freedom: every compressor of the family makes the same of it.
fn compressed(values: impl Iterator<Item = u8>) -> usize {
    let mut text = Vec::new();
    for value in values {
        // Writing to memory does not fail.
        let _ = write!(text, "{value} ");
    }
    text.pop();
    let mut out = Vec::with_capacity(text.len() / 100 * 101 + 700);
    let mut bzip2 = Compress::new(Compression::new(5), 0);
    // One call, for which there is room: what does not fit is no result.
    match bzip2.compress_vec(&text, &mut out, Action::Finish) {
        Ok(bzip2::Status::StreamEnd) => out.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_section_5_1() {
        // 5.1.1: {2, 15, 4, 10, 9}, mean 8.
        assert!((excursion([2, 15, 4, 10, 9].into_iter(), 8.0) - 6.0).abs() < 1e-12);
        // 5.1.2 to 5.1.4: {2, 2, 2, 5, 7, 7, 9, 3, 1, 4, 4}.
        let input = [2, 2, 2, 5, 7, 7, 9, 3, 1, 4, 4];
        let runs = Runs::of(input.windows(2).map(|pair| pair[0] <= pair[1]));
        assert_eq!((runs.number, runs.longest, runs.yes.max(runs.no)), (3, 6, 8));
        // 5.1.5 and 5.1.6: {5, 15, 12, 1, 13, 9, 4}, median 9.
        let input = [5, 15, 12, 1, 13, 9, 4];
        assert!((median(&input) - 9.0).abs() < 1e-12);
        let runs = Runs::of(input.iter().map(|&sample| f64::from(sample) >= 9.0));
        assert_eq!((runs.number, runs.longest), (5, 2));
        // 5.1.7 and 5.1.8: {2, 1, 1, 2, 0, 1, 0, 1, 1, 2}: three, four, two.
        let [mean, most] = collisions(&[2, 1, 1, 2, 0, 1, 0, 1, 1, 2], 3);
        assert!((mean - 3.0).abs() < 1e-12 && (most - 4.0).abs() < 1e-12);
    }

    #[test]
    fn bits_are_converted_in_blocks() {
        let bits = [1, 0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 0, 1, 1];
        assert_eq!(conversion(&bits, |_| 0), [4, 6, 2]);
        assert_eq!(conversion(&bits, |place| 7 - place), [142, 219, 48]);
    }

    #[test]
    fn a_median_of_two_is_between_them() {
        assert!((median(&[0, 3]) - 1.5).abs() < 1e-12);
        assert!((median(&[2, 2, 2, 5]) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn compression_is_a_length() {
        assert_eq!(compressed([].into_iter()), 14, "an empty stream");
        assert!(compressed((0..=255).cycle().take(10_000)) < 3000);
    }
}
