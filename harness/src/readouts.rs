//! Measured power-ups: reading what people recorded, writing what was simulated.
//!
//! [`read`] takes files and folders and returns devices with their readouts. Files are raw binary,
//! Intel HEX, hex or binary digits as text, NumPy `.npy` or CSV; see [`Format`]. What a file is
//! follows from its extension and its content together, and what they leave open is an error, not
//! a guess. Pickles are never read.
//!
//! # Files, devices, conditions
//!
//! - A file of several readouts is a device: `M39.bin`.
//! - A folder whose files hold one readout each is a device, `Andrzej.dev/A_MEMPRINT1.hex`, its
//!   readouts in numeric order (2 before 10). `.dev` is dropped from its name.
//! - Below the given folder, the last part of several names the condition: `chip7/23C/P1.hex` is
//!   device `chip7` at condition `23C`. So does what follows `@` in a file's name:
//!   `A1@-18degrees.hex`.
//! - Files given one by one count as the folder they are in, without its other files.
//! - Hidden files and `LICENSE`, `README` and the like are skipped, and a note says so.
//!
//! Readouts of a device have one length and, where the format knows it, one address. Whether they
//! are what they claim to be, independent power-ups of one die, is for other modules to judge.

mod block;
mod format;
mod intel_hex;
mod npy;
mod records;
mod text;
mod tree;
pub mod write;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::{fmt, mem};

use fuzzy_extractor::bits::BitString;

pub use block::Block;
pub use format::{Format, FormatError, recognise as recognise_format};
pub use intel_hex::{IntelHexError, IntelHexProblem, Memory, parse as parse_intel_hex};
pub use npy::{NpyError, parse as parse_npy};
pub use records::{Evidence, MIN_RECORD_BYTES, recognise as recognise_records};
pub use text::{TextError, TextProblem, parse_binary_digits, parse_csv, parse_hex};

use tree::Group;

/// The order of cells in the bytes of a memory dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BitOrder {
    /// The first cell is the most significant bit.
    #[default]
    Msb,
    /// The first cell is the least significant bit.
    Lsb,
}

impl BitOrder {
    fn bits(self, bytes: &[u8]) -> BitString {
        match self {
            Self::Msb => BitString::from_bytes_msb0(bytes, bytes.len() * 8),
            Self::Lsb => BitString::from_bytes_lsb0(bytes, bytes.len() * 8),
        }
    }
}

/// How to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The order of cells in bytes.
    pub bit_order: BitOrder,
    /// The length of one readout, for files of bytes that hold many. Without it the length of raw
    /// and text files is [recognised](recognise_records) where the data show it.
    pub record_bytes: Option<usize>,
    /// The format of every file, where extension and content do not settle it.
    pub format: Option<Format>,
    /// Bound on the bytes of all files together; memory use stays within about twice as much.
    pub max_total_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bit_order: BitOrder::default(),
            record_bytes: None,
            format: None,
            max_total_bytes: 1 << 30,
        }
    }
}

/// The readouts of one device under one condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedDevice {
    /// What it is called.
    pub name: String,
    /// Under what condition it was read, empty when nothing says.
    pub condition: String,
    /// The files, in the order of the readouts.
    pub sources: Vec<PathBuf>,
    /// The readouts, at least one, all of one length of at least one cell.
    pub readouts: Vec<BitString>,
}

/// All that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recording {
    /// At least one device.
    pub devices: Vec<RecordedDevice>,
    /// What a reader of the results should know: files skipped, lengths concluded.
    pub notes: Vec<String>,
}

/// As many readouts as are read at once, and so from one file: each costs memory of its own, however
/// short it is.
const MAX_READOUTS: usize = 1 << 22;

/// Reads the readouts in files and folders.
///
/// # Errors
/// [`ReadoutError`], which names the file, and the line or offset where there is one. The first
/// file that cannot be read in full ends the reading: half of the data would give wrong figures.
pub fn read<P: AsRef<Path>>(paths: &[P], options: &Options) -> Result<Recording, ReadoutError> {
    let mut reader = Reader {
        options,
        bytes_left: options.max_total_bytes,
        readouts_left: MAX_READOUTS,
        notes: Vec::new(),
    };
    let mut devices = Vec::new();
    for group in tree::find(paths, &mut reader.notes)? {
        devices.extend(reader.read_group(&group)?);
    }
    let mut notes = reader.notes;
    tell_apart(&mut devices, &mut notes);
    Ok(Recording { devices, notes })
}

/// One file, parsed.
struct Parsed {
    path: PathBuf,
    content: Content,
}

enum Content {
    /// Bytes that may hold several records.
    Bytes(Vec<u8>),
    /// Bytes at an address: one record unless told otherwise.
    Memory(Memory),
    /// Devices of readouts, as the file itself says.
    Readouts(Vec<Vec<BitString>>),
}

/// One file's readouts.
struct Source {
    path: PathBuf,
    address: Option<u32>,
    devices: Vec<Vec<BitString>>,
}

struct Reader<'a> {
    options: &'a Options,
    bytes_left: u64,
    readouts_left: usize,
    notes: Vec<String>,
}

impl Reader<'_> {
    fn read_group(&mut self, group: &Group) -> Result<Vec<RecordedDevice>, ReadoutError> {
        let mut files = Vec::with_capacity(group.files.len());
        for path in &group.files {
            files.push(self.parse_file(path)?);
        }
        let record_bytes = match self.options.record_bytes {
            Some(given) => Some(given),
            None => self.conclude_record_bytes(&files)?,
        };
        let mut sources = Vec::with_capacity(files.len());
        for file in files {
            sources.push(self.cut(file, record_bytes)?);
        }
        let one_each = sources.iter().all(|s| s.devices.len() == 1 && s.devices[0].len() == 1);
        let devices =
            if one_each { folder_device(group, sources) } else { file_devices(group, sources) };
        devices.into_iter().map(check_device).collect()
    }

    fn parse_file(&mut self, path: &Path) -> Result<Parsed, ReadoutError> {
        let bytes = read_file(path, &mut self.bytes_left, self.options.max_total_bytes)?;
        if bytes.is_empty() {
            return Err(ReadoutError::Empty(path.to_owned()));
        }
        let extension = path.extension().and_then(|e| e.to_str());
        let format = match self.options.format {
            Some(format) => format,
            None => format::recognise(extension, &bytes)
                .map_err(|source| ReadoutError::Format { path: path.to_owned(), source })?,
        };
        let text = |source| ReadoutError::Text { path: path.to_owned(), source };
        let content = match format {
            Format::Raw => Content::Bytes(bytes),
            Format::HexText => Content::Bytes(parse_hex(&bytes).map_err(text)?),
            Format::BinaryText => Content::Bytes(parse_binary_digits(&bytes).map_err(text)?),
            Format::Csv => Content::Readouts(vec![parse_csv(&bytes).map_err(text)?]),
            Format::IntelHex => Content::Memory(
                intel_hex::parse(&bytes)
                    .map_err(|source| ReadoutError::IntelHex { path: path.to_owned(), source })?,
            ),
            Format::Npy => Content::Readouts(
                npy::parse(&bytes, self.options.bit_order)
                    .map_err(|source| ReadoutError::Npy { path: path.to_owned(), source })?,
            ),
        };
        if let Content::Readouts(devices) = &content {
            self.charge(devices.iter().map(Vec::len).sum(), path)?;
        }
        Ok(Parsed { path: path.to_owned(), content })
    }

    /// Looks for a record length in the files of bytes of one folder, and notes what came out.
    fn conclude_record_bytes(&mut self, files: &[Parsed]) -> Result<Option<usize>, ReadoutError> {
        let of_bytes: Vec<(&Path, &[u8])> = files
            .iter()
            .filter_map(|file| match &file.content {
                Content::Bytes(bytes) => Some((file.path.as_path(), bytes.as_slice())),
                Content::Memory(_) | Content::Readouts(_) => None,
            })
            .collect();
        let Some(&(first, _)) = of_bytes.first() else {
            return Ok(None);
        };
        let contents: Vec<_> = of_bytes.iter().map(|&(_, bytes)| bytes).collect();
        let found = records::agree(&contents).map_err(|conflict| ReadoutError::RecordLength {
            path: of_bytes[conflict.file].0.to_owned(),
            record_bytes: conflict.record_bytes,
            other: of_bytes[conflict.other].0.to_owned(),
        })?;
        let name = match of_bytes.len() {
            1 => first.display().to_string(),
            count => format!("{} and {} more", first.display(), count - 1),
        };
        self.notes.push(match &found {
            Some(evidence) => format!("{name}: {evidence}"),
            None => format!("{name}: one readout a file; if it holds more, give the record length"),
        });
        Ok(found.map(|evidence| evidence.record_bytes))
    }

    /// Takes readouts from what may be read at once, before memory is set aside for the next ones.
    fn charge(&mut self, readouts: usize, path: &Path) -> Result<(), ReadoutError> {
        let too_many = || ReadoutError::TooManyReadouts(path.to_owned());
        self.readouts_left = self.readouts_left.checked_sub(readouts).ok_or_else(too_many)?;
        Ok(())
    }

    fn cut(&mut self, file: Parsed, record_bytes: Option<usize>) -> Result<Source, ReadoutError> {
        let path = file.path;
        let given = self.options.record_bytes;
        let mut cut = |bytes: &[u8], record_bytes: Option<usize>| {
            let record = record_bytes.unwrap_or(bytes.len());
            if record == 0 || !bytes.len().is_multiple_of(record) {
                let (path, found) = (path.clone(), bytes.len());
                return Err(ReadoutError::Ragged { path, bytes: found, record_bytes: record });
            }
            self.charge(bytes.len() / record, &path)?;
            Ok(bytes.chunks_exact(record).map(|r| self.options.bit_order.bits(r)).collect())
        };
        let (address, devices) = match file.content {
            Content::Bytes(bytes) => (None, vec![cut(&bytes, record_bytes)?]),
            Content::Memory(memory) => {
                // A concluded length is about other files; a given one holds for all.
                (Some(memory.address), vec![cut(&memory.bytes, given)?])
            }
            Content::Readouts(devices) => (None, devices),
        };
        Ok(Source { path, address, devices })
    }
}

/// A folder whose files hold one readout each: a device, at as many conditions as the names say.
fn folder_device(group: &Group, sources: Vec<Source>) -> Vec<(RecordedDevice, Vec<Option<u32>>)> {
    let mut by_condition: Vec<(RecordedDevice, Vec<Option<u32>>)> = Vec::new();
    let alone = sources.len() == 1;
    for source in sources {
        let (name, condition) = group.name_of_folder(&source.path, alone);
        let place = by_condition
            .iter()
            .position(|(device, _)| device.condition == condition)
            .unwrap_or_else(|| {
                let device = RecordedDevice { name, condition, sources: vec![], readouts: vec![] };
                by_condition.push((device, Vec::new()));
                by_condition.len() - 1
            });
        let (device, addresses) = &mut by_condition[place];
        device.sources.push(source.path);
        device.readouts.extend(source.devices.into_iter().flatten());
        addresses.push(source.address);
    }
    by_condition
}

/// Files of several readouts: a device each, or as many as the file says.
fn file_devices(group: &Group, sources: Vec<Source>) -> Vec<(RecordedDevice, Vec<Option<u32>>)> {
    let mut devices = Vec::new();
    for Source { path, address, devices: found } in sources {
        let (name, condition) = group.name_of_file(&path);
        let several = found.len() > 1;
        let width = write::number_width(found.len());
        for (number, readouts) in found.into_iter().enumerate() {
            let name = if several { format!("{name}-{number:0width$}") } else { name.clone() };
            let sources = vec![path.clone()];
            let condition = condition.clone();
            devices.push((RecordedDevice { name, condition, sources, readouts }, vec![address]));
        }
    }
    devices
}

/// Holds a device to one length and one address.
fn check_device(
    (device, addresses): (RecordedDevice, Vec<Option<u32>>),
) -> Result<RecordedDevice, ReadoutError> {
    let (first, cells) = (&device.sources[0], device.readouts[0].len());
    // Where the counts differ there is one source, whose format gave its readouts one length.
    for (path, readout) in device.sources.iter().zip(&device.readouts) {
        if readout.len() != cells {
            return Err(ReadoutError::Lengths {
                path: path.clone(),
                cells: readout.len(),
                other: first.clone(),
                other_cells: cells,
            });
        }
    }
    for (path, &address) in device.sources.iter().zip(&addresses) {
        if let (Some(address), Some(other_address)) = (address, addresses[0])
            && address != other_address
        {
            let (path, other) = (path.clone(), first.clone());
            return Err(ReadoutError::Addresses { path, address, other, other_address });
        }
    }
    Ok(device)
}

/// Numbers devices that would otherwise have one name.
fn tell_apart(devices: &mut [RecordedDevice], notes: &mut Vec<String>) {
    let mut seen = BTreeMap::new();
    for device in devices {
        // Names come from files, and end on terminals.
        for text in [&mut device.name, &mut device.condition] {
            if text.contains(char::is_control) {
                *text = text.replace(char::is_control, "?");
            }
        }
        let count = seen.entry((device.name.clone(), device.condition.clone())).or_insert(0_usize);
        *count += 1;
        if *count > 1 {
            let numbered = format!("{} ({count})", device.name);
            let old = mem::replace(&mut device.name, numbered);
            let path = device.sources[0].display();
            notes.push(format!("{path}: another device called {old}, here {}", device.name));
        }
    }
}

/// Reads a regular file that stays as it is, within the budget.
fn read_file(path: &Path, bytes_left: &mut u64, limit: u64) -> Result<Vec<u8>, ReadoutError> {
    let io = |source| ReadoutError::Io { path: path.to_owned(), source };
    // Asked before opening: opening a pipe waits for whoever writes to it.
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(ReadoutError::NotAFile(path.to_owned()));
    }
    let file = File::open(path).map_err(io)?;
    let before = file.metadata().map_err(io)?;
    let Some(rest) = bytes_left.checked_sub(before.len()) else {
        return Err(ReadoutError::TooLarge { path: path.to_owned(), limit });
    };
    *bytes_left = rest;
    let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or(0));
    (&file).take(before.len() + 1).read_to_end(&mut bytes).map_err(io)?;
    let after = file.metadata().map_err(io)?;
    let changed = bytes.len() as u64 != before.len()
        || after.len() != before.len()
        || after.modified().ok() != before.modified().ok();
    if changed { Err(ReadoutError::Changed(path.to_owned())) } else { Ok(bytes) }
}

/// Why readouts could not be read.
#[derive(Debug)]
pub enum ReadoutError {
    /// The host refused or failed.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// There is no file of readouts.
    Nothing(PathBuf),
    /// Neither a regular file nor a folder.
    NotAFile(PathBuf),
    /// Folders within folders beyond the bound.
    TooDeep(PathBuf),
    /// More files than the bound.
    TooManyFiles(PathBuf),
    /// More readouts in one file than the bound.
    TooManyReadouts(PathBuf),
    /// The file exceeds the bound on the bytes of all files.
    TooLarge {
        /// The file at which the bound was reached.
        path: PathBuf,
        /// The bound.
        limit: u64,
    },
    /// The file was written to while it was read.
    Changed(PathBuf),
    /// A file without a byte.
    Empty(PathBuf),
    /// The format cannot be told, or is refused.
    Format {
        /// The file.
        path: PathBuf,
        /// Why.
        source: FormatError,
    },
    /// Malformed Intel HEX.
    IntelHex {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which line.
        source: IntelHexError,
    },
    /// Malformed text.
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: TextError,
    },
    /// Malformed or refused `.npy`.
    Npy {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: NpyError,
    },
    /// Not a whole number of records.
    Ragged {
        /// The file.
        path: PathBuf,
        /// Bytes it holds.
        bytes: usize,
        /// Bytes of a record.
        record_bytes: usize,
    },
    /// Files of one folder that show no common record length.
    RecordLength {
        /// A file that shows one.
        path: PathBuf,
        /// The length it shows.
        record_bytes: usize,
        /// A file that does not fit it.
        other: PathBuf,
    },
    /// Readouts of one device that differ in length.
    Lengths {
        /// A file.
        path: PathBuf,
        /// Its cells.
        cells: usize,
        /// The device's first file.
        other: PathBuf,
        /// The cells of that one.
        other_cells: usize,
    },
    /// Readouts of one device from different addresses.
    Addresses {
        /// A file.
        path: PathBuf,
        /// Its first address.
        address: u32,
        /// The device's first file.
        other: PathBuf,
        /// The first address of that one.
        other_address: u32,
    },
}

impl fmt::Display for ReadoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::Nothing(path) => write!(f, "{}: no file of readouts", path.display()),
            Self::NotAFile(path) => {
                write!(f, "{}: neither a regular file nor a folder", path.display())
            }
            Self::TooDeep(path) => {
                write!(f, "{}: folders nested deeper than {}", path.display(), tree::MAX_DEPTH)
            }
            Self::TooManyFiles(path) => {
                write!(f, "{}: more than {} files", path.display(), tree::MAX_FILES)
            }
            Self::TooManyReadouts(path) => {
                write!(f, "{}: more than {MAX_READOUTS} readouts in all", path.display())
            }
            Self::TooLarge { path, limit } => {
                write!(f, "{}: the files exceed {limit} bytes together", path.display())
            }
            Self::Changed(path) => write!(f, "{}: changed while it was read", path.display()),
            Self::Empty(path) => write!(f, "{}: an empty file", path.display()),
            Self::Format { path, source } => write!(f, "{}: {source}", path.display()),
            Self::IntelHex { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Text { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Npy { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Ragged { path, bytes, record_bytes } => write!(
                f,
                "{}: {bytes} bytes are not a whole number of records of {record_bytes} bytes",
                path.display()
            ),
            Self::RecordLength { path, record_bytes, other } => write!(
                f,
                "{} shows records of {record_bytes} bytes, {} does not: \
                 give the record length, or read them apart",
                path.display(),
                other.display()
            ),
            Self::Lengths { path, cells, other, other_cells } => write!(
                f,
                "{} has {cells} cells, {} of the same device has {other_cells}",
                path.display(),
                other.display()
            ),
            Self::Addresses { path, address, other, other_address } => write!(
                f,
                "{} starts at address {address:#010x}, {} of the same device at {other_address:#010x}",
                path.display(),
                other.display()
            ),
        }
    }
}

impl Error for ReadoutError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Format { source, .. } => Some(source),
            Self::IntelHex { source, .. } => Some(source),
            Self::Text { source, .. } => Some(source),
            Self::Npy { source, .. } => Some(source),
            _ => None,
        }
    }
}
