//! The main job, end to end: silicon, enrolment, helper data, key, identity, nonce, evidence,
//! verdict; the same after noise, heat and age; and who is refused.
//!
//! Two stories with one ending. [`modelled`] makes chips from a process and can heat and age them;
//! [`measured`] enrols real silicon from its first readout and authenticates it from every later
//! one.

pub mod measured;
pub mod modelled;

use fuzzy_extractor::code::notation::{self, NotationError};
use fuzzy_extractor::extractor::FuzzyExtractor;
use fuzzy_extractor::sketch;
use puf_emulator::chip::{Chip, Design, EnrollError, Powered, Serial};
use puf_emulator::identity::PublicKey;
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::PowerUpError;
use puf_emulator::wire::{Challenge, DeviceId, Evidence, Hello, Message, VerifierId};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::verifier::policy::{PolicyError, PolicySettings};
use crate::verifier::{Policy, Reason, Timestamp, Verdict, Verifier, VerifierError};

/// How every chip of the story makes its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDesign {
    /// Notation of the code.
    pub code: String,
    /// Name of the sketch construction.
    pub sketch: String,
}

impl Default for KeyDesign {
    /// PUFKY's code (Maes, Van Herrewege, Verbauwhede, CHES 2012): 2,226 cells, 174 secret bits.
    fn default() -> Self {
        Self { code: "rep(7)*bch(318,174,17)".to_owned(), sketch: "code-offset".to_owned() }
    }
}

impl KeyDesign {
    /// The extractor.
    ///
    /// # Errors
    /// When the code or the sketch construction is unknown.
    pub fn extractor(&self) -> Result<FuzzyExtractor, DemoError> {
        let code = notation::parse(&self.code).map_err(DemoError::Code)?;
        let construction = sketch::by_name(&self.sketch)
            .ok_or_else(|| DemoError::UnknownSketch(self.sketch.clone()))?;
        Ok(FuzzyExtractor::new(code, construction))
    }

    fn at(&self, first_cell: usize) -> Result<Design, DemoError> {
        Ok(Design { extractor: self.extractor()?, first_cell })
    }
}

/// Sizes of the design, as the story tells them.
#[derive(Debug, Clone, PartialEq)]
pub struct DesignRecord {
    /// Canonical notation of the code.
    pub code: String,
    /// Name of the sketch construction.
    pub sketch: String,
    /// Cells that one key takes.
    pub puf_bits: usize,
    /// Secret bits of an unbiased response.
    pub secret_bits: usize,
    /// Length of the helper data in bytes.
    pub helper_bytes: usize,
}

impl DesignRecord {
    fn of(extractor: &FuzzyExtractor, helper_bytes: usize) -> Self {
        Self {
            code: extractor.code().to_string(),
            sketch: extractor.construction().name().to_owned(),
            puf_bits: extractor.response_bits(),
            secret_bits: extractor.secret_bits(),
            helper_bytes,
        }
    }
}

/// What a power cycle and the verifier's question came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authentication {
    /// Whether the chip rebuilt its key, and how many cells had to be corrected.
    pub corrected: Option<usize>,
    /// What the verifier decided.
    pub verdict: Verdict,
}

impl Authentication {
    /// Whether the verifier let the device in.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.verdict == Verdict::Accepted
    }
}

/// Somebody who must not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is tried.
    pub attack: &'static str,
    /// In a sentence.
    pub story: String,
    /// The reason that the verifier must give.
    pub expected: Reason,
    /// What it decided.
    pub verdict: Verdict,
}

impl Refusal {
    /// Whether it was refused for the right reason.
    #[must_use]
    pub fn held(&self) -> bool {
        self.verdict == Verdict::Rejected(self.expected)
    }
}

/// Everybody who must not get in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Who tried.
    pub tried: Vec<Refusal>,
    /// What was not tried, and why.
    pub not_tried: Vec<String>,
}

impl Refusals {
    /// Whether all who tried were refused, for the right reason.
    #[must_use]
    pub fn held(&self) -> bool {
        self.tried.iter().all(Refusal::held)
    }

    /// Sends evidence that was accepted once again, word for word.
    fn replay(&mut self, gate: &Gate, heard: Option<(String, Evidence)>) -> Result<(), DemoError> {
        let Some((name, evidence)) = heard else {
            self.not_tried.push("replay: no chip ever gave evidence".to_owned());
            return Ok(());
        };
        self.tried.push(Refusal {
            attack: "replay",
            story: format!("evidence that let {name} in is sent again"),
            expected: Reason::NonceUsed,
            verdict: gate.verifier.judge(&evidence, gate.now)?,
        });
        Ok(())
    }
}

/// The verifier of a story, with a clock that the story moves.
struct Gate {
    verifier: Verifier,
    now: Timestamp,
    rng: ChaCha20Rng,
}

impl Gate {
    fn open(tree: &SeedTree) -> Result<Self, DemoError> {
        let mut rng = trng(&tree.child("verifier"));
        let mut id = [0; 32];
        rng.fill_bytes(&mut id);
        // Who fails often would be locked out, and every later reason would be that one.
        let settings = PolicySettings { lockout_seconds: 0, ..PolicySettings::default() };
        let policy = Policy::new(settings).map_err(DemoError::Policy)?;
        let verifier = Verifier::in_memory_with(VerifierId(id), policy)?;
        Ok(Self { verifier, now: Timestamp::from_millis(0), rng })
    }

    fn register(&mut self, chip: &Chip) -> Result<(DeviceId, PublicKey), DemoError> {
        let public_key = *chip.nvm().public_key().ok_or(DemoError::NoKeyAtEnrolment)?;
        let device_id = DeviceId::of_public_key(&public_key);
        self.verifier.register(device_id, &public_key, self.now)?;
        Ok((device_id, public_key))
    }

    /// Asks a device who it is and lets it prove it: the conversation of the wire, in process.
    fn authenticate(
        &mut self,
        powered: &Powered,
    ) -> Result<(Authentication, Option<Evidence>), DemoError> {
        let claimed = match powered.respond(&Message::Hello(Hello)) {
            Some(Message::Identity(identity)) => identity.device_id,
            _ => DeviceId([0; 20]),
        };
        let challenge = self.challenge(claimed)?;
        let answer = powered.respond(&Message::Challenge(challenge.clone()));
        let verdict = self.verifier.judge_answer(&challenge, answer.as_ref(), self.now)?;
        let evidence = match answer {
            Some(Message::Evidence(evidence)) => Some(evidence),
            _ => None,
        };
        Ok((Authentication { corrected: powered.corrected(), verdict }, evidence))
    }

    fn challenge(&mut self, device_id: DeviceId) -> Result<Challenge, DemoError> {
        Ok(self.verifier.challenge(device_id, self.now, &mut self.rng)?)
    }

    /// Lets a moment pass.
    fn tick(&mut self) {
        self.now = self.now.plus_millis(1);
    }
}

/// The random numbers of an emulated chip's or verifier's own generator, drawn from the seed tree so
/// that a story repeats.
fn trng(tree: &SeedTree) -> ChaCha20Rng {
    let mut seed = [0; 32];
    tree.stream(0).fill_bytes(&mut seed);
    ChaCha20Rng::from_seed(seed)
}

fn serial(tree: &SeedTree) -> Serial {
    let mut serial = [0; 16];
    tree.child("serial").stream(0).fill_bytes(&mut serial);
    Serial(serial)
}

/// Why the story cannot be told.
#[derive(Debug)]
pub enum DemoError {
    /// The code's notation.
    Code(NotationError),
    /// No sketch construction of that name.
    UnknownSketch(String),
    /// The silicon cannot be made.
    Silicon(String),
    /// A chip cannot be enrolled.
    Enroll {
        /// Which.
        chip: String,
        /// Why.
        source: EnrollError,
    },
    /// A chip enrolled and has no key: a fault of ours.
    NoKeyAtEnrolment,
    /// There was no power-up to be had.
    PowerUp(PowerUpError),
    /// The verifier's policy: a fault of ours.
    Policy(PolicyError),
    /// The verifier's registry.
    Verifier(VerifierError),
    /// A measured chip has a single readout: nothing is left to authenticate with.
    OneReadout {
        /// Which.
        chip: String,
    },
}

impl From<VerifierError> for DemoError {
    fn from(error: VerifierError) -> Self {
        Self::Verifier(error)
    }
}

impl std::fmt::Display for DemoError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(error) => error.fmt(f),
            Self::UnknownSketch(name) => write!(f, "unknown sketch construction {name:?}"),
            Self::Silicon(error) => write!(f, "the silicon: {error}"),
            Self::Enroll { chip, source } => write!(f, "{chip} cannot be enrolled: {source}"),
            Self::NoKeyAtEnrolment => f.write_str("a chip enrolled without a key"),
            Self::PowerUp(error) => error.fmt(f),
            Self::Policy(error) => error.fmt(f),
            Self::Verifier(error) => error.fmt(f),
            Self::OneReadout { chip } => {
                write!(f, "{chip} has a single readout: none is left to authenticate with")
            }
        }
    }
}

impl std::error::Error for DemoError {}
