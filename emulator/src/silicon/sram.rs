//! A modelled array of SRAM cells: manufacture, conditions, power-up.
//!
//! Real-valued mathematics happens twice: when the cells are manufactured and when they are brought
//! into an environment. What comes out is a threshold per cell, an integer; a power-up then only
//! compares integers, with random numbers that have addresses. So the bytes of a readout depend on
//! the seed, the process, the environment and the number of the readout, and on nothing else.
//!
//! # The addresses
//!
//! Below the array's node of the seed tree, for cell `i` and readout `r`:
//!
//! | what | node | stream | position |
//! |---|---|---|---|
//! | skew `z` | `cell skew` | 0 | words `2i`, `2i + 1` |
//! | temperature coefficient `z'` | `cell temperature` | 0 | words `2i`, `2i + 1` |
//! | high 16 bits of the draw | `power-up` | `r` | bytes `2i`, `2i + 1` |
//! | low 48 bits of the draw | `power-up refinement` | `r` | words `2i`, `2i + 1` |
//!
//! Two words are a 64-bit integer, low half first; two bytes a 16-bit integer, low byte first. The
//! cell takes the value it does not prefer if its 64-bit draw is below `round(2^64 Phi(-|u|))`. The
//! low 48 bits (the high 48 of their two words) are looked up only when the high 16 leave it open.
//!
//! The environment is no part of an address: the same readout number in two environments is the same
//! noise on two sets of thresholds. Readouts that should be independent have different numbers.

use alloc::vec::Vec;
use core::fmt;

use fuzzy_extractor::bits::BitString;
use rand_core::Rng;

use super::environment::Environment;
use super::normal;
use super::process::{Cell, Condition, Process};
use crate::seed::{SeedTree, SimulatedRng};

/// The most cells an array can have: 2^26, the bits of 8 MiB.
///
/// An array takes 8 bytes a cell, and 10 more for each environment it is brought into.
pub const MAX_CELLS: usize = 1 << 26;

/// The cells of one die, drawn from a process.
///
/// Everything about it is ground truth; what a chip may see of it is a
/// [`Silicon`](super::Silicon). It is not wiped when dropped, unlike a response: it stands for matter,
/// and whoever knows its seed can make it again.
///
/// ```
/// use puf_emulator::seed::SeedTree;
/// use puf_emulator::silicon::{Environment, Process, SramArray};
///
/// let process = Process::from_ber(0.05)?;
/// let die = SramArray::manufacture(process, 4096, &SeedTree::from_seed(1).index(0))?;
/// let enrolled = die.power_up(&Environment::default(), 0);
/// let cold = die.power_up(&Environment::default().at_celsius(-20.0)?, 1);
/// assert!((100..500).contains(&enrolled.distance(&cold)));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SramArray {
    process: Process,
    seed: SeedTree,
    // z of each cell. z' is drawn again from its address when a temperature asks for it.
    skews: Vec<f64>,
    held: Option<BitString>,
}

impl SramArray {
    /// Makes the `cells` cells of the die at `seed`; a longer array of the same die begins with the
    /// same cells.
    ///
    /// # Errors
    /// If there is no cell or more than [`MAX_CELLS`].
    pub fn manufacture(
        process: Process,
        cells: usize,
        seed: &SeedTree,
    ) -> Result<Self, CellCountError> {
        if cells == 0 || cells > MAX_CELLS {
            return Err(CellCountError { cells });
        }
        let skews = variates(&seed.child(SKEW), 0).take(cells).collect();
        Ok(Self { process, seed: seed.clone(), skews, held: None })
    }

    /// The same die, its cells holding `pattern` while they age.
    ///
    /// By default they hold their first life: readout 0 in the reference environment.
    ///
    /// # Errors
    /// If the pattern has another length than the array.
    pub fn with_held(self, pattern: BitString) -> Result<Self, HeldLengthError> {
        if pattern.len() != self.cells() {
            return Err(HeldLengthError { expected: self.cells(), found: pattern.len() });
        }
        Ok(Self { held: Some(pattern), ..self })
    }

    /// Number of cells.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.skews.len()
    }

    /// The process of which the cells were drawn.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Brings the cells into `environment`; worth keeping for many power-ups there.
    #[must_use]
    pub fn in_environment(&self, environment: &Environment) -> ConditionedSram {
        let condition = self.process.condition(environment);
        if condition.ageing_delta == 0.0 {
            return self.conditioned(&condition, None);
        }
        let first_life = match &self.held {
            Some(_) => None,
            None => Some(self.power_up(&Environment::default(), 0)),
        };
        self.conditioned(&condition, self.held.as_ref().or(first_life.as_ref()))
    }

    /// Readout `readout_index` in `environment`: [`in_environment`](Self::in_environment), then one
    /// power-up.
    #[must_use]
    pub fn power_up(&self, environment: &Environment, readout_index: u64) -> BitString {
        self.in_environment(environment).power_up(readout_index)
    }

    /// The cells under `condition`, having aged with `held`; not aged at all without.
    fn conditioned(&self, condition: &Condition, held: Option<&BitString>) -> ConditionedSram {
        let mut dominant = Vec::with_capacity(self.cells().div_ceil(64));
        let mut minority = Vec::with_capacity(self.cells().next_multiple_of(64));
        for (cell, u) in self.latents(condition, held).enumerate() {
            if cell % 64 == 0 {
                dominant.push(0);
            }
            dominant[cell / 64] |= u64::from(u >= 0.0) << (cell % 64);
            minority.push(threshold(normal::cdf(-u.abs())));
        }
        ConditionedSram::new(BitString::from_words(dominant, self.cells()), minority, &self.seed)
    }

    /// The latent `u` of each cell.
    fn latents<'a>(
        &'a self,
        condition: &'a Condition,
        held: Option<&'a BitString>,
    ) -> impl Iterator<Item = f64> + 'a {
        let heated = condition.temperature_step != 0.0;
        let mut coefficients = heated.then(|| variates(&self.seed.child(TEMPERATURE), 0));
        self.skews.iter().enumerate().map(move |(index, &skew)| {
            let temperature_coefficient =
                coefficients.as_mut().and_then(Iterator::next).unwrap_or(0.0);
            let held = held.is_some_and(|bits| bits.get(index));
            let cell = Cell { skew, temperature_coefficient, held };
            self.process.latent(&cell, condition)
        })
    }
}

impl fmt::Debug for SramArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SramArray")
            .field("process", &self.process)
            .field("cells", &self.cells())
            .finish_non_exhaustive()
    }
}

/// The cells of an array in one environment, ready to power up any number of times.
#[derive(Clone)]
pub struct ConditionedSram {
    dominant: BitString,
    // Thresholds, with cells that never flip up to a multiple of 64.
    minority: Vec<u64>,
    // High 16 bits of them: all that most comparisons need, packed for the cache.
    high: Vec<u16>,
    draws: SeedTree,
    refinements: SeedTree,
}

impl ConditionedSram {
    /// Cells with their preferred values and minority thresholds, of the die at `seed`.
    fn new(dominant: BitString, mut minority: Vec<u64>, seed: &SeedTree) -> Self {
        minority.resize(minority.len().next_multiple_of(64), 0);
        Self {
            dominant,
            high: minority.iter().map(|&threshold| high_16(threshold)).collect(),
            minority,
            draws: seed.child(POWER_UP),
            refinements: seed.child(REFINEMENT),
        }
    }

    /// Number of cells.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.dominant.len()
    }

    /// Readout `readout_index`.
    #[must_use]
    pub fn power_up(&self, readout_index: u64) -> BitString {
        let mut draws = self.draws.stream(readout_index);
        let blocks = self.dominant.words().iter().zip(self.high.as_chunks().0);
        let words = blocks
            .enumerate()
            .map(|(block, (&dominant, high))| {
                let Comparison { mut below, equal } = compare(&mut draws, high);
                if equal != 0 {
                    below |= self.refine(readout_index, block, equal);
                }
                dominant ^ below
            })
            .collect();
        BitString::from_words(words, self.cells())
    }

    /// What each cell prefers. Ground truth.
    #[must_use]
    pub fn dominant(&self) -> &BitString {
        &self.dominant
    }

    /// The probability that `cell` powers up as the value it does not prefer, 0 to 0.5, a multiple of
    /// 2^-64. Ground truth.
    ///
    /// # Panics
    /// If there is no such cell.
    #[must_use]
    pub fn minority_probability(&self, cell: usize) -> f64 {
        assert!(cell < self.cells(), "cell {cell} of {}", self.cells());
        self.minority[cell] as f64 / TWO_POW_64
    }

    /// The probability that `cell` powers up as 1. Ground truth.
    ///
    /// # Panics
    /// If there is no such cell.
    #[must_use]
    pub fn one_probability(&self, cell: usize) -> f64 {
        let minority = self.minority_probability(cell);
        if self.dominant.get(cell) { 1.0 - minority } else { minority }
    }

    /// Decides the cells of `block` that `open` marks by the low 48 bits of their draws.
    fn refine(&self, readout_index: u64, block: usize, open: u64) -> u64 {
        let refinements = self.refinements.stream(readout_index);
        let mut below = 0;
        let mut rest = open;
        while rest != 0 {
            let place = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            let cell = 64 * block + place;
            let low = refinements.clone().at(2 * cell as u64).next_u64() >> 16;
            below |= u64::from(low < self.minority[cell] & LOW_48) << place;
        }
        below
    }
}

impl fmt::Debug for ConditionedSram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConditionedSram").field("cells", &self.cells()).finish_non_exhaustive()
    }
}

/// The draws of 64 cells against their thresholds, 16 bits each, a bit per cell.
struct Comparison {
    below: u64,
    equal: u64,
}

// Written so that the compiler compares many cells at a time: flags in bytes first, bits after.
fn compare(draws: &mut SimulatedRng, thresholds: &[u16; 64]) -> Comparison {
    let mut bytes = [0; 128];
    draws.fill_bytes(&mut bytes);
    let (mut below, mut equal) = ([0; 64], [0; 64]);
    for (place, (&pair, &threshold)) in bytes.as_chunks().0.iter().zip(thresholds).enumerate() {
        let draw = u16::from_le_bytes(pair);
        below[place] = u8::from(draw < threshold);
        equal[place] = u8::from(draw == threshold);
    }
    Comparison { below: bits_of(&below), equal: bits_of(&equal) }
}

/// The bits of 64 bytes that are 0 or 1, first byte lowest.
fn bits_of(flags: &[u8; 64]) -> u64 {
    // The product moves byte j of eight, at bit 8j, to bit 56 + j; nothing else gets there.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    flags
        .as_chunks()
        .0
        .iter()
        .rev()
        .fold(0, |bits, &eight| bits << 8 | u64::from_le_bytes(eight).wrapping_mul(GATHER) >> 56)
}

/// The N(0,1) variates of a node, from cell `first` on.
fn variates(node: &SeedTree, first: u64) -> impl Iterator<Item = f64> + use<> {
    let mut words = node.stream(0).at(2 * first);
    core::iter::repeat_with(move || normal::variate(words.next_u64()))
}

/// `round(2^64 probability)` for a probability of at most one half: exact scaling, then the only
/// rounding.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a probability of at most 1/2 scales to 0..=2^63"
)]
fn threshold(probability: f64) -> u64 {
    libm::round(probability * TWO_POW_64) as u64
}

fn high_16(threshold: u64) -> u16 {
    (threshold >> 48) as u16
}

/// A number of cells that no array has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellCountError {
    /// The number asked for.
    pub cells: usize,
}

impl fmt::Display for CellCountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cells, where an array has 1 to {MAX_CELLS}", self.cells)
    }
}

impl core::error::Error for CellCountError {}

/// A held pattern of another length than the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldLengthError {
    /// Cells of the array.
    pub expected: usize,
    /// Bits of the pattern.
    pub found: usize,
}

impl fmt::Display for HeldLengthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a pattern of {} bits held by {} cells", self.found, self.expected)
    }
}

impl core::error::Error for HeldLengthError {}

const SKEW: &str = "cell skew";
const TEMPERATURE: &str = "cell temperature";
const POWER_UP: &str = "power-up";
const REFINEMENT: &str = "power-up refinement";

const TWO_POW_64: f64 = 18_446_744_073_709_551_616.0;
const LOW_48: u64 = (1 << 48) - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const CELLS: usize = 1000;

    /// The 64-bit draw of a cell, read from the addresses in the door comment one at a time.
    fn draw(seed: &SeedTree, cell: usize, readout: u64) -> u64 {
        let cell = cell as u64;
        let word = seed.child("power-up").stream(readout).at(cell / 2).next_u32();
        let high = u64::from(word >> (16 * (cell % 2)) & 0xffff);
        let low = seed.child("power-up refinement").stream(readout).at(2 * cell).next_u64() >> 16;
        high << 48 | low
    }

    fn with_thresholds(seed: &SeedTree, minority: Vec<u64>) -> ConditionedSram {
        ConditionedSram::new(BitString::zeros(minority.len()), minority, seed)
    }

    /// Thresholds at and just above each draw: every comparison is a tie of the high 16 bits, and
    /// one part in 2^64 decides.
    #[test]
    fn comparisons_are_exact_to_the_last_bit() {
        let seed = SeedTree::from_seed(5);
        for readout in [0, 1, u64::MAX] {
            let draws: Vec<u64> = (0..CELLS).map(|cell| draw(&seed, cell, readout)).collect();
            let just_above = draws.iter().map(|draw| draw + 1).collect();
            assert_eq!(with_thresholds(&seed, draws).power_up(readout).weight(), 0);
            assert_eq!(with_thresholds(&seed, just_above).power_up(readout).weight(), CELLS);
        }
    }

    #[test]
    fn thresholds_at_the_edges() {
        assert_eq!(threshold(0.5), 1 << 63);
        assert_eq!(threshold(2f64.powi(-64)), 1);
        assert_eq!(threshold(2f64.powi(-66)), 0);
        assert_eq!(threshold(normal::cdf(-9.5)), 0);
        assert_eq!(threshold(f64::MIN_POSITIVE), 0);
        let never = with_thresholds(&SeedTree::from_seed(1), vec![0; 1 << 20]);
        assert_eq!(never.power_up(0).weight(), 0);
    }

    #[test]
    fn any_range_of_cells_can_be_manufactured_by_itself() {
        let node = SeedTree::from_seed(9).child(SKEW);
        let whole: Vec<f64> = variates(&node, 0).take(CELLS).collect();
        for (first, len) in [(0, 10), (1, 17), (63, 130), (64, 64), (999, 1)] {
            let part: Vec<f64> = variates(&node, first as u64).take(len).collect();
            assert_eq!(part, whole[first..first + len]);
        }
    }
}
