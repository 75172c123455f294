//! Measured readouts as the commands take them.

use std::path::Path;

use super::exit::Failure;
use super::session::Session;
use crate::readouts::{self, Options, ReadoutError, Recording};

/// Reads measured readouts and passes the reader's notes on.
pub(super) fn read(
    session: &Session,
    path: &Path,
    options: &Options,
) -> Result<Recording, Failure> {
    let recording = readouts::read(&[path], options).map_err(|error| failure(&error))?;
    for note in &recording.notes {
        session.note(note);
    }
    Ok(recording)
}

/// What cannot be read at all is out of reach; what is read and wrong is bad data.
pub(super) fn failure(error: &ReadoutError) -> Failure {
    let failure = match error {
        ReadoutError::Io { .. } => Failure::unreachable(error),
        _ => Failure::bad_data(error),
    };
    match error.advice() {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}
