//! Silicon: cells that power up noisily, and nothing of what is built on them.
//!
//! A die is either drawn from a [`Process`] ([`SramArray`], held as a device by [`ModelledSram`]) or
//! a set of measured readouts ([`RecordedSram`]). Whatever it is, a chip sees only [`Silicon`]: a
//! number of cells, and one [`Response`] for each power cycle in an [`Environment`].
//!
//! The cells follow the model of Maes (CHES 2013) and what measured silicon adds to it, a law a file:
//! see [`process`]. Everything that the outside
//! could never know of a die (probabilities, preferred values, skews) is marked as ground truth; it
//! is for the judges of reliability and metrics, never for a verifier or a host.
//!
//! This room knows bits and readings; it knows no code, key or protocol.

pub mod ageing;
mod batch;
mod conditioned;
pub mod drift;
mod environment;
mod expectation;
pub mod history;
mod instructions;
mod lognormal;
mod modelled;
pub mod normal;
pub mod parameter;
pub mod polarity;
pub mod process;
pub mod profile;
mod quadrature;
pub mod ramp;
pub mod readout;
mod recorded;
pub mod remanence;
mod skews;
mod sram;
pub mod temperature;
pub mod variation;
pub mod wander;

use core::fmt;

use fuzzy_extractor::response::Response;

pub use ageing::AgeingLaw;
pub use conditioned::{ConditionedSram, Scratch};
pub use drift::TwoComponent;
pub use environment::Environment;
pub use history::HistoryLaw;
pub use instructions::{Instructions, Loop};
pub use modelled::ModelledSram;
pub use parameter::{PARAMETERS, Parameter, ParameterError};
pub use polarity::PolarityLaw;
pub use process::Process;
pub use ramp::RampLaw;
pub use readout::ReadoutLaw;
pub use recorded::{RecordedSram, RecordingError};
pub use remanence::RemanenceLaw;
pub use sram::{CellCountError, HeldLengthError, MAX_CELLS, SramArray};
pub use temperature::TemperatureLaw;
pub use variation::VariationLaw;
pub use wander::WanderLaw;

/// A die as the chip around it sees it.
pub trait Silicon {
    /// Number of cells, and of bits in each response.
    fn cells(&self) -> usize;

    /// Cuts the power, restores it in `environment` and reads all cells once. Each call is a new
    /// power cycle with noise of its own.
    ///
    /// # Errors
    /// If this die cannot be powered up like that, or not once more.
    fn power_up(&mut self, environment: &Environment) -> Result<Response, PowerUpError>;
}

/// Why a die did not power up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerUpError {
    /// Every readout this die has was taken; none is invented or repeated.
    Exhausted {
        /// How many there are.
        recorded: u64,
    },
    /// The die was measured in another environment, and measured silicon cannot be heated or aged.
    NotRecorded,
}

impl fmt::Display for PowerUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted { recorded } => write!(f, "all {recorded} readouts were taken"),
            Self::NotRecorded => f.write_str("no readout was recorded in this environment"),
        }
    }
}

impl core::error::Error for PowerUpError {}
