//! Two passes over the readouts of a device: counts, majority, distances to it, a sample.

use fuzzy_extractor::bits::BitString;
use puf_emulator::silicon::Instructions;

use super::passes::Passes;
use super::tally::{MAX_BLOCK_READOUTS, Tally};
use crate::readouts::Block;

/// Readouts as large as this together are kept in memory instead of being read again.
const RESIDENT_BYTES: usize = 8 << 20;
/// Size of the sample of larger ones.
const SAMPLE_BYTES: usize = 4 << 20;
/// Readouts in a sample.
const SAMPLE_READOUTS: usize = 4096;
/// Bytes of a block: it stays in the second or third cache.
const BLOCK_BYTES: usize = 1 << 20;
/// Readouts up to which the [profile](Scan::ones_by_count) of each is counted.
pub const MAX_PROFILED_READOUTS: usize = 1024;

/// What two passes over the readouts of a device leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// One-counts of cells, facts about readouts.
    pub tally: Tally,
    /// The value that each cell reads most often; an even tie takes that of the first readout.
    pub majority: BitString,
    /// Kept cells of each readout that differ from the majority.
    pub to_majority: Vec<u32>,
    /// Some or all of the readouts' words.
    pub sample: Sample,
    /// For each readout, of the cells that read 1 in `c` readouts the number of those that do so in this
    /// one, for `c` from 0 to the number of readouts: what its noise and offset show in. `None` where
    /// no [detail](Detail) was asked for, and above [`MAX_PROFILED_READOUTS`].
    pub ones_by_count: Option<Vec<Vec<u32>>>,
}

/// How much a scan looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What the figures of a device need.
    Figures,
    /// Also [`Scan::ones_by_count`], which takes as long again.
    Readouts,
}

/// Words of readouts that are kept in memory: all of them, or some evenly spread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Which readouts, ascending.
    pub readouts: Vec<usize>,
    /// Which words of each, ascending: word `w` holds the cells from `64 w` on.
    pub words: Vec<usize>,
    /// A row per readout of [`readouts`](Self::readouts), with the words of [`words`](Self::words).
    pub rows: Block,
}

impl Sample {
    /// Plans a sample of `readouts` readouts of `cells` cells.
    fn of(readouts: usize, cells: usize) -> Self {
        let words = cells.div_ceil(64);
        if readouts.saturating_mul(words) <= RESIDENT_BYTES / 8 {
            let (readouts, words) = ((0..readouts).collect(), (0..words).collect());
            return Self { readouts, words, rows: Block::new(cells) };
        }
        let readouts = spread(readouts, SAMPLE_READOUTS);
        let words = spread(words, (SAMPLE_BYTES / 8 / readouts.len()).max(1));
        let rows = Block::new(64 * words.len());
        Self { readouts, words, rows }
    }

    /// Whether it holds all cells of all readouts of a device with so many.
    #[must_use]
    pub fn is_whole(&self, readouts: usize, cells: usize) -> bool {
        self.readouts.len() == readouts && self.words.len() == cells.div_ceil(64)
    }

    fn take(&mut self, block: &Block, from: usize) {
        for &readout in &self.readouts[self.rows.len()..] {
            let Some(place) = readout.checked_sub(from).filter(|&place| place < block.len()) else {
                return;
            };
            let row = block.row(place);
            for (to, &word) in self.rows.push().iter_mut().zip(&self.words) {
                *to = row[word];
            }
        }
    }
}

/// At most `most` of the numbers below `count`, evenly spread, the first among them.
fn spread(count: usize, most: usize) -> Vec<usize> {
    let step = count.div_ceil(most.max(1)).max(1);
    (0..count).step_by(step).collect()
}

/// How many readouts of so many cells a block holds.
#[must_use]
pub fn block_readouts(cells: usize) -> usize {
    (BLOCK_BYTES / (8 * cells.div_ceil(64).max(1))).clamp(1, MAX_BLOCK_READOUTS)
}

impl Scan {
    /// Goes over the readouts once for the counts, and again for what is measured against them, from
    /// memory where they are few.
    ///
    /// Memory: 4 bytes a cell, 24 a readout, and a fixed amount beside.
    ///
    /// # Errors
    /// What the readers say.
    pub fn of<P: Passes + ?Sized>(readouts: &P, detail: Detail) -> Result<Self, P::Error> {
        let most = block_readouts(readouts.cells());
        let mut tally = Tally::new(readouts.cells(), readouts.kept().cloned());
        let mut sample = Sample::of(readouts.readouts(), readouts.cells());
        readouts.pass(most, &mut |block| {
            sample.take(block, tally.readouts());
            tally.add(block);
            Ok(())
        })?;
        let mut second = Second::new(&tally, detail);
        if sample.is_whole(readouts.readouts(), readouts.cells()) {
            second.visit(&tally, &sample.rows);
        } else {
            readouts.pass(most, &mut |block| {
                second.visit(&tally, block);
                Ok(())
            })?;
        }
        let Second { majority, to_majority, ones_by_count, .. } = second;
        Ok(Self { tally, majority, to_majority, sample, ones_by_count })
    }
}

/// The second pass.
struct Second {
    majority: BitString,
    to_majority: Vec<u32>,
    ones_by_count: Option<Vec<Vec<u32>>>,
    /// The cells that flip at all, a bit each.
    flipping: Vec<u64>,
}

impl Second {
    fn new(tally: &Tally, detail: Detail) -> Self {
        let readouts = tally.readouts();
        let profiled = detail == Detail::Readouts && readouts <= MAX_PROFILED_READOUTS;
        let flips = |&ones: &u32| ones > 0 && (ones as usize) < readouts;
        let pack = |cells: &[u32]| {
            cells
                .iter()
                .enumerate()
                .fold(0, |word, (bit, ones)| word | u64::from(flips(ones)) << bit)
        };
        let flipping = tally.ones().chunks(64).map(pack).collect();
        let to_majority = Vec::with_capacity(readouts);
        let ones_by_count = profiled.then(Vec::new);
        Self { majority: tally.majority(), to_majority, ones_by_count, flipping }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a readout has fewer than 2^32 cells")]
    fn visit(&mut self, tally: &Tally, block: &Block) {
        let instructions = Instructions::detected();
        for row in block.rows() {
            let distance = instructions.distance(row, self.majority.words());
            self.to_majority.push(distance as u32);
        }
        let Some(profiles) = &mut self.ones_by_count else { return };
        let always = tally.histogram()[tally.readouts()] as u32;
        for row in block.rows() {
            let mut profile = vec![0; tally.readouts() + 1];
            profile[tally.readouts()] = always;
            for ((&word, &flipping), cells) in
                row.iter().zip(&self.flipping).zip(tally.ones().chunks(64))
            {
                let mut ones = word & flipping;
                while ones != 0 {
                    profile[cells[ones.trailing_zeros() as usize] as usize] += 1;
                    ones &= ones - 1;
                }
            }
            profiles.push(profile);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use puf_emulator::seed::SeedTree;
    use puf_emulator::silicon::{Environment, Process, SramArray};

    fn silicon(cells: usize, readouts: u64) -> Block {
        let process = Process::from_ber(0.1).unwrap();
        let die = SramArray::manufacture(process, cells, &SeedTree::from_seed(1)).unwrap();
        let die = die.in_environment(&Environment::default());
        let mut block = Block::new(cells);
        (0..readouts).for_each(|j| block.push().copy_from_slice(die.power_up(j).words()));
        block
    }

    #[test]
    fn what_is_measured_against_the_majority_is_that_of_a_loop() {
        let block = silicon(1000, 300);
        let Ok(scan) = Scan::of(&block, Detail::Readouts);
        assert!(scan.sample.is_whole(300, 1000));
        assert_eq!(scan.sample.rows, block);
        let profiles = scan.ones_by_count.as_ref().unwrap();
        for (j, row) in block.rows().enumerate() {
            let row = BitString::from_words(row.to_vec(), 1000);
            assert_eq!(scan.to_majority[j] as usize, row.distance(&scan.majority));
            let mut profile = vec![0; 301];
            row.ones().for_each(|cell| profile[scan.tally.ones()[cell] as usize] += 1);
            assert_eq!(profiles[j], profile);
        }
    }

    #[test]
    fn a_large_set_is_sampled_and_scored_the_same() {
        let cells = 64 * 3000;
        let block = silicon(cells, 400);
        let Ok(scan) = Scan::of(&block, Detail::Readouts);
        let sample = &scan.sample;
        assert!(!sample.is_whole(400, cells));
        assert!(8 * sample.rows.len() * sample.rows.words_each() <= SAMPLE_BYTES);
        assert_eq!((sample.readouts.len(), sample.words[0]), (400, 0));
        for (place, &readout) in sample.readouts.iter().enumerate() {
            let words: Vec<u64> = sample.words.iter().map(|&w| block.row(readout)[w]).collect();
            assert_eq!(sample.rows.row(place), words);
        }
        let total: u64 = scan.to_majority.iter().map(|&d| u64::from(d)).sum();
        let histogram = scan.tally.histogram();
        let expected = histogram.iter().enumerate().map(|(c, &n)| c.min(400 - c) as u64 * n);
        assert_eq!(total, expected.sum::<u64>());
    }
}
