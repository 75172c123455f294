//! The chip around the PUF: what it keeps when the power is off, and what it can do when it is on.
//!
//! A [`Chip`] without power holds public data only: serial number, life cycle, helper data, public
//! key. [`Chip::power_up`] reads the cells, rebuilds the key, and gives a [`Powered`] chip, which
//! answers the verifier; dropping that is switching the power off, and the key is wiped.

use core::fmt;

use fuzzy_extractor::extractor::{self, FuzzyExtractor};
use fuzzy_extractor::helper_data::{Binding, HelperData};
use fuzzy_extractor::response::Response;
use rand_core::CryptoRng;

use crate::identity::{DeviceKey, KeyDerivationError, PublicKey};
use crate::silicon::{Environment, PowerUpError, Silicon};
use crate::wire::{Challenge, DeviceId, Evidence, Identity, Message};

mod nvm;

pub use nvm::{Lifecycle, Nvm, NvmError};

/// Serial number that the maker lasers into a chip; public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Serial(pub [u8; 16]);

impl Serial {
    /// What helper data of this chip is bound to.
    #[must_use]
    pub fn binding(self) -> Binding {
        let mut binding = [0; 32];
        binding[..16].copy_from_slice(&self.0);
        Binding(binding)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How a chip makes its key: which cells, which code, which sketch.
#[derive(Debug)]
pub struct Design {
    /// The fuzzy extractor in the chip's ROM.
    pub extractor: FuzzyExtractor,
    /// The first of the cells that it reads.
    pub first_cell: usize,
}

/// A chip without power.
#[derive(Debug)]
pub struct Chip {
    serial: Serial,
    design: Design,
    nvm: Nvm,
}

impl Chip {
    /// A chip fresh from the factory: no key was ever in it.
    #[must_use]
    pub fn new(serial: Serial, design: Design) -> Self {
        Self { serial, design, nvm: Nvm::default() }
    }

    /// A chip with what its non-volatile memory kept.
    #[must_use]
    pub fn with_nvm(serial: Serial, design: Design, nvm: Nvm) -> Self {
        Self { serial, design, nvm }
    }

    /// The serial number.
    #[must_use]
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// How the chip makes its key.
    #[must_use]
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// Takes the chip apart and keeps how it makes its key.
    #[must_use]
    pub fn into_design(self) -> Design {
        self.design
    }

    /// What the chip keeps without power.
    #[must_use]
    pub fn nvm(&self) -> &Nvm {
        &self.nvm
    }

    /// The memory as somebody with a programmer sees it: everything in it can be changed.
    pub fn nvm_mut(&mut self) -> &mut Nvm {
        &mut self.nvm
    }

    /// The device id, once enrolled.
    #[must_use]
    pub fn device_id(&self) -> Option<DeviceId> {
        self.nvm.public_key().map(DeviceId::of_public_key)
    }

    /// Powers up, makes helper data and a key of what the cells read, and latches: a chip is
    /// enrolled once.
    ///
    /// # Errors
    /// When it is enrolled already, the cells are too few or not healthy, or there is no power-up
    /// to be had. The memory is then as before.
    pub fn enroll(
        &mut self,
        silicon: &mut dyn Silicon,
        environment: &Environment,
        rng: &mut dyn CryptoRng,
    ) -> Result<Powered, EnrollError> {
        if self.nvm.lifecycle() != Lifecycle::Blank {
            return Err(EnrollError::AlreadyEnrolled);
        }
        let needed = self.design.first_cell.saturating_add(self.design.extractor.response_bits());
        if silicon.cells() < needed {
            return Err(EnrollError::TooFewCells { needed, cells: silicon.cells() });
        }
        let w = self.read(silicon, environment).map_err(EnrollError::PowerUp)?;
        let counter = self.nvm.enrolments() + 1;
        let (helper, root) = self
            .design
            .extractor
            .enroll(&w, self.serial.binding(), counter, rng)
            .map_err(EnrollError::Reading)?;
        let key = DeviceKey::from_root(&root).map_err(EnrollError::Key)?;
        self.nvm = Nvm::enrolled(counter, helper.to_bytes(), *key.public_key());
        Ok(Powered { public_key: Some(*key.public_key()), key: Ok(key), corrected: Some(0) })
    }

    /// Powers up and rebuilds the key. A chip that cannot is powered all the same: it refuses.
    ///
    /// # Errors
    /// When there is no power-up to be had from this silicon.
    pub fn power_up(
        &self,
        silicon: &mut dyn Silicon,
        environment: &Environment,
    ) -> Result<Powered, PowerUpError> {
        let w_noisy = self.read(silicon, environment)?;
        let public_key = self.nvm.public_key().copied();
        let rebuilt = self.rebuild(&w_noisy);
        let corrected = rebuilt.as_ref().ok().map(|(_, corrected)| *corrected);
        Ok(Powered { public_key, key: rebuilt.map(|(key, _)| key), corrected })
    }

    fn rebuild(&self, w_noisy: &Response) -> Result<(DeviceKey, usize), NoKey> {
        if self.nvm.lifecycle() != Lifecycle::Enrolled {
            return Err(NoKey::NotEnrolled);
        }
        let helper =
            HelperData::from_bytes(self.nvm.helper_data()).map_err(|_| NoKey::NotRebuilt)?;
        // A rolled-back blob of an earlier enrolment is genuine, and still not the current one.
        if helper.counter() != self.nvm.enrolments() {
            return Err(NoKey::NotRebuilt);
        }
        let rebuilt = self
            .design
            .extractor
            .reconstruct(w_noisy, &helper, self.serial.binding())
            .map_err(|_| NoKey::NotRebuilt)?;
        let key = DeviceKey::from_root(&rebuilt.key).map_err(|_| NoKey::NotRebuilt)?;
        // Genuine helper data of an enrolment that was interrupted gives a genuine key, and not the
        // one this chip is known by.
        if self.nvm.public_key() != Some(key.public_key()) {
            return Err(NoKey::NotRebuilt);
        }
        Ok((key, rebuilt.corrected))
    }

    fn read(
        &self,
        silicon: &mut dyn Silicon,
        environment: &Environment,
    ) -> Result<Response, PowerUpError> {
        let all = silicon.power_up(environment)?;
        let bits = self.design.extractor.response_bits();
        let within = self.design.first_cell.checked_add(bits).is_some_and(|end| end <= all.len());
        // Other silicon than at enrolment: read what there is, and the extractor refuses it.
        Ok(if within { all.window(self.design.first_cell, bits) } else { all })
    }
}

/// A chip under power. Dropping it wipes the key.
#[derive(Debug)]
pub struct Powered {
    public_key: Option<PublicKey>,
    key: Result<DeviceKey, NoKey>,
    corrected: Option<usize>,
}

impl Powered {
    /// The device key, if it could be rebuilt.
    ///
    /// # Errors
    /// Says whether there never was one or it could not be rebuilt, and nothing more.
    pub fn key(&self) -> Result<&DeviceKey, NoKey> {
        self.key.as_ref().map_err(|no_key| *no_key)
    }

    /// Cells that read otherwise than at enrolment, if the key was rebuilt: for the laboratory, not
    /// for the wire.
    #[must_use]
    pub fn corrected(&self) -> Option<usize> {
        self.corrected
    }

    /// The device's side of the protocol: what it answers to a message, `None` for a message that
    /// asks for no answer.
    ///
    /// Every refusal is the same: an outsider cannot tell a wrong challenge from a key that could
    /// not be rebuilt.
    #[must_use]
    pub fn respond(&self, message: &Message) -> Option<Message> {
        match message {
            Message::Hello(_) => Some(self.identity().map_or(Message::Refusal, Message::Identity)),
            Message::Challenge(challenge) => {
                Some(self.evidence(challenge).map_or(Message::Refusal, Message::Evidence))
            }
            Message::Verdict(_) => None,
            _ => Some(Message::Refusal),
        }
    }

    fn identity(&self) -> Option<Identity> {
        let public_key = self.public_key?;
        Some(Identity { device_id: DeviceId::of_public_key(&public_key), public_key })
    }

    fn evidence(&self, challenge: &Challenge) -> Option<Evidence> {
        let key = self.key.as_ref().ok()?;
        if challenge.device_id != key.device_id() {
            return None;
        }
        let signature = key.sign(&challenge.to_be_signed());
        Some(Evidence::answer(challenge, signature))
    }
}

/// Why a powered chip has no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoKey {
    /// The chip was never enrolled.
    NotEnrolled,
    /// The key could not be rebuilt: too much noise, or helper data that is not its own.
    NotRebuilt,
}

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotEnrolled => "the chip is not enrolled",
            Self::NotRebuilt => "the key cannot be rebuilt",
        })
    }
}

impl core::error::Error for NoKey {}

/// Why a chip was not enrolled.
#[derive(Debug)]
pub enum EnrollError {
    /// The enrolment latch is set.
    AlreadyEnrolled,
    /// The silicon has fewer cells than the design reads.
    TooFewCells {
        /// Cells up to the last one that the design reads.
        needed: usize,
        /// Cells there are.
        cells: usize,
    },
    /// There was no power-up to be had.
    PowerUp(PowerUpError),
    /// What the cells read cannot be enrolled.
    Reading(extractor::EnrollError),
    /// No private key could be derived.
    Key(KeyDerivationError),
}

impl fmt::Display for EnrollError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyEnrolled => f.write_str("the chip is enrolled already, and latched"),
            Self::TooFewCells { needed, cells } => {
                write!(f, "the design reads {needed} cells, the silicon has {cells}")
            }
            Self::PowerUp(error) => error.fmt(f),
            Self::Reading(error) => error.fmt(f),
            Self::Key(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for EnrollError {}
