//! Stretches of cells that come again at another address: pages read with too small a step, or a
//! pattern that is written again and again.
//!
//! Words of 64 cells of the majority, at multiples of 64, are looked for at every byte. Two words of
//! different cells are equal with a probability of at most `c`, the product over the 64 bits of
//! `b^2 + (1 - b)^2`, for a fraction `b` of ones in that bit of all words; 0.65 a bit is taken where
//! that is less. So many equal words at one distance are Poisson at most; the alarm is at three or
//! more with a chance of 1e-6 over all distances. Words of one value are left to the runs.

use std::collections::BTreeMap;
use std::ops::Range;

use super::finding::{Finding, Kind, Remedy, merged};
use super::tail::{LOG10_ALARM, log10_poisson_at_least};
use super::{Detector, Examined, address_line};

pub(super) const DETECTOR: Detector = Detector { kinds: &[Kind::RepeatedWords], find };

/// Equal words at one distance that are too few to speak of.
const LEAST_WORDS: u32 = 3;
/// The least probability that bits of two cells are equal.
const LEAST_AGREEMENT: f64 = 0.65;
/// Ranges of cells up to which they are named.
const MOST_RANGES: usize = 1 << 20;

/// Words by their value, to be looked up.
struct Index {
    /// Value and place in words, ascending.
    words: Vec<(u64, usize)>,
    /// A bit for some hash of each.
    filter: Vec<u64>,
}

impl Index {
    fn of(words: Vec<(u64, usize)>) -> Self {
        let bits = (16 * words.len()).next_power_of_two().max(64);
        let mut index = Self { words, filter: vec![0; bits / 64] };
        index.words.sort_unstable();
        for place in 0..index.words.len() {
            let (slot, bit) = index.slot(index.words[place].0);
            index.filter[slot] |= bit;
        }
        index
    }

    fn slot(&self, word: u64) -> (usize, u64) {
        let hash = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = (hash >> 16) as usize & (self.filter.len() - 1);
        (slot, 1 << (hash >> 58))
    }

    /// The last place before cell `before` where the word stands.
    fn last_before(&self, word: u64, before: usize) -> Option<usize> {
        let (slot, bit) = self.slot(word);
        if self.filter[slot] & bit == 0 {
            return None;
        }
        let end = self.words.partition_point(|&known| known < (word, before.div_ceil(64)));
        let (known, place) = *self.words.get(end.checked_sub(1)?)?;
        (known == word).then_some(64 * place)
    }

    fn distinct(&self) -> usize {
        let mut values: Vec<u64> = self.words.iter().map(|&(word, _)| word).collect();
        values.dedup();
        values.len()
    }

    /// `c`: an upper bound on the probability that words of different cells are equal.
    fn log_agreement(&self) -> f64 {
        let mut ones = [0_u32; 64];
        for (word, _) in &self.words {
            ones.iter_mut()
                .enumerate()
                .for_each(|(bit, ones)| *ones += u32::from(word >> bit & 1 == 1));
        }
        let words = self.words.len().max(1) as f64;
        let agreement = |&ones: &u32| {
            let b = f64::from(ones) / words;
            libm::log((b * b + (1.0 - b) * (1.0 - b)).max(LEAST_AGREEMENT))
        };
        ones.iter().map(agreement).sum()
    }
}

fn find(device: &Examined<'_>) -> Vec<Finding> {
    // Blocks equal by a dead line are copies for a known reason; within words they leave too little.
    let lines = address_line::lines(device);
    if device.is_dead() || lines.iter().any(|line| line.bit < 6) {
        return Vec::new();
    }
    let dead = lines.iter().fold(0, |mask, line| mask | 1_usize << line.bit);
    let scan = device.scan();
    let row = scan.majority.words();
    let (cells, tally) = (device.cells(), &scan.tally);
    let is_whole = |word: usize| tally.kept().is_none_or(|kept| kept.words()[word] == u64::MAX);
    let counts = |word: usize| (64 * word) & dead == 0 && is_whole(word);
    let is_mixed = |word: u64| word != 0 && word != u64::MAX;
    let whole = cells / 64;
    let words = (0..whole).filter(|&w| counts(w) && is_mixed(row[w])).map(|w| (row[w], w));
    let index = Index::of(words.collect());
    let mut by_shift: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for word in 0..whole {
        for offset in (0..64).step_by(8) {
            let value = if offset == 0 {
                row[word]
            } else if 64 * word + offset + 64 <= cells && counts(word + 1) {
                row[word] >> offset | row[word + 1] << (64 - offset)
            } else {
                break;
            };
            let at = 64 * word + offset;
            if counts(word)
                && is_mixed(value)
                && let Some(first) = index.last_before(value, at)
            {
                by_shift.entry(at - first).or_default().push(at);
            }
        }
    }
    let words = index.words.len() as f64;
    let mean = words * libm::exp(index.log_agreement());
    let log10_shifts = libm::log10(8.0 * words.max(1.0));
    by_shift.retain(|_, places| {
        let count = places.len() as f64;
        let chance = log10_poisson_at_least(mean, count) + log10_shifts;
        places.len() >= LEAST_WORDS as usize && chance < LOG10_ALARM
    });
    let Some((&shift, most)) = by_shift.iter().max_by_key(|(_, places)| places.len()) else {
        return Vec::new();
    };
    let log10_chance = log10_poisson_at_least(mean, most.len() as f64) + log10_shifts;
    let copies: Vec<Range<usize>> =
        merged(by_shift.values().flatten().map(|&place| place..place + 64).collect());
    let agreeing = agreement(row, cells, shift);
    let detail = format!(
        "{} of {} words of 8 bytes are distinct; {} stand again {} bytes further on, at which distance \
         {:.1} % of all cells agree; {} distances, {} cells in all",
        index.distinct(),
        index.words.len(),
        most.len(),
        shift / 8,
        100.0 * agreeing,
        by_shift.len(),
        copies.iter().map(ExactSizeIterator::len).sum::<usize>(),
    );
    let cells = if copies.len() > MOST_RANGES { Vec::new() } else { copies };
    let remedy = Remedy { cells: cells.clone(), ..Remedy::default() };
    vec![Finding { cells, detail, remedy, ..device.finding(Kind::RepeatedWords, log10_chance) }]
}

/// The part of cells that agree with those `shift` further on: the autocorrelation at that distance.
fn agreement(row: &[u64], cells: usize, shift: usize) -> f64 {
    let (words, bits) = (shift / 64, shift % 64);
    let later = |word: usize| {
        let low = row.get(word + words).map_or(0, |w| w >> bits);
        let high =
            if bits == 0 { 0 } else { row.get(word + words + 1).map_or(0, |w| w << (64 - bits)) };
        low | high
    };
    let whole = (cells - shift) / 64;
    let alike: u32 = (0..whole).map(|word| (row[word] ^ later(word)).count_zeros()).sum();
    f64::from(alike) / (64 * whole).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::super::test_sets::*;
    use super::*;
    use fuzzy_extractor::bits::BitString;
    use puf_emulator::silicon::{AgeingLaw, Process, TemperatureLaw};

    /// Reads pages of `page` cells, each `step` after the one before.
    fn paged(rows: &[BitString], page: usize, step: usize) -> Vec<BitString> {
        let pages = (rows[0].len() - page) / step + 1;
        let from = |cell: usize| cell / page * step + cell % page;
        rows.iter().map(|row| (0..pages * page).map(|cell| row.get(from(cell))).collect()).collect()
    }

    #[test]
    fn overlapping_pages_are_named_with_their_distance() {
        let rows = clean(1 << 14, 5, 1);
        for (page, step) in [(2048, 1024), (2048, 1536), (2048, 2048 - 136), (800, 600)] {
            let findings = examine(&paged(&rows, page, step));
            assert_eq!(kinds(&findings), [Kind::RepeatedWords], "{page} {step}");
            let far = format!("again {} bytes further on", (page - step) / 8);
            assert!(findings[0].detail.contains(&far), "{}", findings[0].detail);
        }
        assert_eq!(kinds(&examine(&paged(&rows, 2048, 2048))), []);
    }

    #[test]
    fn three_ones_in_four_repeat_nothing() {
        let law = (TemperatureLaw::default(), AgeingLaw::default());
        let process = Process::new(0.11, -0.65, law.0, law.1).unwrap();
        assert_eq!(kinds(&examine(&rows_of(process, 1 << 16, 4, 1))), []);
    }
}
