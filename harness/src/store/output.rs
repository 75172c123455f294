//! Files that a user asked for: written whole or not at all.
//!
//! An [`Output`] collects its bytes in a temporary file beside the target and takes the target's
//! place in the end. Whatever fails before (a full disk, a bug, a pulled plug) leaves an existing
//! file as it was. A set of files is [staged](Output::stage) first and then put in place one after
//! the other, so that what usually fails has failed before the first one shows.
//!
//! What cannot be replaced is written straight through: pipes, terminals, `/dev/null`, and by its
//! name `/dev/stdout`, even when that leads to a file, which is then the shell's to truncate.

use std::error::Error;
use std::fmt;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use super::folder::sync_directory;

/// Writes a file whole or not at all.
///
/// # Errors
/// [`OutputError`] when the target cannot be written, or with what `write` returned. An existing
/// file is then as it was.
pub fn write_output<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> Result<T, OutputError> {
    let mut output = Output::create(path)?;
    let value = write(&mut output).map_err(OutputError::new("write", path))?;
    output.stage()?.commit()?;
    Ok(value)
}

/// A file on its way. Dropped before [`stage`](Self::stage) and [`commit`](Staged::commit), it
/// leaves no trace.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    sink: Sink,
}

enum Sink {
    Straight(Box<dyn Write + Send>),
    Temporary { file: BufWriter<NamedTempFile>, target: PathBuf },
}

/// A file that is complete and durable, and not yet in its place.
#[derive(Debug)]
#[must_use = "a staged file is removed unless it is committed"]
pub struct Staged {
    path: PathBuf,
    /// `None` for what was written straight through.
    waiting: Option<(TempPath, PathBuf)>,
}

impl Output {
    /// Begins a file.
    ///
    /// # Errors
    /// [`OutputError`] when the target is a folder or may not be written, or nothing can be
    /// created beside it.
    pub fn create(path: &Path) -> Result<Self, OutputError> {
        let sink = match standard_stream(path) {
            Some(stream) => Sink::Straight(stream),
            None => Sink::open(path).map_err(OutputError::new("write", path))?,
        };
        Ok(Self { path: path.to_owned(), sink })
    }

    /// Makes the bytes durable; the target is still as it was. No file stays open, so that any
    /// number may be staged.
    ///
    /// # Errors
    /// [`OutputError`] when the last bytes cannot be written, the disk being full, for example.
    pub fn stage(self) -> Result<Staged, OutputError> {
        let waiting = self.sink.finish().map_err(OutputError::new("write", &self.path))?;
        Ok(Staged { path: self.path, waiting })
    }
}

impl Staged {
    /// Puts the file in its place.
    ///
    /// # Errors
    /// [`OutputError`] when the host refuses.
    pub fn commit(self) -> Result<(), OutputError> {
        let Some((temporary, target)) = self.waiting else {
            return Ok(());
        };
        temporary
            .persist(&target)
            .map_err(|error| OutputError::new("put in place", &self.path)(error.error))?;
        sync_directory(folder_of(&target)).map_err(OutputError::new("make durable", &self.path))
    }
}

impl Sink {
    fn open(path: &Path) -> io::Result<Self> {
        let target = follow_links(path)?;
        let existing = match fs::metadata(&target) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        match existing {
            Some(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Some(metadata) if !metadata.is_file() || is_descriptor(path) => {
                // Opened anew, a file behind a descriptor would be written from its start.
                Ok(Self::Straight(Box::new(OpenOptions::new().append(true).open(path)?)))
            }
            // Renaming over it would succeed; its owner meant something else.
            Some(metadata) if metadata.permissions().readonly() => {
                Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"))
            }
            existing => {
                let file = temporary_beside(&target, existing.map(|found| found.permissions()))?;
                Ok(Self::Temporary { file: BufWriter::with_capacity(1 << 16, file), target })
            }
        }
    }

    fn finish(self) -> io::Result<Option<(TempPath, PathBuf)>> {
        match self {
            Self::Straight(mut stream) => stream.flush().map(|()| None),
            Self::Temporary { file, target } => {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.as_file().sync_all()?;
                Ok(Some((file.into_temp_path(), target)))
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Straight(stream) => stream.write(bytes),
            Sink::Temporary { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Straight(stream) => stream.flush(),
            Sink::Temporary { file, .. } => file.flush(),
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Straight(_) => write!(f, "Straight"),
            Self::Temporary { target, .. } => write!(f, "Temporary({})", target.display()),
        }
    }
}

/// The process's own streams by their names. They are shared with whatever else is printed, so the
/// standard library's handles are used and nothing is opened a second time.
fn standard_stream(path: &Path) -> Option<Box<dyn Write + Send>> {
    match path.to_str()? {
        "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Some(Box::new(io::stdout())),
        "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => Some(Box::new(io::stderr())),
        _ => None,
    }
}

fn is_descriptor(path: &Path) -> bool {
    path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd")
}

/// The file behind symbolic links, which need not exist: the links stay, the file is replaced.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    const MAX_LINKS: usize = 40; // as many as Linux follows (path_resolution(7))
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&target) {
            // Links below /dev/fd lead to names that are no paths ("pipe:[4711]").
            Ok(_) if is_descriptor(&target) => return Ok(target),
            Ok(next) => target = folder_of(&target).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// A temporary file on the same file system, with the permissions of the file it will replace, or
/// else those that any new file gets.
fn temporary_beside(target: &Path, permissions: Option<Permissions>) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".puflab-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder_of(target))?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    Ok(file)
}

/// The folder that a path names something in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Why an output could not be written.
#[derive(Debug)]
pub struct OutputError {
    /// What was being done.
    pub action: &'static str,
    /// To which file.
    pub path: PathBuf,
    /// What the host said.
    pub source: io::Error,
}

impl OutputError {
    fn new(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action, path: path.to_owned(), source }
    }
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.action, self.path.display(), self.source)
    }
}

impl Error for OutputError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.bin");
        let big = vec![7; 1 << 20];
        let count = write_output(&path, |out| {
            out.write_all(&big)?;
            assert!(!path.exists(), "nothing shows before the end");
            Ok(big.len())
        });
        assert_eq!(count.unwrap(), 1 << 20);
        assert_eq!(fs::read(&path).unwrap(), big);
        assert_eq!(entries(folder.path()), ["out.bin"]);
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.bin");
        fs::write(&path, b"old").unwrap();
        let error = write_output(&path, |out| {
            out.write_all(&[7; 1 << 20])?;
            Err::<(), _>(io::ErrorKind::StorageFull.into())
        })
        .unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().contains("out.bin"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(entries(folder.path()), ["out.bin"]);
    }

    #[test]
    fn targets_that_cannot_be_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path| Output::create(path).unwrap_err().source.kind();
        assert_eq!(refused(folder.path()), io::ErrorKind::IsADirectory);
        assert_eq!(refused(&folder.path().join("no/such/folder")), io::ErrorKind::NotFound);
        let path = folder.path().join("out.bin");
        fs::write(&path, b"old").unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        assert_eq!(refused(&path), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_set_is_put_in_place_after_the_last_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [0, 1, 2].map(|i| folder.path().join(format!("f-{i}")));
        let stage = |path: &PathBuf| {
            let mut output = Output::create(path).unwrap();
            output.write_all(b"new").unwrap();
            output.stage().unwrap()
        };
        let staged = paths.each_ref().map(stage);
        assert!(paths.iter().all(|path| !path.exists()));
        drop(staged);
        assert!(entries(folder.path()).is_empty());
        for staged in paths.each_ref().map(stage) {
            staged.commit().unwrap();
        }
        assert_eq!(entries(folder.path()), ["f-0", "f-1", "f-2"]);
    }

    #[cfg(unix)]
    mod unix {
        use std::io::Read;
        use std::os::fd::AsRawFd;
        use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

        use super::*;

        #[test]
        fn permissions_are_kept_and_links_stay() {
            let folder = tempfile::tempdir().unwrap();
            let (file, link) = (folder.path().join("file"), folder.path().join("link"));
            fs::write(&file, b"old").unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
            symlink("file", &link).unwrap();
            write_output(&link, |out| out.write_all(b"new")).unwrap();
            assert_eq!(fs::read(&file).unwrap(), b"new");
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            symlink("loop", folder.path().join("loop")).unwrap();
            assert!(Output::create(&folder.path().join("loop")).is_err());
            symlink("fresh", folder.path().join("dangling")).unwrap();
            write_output(&folder.path().join("dangling"), |out| out.write_all(b"new")).unwrap();
            assert_eq!(fs::read(folder.path().join("fresh")).unwrap(), b"new");
        }

        #[test]
        fn a_new_file_gets_the_permissions_of_any_new_file() {
            let folder = tempfile::tempdir().unwrap();
            let (ours, other) = (folder.path().join("ours"), folder.path().join("other"));
            fs::write(&other, b"").unwrap();
            write_output(&ours, |out| out.write_all(b"new")).unwrap();
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode(&ours), mode(&other));
        }

        #[test]
        fn devices_and_pipes_are_written_straight_through() {
            write_output(Path::new("/dev/null"), |out| out.write_all(b"gone")).unwrap();
            assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
            let (mut reader, writer) = io::pipe().unwrap();
            let path = PathBuf::from(format!("/dev/fd/{}", writer.as_raw_fd()));
            write_output(&path, |out| out.write_all(b"through the pipe")).unwrap();
            drop(writer);
            let mut seen = String::new();
            reader.read_to_string(&mut seen).unwrap();
            assert_eq!(seen, "through the pipe");
        }

        #[cfg(target_os = "linux")]
        #[test]
        fn a_full_device_is_reported() {
            let error = write_output(Path::new("/dev/full"), |out| out.write_all(b"x"));
            assert_eq!(error.unwrap_err().source.kind(), io::ErrorKind::StorageFull);
        }

        #[test]
        fn a_descriptor_of_a_file_is_appended_to() {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(b"before ").unwrap();
            let path = PathBuf::from(format!("/dev/fd/{}", file.as_raw_fd()));
            if path.exists() {
                write_output(&path, |out| out.write_all(b"after")).unwrap();
                io::Seek::rewind(&mut file).unwrap();
                let mut seen = String::new();
                file.read_to_string(&mut seen).unwrap();
                assert_eq!(seen, "before after");
            }
        }
    }
}
