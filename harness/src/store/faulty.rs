//! A disk whose power can be cut at any operation: for tests of whatever is stored.
//!
//! The model keeps what the running system sees apart from what the disk holds. A file's bytes
//! become durable by syncing the file, a name by syncing the directory; until then a power cut may
//! keep or lose each pending change of a name independently, and of the bytes any prefix, or as
//! many zeros. That is as much as POSIX permits and more than ext4 does. A rename is one change:
//! it is kept or lost as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Volume;

/// The files that a machine finds when it is switched on.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Disk {
    /// Their bytes by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A volume on a disk whose power is cut at a chosen operation.
///
/// Operations are the calls that change something or make it durable, counted from 0 since
/// the faults were last set; reading counts for nothing. At the chosen one the change is begun and
/// not made durable, the call fails, and so does every later one.
#[derive(Debug, Default)]
pub struct FaultyVolume {
    state: Mutex<State>,
}

/// A file that is being written to a [`FaultyVolume`].
#[derive(Debug)]
pub struct FaultyFile(usize);

#[derive(Debug, Clone, Default)]
struct State {
    /// By inode; a file without a name is kept, its name may come back.
    files: Vec<Contents>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names since the directory was synced, in order.
    pending: Vec<Vec<(String, Option<usize>)>>,
    operations: usize,
    cut_power_at: Option<usize>,
    fail_once_at: Option<usize>,
    free_bytes: Option<usize>,
    power_is_off: bool,
}

#[derive(Debug, Clone, Default)]
struct Contents {
    bytes: Vec<u8>,
    durable_len: usize,
}

/// Whether an operation takes its course.
#[derive(PartialEq, Eq)]
enum Course {
    Done,
    /// Begun when the power went: in sight of the disk, and not durable.
    Cut,
}

impl FaultyVolume {
    /// Switches on a machine that finds this disk.
    #[must_use]
    pub fn boot(disk: Disk) -> Self {
        let mut state = State::default();
        for (name, bytes) in disk.files {
            state.names.insert(name, state.files.len());
            state.files.push(Contents { durable_len: bytes.len(), bytes });
        }
        state.durable_names = state.names.clone();
        Self { state: Mutex::new(state) }
    }

    /// Cuts the power at this operation from now.
    #[must_use]
    pub fn cut_power_at(self, operation: usize) -> Self {
        self.set(|state| state.cut_power_at = Some(operation))
    }

    /// Lets this operation from now fail with an input/output error and without effect, once.
    #[must_use]
    pub fn fail_once_at(self, operation: usize) -> Self {
        self.set(|state| state.fail_once_at = Some(operation))
    }

    /// Lets writes fail with [`io::ErrorKind::StorageFull`] after this many bytes.
    #[must_use]
    pub fn with_free_bytes(self, free_bytes: usize) -> Self {
        self.set(|state| state.free_bytes = Some(free_bytes))
    }

    fn set(self, change: impl FnOnce(&mut State)) -> Self {
        let mut state = self.lock();
        state.operations = 0;
        change(&mut state);
        drop(state);
        self
    }

    /// Whether the power has been cut.
    #[must_use]
    pub fn power_was_cut(&self) -> bool {
        self.lock().power_is_off
    }

    /// Operations counted since the faults were last set.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.lock().operations
    }

    /// Syncs a file by its name.
    ///
    /// # Errors
    /// No such file, or a fault that was asked for.
    pub fn sync_by_name(&self, name: &str) -> io::Result<()> {
        let inode = self.lock().inode(name)?;
        self.sync_file(&mut FaultyFile(inode))
    }

    /// Every disk that the machine may find when it is switched on again: the power is taken to
    /// be lost now, if it has not been cut before.
    ///
    /// # Panics
    /// If more than 16 changes of names are pending: the possibilities double with each.
    #[must_use]
    pub fn disks_after_power_loss(&self) -> BTreeSet<Disk> {
        let state = self.lock();
        assert!(state.pending.len() <= 16, "{} changes of names pending", state.pending.len());
        (0..1_u32 << state.pending.len())
            .flat_map(|kept| state.disks_with(&state.names_with(kept)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The durable names if of the pending changes those of the set bits were kept.
    fn names_with(&self, kept: u32) -> BTreeMap<String, usize> {
        let mut names = self.durable_names.clone();
        for (place, change) in self.pending.iter().enumerate() {
            if kept >> place & 1 == 1 {
                apply(&mut names, change);
            }
        }
        names
    }

    /// All disks with these names: files not yet synced have any of their remnants.
    fn disks_with(&self, names: &BTreeMap<String, usize>) -> Vec<Disk> {
        let mut disks = vec![Disk::default()];
        for (name, &inode) in names {
            let remnants = self.files[inode].remnants();
            disks = disks
                .iter()
                .flat_map(|disk| {
                    remnants.iter().map(|bytes| {
                        let mut disk = disk.clone();
                        disk.files.insert(name.clone(), bytes.clone());
                        disk
                    })
                })
                .collect();
        }
        disks
    }

    /// Counts an operation and says whether a fault meets it.
    fn begin(&mut self) -> io::Result<Course> {
        if self.power_is_off {
            return Err(no_power());
        }
        let operation = self.operations;
        self.operations += 1;
        if self.fail_once_at == Some(operation) {
            self.fail_once_at = None;
            return Err(io::Error::other("input/output error"));
        }
        if self.cut_power_at == Some(operation) {
            self.power_is_off = true;
            return Ok(Course::Cut);
        }
        Ok(Course::Done)
    }

    fn change_names(
        &mut self,
        course: &Course,
        change: Vec<(String, Option<usize>)>,
    ) -> io::Result<()> {
        apply(&mut self.names, &change);
        self.pending.push(change);
        course.finish()
    }

    fn inode(&self, name: &str) -> io::Result<usize> {
        if self.power_is_off {
            return Err(no_power());
        }
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Course {
    fn finish(&self) -> io::Result<()> {
        match self {
            Self::Done => Ok(()),
            Self::Cut => Err(no_power()),
        }
    }
}

impl Contents {
    /// What a power cut may leave: the durable bytes, and of the rest any prefix, or zeros.
    fn remnants(&self) -> Vec<Vec<u8>> {
        let mut remnants: Vec<_> =
            (self.durable_len..=self.bytes.len()).map(|len| self.bytes[..len].to_vec()).collect();
        if self.durable_len < self.bytes.len() {
            let mut zeros = self.bytes.clone();
            zeros[self.durable_len..].fill(0);
            remnants.push(zeros);
        }
        remnants
    }
}

impl Volume for FaultyVolume {
    type File = FaultyFile;

    fn read(&self, name: &str, limit: usize) -> io::Result<Vec<u8>> {
        let state = self.lock();
        let bytes = &state.files[state.inode(name)?].bytes;
        Ok(bytes[..bytes.len().min(limit)].to_vec())
    }

    fn create_new(&self, name: &str) -> io::Result<FaultyFile> {
        let mut state = self.lock();
        let course = state.begin()?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.files.len();
        state.files.push(Contents::default());
        state.change_names(&course, vec![(name.to_owned(), Some(inode))])?;
        Ok(FaultyFile(inode))
    }

    fn write_all(&self, file: &mut FaultyFile, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        let course = state.begin()?;
        let fitting = state.free_bytes.map_or(bytes.len(), |free| free.min(bytes.len()));
        state.files[file.0].bytes.extend_from_slice(&bytes[..fitting]);
        state.free_bytes = state.free_bytes.map(|free| free - fitting);
        course.finish()?;
        if fitting < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync_file(&self, file: &mut FaultyFile) -> io::Result<()> {
        let mut state = self.lock();
        state.begin()?.finish()?;
        let contents = &mut state.files[file.0];
        contents.durable_len = contents.bytes.len();
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        let inode = state.inode(from)?;
        let course = state.begin()?;
        state.change_names(&course, vec![(from.to_owned(), None), (to.to_owned(), Some(inode))])
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.begin()?.finish()?;
        state.durable_names = state.names.clone();
        state.pending.clear();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.inode(name)?;
        let course = state.begin()?;
        state.change_names(&course, vec![(name.to_owned(), None)])
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.lock();
        if state.power_is_off {
            return Err(no_power());
        }
        Ok(state.names.keys().cloned().collect())
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.list().map(|names| names.iter().any(|known| known == name))
    }
}

fn apply(names: &mut BTreeMap<String, usize>, change: &[(String, Option<usize>)]) {
    for (name, inode) in change {
        match inode {
            Some(inode) => names.insert(name.clone(), *inode),
            None => names.remove(name),
        };
    }
}

fn no_power() -> io::Error {
    io::Error::other("the power is off")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(volume: &FaultyVolume) -> Vec<Vec<(String, Vec<u8>)>> {
        let disks = volume.disks_after_power_loss();
        disks.into_iter().map(|disk| disk.files.into_iter().collect()).collect()
    }

    #[test]
    fn what_is_not_synced_may_be_lost_torn_or_zero() {
        let volume = FaultyVolume::default();
        let mut file = volume.create_new("f").unwrap();
        volume.write_all(&mut file, b"ab").unwrap();
        let seen = contents(&volume);
        let f = |bytes: &[u8]| vec![("f".to_owned(), bytes.to_vec())];
        assert_eq!(seen, [vec![], f(b""), f(b"\0\0"), f(b"a"), f(b"ab")]);
        volume.sync_file(&mut file).unwrap();
        assert_eq!(contents(&volume), [vec![], f(b"ab")]);
        volume.sync_directory().unwrap();
        assert_eq!(contents(&volume), [f(b"ab")]);
    }

    #[test]
    fn a_rename_is_kept_or_lost_as_a_whole() {
        let disk = Disk {
            files: [("a", b"1"), ("b", b"2")].map(|(n, b)| (n.to_owned(), b.to_vec())).into(),
        };
        let volume = FaultyVolume::boot(disk);
        volume.rename("a", "b").unwrap();
        let one = |name: &str, byte: u8| (name.to_owned(), vec![byte]);
        assert_eq!(contents(&volume), [vec![one("a", b'1'), one("b", b'2')], vec![one("b", b'1')]]);
    }

    #[test]
    fn nothing_works_after_the_cut() {
        let volume = FaultyVolume::default().cut_power_at(1);
        let mut file = volume.create_new("f").unwrap();
        assert!(volume.write_all(&mut file, b"ab").is_err());
        assert!(volume.power_was_cut());
        assert!(volume.read("f", 9).is_err());
        assert!(volume.list().is_err());
        assert!(volume.sync_file(&mut file).is_err());
        assert_eq!(contents(&volume).len(), 5);
    }
}
