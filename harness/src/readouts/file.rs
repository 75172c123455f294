//! Regular files that stay as they are: seen once, opened again and again, compared each time.

use std::fs::{self, File, Metadata};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::ReadoutError;
use super::text::MARK;

/// What tells a file or a folder from every other one, where the host says it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity(Option<(u64, u64)>);

impl Identity {
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(Some((metadata.dev(), metadata.ino())))
    }

    #[cfg(not(unix))]
    pub(super) fn of(_: &Metadata) -> Self {
        Self(None)
    }

    /// Whether both are known and the same.
    pub(super) fn is(self, other: Self) -> bool {
        self.0.is_some() && self.0 == other.0
    }
}

/// What changes when somebody writes to a file or puts another one in its place.
#[derive(Debug, Clone)]
struct Stamp {
    len: u64,
    /// To the nanosecond, where the host counts them.
    modified: Option<SystemTime>,
    identity: Identity,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let (len, modified) = (metadata.len(), metadata.modified().ok());
        Self { len, modified, identity: Identity::of(metadata) }
    }

    fn holds_for(&self, metadata: &Metadata) -> bool {
        let now = Self::of(metadata);
        self.len == now.len && self.modified == now.modified && self.identity.0 == now.identity.0
    }
}

/// A regular file as it was when it was first looked at.
#[derive(Debug, Clone)]
pub(super) struct SourceFile {
    path: PathBuf,
    stamp: Stamp,
}

impl SourceFile {
    /// Looks at a file without opening it: opening a pipe waits for whoever writes to it.
    pub(super) fn look(path: &Path) -> Result<Self, ReadoutError> {
        let metadata = fs::metadata(path).map_err(|source| io_error(path, source))?;
        if !metadata.is_file() {
            return Err(ReadoutError::NotAFile(path.to_owned()));
        }
        if metadata.len() == 0 {
            return Err(ReadoutError::Empty(path.to_owned()));
        }
        Ok(Self { path: path.to_owned(), stamp: Stamp::of(&metadata) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Length in bytes, at least 1.
    pub(super) fn len(&self) -> u64 {
        self.stamp.len
    }

    /// Opens the file at its start.
    pub(super) fn open(&self) -> Result<OpenFile<'_>, ReadoutError> {
        let file = File::open(&self.path).map_err(|source| io_error(&self.path, source))?;
        let metadata = file.metadata().map_err(|source| io_error(&self.path, source))?;
        if !self.stamp.holds_for(&metadata) {
            return Err(self.changed());
        }
        Ok(OpenFile { source: self, input: BufReader::with_capacity(BUFFER_BYTES, file) })
    }

    /// Makes sure that the file is still the one that was looked at.
    pub(super) fn verify(&self) -> Result<(), ReadoutError> {
        match fs::metadata(&self.path) {
            Ok(metadata) if self.stamp.holds_for(&metadata) => Ok(()),
            // Gone, or another one.
            _ => Err(self.changed()),
        }
    }

    /// The error, or that the file has changed, which explains any other.
    pub(super) fn blame(&self, error: ReadoutError) -> ReadoutError {
        self.verify().err().unwrap_or(error)
    }

    fn changed(&self) -> ReadoutError {
        ReadoutError::Changed(self.path.clone())
    }
}

/// Longer reads go past the buffer.
const BUFFER_BYTES: usize = 1 << 15;

/// An open file. An end before its time is a change.
pub(super) struct OpenFile<'a> {
    source: &'a SourceFile,
    input: BufReader<File>,
}

impl<'a> OpenFile<'a> {
    pub(super) fn source(&self) -> &'a SourceFile {
        self.source
    }

    pub(super) fn read_exact(&mut self, out: &mut [u8]) -> Result<(), ReadoutError> {
        self.input.read_exact(out).map_err(|source| self.failed(source))
    }

    /// Some of the following bytes, none at the end.
    pub(super) fn peek(&mut self) -> Result<&[u8], ReadoutError> {
        let source = self.source;
        self.input.fill_buf().map_err(|error| io_error(&source.path, error))
    }

    /// Passes over the byte order mark that some editors put before UTF-8.
    pub(super) fn skip_mark(&mut self) -> Result<(), ReadoutError> {
        let mut start = [0; MARK.len()];
        if self.source.len() < MARK.len() as u64 {
            return Ok(());
        }
        self.read_exact(&mut start)?;
        if start == MARK { Ok(()) } else { self.seek(0) }
    }

    /// Passes over bytes that were peeked at.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.input.consume(bytes);
    }

    /// Goes on reading at `offset`.
    pub(super) fn seek(&mut self, offset: u64) -> Result<(), ReadoutError> {
        match self.input.seek(SeekFrom::Start(offset)) {
            Ok(_) => Ok(()),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// The bytes from `offset` on, past the buffer.
    pub(super) fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), ReadoutError> {
        let mut file = self.input.get_ref();
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.read_exact(out))
            .map_err(|source| self.failed(source))
    }

    /// That the file ended before its time.
    pub(super) fn cut_short(&self) -> ReadoutError {
        self.source.changed()
    }

    fn failed(&self, source: io::Error) -> ReadoutError {
        match source.kind() {
            io::ErrorKind::UnexpectedEof => self.cut_short(),
            _ => io_error(&self.source.path, source),
        }
    }
}

pub(super) fn io_error(path: &Path, source: io::Error) -> ReadoutError {
    ReadoutError::Io { path: path.to_owned(), source }
}
