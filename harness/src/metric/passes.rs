//! Readouts of one device that can be gone over again and again, block by block.

use std::convert::Infallible;

use fuzzy_extractor::bits::BitString;

use crate::readouts::Block;

/// The readouts of a device, wherever they are: in memory, or in files that are read anew each time.
pub trait Passes {
    /// What can go wrong on the way.
    type Error;

    /// Positions of a readout, those left out included.
    fn cells(&self) -> usize;

    /// Number of readouts.
    fn readouts(&self) -> usize;

    /// Which cells count; `None` where all do. The others read 0.
    fn kept(&self) -> Option<&BitString>;

    /// Shows all readouts in order, in blocks of at most `most`.
    ///
    /// # Errors
    /// What a reader or `visit` says; the first error ends the pass.
    fn pass(
        &self,
        most: usize,
        visit: &mut dyn FnMut(&Block) -> Result<(), Self::Error>,
    ) -> Result<(), Self::Error>;
}

/// Readouts in memory, all of whose cells count.
impl Passes for Block {
    type Error = Infallible;

    fn cells(&self) -> usize {
        Self::cells(self)
    }

    fn readouts(&self) -> usize {
        self.len()
    }

    fn kept(&self) -> Option<&BitString> {
        None
    }

    fn pass(
        &self,
        most: usize,
        visit: &mut dyn FnMut(&Block) -> Result<(), Infallible>,
    ) -> Result<(), Infallible> {
        let mut part = Self::new(self.cells());
        for start in (0..self.len()).step_by(most.max(1)) {
            part.clear();
            for row in self.rows().skip(start).take(most) {
                part.push().copy_from_slice(row);
            }
            visit(&part)?;
        }
        Ok(())
    }
}
