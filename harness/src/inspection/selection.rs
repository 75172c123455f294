//! The readouts of a device that are looked at, with an eye on the clock.

use fuzzy_extractor::bits::BitString;

use super::{InspectError, Observer};
use crate::metric::passes::Passes;
use crate::readouts::{Block, DeviceSource};

/// A device's readouts in its files, from the first on.
pub(super) struct Selection<'a> {
    pub(super) source: &'a DeviceSource,
    pub(super) observer: Observer<'a>,
    /// How many of them.
    readouts: usize,
}

impl<'a> Selection<'a> {
    /// All readouts, or the first so many.
    pub(super) fn new(
        source: &'a DeviceSource,
        first: Option<usize>,
        observer: Observer<'a>,
    ) -> Self {
        let all = source.readouts();
        Self { source, observer, readouts: first.map_or(all, |first| first.min(all)) }
    }
}

impl Passes for Selection<'_> {
    type Error = InspectError;

    fn cells(&self) -> usize {
        self.source.cells()
    }

    fn readouts(&self) -> usize {
        self.readouts
    }

    fn kept(&self) -> Option<&BitString> {
        self.source.kept()
    }

    fn pass(
        &self,
        most: usize,
        visit: &mut dyn FnMut(&Block) -> Result<(), InspectError>,
    ) -> Result<(), InspectError> {
        let mut cursor = self.source.cursor()?;
        let mut block = Block::new(self.cells());
        let mut left = self.readouts;
        while left > 0 {
            self.observer.check()?;
            block.clear();
            let read = cursor.read(&mut block, most.min(left))?;
            if read == 0 {
                break;
            }
            (self.observer.advance)((read * self.cells()) as u64);
            visit(&block)?;
            left -= read;
        }
        Ok(())
    }
}
