//! Power-ups by the million: how the cells of a die are decided.
//!
//! In one readout most cells have nothing to decide. The cells of a chunk (16,384 in a row, the last
//! may be fewer) are therefore sorted once, by the probability `p = Phi(-|u|)` with which each takes
//! the value it does not prefer, or rather by its rate `r = -ln(1 - p)`:
//!
//! - **noisy** cells, `|u| < 2.1569812426` (a rate above 2^-6): the first eight bits of their draws
//!   are compared with those of their thresholds, 64 cells in a word, bit plane after bit plane; one
//!   in 256 agrees in all of them and is decided by its other bits;
//! - **rare** cells, by classes that begin at `|u|` of 2.1569812426, 2.4189793561, 2.6607250045,
//!   3.0974137974 and 3.4871367492, of rates up to 2^-6, 2^-7, 2^-8, 2^-10 and 2^-12: a Poisson
//!   process runs along them, each an interval as long as the bound of its class, and a cell flips if
//!   the first part of its interval, as long as its own rate, is hit;
//! - **quiet** cells, `|u| >= 4.1695710623` (a rate up to 2^-16): all cells of the chunk, quiet or
//!   not, are intervals of that length at the end of the axis; a hit is looked at closer.
//!
//! A cell and a readout so take about two random bits instead of 64, and nothing is lost: thresholds
//! are rounded to multiples of 2^-52, rates to multiples of 2^-46, those of quiet cells down to
//! multiples of 2^-80. Both come from tables that are within 1e-12 of `Phi`. A cell with `u >= 0`
//! prefers 1.
//!
//! # The draws
//!
//! Each chunk of each readout reads 64-bit words, low half first, from its own stretch of the key
//! stream of node `power-up`, stream `readout`, from 32-bit word position `chunk * 2^36` on:
//!
//! 1. for each eight words of 64 noisy cells, in the order of cells (the last may be fewer words),
//!    eight planes, the most significant bit of the draws first, each as many words: bit `i` of word
//!    `w` belongs to noisy cell `64 w + i`. A cell takes the value it does not prefer if its draw is
//!    below its threshold `2^64 p`;
//! 2. for each noisy cell that agrees with its threshold in eight bits, in order, a word, whose high 56
//!    bits are compared with the threshold's low 56;
//! 3. gaps of the Poisson process, a word each, until it has passed the end: of a word's high 63 bits
//!    `k`, `-ln((k + 1/2) / 2^63)` in units of 2^-46, rounded (see [`gap`]). The axis has the rare cells
//!    of the first class in order, then those of the next, then all cells. A rare cell flips if the
//!    process hits its interval at an offset below its rate, however often. After a hit on a quiet
//!    cell, and before the next gap, there is a word: it flips if that is below its rate. A hit on a
//!    cell of the last stretch that is not quiet does nothing and takes no word.
//!
//! Which instructions compute this ([`Instructions`]) makes no difference to the bytes.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a chunk's cells, their words and their lanes are counted in 16 bits"
)]

mod candidates;
mod gap;
mod kernel;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::instructions::{Instructions, Loop};
use super::normal;
use crate::seed::{KeyStream, SeedTree};
pub(super) use candidates::Candidates;
use gap::UNIT_BITS;
use kernel::{BLOCK, Compare, Deposit, Lanes, PLANES};

/// Cells that are decided together.
pub(super) const CHUNK: usize = 1 << 14;

/// Rates of rare cells: a class holds those up to 2^-k, for these k, and above the next.
const CLASSES: [u32; 5] = [6, 7, 8, 10, 12];
/// Quiet cells have rates up to 2^-16.
const QUIET: u32 = 16;

/// What decides the cells of a chunk in any readout of one condition.
#[derive(Clone)]
pub(super) struct Chunk {
    dominant: Vec<u64>,
    noisy: Vec<u64>,
    // Noisy cells before each word.
    starts: Vec<u16>,
    crowded: bool,
    // Only for machines that deposit bits step by step.
    moves: Vec<kernel::Moves>,
    // First bits of the noisy cells' thresholds, in the order of their draws.
    planes: Vec<u64>,
    // Their thresholds without these.
    rest: Vec<u64>,
    // Where the classes end on the axis of rare events.
    ends: [u64; CLASSES.len()],
    // The classes, and the quiet cells.
    classes: [Class; CLASSES.len() + 1],
    // Cell and rate of the rare cells, class after class.
    rare: Vec<(u16, u64)>,
    // Where the axis of rare events ends.
    end: u64,
}

/// A stretch of the axis of rare events.
#[derive(Clone, Copy, Default)]
struct Class {
    start: u64,
    // Its first cell in the list of rare ones.
    first: usize,
    // Each of its cells takes 2^shift of the axis.
    shift: u32,
}

impl Chunk {
    /// Sorts the cells of a chunk.
    pub(super) fn new(candidates: Candidates, instructions: Instructions) -> Self {
        let Candidates { count, dominant, near, cells, latents } = candidates;
        let mut chunk = Self {
            starts: Vec::with_capacity(near.len()),
            noisy: vec![0; near.len()],
            dominant,
            crowded: false,
            moves: Vec::new(),
            planes: Vec::new(),
            rest: Vec::new(),
            ends: [0; CLASSES.len()],
            classes: [Class::default(); CLASSES.len() + 1],
            rare: Vec::new(),
            end: 0,
        };
        // One more, so that what is not counted has somewhere to go.
        let mut noisy_x = vec![0.0; cells.len() + 1];
        let (mut rare_cells, mut rare_x) = (vec![0; cells.len() + 1], noisy_x.clone());
        let (mut lanes, mut rare, mut first) = (0, 0, 0);
        for (word, near) in near.into_iter().enumerate() {
            chunk.starts.push(lanes as u16);
            let (mut one, mut noisy) = (0_u64, 0_u64);
            let last = first + near.count_ones() as usize;
            for (&cell, &u) in cells[first..last].iter().zip(&latents[first..last]) {
                let x = u.abs();
                let is_noisy = x < NOISY_BELOW;
                one |= u64::from(u >= 0.0) << (cell % 64);
                noisy |= u64::from(is_noisy) << (cell % 64);
                // Written to both lists, and counted in one: no branch on what is as good as a coin.
                noisy_x[lanes] = x;
                lanes += usize::from(is_noisy);
                (rare_cells[rare], rare_x[rare]) = (cell, x);
                rare += usize::from(!is_noisy & (x < QUIET_FROM));
            }
            first = last;
            chunk.dominant[word] |= one;
            chunk.noisy[word] = noisy;
            chunk.crowded |= noisy.count_ones() > kernel::FEW;
        }
        chunk.lay_planes(&noisy_x[..lanes], instructions);
        chunk.lay_axis(&rare_cells[..rare], &rare_x[..rare], count, instructions);
        if !instructions.deposits() {
            chunk.moves = chunk.noisy.chunks(BLOCK).map(kernel::moves).collect();
        }
        chunk
    }

    fn lay_planes(&mut self, x: &[f64], instructions: Instructions) {
        self.rest = vec![0; x.len()];
        instructions.run(Thresholds { x, thresholds: &mut self.rest });
        let mut leading = vec![0; x.len()];
        for (rest, leading) in self.rest.iter_mut().zip(&mut leading) {
            *leading = (*rest >> (64 - PLANES)) as u8;
            *rest <<= PLANES;
        }
        let words = leading.len().div_ceil(64);
        self.planes = vec![0; words * PLANES];
        for (index, bytes) in leading.chunks(8).enumerate() {
            let mut eight = [0; 8];
            eight[..bytes.len()].copy_from_slice(bytes);
            let eight = u64::from_le_bytes(eight);
            let (word, shift) = (index / 8, 8 * (index % 8));
            let block = word / BLOCK;
            let width = BLOCK.min(words - block * BLOCK);
            let first = block * BLOCK * PLANES + word % BLOCK;
            for plane in 0..PLANES {
                let bits = column(eight, (PLANES - 1 - plane) as u32);
                self.planes[first + plane * width] |= bits << shift;
            }
        }
    }

    fn lay_axis(&mut self, cells: &[u16], x: &[f64], all: usize, instructions: Instructions) {
        let classes: Vec<u8> = x.iter().map(|&x| class_of(x)).collect();
        let mut rates = vec![0; x.len()];
        instructions.run(Rates { x, rates: &mut rates });
        let mut counts = [0_usize; CLASSES.len()];
        for &class in &classes {
            counts[usize::from(class)] += 1;
        }
        let mut first = 0;
        let widths = CLASSES.iter().map(|bits| UNIT_BITS - bits).zip(counts);
        for (class, (shift, count)) in widths.enumerate() {
            self.classes[class] = Class { start: self.end, first, shift };
            self.end += (count as u64) << shift;
            self.ends[class] = self.end;
            first += count;
        }
        let shift = UNIT_BITS - QUIET;
        self.classes[CLASSES.len()] = Class { start: self.end, first, shift };
        self.end += (all as u64) << shift;
        self.rare = vec![(0, 0); cells.len()];
        let mut next = self.classes.map(|class| class.first);
        for ((&cell, rate), class) in cells.iter().zip(rates).zip(classes) {
            let next = &mut next[usize::from(class)];
            self.rare[*next] = (cell, rate);
            *next += 1;
        }
    }

    pub(super) fn dominant(&self) -> &[u64] {
        &self.dominant
    }

    /// Decides all cells: the chunk's words of a readout. `latent` tells the latents it was made of.
    pub(super) fn power_up(
        &self,
        latent: impl Fn(usize) -> f64,
        draws: &mut Draws,
        instructions: Instructions,
        row: &mut [u64],
    ) {
        let lanes = self.rest.len();
        let words = lanes.div_ceil(64);
        let Draws { stream, below, open, .. } = draws;
        // What the ties and the rare events will take, and a little more.
        let ahead = lanes >> PLANES;
        let ahead = ahead + (self.end >> UNIT_BITS) as usize + 8;
        let planes = stream.take(words * PLANES, ahead);
        let open = &mut open[..words];
        instructions.run(Compare {
            thresholds: &self.planes,
            draws: planes,
            below: &mut below[..words],
            open,
        });
        if let (Some(last), false) = (open.last_mut(), lanes.is_multiple_of(64)) {
            *last &= (1 << (lanes % 64)) - 1;
        }
        // Word by word would be a branch on a coin for each.
        let mut words_open = [0_u64; CHUNK / 64 / 64];
        for (word, &open) in open.iter().enumerate() {
            words_open[word / 64] |= u64::from(open != 0) << (word % 64);
        }
        for (first, some_open) in (0..).step_by(64).zip(words_open) {
            for word in ones(some_open) {
                for bit in ones(open[first + word]) {
                    let rest = stream.next_u64() >> PLANES << PLANES;
                    let less = rest < self.rest[64 * (first + word) + bit];
                    below[first + word][bit / 8] |= u8::from(less) << (bit % 8);
                }
            }
        }
        let shape = Deposit {
            dominant: &self.dominant,
            noisy: &self.noisy,
            starts: &self.starts,
            crowded: self.crowded,
            moves: &self.moves,
        };
        kernel::deposit(instructions, &shape, below, row);
        self.flip_rare(latent, stream, row);
    }

    fn flip_rare(&self, latent: impl Fn(usize) -> f64, stream: &mut KeyStream, row: &mut [u64]) {
        let mut place = gap::exponential(stream.next_u64());
        while place < self.end {
            // Counted, not searched: which class it is is as good as random.
            let class: usize = self.ends.iter().map(|&end| usize::from(place >= end)).sum();
            let Class { start, first, shift } = self.classes[class];
            let offset = place - start;
            let index = (offset >> shift) as usize;
            if class < CLASSES.len() {
                let (cell, rate) = self.rare[first + index];
                let hit = offset & ((1 << shift) - 1) < rate;
                self.flip(usize::from(cell), hit, row);
            } else {
                let x = latent(index).abs();
                let hit = x >= QUIET_FROM && stream.next_u64() < quiet_rate(x);
                self.flip(index, hit, row);
            }
            place += gap::exponential(stream.next_u64());
        }
    }

    /// Gives a cell the value it does not prefer, however often it is hit.
    #[inline]
    fn flip(&self, cell: usize, hit: bool, row: &mut [u64]) {
        // No branch on what is as good as a coin.
        let (word, bit) = (cell / 64, u64::from(hit) << (cell % 64));
        row[word] = row[word] & !bit | !self.dominant[word] & bit;
    }
}

/// The randomness of a readout, and where it is worked on. Reused from one readout to the next.
pub(super) struct Draws {
    stream: KeyStream,
    below: Box<Lanes>,
    open: Vec<u64>,
}

impl Draws {
    pub(super) fn new() -> Self {
        Self {
            stream: KeyStream::default(),
            below: Box::new([[0; 8]; CHUNK / 64 + 2]),
            open: vec![0; CHUNK / 64],
        }
    }

    /// Goes to the draws of chunk `chunk` in readout `readout_index` at `node`.
    pub(super) fn at(&mut self, node: &SeedTree, readout_index: u64, chunk: u32) -> &mut Self {
        self.stream.restart(node, readout_index, chunk);
        self
    }

    /// Random words drawn so far, for the account of random bits.
    pub(super) fn words_drawn(&self) -> u64 {
        self.stream.words_drawn()
    }
}

/// The rates of rare cells in units of the axis.
struct Rates<'a> {
    x: &'a [f64],
    rates: &'a mut [u64],
}

impl Loop for Rates<'_> {
    type Output = ();

    #[inline(always)]
    fn compute(self) {
        // In two steps: the second is one that vectors do well.
        for (rate, &x) in self.rates.iter_mut().zip(self.x) {
            *rate = normal::tables::near_tail(x).to_bits();
        }
        for rate in self.rates {
            *rate = gap::units(gap::rate(f64::from_bits(*rate)));
        }
    }
}

/// The thresholds of noisy cells.
struct Thresholds<'a> {
    x: &'a [f64],
    thresholds: &'a mut [u64],
}

impl Loop for Thresholds<'_> {
    type Output = ();

    #[inline(always)]
    fn compute(self) {
        for (out, &x) in self.thresholds.iter_mut().zip(self.x) {
            *out = threshold(x);
        }
    }
}

/// The class of a rare cell.
#[inline(always)]
fn class_of(x: f64) -> u8 {
    CLASS_FROM[1..].iter().map(|&bound| u8::from(x >= bound)).sum()
}

/// Bit `bit` of each of eight bytes, the lowest byte first: a column of a matrix of bits.
#[inline(always)]
fn column(eight: u64, bit: u32) -> u64 {
    // The product moves byte j, at bit 8j, to bit 56 + j; nothing else gets there.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    (eight >> bit & 0x0101_0101_0101_0101).wrapping_mul(GATHER) >> 56
}

/// The places of the set bits, lowest first.
fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros() as usize;
            word &= word - 1;
            bit
        })
    })
}

/// `2^64 p` of a noisy cell, `p = Phi(-x)` the probability of the value it does not prefer, rounded to
/// a multiple of 2^-52.
#[inline(always)]
fn threshold(x: f64) -> u64 {
    // The sum has p in its 52 bits of mantissa.
    let threshold = (1.0 + normal::tables::near_tail(x)).to_bits() << 12;
    // The table has a last digit too many at 0.
    threshold.min(1 << 63)
}

/// The rate of a quiet cell in units of 2^-80.
#[expect(clippy::cast_sign_loss, reason = "rates are not negative")]
fn quiet_rate(x: f64) -> u64 {
    (gap::rate(normal::tables::upper_tail(x)) * (TWO_POW_64 * 65536.0)) as u64
}

/// The probability that a cell takes the value it does not prefer, exactly as it is drawn.
pub(super) fn minority_probability(u: f64) -> f64 {
    let x = u.abs();
    if x < NOISY_BELOW {
        threshold(x) as f64 / TWO_POW_64
    } else if x < QUIET_FROM {
        let rate = gap::units(gap::rate(normal::tables::near_tail(x)));
        -libm::expm1(-(rate as f64) / gap::TWO_POW_46)
    } else {
        -libm::expm1(-(quiet_rate(x) as f64) / (TWO_POW_64 * 65536.0))
    }
}

const TWO_POW_64: f64 = 18_446_744_073_709_551_616.0;

/// Noisy cells have `|u|` below this: `Phi(-x) = 1 - exp(-2^-6)`.
const NOISY_BELOW: f64 = CLASS_FROM[0];
/// Quiet ones from this on.
const QUIET_FROM: f64 = 4.169_571_062_3;
/// Where each class begins: `|u|` with `Phi(-x) = 1 - exp(-2^-k)`, rounded up, so that no rate is
/// above its bound.
const CLASS_FROM: [f64; 5] =
    [2.156_981_242_6, 2.418_979_356_1, 2.660_725_004_5, 3.097_413_797_4, 3.487_136_749_2];
