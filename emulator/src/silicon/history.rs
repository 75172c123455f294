//! What the value held before does to a power-up.
//!
//! On some parts successive readouts differ more than readouts two apart: charge left on the cell's
//! nodes, or wear of a few minutes, pulls or pushes the next power-up,
//!
//! ```text
//! h (2 previous_i - 1).
//! ```
//!
//! A positive `h` repeats the previous value, a negative one avoids it. The linear form is chosen, not
//! measured; a paper on *the impact of discharge inversion effect on learning SRAM power-up statistics*
//! (read in its abstract) warns that how the supply was discharged changes the power-up of chips of
//! several makers. Readouts are then no longer independent. That a cell keeps its value outright is [remanence](super::remanence).

use super::parameter::{ParameterError, check};

/// The law of history.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HistoryLaw {
    pull: f64,
}

impl HistoryLaw {
    /// The pull `h` towards the previous value, in standard deviations of the skew (-10 to 10); 0 is
    /// none.
    ///
    /// # Errors
    /// If it is no number or out of range.
    pub fn new(pull: f64) -> Result<Self, ParameterError> {
        Ok(Self { pull: check("history", pull)? })
    }

    /// `h`, in standard deviations of the skew.
    #[must_use]
    pub fn pull(&self) -> f64 {
        self.pull
    }

    /// `h (2 previous - 1)`: what a cell that held `previous` has added to its skew.
    #[must_use]
    pub fn shift(&self, previous: bool) -> f64 {
        if previous { self.pull } else { -self.pull }
    }
}
