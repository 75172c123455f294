//! Files that a command writes must be others than those that it reads.

use std::path::{Path, PathBuf};

use super::exit::Failure;
use crate::store::output::folder_of;

/// Refuses outputs that are an input or each other.
pub(crate) fn spares<'a, const N: usize>(
    outputs: [Option<&Path>; N],
    inputs: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<(), Failure> {
    different(outputs)?;
    let outputs: Vec<_> = outputs.into_iter().flatten().map(|path| (path, place(path))).collect();
    if outputs.is_empty() {
        return Ok(());
    }
    for input in inputs {
        let at = place(input);
        if let Some((output, _)) = outputs.iter().find(|(_, output)| at.is_some() && *output == at)
        {
            return Err(Failure::usage(format_args!(
                "{} is read, and would be overwritten",
                output.display()
            ))
            .advise("another file for the results"));
        }
    }
    Ok(())
}

/// Refuses a file that would overwrite another of the same command.
pub(crate) fn different<const N: usize>(files: [Option<&Path>; N]) -> Result<(), Failure> {
    let places: Vec<_> = files.into_iter().flatten().map(|file| (file, place(file))).collect();
    for (i, (file, at)) in places.iter().enumerate() {
        // What is no file, as /dev/null, cannot be overwritten.
        let is_file = file.metadata().map_or(true, |metadata| metadata.is_file());
        if is_file && at.is_some() && places[..i].iter().any(|(_, other)| other == at) {
            return Err(Failure::usage(format_args!("{} is named twice", file.display())));
        }
    }
    Ok(())
}

/// Where a file is, or would be, all links followed.
fn place(path: &Path) -> Option<PathBuf> {
    let in_folder = || Some(folder_of(path).canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(in_folder)
}
