//! The cells of an array in one environment, ready to power up any number of times.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use fuzzy_extractor::bits::BitString;
use rand_core::Rng;

use super::batch::{self, CHUNK, Candidates, Chunk, Draws};
use super::instructions::Instructions;
use super::normal;
use super::process::Process;
use super::readout::ReadoutLaw;
use super::sram::Latents;
use crate::seed::SeedTree;

/// Cells in one environment.
///
/// Readouts have numbers, and any of them can be had at any time, alone or among millions: what a
/// number reads does not depend on which were read before.
///
/// Two laws make a readout depend on the one before: [history](super::history) and
/// [remanence](super::remanence). Readout `r` is then that of a series in this environment from
/// number 0 on, which comes after a long time without power; and
/// [`power_up_after`](Self::power_up_after) takes whatever else the cells held.
#[derive(Clone)]
pub struct ConditionedSram {
    // In a readout without a scale or an offset of its own.
    latents: Latents,
    dominant: BitString,
    // The noise by which latents were divided.
    noise: f64,
    readout: ReadoutLaw,
    // h in units of the noise.
    pull: f64,
    retained: Option<BitString>,
    // Unshifted; and where there is a pull that is the same in all readouts, by the value before.
    chunks: Vec<Chunk>,
    chunks_after: Option<[Vec<Chunk>; 2]>,
    draws: [SeedTree; 2],
    readouts: SeedTree,
    instructions: Instructions,
}

/// What is different in one readout from the next.
#[derive(Clone, Copy, PartialEq)]
struct Shift {
    // k_j
    scale: f64,
    // o_j and the pull of history, in units of the noise.
    offset: f64,
}

impl ConditionedSram {
    /// Cells of `process` with these latents and this noise, of the die at `seed`.
    pub(super) fn new(
        latents: Latents,
        noise: f64,
        retained: Option<BitString>,
        process: &Process,
        seed: &SeedTree,
        instructions: Instructions,
    ) -> Self {
        let readout = *process.readout();
        let pull = process.history().pull() / noise;
        // Where readouts differ, each has latents of its own: those of all cells are needed then.
        let plain = pull == 0.0 && readout == ReadoutLaw::OFF;
        let latents = if plain { latents } else { latents.into_each(instructions) };
        let unshifted = chunks(&latents, instructions);
        let words = unshifted.iter().flat_map(|chunk| chunk.dominant()).copied().collect();
        let mut sram = Self {
            dominant: BitString::from_words(words, latents.len()),
            chunks: unshifted,
            chunks_after: None,
            latents,
            noise,
            readout,
            pull,
            retained,
            draws: [POWER_UP, POWER_UP_AFTER_1].map(|label| seed.child(label)),
            readouts: seed.child(READOUT),
            instructions,
        };
        if sram.pull != 0.0 && !sram.readouts_differ() {
            sram.chunks_after = Some(sram.chunks_after());
        }
        sram
    }

    fn chunks_after(&self) -> [Vec<Chunk>; 2] {
        [false, true].map(|previous| {
            let shift = Shift { scale: 1.0, offset: self.pull_of(Some(previous)) };
            chunks(&Latents::Each(self.shifted(shift, 0..self.cells())), self.instructions)
        })
    }

    /// The same cells, decided with other instructions: the same bytes, faster or slower.
    #[must_use]
    pub fn with_instructions(mut self, instructions: Instructions) -> Self {
        self.instructions = instructions;
        self.chunks = chunks(&self.latents, instructions);
        self.chunks_after = self.chunks_after.take().map(|_| self.chunks_after());
        self
    }

    /// Number of cells.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.latents.len()
    }

    /// Readout `readout_index` of a series in this environment.
    ///
    /// ```
    /// use puf_emulator::seed::SeedTree;
    /// use puf_emulator::silicon::{Environment, Process, SramArray};
    ///
    /// let die = SramArray::manufacture(Process::from_ber(0.05)?, 8192, &SeedTree::from_seed(1))?;
    /// let die = die.in_environment(&Environment::default());
    /// let (first, later) = (die.power_up(0), die.power_up(1_000_000));
    /// assert!((200..650).contains(&first.distance(&later)));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    #[must_use]
    pub fn power_up(&self, readout_index: u64) -> BitString {
        self.to_bits(|row, scratch| self.power_up_into(readout_index, row, scratch))
    }

    /// As [`power_up`](Self::power_up), into the packed words of a readout: bit `i % 64` of word
    /// `i / 64` is cell `i`. Bits past the end become zero.
    ///
    /// For many readouts: each takes a tenth of a nanosecond a cell or so. Where readouts have a scale
    /// or an offset of their own, each has thresholds of its own, too, and takes some eight
    /// nanoseconds a cell. Any number of threads can do it at the same time, each with a scratch of
    /// its own.
    ///
    /// # Panics
    /// If there are not `ceil(cells / 64)` words.
    pub fn power_up_into(&self, readout_index: u64, row: &mut [u64], scratch: &mut Scratch) {
        if self.pull == 0.0 {
            self.draw(readout_index, None, row, scratch);
        } else {
            self.draw_series(readout_index, row, scratch);
        }
        if let Some(retained) = &self.retained
            && readout_index > 0
        {
            // Through every short off-time since the first readout.
            let mut first = vec![0; row.len()];
            self.draw(0, None, &mut first, scratch);
            select(retained.words(), &first, row);
        }
    }

    /// Readout `readout_index` after the cells held `previous` when the power was cut.
    ///
    /// # Panics
    /// If `previous` has another length than the array.
    #[must_use]
    pub fn power_up_after(&self, readout_index: u64, previous: &BitString) -> BitString {
        assert_eq!(previous.len(), self.cells(), "a pattern held by another number of cells");
        self.to_bits(|row, scratch| {
            self.draw(readout_index, Some(false), row, scratch);
            if self.pull != 0.0 {
                let mut after_1 = vec![0; row.len()];
                self.draw(readout_index, Some(true), &mut after_1, scratch);
                select(previous.words(), &after_1, row);
            }
            if let Some(retained) = &self.retained {
                select(retained.words(), previous.words(), row);
            }
        })
    }

    /// Readout `readout_index` after a long time without power, whatever its number.
    #[must_use]
    pub fn power_up_after_nothing(&self, readout_index: u64) -> BitString {
        self.to_bits(|row, scratch| self.draw(readout_index, None, row, scratch))
    }

    /// Whether a readout depends on what the cells held before.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.pull != 0.0 || self.retained.is_some()
    }

    /// What each cell prefers. Ground truth.
    #[must_use]
    pub fn dominant(&self) -> &BitString {
        &self.dominant
    }

    /// The cells that keep their value through the off-time; `None` if that is long enough for all to
    /// lose it. Ground truth.
    #[must_use]
    pub fn retained(&self) -> Option<&BitString> {
        self.retained.as_ref()
    }

    /// The latent `u` of `cell`: it powers up as 1 with probability `Phi(u)`, but for the integers that
    /// [`one_probability`](Self::one_probability) tells. Ground truth.
    ///
    /// # Panics
    /// If there is no such cell.
    #[must_use]
    pub fn latent(&self, cell: usize) -> f64 {
        self.latents.at(cell)
    }

    /// The probability that `cell` powers up as the value it does not prefer, 0 to 0.5, exactly as it
    /// is drawn: in a readout without a scale or an offset of its own, after a long off-time. Ground
    /// truth.
    ///
    /// # Panics
    /// If there is no such cell.
    #[must_use]
    pub fn minority_probability(&self, cell: usize) -> f64 {
        batch::minority_probability(self.latents.at(cell))
    }

    /// The probability that `cell` powers up as 1, likewise. Ground truth.
    ///
    /// # Panics
    /// If there is no such cell.
    #[must_use]
    pub fn one_probability(&self, cell: usize) -> f64 {
        let minority = self.minority_probability(cell);
        if self.dominant.get(cell) { 1.0 - minority } else { minority }
    }

    fn to_bits(&self, draw: impl FnOnce(&mut [u64], &mut Scratch)) -> BitString {
        let mut words = vec![0; self.cells().div_ceil(64)];
        draw(&mut words, &mut Scratch::new());
        BitString::from_words(words, self.cells())
    }

    /// Draws a readout in which the cells feel that they all held `previous`, or nothing.
    fn draw(
        &self,
        readout_index: u64,
        previous: Option<bool>,
        row: &mut [u64],
        scratch: &mut Scratch,
    ) {
        assert_eq!(row.len(), self.cells().div_ceil(64), "a readout takes another number of words");
        let after_1 = previous == Some(true) && self.pull != 0.0;
        let draws = &self.draws[usize::from(after_1)];
        let shift = self.shift(readout_index, previous);
        let prepared = match (&self.chunks_after, previous) {
            _ if shift == Shift::NONE => Some(&self.chunks),
            (Some(after), Some(previous)) if shift.offset == self.pull_of(Some(previous)) => {
                Some(&after[usize::from(previous)])
            }
            _ => None,
        };
        let rows = row.chunks_mut(CHUNK / 64).enumerate();
        for ((number, row), section) in rows.zip(0..) {
            let first = CHUNK * number;
            let place = scratch.draws.at(draws, readout_index, section);
            if let Some(chunks) = prepared {
                let latent = |cell| shift.of(self.latents.at(first + cell));
                chunks[number].power_up(latent, place, self.instructions, row);
            } else {
                // Thresholds for this one readout, a chunk at a time.
                let last = self.cells().min(first + CHUNK);
                let latents = self.shifted(shift, first..last);
                let found = Candidates::of_latents(&latents, self.instructions);
                let chunk = Chunk::new(found, self.instructions);
                chunk.power_up(|cell| latents[cell], place, self.instructions, row);
            }
        }
    }

    fn shifted(&self, shift: Shift, cells: Range<usize>) -> Vec<f64> {
        cells.map(|cell| shift.of(self.latents.at(cell))).collect()
    }

    /// Draws readout `readout_index` of a series in which each feels the one before.
    ///
    /// Whatever a cell held before, it reads one value or the other: a readout maps the value before
    /// to the value after. Maps are composed backwards in time until for every cell the outcome is
    /// the same from 0 and from 1 (coupling from the past: J. G. Propp and D. B. Wilson, Random
    /// Structures and Algorithms 9, 1996), or until the first readout. For a pull of half the noise
    /// that takes some ten readouts; for one of several times the noise cells hardly ever forget, and
    /// it goes all the way back. In a series, [`power_up_after`](Self::power_up_after) the one before
    /// needs none of this.
    fn draw_series(&self, readout_index: u64, row: &mut [u64], scratch: &mut Scratch) {
        if readout_index == 0 {
            return self.draw(0, None, row, scratch);
        }
        let mut from_1 = vec![0; row.len()];
        self.draw(readout_index, Some(false), row, scratch);
        self.draw(readout_index, Some(true), &mut from_1, scratch);
        let (mut earlier_0, mut earlier_1) = (vec![0; row.len()], vec![0; row.len()]);
        let mut earlier = readout_index;
        while *row != *from_1 {
            earlier -= 1;
            if earlier == 0 {
                self.draw(0, None, &mut earlier_0, scratch);
                select(&earlier_0, &from_1, row);
                return;
            }
            self.draw(earlier, Some(false), &mut earlier_0, scratch);
            self.draw(earlier, Some(true), &mut earlier_1, scratch);
            for (i, (zero, one)) in row.iter_mut().zip(&mut from_1).enumerate() {
                let (before_0, before_1) = (earlier_0[i], earlier_1[i]);
                let (then_0, then_1) = (*zero, *one);
                *zero = then_1 & before_0 | then_0 & !before_0;
                *one = then_1 & before_1 | then_0 & !before_1;
            }
        }
    }

    /// What is special about a readout.
    fn shift(&self, readout_index: u64, previous: Option<bool>) -> Shift {
        let mut z = [0.0; 2];
        if self.readouts_differ() {
            let mut words = self.readouts.stream(readout_index);
            z = z.map(|_| normal::variate(words.next_u64()));
        }
        let (scale, offset) = self.readout.of(z[0], z[1], readout_index);
        Shift { scale, offset: offset / self.noise + self.pull_of(previous) }
    }

    fn readouts_differ(&self) -> bool {
        self.readout.scale_cv() != 0.0 || self.readout.offset_sd() != 0.0
    }

    /// The pull of the value before, in units of the noise.
    fn pull_of(&self, previous: Option<bool>) -> f64 {
        match previous {
            Some(true) => self.pull,
            Some(false) => -self.pull,
            None => 0.0,
        }
    }
}

impl fmt::Debug for ConditionedSram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConditionedSram").field("cells", &self.cells()).finish_non_exhaustive()
    }
}

impl Shift {
    const NONE: Self = Self { scale: 1.0, offset: 0.0 };

    /// The latent in the readout, of that in a plain one.
    fn of(self, u: f64) -> f64 {
        (u + self.offset) / self.scale
    }
}

fn chunks(latents: &Latents, instructions: Instructions) -> Vec<Chunk> {
    match latents {
        Latents::Each(latents) => latents
            .chunks(CHUNK)
            .map(|latents| Chunk::new(Candidates::of_latents(latents, instructions), instructions))
            .collect(),
        Latents::Plain(plain) => (0..latents.len())
            .step_by(CHUNK)
            .map(|first| Chunk::new(Candidates::of_plain(plain, first, instructions), instructions))
            .collect(),
    }
}

/// Takes the bits of `other` where `mask` says so.
fn select(mask: &[u64], other: &[u64], row: &mut [u64]) {
    for ((word, &mask), &other) in row.iter_mut().zip(mask).zip(other) {
        *word = *word & !mask | other & mask;
    }
}

/// What readouts are worked out in, reused from one to the next; and an account of their
/// randomness.
pub struct Scratch {
    draws: Draws,
}

impl Scratch {
    /// Scratch for a thread.
    #[must_use]
    pub fn new() -> Self {
        Self { draws: Draws::new() }
    }

    /// Random bits that all readouts with this scratch took.
    #[must_use]
    pub fn random_bits(&self) -> u64 {
        64 * self.draws.words_drawn()
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

const POWER_UP: &str = "power-up";
const POWER_UP_AFTER_1: &str = "power-up after 1";
const READOUT: &str = "readout";
