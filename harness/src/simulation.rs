//! Power-ups of a population of devices, on all cores, streamed in bounded memory.

use std::fmt;
use std::ops::{AddAssign, Range};
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use fuzzy_extractor::bits::BitString;
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{
    CellCountError, ConditionedSram, Environment, Instructions, MAX_CELLS, Process, Scratch,
    SramArray,
};
use rayon::prelude::*;

use crate::readouts::write::Shape;

/// Cells of the readouts that are worked out together by one thread.
const BATCH_CELLS: usize = 1 << 22;
/// As many cells as a readout counts for at least: what it takes beside its bits.
const LEAST_CELLS: usize = 1 << 10;
/// Cells of the dies that are held in memory together, if there is more than one.
const WAVE_CELLS: usize = 1 << 23;

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Root of all randomness.
    pub seed: u64,
    /// What the devices are made of.
    pub process: Process,
    /// Devices, readouts of each, cells of each readout.
    pub shape: Shape,
    /// The number of the first readout: what it reads follows from it.
    pub first_readout: u64,
    /// The conditions of every readout.
    pub environment: Environment,
    /// What is handed over beside the counts.
    pub wanted: Wanted,
}

/// What a simulation hands over beside its counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The readouts.
    pub readouts: bool,
    /// The probability of each cell to read 1. Ground truth.
    pub probabilities: bool,
}

/// What came out, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cells that read one, over all devices and readouts.
    pub ones: u64,
    /// Cells read.
    pub cells: u64,
    /// Cells of a device's later readouts that read otherwise than in its first.
    pub errors: u64,
    /// Cells compared.
    pub compared: u64,
    /// Cells that read otherwise than at an enrolment: the device's readout 0, fresh and where the
    /// process was characterised.
    pub enrolment_errors: u64,
    /// Cells compared with it: of all readouts but number 0, which shares its randomness.
    pub enrolment_compared: u64,
}

impl Counts {
    /// Realised fraction of ones.
    #[must_use]
    pub fn ones_fraction(&self) -> f64 {
        self.ones as f64 / self.cells as f64
    }

    /// Realised bit error rate to the first readout; `None` with a single readout a device.
    #[must_use]
    pub fn ber(&self) -> Option<f64> {
        (self.compared > 0).then(|| self.errors as f64 / self.compared as f64)
    }

    /// Realised bit error rate to the enrolment; `None` where readout 0 is the only one.
    #[must_use]
    pub fn ber_to_enrolment(&self) -> Option<f64> {
        let Self { enrolment_errors, enrolment_compared, .. } = *self;
        (enrolment_compared > 0).then(|| enrolment_errors as f64 / enrolment_compared as f64)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.ones += other.ones;
        self.cells += other.cells;
        self.errors += other.errors;
        self.compared += other.compared;
        self.enrolment_errors += other.enrolment_errors;
        self.enrolment_compared += other.enrolment_compared;
    }
}

/// Successive readouts of one device.
pub struct Batch {
    /// The number of the device.
    pub device: usize,
    /// Which of its readouts.
    pub range: Range<usize>,
    /// Their counts.
    pub counts: Counts,
    /// The readouts, if they are wanted.
    pub readouts: Vec<BitString>,
    /// With a device's first batch, the probability of each cell to read 1 if that is wanted.
    pub probabilities: Option<Vec<f64>>,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("device", &self.device)
            .field("range", &self.range)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

/// Simulates the plan and hands over its batches in order, device by device, while the next are
/// worked out.
///
/// Device `d` hangs on child `device`, index `d` of the seed's tree, so that it is the same die
/// whatever the number of devices, readouts or threads.
///
/// # Errors
/// When the cells are too many for a die, or `hand_over` fails.
pub fn run<E: From<CellCountError>>(
    plan: &Plan,
    mut hand_over: impl FnMut(Batch) -> Result<(), E>,
) -> Result<Counts, E> {
    check(plan)?;
    let mut total = Counts::default();
    // One group waits while another is worked out.
    let (sender, groups) = sync_channel(1);
    thread::scope(|scope| {
        let pool = rayon::current_num_threads();
        scope.spawn(move || work_out(plan, pool, &sender));
        for batch in groups.into_iter().flatten() {
            total += batch.counts;
            hand_over(batch)?;
        }
        Ok(total)
    })
}

/// Whether dies of the plan can be made.
///
/// # Errors
/// When they have no cell, or more than a die can have.
pub fn check(plan: &Plan) -> Result<(), CellCountError> {
    let cells = plan.shape.cells;
    if (1..=MAX_CELLS).contains(&cells) { Ok(()) } else { Err(CellCountError { cells }) }
}

/// Works out group after group of batches, until all are done or nobody takes them any more.
fn work_out(plan: &Plan, threads: usize, groups: &SyncSender<Vec<Batch>>) {
    let Shape { devices, readouts, cells } = plan.shape;
    let per_batch = (BATCH_CELLS / cells.max(LEAST_CELLS)).clamp(1, readouts.max(1));
    let wave = (WAVE_CELLS / cells).clamp(1, 64 * threads);
    // Batches whose readouts depend on those before cannot be worked out together.
    let together = if plan.process.remembers() { 1 } else { 4 * threads };
    let tree = SeedTree::from_seed(plan.seed).child("device");
    for first in (0..devices).step_by(wave) {
        let numbers = first..devices.min(first.saturating_add(wave));
        let dies: Vec<Die> =
            numbers.into_par_iter().filter_map(|device| Die::new(plan, device, &tree)).collect();
        let batches = dies.iter().flat_map(|die| {
            let starts = (0..readouts).step_by(per_batch);
            starts.map(move |start| (die, start..readouts.min(start + per_batch)))
        });
        let mut batches = batches.peekable();
        while batches.peek().is_some() {
            let group: Vec<_> = batches.by_ref().take(together).collect();
            let group = group.into_par_iter().map(|(die, range)| die.batch(plan, range)).collect();
            if groups.send(group).is_err() {
                return;
            }
        }
    }
}

/// A device in its environment.
struct Die {
    device: usize,
    sram: ConditionedSram,
    first: BitString,
    // Fresh, where the process was characterised.
    enrolled: BitString,
    // The last readout, where the next depends on it.
    last: Mutex<Option<BitString>>,
}

impl Die {
    /// `None` for a number of cells that was refused before.
    fn new(plan: &Plan, device: usize, tree: &SeedTree) -> Option<Self> {
        let tree = tree.index(device as u64);
        let array = SramArray::manufacture(plan.process, plan.shape.cells, &tree).ok()?;
        let fresh = array.in_environment(&Environment::default());
        let enrolled = fresh.power_up(0);
        let sram = if plan.environment == Environment::default() {
            fresh
        } else {
            // What it holds by default while it ages, and need not draw once more.
            array.with_held(enrolled.clone()).ok()?.in_environment(&plan.environment)
        };
        let first = sram.power_up(plan.first_readout);
        Some(Self { device, sram, first, enrolled, last: Mutex::new(None) })
    }

    fn batch(&self, plan: &Plan, range: Range<usize>) -> Batch {
        let cells = plan.shape.cells;
        let instructions = Instructions::detected();
        let mut counts = Counts::default();
        let mut scratch = Scratch::new();
        let mut row = vec![0; cells.div_ceil(64)];
        let mut previous = self.last.lock().ok().and_then(|mut last| last.take());
        let capacity = if plan.wanted.readouts { range.len() } else { 0 };
        let mut readouts = Vec::with_capacity(capacity);
        for readout in range.clone() {
            let number = plan.first_readout + readout as u64;
            match previous.take() {
                // The next of a series, without a look back.
                Some(previous) => {
                    let next = self.sram.power_up_after(number, &previous);
                    row.copy_from_slice(next.words());
                }
                None => self.sram.power_up_into(number, &mut row, &mut scratch),
            }
            counts.ones += instructions.weight(&row);
            counts.cells += cells as u64;
            if readout > 0 {
                counts.errors += instructions.distance(&row, self.first.words());
                counts.compared += cells as u64;
            }
            if number > 0 {
                counts.enrolment_errors += instructions.distance(&row, self.enrolled.words());
                counts.enrolment_compared += cells as u64;
            }
            if self.sram.remembers() {
                previous = Some(BitString::from_words(row.clone(), cells));
            }
            if plan.wanted.readouts {
                readouts.push(BitString::from_words(row.clone(), cells));
            }
        }
        if let (Some(previous), Ok(mut last)) = (previous, self.last.lock()) {
            *last = Some(previous);
        }
        let probabilities = (plan.wanted.probabilities && range.start == 0)
            .then(|| (0..cells).map(|cell| self.sram.one_probability(cell)).collect());
        Batch { device: self.device, range, counts, readouts, probabilities }
    }
}
