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
mod catalogue;
mod decode;
mod device;
mod error;
mod file;
mod format;
mod intel_hex;
mod leave_out;
mod npy;
mod records;
mod rows;
mod text;
mod tree;
pub mod write;

use std::ops::Range;
use std::path::{Path, PathBuf};

use fuzzy_extractor::bits::BitString;
use rayon::prelude::*;

pub use block::Block;
pub use catalogue::{Catalogue, open};
pub use device::{Cursor, DeviceSource};
pub use error::ReadoutError;
pub use format::{Format, FormatError, recognise as recognise_format};
pub use intel_hex::{IntelHexError, IntelHexProblem, Memory, parse as parse_intel_hex};
pub use leave_out::{AddressRange, AddressRangeError, LeaveOutError, LeaveOutProblem};
pub use npy::{NpyError, parse as parse_npy};
pub use records::{Evidence, MIN_RECORD_BYTES, recognise as recognise_records};
pub use text::{TextError, TextProblem, parse_binary_digits, parse_csv, parse_hex};

/// The order of cells in the bytes of a memory dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BitOrder {
    /// The first cell is the most significant bit.
    #[default]
    Msb,
    /// The first cell is the least significant bit.
    Lsb,
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
    /// Byte addresses whose cells are left out: as the file gives them where it does (Intel HEX),
    /// otherwise from the start of a readout, eight cells a byte. See [`AddressRange`].
    pub leave_out: Vec<Range<u64>>,
    /// Bound of [`read`] on the bytes of all files together; memory use stays within about twice
    /// as much.
    pub max_total_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bit_order: BitOrder::default(),
            record_bytes: None,
            format: None,
            leave_out: Vec::new(),
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
/// As many readouts of a device as a cursor passes.
const MAX_STREAMED: u64 = 1 << 32;
/// Cells of the longest readout: 64 MiB.
const MAX_CELLS: usize = 1 << 29;

/// Reads the readouts in files and folders.
///
/// # Errors
/// [`ReadoutError`], which names the file, and the line or offset where there is one. The first
/// file that cannot be read in full ends the reading: half of the data would give wrong figures.
pub fn read<P: AsRef<Path>>(paths: &[P], options: &Options) -> Result<Recording, ReadoutError> {
    let Catalogue { devices, notes } =
        catalogue::open_within(paths, options, options.max_total_bytes)?;
    let mut left = MAX_READOUTS;
    for device in &devices {
        let too_many = || ReadoutError::TooManyReadouts(device.source_of(0).to_owned());
        left = left.checked_sub(device.readouts()).ok_or_else(too_many)?;
    }
    let devices = devices.into_iter().map(DeviceSource::read).collect::<Result<_, _>>()?;
    Ok(Recording { devices, notes })
}

/// Does something with each item on all threads; of several errors the first in order is returned,
/// for any number of threads.
fn in_parallel<T: Sync, U: Send, E: Send>(
    items: &[T],
    each: impl Fn(&T) -> Result<U, E> + Sync + Send,
) -> Result<Vec<U>, E> {
    let outcomes: Vec<_> = items.par_iter().map(each).collect();
    outcomes.into_iter().collect()
}
