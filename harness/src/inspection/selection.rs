//! The readouts and cells of a device that count.

use std::ops::Range;

use fuzzy_extractor::bits::BitString;

use super::{InspectError, Observer};
use crate::metric::passes::Passes;
use crate::readouts::{Block, DeviceSource};

/// A device's readouts in its files, without those that are left out.
pub(super) struct Selection<'a> {
    pub(super) source: &'a DeviceSource,
    observer: Observer<'a>,
    /// Readouts that are looked at, from the first on.
    first: usize,
    /// Readouts to leave out, ascending.
    dropped: Vec<usize>,
    kept: Option<BitString>,
    kept_by_source: usize,
}

impl<'a> Selection<'a> {
    /// All readouts, or the first so many.
    pub(super) fn all(
        source: &'a DeviceSource,
        first: Option<usize>,
        observer: Observer<'a>,
    ) -> Self {
        let kept = source.kept().cloned();
        let kept_by_source = kept.as_ref().map_or(source.cells(), BitString::weight);
        let first = first.map_or(source.readouts(), |first| first.min(source.readouts()));
        Self { source, observer, first, dropped: Vec::new(), kept, kept_by_source }
    }

    /// Leaves out readouts by number and cells by place.
    pub(super) fn leave_out(&mut self, readouts: &[usize], cells: &[Range<usize>]) {
        self.dropped.extend(readouts.iter().filter(|&&readout| readout < self.first));
        self.dropped.sort_unstable();
        self.dropped.dedup();
        let all = self.source.cells();
        for range in cells {
            let kept = self.kept.get_or_insert_with(|| {
                BitString::from_words(vec![u64::MAX; all.div_ceil(64)], all)
            });
            (range.start.min(all)..range.end.min(all)).for_each(|cell| kept.set(cell, false));
        }
    }

    /// How many readouts and cells were left out.
    pub(super) fn left_out(&self) -> (usize, usize) {
        let kept = self.kept.as_ref().map_or(self.source.cells(), BitString::weight);
        (self.dropped.len(), self.kept_by_source - kept)
    }

    /// Whether no readout or no cell is left.
    pub(super) fn is_empty(&self) -> bool {
        self.readouts() == 0 || self.kept.as_ref().is_some_and(|kept| kept.weight() == 0)
    }
}

impl Passes for Selection<'_> {
    type Error = InspectError;

    fn cells(&self) -> usize {
        self.source.cells()
    }

    fn readouts(&self) -> usize {
        self.first - self.dropped.len()
    }

    fn kept(&self) -> Option<&BitString> {
        self.kept.as_ref()
    }

    fn pass(
        &self,
        most: usize,
        visit: &mut dyn FnMut(&Block) -> Result<(), InspectError>,
    ) -> Result<(), InspectError> {
        let mut cursor = self.source.cursor()?;
        let (mut block, mut filtered) = (Block::new(self.cells()), Block::new(self.cells()));
        let mut done = 0;
        let masked = self.kept.as_ref().filter(|kept| Some(*kept) != self.source.kept());
        while done < self.first {
            self.observer.check()?;
            block.clear();
            let read = cursor.read(&mut block, most.min(self.first - done))?;
            if read == 0 {
                break;
            }
            (self.observer.advance)((read * self.cells()) as u64);
            if self.dropped.is_empty() && masked.is_none() {
                visit(&block)?;
            } else {
                filtered.clear();
                let rows = block.rows().zip(done..);
                for (row, _) in rows.filter(|(_, n)| self.dropped.binary_search(n).is_err()) {
                    let kept = filtered.push();
                    kept.copy_from_slice(row);
                    if let Some(mask) = masked {
                        kept.iter_mut().zip(mask.words()).for_each(|(word, mask)| *word &= mask);
                    }
                }
                visit(&filtered)?;
            }
            done += read;
        }
        Ok(())
    }
}
