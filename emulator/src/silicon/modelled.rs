//! A modelled die as a device holds it: one power cycle after the other.

use core::fmt;

use fuzzy_extractor::response::Response;

use super::conditioned::ConditionedSram;
use super::environment::Environment;
use super::sram::SramArray;
use super::{PowerUpError, Silicon};

/// A modelled array with the number of its next readout.
///
/// The readout number is all that has to be stored from one power cycle to the next: a device that
/// [resumes](Self::resuming_at) there goes on as if it had never been away. Only of silicon that
/// remembers what it held before ([history](super::history), [remanence](super::remanence)), a
/// resumed die was without power for long enough to forget.
pub struct ModelledSram {
    array: SramArray,
    next_readout: u64,
    // The last environment, whose preparation costs more than a readout.
    conditioned: Option<(Environment, ConditionedSram)>,
    // What the cells held when the power was cut, where that may matter.
    held: Option<Response>,
}

impl ModelledSram {
    /// A die fresh from the factory: its next readout is number 0.
    #[must_use]
    pub fn new(array: SramArray) -> Self {
        Self { array, next_readout: 0, conditioned: None, held: None }
    }

    /// The same die, going on at readout number `next_readout`.
    #[must_use]
    pub fn resuming_at(self, next_readout: u64) -> Self {
        Self { next_readout, held: None, ..self }
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
        let bits = match self.held.take() {
            Some(held) if conditioned.remembers() => {
                conditioned.power_up_after(self.next_readout, held.expose())
            }
            _ => conditioned.power_up_after_nothing(self.next_readout),
        };
        if self.array.process().remembers() {
            self.held = Some(Response::new(bits.clone()));
        }
        self.conditioned = Some((*environment, conditioned));
        self.next_readout = following;
        Ok(Response::new(bits))
    }
}

impl fmt::Debug for ModelledSram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelledSram")
            .field("array", &self.array)
            .field("next_readout", &self.next_readout)
            .finish_non_exhaustive()
    }
}
