//! Chips made from a process, at 25 degrees, in the cold, in the heat, and after ten years.

use puf_emulator::chip::{Chip, Powered};
use puf_emulator::identity::PublicKey;
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{Environment, ModelledSram, Process, SramArray};
use puf_emulator::wire::{DeviceId, Evidence, Message};
use rayon::prelude::*;

use super::{
    Authentication, DemoError, DesignRecord, Gate, KeyDesign, Refusal, Refusals, serial, trng,
};
use crate::reliability::exact;
use crate::verifier::Reason;

/// Bit error rates among which the chip that is too noisy for its code is looked for.
const NOISY_BERS: [f64; 5] = [0.25, 0.30, 0.35, 0.40, 0.45];

/// A chip is too noisy when it rebuilds its key less often than once in this many power-ups.
const NEVER: f64 = 1e9;

/// What the story is about.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Root of all randomness.
    pub seed: u64,
    /// What the chips are made of.
    pub process: Process,
    /// Cells of a chip.
    pub cells: usize,
    /// Number of chips.
    pub devices: usize,
    /// How each makes its key.
    pub design: KeyDesign,
}

/// A place and an age at which chips are powered up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Situation {
    /// Degrees Celsius; `None` is where the process was characterised, and chips are enrolled.
    pub temperature_celsius: Option<f64>,
    /// Years since manufacture.
    pub age_years: f64,
}

/// The situations of the story.
pub const SITUATIONS: [Situation; 5] = [
    Situation { temperature_celsius: None, age_years: 0.0 },
    Situation { temperature_celsius: Some(-40.0), age_years: 0.0 },
    Situation { temperature_celsius: Some(85.0), age_years: 0.0 },
    Situation { temperature_celsius: None, age_years: 10.0 },
    Situation { temperature_celsius: Some(85.0), age_years: 10.0 },
];

impl Situation {
    fn environment(self) -> Result<Environment, DemoError> {
        let environment = Environment::default().aged_years(self.age_years);
        let placed = match self.temperature_celsius {
            Some(celsius) => environment.and_then(|environment| environment.at_celsius(celsius)),
            None => environment,
        };
        placed.map_err(|error| DemoError::Silicon(error.to_string()))
    }
}

/// One chip's part of the story.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceRecord {
    /// Its name in the story.
    pub name: String,
    /// Its name at the verifier.
    pub device_id: DeviceId,
    /// Its public key.
    pub public_key: PublicKey,
    /// One authentication for each of the [`SITUATIONS`].
    pub authentications: Vec<Authentication>,
}

/// How often a good chip of this process fails with this code.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Where and when.
    pub situation: Situation,
    /// Mean bit error rate between enrolment and a power-up there.
    pub ber: f64,
    /// Mean key failure rate over the population; `None` where there is no closed form.
    pub key_failure: Option<f64>,
}

/// The story told.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// Sizes of the design.
    pub design: DesignRecord,
    /// The chips.
    pub devices: Vec<DeviceRecord>,
    /// Everybody else.
    pub refusals: Refusals,
    /// One prediction for each of the [`SITUATIONS`].
    pub predictions: Vec<Prediction>,
    /// How the key failure rates were found.
    pub prediction_method: &'static str,
}

impl Story {
    /// Whether everybody who should got in, and nobody else.
    #[must_use]
    pub fn held(&self) -> bool {
        self.all_in() && self.refusals.held()
    }

    /// Whether every chip got in every time.
    #[must_use]
    pub fn all_in(&self) -> bool {
        let mut tries = self.devices.iter().flat_map(|device| &device.authentications);
        tries.all(Authentication::accepted)
    }
}

/// Tells the story.
///
/// The same plan gives the same story on any number of threads.
///
/// # Errors
/// When the plan makes no chips, or they cannot be enrolled.
pub fn tell(plan: &Plan) -> Result<Story, DemoError> {
    let tree = SeedTree::from_seed(plan.seed).child("demo");
    let extractor = plan.design.extractor()?;
    let predictions = predict(plan)?;
    let mut made: Vec<Device> = (0..plan.devices)
        .into_par_iter()
        .map(|i| {
            let (name, tree) = (format!("chip-{i}"), tree.child("chip").index(i as u64));
            Device::make(plan, plan.process, name, &tree).map(|(device, _switched_off)| device)
        })
        .collect::<Result<_, _>>()?;

    let mut gate = Gate::open(&tree)?;
    for device in &made {
        gate.register(&device.chip)?;
    }
    let helper_bytes = made.first().map_or(0, |device| device.chip.nvm().helper_data().len());
    let design = DesignRecord::of(&extractor, helper_bytes);

    let mut devices = Vec::new();
    let mut heard = None;
    for device in &mut made {
        let mut authentications = Vec::new();
        for situation in SITUATIONS {
            gate.tick();
            let powered = device.power_up(&situation.environment()?)?;
            let (authentication, evidence) = gate.authenticate(&powered)?;
            authentications.push(authentication);
            heard = evidence.map(|evidence| (device.name.clone(), evidence)).or(heard);
        }
        let public_key = *device.chip.nvm().public_key().ok_or(DemoError::NoKeyAtEnrolment)?;
        devices.push(DeviceRecord {
            name: device.name.clone(),
            device_id: DeviceId::of_public_key(&public_key),
            public_key,
            authentications,
        });
    }
    let refusals = refuse(plan, &tree, &mut gate, &mut made, heard)?;
    // Where devices differ, their mean rate does not tell the mean failure; where readouts do, even
    // less.
    let prediction_method =
        match (plan.process.has_like_readouts(), plan.process.has_like_devices()) {
            (true, true) => exact::METHOD,
            (true, false) => exact::METHOD_OF_MEAN_RATE,
            (false, _) => exact::NO_METHOD,
        };
    Ok(Story { design, devices, refusals, predictions, prediction_method })
}

fn predict(plan: &Plan) -> Result<Vec<Prediction>, DemoError> {
    let extractor = plan.design.extractor()?;
    SITUATIONS
        .into_iter()
        .map(|situation| {
            let ber = plan.process.ber_at(&situation.environment()?);
            let alike = plan.process.has_like_readouts();
            let key_failure = exact::failure(extractor.code(), ber).ok().filter(|_| alike);
            Ok(Prediction { situation, ber, key_failure })
        })
        .collect()
}

/// A chip with its silicon.
struct Device {
    name: String,
    silicon: ModelledSram,
    chip: Chip,
}

impl Device {
    /// Makes a chip and enrols it; it is under power until the second part is dropped.
    fn make(
        plan: &Plan,
        process: Process,
        name: String,
        tree: &SeedTree,
    ) -> Result<(Self, Powered), DemoError> {
        let array = SramArray::manufacture(process, plan.cells, &tree.child("silicon"))
            .map_err(|error| DemoError::Silicon(error.to_string()))?;
        let mut silicon = ModelledSram::new(array);
        let mut chip = Chip::new(serial(tree), plan.design.at(0)?);
        let enrolled = chip
            .enroll(&mut silicon, &Environment::default(), &mut trng(&tree.child("enrolment")))
            .map_err(|source| DemoError::Enroll { chip: name.clone(), source })?;
        Ok((Self { name, silicon, chip }, enrolled))
    }

    fn power_up(&mut self, environment: &Environment) -> Result<Powered, DemoError> {
        self.chip.power_up(&mut self.silicon, environment).map_err(DemoError::PowerUp)
    }
}

/// The least bit error rate at which the code practically never rebuilds a key.
fn too_noisy(plan: &Plan) -> Result<Option<f64>, DemoError> {
    let extractor = plan.design.extractor()?;
    let never = |ber: &f64| {
        exact::failure(extractor.code(), *ber).is_ok_and(|failure| 1.0 - failure < 1.0 / NEVER)
    };
    Ok(NOISY_BERS.into_iter().find(never))
}

/// The four who must not get in.
fn refuse(
    plan: &Plan,
    tree: &SeedTree,
    gate: &mut Gate,
    made: &mut [Device],
    heard: Option<(String, Evidence)>,
) -> Result<Refusals, DemoError> {
    let Some(victim) = made.first_mut() else { return Ok(Refusals::default()) };
    let victim_id = victim.chip.device_id().ok_or(DemoError::NoKeyAtEnrolment)?;
    let here = Environment::default();
    gate.tick();

    // A chip of the same make answers in the victim's name, with the only key it has.
    let (_, powered) =
        Device::make(plan, plan.process, "impostor".into(), &tree.child("impostor"))?;
    let challenge = gate.challenge(victim_id)?;
    let key = powered.key().map_err(|_| DemoError::NoKeyAtEnrolment)?;
    let forged = Evidence::answer(&challenge, key.sign(&challenge.to_be_signed()));
    let forged = Message::Evidence(forged);
    let mut refusals = Refusals::default();
    refusals.tried.push(Refusal {
        attack: "impostor",
        story: format!("another chip of the same make answers as {}", victim.name),
        expected: Reason::BadSignature,
        verdict: gate.verifier.judge_answer(&challenge, Some(&forged), gate.now)?,
    });

    refusals.replay(gate, heard)?;

    let genuine = victim.chip.nvm().helper_data().to_vec();
    let mut flipped = genuine.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    victim.chip.nvm_mut().set_helper_data(flipped);
    let powered = victim.power_up(&here)?;
    victim.chip.nvm_mut().set_helper_data(genuine);
    refusals.tried.push(Refusal {
        attack: "tampered-helper-data",
        story: format!("one bit of {}'s helper data is flipped", victim.name),
        expected: Reason::NoEvidence,
        verdict: gate.authenticate(&powered)?.0.verdict,
    });

    // Codes that bear any noise once in a while have no such chip.
    if let Some(ber) = too_noisy(plan)? {
        let noisy = Process::from_ber(ber).map_err(|e| DemoError::Silicon(e.to_string()))?;
        let (mut noisy, _) = Device::make(plan, noisy, "noisy".into(), &tree.child("noisy"))?;
        gate.register(&noisy.chip)?;
        let powered = noisy.power_up(&here)?;
        refusals.tried.push(Refusal {
            attack: "too-noisy",
            story: format!("an enrolled chip, {:.0} % of whose cells change", 100.0 * ber),
            expected: Reason::NoEvidence,
            verdict: gate.authenticate(&powered)?.0.verdict,
        });
    } else {
        refusals.not_tried.push(
            "a chip that is too noisy: no noise is known to be too much for this code".into(),
        );
    }
    Ok(refusals)
}
