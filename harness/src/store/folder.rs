//! A folder of the host as a volume, locked against other processes.

use std::error::Error;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::{fmt, str};

use super::Volume;

/// Held open and locked as long as the folder is in use; the file itself is never removed, since a
/// lock on a removed file excludes nobody.
const LOCK_NAME: &str = ".lock";

/// A folder that this process, and no other that asks, may use until the value is dropped.
///
/// It and its files are readable by their owner only: an emulated device keeps its secrets here.
/// The lock is advisory (`flock`): it ends with the process, however that ends.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes a folder, and the folders above it, and takes it into use. One that exists is taken
    /// if nothing is stored in it: an interrupted attempt can be repeated.
    ///
    /// # Errors
    /// [`FolderError::NotEmpty`] and [`FolderError::InUse`] as their names say, otherwise
    /// [`FolderError::Io`].
    pub fn create(path: &Path) -> Result<Self, FolderError> {
        owner_only(DirBuilder::new().recursive(true))
            .create(path)
            .map_err(FolderError::io("create", path))?;
        if let Some(parent) = fs::canonicalize(path).ok().as_deref().and_then(Path::parent) {
            sync_directory(parent).map_err(FolderError::io("make durable", path))?;
        }
        let folder = Self::lock(path)?;
        let names = folder.list().map_err(FolderError::io("list", path))?;
        if names.iter().any(|name| !name.starts_with('.')) {
            return Err(FolderError::NotEmpty(path.to_owned()));
        }
        Ok(folder)
    }

    /// Takes an existing folder into use.
    ///
    /// # Errors
    /// [`FolderError::Missing`], [`FolderError::InUse`], otherwise [`FolderError::Io`].
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Self::lock(path),
            Ok(_) => Err(FolderError::Missing(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(FolderError::Missing(path.to_owned()))
            }
            Err(error) => Err(FolderError::io("open", path)(error)),
        }
    }

    fn lock(path: &Path) -> Result<Self, FolderError> {
        let lock = owner_only_file(OpenOptions::new().write(true).create(true).truncate(false))
            .open(path.join(LOCK_NAME))
            .and_then(regular)
            .map_err(FolderError::io("open the lock of", path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FolderError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(FolderError::io("lock", path)(error)),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        // A process that was killed may have left names that are seen but not durable. Nobody is
        // to act on a counter that a power cut can still take back.
        folder.sync_directory().map_err(FolderError::io("make durable", path))?;
        Ok(folder)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses anything that would leave the folder.
    fn place(&self, name: &str) -> io::Result<PathBuf> {
        let mut components = Path::new(name).components();
        match (components.next(), components.next()) {
            (Some(std::path::Component::Normal(only)), None) if only == name => {
                Ok(self.path.join(name))
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a plain file name")),
        }
    }
}

impl Volume for Folder {
    type File = File;

    fn read(&self, name: &str, limit: usize) -> io::Result<Vec<u8>> {
        let path = self.place(name)?;
        // Asked first, because opening a pipe waits for whoever writes to it.
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(limit as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create_new(&self, name: &str) -> io::Result<File> {
        owner_only_file(OpenOptions::new().write(true).create_new(true)).open(self.place(name)?)
    }

    fn write_all(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync_file(&self, file: &mut File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.place(from)?, self.place(to)?)
    }

    fn sync_directory(&self) -> io::Result<()> {
        sync_directory(&self.path)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.place(name)?)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.path)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.place(name)?.try_exists()
    }
}

/// Makes the names in a directory durable.
///
/// Only on Unix can a directory be opened and synced; elsewhere the file system's own journal
/// has to do. So it does on file systems that know no such request and call it invalid.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(path)?.sync_all() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        outcome => outcome,
    }
}

fn owner_only(builder: &mut DirBuilder) -> &mut DirBuilder {
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700);
    builder
}

fn owner_only_file(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        // Neither through a link to somewhere else, nor waiting for whoever reads a pipe.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        options.mode(0o600).custom_flags(flags);
    }
    options
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}

/// Why a folder could not be taken into use.
#[derive(Debug)]
pub enum FolderError {
    /// Another process, or another part of this one, uses it.
    InUse(PathBuf),
    /// There is no such folder.
    Missing(PathBuf),
    /// Something is stored there already.
    NotEmpty(PathBuf),
    /// The host refused or failed.
    Io {
        /// What was being done.
        action: &'static str,
        /// To which folder.
        folder: PathBuf,
        /// What the host said.
        source: io::Error,
    },
}

impl FolderError {
    fn io(action: &'static str, folder: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, folder: folder.to_owned(), source }
    }
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(folder) => {
                write!(f, "folder {} is in use by another process", folder.display())
            }
            Self::Missing(folder) => write!(f, "there is no folder {}", folder.display()),
            Self::NotEmpty(folder) => write!(f, "folder {} is not empty", folder.display()),
            Self::Io { action, folder, source } => {
                write!(f, "cannot {action} folder {}: {source}", folder.display())
            }
        }
    }
}

impl Error for FolderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::InUse(_) | Self::Missing(_) | Self::NotEmpty(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{load, names, replace};

    #[test]
    fn what_is_stored_comes_back() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("made/on/the/way");
        let folder = Folder::create(&path).unwrap();
        assert_eq!(load(&folder, "state", 10).unwrap(), None);
        replace(&folder, "state", b"first").unwrap();
        fs::write(path.join(".state.new"), b"left over").unwrap();
        replace(&folder, "state", b"second").unwrap();
        drop(folder);
        let folder = Folder::open(&path).unwrap();
        assert_eq!(load(&folder, "state", 10).unwrap().as_deref(), Some(&b"second"[..]));
        assert_eq!(names(&folder).unwrap(), ["state"]);
        assert_eq!(folder.list().unwrap().len(), 2, "the state and the lock");
    }

    #[test]
    fn one_user_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("device");
        let folder = Folder::create(&path).unwrap();
        let refused = Folder::open(&path).unwrap_err();
        assert!(matches!(refused, FolderError::InUse(_)));
        assert!(refused.to_string().contains("device"), "{refused}");
        drop(folder);
        Folder::open(&path).unwrap();
    }

    #[test]
    fn a_folder_in_the_way_is_named() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("device");
        assert!(matches!(Folder::open(&path), Err(FolderError::Missing(_))));
        drop(Folder::create(&path).unwrap());
        let folder = Folder::create(&path).unwrap();
        replace(&folder, "state", b"").unwrap();
        drop(folder);
        assert!(matches!(Folder::create(&path), Err(FolderError::NotEmpty(_))));
        let file = root.path().join("file");
        fs::write(&file, b"").unwrap();
        assert!(matches!(Folder::open(&file), Err(FolderError::Missing(_))));
        assert!(matches!(Folder::create(&file), Err(FolderError::Io { .. })));
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::create(&root.path().join("device")).unwrap();
        fs::write(root.path().join("outside"), b"").unwrap();
        for name in ["../outside", "/etc/hostname", ".", "..", "", "a/b", "a/"] {
            assert!(folder.read(name, 9).is_err(), "{name}");
            assert!(folder.create_new(name).is_err(), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("device");
        let folder = Folder::create(&path).unwrap();
        replace(&folder, "state", b"secret").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
        assert_eq!((mode(&path), mode(&path.join("state"))), (0, 0));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::create(&root.path().join("device")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("state")).unwrap();
        assert!(load(&folder, "state", 10).is_err());
    }
}
