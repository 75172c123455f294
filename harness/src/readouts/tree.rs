//! Which files there are, in which order, and what their places say about devices.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};

use super::ReadoutError;
use super::file::{Identity, io_error};

/// Folders within the given one.
pub(super) const MAX_DEPTH: usize = 8;
/// Files altogether.
pub(super) const MAX_FILES: usize = 100_000;

/// The files of one folder, in numeric order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) files: Vec<PathBuf>,
    /// The folder's own name.
    folder: String,
    /// Names from the given folder down to this one, without the given one.
    below: Vec<String>,
    /// The files were given one by one.
    given: bool,
}

impl Group {
    /// Device and condition when this folder is a device and `file` one of its readouts. A file
    /// given by itself says more than the folder it happens to lie in.
    pub(super) fn name_of_folder(&self, file: &Path, alone: bool) -> (String, String) {
        let (stem, condition) = stem_and_condition(file);
        if self.given && alone {
            return (stem, condition);
        }
        let parts = match self.below.is_empty() {
            true => std::slice::from_ref(&self.folder),
            false => self.below.as_slice(),
        };
        name(parts, &condition)
    }

    /// Device and condition when `file` is a device.
    pub(super) fn name_of_file(&self, file: &Path) -> (String, String) {
        let (stem, condition) = stem_and_condition(file);
        let mut parts = self.below.clone();
        parts.push(stem);
        name(&parts, &condition)
    }
}

/// The last of several parts is the condition, the others are the device.
fn name(parts: &[String], condition_in_file: &str) -> (String, String) {
    let trimmed = |part: &String| part.strip_suffix(".dev").unwrap_or(part).to_owned();
    let mut parts: Vec<_> = parts.iter().map(trimmed).collect();
    let mut condition = match parts.as_mut_slice() {
        // A folder that is the device may name its condition as a file does.
        [only] => {
            let (name, condition) = split_condition(only);
            *only = name;
            condition
        }
        _ => parts.pop().unwrap_or_default(),
    };
    if !condition.is_empty() && !condition_in_file.is_empty() {
        condition.push('/');
    }
    condition.push_str(condition_in_file);
    (parts.join("/"), condition)
}

/// `A1@-18degrees.hex` is readout `A1` at condition `-18degrees`.
fn stem_and_condition(file: &Path) -> (String, String) {
    split_condition(&file.file_stem().unwrap_or_default().to_string_lossy())
}

/// Name and condition, which is empty where none is named.
fn split_condition(text: &str) -> (String, String) {
    match text.split_once('@') {
        Some((name, condition)) if !name.is_empty() => (name.to_owned(), condition.to_owned()),
        _ => (text.to_owned(), String::new()),
    }
}

/// Finds the files of readouts in `paths`, folder by folder.
///
/// Links to folders are not followed, so that nothing is read twice. One that leads back to where
/// it was met from is an error, as is a folder mounted within itself: such a tree has no end.
pub(super) fn find<P: AsRef<Path>>(
    paths: &[P],
    notes: &mut Vec<String>,
) -> Result<Vec<Group>, ReadoutError> {
    let mut search = Search { groups: Vec::new(), files: 0, above: Vec::new(), notes };
    for path in paths {
        search.add(path.as_ref())?;
    }
    let mut groups = search.groups;
    groups.retain(|group| !group.files.is_empty());
    for group in &mut groups {
        group.files.sort_by(|a, b| numeric_order(&file_name(a), &file_name(b)));
        group.files.dedup_by(|a, b| {
            let again = a == b;
            if again {
                notes.push(format!("{}: given twice, read once", a.display()));
            }
            again
        });
    }
    if let Some((before, after)) = groups.iter().find_map(|group| out_of_text_order(&group.files)) {
        let name = |path: &Path| file_name(path);
        notes.push(format!("read in numeric order: {} before {}", name(before), name(after)));
    }
    if groups.is_empty() {
        let first = paths.first().map_or(Path::new(""), AsRef::as_ref);
        return Err(ReadoutError::Nothing(first.to_owned()));
    }
    Ok(groups)
}

/// The first two files that a sort of names as texts would swap.
fn out_of_text_order(files: &[PathBuf]) -> Option<(&Path, &Path)> {
    let after = files.windows(2).position(|pair| file_name(&pair[0]) > file_name(&pair[1]))? + 1;
    let before = files.iter().position(|file| file_name(file) > file_name(&files[after]))?;
    Some((&files[before], &files[after]))
}

struct Search<'a> {
    groups: Vec<Group>,
    files: usize,
    /// The folders that lead from the root of the host to the one that is searched.
    above: Vec<(Identity, PathBuf)>,
    notes: &'a mut Vec<String>,
}

impl Search<'_> {
    fn add(&mut self, path: &Path) -> Result<(), ReadoutError> {
        let metadata = fs::metadata(path).map_err(io(path))?;
        if metadata.is_dir() {
            let before = self.files;
            self.above = above(path)?;
            self.walk(path, &own_name(path), &[])?;
            return if self.files > before {
                Ok(())
            } else {
                Err(ReadoutError::Nothing(path.to_owned()))
            };
        }
        if !metadata.is_file() {
            return Err(ReadoutError::NotAFile(path.to_owned()));
        }
        if is_about_the_data(&file_name(path)) {
            self.skip(path, "not a readout");
            return Ok(());
        }
        self.count(path)?;
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let known = self.groups.iter().position(|group| {
            group.given && group.files.first().and_then(|file| file.parent()) == path.parent()
        });
        match known {
            Some(place) => self.groups[place].files.push(path.to_owned()),
            None => self.groups.push(Group {
                files: vec![path.to_owned()],
                folder: own_name(folder),
                below: Vec::new(),
                given: true,
            }),
        }
        Ok(())
    }

    fn walk(&mut self, folder: &Path, name: &str, below: &[String]) -> Result<(), ReadoutError> {
        if below.len() > MAX_DEPTH {
            return Err(ReadoutError::TooDeep(folder.to_owned()));
        }
        self.enter(folder)?;
        let mut files = Vec::new();
        let mut folders = Vec::new();
        for path in entries(folder)? {
            let entry = file_name(&path);
            if entry.starts_with('.') {
                self.skip(&path, "hidden");
                continue;
            }
            let kind = fs::symlink_metadata(&path).map_err(io(&path))?.file_type();
            if kind.is_dir() {
                folders.push(path);
            } else if let Some(target) = fs::metadata(&path).ok().filter(|target| target.is_dir()) {
                self.refuse_loop(&path, Identity::of(&target))?;
                self.skip(&path, "a link to a folder");
            } else if is_about_the_data(&entry) {
                self.skip(&path, "not a readout");
            } else {
                self.count(&path)?;
                files.push(path);
            }
        }
        let group = Group { files, folder: name.to_owned(), below: below.to_vec(), given: false };
        self.groups.push(group);
        for path in folders {
            let mut below = below.to_vec();
            below.push(file_name(&path));
            self.walk(&path, &file_name(&path), &below)?;
        }
        self.above.pop();
        Ok(())
    }

    /// Adds a folder to those above, unless it is among them.
    fn enter(&mut self, folder: &Path) -> Result<(), ReadoutError> {
        let identity = Identity::of(&fs::metadata(folder).map_err(io(folder))?);
        self.refuse_loop(folder, identity)?;
        self.above.push((identity, folder.to_owned()));
        Ok(())
    }

    fn refuse_loop(&self, path: &Path, identity: Identity) -> Result<(), ReadoutError> {
        match self.above.iter().find(|(above, _)| above.is(identity)) {
            Some((_, folder)) => {
                Err(ReadoutError::Loop { path: path.to_owned(), folder: folder.clone() })
            }
            None => Ok(()),
        }
    }

    fn count(&mut self, path: &Path) -> Result<(), ReadoutError> {
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(ReadoutError::TooManyFiles(path.to_owned()));
        }
        Ok(())
    }

    fn skip(&mut self, path: &Path, why: &str) {
        self.notes.push(format!("{}: skipped, {why}", path.display()));
    }
}

/// The entries of a folder in numeric order.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ReadoutError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io(folder))? {
        paths.push(entry.map_err(io(folder))?.path());
        if paths.len() > 2 * MAX_FILES {
            return Err(ReadoutError::TooManyFiles(folder.to_owned()));
        }
    }
    paths.sort_by(|a, b| numeric_order(&file_name(a), &file_name(b)));
    Ok(paths)
}

/// Files that accompany data by custom.
fn is_about_the_data(name: &str) -> bool {
    const STARTS: [&str; 7] =
        ["license", "licence", "copying", "readme", "notice", "citation", "changelog"];
    let name = name.to_ascii_lowercase();
    // The word has to end there: `readme.txt`, `LICENSE-MIT`, but not `notice1.bin`'s like.
    STARTS.iter().any(|start| {
        name.strip_prefix(start)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
    }) || name.ends_with(".md")
}

/// The name of a folder even when it is written `.` or `..`.
fn own_name(folder: &Path) -> String {
    let named = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    named.unwrap_or_else(|| {
        fs::canonicalize(folder).map_or_else(|_| String::new(), |p| file_name(&p))
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ReadoutError {
    move |source| io_error(path, source)
}

/// The folders that a folder lies in.
fn above(folder: &Path) -> Result<Vec<(Identity, PathBuf)>, ReadoutError> {
    let real = fs::canonicalize(folder).map_err(io(folder))?;
    let identified = |folder: &Path| {
        let metadata = fs::metadata(folder).map_err(io(folder))?;
        Ok((Identity::of(&metadata), folder.to_owned()))
    };
    real.ancestors().skip(1).map(identified).collect()
}

/// Compares names with the numbers in them by value: `P2` before `P10`.
pub(super) fn numeric_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while !left.is_empty() && !right.is_empty() {
        let (x, y) = (split_run(&mut left), split_run(&mut right));
        let order = match (is_number(x), is_number(y)) {
            (true, true) => {
                let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
            _ => x.cmp(y),
        };
        if order.is_ne() {
            return order;
        }
    }
    // `P01` and `P1` are one number and two names.
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

fn is_number(run: &str) -> bool {
    run.starts_with(|c: char| c.is_ascii_digit())
}

/// Takes the run of digits, or of anything else, that the name starts with.
fn split_run<'a>(name: &mut &'a str) -> &'a str {
    let number = is_number(name);
    let end = name.find(|c: char| c.is_ascii_digit() != number).unwrap_or(name.len());
    let (run, rest) = name.split_at(end);
    *name = rest;
    run
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_compared_by_value() {
        let mut names = ["P10", "P2", "P1", "Q", "P02", "P", "A1@-18", "A10@-18", "A9@-18", "P2b"];
        names.sort_by(|a, b| numeric_order(a, b));
        let sorted = ["A1@-18", "A9@-18", "A10@-18", "P", "P1", "P02", "P2", "P2b", "P10", "Q"];
        assert_eq!(names, sorted);
        let long = "9".repeat(40);
        assert_eq!(numeric_order(&long, &format!("1{long}")), Ordering::Less);
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in "[a0-2\u{e9}]{0,6}", b in "[a0-2\u{e9}]{0,6}", c in "[a0-2\u{e9}]{0,6}") {
            prop_assert_eq!(numeric_order(&a, &b), numeric_order(&b, &a).reverse());
            prop_assert_eq!(numeric_order(&a, &b).is_eq(), a == b);
            if numeric_order(&a, &b).is_le() && numeric_order(&b, &c).is_le() {
                prop_assert!(numeric_order(&a, &c).is_le());
            }
        }
    }

    #[test]
    fn what_accompanies_data_is_known_by_name() {
        for name in ["LICENSE", "license.txt", "README.md", "LICENSE-MIT", "notes.md"] {
            assert!(is_about_the_data(name), "{name}");
        }
        for name in ["P1.hex", "noticed.bin", "notice1.bin", "lic.bin"] {
            assert!(!is_about_the_data(name), "{name}");
        }
    }

    #[test]
    fn places_name_devices_and_conditions() {
        let group = |below: &[&str], given| Group {
            files: Vec::new(),
            folder: "root.dev".to_owned(),
            below: below.iter().map(|&part| part.to_owned()).collect(),
            given,
        };
        let folder = |below: &[&str], file: &str| {
            let (name, condition) = group(below, false).name_of_folder(Path::new(file), false);
            format!("{name}|{condition}")
        };
        assert_eq!(folder(&[], "P1.hex"), "root|");
        assert_eq!(folder(&["chip.dev"], "P1.hex"), "chip|");
        assert_eq!(folder(&["chip"], "P1@-18.hex"), "chip|-18");
        assert_eq!(folder(&["chip@25C"], "P1.hex"), "chip|25C");
        assert_eq!(folder(&["@25C"], "P1.hex"), "@25C|");
        assert_eq!(folder(&["chip", "cold.dev"], "P1.hex"), "chip|cold");
        assert_eq!(folder(&["lot", "chip", "cold"], "P1@-7.hex"), "lot/chip|cold/-7");
        let file = |below: &[&str], file: &str| {
            let (name, condition) = group(below, false).name_of_file(Path::new(file));
            format!("{name}|{condition}")
        };
        assert_eq!(file(&[], "M39.bin"), "M39|");
        assert_eq!(file(&["M39"], "23C.bin"), "M39|23C");
        let alone = group(&[], true).name_of_folder(Path::new("x/P1@5.hex"), true);
        assert_eq!(alone, ("P1".to_owned(), "5".to_owned()));
    }
}
