//! One device of a catalogue: its shape, and a cursor over its readouts.

use std::path::{Path, PathBuf};

use fuzzy_extractor::bits::BitString;
use rayon::prelude::*;

use super::file::SourceFile;
use super::leave_out::{self, Cut};
use super::rows::{ArrayRows, ByteRows, CsvFile, Form, ImageRows, Rows, load_image};
use super::{BitOrder, Block, Options, ReadoutError, RecordedDevice, npy};

/// How to read a file's readouts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Recipe {
    Bytes {
        form: Form,
        record_bytes: usize,
    },
    /// An Intel HEX file: one readout, or records of it.
    Image {
        record_bytes: Option<usize>,
    },
    /// Rows of an array from number `first` on.
    Array {
        rows: npy::Rows,
        first: u64,
    },
    Csv,
}

/// One file's share in a device.
#[derive(Debug)]
pub(super) struct Part {
    file: SourceFile,
    recipe: Recipe,
    /// At least one.
    pub(super) readouts: usize,
    /// Cells of a readout, where the file was read far enough to know them.
    cells: Option<usize>,
    /// The address of the first byte, likewise.
    pub(super) address: Option<u32>,
}

impl Part {
    pub(super) fn new(
        file: &SourceFile,
        recipe: Recipe,
        readouts: usize,
        cells: Option<usize>,
    ) -> Self {
        Self { file: file.clone(), recipe, readouts, cells, address: None }
    }

    /// Bytes that its readouts take in the file.
    fn bytes(&self) -> u64 {
        match self.recipe {
            Recipe::Array { rows, .. } => (self.readouts * rows.row_bytes()) as u64,
            _ => self.file.len(),
        }
    }

    /// What only reading the file tells: cells and address.
    fn read_shape(&mut self) -> Result<usize, ReadoutError> {
        if let Some(cells) = self.cells {
            return Ok(cells);
        }
        let memory = load_image(&self.file).map_err(|error| self.file.blame(error))?;
        self.file.verify()?;
        self.address = Some(memory.address);
        Ok(*self.cells.insert(8 * memory.bytes.len()))
    }
}

/// The readouts of one device under one condition, in their files.
///
/// Several threads may read it at once, each with a cursor of its own.
#[derive(Debug)]
pub struct DeviceSource {
    /// What it is called.
    pub name: String,
    /// Under what condition it was read, empty when nothing says.
    pub condition: String,
    /// One file of all readouts, or one file for each.
    parts: Vec<Part>,
    sources: Vec<PathBuf>,
    readouts: usize,
    cells: usize,
    address: Option<u32>,
    kept: Option<BitString>,
    bit_order: BitOrder,
}

impl DeviceSource {
    /// Holds the parts to one length and one address, as far as they are known.
    pub(super) fn of(
        name: String,
        condition: String,
        mut parts: Vec<Part>,
        options: &Options,
    ) -> Result<Self, ReadoutError> {
        let cells = parts[0].read_shape()?;
        let first = &parts[0];
        // Records of one file have an address each.
        let address = if first.readouts == 1 { first.address } else { None };
        let start = u64::from(address.unwrap_or(0));
        let kept = leave_out::kept(cells, start, &options.leave_out).map_err(|source| {
            ReadoutError::LeaveOut { path: first.file.path().to_owned(), source }
        })?;
        let sources = parts.iter().map(|part| part.file.path().to_owned()).collect();
        let bit_order = options.bit_order;
        let readouts = parts.iter().map(|part| part.readouts).sum();
        let device =
            Self { name, condition, parts, sources, readouts, cells, address, kept, bit_order };
        for part in &device.parts {
            if let Some(cells) = part.cells {
                device.check(part, cells, part.address)?;
            }
        }
        Ok(device)
    }

    /// Number of readouts, at least one.
    #[must_use]
    pub fn readouts(&self) -> usize {
        self.readouts
    }

    /// Positions of a readout, those that are left out included, so that the index of a cell keeps
    /// its address bits.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// The address of a readout's first byte, where the format knows it and all readouts share it.
    #[must_use]
    pub fn address(&self) -> Option<u32> {
        self.address
    }

    /// A one for every cell that is kept, `None` when nothing is left out.
    #[must_use]
    pub fn kept(&self) -> Option<&BitString> {
        self.kept.as_ref()
    }

    /// The files in the order of the readouts: one for all, or one for each.
    #[must_use]
    pub fn sources(&self) -> &[PathBuf] {
        &self.sources
    }

    /// The file of one readout.
    ///
    /// # Panics
    /// If there is no such readout.
    #[must_use]
    pub fn source_of(&self, readout: usize) -> &Path {
        assert!(readout < self.readouts, "readout {readout} of {}", self.readouts);
        match self.sources.as_slice() {
            [all] => all,
            each => &each[readout],
        }
    }

    /// Bytes that the readouts take on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(Part::bytes).sum()
    }

    /// Starts reading at the first readout.
    ///
    /// May be called again for another pass: every cursor reads the files anew.
    ///
    /// # Errors
    /// When the file of all readouts cannot be opened, or has changed.
    pub fn cursor(&self) -> Result<Cursor<'_>, ReadoutError> {
        let rows = match self.parts.as_slice() {
            [part] => Some(self.rows(part).map_err(|error| part.file.blame(error))?),
            _ => None,
        };
        Ok(Cursor { device: self, rows, next: 0 })
    }

    /// Opens a part's readouts, and holds it to the shape of the device.
    fn rows<'a>(&self, part: &'a Part) -> Result<Box<dyn Rows + 'a>, ReadoutError> {
        let (file, order) = (&part.file, self.bit_order);
        Ok(match part.recipe {
            Recipe::Bytes { form, record_bytes } => {
                Box::new(ByteRows::open(file, form, record_bytes, order)?)
            }
            Recipe::Array { rows, first } => Box::new(ArrayRows::open(file, rows, first)?),
            Recipe::Csv => Box::new(CsvFile::open(file)?),
            Recipe::Image { record_bytes } => {
                let memory = load_image(file)?;
                let record_bytes = record_bytes.unwrap_or(memory.bytes.len());
                self.check(part, 8 * record_bytes, Some(memory.address))?;
                Box::new(ImageRows::of(memory, record_bytes, order))
            }
        })
    }

    fn check(&self, part: &Part, cells: usize, address: Option<u32>) -> Result<(), ReadoutError> {
        let (path, other) = (part.file.path(), self.source_of(0));
        if cells != self.cells {
            return Err(ReadoutError::Lengths {
                path: path.to_owned(),
                cells,
                other: other.to_owned(),
                other_cells: self.cells,
            });
        }
        if let (Some(address), Some(other_address)) = (address, self.address)
            && address != other_address
        {
            let (path, other) = (path.to_owned(), other.to_owned());
            return Err(ReadoutError::Addresses { path, address, other, other_address });
        }
        Ok(())
    }

    /// Reads all readouts into memory, without the cells that are left out.
    pub(super) fn read(self) -> Result<RecordedDevice, ReadoutError> {
        let cut = self.kept.as_ref().map(Cut::to);
        let mut readouts = Vec::with_capacity(self.readouts());
        let mut cursor = self.cursor()?;
        let mut block = Block::new(self.cells);
        let at_once = (READ_WORDS / block.words_each()).clamp(1, self.readouts());
        while cursor.read(&mut block, at_once)? > 0 {
            readouts.extend(block.rows().map(|row| {
                let readout = BitString::from_words(row.to_vec(), self.cells);
                cut.as_ref().map_or_else(|| readout.clone(), |cut| cut.of(&readout))
            }));
            block.clear();
        }
        drop(cursor);
        let Self { name, condition, sources, .. } = self;
        Ok(RecordedDevice { name, condition, sources, readouts })
    }
}

/// Words that pass through memory twice when all are to be there.
const READ_WORDS: usize = 1 << 20;

/// Reads the readouts of a device in order, in memory for one piece of a file and what is asked for.
pub struct Cursor<'a> {
    device: &'a DeviceSource,
    /// The file of all readouts, if they are in one.
    rows: Option<Box<dyn Rows + 'a>>,
    next: usize,
}

impl Cursor<'_> {
    /// Appends up to `max` further readouts to `block`; returns how many, 0 at the end. Cells that
    /// are left out read 0.
    ///
    /// Readouts that are a file each are read on all threads of the current pool.
    ///
    /// # Errors
    /// [`ReadoutError`], which names the file. The block is then as it was, and the cursor of no
    /// further use.
    ///
    /// # Panics
    /// If the block is for another number of cells.
    pub fn read(&mut self, block: &mut Block, max: usize) -> Result<usize, ReadoutError> {
        let cells = self.device.cells;
        assert_eq!(block.cells(), cells, "the block is for other readouts");
        let before = block.len();
        let count = max.min(self.device.readouts() - self.next);
        let each = block.words_each();
        let words = block.extend(count);
        let outcome = match &mut self.rows {
            Some(rows) => read_rows(&self.device.parts[0], &mut **rows, words, each),
            None => self.read_files(words, each),
        };
        if let Err(error) = outcome.and_then(|()| self.verify_at_end(count)) {
            block.truncate(before);
            return Err(error);
        }
        self.next += count;
        if let Some(kept) = &self.device.kept {
            let words = block.last_mut(count);
            for row in words.chunks_exact_mut(each) {
                row.iter_mut().zip(kept.words()).for_each(|(word, kept)| *word &= kept);
            }
        }
        Ok(count)
    }

    fn read_files(&self, words: &mut [u64], each: usize) -> Result<(), ReadoutError> {
        let parts = &self.device.parts[self.next..];
        let outcomes: Vec<_> = words
            .par_chunks_mut(each)
            .zip(parts)
            .map(|(row, part)| {
                let rows = self.device.rows(part);
                let outcome = rows.and_then(|mut rows| rows.next(row));
                outcome.map_err(|error| part.file.blame(error))?;
                part.file.verify()
            })
            .collect();
        // Of several errors the first in order, for any number of threads.
        outcomes.into_iter().collect()
    }

    /// At the end of a file its readouts must be those of the file that was opened.
    fn verify_at_end(&self, count: usize) -> Result<(), ReadoutError> {
        let at_end = count > 0 && self.next + count == self.device.readouts();
        if self.rows.is_some() && at_end { self.device.parts[0].file.verify() } else { Ok(()) }
    }
}

fn read_rows(
    part: &Part,
    rows: &mut dyn Rows,
    words: &mut [u64],
    each: usize,
) -> Result<(), ReadoutError> {
    for row in words.chunks_exact_mut(each) {
        rows.next(row).map_err(|error| part.file.blame(error))?;
    }
    Ok(())
}
