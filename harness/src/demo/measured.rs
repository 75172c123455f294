//! Measured chips: enrolled from the first readout, authenticated from every later one.

use fuzzy_extractor::bits::BitString;
use puf_emulator::chip::Chip;
use puf_emulator::identity::PublicKey;
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{Environment, RecordedSram};
use puf_emulator::wire::{DeviceId, Evidence};
use rayon::prelude::*;

use super::{DemoError, DesignRecord, Gate, KeyDesign, Refusal, Refusals, serial, trng};
use crate::readouts::RecordedDevice;
use crate::reliability::exact;
use crate::verifier::Reason;

/// What the story is about.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Root of all randomness.
    pub seed: u64,
    /// How each chip makes its key.
    pub design: KeyDesign,
    /// How many successive windows of cells make a key of their own; `None` takes all there are.
    pub windows: Option<usize>,
}

/// One measured chip's part of the story.
#[derive(Debug, Clone, PartialEq)]
pub struct ChipRecord {
    /// Its name.
    pub name: String,
    /// Cells it has.
    pub cells: usize,
    /// Readouts it has.
    pub readouts: usize,
    /// Its name at the verifier, by the key of its first window.
    pub device_id: DeviceId,
    /// The public key of its first window.
    pub public_key: PublicKey,
    /// Later readouts in which the first window rebuilt the key and the verifier let it in.
    pub authenticated: usize,
    /// Windows enrolled.
    pub windows: usize,
    /// For each window, the later readouts in which its key was not rebuilt.
    pub failures: Vec<usize>,
    /// Mean fraction of the chip's cells that read otherwise than in the first readout.
    pub ber: f64,
    /// Greatest such fraction of a readout.
    pub ber_max: f64,
    /// Key failure rate of independent cells at each later readout's error rate, averaged over the
    /// readouts: one bad readout counts for what it is. `None` where there is no closed form.
    pub predicted_key_failure: Option<f64>,
}

impl ChipRecord {
    /// Later readouts: how often each window tried.
    #[must_use]
    pub fn boots(&self) -> usize {
        self.readouts - 1
    }

    /// Fraction of all tries, over windows and readouts, in which the key was not rebuilt.
    #[must_use]
    pub fn key_failure(&self) -> f64 {
        self.failures.iter().sum::<usize>() as f64 / (self.boots() * self.windows) as f64
    }

    /// Standard error of [`key_failure`](Self::key_failure), from the spread over windows: tries of
    /// one window share their cells and are not independent. `None` with fewer than two windows.
    #[must_use]
    pub fn key_failure_standard_error(&self) -> Option<f64> {
        let windows = self.windows as f64;
        if self.windows < 2 {
            return None;
        }
        let mean = self.failures.iter().sum::<usize>() as f64 / windows;
        let squares: f64 =
            self.failures.iter().map(|&f| (f as f64 - mean) * (f as f64 - mean)).sum();
        Some((squares / (windows - 1.0) / windows).sqrt() / self.boots() as f64)
    }
}

/// A chip that was measured under two names: in two conditions, for example.
#[derive(Debug, Clone, PartialEq)]
pub struct SameSilicon {
    /// The name that was enrolled.
    pub enrolled: String,
    /// The other name.
    pub again: String,
    /// Fraction of the cells in which the two first readouts differ.
    pub distance: f64,
    /// Readouts of the other name.
    pub boots: usize,
    /// Those of them that rebuilt the enrolled key and were let in.
    pub authenticated: usize,
}

/// The story told.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// Sizes of the design.
    pub design: DesignRecord,
    /// The chips.
    pub chips: Vec<ChipRecord>,
    /// Chips that turned out to be the same silicon as an earlier one.
    pub same: Vec<SameSilicon>,
    /// Everybody else.
    pub refusals: Refusals,
}

impl Story {
    /// Whether every chip got in at every later readout, every window rebuilt its key each time, and
    /// nobody else got in.
    #[must_use]
    pub fn held(&self) -> bool {
        self.all_in() && self.refusals.held()
    }

    /// Whether every chip got in every time, under each of its names and with each of its windows.
    #[must_use]
    pub fn all_in(&self) -> bool {
        let all = |chip: &ChipRecord| {
            chip.authenticated == chip.boots()
                && chip.failures.iter().all(|&failures| failures == 0)
        };
        let again = |again: &SameSilicon| again.authenticated == again.boots;
        self.chips.iter().all(all) && self.same.iter().all(again)
    }
}

/// Tells the story. `progress` is called with the number of power-ups done.
///
/// # Errors
/// When a chip has too few cells or readouts, or cannot be enrolled.
pub fn tell(
    plan: &Plan,
    measured: &[RecordedDevice],
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Story, DemoError> {
    let tree = SeedTree::from_seed(plan.seed).child("measured demo");
    let extractor = plan.design.extractor()?;
    let mut gate = Gate::open(&tree)?;
    let mut chips = Vec::new();
    let mut refusals = Refusals::default();
    let mut helper_bytes = 0;
    let mut heard: Option<(String, Evidence)> = None;
    for (number, device) in measured.iter().enumerate() {
        let tree = tree.child("chip").index(number as u64);
        let first = Window::enroll(plan, device, &tree, 0)?;
        helper_bytes = first.chip.nvm().helper_data().len();
        let (chip, evidence) = authenticate_all(plan, device, &tree, first, &mut gate, progress)?;
        heard = evidence.map(|evidence| (chip.name.clone(), evidence)).or(heard);
        chips.push(chip);
    }
    refusals.replay(&gate, heard)?;
    let mut same = Vec::new();
    for (j, again) in measured.iter().enumerate() {
        let earlier = (0..j).find(|&i| is_same_silicon(&measured[i], again));
        if let Some(i) = earlier {
            let tree = tree.child("chip").index(i as u64);
            same.push(authenticate_again(plan, &measured[i], again, &tree, &mut gate)?);
        }
    }
    let strangers = (1..measured.len()).find(|&j| !is_same_silicon(&measured[0], &measured[j]));
    if let Some(j) = strangers {
        refusals.tried.push(impostor(plan, &tree, &mut gate, &measured[0], &measured[j])?);
    } else {
        refusals.not_tried.push("impostor: there is no other chip".to_owned());
    }
    let design = DesignRecord::of(&extractor, helper_bytes);
    Ok(Story { design, chips, same, refusals })
}

/// Whether two sets of readouts are of one die: their first ones are less than half as far apart as
/// those of strangers with the same ones would be.
fn is_same_silicon(a: &RecordedDevice, b: &RecordedDevice) -> bool {
    let (x, y) = (&a.readouts[0], &b.readouts[0]);
    if x.len() != y.len() {
        return false;
    }
    let ones = |readout: &BitString| readout.weight() as f64 / readout.len() as f64;
    let (p, q) = (ones(x), ones(y));
    distance(a, b) < 0.5 * (p * (1.0 - q) + q * (1.0 - p))
}

fn distance(a: &RecordedDevice, b: &RecordedDevice) -> f64 {
    a.readouts[0].distance(&b.readouts[0]) as f64 / a.readouts[0].len() as f64
}

/// The chip enrolled as `first` is powered up as `again` was.
fn authenticate_again(
    plan: &Plan,
    first: &RecordedDevice,
    again: &RecordedDevice,
    tree: &SeedTree,
    gate: &mut Gate,
) -> Result<SameSilicon, DemoError> {
    let readouts = [&first.readouts[..1], &again.readouts[..]].concat();
    let joined = RecordedDevice { readouts, ..first.clone() };
    let Window { mut silicon, chip, .. } = Window::enroll(plan, &joined, tree, 0)?;
    let mut authenticated = 0;
    for _ in &again.readouts {
        gate.tick();
        let powered =
            chip.power_up(&mut silicon, &Environment::default()).map_err(DemoError::PowerUp)?;
        authenticated += usize::from(gate.authenticate(&powered)?.0.accepted());
    }
    Ok(SameSilicon {
        enrolled: label(&first.name, &first.condition),
        again: label(&again.name, &again.condition),
        distance: distance(first, again),
        boots: again.readouts.len(),
        authenticated,
    })
}

/// A measured chip's name with its condition, where one is known.
#[must_use]
pub fn label(name: &str, condition: &str) -> String {
    if condition.is_empty() { name.to_owned() } else { format!("{name} ({condition})") }
}

/// The first window goes through the whole protocol, the others rebuild their keys.
fn authenticate_all(
    plan: &Plan,
    device: &RecordedDevice,
    tree: &SeedTree,
    mut first: Window,
    gate: &mut Gate,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(ChipRecord, Option<Evidence>), DemoError> {
    let bits = first.chip.design().extractor.response_bits();
    let cells = device.readouts[0].len();
    let windows = plan.windows.unwrap_or(usize::MAX).min(cells / bits).max(1);
    let (device_id, public_key) = gate.register(&first.chip)?;

    let mut authenticated = 0;
    let mut failed = 0;
    let mut heard = None;
    for _ in 1..device.readouts.len() {
        gate.tick();
        let powered = first
            .chip
            .power_up(&mut first.silicon, &Environment::default())
            .map_err(DemoError::PowerUp)?;
        let (authentication, evidence) = gate.authenticate(&powered)?;
        authenticated += usize::from(authentication.accepted());
        failed += usize::from(authentication.corrected.is_none());
        heard = evidence.or(heard);
        progress(1);
    }
    let others: Vec<usize> = (1..windows)
        .into_par_iter()
        .map(|window| count_failures(plan, device, tree, window * bits, progress))
        .collect::<Result<_, _>>()?;
    let failures = [vec![failed], others].concat();

    let rates = error_rates(&device.readouts);
    let ber = rates.iter().sum::<f64>() / rates.len() as f64;
    let extractor = &first.chip.design().extractor;
    let failures_at: Option<Vec<f64>> =
        rates.iter().map(|&rate| exact::failure(extractor.code(), rate).ok()).collect();
    let predicted_key_failure = failures_at.map(|at| at.iter().sum::<f64>() / rates.len() as f64);
    let chip = ChipRecord {
        name: label(&device.name, &device.condition),
        cells,
        readouts: device.readouts.len(),
        device_id,
        public_key,
        authenticated,
        windows,
        failures,
        ber,
        ber_max: rates.iter().copied().fold(0.0, f64::max),
        predicted_key_failure,
    };
    Ok((chip, heard))
}

fn count_failures(
    plan: &Plan,
    device: &RecordedDevice,
    tree: &SeedTree,
    first_cell: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<usize, DemoError> {
    let Window { mut silicon, chip, .. } = Window::enroll(plan, device, tree, first_cell)?;
    let mut failures = 0;
    for _ in 1..device.readouts.len() {
        let powered =
            chip.power_up(&mut silicon, &Environment::default()).map_err(DemoError::PowerUp)?;
        failures += usize::from(powered.key().is_err());
        progress(1);
    }
    Ok(failures)
}

/// Fraction of the cells that each later readout reads otherwise than the first.
fn error_rates(readouts: &[BitString]) -> Vec<f64> {
    let rate = |later: &BitString| readouts[0].distance(later) as f64 / later.len() as f64;
    readouts[1..].iter().map(rate).collect()
}

/// A window of a measured chip's cells, with a chip of its own around it.
struct Window {
    silicon: RecordedSram,
    chip: Chip,
}

impl Window {
    fn enroll(
        plan: &Plan,
        device: &RecordedDevice,
        tree: &SeedTree,
        first_cell: usize,
    ) -> Result<Self, DemoError> {
        if device.readouts.len() < 2 {
            return Err(DemoError::OneReadout { chip: label(&device.name, &device.condition) });
        }
        let tree = tree.child("window").index(first_cell as u64);
        // Only the window is copied, so that many of them fit in memory.
        let bits = plan.design.extractor()?.response_bits();
        let end = (first_cell + bits).min(device.readouts[0].len());
        let cells = device.readouts.iter().map(|r| r.slice(first_cell, end - first_cell));
        let mut silicon = RecordedSram::new(cells.collect())
            .map_err(|error| DemoError::Silicon(error.to_string()))?;
        let mut chip = Chip::new(serial(&tree), plan.design.at(0)?);
        chip.enroll(&mut silicon, &Environment::default(), &mut trng(&tree.child("enrolment")))
            .map_err(|source| DemoError::Enroll {
                chip: label(&device.name, &device.condition),
                source,
            })?;
        Ok(Self { silicon, chip })
    }
}

/// A stranger gets the first chip's helper data and identity: its cells are other cells.
fn impostor(
    plan: &Plan,
    tree: &SeedTree,
    gate: &mut Gate,
    first: &RecordedDevice,
    second: &RecordedDevice,
) -> Result<Refusal, DemoError> {
    let tree = tree.child("chip").index(0);
    let victim = Window::enroll(plan, first, &tree, 0)?;
    let thief = Window::enroll(plan, second, &tree, 0)?;
    let stolen =
        Chip::with_nvm(victim.chip.serial(), plan.design.at(0)?, victim.chip.nvm().clone());
    let mut silicon = thief.silicon;
    let powered =
        stolen.power_up(&mut silicon, &Environment::default()).map_err(DemoError::PowerUp)?;
    gate.tick();
    Ok(Refusal {
        attack: "impostor",
        story: format!(
            "{} with the memory of {}: other cells",
            label(&second.name, &second.condition),
            label(&first.name, &first.condition)
        ),
        expected: Reason::NoEvidence,
        verdict: gate.authenticate(&powered)?.0.verdict,
    })
}
