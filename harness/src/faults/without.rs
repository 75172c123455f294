//! Readouts without the faulty part, to be scored again.

use fuzzy_extractor::bits::BitString;

use super::finding::Remedy;
use crate::metric::passes::Passes;
use crate::readouts::Block;

/// Readouts of which some are dropped and some cells left out.
#[derive(Debug)]
pub struct Without<'a, P: ?Sized> {
    readouts: &'a P,
    dropped: Vec<usize>,
    kept: Option<BitString>,
}

impl<'a, P: Passes + ?Sized> Without<'a, P> {
    /// Leaves out what a remedy names; what it names that is not there does not matter.
    #[must_use]
    pub fn new(readouts: &'a P, remedy: &Remedy) -> Self {
        let mut dropped = remedy.readouts.clone();
        dropped.retain(|&readout| readout < readouts.readouts());
        dropped.sort_unstable();
        dropped.dedup();
        let mut kept = readouts.kept().cloned();
        if !remedy.cells.is_empty() {
            let cells = readouts.cells();
            let all = || (0..cells).map(|_| true).collect();
            let mask = kept.get_or_insert_with(all);
            for range in &remedy.cells {
                (range.start..range.end.min(cells)).for_each(|cell| mask.set(cell, false));
            }
        }
        Self { readouts, dropped, kept }
    }
}

impl<P: Passes + ?Sized> Passes for Without<'_, P> {
    type Error = P::Error;

    fn cells(&self) -> usize {
        self.readouts.cells()
    }

    fn readouts(&self) -> usize {
        self.readouts.readouts() - self.dropped.len()
    }

    fn kept(&self) -> Option<&BitString> {
        self.kept.as_ref()
    }

    fn pass(
        &self,
        most: usize,
        visit: &mut dyn FnMut(&Block) -> Result<(), P::Error>,
    ) -> Result<(), P::Error> {
        let mut left = Block::new(self.cells());
        let mut number = 0;
        self.readouts.pass(most, &mut |block| {
            left.clear();
            for row in block.rows() {
                if self.dropped.binary_search(&number).is_err() {
                    let to = left.push();
                    to.copy_from_slice(row);
                    if let Some(kept) = &self.kept {
                        to.iter_mut().zip(kept.words()).for_each(|(word, kept)| *word &= kept);
                    }
                }
                number += 1;
            }
            if left.is_empty() { Ok(()) } else { visit(&left) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_sets::clean;
    use super::*;
    use crate::faults::test_sets::block;
    use crate::metric::scan::{Detail, Scan};

    #[test]
    fn what_is_left_is_what_is_scored() {
        let rows = clean(200, 9, 1);
        let remedy =
            Remedy { readouts: vec![0, 4, 99], cells: vec![10..20, 190..300], ..Remedy::default() };
        let all = block(&rows);
        let Ok(scan) = Scan::of(&Without::new(&all, &remedy), Detail::Figures);
        assert_eq!((scan.tally.readouts(), scan.tally.kept_cells()), (7, 180));
        let mut first = rows[1].clone();
        (10..20).chain(190..200).for_each(|cell| first.set(cell, false));
        assert_eq!(scan.tally.first(), first);
        let nothing = Remedy::default();
        let Ok(same) = Scan::of(&Without::new(&all, &nothing), Detail::Figures);
        assert_eq!(Scan::of(&all, Detail::Figures), Ok(same));
    }
}
