//! Successive readouts of one device in one piece of memory.

/// Readouts as words, one after another: what streaming readers fill and scorers read.
///
/// Cell `i` of a readout is bit `i % 64` of its word `i / 64`, as in
/// [`BitString`](fuzzy_extractor::bits::BitString); bits past the last cell are zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    cells: usize,
    words: Vec<u64>,
    readouts: usize,
}

impl Block {
    /// An empty block for readouts of `cells` cells.
    #[must_use]
    pub fn new(cells: usize) -> Self {
        Self { cells, words: Vec::new(), readouts: 0 }
    }

    /// Cells of a readout.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Words of a readout, `ceil(cells / 64)`.
    #[must_use]
    pub fn words_each(&self) -> usize {
        self.cells.div_ceil(64)
    }

    /// Number of readouts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.readouts
    }

    /// Whether there is no readout.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.readouts == 0
    }

    /// Forgets the readouts and keeps the memory.
    pub fn clear(&mut self) {
        self.words.clear();
        self.readouts = 0;
    }

    /// Appends a readout of zeros and lends it to be filled. Bits past the last cell must stay zero.
    pub fn push(&mut self) -> &mut [u64] {
        self.extend(1)
    }

    /// Appends `count` readouts of zeros and lends the words of all of them, one readout after
    /// another.
    pub(super) fn extend(&mut self, count: usize) -> &mut [u64] {
        let start = self.words.len();
        self.words.resize(start + count * self.words_each(), 0);
        self.readouts += count;
        &mut self.words[start..]
    }

    /// The words of the last `count` readouts, one readout after another.
    pub(super) fn last_mut(&mut self, count: usize) -> &mut [u64] {
        let start = self.words.len() - count * self.words_each();
        &mut self.words[start..]
    }

    /// Forgets all readouts but the first `count`.
    pub(super) fn truncate(&mut self, count: usize) {
        self.readouts = self.readouts.min(count);
        self.words.truncate(self.readouts * self.words_each());
    }

    /// The words of readout `index`.
    ///
    /// # Panics
    /// If there is no such readout.
    #[must_use]
    pub fn row(&self, index: usize) -> &[u64] {
        assert!(index < self.readouts, "readout {index} of {}", self.readouts);
        &self.words[index * self.words_each()..][..self.words_each()]
    }

    /// The readouts in order, as words.
    pub fn rows(&self) -> impl Iterator<Item = &[u64]> + Clone {
        (0..self.readouts).map(|index| self.row(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_what_was_pushed() {
        let mut block = Block::new(65);
        assert!(block.is_empty());
        block.push()[0] = 7;
        block.push()[1] = 1;
        assert_eq!((block.len(), block.words_each(), block.cells()), (2, 2, 65));
        assert_eq!(block.rows().collect::<Vec<_>>(), [[7, 0], [0, 1]]);
        block.clear();
        assert!(block.is_empty());
        assert_eq!(block.push(), [0, 0], "nothing is left of what was there before");
    }
}
