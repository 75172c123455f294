//! What a chip is, as `chip.toml` says it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use puf_emulator::chip::Serial;
use puf_emulator::silicon::{PARAMETERS, Parameter, ParameterError, Process};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const SCHEMA: u32 = 2;

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
#[derive(Clone, PartialEq)]
pub struct ModelledDie {
    /// Where the numbers come from: a profile's name, or `custom`.
    pub profile: String,
    /// What its cells are drawn from.
    pub process: Process,
    /// Number of cells.
    pub cells: usize,
    /// Root of the die's [seed tree](puf_emulator::seed::SeedTree): the secret that the die is.
    pub seed: [u8; 32],
}

impl ModelledDie {
    /// A die of a process.
    #[must_use]
    pub fn new(profile: &str, process: &Process, cells: usize, seed: [u8; 32]) -> Self {
        Self { profile: profile.to_owned(), process: *process, cells, seed }
    }
}

impl fmt::Debug for ModelledDie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelledDie")
            .field("profile", &self.profile)
            .field("process", &self.process)
            .field("cells", &self.cells)
            .finish_non_exhaustive()
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

impl Description {
    /// Writes `chip.toml`.
    ///
    /// # Panics
    /// Never: every value has a TOML form.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let (modelled, recorded) = match self.silicon.clone() {
            SiliconSource::Modelled(die) => (Some(DieTable::from(&die)), None),
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

    /// Reads `chip.toml`, of this schema, or with a measured die of schema 1.
    ///
    /// # Errors
    /// Names what is wrong, with its line where there is one.
    pub fn from_toml(bytes: &[u8]) -> Result<Self, DescriptionError> {
        let text = std::str::from_utf8(bytes).map_err(|_| DescriptionError::NotText)?;
        match parse::<Schema>(text)?.schema {
            1 => parse::<File<toml::Table>>(text)?.described(),
            SCHEMA => parse::<File<DieTable>>(text)?.described(),
            found => Err(DescriptionError::Schema { found }),
        }
    }
}

/// `chip.toml`, with what its schema says of a modelled die.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<Die> {
    schema: u32,
    serial: String,
    code: String,
    sketch: String,
    first_cell: usize,
    modelled: Option<Die>,
    recorded: Option<RecordedDie>,
}

/// What every schema begins with.
#[derive(Deserialize)]
struct Schema {
    schema: u32,
}

/// `[modelled]` of schema 2: every parameter of the process by its name.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DieTable {
    profile: String,
    cells: usize,
    #[serde(with = "hex_bytes")]
    seed: [u8; 32],
    parameters: BTreeMap<String, f64>,
}

impl<Die> File<Die>
where
    ModelledDie: TryFrom<Die, Error = DescriptionError>,
{
    fn described(self) -> Result<Description, DescriptionError> {
        let serial = from_hex(&self.serial).map(Serial).ok_or(DescriptionError::Serial)?;
        let silicon = match (self.modelled, self.recorded) {
            (Some(die), None) => SiliconSource::Modelled(die.try_into()?),
            (None, Some(die)) => SiliconSource::Recorded(die),
            _ => return Err(DescriptionError::Silicon),
        };
        let Self { code, sketch, first_cell, .. } = self;
        Ok(Description { serial, code, sketch, first_cell, silicon })
    }
}

impl From<&ModelledDie> for DieTable {
    fn from(die: &ModelledDie) -> Self {
        let parameters = die.process.parameters();
        Self {
            profile: die.profile.clone(),
            cells: die.cells,
            seed: die.seed,
            parameters: parameters
                .map(|(parameter, value)| (parameter.name.to_owned(), value))
                .collect(),
        }
    }
}

impl TryFrom<DieTable> for ModelledDie {
    type Error = DescriptionError;

    fn try_from(table: DieTable) -> Result<Self, DescriptionError> {
        let DieTable { profile, cells, seed, parameters } = table;
        if let Some(name) = parameters.keys().find(|name| Parameter::named(name).is_none()) {
            return Err(DescriptionError::UnknownParameter(name.clone()));
        }
        // A default instead of what is missing would be another die.
        let missing = PARAMETERS.iter().find(|parameter| !parameters.contains_key(parameter.name));
        if let Some(parameter) = missing {
            return Err(DescriptionError::MissingParameter(parameter.name));
        }
        let process = Process::from_parameters(|name| parameters.get(name).copied())?;
        Ok(Self { profile, process, cells, seed })
    }
}

/// Whatever it says: the die of its seed is another one now.
impl TryFrom<toml::Table> for ModelledDie {
    type Error = DescriptionError;

    fn try_from(_: toml::Table) -> Result<Self, DescriptionError> {
        Err(DescriptionError::OtherSilicon)
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, DescriptionError> {
    toml::from_str(text).map_err(|error| DescriptionError::Toml(told(text, &error)))
}

/// What is wrong and where, without the line itself, which may hold the seed.
fn told(text: &str, error: &toml::de::Error) -> String {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.as_bytes()[..start].iter();
    let line = before.filter(|&&byte| byte == b'\n').count();
    let is_seed = text.lines().nth(line).is_some_and(|line| line.trim_start().starts_with("seed"));
    let message = if is_seed { "the seed is not 64 hex digits in quotes" } else { error.message() };
    format!("line {}: {message}", line + 1)
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
    /// A modelled die of schema 1, whose cells were drawn otherwise.
    OtherSilicon,
    /// The serial number is not 32 hex digits.
    Serial,
    /// Not exactly one of `[modelled]` and `[recorded]`.
    Silicon,
    /// A parameter that no process has.
    UnknownParameter(String),
    /// A parameter that every process has is not there.
    MissingParameter(&'static str),
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
                write!(f, "schema {found}, this program reads schema 1 and {SCHEMA}")
            }
            Self::OtherSilicon => f.write_str(
                "schema 1: the modelled dies of that version are not made any more; \
                 make the device anew",
            ),
            Self::Serial => f.write_str("serial is not 32 hex digits"),
            Self::Silicon => f.write_str("exactly one of [modelled] and [recorded] belongs here"),
            Self::UnknownParameter(name) => write!(f, "no parameter is called {name:?}"),
            Self::MissingParameter(name) => write!(f, "the parameter {name} is missing"),
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
