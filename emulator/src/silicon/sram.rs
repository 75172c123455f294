//! A modelled array of SRAM cells: manufacture and conditions.
//!
//! Real-valued mathematics happens twice: when the cells are manufactured and when they are brought
//! into an environment. What comes out is integers for each cell, and a power-up only compares
//! integers, with random numbers that have addresses. So the bytes of a readout depend on the seed,
//! the process, the environment and the number of the readout, and on nothing else: not on the
//! number of threads, the processor, or what was drawn before.
//!
//! # The addresses
//!
//! Below the array's node of the seed tree, for cell `i` and readout `r`:
//!
//! | what | node | stream | position |
//! |---|---|---|---|
//! | the device: noise, threshold, polarity | `die` | 0 | words 0 and 1, 2 and 3, 4 and 5 |
//! | skew `z` | `cell skew` | 0 | word `i` |
//! | the drifts with temperature, rise time and age; the retention time | `cell temperature`, `cell ramp`, `cell wander`, `cell retention` | 0 | word `i` |
//! | whether such a drift is of the rare component | the same | 1 | word `i` |
//! | 32 more bits of a cell far out in a tail, `r` | the same, and `cell skew` | 2 | word `i` |
//! | scale and offset of a readout | `readout` | `r` | words 0 and 1, 2 and 3 |
//! | what each cell reads | `power-up` | `r` | see [`batch`](super::batch) |
//! | the same if it held 1 before, where that matters | `power-up after 1` | `r` | the same |
//!
//! A word `w` of a skew, a drift or a retention time stands for the standard normal quantile of
//! `(w + 1/2) / 2^32`. Where that is within 2^-13 of 0, it stands for that of `(2^32 w + r + 1/2) / 2^64`
//! with 32 more bits `r`; within 2^-13 of 1, for the mirror image of what `2^32 - 1 - w` stands for
//! with the same `r`. Two words are a 64-bit integer, low half first; as a variate its bit 0 is the
//! sign, set for positive, and the rest `v` its quantile `(v + 1/2) / 2^64` in that tail.
//!
//! The environment is no part of an address: the same readout number in two environments reads the
//! same words, for cells that are the same only as long as they are sorted alike. Neither are the two
//! independent, then, nor are they the same noise: readouts that are compared have different numbers.
//! Readout 0 in the reference environment is also what the cells hold while they age, unless another
//! pattern is given; in an aged environment readouts are numbered from 1, as a device does.

use alloc::vec::Vec;
use core::fmt;

use fuzzy_extractor::bits::BitString;
use rand_core::Rng;

use super::conditioned::ConditionedSram;
use super::drift::TwoComponent;
use super::environment::Environment;
use super::instructions::{Instructions, Loop};
use super::normal;
use super::process::{Cell, Condition, Die, Process};
use super::skews::Skews;
use crate::seed::SeedTree;

/// The most cells an array can have: 2^26, the bits of 8 MiB.
///
/// An array takes 4 bytes a cell; for each environment it is brought into, 5 to 19 more, 40 where
/// readouts depend on the one before, and up to 56 while it is made.
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
    die: Die,
    // The other coefficients are drawn when a condition asks for them.
    skews: Skews,
    held: Option<BitString>,
    instructions: Instructions,
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
        Self::manufacture_with(Instructions::detected(), process, cells, seed)
    }

    /// As [`manufacture`](Self::manufacture), with other instructions than the best there are, now and
    /// in all that is made of it. The same cells, slower.
    ///
    /// # Errors
    /// As [`manufacture`](Self::manufacture).
    pub fn manufacture_with(
        instructions: Instructions,
        process: Process,
        cells: usize,
        seed: &SeedTree,
    ) -> Result<Self, CellCountError> {
        if cells == 0 || cells > MAX_CELLS {
            return Err(CellCountError { cells });
        }
        let mut device = seed.child(DIE).stream(0);
        let die = process.die([0; 3].map(|_| normal::variate(device.next_u64())));
        let skews = Skews::draw(seed.child(SKEW), cells);
        Ok(Self { process, seed: seed.clone(), die, skews, held: None, instructions })
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

    /// The device's own noise `lambda1_d`, in standard deviations of the skew. Ground truth.
    #[must_use]
    pub fn lambda1(&self) -> f64 {
        self.die.lambda1
    }

    /// The device's own threshold `lambda2_d`, in standard deviations of the skew. Ground truth.
    #[must_use]
    pub fn lambda2(&self) -> f64 {
        self.die.lambda2
    }

    /// The device's own amplitude of polarity `s_d`, in standard deviations of the skew. Ground
    /// truth.
    #[must_use]
    pub fn polarity(&self) -> f64 {
        self.die.polarity
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
        let noise = self.process.noise(&self.die, condition);
        let retained = condition.retention.map(|quantile| {
            let times = Skews::draw(self.seed.child(RETENTION), self.cells());
            times.all(self.instructions).into_iter().map(|z| z > quantile).collect()
        });
        let latents = if self.is_plain(condition) {
            Latents::Plain(Plain {
                skews: self.skews.clone(),
                threshold: self.die.lambda2,
                per_noise: 1.0 / noise,
            })
        } else {
            Latents::Each(self.latents(condition, held, noise))
        };
        ConditionedSram::new(latents, noise, retained, &self.process, &self.seed, self.instructions)
    }

    /// Whether nothing but its skew tells one cell from another.
    fn is_plain(&self, condition: &Condition) -> bool {
        let Condition { temperature_step, ramp_step, wander, ageing_delta, .. } = *condition;
        [temperature_step, ramp_step, wander, ageing_delta, self.die.polarity] == [0.0; 5]
    }

    /// The latent `u` of each cell, in a readout without a scale or an offset of its own.
    fn latents(&self, condition: &Condition, held: Option<&BitString>, noise: f64) -> Vec<f64> {
        let laws = &self.process;
        let coefficients = |step: f64, label, law: &TwoComponent| {
            let node = (step != 0.0).then(|| self.seed.child(label))?;
            Some(drifts(node, self.cells(), law, self.instructions))
        };
        let temperature =
            coefficients(condition.temperature_step, TEMPERATURE, laws.temperature().coefficient());
        let ramp = coefficients(condition.ramp_step, RAMP, &TwoComponent::NORMAL);
        let wander = coefficients(condition.wander, WANDER, laws.wander().coefficient());
        let mut latents = self.skews.all(self.instructions);
        for (word, latents) in latents.chunks_mut(64).enumerate() {
            let of = |values: &Option<Vec<f64>>| {
                let mut block = [0.0; 64];
                if let Some(values) = values {
                    let values = &values[64 * word..64 * word + latents.len()];
                    block[..values.len()].copy_from_slice(values);
                }
                block
            };
            self.instructions.run(Block {
                process: laws,
                die: &self.die,
                condition,
                per_noise: 1.0 / noise,
                polarity: laws.polarity().word(word),
                held: held.map_or(0, |held| held.words()[word]),
                temperature: &of(&temperature),
                ramp: &of(&ramp),
                wander: &of(&wander),
                latents,
            });
        }
        latents
    }
}

/// The latents of cells in a condition.
#[derive(Clone)]
pub(super) enum Latents {
    /// A number for each.
    Each(Vec<f64>),
    /// Cells that differ in their skew alone.
    Plain(Plain),
}

/// Latents `u = (z - threshold) * per_noise`.
#[derive(Clone)]
pub(super) struct Plain {
    pub(super) skews: Skews,
    pub(super) threshold: f64,
    pub(super) per_noise: f64,
}

impl Latents {
    /// Number of cells.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Each(latents) => latents.len(),
            Self::Plain(plain) => plain.skews.len(),
        }
    }

    /// The latent of one cell.
    pub(super) fn at(&self, cell: usize) -> f64 {
        match self {
            Self::Each(latents) => latents[cell],
            Self::Plain(plain) => plain.of(plain.skews.at(cell)),
        }
    }

    /// The same latents, a number for each.
    pub(super) fn into_each(self, instructions: Instructions) -> Self {
        match self {
            Self::Each(_) => self,
            Self::Plain(plain) => {
                let mut latents = plain.skews.all(instructions);
                latents.iter_mut().for_each(|z| *z = plain.of(*z));
                Self::Each(latents)
            }
        }
    }
}

impl Plain {
    /// The latent of a cell with skew `z`.
    pub(super) fn of(&self, z: f64) -> f64 {
        (z - self.threshold) * self.per_noise
    }
}

/// The latents of up to 64 cells, in place of their skews.
struct Block<'a> {
    process: &'a Process,
    die: &'a Die,
    condition: &'a Condition,
    per_noise: f64,
    polarity: u64,
    held: u64,
    temperature: &'a [f64; 64],
    ramp: &'a [f64; 64],
    wander: &'a [f64; 64],
    latents: &'a mut [f64],
}

impl Loop for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn compute(self) {
        for (i, latent) in self.latents.iter_mut().enumerate() {
            let cell = Cell {
                skew: *latent,
                polarity: self.polarity >> i & 1 == 1,
                temperature: self.temperature[i & 63],
                ramp: self.ramp[i & 63],
                wander: self.wander[i & 63],
                held: self.held >> i & 1 == 1,
            };
            *latent = self.process.latent(&cell, self.die, self.condition) * self.per_noise;
        }
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

/// The drifts of the cells of a node, of unit variance.
fn drifts(
    node: SeedTree,
    cells: usize,
    law: &TwoComponent,
    instructions: Instructions,
) -> Vec<f64> {
    let skews = Skews::draw(node, cells);
    let mut drifts = skews.all(instructions);
    if !law.is_normal() {
        let [(_, common), (rare, far)] = law.components();
        for (drift, place) in drifts.iter_mut().zip(skews.places()) {
            let is_rare = f64::from(place) * TWO_POW_MINUS_32 < rare;
            *drift *= if is_rare { far } else { common };
        }
    }
    drifts
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

const DIE: &str = "die";
const SKEW: &str = "cell skew";
const TEMPERATURE: &str = "cell temperature";
const RAMP: &str = "cell ramp";
const WANDER: &str = "cell wander";
const RETENTION: &str = "cell retention";

const TWO_POW_MINUS_32: f64 = 1.0 / 4_294_967_296.0;
