//! One pass over the readouts of a device: one-counts of the cells, distances of the readouts.
//!
//! The counts are kept in bit planes while readouts come in (a *vertical counter*: plane `k` holds bit
//! `k` of the counts of 64 cells a word) and are added to integers once a block. A pass costs some
//! twenty instructions for 64 cells of a readout; memory and the way to it is the limit for readouts
//! that do not fit the cache.

use std::fmt;

use fuzzy_extractor::bits::BitString;
use puf_emulator::silicon::{Instructions, Loop};
use rayon::prelude::*;

use crate::readouts::Block;

/// Readouts that the planes count to: what a block may hold.
pub const MAX_BLOCK_READOUTS: usize = (1 << PLANES) - 1;

const PLANES: usize = 7;
/// Words of a readout that one thread counts at a time: their planes stay in the first cache.
const CHUNK_WORDS: usize = 256;
/// Words of a block from which on it is shared out to threads.
const SHARED_WORDS: usize = 1 << 16;

/// What is known of one readout after a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadoutFacts {
    /// Ones among the kept cells.
    pub weight: u32,
    /// Kept cells that differ from the first readout.
    pub to_first: u32,
    /// Kept cells that differ from the readout before; 0 for the first.
    pub to_previous: u32,
    /// Kept cells that differ from the readout two before; 0 for the first two.
    pub to_second_last: u32,
    /// Equal for equal readouts, and for others by chance of 2^-60 only: to find duplicates.
    pub fingerprint: u64,
}

/// Counts over the readouts of one device.
#[derive(Clone, PartialEq, Eq)]
pub struct Tally {
    cells: usize,
    kept: Option<BitString>,
    ones: Vec<u32>,
    readouts: Vec<ReadoutFacts>,
    first: Vec<u64>,
    /// The last two readouts, the later one last.
    last: [Vec<u64>; 2],
}

impl Tally {
    /// Nothing counted yet, of readouts of `cells` cells of which those in `kept` count, or all.
    ///
    /// # Panics
    /// If `kept` has another length.
    #[must_use]
    pub fn new(cells: usize, kept: Option<BitString>) -> Self {
        assert!(kept.as_ref().is_none_or(|kept| kept.len() == cells), "a mask of {cells} cells");
        let (ones, readouts) = (vec![0; cells], Vec::new());
        Self { cells, kept, ones, readouts, first: Vec::new(), last: [Vec::new(), Vec::new()] }
    }

    /// Counts the readouts of a block, which follow those counted before.
    ///
    /// Cells that are left out must read 0, as streaming readers make them.
    ///
    /// # Panics
    /// If the block's readouts have another length, or it holds more than [`MAX_BLOCK_READOUTS`].
    pub fn add(&mut self, block: &Block) {
        assert_eq!(block.cells(), self.cells, "readouts of one length");
        assert!(block.len() <= MAX_BLOCK_READOUTS, "a block of at most {MAX_BLOCK_READOUTS}");
        if block.is_empty() {
            return;
        }
        if self.first.is_empty() {
            self.first = block.row(0).to_vec();
            self.last = [self.first.clone(), self.first.clone()];
        }
        let instructions = Instructions::detected();
        let (first, [second_last, last]) = (&self.first, &self.last);
        let count = |(place, ones): (usize, &mut [u32])| {
            let start = place * CHUNK_WORDS;
            let counting = Chunk {
                block,
                start,
                len: CHUNK_WORDS.min(block.words_each() - start),
                first,
                last,
                second_last,
                ones,
            };
            instructions.run(counting)
        };
        let chunks = self.ones.as_mut_slice();
        let facts = if block.len() * block.words_each() >= SHARED_WORDS {
            let chunks = chunks.par_chunks_mut(64 * CHUNK_WORDS).enumerate();
            chunks.map(count).reduce(Vec::new, added)
        } else {
            let chunks = chunks.chunks_mut(64 * CHUNK_WORDS).enumerate();
            chunks.map(count).fold(Vec::new(), added)
        };
        self.readouts.extend(facts);
        // The second readout has none two before; what stood for it was the first.
        if let Some(second) = self.readouts.get_mut(1) {
            second.to_second_last = 0;
        }
        let rows = block.len();
        self.last = match rows {
            1 => [std::mem::take(&mut self.last[1]), block.row(0).to_vec()],
            _ => [block.row(rows - 2).to_vec(), block.row(rows - 1).to_vec()],
        };
    }

    /// Positions of a readout, those left out included.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Cells that count.
    #[must_use]
    pub fn kept_cells(&self) -> usize {
        self.kept.as_ref().map_or(self.cells, BitString::weight)
    }

    /// Which cells count; `None` where all do.
    #[must_use]
    pub fn kept(&self) -> Option<&BitString> {
        self.kept.as_ref()
    }

    /// Whether a cell counts.
    #[must_use]
    pub fn keeps(&self, cell: usize) -> bool {
        self.kept.as_ref().is_none_or(|kept| kept.get(cell))
    }

    /// Number of readouts counted.
    #[must_use]
    pub fn readouts(&self) -> usize {
        self.readouts.len()
    }

    /// In how many readouts each cell read 1; 0 for those left out.
    #[must_use]
    pub fn ones(&self) -> &[u32] {
        &self.ones
    }

    /// What is known of each readout.
    #[must_use]
    pub fn facts(&self) -> &[ReadoutFacts] {
        &self.readouts
    }

    /// The first readout.
    #[must_use]
    pub fn first(&self) -> BitString {
        BitString::from_words(
            self.first.clone(),
            if self.first.is_empty() { 0 } else { self.cells },
        )
    }

    /// Number of kept cells that read 1 in `c` readouts, for `c` from 0 to the number of readouts.
    #[must_use]
    pub fn histogram(&self) -> Vec<u64> {
        let mut histogram = vec![0; self.readouts() + 1];
        for &ones in &self.ones {
            histogram[ones as usize] += 1;
        }
        histogram[0] -= (self.cells - self.kept_cells()) as u64;
        histogram
    }

    /// Number of kept cells that read otherwise than in the first readout `c` times.
    #[must_use]
    pub fn histogram_to_first(&self) -> Vec<u64> {
        let readouts = self.readouts();
        let mut histogram = vec![0; readouts + 1];
        for (cells, &first) in self.ones.chunks(64).zip(&self.first) {
            for (bit, &ones) in cells.iter().enumerate() {
                let ones = ones as usize;
                histogram[if first >> bit & 1 == 1 { readouts - ones } else { ones }] += 1;
            }
        }
        histogram[0] -= (self.cells - self.kept_cells()) as u64;
        histogram
    }

    /// The value that each cell reads most often; an even tie takes that of the first readout, so that
    /// the bias of the cells is not changed.
    #[must_use]
    pub fn majority(&self) -> BitString {
        self.decided(|first| first)
    }

    /// The cells that read 1 in more than half of the readouts; an even tie is 0. What NumPy's
    /// `mean > 0.5` gives, and by which devices are compared, so that figures can be, too.
    #[must_use]
    pub fn strict_majority(&self) -> BitString {
        self.decided(|_| false)
    }

    fn decided(&self, tie: impl Fn(bool) -> bool) -> BitString {
        let readouts = self.readouts();
        let half = u32::try_from(readouts / 2).unwrap_or(u32::MAX);
        let more = Instructions::detected().run(Above { ones: &self.ones, least: half + 1 });
        let words = if readouts % 2 == 1 {
            more
        } else {
            let at_least = Instructions::detected().run(Above { ones: &self.ones, least: half });
            let tied = at_least.iter().zip(&more).map(|(at_least, more)| at_least ^ more);
            let won = |first: u64| {
                (if tie(true) { first } else { 0 }) | (if tie(false) { !first } else { 0 })
            };
            more.iter()
                .zip(tied.zip(&self.first))
                .map(|(more, (tied, &first))| more | tied & won(first))
                .collect()
        };
        BitString::from_words(words, if self.first.is_empty() { 0 } else { self.cells })
    }
}

/// The cells with at least so many ones, as words.
struct Above<'a> {
    ones: &'a [u32],
    least: u32,
}

impl Loop for Above<'_> {
    type Output = Vec<u64>;

    #[inline(always)]
    fn compute(self) -> Vec<u64> {
        let word = |cells: &[u32]| {
            let bits = cells.iter().enumerate();
            bits.fold(0, |word, (bit, &ones)| word | u64::from(ones >= self.least) << bit)
        };
        self.ones.chunks(64).map(word).collect()
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally")
            .field("cells", &self.cells)
            .field("kept", &self.kept_cells())
            .field("readouts", &self.readouts())
            .finish_non_exhaustive()
    }
}

/// Facts about the same readouts from two parts of their cells.
fn added(mut sum: Vec<ReadoutFacts>, part: Vec<ReadoutFacts>) -> Vec<ReadoutFacts> {
    if sum.is_empty() {
        return part;
    }
    for (sum, part) in sum.iter_mut().zip(part) {
        sum.weight += part.weight;
        sum.to_first += part.to_first;
        sum.to_previous += part.to_previous;
        sum.to_second_last += part.to_second_last;
        sum.fingerprint = sum.fingerprint.wrapping_add(part.fingerprint);
    }
    sum
}

/// Some words of all readouts of a block.
struct Chunk<'a> {
    block: &'a Block,
    start: usize,
    len: usize,
    first: &'a [u64],
    last: &'a [u64],
    second_last: &'a [u64],
    /// The counts of their cells.
    ones: &'a mut [u32],
}

impl Loop for Chunk<'_> {
    type Output = Vec<ReadoutFacts>;

    #[inline(always)]
    fn compute(self) -> Vec<ReadoutFacts> {
        let range = self.start..self.start + self.len;
        let mut planes = [[0_u64; CHUNK_WORDS]; PLANES];
        let mut facts = Vec::with_capacity(self.block.len());
        let first = &self.first[range.clone()];
        let mut second_last = &self.second_last[range.clone()];
        let mut last = &self.last[range.clone()];
        for row in self.block.rows() {
            let row = &row[range.clone()];
            facts.push(ReadoutFacts {
                weight: row.iter().map(|word| word.count_ones()).sum(),
                to_first: distance(row, first),
                to_previous: distance(row, last),
                to_second_last: distance(row, second_last),
                fingerprint: fingerprint(row, self.start),
            });
            count(row, &mut planes);
            (second_last, last) = (last, row);
        }
        add_planes(&planes, self.ones);
        facts
    }
}

#[inline(always)]
fn distance(a: &[u64], b: &[u64]) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

/// A sum of the words with weights by their place.
#[inline(always)]
fn fingerprint(row: &[u64], start: usize) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let terms = row.iter().zip(start as u64..).map(|(&word, place)| {
        // The upper bits of a product do not reach the lower ones: both halves come low once.
        let weight = (2 * place + 1).wrapping_mul(ODD);
        (word ^ (word >> 31)).wrapping_mul(weight | 1) ^ word.rotate_left(17)
    });
    terms.fold(0, u64::wrapping_add)
}

/// Adds a readout to the planes: a carry ripples upwards.
#[inline(always)]
fn count(row: &[u64], planes: &mut [[u64; CHUNK_WORDS]; PLANES]) {
    let [p0, p1, p2, p3, p4, p5, p6] = planes;
    let low = p0.iter_mut().zip(p1).zip(p2).zip(p3);
    let high = p4.iter_mut().zip(p5).zip(p6);
    for ((&word, (((p0, p1), p2), p3)), ((p4, p5), p6)) in row.iter().zip(low).zip(high) {
        let mut carry = word;
        for plane in [p0, p1, p2, p3, p4, p5] {
            let next = *plane & carry;
            *plane ^= carry;
            carry = next;
        }
        *p6 ^= carry;
    }
}

/// Adds what the planes hold to the counts of their cells, eight cells at a time.
#[inline(always)]
fn add_planes(planes: &[[u64; CHUNK_WORDS]; PLANES], ones: &mut [u32]) {
    for (word, cells) in ones.chunks_mut(64).enumerate() {
        for (byte, cells) in cells.chunks_mut(8).enumerate() {
            let sums = planes.iter().enumerate().fold(0, |sums, (k, plane)| {
                sums | SPREAD[usize::from(plane[word].to_le_bytes()[byte])] << k
            });
            for (cell, sum) in cells.iter_mut().zip(sums.to_le_bytes()) {
                *cell += u32::from(sum);
            }
        }
    }
}

/// Bit `i` of a byte as byte `i` of a word.
const SPREAD: [u64; 256] = {
    let mut spread = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            spread[byte] |= ((byte >> bit & 1) as u64) << (8 * bit);
            bit += 1;
        }
        byte += 1;
    }
    spread
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    fn readouts(cells: usize, count: usize, seed: u64) -> Vec<BitString> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| BitString::random(cells, &mut rng)).collect()
    }

    fn tally(readouts: &[BitString], cells: usize, blocks: usize) -> Tally {
        let mut tally = Tally::new(cells, None);
        for part in readouts.chunks(blocks) {
            let mut block = Block::new(cells);
            for readout in part {
                block.push().copy_from_slice(readout.words());
            }
            tally.add(&block);
        }
        tally
    }

    /// Cell by cell and readout by readout.
    fn check(readouts: &[BitString], cells: usize, tally: &Tally) {
        let t = readouts.len();
        assert_eq!((tally.cells(), tally.readouts()), (cells, t));
        let ones: Vec<u32> =
            (0..cells).map(|i| readouts.iter().map(|r| u32::from(r.get(i))).sum()).collect();
        assert_eq!(tally.ones(), ones);
        let before = |j: usize, lag: usize| match j.checked_sub(lag) {
            Some(earlier) => readouts[j].distance(&readouts[earlier]),
            None => 0,
        };
        for (j, facts) in tally.facts().iter().enumerate() {
            let found = [facts.weight, facts.to_first, facts.to_previous, facts.to_second_last];
            let weight = readouts[j].weight();
            let expected = [weight, readouts[j].distance(&readouts[0]), before(j, 1), before(j, 2)];
            assert_eq!(found.map(|x| x as usize), expected, "readout {j}");
        }
        let (majority, strict) = (tally.majority(), tally.strict_majority());
        let (mut histogram, mut to_first) = (vec![0; t + 1], vec![0; t + 1]);
        for i in 0..cells {
            let twice = 2 * ones[i] as usize;
            assert_eq!(strict.get(i), twice > t, "cell {i}");
            let one = twice > t || twice == t && readouts[0].get(i);
            assert_eq!(majority.get(i), one, "cell {i}");
            histogram[ones[i] as usize] += 1;
            to_first[readouts.iter().filter(|r| r.get(i) != readouts[0].get(i)).count()] += 1;
        }
        assert_eq!((tally.histogram(), tally.histogram_to_first()), (histogram, to_first));
    }

    #[test]
    fn counts_are_those_of_a_loop_over_cells() {
        for (cells, count, blocks) in
            [(1, 1, 1), (64, 3, 2), (65, 127, 127), (100, 300, 127), (700, 10, 1), (300, 9, 4)]
        {
            let readouts = readouts(cells, count, 1);
            check(&readouts, cells, &tally(&readouts, cells, blocks));
        }
        // More than one chunk, and shared between threads.
        let cells = 64 * CHUNK_WORDS * 9 + 17;
        let readouts = readouts(cells, 31, 2);
        assert!(31 * cells.div_ceil(64) > SHARED_WORDS);
        check(&readouts, cells, &tally(&readouts, cells, 31));
    }

    #[test]
    fn all_ones_count_to_the_full_height_of_the_planes() {
        let readouts = vec![BitString::from_words(vec![u64::MAX], 64); MAX_BLOCK_READOUTS];
        let counted = tally(&readouts, 64, MAX_BLOCK_READOUTS);
        assert!(counted.ones().iter().all(|&ones| ones as usize == MAX_BLOCK_READOUTS));
    }

    #[test]
    fn cells_left_out_count_nowhere() {
        let kept: BitString = (0..200).map(|i| i % 3 != 0).collect();
        let mut block = Block::new(200);
        for readout in readouts(200, 7, 3) {
            let row = block.push();
            for ((word, read), kept) in row.iter_mut().zip(readout.words()).zip(kept.words()) {
                *word = read & kept;
            }
        }
        let mut tally = Tally::new(200, Some(kept.clone()));
        tally.add(&block);
        assert_eq!(tally.kept_cells(), 133);
        assert_eq!(tally.histogram().iter().sum::<u64>(), 133);
        assert_eq!(tally.histogram_to_first().iter().sum::<u64>(), 133);
    }

    #[test]
    fn instructions_change_no_count() {
        let readouts = readouts(1000, 20, 4);
        let mut block = Block::new(1000);
        readouts.iter().for_each(|r| block.push().copy_from_slice(r.words()));
        let run = |instructions: Instructions| {
            let mut ones = vec![0; 1000];
            let (first, len) = (block.row(0), block.words_each());
            let (block, last, second_last, ones_of) = (&block, first, first, &mut ones);
            let chunk = Chunk { block, start: 0, len, first, last, second_last, ones: ones_of };
            (instructions.run(chunk), ones)
        };
        for &instructions in Instructions::available() {
            assert_eq!(run(instructions), run(Instructions::Portable));
        }
    }

    proptest! {
        /// Readouts that differ anywhere are told apart.
        #[test]
        fn fingerprints_tell_readouts_apart(
            seed in any::<u64>(), flips in proptest::collection::btree_set(0_usize..640, 1..6),
        ) {
            let readout = readouts(640, 1, seed).remove(0);
            let mut other = readout.clone();
            flips.iter().for_each(|&cell| other.flip(cell));
            let print = |r: &BitString| fingerprint(r.words(), 0);
            prop_assert_ne!(print(&readout), print(&other));
        }
    }
}
