//! An emulated device that lives in a folder and survives power cycles.
//!
//! ```text
//! chip.toml    what the chip is: serial number, code, cells, and the silicon itself. Written once,
//!              last when a device is made: a folder without it holds no device. Whoever reads the
//!              seed in it owns the chip, as if they had opened the package.
//! state        sealed record: serial number, power cycles, age, non-volatile memory
//! helper.bin   the helper data, raw, as it lies in a chip's flash: public, and open to attack
//! ```
//!
//! Every write replaces one file atomically and durably. The power cycle is counted before the
//! cells are read, so that no two readings share their noise; helper data is written before the
//! state that makes it count. A power cut at any write leaves the device as it was or as it was to
//! become, with at worst one power cycle counted that nobody saw.

mod description;

use std::fmt;
use std::path::{Path, PathBuf};

use fuzzy_extractor::code::notation::{self, NotationError};
use fuzzy_extractor::extractor::FuzzyExtractor;
use fuzzy_extractor::helper_data;
use fuzzy_extractor::response::Response;
use fuzzy_extractor::sketch;
use puf_emulator::chip::{Chip, Design, EnrollError, Lifecycle, Nvm, NvmError, Powered, Serial};
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{
    Environment, ModelledSram, PowerUpError, RecordedSram, Silicon, SramArray,
};
use rand_core::CryptoRng;

use crate::readouts::{self, ReadoutError};
use crate::store::{self, Folder, FolderError, RecordKind, StoreError, Volume};

pub use description::{Description, DescriptionError, ModelledDie, RecordedDie, SiliconSource};
pub(crate) use description::{from_hex, to_hex};

const CHIP: &str = "chip.toml";
const STATE: &str = "state";
const HELPER: &str = "helper.bin";
const OURS: [&str; 3] = [CHIP, STATE, HELPER];

const STATE_KIND: RecordKind = RecordKind::new("device-state", 1..=1, 256);
const MAX_CHIP_BYTES: usize = 64 * 1024;

/// A device and the volume it lives on.
#[derive(Debug)]
pub struct DeviceFolder<V: Volume = Folder> {
    volume: V,
    description: Description,
    die: Die,
    chip: Chip,
    life: Life,
}

/// What changes in a chip's life beside its non-volatile memory.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Life {
    power_cycles: u64,
    age_years: f64,
}

impl DeviceFolder<Folder> {
    /// Makes a new blank device in a folder that is empty or not there.
    ///
    /// # Errors
    /// When the folder holds something, is in use, or cannot be written, or the description makes
    /// no device.
    pub fn create(path: &Path, description: Description) -> Result<Self, DeviceError> {
        let folder = match Folder::create(path) {
            // What an interrupted creation left is no device, and not in the way of one.
            Err(FolderError::NotEmpty(_)) => Folder::open(path)?,
            folder => folder?,
        };
        Self::create_on(folder, description)
    }

    /// Opens the device in a folder, and keeps other processes out of it.
    ///
    /// # Errors
    /// When there is no device in the folder, a file of it is missing, damaged or another device's,
    /// or another process uses it.
    pub fn open(path: &Path) -> Result<Self, DeviceError> {
        Self::open_on(Folder::open(path)?)
    }

    /// Where the device lives.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.volume.path()
    }
}

impl<V: Volume> DeviceFolder<V> {
    /// As [`create`](DeviceFolder::create), on any volume.
    ///
    /// # Errors
    /// As there.
    pub fn create_on(volume: V, description: Description) -> Result<Self, DeviceError> {
        let names = left_over(&volume)?;
        // Built first: a description that makes no device leaves nothing behind.
        let die = Die::make(&description, 0)?;
        let chip = Chip::new(description.serial, design(&description, &die)?);
        for left_over in names {
            store::remove(&volume, &left_over)?;
        }
        let device =
            Self { volume, description, die, chip, life: Life { power_cycles: 0, age_years: 0.0 } };
        device.save_state()?;
        store::replace(&device.volume, CHIP, device.description.to_toml().as_bytes())?;
        Ok(device)
    }

    /// As [`open`](DeviceFolder::open), on any volume.
    ///
    /// # Errors
    /// As there.
    pub fn open_on(volume: V) -> Result<Self, DeviceError> {
        let Some(text) = store::load(&volume, CHIP, MAX_CHIP_BYTES)? else {
            return Err(DeviceError::NoDevice);
        };
        let description = Description::from_toml(&text)?;
        let record = store::load_record(&volume, STATE, &STATE_KIND)?
            .ok_or(DeviceError::Missing { file: STATE })?;
        let (serial, life, nvm) = read_state(&record.body)?;
        if serial != description.serial {
            return Err(DeviceError::Foreign { found: serial, expected: description.serial });
        }
        // Helper data that an interrupted enrolment left counts for nothing.
        let enrolled = Nvm::from_bytes(nvm, Vec::new()).map_err(DeviceError::State)?.lifecycle()
            == Lifecycle::Enrolled;
        let helper = if enrolled {
            store::load(&volume, HELPER, helper_data::MAX_BYTES + 1)?
                .ok_or(DeviceError::Missing { file: HELPER })?
        } else {
            Vec::new()
        };
        let nvm = Nvm::from_bytes(nvm, helper).map_err(DeviceError::State)?;
        let die = Die::make(&description, life.power_cycles)?;
        if let Die::Recorded(die) = &die
            && life.power_cycles > die.recorded()
        {
            let (counted, recorded) = (life.power_cycles, die.recorded());
            return Err(DeviceError::TooManyPowerCycles { counted, recorded });
        }
        let design = design(&description, &die)?;
        let chip = Chip::with_nvm(serial, design, nvm);
        Ok(Self { volume, description, die, chip, life })
    }

    /// What the chip is.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The chip, without power.
    #[must_use]
    pub fn chip(&self) -> &Chip {
        &self.chip
    }

    /// How often the device was powered up.
    #[must_use]
    pub fn power_cycles(&self) -> u64 {
        self.life.power_cycles
    }

    /// How many more power cycles there are; `None` for modelled silicon, which has no end.
    #[must_use]
    pub fn power_cycles_left(&self) -> Option<u64> {
        match &self.die {
            Die::Modelled(_) => None,
            Die::Recorded(die) => Some(die.recorded().saturating_sub(self.life.power_cycles)),
        }
    }

    /// The device's age in years.
    #[must_use]
    pub fn age_years(&self) -> f64 {
        self.life.age_years
    }

    /// Files in the folder that are not the device's.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn strange_files(&self) -> Result<Vec<String>, DeviceError> {
        let mut names = store::names(&self.volume)?;
        names.retain(|name| !OURS.contains(&name.as_str()));
        Ok(names)
    }

    /// Enrols the device at a temperature (degrees Celsius; `None` is the reference).
    ///
    /// # Errors
    /// When it is enrolled already, its cells are not fit for it, or the folder cannot be written.
    pub fn enroll(
        &mut self,
        temperature_celsius: Option<f64>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Powered, DeviceError> {
        if self.chip.nvm().lifecycle() != Lifecycle::Blank {
            return Err(DeviceError::Enroll(EnrollError::AlreadyEnrolled));
        }
        let environment = self.environment(temperature_celsius)?;
        self.count_power_cycle(&environment)?;
        let powered =
            self.chip.enroll(&mut self.die, &environment, rng).map_err(DeviceError::Enroll)?;
        store::replace(&self.volume, HELPER, self.chip.nvm().helper_data())?;
        self.save_state()?;
        Ok(powered)
    }

    /// Powers the device up at a temperature (degrees Celsius; `None` is the reference).
    ///
    /// # Errors
    /// When there is no power-up to be had from this silicon, or the folder cannot be written.
    pub fn power_up(&mut self, temperature_celsius: Option<f64>) -> Result<Powered, DeviceError> {
        let environment = self.environment(temperature_celsius)?;
        self.count_power_cycle(&environment)?;
        self.chip.power_up(&mut self.die, &environment).map_err(DeviceError::PowerUp)
    }

    /// Lets years pass: data-dependent ageing under the values that the cells hold.
    ///
    /// # Errors
    /// When the silicon cannot be aged, the age leaves the model's range, or the folder cannot be
    /// written.
    pub fn age(&mut self, years: f64) -> Result<(), DeviceError> {
        if matches!(self.die, Die::Recorded(_)) {
            return Err(DeviceError::Environment("measured silicon cannot be aged".to_owned()));
        }
        if years.is_nan() || years < 0.0 {
            return Err(DeviceError::Environment(format!("a device cannot age {years} years")));
        }
        let older = Life { age_years: self.life.age_years + years, ..self.life };
        Environment::default()
            .aged_years(older.age_years)
            .map_err(|error| DeviceError::Environment(error.to_string()))?;
        let younger = std::mem::replace(&mut self.life, older);
        self.save_state().inspect_err(|_| self.life = younger)
    }

    /// Overwrites the helper data, as an attacker with a programmer does.
    ///
    /// # Errors
    /// When the chip has none, or the folder cannot be written.
    pub fn tamper(&mut self, change: impl FnOnce(&mut Vec<u8>)) -> Result<(), DeviceError> {
        if self.chip.nvm().lifecycle() != Lifecycle::Enrolled {
            return Err(DeviceError::NoHelperData);
        }
        let mut helper = self.chip.nvm().helper_data().to_vec();
        change(&mut helper);
        store::replace(&self.volume, HELPER, &helper)?;
        self.chip.nvm_mut().set_helper_data(helper);
        Ok(())
    }

    fn environment(&self, temperature_celsius: Option<f64>) -> Result<Environment, DeviceError> {
        let mut environment = Environment::default().aged_years(self.life.age_years);
        if let Some(celsius) = temperature_celsius {
            environment = environment.and_then(|environment| environment.at_celsius(celsius));
        }
        environment.map_err(|error| DeviceError::Environment(error.to_string()))
    }

    /// Counts a power cycle, durably, before the cells are read. One that the silicon would refuse is
    /// refused before it is counted: measured readouts are not to be had again.
    fn count_power_cycle(&mut self, environment: &Environment) -> Result<(), DeviceError> {
        if matches!(self.die, Die::Recorded(_)) && *environment != Environment::default() {
            return Err(DeviceError::PowerUp(PowerUpError::NotRecorded));
        }
        if self.power_cycles_left() == Some(0) {
            let recorded = self.life.power_cycles;
            return Err(DeviceError::PowerUp(PowerUpError::Exhausted { recorded }));
        }
        // A counter that came round would read the noise of its first life again.
        let exhausted = PowerUpError::Exhausted { recorded: u64::MAX };
        let power_cycles =
            self.life.power_cycles.checked_add(1).ok_or(DeviceError::PowerUp(exhausted))?;
        let counted = Life { power_cycles, ..self.life };
        let before = std::mem::replace(&mut self.life, counted);
        self.save_state().inspect_err(|_| self.life = before)
    }

    fn save_state(&self) -> Result<(), DeviceError> {
        let body = write_state(self.chip.serial(), self.life, self.chip.nvm());
        Ok(store::replace_record(&self.volume, STATE, &STATE_KIND, &body)?)
    }
}

/// What an interrupted creation left: at most the state of a blank device.
fn left_over<V: Volume>(volume: &V) -> Result<Vec<String>, DeviceError> {
    let mut names = volume.list().map_err(|source| {
        DeviceError::Store(StoreError::Io { action: "list", name: ".".to_owned(), source })
    })?;
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    let blank = |bytes: &[u8]| {
        STATE_KIND.open(bytes).is_ok_and(|record| {
            read_state(&record.body).is_ok_and(|(_, _, nvm)| {
                Nvm::from_bytes(nvm, Vec::new())
                    .is_ok_and(|nvm| nvm.lifecycle() == Lifecycle::Blank)
            })
        })
    };
    let ours = match &names[..] {
        [] => true,
        [only] if only == STATE => {
            store::load(volume, STATE, STATE_KIND.max_sealed_bytes())?.is_some_and(|b| blank(&b))
        }
        _ => false,
    };
    if ours { Ok(names) } else { Err(DeviceError::NotEmpty { names }) }
}

/// Serial number, life and written memory in the body of a state record.
fn read_state(body: &[u8]) -> Result<(Serial, Life, &[u8]), DeviceError> {
    let short = || DeviceError::State(NvmError::Length { found: body.len() });
    let (serial, rest) = body.split_first_chunk().ok_or_else(short)?;
    let (cycles, rest) = rest.split_first_chunk().ok_or_else(short)?;
    let (age, nvm) = rest.split_first_chunk().ok_or_else(short)?;
    let life =
        Life { power_cycles: u64::from_be_bytes(*cycles), age_years: f64::from_be_bytes(*age) };
    Environment::default()
        .aged_years(life.age_years)
        .map_err(|error| DeviceError::Environment(format!("{STATE}: {error}")))?;
    Ok((Serial(*serial), life, nvm))
}

/// Checks a state record as it lies on disk: for fuzzing and for tools that look without opening.
///
/// # Errors
/// As when the device is opened.
pub fn check_state(sealed: &[u8]) -> Result<(), DeviceError> {
    let record = STATE_KIND
        .open(sealed)
        .map_err(|source| StoreError::Record { name: STATE.to_owned(), source })?;
    let (serial, life, nvm) = read_state(&record.body)?;
    let nvm = Nvm::from_bytes(nvm, Vec::new()).map_err(DeviceError::State)?;
    debug_assert_eq!(write_state(serial, life, &nvm), record.body, "one written form");
    Ok(())
}

fn write_state(serial: Serial, life: Life, nvm: &Nvm) -> Vec<u8> {
    let mut body = serial.0.to_vec();
    body.extend_from_slice(&life.power_cycles.to_be_bytes());
    body.extend_from_slice(&life.age_years.to_be_bytes());
    body.extend_from_slice(&nvm.to_bytes());
    body
}

fn design(description: &Description, die: &Die) -> Result<Design, DeviceError> {
    let code = notation::parse(&description.code).map_err(DeviceError::Code)?;
    let construction = sketch::by_name(&description.sketch)
        .ok_or_else(|| DeviceError::UnknownSketch(description.sketch.clone()))?;
    let extractor = FuzzyExtractor::new(code, construction);
    let first_cell = description.first_cell;
    let needed = first_cell.saturating_add(extractor.response_bits());
    if needed > die.cells() {
        let cells = die.cells();
        return Err(DeviceError::Enroll(EnrollError::TooFewCells { needed, cells }));
    }
    Ok(Design { extractor, first_cell })
}

/// The silicon of a device.
#[derive(Debug)]
enum Die {
    Modelled(Box<ModelledSram>),
    Recorded(Box<RecordedSram>),
}

impl Die {
    fn make(description: &Description, power_cycles: u64) -> Result<Self, DeviceError> {
        match &description.silicon {
            SiliconSource::Modelled(die) => {
                let tree = SeedTree::from_bytes(&die.seed);
                let array = SramArray::manufacture(die.process, die.cells, &tree)
                    .map_err(|error| DeviceError::Silicon(error.to_string()))?;
                let sram = ModelledSram::new(array).resuming_at(power_cycles);
                Ok(Self::Modelled(Box::new(sram)))
            }
            SiliconSource::Recorded(die) => {
                let sram = die.load()?.resuming_at(power_cycles);
                Ok(Self::Recorded(Box::new(sram)))
            }
        }
    }
}

impl Silicon for Die {
    fn cells(&self) -> usize {
        match self {
            Self::Modelled(die) => die.cells(),
            Self::Recorded(die) => die.cells(),
        }
    }

    fn power_up(&mut self, environment: &Environment) -> Result<Response, PowerUpError> {
        match self {
            Self::Modelled(die) => die.power_up(environment),
            Self::Recorded(die) => die.power_up(environment),
        }
    }
}

impl RecordedDie {
    /// Reads the measured readouts again, and makes sure that they are the same.
    fn load(&self) -> Result<RecordedSram, DeviceError> {
        let found = self.find()?;
        let digest = digest(&found.readouts);
        if digest != self.digest {
            let path = self.path.clone();
            return Err(DeviceError::OtherReadouts { path, expected: self.digest, found: digest });
        }
        RecordedSram::new(found.readouts).map_err(|error| DeviceError::Silicon(error.to_string()))
    }

    fn find(&self) -> Result<readouts::RecordedDevice, DeviceError> {
        let options = readouts::Options { record_bytes: self.record_bytes, ..Default::default() };
        let measured = readouts::read(&[&self.path], &options).map_err(DeviceError::Readouts)?;
        measured
            .devices
            .into_iter()
            .find(|device| device.name == self.name && device.condition == self.condition)
            .ok_or_else(|| DeviceError::NoSuchChip {
                path: self.path.clone(),
                name: self.name.clone(),
            })
    }
}

/// Digest of a die's readouts, in order: BLAKE3 of the number of cells and the packed bits.
#[must_use]
pub fn digest(readouts: &[fuzzy_extractor::bits::BitString]) -> [u8; 32] {
    let mut hasher = blake3_std::Hasher::new();
    for readout in readouts {
        hasher.update(&(readout.len() as u64).to_le_bytes());
        hasher.update(&readout.to_bytes_msb0());
    }
    *hasher.finalize().as_bytes()
}

/// Why a device cannot be made, opened or used.
#[derive(Debug)]
pub enum DeviceError {
    /// The folder.
    Folder(FolderError),
    /// A file of the device.
    Store(StoreError),
    /// The folder holds a device, or something else.
    NotEmpty {
        /// What is in it.
        names: Vec<String>,
    },
    /// The folder holds no device.
    NoDevice,
    /// A file of the device is missing.
    Missing {
        /// Which.
        file: &'static str,
    },
    /// The state is another device's.
    Foreign {
        /// Serial number in the state.
        found: Serial,
        /// Serial number of the chip.
        expected: Serial,
    },
    /// What the chip is cannot be read.
    Description(DescriptionError),
    /// The state cannot be read.
    State(NvmError),
    /// The code.
    Code(NotationError),
    /// No sketch construction of that name.
    UnknownSketch(String),
    /// The silicon cannot be made.
    Silicon(String),
    /// Measured readouts cannot be read.
    Readouts(ReadoutError),
    /// The measured readouts are not those that the device was made of.
    OtherReadouts {
        /// Where they were looked for.
        path: PathBuf,
        /// Their digest when the device was made.
        expected: [u8; 32],
        /// Their digest now.
        found: [u8; 32],
    },
    /// The readouts hold no chip of that name.
    NoSuchChip {
        /// Where it was looked for.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// The state counts more power cycles than there are readouts.
    TooManyPowerCycles {
        /// Power cycles counted.
        counted: u64,
        /// Readouts there are.
        recorded: u64,
    },
    /// The environment is outside the model.
    Environment(String),
    /// The device cannot be enrolled.
    Enroll(EnrollError),
    /// The device cannot be powered up.
    PowerUp(PowerUpError),
    /// The chip has no helper data to change.
    NoHelperData,
}

impl From<FolderError> for DeviceError {
    fn from(error: FolderError) -> Self {
        Self::Folder(error)
    }
}

impl From<StoreError> for DeviceError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<DescriptionError> for DeviceError {
    fn from(error: DescriptionError) -> Self {
        Self::Description(error)
    }
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::NotEmpty { names } => {
                write!(f, "the folder is not empty: it holds {}", names.join(", "))
            }
            Self::NoDevice => write!(f, "the folder holds no device: there is no {CHIP}"),
            Self::Missing { file } => write!(f, "the device's file {file} is missing"),
            Self::Foreign { found, expected } => write!(
                f,
                "the file {STATE} is another device's: serial number {found} in the folder of \
                 {expected}"
            ),
            Self::Description(error) => write!(f, "{CHIP}: {error}"),
            Self::State(error) => write!(f, "{STATE}: {error}"),
            Self::Code(error) => write!(f, "the device's code: {error}"),
            Self::UnknownSketch(name) => write!(f, "unknown sketch construction {name:?}"),
            Self::Silicon(error) => write!(f, "the silicon: {error}"),
            Self::Readouts(error) => error.fmt(f),
            Self::OtherReadouts { path, expected, found } => write!(
                f,
                "{}: these are not the readouts that the device was made of (digest {}, was {})",
                path.display(),
                short(found),
                short(expected)
            ),
            Self::NoSuchChip { path, name } => {
                write!(f, "{}: no chip {name:?} among the readouts", path.display())
            }
            Self::TooManyPowerCycles { counted, recorded } => {
                write!(f, "{STATE}: {counted} power cycles of a die with {recorded} readouts")
            }
            Self::Environment(error) => f.write_str(error),
            Self::Enroll(error) => error.fmt(f),
            Self::PowerUp(error) => error.fmt(f),
            Self::NoHelperData => f.write_str("the device is blank: it has no helper data"),
        }
    }
}

impl std::error::Error for DeviceError {}

fn short(digest: &[u8; 32]) -> String {
    digest[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}
