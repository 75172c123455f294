//! The inner loops of a power-up, for whatever the processor has.
//!
//! One plain text of each loop; the compiler makes it again for wider vectors. All of them are
//! integer operations on whole words, so every version gives the same bytes, and a test holds them
//! to that. The only loop with a text of its own is the deposit of bits under a mask, for which
//! recent x86 processors have an instruction.

use super::super::instructions::{Instructions, Loop, Source};
use super::CHUNK;

/// The bits of a chunk's noisy cells in order, and room to read past them.
pub(super) type Lanes = [[u8; 8]; CHUNK / 64 + 2];

/// Bits of a draw that are compared for all noisy cells at once.
pub(super) const PLANES: usize = 8;

/// Words of 64 cells that are compared side by side.
pub(super) const BLOCK: usize = 8;

/// Compares the draws of the noisy cells with their thresholds, [`PLANES`] bits each.
pub(super) struct Compare<'a> {
    /// For each block of up to [`BLOCK`] words, plane after plane, most significant first, the words
    /// of the block.
    pub(super) thresholds: &'a [u64],
    /// In the same order.
    pub(super) draws: &'a [[u8; 8]],
    /// Receives, per word of 64 cells, those whose draw is below the threshold.
    pub(super) below: &'a mut [[u8; 8]],
    /// Receives those that agree in all planes.
    pub(super) open: &'a mut [u64],
}

/// Puts `lanes`, the bits of the noisy cells in order, where `noisy` marks their places, and adds
/// them to what the cells prefer.
pub(super) fn deposit(
    instructions: Instructions,
    shape: &Deposit<'_>,
    lanes: &Lanes,
    row: &mut [u64],
) {
    if instructions.deposits() {
        let Deposit { dominant, noisy, starts, .. } = shape;
        if shape.crowded {
            instructions.deposit(dominant, noisy, starts, &Crowded(lanes), row);
        } else {
            instructions.deposit(dominant, noisy, starts, &Few(lanes), row);
        }
    } else {
        gather(shape, lanes, row);
        instructions.run(Spread { shape, row });
    }
}

/// Where the noisy cells of a chunk are.
pub(super) struct Deposit<'a> {
    /// What each cell prefers, by words.
    pub(super) dominant: &'a [u64],
    /// The noisy cells.
    pub(super) noisy: &'a [u64],
    /// How many of them come before each word.
    pub(super) starts: &'a [u16],
    /// Whether any word has more than [`FEW`] of them.
    pub(super) crowded: bool,
    /// For each block of words, the moves of [`moves`].
    pub(super) moves: &'a [Moves],
}

impl Loop for Compare<'_> {
    type Output = ();

    #[inline(always)]
    fn compute(self) {
        let Self { thresholds, draws, below, open } = self;
        let (whole, rest) = thresholds.as_chunks::<{ BLOCK * PLANES }>();
        let (whole_draws, rest_draws) = draws.as_chunks::<{ BLOCK * PLANES }>();
        let (below_blocks, below_rest) = below.as_chunks_mut::<BLOCK>();
        let (open_blocks, open_rest) = open.as_chunks_mut::<BLOCK>();
        for (((thresholds, draws), below), open) in
            whole.iter().zip(whole_draws).zip(below_blocks).zip(open_blocks)
        {
            let (mut less, mut equal) = ([0; BLOCK], [u64::MAX; BLOCK]);
            let planes = thresholds.as_chunks::<BLOCK>().0.iter().zip(draws.as_chunks::<BLOCK>().0);
            for (thresholds, draws) in planes {
                for i in 0..BLOCK {
                    let draw = u64::from_le_bytes(draws[i]);
                    less[i] |= equal[i] & thresholds[i] & !draw;
                    equal[i] &= !(thresholds[i] ^ draw);
                }
            }
            (*below, *open) = (less.map(u64::to_le_bytes), equal);
        }
        let words = rest.len() / PLANES;
        if words > 0 {
            let (mut less, mut equal) = ([0; BLOCK], [u64::MAX; BLOCK]);
            for (thresholds, draws) in rest.chunks_exact(words).zip(rest_draws.chunks_exact(words))
            {
                for (i, (&threshold, &draw)) in thresholds.iter().zip(draws).enumerate() {
                    let draw = u64::from_le_bytes(draw);
                    less[i] |= equal[i] & threshold & !draw;
                    equal[i] &= !(threshold ^ draw);
                }
            }
            below_rest.copy_from_slice(&less.map(u64::to_le_bytes)[..words]);
            open_rest.copy_from_slice(&equal[..words]);
        }
    }
}

/// The lanes of each word, in its low bits, to their places.
struct Spread<'a> {
    shape: &'a Deposit<'a>,
    row: &'a mut [u64],
}

impl Loop for Spread<'_> {
    type Output = ();

    #[inline(always)]
    fn compute(self) {
        let Deposit { dominant, noisy, moves, .. } = self.shape;
        let (blocks, rest) = self.row.as_chunks_mut::<BLOCK>();
        let (dominant, dominant_rest) = dominant.as_chunks::<BLOCK>();
        let (noisy, noisy_rest) = noisy.as_chunks::<BLOCK>();
        for (((block, moves), dominant), noisy) in
            blocks.iter_mut().zip(*moves).zip(dominant).zip(noisy)
        {
            let bits = spread(*block, moves);
            for i in 0..BLOCK {
                block[i] = dominant[i] ^ bits[i] & noisy[i];
            }
        }
        if let (Some(moves), false) = (moves.last(), rest.is_empty()) {
            let mut bits = [0; BLOCK];
            bits[..rest.len()].copy_from_slice(rest);
            let bits = spread(bits, moves);
            for (i, word) in rest.iter_mut().enumerate() {
                *word = dominant_rest[i] ^ bits[i] & noisy_rest[i];
            }
        }
    }
}

/// The steps of a parallel prefix, largest first: each moves the bits that have still to go at least
/// that far.
#[inline(always)]
fn spread(mut bits: [u64; BLOCK], moves: &Moves) -> [u64; BLOCK] {
    for step in (0..6).rev() {
        for i in 0..BLOCK {
            bits[i] = bits[i] & !moves[step][i] | bits[i] << (1 << step) & moves[step][i];
        }
    }
    bits
}

/// The lanes of each word, in its low bits; what is above them is of the next.
///
/// For all words before any is worked on: what was just stored piecemeal is slow to load whole.
fn gather(shape: &Deposit<'_>, lanes: &Lanes, row: &mut [u64]) {
    let words = row.iter_mut().zip(shape.starts);
    if shape.crowded {
        words.for_each(|(word, &start)| *word = Crowded(lanes).bits_from(start));
    } else {
        words.for_each(|(word, &start)| *word = Few(lanes).bits_from(start));
    }
}

/// All 64 lanes from some lane on; there is a word more than lanes need.
struct Crowded<'a>(&'a Lanes);

impl Source for Crowded<'_> {
    #[inline(always)]
    fn bits_from(&self, start: u16) -> u64 {
        let (word, bit) = (usize::from(start / 64), u32::from(start % 64));
        let [low, high] = [self.0[word], self.0[word + 1]].map(u64::from_le_bytes);
        low >> bit | high << 1 << (63 - bit)
    }
}

/// The [`FEW`] lanes from some lane on, and some of the next.
struct Few<'a>(&'a Lanes);

impl Source for Few<'_> {
    #[inline(always)]
    fn bits_from(&self, start: u16) -> u64 {
        // Never more than that; but so the compiler sees that it is within bounds.
        let byte = usize::from(start / 8).min(CHUNK / 8);
        let eight = self.0.as_flattened()[byte..].first_chunk();
        eight.map_or(0, |&eight| u64::from_le_bytes(eight)) >> (start % 8)
    }
}

/// The most noisy cells of a word that [`Few`] serves.
pub(super) const FEW: u32 = 57;

/// How the low bits of the words of a block reach the places of their noisy cells: for each power of
/// two, the places in each word that receive a bit from that far below.
pub(super) type Moves = [[u64; BLOCK]; 6];

/// The moves of up to [`BLOCK`] words (H. S. Warren, *Hacker's Delight*, 2nd ed., section 7-5).
pub(super) fn moves(noisy: &[u64]) -> Moves {
    let mut places = [0; BLOCK];
    places[..noisy.len()].copy_from_slice(noisy);
    // Places with an odd number of unmarked ones below them have a step of 1 to go, and so on.
    let mut unmarked = places.map(|places| !places << 1);
    let mut steps = [[0; BLOCK]; 6];
    for (step, moved) in steps.iter_mut().enumerate() {
        for ((moved, places), unmarked) in moved.iter_mut().zip(&mut places).zip(&mut unmarked) {
            let mut parity = *unmarked;
            for shift in [1, 2, 4, 8, 16, 32] {
                parity ^= parity << shift;
            }
            *moved = parity & *places;
            *places = *places ^ *moved | *moved >> (1 << step);
            *unmarked &= !parity;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{SeedTree, SimulatedRng};
    use rand_core::Rng;
    use std::vec;
    use std::vec::Vec;

    /// Random masks of every density, and extreme ones.
    fn masks(words: &mut SimulatedRng) -> Vec<u64> {
        let mut masks = vec![0, u64::MAX, 1, 1 << 63, u64::MAX >> 1, u64::MAX << 1];
        masks.extend([0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa, 0xffff_ffff, u64::MAX << 32]);
        masks.extend((0..64).flat_map(|bit| [1 << bit, !(1 << bit), u64::MAX >> bit]));
        for _ in 0..500 {
            let [a, b, c] = [0; 3].map(|_| words.next_u64());
            masks.extend([a, a & b, a & b & c, a | b, a | b | c]);
        }
        masks
    }

    /// The low bits of `lanes` to the places of `mask`, a bit at a time.
    fn expand(mask: u64, mut lanes: u64) -> u64 {
        let mut expanded = 0;
        for bit in (0..64).filter(|bit| mask >> bit & 1 == 1) {
            expanded |= (lanes & 1) << bit;
            lanes >>= 1;
        }
        expanded
    }

    #[test]
    fn lanes_reach_their_places() {
        let mut random = SeedTree::from_seed(1).stream(0);
        let masks = masks(&mut random);
        let few: Vec<u64> = masks.iter().copied().filter(|mask| mask.count_ones() <= FEW).collect();
        // Of every length within a block, too.
        let rows: Vec<&[u64]> = masks
            .chunks(BLOCK * 3)
            .chain(few.chunks(BLOCK * 2))
            .chain((1..40).map(|length| &masks[masks.len() - length..]))
            .chain((1..40).map(|length| &few[few.len() - length..]))
            .collect();
        for noisy in rows {
            let mut starts = Vec::new();
            let mut count = 0;
            for mask in noisy {
                starts.push(count as u16);
                count += mask.count_ones();
            }
            let lanes: Lanes = core::array::from_fn(|_| random.next_u64().to_le_bytes());
            let dominant: Vec<u64> = noisy.iter().map(|_| random.next_u64()).collect();
            let moves: Vec<Moves> = noisy.chunks(BLOCK).map(moves).collect();
            let lane = |lane: usize| lanes[lane / 64][lane % 64 / 8] >> (lane % 8) & 1;
            let expected: Vec<u64> = noisy
                .iter()
                .zip(&starts)
                .zip(&dominant)
                .map(|((&mask, &start), dominant)| {
                    let own = (0..mask.count_ones() as usize)
                        .fold(0, |own, i| own | u64::from(lane(usize::from(start) + i)) << i);
                    dominant ^ expand(mask, own)
                })
                .collect();
            let crowded = noisy.iter().any(|mask| mask.count_ones() > FEW);
            // What is called crowded may be sparse, not the other way.
            for crowded in [crowded, true] {
                let shape =
                    Deposit { dominant: &dominant, noisy, starts: &starts, crowded, moves: &moves };
                for &instructions in Instructions::available() {
                    let mut row = vec![u64::MAX; noisy.len()];
                    deposit(instructions, &shape, &lanes, &mut row);
                    assert_eq!(row, expected, "{instructions:?}, crowded {crowded}");
                }
            }
        }
    }

    /// Against comparing the eight bits of each lane as a number.
    #[test]
    fn planes_are_compared_as_numbers() {
        let mut random = SeedTree::from_seed(2).stream(0);
        for words in (1..40).chain([256]) {
            // Few values, so that many agree.
            let mut bytes = || -> Vec<u8> {
                let values: Vec<u8> = (0..64 * words).map(|_| random.next_u32() as u8).collect();
                values
                    .iter()
                    .map(|value| {
                        [0, 1, 0x7f, 0x80, 0xff, *value, *value, 3][usize::from(value & 7)]
                    })
                    .collect()
            };
            let (thresholds, draws) = (bytes(), bytes());
            let planes = |bytes: &[u8]| -> Vec<u64> {
                let mut planes = Vec::new();
                for block in bytes.chunks(64 * BLOCK) {
                    for plane in (0..PLANES).rev() {
                        planes.extend(block.chunks(64).map(|word| {
                            (0..64).fold(0, |bits, i| bits | u64::from(word[i] >> plane & 1) << i)
                        }));
                    }
                }
                planes
            };
            let drawn: Vec<[u8; 8]> = planes(&draws).into_iter().map(u64::to_le_bytes).collect();
            for &instructions in Instructions::available() {
                let (mut below, mut open) = (vec![[0xff; 8]; words], vec![u64::MAX; words]);
                instructions.run(Compare {
                    thresholds: &planes(&thresholds),
                    draws: &drawn,
                    below: &mut below,
                    open: &mut open,
                });
                for lane in 0..64 * words {
                    let bit = |word: u64| word >> (lane % 64) & 1 == 1;
                    let (threshold, draw) = (thresholds[lane], draws[lane]);
                    let less = bit(u64::from_le_bytes(below[lane / 64]));
                    assert_eq!(less, draw < threshold, "{instructions:?}, lane {lane}");
                    assert_eq!(bit(open[lane / 64]), draw == threshold, "lane {lane}");
                }
            }
        }
    }
}
