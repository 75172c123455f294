//! A modelled die as a device holds it: one power cycle after the other.

use fuzzy_extractor::response::Response;

use super::environment::Environment;
use super::sram::{ConditionedSram, SramArray};
use super::{PowerUpError, Silicon};

/// A modelled array with the number of its next readout.
///
/// The readout number is all that changes from one power cycle to the next: a device that stores it
/// and [resumes](Self::resuming_at) there goes on as if it had never been away.
#[derive(Debug)]
pub struct ModelledSram {
    array: SramArray,
    next_readout: u64,
    // The last environment, whose thresholds cost more than a readout.
    conditioned: Option<(Environment, ConditionedSram)>,
}

impl ModelledSram {
    /// A die fresh from the factory: its next readout is number 0.
    #[must_use]
    pub fn new(array: SramArray) -> Self {
        Self { array, next_readout: 0, conditioned: None }
    }

    /// The same die, going on at readout number `next_readout`.
    #[must_use]
    pub fn resuming_at(self, next_readout: u64) -> Self {
        Self { next_readout, ..self }
    }

    /// The number of the next readout: how many power cycles the die has seen.
    #[must_use]
    pub fn next_readout(&self) -> u64 {
        self.next_readout
    }

    /// The array. Ground truth.
    #[must_use]
    pub fn array(&self) -> &SramArray {
        &self.array
    }
}

impl Silicon for ModelledSram {
    fn cells(&self) -> usize {
        self.array.cells()
    }

    /// Never refuses an environment; exhausted only after 2^64 - 1 readouts.
    fn power_up(&mut self, environment: &Environment) -> Result<Response, PowerUpError> {
        let following = self
            .next_readout
            .checked_add(1)
            .ok_or(PowerUpError::Exhausted { recorded: u64::MAX })?;
        let conditioned = match self.conditioned.take() {
            Some((cached, conditioned)) if cached == *environment => conditioned,
            _ => self.array.in_environment(environment),
        };
        let bits = conditioned.power_up(self.next_readout);
        self.conditioned = Some((*environment, conditioned));
        self.next_readout = following;
        Ok(Response::new(bits))
    }
}
