//! Power-ups of a population of devices, streamed in bounded memory.

use fuzzy_extractor::bits::BitString;
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{
    CellCountError, ConditionedSram, Environment, MAX_CELLS, Process, SramArray,
};
use rayon::prelude::*;

use crate::readouts::write::Shape;

/// Cells that are held in memory at once, as readouts waiting to be written.
const BATCH_CELLS: usize = 1 << 28;

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Root of all randomness.
    pub seed: u64,
    /// What the devices are made of.
    pub process: Process,
    /// Devices, readouts of each, cells of each readout.
    pub shape: Shape,
    /// The conditions of every readout.
    pub environment: Environment,
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
}

/// Simulates the plan and hands over each readout in order, device by device.
///
/// Device `d` hangs on child `device`, index `d` of the seed's tree, so that it is the same die
/// whatever the number of devices, readouts or threads.
///
/// # Errors
/// When the cells are too many for a die, or `readout` fails.
pub fn run<E: From<CellCountError>>(
    plan: &Plan,
    mut readout: impl FnMut(&BitString) -> Result<(), E>,
) -> Result<Counts, E> {
    let tree = SeedTree::from_seed(plan.seed).child("device");
    let mut counts = Counts::default();
    for device in 0..plan.shape.devices {
        let tree = tree.index(device as u64);
        let array = SramArray::manufacture(plan.process, plan.shape.cells, &tree)?;
        let die = array.in_environment(&plan.environment);
        device_readouts(&die, plan.shape, &mut counts, &mut readout)?;
    }
    Ok(counts)
}

/// Whether dies of the plan can be made.
///
/// # Errors
/// When they have no cell, or more than a die can have.
pub fn check(plan: &Plan) -> Result<(), CellCountError> {
    let cells = plan.shape.cells;
    if (1..=MAX_CELLS).contains(&cells) { Ok(()) } else { Err(CellCountError { cells }) }
}

fn device_readouts<E>(
    die: &ConditionedSram,
    shape: Shape,
    counts: &mut Counts,
    readout: &mut impl FnMut(&BitString) -> Result<(), E>,
) -> Result<(), E> {
    let batch = (BATCH_CELLS / shape.cells).clamp(1, 1 << 16);
    let mut first: Option<BitString> = None;
    for start in (0..shape.readouts).step_by(batch) {
        let end = shape.readouts.min(start + batch);
        let bits: Vec<BitString> =
            (start..end).into_par_iter().map(|j| die.power_up(j as u64)).collect();
        for bits in bits {
            counts.ones += bits.weight() as u64;
            counts.cells += bits.len() as u64;
            match &first {
                Some(first) => {
                    counts.errors += bits.distance(first) as u64;
                    counts.compared += bits.len() as u64;
                }
                None => first = Some(bits.clone()),
            }
            readout(&bits)?;
        }
    }
    Ok(())
}
