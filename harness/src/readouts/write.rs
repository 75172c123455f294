//! Writing power-ups, one readout after the other, in memory for one.
//!
//! Readouts come device by device. `.npy` is `uint8` of shape (devices, readouts, cells), or with
//! the cells packed eight a byte, most significant bit first; `.bin` is packed, readout after
//! readout, one file a device; `.csv` is one readout a line, one file a device. Files appear whole or not at all.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use fuzzy_extractor::bits::BitString;

use crate::store::output::{Output, OutputError, Staged};

/// How many of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Devices.
    pub devices: usize,
    /// Readouts of each device.
    pub readouts: usize,
    /// Cells of each readout.
    pub cells: usize,
}

/// The written form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// NumPy, one byte a cell.
    Npy,
    /// NumPy, eight cells a byte.
    NpyPacked,
    /// Bytes of eight cells, a file for each device.
    Raw,
    /// Zeros and ones with commas, a line for each readout, a file for each device.
    Csv,
}

impl Layout {
    /// The form that the extension of an output file asks for.
    ///
    /// # Errors
    /// [`WriteError::Extension`] for any but `npy`, `bin` and `csv`, [`WriteError::PackedText`]
    /// for packed CSV.
    pub fn of(path: &Path, packed: bool) -> Result<Self, WriteError> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        match (extension.to_ascii_lowercase().as_str(), packed) {
            ("npy", false) => Ok(Self::Npy),
            ("npy", true) => Ok(Self::NpyPacked),
            ("bin", _) => Ok(Self::Raw),
            ("csv", false) => Ok(Self::Csv),
            ("csv", true) => Err(WriteError::PackedText),
            _ => Err(WriteError::Extension(path.to_owned())),
        }
    }

    /// Bytes that all files together take, headers aside.
    #[must_use]
    pub fn bytes(self, shape: Shape) -> u128 {
        let [devices, readouts, cells] =
            [shape.devices, shape.readouts, shape.cells].map(|n| n as u128);
        let each = match self {
            Self::Npy => cells,
            Self::NpyPacked | Self::Raw => cells.div_ceil(8),
            Self::Csv => 2 * cells,
        };
        devices.saturating_mul(readouts).saturating_mul(each)
    }

    fn is_packed(self) -> bool {
        matches!(self, Self::NpyPacked | Self::Raw)
    }

    /// What stands before the first readout.
    fn header(self, shape: Shape) -> Vec<u8> {
        match self {
            Self::Npy => npy_header("|u1", &[shape.devices, shape.readouts, shape.cells]),
            Self::NpyPacked => npy_header("|u1", &[shape.devices, shape.readouts, shape.cells / 8]),
            Self::Raw | Self::Csv => Vec::new(),
        }
    }

    /// Writes one readout into `bytes`, in place of what is there.
    fn encode(self, readout: &BitString, bytes: &mut Vec<u8>) {
        bytes.clear();
        match self {
            Self::NpyPacked | Self::Raw => {
                bytes.resize(readout.len().div_ceil(8), 0);
                readout.write_bytes_msb0(bytes);
            }
            Self::Npy => unpack(readout, bytes),
            Self::Csv => {
                for bit in readout.iter() {
                    bytes.extend_from_slice(if bit { b"1," } else { b"0," });
                }
                if let Some(last) = bytes.last_mut() {
                    *last = b'\n';
                }
            }
        }
    }
}

/// One byte a cell, eight at a time.
fn unpack(readout: &BitString, bytes: &mut Vec<u8>) {
    for word in readout.words() {
        for byte in word.to_le_bytes() {
            // Bit j of the byte alone in byte j; adding 0x7f carries it into the sign bit.
            let spread =
                u64::from(byte).wrapping_mul(0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
            let cells = (spread + 0x7f7f_7f7f_7f7f_7f7f) >> 7 & 0x0101_0101_0101_0101;
            bytes.extend_from_slice(&cells.to_le_bytes());
        }
    }
    bytes.truncate(readout.len());
}

/// Header of an array, version 1.0, padded so that the elements are aligned to 64 bytes (NEP 1,
/// `numpy.lib.format`).
fn npy_header(descr: &str, shape: &[usize]) -> Vec<u8> {
    const BEFORE_TEXT: usize = 10;
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    let shape = shape.join(", ");
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    let padded = (BEFORE_TEXT + text.len() + 1).next_multiple_of(64) - BEFORE_TEXT;
    text.push_str(&" ".repeat(padded - 1 - text.len()));
    text.push('\n');
    // Three numbers of at most 20 digits keep the text far below 65536 bytes.
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    [b"\x93NUMPY\x01\x00", &len.to_le_bytes()[..], text.as_bytes()].concat()
}

/// Writes the readouts of a population.
///
/// ```
/// use fuzzy_extractor::bits::BitString;
/// use puflab::readouts::write::{Layout, ReadoutWriter, Shape};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("two.npy");
/// let shape = Shape { devices: 1, readouts: 2, cells: 8 };
/// let mut writer = ReadoutWriter::create(&path, Layout::of(&path, false)?, shape)?;
/// writer.push(&BitString::from_bytes_msb0(&[0x5a], 8))?;
/// writer.push(&BitString::from_bytes_msb0(&[0x5b], 8))?;
/// assert_eq!(writer.finish()?, [path]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ReadoutWriter {
    path: PathBuf,
    layout: Layout,
    shape: Shape,
    written: usize,
    current: Option<Output>,
    staged: Vec<Staged>,
    paths: Vec<PathBuf>,
    buffer: Vec<u8>,
}

impl fmt::Debug for ReadoutWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadoutWriter")
            .field("path", &self.path)
            .field("layout", &self.layout)
            .field("shape", &self.shape)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

impl ReadoutWriter {
    /// Begins a file, or for [`Layout::Raw`], [`Layout::Csv`] and several devices a set of them: `F.bin` becomes
    /// `F-000.bin` and so on.
    ///
    /// # Errors
    /// [`WriteError::Nothing`] for a shape without cells, [`WriteError::PartOfAByte`] for packed
    /// readouts that do not fill their bytes, [`WriteError::Output`] when nothing can be written
    /// there.
    pub fn create(path: &Path, layout: Layout, shape: Shape) -> Result<Self, WriteError> {
        let total = shape.devices.checked_mul(shape.readouts);
        if total.and_then(|total| total.checked_mul(shape.cells)).is_none_or(|cells| cells == 0) {
            return Err(WriteError::Nothing(shape));
        }
        if layout.is_packed() && !shape.cells.is_multiple_of(8) {
            return Err(WriteError::PartOfAByte { cells: shape.cells });
        }
        let mut writer = Self {
            path: path.to_owned(),
            layout,
            shape,
            written: 0,
            current: None,
            staged: Vec::new(),
            paths: Vec::new(),
            buffer: Vec::new(),
        };
        writer.begin_file()?;
        Ok(writer)
    }

    /// Writes the next readout; devices follow each other.
    ///
    /// # Errors
    /// [`WriteError::Cells`] or [`WriteError::Readouts`] for one that the shape has no place for,
    /// [`WriteError::Output`] when it cannot be written.
    pub fn push(&mut self, readout: &BitString) -> Result<(), WriteError> {
        if readout.len() != self.shape.cells {
            let (expected, found) = (self.shape.cells, readout.len());
            return Err(WriteError::Cells { expected, found });
        }
        if self.written == self.total() {
            return Err(self.miscounted(self.written + 1));
        }
        let per_file = self.total() / self.files();
        if self.written > 0 && self.written.is_multiple_of(per_file) {
            self.end_file()?;
            self.begin_file()?;
        }
        self.layout.encode(readout, &mut self.buffer);
        self.write_buffer()?;
        self.written += 1;
        Ok(())
    }

    /// Puts the files in place and returns their paths.
    ///
    /// # Errors
    /// [`WriteError::Readouts`] if some are missing, [`WriteError::Output`] when the files cannot
    /// be completed or put in place.
    pub fn finish(mut self) -> Result<Vec<PathBuf>, WriteError> {
        if self.written != self.total() {
            return Err(self.miscounted(self.written));
        }
        self.end_file()?;
        for staged in self.staged {
            staged.commit()?;
        }
        Ok(self.paths)
    }

    fn total(&self) -> usize {
        self.shape.devices * self.shape.readouts
    }

    fn files(&self) -> usize {
        match self.layout {
            Layout::Raw | Layout::Csv => self.shape.devices,
            Layout::Npy | Layout::NpyPacked => 1,
        }
    }

    fn miscounted(&self, found: usize) -> WriteError {
        WriteError::Readouts { expected: self.total(), found }
    }

    fn begin_file(&mut self) -> Result<(), WriteError> {
        let path = match self.files() {
            1 => self.path.clone(),
            files => numbered(&self.path, self.paths.len(), files),
        };
        self.current = Some(Output::create(&path)?);
        self.paths.push(path);
        self.buffer = self.layout.header(self.shape);
        self.write_buffer()
    }

    fn write_buffer(&mut self) -> Result<(), WriteError> {
        if let (Some(output), Some(path)) = (&mut self.current, self.paths.last()) {
            output.write_all(&self.buffer).map_err(|source| {
                let path = path.clone();
                WriteError::Output(OutputError { action: "write", path, source })
            })?;
        }
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), WriteError> {
        if let Some(output) = self.current.take() {
            self.staged.push(output.stage()?);
        }
        Ok(())
    }
}

/// Writes the probability of each cell to read 1, ground truth, as `.npy`: `float64` of shape
/// (devices, cells).
#[derive(Debug)]
pub struct ProbabilityWriter {
    path: PathBuf,
    output: Output,
    cells: usize,
    devices_left: usize,
}

impl ProbabilityWriter {
    /// Begins the file.
    ///
    /// # Errors
    /// [`WriteError::Extension`] for any but `npy`, [`WriteError::Output`] when nothing can be
    /// written there.
    pub fn create(path: &Path, devices: usize, cells: usize) -> Result<Self, WriteError> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        if !extension.eq_ignore_ascii_case("npy") {
            return Err(WriteError::ProbabilityExtension(path.to_owned()));
        }
        let output = Output::create(path)?;
        let mut writer = Self { path: path.to_owned(), output, cells, devices_left: devices };
        writer.write(&npy_header("<f8", &[devices, cells]))?;
        Ok(writer)
    }

    /// Bytes of the file, its header aside.
    #[must_use]
    pub fn bytes(devices: usize, cells: usize) -> u128 {
        (devices as u128).saturating_mul(cells as u128).saturating_mul(8)
    }

    /// Writes the probabilities of the next device.
    ///
    /// # Errors
    /// [`WriteError::Cells`] or [`WriteError::Readouts`] for what the shape has no place for,
    /// [`WriteError::Output`] when they cannot be written.
    pub fn push(&mut self, probabilities: &[f64]) -> Result<(), WriteError> {
        if probabilities.len() != self.cells {
            return Err(WriteError::Cells { expected: self.cells, found: probabilities.len() });
        }
        let Some(left) = self.devices_left.checked_sub(1) else {
            return Err(WriteError::Readouts { expected: 0, found: 1 });
        };
        self.devices_left = left;
        probabilities.chunks(4096).try_for_each(|probabilities| {
            let bytes: Vec<u8> = probabilities.iter().flat_map(|p| p.to_le_bytes()).collect();
            self.write(&bytes)
        })
    }

    /// Completes the file; it takes its place when what is returned is committed.
    ///
    /// # Errors
    /// [`WriteError::Readouts`] if devices are missing, [`WriteError::Output`] when the file cannot
    /// be completed.
    pub fn stage(self) -> Result<Staged, WriteError> {
        if self.devices_left > 0 {
            return Err(WriteError::Readouts { expected: self.devices_left, found: 0 });
        }
        Ok(self.output.stage()?)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.output.write_all(bytes).map_err(|source| {
            let path = self.path.clone();
            WriteError::Output(OutputError { action: "write", path, source })
        })
    }
}

/// `F.bin` as `F-007.bin`.
fn numbered(path: &Path, number: usize, files: usize) -> PathBuf {
    let width = number_width(files);
    let mut name = OsString::from(path.file_stem().unwrap_or_default());
    name.push(format!("-{number:0width$}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Digits for numbers below `count`, at least three.
pub(super) fn number_width(count: usize) -> usize {
    let digits = count.saturating_sub(1).checked_ilog10().map_or(1, |log| log as usize + 1);
    digits.max(3)
}

/// Why readouts could not be written.
#[derive(Debug)]
pub enum WriteError {
    /// An extension that names no written form.
    Extension(PathBuf),
    /// Probabilities are written as `.npy` only.
    ProbabilityExtension(PathBuf),
    /// CSV has no packed form.
    PackedText,
    /// A shape without cells, or beyond all bounds.
    Nothing(Shape),
    /// Packed readouts that do not fill their last byte.
    PartOfAByte {
        /// Cells of a readout.
        cells: usize,
    },
    /// A readout of another length.
    Cells {
        /// Cells that the shape says.
        expected: usize,
        /// Cells of the readout.
        found: usize,
    },
    /// Another number of readouts.
    Readouts {
        /// Readouts that the shape says.
        expected: usize,
        /// Readouts given.
        found: usize,
    },
    /// A file could not be written.
    Output(OutputError),
}

impl From<OutputError> for WriteError {
    fn from(error: OutputError) -> Self {
        Self::Output(error)
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extension(path) => {
                write!(f, "{}: readouts are written as .npy, .bin or .csv", path.display())
            }
            Self::ProbabilityExtension(path) => {
                write!(f, "{}: probabilities are written as .npy", path.display())
            }
            Self::PackedText => write!(f, "CSV has no packed form; .npy and .bin have"),
            Self::Nothing(Shape { devices, readouts, cells }) => {
                write!(f, "no file for {devices} devices x {readouts} readouts x {cells} cells")
            }
            Self::PartOfAByte { cells } => {
                write!(f, "{cells} cells cannot be packed: not a multiple of 8")
            }
            Self::Cells { expected, found } => {
                write!(f, "a readout of {found} cells where {expected} are expected")
            }
            Self::Readouts { expected, found } => {
                write!(f, "{found} readouts where {expected} are expected")
            }
            Self::Output(error) => error.fmt(f),
        }
    }
}

impl Error for WriteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Output(error) => error.source(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readouts::{Options, read};
    use proptest::prelude::*;
    use std::fs;

    fn bits(text: &str) -> BitString {
        text.chars().map(|c| c == '1').collect()
    }

    fn write(path: &Path, packed: bool, shape: Shape, readouts: &[BitString]) -> Vec<PathBuf> {
        let layout = Layout::of(path, packed).unwrap();
        let mut writer = ReadoutWriter::create(path, layout, shape).unwrap();
        for readout in readouts {
            writer.push(readout).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn files_are_as_documented() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let readouts = [bits("1000000000000001"), bits("0000000100000000")];
        let shape = Shape { devices: 1, readouts: 2, cells: 16 };
        write(&path("f.bin"), false, shape, &readouts);
        assert_eq!(fs::read(path("f.bin")).unwrap(), [0x80, 0x01, 0x01, 0x00]);
        write(&path("f.csv"), false, shape, &readouts);
        let text = "1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1\n0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0\n";
        assert_eq!(fs::read_to_string(path("f.csv")).unwrap(), text);
        write(&path("f.npy"), false, shape, &readouts);
        let bytes = fs::read(path("f.npy")).unwrap();
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 16), }";
        assert_eq!(bytes[..10], *b"\x93NUMPY\x01\x00\x76\x00");
        assert_eq!(bytes[10..128].trim_ascii_end(), header.as_bytes());
        assert_eq!((bytes[127], bytes[128], bytes[143], bytes[151]), (b'\n', 1, 1, 1));
        assert_eq!(bytes.len(), 128 + 32);
        write(&path("p.npy"), true, shape, &readouts);
        assert_eq!(fs::read(path("p.npy")).unwrap()[128..], [0x80, 0x01, 0x01, 0x00]);
    }

    #[test]
    fn several_devices_are_several_binary_files() {
        let folder = tempfile::tempdir().unwrap();
        let shape = Shape { devices: 2, readouts: 1, cells: 8 };
        let readouts = [bits("00000001"), bits("00000010")];
        let paths = write(&folder.path().join("f.bin"), false, shape, &readouts);
        assert_eq!(paths, ["f-000.bin", "f-001.bin"].map(|name| folder.path().join(name)));
        assert_eq!(fs::read(&paths[1]).unwrap(), [2]);
        assert_eq!([1, 1000, 1001, 100_000].map(number_width), [3, 3, 4, 5]);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.bin");
        let shape = Shape { devices: 2, readouts: 1, cells: 8 };
        let create = |shape| ReadoutWriter::create(&path, Layout::Raw, shape);
        let odd = create(Shape { cells: 12, ..shape }).unwrap_err();
        assert!(matches!(odd, WriteError::PartOfAByte { cells: 12 }));
        let none = create(Shape { devices: 0, ..shape }).unwrap_err();
        assert!(matches!(none, WriteError::Nothing(_)));
        let huge = create(Shape { devices: usize::MAX, ..shape }).unwrap_err();
        assert!(matches!(huge, WriteError::Nothing(_)));
        let mut writer = create(shape).unwrap();
        let short = writer.push(&bits("1")).unwrap_err();
        assert!(matches!(short, WriteError::Cells { expected: 8, found: 1 }));
        writer.push(&bits("00000001")).unwrap();
        let few = writer.finish().unwrap_err();
        assert!(matches!(few, WriteError::Readouts { expected: 2, found: 1 }));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut writer = create(Shape { devices: 1, ..shape }).unwrap();
        writer.push(&bits("00000001")).unwrap();
        let many = writer.push(&bits("00000001")).unwrap_err();
        assert!(matches!(many, WriteError::Readouts { expected: 1, found: 2 }));
        assert!(matches!(Layout::of(Path::new("f.txt"), false), Err(WriteError::Extension(_))));
        assert!(matches!(Layout::of(Path::new("f.csv"), true), Err(WriteError::PackedText)));
    }

    fn population() -> impl Strategy<Value = (Shape, Vec<BitString>)> {
        (1_usize..4, 1_usize..4, 1_usize..40).prop_flat_map(|(devices, readouts, bytes)| {
            let shape = Shape { devices, readouts, cells: 8 * bytes };
            let bits = proptest::collection::vec(any::<bool>(), shape.cells);
            let bits = bits.prop_map(BitString::from_iter);
            (Just(shape), proptest::collection::vec(bits, devices * readouts))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn what_is_written_is_read((shape, readouts) in population()) {
            prop_assume!(readouts.iter().any(|readout| readout.weight() > 0));
            let folder = tempfile::tempdir().unwrap();
            let by_device: Vec<_> = readouts.chunks(shape.readouts).collect();
            let devices = |paths: &[PathBuf], options: &Options| -> Vec<Vec<BitString>> {
                let recording = read(paths, options).unwrap();
                recording.devices.into_iter().map(|device| device.readouts).collect()
            };
            let plain = Options::default();
            let npy = write(&folder.path().join("f.npy"), false, shape, &readouts);
            prop_assert_eq!(devices(&npy, &plain), by_device.clone());
            let csv = write(&folder.path().join("f.csv"), false, shape, &readouts);
            prop_assert_eq!(devices(&csv, &plain).concat(), readouts.clone());
            let raw = write(&folder.path().join("f.bin"), false, shape, &readouts);
            let options = Options {
                record_bytes: Some(shape.cells / 8),
                format: Some(crate::readouts::Format::Raw),
                ..Options::default()
            };
            prop_assert_eq!(devices(&raw, &options).concat(), readouts.clone());
            // A few short readouts may well be packed bytes of 0 and 1 alone.
            let bytes: Vec<u8> = readouts.iter().flat_map(BitString::to_bytes_msb0).collect();
            if bytes.iter().any(|&byte| byte > 1) {
                let packed = write(&folder.path().join("p.npy"), true, shape, &readouts);
                prop_assert_eq!(devices(&packed, &plain), by_device);
            }
        }
    }
}
