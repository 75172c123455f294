//! Durable storage of small files: what a persistent emulated device keeps between runs.
//!
//! A device writes its counters and helper data while somebody may pull the plug. [`replace`]
//! leaves, after a power cut at any moment, the old bytes or the new ones, and once it has
//! returned, the new ones; [`load`] reads them back under a size bound. Both speak to a
//! [`Volume`]: a [`Folder`] of the host, or in tests a [`FaultyVolume`](faulty::FaultyVolume),
//! which cuts the power at every operation and shows each state the disk may be found in.
//!
//! What is stored is [sealed](RecordKind): magic, kind, version, length and checksum, so that a file
//! of another kind, of a newer version, or damaged is told from a good one.
//! [`output`] is the same care for the files a user asks for with `--output`.

pub mod faulty;
mod folder;
pub mod output;
mod record;

use std::error::Error;
use std::{fmt, io};

pub use folder::{Folder, FolderError};
pub use output::{Output, OutputError, write_output};
pub use record::{OVERHEAD_BYTES, Record, RecordError, RecordKind};

/// The few operations on a flat folder of files that durable replacement needs.
///
/// The promises are those of POSIX and no more: what was written is safe after
/// [`sync_file`](Self::sync_file), a name (created, renamed, removed) is safe after
/// [`sync_directory`](Self::sync_directory), and a rename is atomic. Before that a power cut may
/// undo each of them independently of the others.
pub trait Volume {
    /// A file that is being written.
    type File;

    /// Reads at most `limit` bytes from the start of a file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is no such file; otherwise that of the host.
    fn read(&self, name: &str, limit: usize) -> io::Result<Vec<u8>>;

    /// Makes a new empty file.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when the name is taken; otherwise that of the host.
    fn create_new(&self, name: &str) -> io::Result<Self::File>;

    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// That of the host; part of the bytes may have been written.
    fn write_all(&self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;

    /// Waits until the file's bytes are durable.
    ///
    /// # Errors
    /// That of the host; which bytes are durable is then unknown, and trying again does not help.
    fn sync_file(&self, file: &mut Self::File) -> io::Result<()>;

    /// Gives a file another name, in place of the file of that name if there is one.
    ///
    /// # Errors
    /// That of the host.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Waits until the folder's names are durable.
    ///
    /// # Errors
    /// That of the host; which names are durable is then unknown.
    fn sync_directory(&self) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is no such file; otherwise that of the host.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of all files, left-over temporary ones and the lock included, in any order.
    ///
    /// # Errors
    /// That of the host.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Whether there is a file of this name.
    ///
    /// # Errors
    /// That of the host.
    fn exists(&self, name: &str) -> io::Result<bool>;
}

/// A volume that is only borrowed.
impl<V: Volume> Volume for &V {
    type File = V::File;

    fn read(&self, name: &str, limit: usize) -> io::Result<Vec<u8>> {
        (**self).read(name, limit)
    }

    fn create_new(&self, name: &str) -> io::Result<V::File> {
        (**self).create_new(name)
    }

    fn write_all(&self, file: &mut V::File, bytes: &[u8]) -> io::Result<()> {
        (**self).write_all(file, bytes)
    }

    fn sync_file(&self, file: &mut V::File) -> io::Result<()> {
        (**self).sync_file(file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        (**self).rename(from, to)
    }

    fn sync_directory(&self) -> io::Result<()> {
        (**self).sync_directory()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        (**self).remove(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        (**self).list()
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        (**self).exists(name)
    }
}

/// Stores `bytes` under `name`, durably and in place of what was there.
///
/// A power cut leaves the old bytes (or no file, the first time) or the new ones, never a mixture.
/// One writer at a time for each name: a [`Folder`] is locked for that reason. What an interrupted
/// write left behind is cleared by the next one of the same name.
///
/// # Errors
/// [`StoreError::Name`] for a name that is not plain, [`StoreError::Io`] for a fault of the volume.
/// After an error the old bytes are still there, except when only making the new name durable
/// failed: then it is the new bytes that are seen, and a power cut may bring the old ones back.
pub fn replace<V: Volume>(volume: &V, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    check_name(name)?;
    let temporary = temporary_name(name);
    clear_left_over(volume, &temporary)?;
    let staged = stage(volume, &temporary, bytes).and_then(|()| {
        volume.rename(&temporary, name).map_err(StoreError::io("put in place", name))
    });
    if staged.is_err() {
        // Best effort, to give back the space on a full disk; the next write clears it otherwise.
        let _ = volume.remove(&temporary);
    }
    staged?;
    volume.sync_directory().map_err(StoreError::io("make durable the name of", name))
}

/// Writes a durable temporary file: its bytes must be on the disk before its name takes the place
/// of the old file's, or a power cut may show the new name with the bytes missing.
fn stage<V: Volume>(volume: &V, temporary: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = volume.create_new(temporary).map_err(StoreError::io("create", temporary))?;
    volume.write_all(&mut file, bytes).map_err(StoreError::io("write", temporary))?;
    volume.sync_file(&mut file).map_err(StoreError::io("make durable", temporary))
}

fn clear_left_over<V: Volume>(volume: &V, temporary: &str) -> Result<(), StoreError> {
    match volume.remove(temporary) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome.map_err(StoreError::io("remove", temporary)),
    }
}

/// Reads what is stored under `name`, `None` when nothing is.
///
/// # Errors
/// [`StoreError::Name`] for a name that is not plain, [`StoreError::TooLarge`] for a file of more
/// than `max_bytes`, [`StoreError::Io`] for a fault of the volume.
pub fn load<V: Volume>(
    volume: &V,
    name: &str,
    max_bytes: usize,
) -> Result<Option<Vec<u8>>, StoreError> {
    check_name(name)?;
    match volume.read(name, max_bytes.saturating_add(1)) {
        Ok(bytes) if bytes.len() > max_bytes => {
            Err(StoreError::TooLarge { name: name.to_owned(), max_bytes })
        }
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read", name)(error)),
    }
}

/// Removes what is stored under `name`, durably; nothing stored is fine.
///
/// # Errors
/// [`StoreError::Name`] or [`StoreError::Io`].
pub fn remove<V: Volume>(volume: &V, name: &str) -> Result<(), StoreError> {
    check_name(name)?;
    match volume.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StoreError::io("remove", name)(error));
        }
        _ => {}
    }
    volume.sync_directory().map_err(StoreError::io("make durable the removal of", name))
}

/// The names under which something is stored, sorted.
///
/// # Errors
/// [`StoreError::Io`].
pub fn names<V: Volume>(volume: &V) -> Result<Vec<String>, StoreError> {
    let mut names = volume.list().map_err(StoreError::io("list", "."))?;
    names.retain(|name| check_name(name).is_ok());
    names.sort();
    Ok(names)
}

/// Seals `body` as the newest version of `kind` and [replaces](replace) what `name` holds.
///
/// # Errors
/// As [`replace`], and [`StoreError::Record`] for a body that is too long for its kind.
pub fn replace_record<V: Volume>(
    volume: &V,
    name: &str,
    kind: &RecordKind,
    body: &[u8],
) -> Result<(), StoreError> {
    let sealed = kind.seal(body).map_err(StoreError::record(name))?;
    replace(volume, name, &sealed)
}

/// [Loads](load) what `name` holds and opens it as a record of `kind`.
///
/// # Errors
/// As [`load`], and [`StoreError::Record`] for anything but an intact record of this kind and of a
/// supported version.
pub fn load_record<V: Volume>(
    volume: &V,
    name: &str,
    kind: &RecordKind,
) -> Result<Option<Record>, StoreError> {
    load(volume, name, kind.max_sealed_bytes())?
        .map(|bytes| kind.open(&bytes).map_err(StoreError::record(name)))
        .transpose()
}

/// Accepts a plain file name. One that starts with a dot is ours: temporary files and the lock.
fn check_name(name: &str) -> Result<(), StoreError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let good = !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name.starts_with('.')
        && name.chars().all(plain);
    if good { Ok(()) } else { Err(StoreError::Name(name.to_owned())) }
}

/// Leaves room for the temporary file's additions within the 255 bytes of the usual file systems.
const MAX_NAME_BYTES: usize = 200;

fn temporary_name(name: &str) -> String {
    format!(".{name}.new")
}

/// Why something could not be stored or loaded.
#[derive(Debug)]
pub enum StoreError {
    /// Not a plain file name: ASCII letters, digits, `-`, `_` and `.`, not starting with a dot.
    Name(String),
    /// The volume refused or failed.
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        name: String,
        /// What the volume said.
        source: io::Error,
    },
    /// The file is longer than its kind can be.
    TooLarge {
        /// The file.
        name: String,
        /// The bound.
        max_bytes: usize,
    },
    /// The file is not the record it should be.
    Record {
        /// The file.
        name: String,
        /// What is wrong with it.
        source: RecordError,
    },
}

impl StoreError {
    fn io(action: &'static str, name: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, name: name.to_owned(), source }
    }

    fn record(name: &str) -> impl FnOnce(RecordError) -> Self {
        move |source| Self::Record { name: name.to_owned(), source }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?} is not a plain file name"),
            Self::Io { action, name, source } => write!(f, "cannot {action} {name}: {source}"),
            Self::TooLarge { name, max_bytes } => {
                write!(f, "{name} is longer than the {max_bytes} bytes it may have")
            }
            Self::Record { name, source } => write!(f, "{name}: {source}"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Record { source, .. } => Some(source),
            Self::Name(_) | Self::TooLarge { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::faulty::{Disk, FaultyVolume};
    use super::*;

    const NAME: &str = "state";
    const VALUES: [&[u8]; 2] = [b"one", b"second"];

    type Replace = fn(&FaultyVolume, &str, &[u8]) -> Result<(), StoreError>;

    /// What a reader finds; an unreadable file is a failure of its own.
    fn found(disk: &Disk) -> Option<Vec<u8>> {
        load(&FaultyVolume::boot(disk.clone()), NAME, 64).unwrap()
    }

    /// Cuts the power at every operation of every write, from every disk that such cuts can leave,
    /// until no new disk turns up. Returns the number of disks, or the first broken promise.
    fn survive_power_cuts(replace: Replace) -> Result<usize, String> {
        let mut reached = BTreeSet::from([Disk::default()]);
        let mut to_visit = vec![Disk::default()];
        while let Some(disk) = to_visit.pop() {
            let old = found(&disk);
            for new in VALUES {
                for cut_at in 0.. {
                    let volume = FaultyVolume::boot(disk.clone()).cut_power_at(cut_at);
                    let outcome = replace(&volume, NAME, new);
                    for after in volume.disks_after_power_loss() {
                        let seen = found(&after);
                        let is_new = seen.as_deref() == Some(new);
                        if !(is_new || outcome.is_err() && seen == old) {
                            return Err(format!("cut at {cut_at}: {old:?} -> {new:?}: {seen:?}"));
                        }
                        if reached.insert(after.clone()) {
                            to_visit.push(after);
                        }
                    }
                    if outcome.is_ok() {
                        break;
                    }
                    assert!(volume.power_was_cut(), "a write failed with the power on");
                }
            }
        }
        Ok(reached.len())
    }

    #[test]
    fn a_power_cut_leaves_the_old_or_the_new() {
        let disks = survive_power_cuts(replace).unwrap();
        assert!(disks > 20, "only {disks} disks: the cuts hardly cut");
    }

    /// The harness sees what it is for: each step of `replace` that is left out or done in place
    /// breaks a promise.
    #[test]
    fn the_power_cuts_catch_careless_writers() {
        let careless: [(&str, Replace); 5] = [
            ("no sync of the file", |volume, name, bytes| {
                write_without_sync(volume, ".state.new", bytes)?;
                volume.rename(".state.new", name).map_err(StoreError::io("", ""))?;
                volume.sync_directory().map_err(StoreError::io("", ""))
            }),
            ("no sync of the directory", |volume, name, bytes| {
                clear_left_over(volume, ".state.new")?;
                stage(volume, ".state.new", bytes)?;
                volume.rename(".state.new", name).map_err(StoreError::io("", ""))
            }),
            ("old file removed first", |volume, name, bytes| {
                clear_left_over(volume, ".state.new")?;
                stage(volume, ".state.new", bytes)?;
                clear_left_over(volume, name)?;
                volume.rename(".state.new", name).map_err(StoreError::io("", ""))?;
                volume.sync_directory().map_err(StoreError::io("", ""))
            }),
            ("written in place", |volume, name, bytes| {
                clear_left_over(volume, name)?;
                stage(volume, name, bytes)?;
                volume.sync_directory().map_err(StoreError::io("", ""))
            }),
            ("syncs in the wrong order", |volume, name, bytes| {
                write_without_sync(volume, ".state.new", bytes)?;
                volume.rename(".state.new", name).map_err(StoreError::io("", ""))?;
                volume.sync_directory().map_err(StoreError::io("", ""))?;
                volume.sync_by_name(name).map_err(StoreError::io("", ""))
            }),
        ];
        for (mistake, replace) in careless {
            assert!(survive_power_cuts(replace).is_err(), "not caught: {mistake}");
        }
    }

    fn write_without_sync(
        volume: &FaultyVolume,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        clear_left_over(volume, name)?;
        let mut file = volume.create_new(name).map_err(StoreError::io("", ""))?;
        volume.write_all(&mut file, bytes).map_err(StoreError::io("", ""))
    }

    #[test]
    fn an_io_error_leaves_the_old_or_the_new_and_the_next_write_works() {
        for first in [None, Some(VALUES[0])] {
            for failing in 0.. {
                let volume = FaultyVolume::default();
                if let Some(bytes) = first {
                    replace(&volume, NAME, bytes).unwrap();
                }
                let volume = volume.fail_once_at(failing);
                let outcome = replace(&volume, NAME, VALUES[1]);
                let seen = load(&volume, NAME, 64).unwrap();
                if outcome.is_ok() {
                    assert_eq!(seen.as_deref(), Some(VALUES[1]));
                    assert!(failing >= 5, "a write of fewer operations than it takes");
                    break;
                }
                assert!(seen.as_deref() == first || seen.as_deref() == Some(VALUES[1]));
                replace(&volume, NAME, b"third").unwrap();
                for disk in volume.disks_after_power_loss() {
                    assert_eq!(found(&disk).as_deref(), Some(&b"third"[..]));
                }
            }
        }
    }

    #[test]
    fn a_full_disk_leaves_the_old_and_no_litter() {
        let volume = FaultyVolume::default();
        replace(&volume, NAME, VALUES[0]).unwrap();
        let volume = volume.with_free_bytes(3);
        let error = replace(&volume, NAME, VALUES[1]).unwrap_err();
        let StoreError::Io { source, .. } = &error else { panic!("{error}") };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(load(&volume, NAME, 64).unwrap().as_deref(), Some(VALUES[0]));
        assert_eq!(volume.list().unwrap(), [NAME]);
    }

    #[test]
    fn loading_is_bounded_and_absence_is_no_error() {
        let volume = FaultyVolume::default();
        assert_eq!(load(&volume, NAME, 64).unwrap(), None);
        replace(&volume, NAME, &[7; 10]).unwrap();
        assert_eq!(load(&volume, NAME, 10).unwrap(), Some(vec![7; 10]));
        assert!(matches!(load(&volume, NAME, 9), Err(StoreError::TooLarge { max_bytes: 9, .. })));
        remove(&volume, NAME).unwrap();
        remove(&volume, NAME).unwrap();
        assert_eq!(load(&volume, NAME, 64).unwrap(), None);
    }

    #[test]
    fn names_are_plain() {
        let volume = FaultyVolume::default();
        for bad in ["", ".", "..", ".lock", "a/b", "a\\b", "../up", "a b", "\0", "caf\u{e9}"] {
            let error = replace(&volume, bad, b"").unwrap_err();
            assert!(matches!(error, StoreError::Name(_)), "{bad:?}: {error}");
        }
        replace(&volume, "b.state-1_2", b"").unwrap();
        volume.create_new(".b.new").unwrap();
        replace(&volume, "a", b"").unwrap();
        assert_eq!(names(&volume).unwrap(), ["a", "b.state-1_2"]);
    }

    #[test]
    fn records_go_through() {
        const KIND: RecordKind = RecordKind::new("test", 1..=2, 16);
        let volume = FaultyVolume::default();
        assert!(load_record(&volume, NAME, &KIND).unwrap().is_none());
        replace_record(&volume, NAME, &KIND, b"body").unwrap();
        let record = load_record(&volume, NAME, &KIND).unwrap().unwrap();
        assert_eq!((record.version, &record.body[..]), (2, &b"body"[..]));
        replace(&volume, NAME, b"something else").unwrap();
        assert!(matches!(
            load_record(&volume, NAME, &KIND),
            Err(StoreError::Record { source: RecordError::WrongMagic, .. })
        ));
    }
}
