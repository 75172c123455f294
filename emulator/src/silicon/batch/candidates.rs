//! The cells of a chunk that may flip at all, found before anything is computed of the others.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::super::instructions::{Instructions, Loop};
use super::super::normal;
use super::super::sram::Plain;
use super::{CHUNK, QUIET_FROM, column, ones};

/// The cells of a chunk with what has to be known of them.
pub(in super::super) struct Candidates {
    /// Cells of the chunk.
    pub(super) count: usize,
    /// What the quiet cells prefer, a bit each; those of candidates are 0.
    pub(super) dominant: Vec<u64>,
    /// The candidates, a bit each: all that are not quiet, and perhaps a few quiet ones.
    pub(super) near: Vec<u64>,
    /// The candidates in order.
    pub(super) cells: Vec<u16>,
    /// Their latents.
    pub(super) latents: Vec<f64>,
}

impl Candidates {
    /// Those of up to [`CHUNK`] latents.
    pub(in super::super) fn of_latents(latents: &[f64], instructions: Instructions) -> Self {
        let found = instructions.run(Sift { values: latents, near: -QUIET_FROM..=QUIET_FROM });
        let cells = cells_of(&found.near);
        let latents_of = cells.iter().map(|&cell| latents[usize::from(cell)]).collect();
        Self::new(latents.len(), found, cells, latents_of)
    }

    /// Those of the chunk that begins with cell `first`: of the others, their words tell enough.
    pub(in super::super) fn of_plain(
        plain: &Plain,
        first: usize,
        instructions: Instructions,
    ) -> Self {
        let words = &plain.skews.words()[first..];
        let words = &words[..words.len().min(CHUNK)];
        let reach = (QUIET_FROM + MARGIN) / plain.per_noise;
        let from = word_of(plain.threshold - reach).saturating_sub(1);
        let to = word_of(plain.threshold + reach).saturating_add(1);
        let found = instructions.run(Sift { values: words, near: from..=to });
        let cells = cells_of(&found.near);
        let mut latents = plain.skews.some(first, &cells, instructions);
        latents.iter_mut().for_each(|z| *z = plain.of(*z));
        Self::new(words.len(), found, cells, latents)
    }

    fn new(count: usize, found: Found, cells: Vec<u16>, latents: Vec<f64>) -> Self {
        Self { count, dominant: found.above, near: found.near, cells, latents }
    }
}

/// The word that stands for the skew `z`, within one.
#[expect(
    clippy::cast_sign_loss,
    reason = "a probability is not negative; beyond 2^32 it saturates"
)]
fn word_of(z: f64) -> u32 {
    (normal::cdf(z) * 4_294_967_296.0) as u32
}

/// Latents that words may be off by: more than their rounding, and few cells.
const MARGIN: f64 = 1e-6;

/// Looks for values near the middle, 64 at a time.
struct Sift<'a, T> {
    values: &'a [T],
    near: RangeInclusive<T>,
}

/// What was found, a bit for each value.
struct Found {
    near: Vec<u64>,
    above: Vec<u64>,
}

impl<T: Copy + PartialOrd> Loop for Sift<'_, T> {
    type Output = Found;

    #[inline(always)]
    fn compute(self) -> Found {
        let (start, last) = self.near.into_inner();
        let words = self.values.len().div_ceil(64);
        let mut found = Found { near: vec![0; words], above: vec![0; words] };
        for (word, values) in self.values.chunks(64).enumerate() {
            // Flags in bytes first, bits after: many values are compared at a time.
            let mut flags = [0_u8; 64];
            for (flags, &value) in flags.iter_mut().zip(values) {
                let above = u8::from(value > last);
                *flags = above << 1 | u8::from(value >= start) & (above ^ 1);
            }
            found.near[word] = bits_of(&flags, 0);
            found.above[word] = bits_of(&flags, 1);
        }
        found
    }
}

/// Bit `flag` of each of 64 bytes, first byte lowest.
#[inline(always)]
fn bits_of(flags: &[u8; 64], flag: u32) -> u64 {
    let eights = flags.as_chunks().0.iter().rev();
    eights.fold(0, |bits, &eight| bits << 8 | column(u64::from_le_bytes(eight), flag))
}

/// The cells that the bits of `words` mark, in order.
fn cells_of(words: &[u64]) -> Vec<u16> {
    let count = words.iter().map(|word| word.count_ones() as usize).sum();
    let mut cells = vec![0; count];
    let mut next = 0;
    for (first, &word) in (0..).step_by(64).zip(words) {
        for bit in ones(word) {
            cells[next] = first + bit as u16;
            next += 1;
        }
    }
    cells
}
