//! One file's readouts in order, as words: what a cursor reads from.

use super::file::{OpenFile, SourceFile};
use super::intel_hex::{self, Memory};
use super::text::{BinaryDigits, CsvRows, Digits, HexDigits, TextError};
use super::{BitOrder, ReadoutError, decode, npy};

/// The readouts of one file, one after another.
pub(super) trait Rows: Send {
    /// Reads the next readout, which is there, into words that are zero.
    fn next(&mut self, row: &mut [u64]) -> Result<(), ReadoutError>;
}

/// Words that are decoded at a time. Their bytes stay in the processor's cache, and are more than
/// the buffer of an [`OpenFile`] holds.
const PIECE_WORDS: usize = 1 << 13;

/// How bytes are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Raw,
    Hex,
    Binary,
}

impl Form {
    /// Opens a file's bytes at the first one.
    pub(super) fn open(self, file: &SourceFile) -> Result<Box<dyn ByteSource + '_>, ReadoutError> {
        let open = file.open()?;
        Ok(match self {
            Self::Raw => Box::new(open),
            Self::Hex => Box::new(TextBytes::new(open, HexDigits::default())?),
            Self::Binary => Box::new(TextBytes::new(open, BinaryDigits::default())?),
        })
    }
}

/// Bytes in order, wherever they come from.
pub(super) trait ByteSource: Send {
    /// Reads up to as many bytes as there is room for: fewer only at the end of the file, which it
    /// makes sure is a proper one.
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadoutError>;

    /// Reads bytes that are there.
    fn read_exact(&mut self, out: &mut [u8]) -> Result<(), ReadoutError>;
}

impl ByteSource for OpenFile<'_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadoutError> {
        let mut read = 0;
        while read < out.len() {
            let bytes = self.peek()?;
            let len = bytes.len().min(out.len() - read);
            if len == 0 {
                break;
            }
            out[read..][..len].copy_from_slice(&bytes[..len]);
            self.consume(len);
            read += len;
        }
        Ok(read)
    }

    fn read_exact(&mut self, out: &mut [u8]) -> Result<(), ReadoutError> {
        OpenFile::read_exact(self, out)
    }
}

/// Bytes written as digits.
struct TextBytes<'a, D> {
    file: OpenFile<'a>,
    digits: D,
}

impl<'a, D: Digits> TextBytes<'a, D> {
    fn new(mut file: OpenFile<'a>, digits: D) -> Result<Self, ReadoutError> {
        file.skip_mark()?;
        Ok(Self { file, digits })
    }
}

impl<D: Digits> ByteSource for TextBytes<'_, D> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadoutError> {
        let file = self.file.source();
        let mut written = 0;
        while written < out.len() {
            let text = self.file.peek()?;
            if text.is_empty() {
                self.digits.finish().map_err(|source| text_error(file, source))?;
                break;
            }
            let done = self.digits.decode(text, &mut out[written..]);
            let done = done.map_err(|source| text_error(file, source))?;
            self.file.consume(done.consumed);
            written += done.written;
        }
        Ok(written)
    }

    fn read_exact(&mut self, out: &mut [u8]) -> Result<(), ReadoutError> {
        match self.read(out)? {
            read if read == out.len() => Ok(()),
            _ => Err(self.file.cut_short()),
        }
    }
}

fn text_error(file: &SourceFile, source: TextError) -> ReadoutError {
    ReadoutError::Text { path: file.path().to_owned(), source }
}

/// Counts the bytes of a text, and makes sure that it is one.
pub(super) fn count_bytes(form: Form, file: &SourceFile) -> Result<u64, ReadoutError> {
    let mut bytes = form.open(file)?;
    let mut piece = vec![0; 8 * PIECE_WORDS];
    let mut count = 0;
    loop {
        let read = bytes.read(&mut piece)?;
        count += read as u64;
        if read < piece.len() {
            return Ok(count);
        }
    }
}

/// Records of bytes.
pub(super) struct ByteRows<'a> {
    bytes: Box<dyn ByteSource + 'a>,
    record_bytes: usize,
    order: BitOrder,
    piece: Vec<u8>,
}

impl<'a> ByteRows<'a> {
    pub(super) fn open(
        file: &'a SourceFile,
        form: Form,
        record_bytes: usize,
        order: BitOrder,
    ) -> Result<Self, ReadoutError> {
        let piece = vec![0; record_bytes.min(8 * PIECE_WORDS)];
        Ok(Self { bytes: form.open(file)?, record_bytes, order, piece })
    }
}

impl Rows for ByteRows<'_> {
    fn next(&mut self, row: &mut [u64]) -> Result<(), ReadoutError> {
        let mut left = self.record_bytes;
        for words in row.chunks_mut(PIECE_WORDS) {
            let piece = &mut self.piece[..left.min(8 * words.len())];
            self.bytes.read_exact(piece)?;
            decode::packed(piece, self.order, words);
            left -= piece.len();
        }
        Ok(())
    }
}

/// Rows of a NumPy array.
pub(super) struct ArrayRows<'a> {
    file: OpenFile<'a>,
    rows: npy::Rows,
    /// Number of the next element in the array.
    next: u64,
    piece: Vec<u8>,
}

impl<'a> ArrayRows<'a> {
    /// Starts at row `first` of the array.
    pub(super) fn open(
        file: &'a SourceFile,
        rows: npy::Rows,
        first: u64,
    ) -> Result<Self, ReadoutError> {
        let mut file = file.open()?;
        file.seek(rows.offset + first * rows.row_bytes() as u64)?;
        let longest = rows.bytes_of(64 * PIECE_WORDS).min(8 * PIECE_WORDS);
        let piece = vec![0; longest.min(rows.row_bytes())];
        Ok(Self { file, rows, next: first * rows.elements as u64, piece })
    }
}

impl Rows for ArrayRows<'_> {
    fn next(&mut self, row: &mut [u64]) -> Result<(), ReadoutError> {
        let bytes_a_word = self.rows.bytes_of(64);
        let mut left = self.rows.row_bytes();
        for words in row.chunks_mut((8 * PIECE_WORDS / bytes_a_word).max(1)) {
            let piece = &mut self.piece[..left.min(bytes_a_word * words.len())];
            self.file.read_exact(piece)?;
            let file = self.file.source();
            self.rows.decode(piece, self.next, words).map_err(|source| npy_error(file, source))?;
            self.next += (piece.len() / self.rows.element_bytes()) as u64;
            left -= piece.len();
        }
        Ok(())
    }
}

pub(super) fn npy_error(file: &SourceFile, source: npy::NpyError) -> ReadoutError {
    ReadoutError::Npy { path: file.path().to_owned(), source }
}

/// Looks into an array file: what the header says, and how the elements hold the cells.
pub(super) fn survey_array(
    file: &SourceFile,
    order: BitOrder,
) -> Result<(npy::Array, npy::Rows), ReadoutError> {
    let failed = |source| npy_error(file, source);
    let mut open = file.open()?;
    let mut piece = vec![0; npy::HEAD_BYTES];
    let read = open.read(&mut piece)?;
    let array = npy::Array::of(&piece[..read], file.len()).map_err(failed)?;
    open.seek(array.offset)?;
    let mut survey = npy::Survey::of(array.element);
    while !survey.settled() {
        let read = open.read(&mut piece)?;
        survey.see(&piece[..read]);
        if read < piece.len() {
            break;
        }
    }
    let layout = survey.layout().map_err(failed)?;
    Ok((array, npy::Rows { layout, order, ..array.rows() }))
}

/// Rows of comma-separated cells.
pub(super) struct CsvFile<'a> {
    file: OpenFile<'a>,
    rows: CsvRows,
}

impl<'a> CsvFile<'a> {
    pub(super) fn open(file: &'a SourceFile) -> Result<Self, ReadoutError> {
        let mut file = file.open()?;
        file.skip_mark()?;
        Ok(Self { file, rows: CsvRows::default() })
    }

    /// Reads a row, if there is another one.
    fn row(&mut self, words: &mut [u64]) -> Result<bool, ReadoutError> {
        let file = self.file.source();
        let failed = |source| text_error(file, source);
        loop {
            let text = self.file.peek()?;
            if text.is_empty() {
                return self.rows.finish(words).map_err(failed);
            }
            let mut rest = text;
            let complete = self.rows.row(&mut rest, words).map_err(failed)?;
            let consumed = text.len() - rest.len();
            self.file.consume(consumed);
            if complete {
                return Ok(true);
            }
        }
    }

    /// Counts the rows and the cells of each, and makes sure that every row is one.
    pub(super) fn count(file: &SourceFile) -> Result<(u64, usize), ReadoutError> {
        let mut csv = CsvFile::open(file)?;
        let mut rows = 0;
        while csv.row(&mut [])? {
            rows += 1;
        }
        match csv.rows.cells() {
            Some(cells) => Ok((rows, cells)),
            None => Err(text_error(file, TextError::nothing())),
        }
    }
}

impl Rows for CsvFile<'_> {
    fn next(&mut self, row: &mut [u64]) -> Result<(), ReadoutError> {
        if self.row(row)? { Ok(()) } else { Err(self.file.cut_short()) }
    }
}

/// Records of a memory image.
pub(super) struct ImageRows {
    memory: Memory,
    record_bytes: usize,
    order: BitOrder,
    next: usize,
}

impl ImageRows {
    pub(super) fn of(memory: Memory, record_bytes: usize, order: BitOrder) -> Self {
        Self { memory, record_bytes, order, next: 0 }
    }
}

impl Rows for ImageRows {
    fn next(&mut self, row: &mut [u64]) -> Result<(), ReadoutError> {
        let bytes = &self.memory.bytes[self.next..][..self.record_bytes];
        decode::packed(bytes, self.order, row);
        self.next += self.record_bytes;
        Ok(())
    }
}

/// Reads an Intel HEX file.
pub(super) fn load_image(file: &SourceFile) -> Result<Memory, ReadoutError> {
    let failed = |source| ReadoutError::IntelHex { path: file.path().to_owned(), source };
    let mut open = file.open()?;
    open.skip_mark()?;
    let mut reader = intel_hex::Reader::default();
    // The start of a line whose end is still to come.
    let mut begun = Vec::new();
    loop {
        let text = open.peek()?;
        let len = text.len();
        if len == 0 {
            reader.line(&begun).map_err(failed)?;
            return reader.finish().map_err(failed);
        }
        let mut lines = text.split(|&byte| byte == b'\n');
        let last = lines.next_back().unwrap_or(&[]);
        for line in lines {
            if begun.is_empty() {
                reader.line(line).map_err(failed)?;
            } else {
                begun.extend_from_slice(line);
                reader.line(&begun).map_err(failed)?;
                begun.clear();
            }
        }
        begun.extend_from_slice(last);
        if begun.len() > intel_hex::MAX_LINE_BYTES {
            reader.line(&begun).map_err(failed)?;
        }
        open.consume(len);
    }
}
