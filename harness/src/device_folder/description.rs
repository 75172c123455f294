//! What a chip is, as `chip.toml` says it.

use std::fmt;
use std::path::PathBuf;

use puf_emulator::chip::Serial;
use puf_emulator::silicon::{AgeingLaw, ParameterError, Process, TemperatureLaw};
use serde::{Deserialize, Serialize};

const SCHEMA: u32 = 1;

/// What a chip is: fixed when it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// Serial number.
    pub serial: Serial,
    /// Notation of the code in its ROM.
    pub code: String,
    /// Name of the sketch construction in its ROM.
    pub sketch: String,
    /// The first of the cells that the key is made of.
    pub first_cell: usize,
    /// The silicon.
    pub silicon: SiliconSource,
}

/// Where a chip's power-ups come from.
#[derive(Debug, Clone, PartialEq)]
pub enum SiliconSource {
    /// Drawn from a process.
    Modelled(ModelledDie),
    /// Measured.
    Recorded(RecordedDie),
}

/// A die drawn from a process: the seed is the die.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelledDie {
    /// Where the numbers come from: a profile's name, or `custom`.
    pub profile: String,
    /// See [`Process`].
    pub lambda1: f64,
    /// See [`Process`].
    pub lambda2: f64,
    /// See [`TemperatureLaw`].
    pub theta_celsius: f64,
    /// See [`TemperatureLaw`].
    pub reference_celsius: f64,
    /// See [`AgeingLaw`].
    pub ageing_delta: f64,
    /// See [`AgeingLaw`].
    pub ageing_reference_years: f64,
    /// See [`AgeingLaw`].
    pub ageing_exponent: f64,
    /// Number of cells.
    pub cells: usize,
    /// Root of the die's [seed tree](puf_emulator::seed::SeedTree): the secret that the die is.
    #[serde(with = "hex_bytes")]
    pub seed: [u8; 32],
}

impl ModelledDie {
    /// A die of a process.
    #[must_use]
    pub fn new(profile: &str, process: &Process, cells: usize, seed: [u8; 32]) -> Self {
        Self {
            profile: profile.to_owned(),
            lambda1: process.lambda1(),
            lambda2: process.lambda2(),
            theta_celsius: process.temperature().theta_celsius(),
            reference_celsius: process.temperature().reference_celsius(),
            ageing_delta: process.ageing().delta_reference(),
            ageing_reference_years: process.ageing().reference_years(),
            ageing_exponent: process.ageing().exponent(),
            cells,
            seed,
        }
    }

    /// The process.
    ///
    /// # Errors
    /// When a number is out of range.
    pub fn process(&self) -> Result<Process, DescriptionError> {
        let temperature = TemperatureLaw::new(self.theta_celsius, self.reference_celsius)?;
        let years = self.ageing_reference_years;
        let ageing = AgeingLaw::new(self.ageing_delta, years, self.ageing_exponent)?;
        Ok(Process::new(self.lambda1, self.lambda2, temperature, ageing)?)
    }
}

/// A measured die: which readouts, and their digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedDie {
    /// File or folder of the readouts.
    pub path: PathBuf,
    /// Name of the chip among them.
    pub name: String,
    /// Condition in which it was measured; empty where none is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// Length of a record in bytes, where it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_bytes: Option<usize>,
    /// Digest of the readouts when the device was made.
    #[serde(with = "hex_bytes")]
    pub digest: [u8; 32],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    serial: String,
    code: String,
    sketch: String,
    first_cell: usize,
    modelled: Option<ModelledDie>,
    recorded: Option<RecordedDie>,
}

impl Description {
    /// Writes `chip.toml`.
    ///
    /// # Panics
    /// Never: every value has a TOML form.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let (modelled, recorded) = match self.silicon.clone() {
            SiliconSource::Modelled(die) => (Some(die), None),
            SiliconSource::Recorded(die) => (None, Some(die)),
        };
        let file = File {
            schema: SCHEMA,
            serial: self.serial.to_string(),
            code: self.code.clone(),
            sketch: self.sketch.clone(),
            first_cell: self.first_cell,
            modelled,
            recorded,
        };
        match toml::to_string(&file) {
            Ok(text) => text,
            Err(error) => unreachable!("a description has a TOML form: {error}"),
        }
    }

    /// Reads `chip.toml`.
    ///
    /// # Errors
    /// Names what is wrong, with its line where there is one.
    pub fn from_toml(bytes: &[u8]) -> Result<Self, DescriptionError> {
        let text = std::str::from_utf8(bytes).map_err(|_| DescriptionError::NotText)?;
        let file: File =
            toml::from_str(text).map_err(|error| DescriptionError::Toml(error.to_string()))?;
        if file.schema != SCHEMA {
            return Err(DescriptionError::Schema { found: file.schema });
        }
        let serial = from_hex(&file.serial).map(Serial).ok_or(DescriptionError::Serial)?;
        let silicon = match (file.modelled, file.recorded) {
            (Some(die), None) => SiliconSource::Modelled(die),
            (None, Some(die)) => SiliconSource::Recorded(die),
            _ => return Err(DescriptionError::Silicon),
        };
        let File { code, sketch, first_cell, .. } = file;
        Ok(Self { serial, code, sketch, first_cell, silicon })
    }
}

/// Why a `chip.toml` cannot be read.
#[derive(Debug, Clone, PartialEq)]
pub enum DescriptionError {
    /// Not UTF-8.
    NotText,
    /// Not the TOML that it should be.
    Toml(String),
    /// Another schema.
    Schema {
        /// Schema found.
        found: u32,
    },
    /// The serial number is not 32 hex digits.
    Serial,
    /// Not exactly one of `[modelled]` and `[recorded]`.
    Silicon,
    /// A number out of range.
    Parameter(ParameterError),
}

impl From<ParameterError> for DescriptionError {
    fn from(error: ParameterError) -> Self {
        Self::Parameter(error)
    }
}

impl fmt::Display for DescriptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("not UTF-8"),
            Self::Toml(error) => f.write_str(error.trim_end()),
            Self::Schema { found } => {
                write!(f, "schema {found}, this program reads schema {SCHEMA}")
            }
            Self::Serial => f.write_str("serial is not 32 hex digits"),
            Self::Silicon => f.write_str("exactly one of [modelled] and [recorded] belongs here"),
            Self::Parameter(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DescriptionError {}

/// `N` bytes of `2 N` hex digits.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&super::to_hex(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(from)?;
        super::from_hex(&text).ok_or_else(|| D::Error::custom("expected 64 hex digits"))
    }
}
