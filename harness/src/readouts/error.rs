//! Why readouts could not be read: which file, where in it, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use super::format::FormatError;
use super::intel_hex::IntelHexError;
use super::leave_out::LeaveOutError;
use super::npy::NpyError;
use super::text::{TextError, TextProblem};
use super::{MAX_CELLS, MAX_READOUTS, MAX_STREAMED, tree};

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
    /// A folder within itself, by a link or otherwise, or a link to itself.
    Loop {
        /// Where it is met again.
        path: PathBuf,
        /// Which one it is.
        folder: PathBuf,
    },
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
        bytes: u64,
        /// Bytes of a record.
        record_bytes: u64,
    },
    /// A readout of more cells than the bound.
    TooLong {
        /// The file.
        path: PathBuf,
        /// Cells of the readout, as far as they were counted.
        cells: u64,
    },
    /// More readouts of one device than the bound.
    TooMany {
        /// The file.
        path: PathBuf,
        /// Readouts it holds.
        readouts: u64,
    },
    /// A range that cannot be left out.
    LeaveOut {
        /// The device's first file.
        path: PathBuf,
        /// What is wrong with it.
        source: LeaveOutError,
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

impl ReadoutError {
    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let text = match self {
            Self::Format { source, .. } => return source.advice().map(str::to_owned),
            Self::Npy { source, .. } => return source.advice().map(str::to_owned),
            Self::LeaveOut { source, .. } => return Some(source.advice()),
            Self::Ragged { bytes, .. } => {
                return Some(format!("a record length that divides {bytes} bytes"));
            }
            Self::Io { .. } | Self::NotAFile(_) => return None,
            Self::Nothing(_) => "a folder with files of readouts, or the files themselves",
            Self::Loop { .. } => "remove it, or give the folders in it one by one",
            Self::TooDeep(_) | Self::TooManyFiles(_) => "give the folders in it one by one",
            Self::TooManyReadouts(_) | Self::TooLarge { .. } | Self::TooMany { .. } => {
                "fewer readouts at a time"
            }
            Self::Changed(_) => "again, when nobody writes to it",
            Self::Empty(_) => "remove it, or read the device again",
            Self::Text { source, .. } if matches!(source.problem, TextProblem::LongCell(_)) => {
                "0 or 1 between commas, a readout a line, without a line of headings"
            }
            Self::IntelHex { .. } | Self::Text { .. } => "read the device again, or mend the file",
            Self::TooLong { .. } => "the record length, if the file holds several readouts",
            Self::RecordLength { .. } => "the record length, or one file at a time",
            Self::Lengths { .. } | Self::Addresses { .. } => "a folder for each device and memory",
        };
        Some(text.to_owned())
    }
}

impl fmt::Display for ReadoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::Nothing(path) => write!(f, "{}: no file of readouts", path.display()),
            Self::NotAFile(path) => {
                write!(f, "{}: neither a regular file nor a folder", path.display())
            }
            Self::Loop { path, folder } => {
                write!(f, "{}: a loop: it leads back to {}", path.display(), folder.display())
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
            Self::TooLong { path, cells } => write!(
                f,
                "{}: a readout of {cells} cells, where {MAX_CELLS} are the most",
                path.display()
            ),
            Self::TooMany { path, readouts } => write!(
                f,
                "{}: {readouts} readouts, where {MAX_STREAMED} are the most",
                path.display()
            ),
            Self::LeaveOut { path, source } => write!(f, "{}: {source}", path.display()),
            Self::RecordLength { path, record_bytes, other } => write!(
                f,
                "{} shows records of {record_bytes} bytes, {} does not",
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
            Self::LeaveOut { source, .. } => Some(source),
            _ => None,
        }
    }
}
