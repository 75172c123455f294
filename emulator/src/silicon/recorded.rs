//! A die whose power-ups were measured.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use fuzzy_extractor::bits::BitString;
use fuzzy_extractor::response::Response;

use super::environment::Environment;
use super::{PowerUpError, Silicon};

/// Measured readouts of one die in one environment, played back in order.
///
/// Nothing is made up: after the last readout there is no other, and no environment but the recorded
/// one. The recorded environment is the reference (whatever the temperature was, it is this die's
/// own) unless [`recorded_in`](Self::recorded_in) says otherwise.
pub struct RecordedSram {
    readouts: Vec<Response>,
    window: Range<usize>,
    environment: Environment,
    next_readout: u64,
}

impl RecordedSram {
    /// Takes the readouts in the order in which they were measured.
    ///
    /// # Errors
    /// If there is no readout, no cell, or the readouts have different lengths.
    pub fn new(readouts: Vec<BitString>) -> Result<Self, RecordingError> {
        let cells = readouts.first().ok_or(RecordingError::NoReadout)?.len();
        if cells == 0 {
            return Err(RecordingError::NoCell);
        }
        if let Some(readout) = readouts.iter().position(|bits| bits.len() != cells) {
            let found = readouts[readout].len();
            return Err(RecordingError::Length { readout, expected: cells, found });
        }
        Ok(Self {
            readouts: readouts.into_iter().map(Response::new).collect(),
            window: 0..cells,
            environment: Environment::default(),
            next_readout: 0,
        })
    }

    /// States where the readouts were measured.
    #[must_use]
    pub fn recorded_in(self, environment: Environment) -> Self {
        Self { environment, ..self }
    }

    /// Keeps only the cells of `window`, counted in the present window.
    ///
    /// # Errors
    /// If the window is empty or reaches past the cells.
    pub fn restricted_to(self, window: Range<usize>) -> Result<Self, RecordingError> {
        let cells = self.cells();
        if window.is_empty() || window.end > cells {
            return Err(RecordingError::Window { start: window.start, end: window.end, cells });
        }
        let start = self.window.start;
        Ok(Self { window: start + window.start..start + window.end, ..self })
    }

    /// The same die, going on at readout number `next_readout`; past the last one it is exhausted.
    #[must_use]
    pub fn resuming_at(self, next_readout: u64) -> Self {
        Self { next_readout, ..self }
    }

    /// The number of the next readout.
    #[must_use]
    pub fn next_readout(&self) -> u64 {
        self.next_readout
    }

    /// How many readouts were recorded.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.readouts.len() as u64
    }
}

impl Silicon for RecordedSram {
    fn cells(&self) -> usize {
        self.window.len()
    }

    fn power_up(&mut self, environment: &Environment) -> Result<Response, PowerUpError> {
        if *environment != self.environment {
            return Err(PowerUpError::NotRecorded);
        }
        let readout = usize::try_from(self.next_readout)
            .ok()
            .and_then(|index| self.readouts.get(index))
            .ok_or(PowerUpError::Exhausted { recorded: self.recorded() })?;
        self.next_readout += 1;
        Ok(readout.window(self.window.start, self.window.len()))
    }
}

impl fmt::Debug for RecordedSram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedSram")
            .field("recorded", &self.recorded())
            .field("window", &self.window)
            .field("environment", &self.environment)
            .field("next_readout", &self.next_readout)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingError {
    /// There is no readout.
    NoReadout,
    /// The readouts have no cells.
    NoCell,
    /// A readout of another length than the first.
    Length {
        /// Its number, from 0.
        readout: usize,
        /// Cells of the first readout.
        expected: usize,
        /// Cells of this one.
        found: usize,
    },
    /// A window that is empty or reaches past the cells.
    Window {
        /// First cell asked for.
        start: usize,
        /// The cell after the last one asked for.
        end: usize,
        /// Cells there are.
        cells: usize,
    },
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReadout => f.write_str("a recording without a readout"),
            Self::NoCell => f.write_str("readouts without a cell"),
            Self::Length { readout, expected, found } => {
                write!(f, "readout {readout} has {found} cells, the first one {expected}")
            }
            Self::Window { start, end, cells } => {
                write!(f, "cells {start} to {end} of {cells}")
            }
        }
    }
}

impl core::error::Error for RecordingError {}
