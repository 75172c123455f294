//! Non-volatile memory: life cycle, enrolment counter, public key, helper data.
//!
//! Written form, version 1, integers big-endian; the helper data is kept beside it, as it is.
//!
//! ```text
//! offset  size  field
//! 0       2     version, 1
//! 2       1     life cycle: 0 blank, 1 enrolled
//! 3       4     enrolment counter
//! 7       65    public key, SEC 1 uncompressed; absent in a blank chip
//! ```

use alloc::vec::Vec;
use core::fmt;

use crate::identity::PublicKey;

const VERSION: u16 = 1;
const BLANK_BYTES: usize = 7;
const ENROLLED_BYTES: usize = BLANK_BYTES + 65;

/// Where a chip is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lifecycle {
    /// No key was ever made.
    #[default]
    Blank,
    /// A key was made; the enrolment latch is set.
    Enrolled,
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blank => "blank",
            Self::Enrolled => "enrolled",
        })
    }
}

/// What a chip keeps without power. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nvm {
    enrolments: u32,
    helper_data: Vec<u8>,
    public_key: Option<PublicKey>,
}

impl Nvm {
    /// The memory after an enrolment.
    pub(super) fn enrolled(counter: u32, helper_data: Vec<u8>, public_key: PublicKey) -> Self {
        Self { enrolments: counter, helper_data, public_key: Some(public_key) }
    }

    /// Where the chip is in its life: enrolled as soon as it has a public key.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        if self.public_key.is_some() { Lifecycle::Enrolled } else { Lifecycle::Blank }
    }

    /// How often the chip was enrolled; never falls.
    #[must_use]
    pub fn enrolments(&self) -> u32 {
        self.enrolments
    }

    /// The helper data as bytes: whatever is there, genuine or not.
    #[must_use]
    pub fn helper_data(&self) -> &[u8] {
        &self.helper_data
    }

    /// Overwrites the helper data, as an attacker with a programmer does.
    pub fn set_helper_data(&mut self, bytes: Vec<u8>) {
        self.helper_data = bytes;
    }

    /// The public key, once enrolled.
    #[must_use]
    pub fn public_key(&self) -> Option<&PublicKey> {
        self.public_key.as_ref()
    }

    /// Writes everything but the helper data.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ENROLLED_BYTES);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.push(u8::from(self.public_key.is_some()));
        bytes.extend_from_slice(&self.enrolments.to_be_bytes());
        if let Some(key) = &self.public_key {
            bytes.extend_from_slice(key);
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, beside the helper data.
    ///
    /// # Errors
    /// When the bytes are no written memory of this version.
    pub fn from_bytes(bytes: &[u8], helper_data: Vec<u8>) -> Result<Self, NvmError> {
        let Some((head, key)) = bytes.split_first_chunk::<BLANK_BYTES>() else {
            return Err(NvmError::Length { found: bytes.len() });
        };
        let [v1, v0, lifecycle, c3, c2, c1, c0] = *head;
        let found = u16::from_be_bytes([v1, v0]);
        if found != VERSION {
            return Err(NvmError::Version { found });
        }
        let public_key = match (lifecycle, PublicKey::try_from(key)) {
            (0, _) if key.is_empty() => None,
            (1, Ok(key)) => Some(key),
            (0 | 1, _) => return Err(NvmError::Length { found: bytes.len() }),
            (found, _) => return Err(NvmError::Lifecycle { found }),
        };
        let enrolments = u32::from_be_bytes([c3, c2, c1, c0]);
        Ok(Self { enrolments, helper_data, public_key })
    }
}

/// Why bytes are no written memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NvmError {
    /// Another length than the life cycle asks for.
    Length {
        /// Length found.
        found: usize,
    },
    /// Another version.
    Version {
        /// Version found.
        found: u16,
    },
    /// Unknown life cycle.
    Lifecycle {
        /// Number found.
        found: u8,
    },
}

impl fmt::Display for NvmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { found } => write!(f, "a memory image of {found} bytes"),
            Self::Version { found } => {
                write!(f, "a memory image of version {found}, this program reads {VERSION}")
            }
            Self::Lifecycle { found } => write!(f, "unknown life cycle {found} at offset 2"),
        }
    }
}

impl core::error::Error for NvmError {}
