//! What is drawn for each cell of a die, kept as the words that were drawn.
//!
//! A word of 32 bits is half a variate, and in most conditions it tells of half of the cells all that
//! has to be known: that they are far out.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use rand_core::Rng;

use super::instructions::Instructions;
use super::normal::tables::{self, Variates};
use crate::seed::{KeyStream, SeedTree};

/// A standard normal variate for each cell, from the words of a node of the seed tree.
#[derive(Clone)]
pub(super) struct Skews {
    node: SeedTree,
    words: Arc<[u32]>,
}

impl Skews {
    /// Draws the words of `cells` cells.
    pub(super) fn draw(node: SeedTree, cells: usize) -> Self {
        let words = words(&node, VARIATES, cells).into();
        Self { node, words }
    }

    /// Number of cells.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// The words: `w` stands for the quantile of `(w + 1/2) / 2^32`.
    pub(super) fn words(&self) -> &[u32] {
        &self.words
    }

    /// The variate of one cell.
    pub(super) fn at(&self, cell: usize) -> f64 {
        tables::variate(self.words[cell], || self.refinement(cell))
    }

    /// The variates of all cells.
    pub(super) fn all(&self, instructions: Instructions) -> Vec<f64> {
        let mut variates = vec![0.0; self.len()];
        let refine = |cell| self.refinement(cell);
        instructions.run(Variates { words: &self.words, variates: &mut variates, refine });
        variates
    }

    /// The variates of those cells whose numbers are `first` and those of `cells` more.
    pub(super) fn some(&self, first: usize, cells: &[u16], instructions: Instructions) -> Vec<f64> {
        let number = |cell: u16| first + usize::from(cell);
        let words: Vec<u32> = cells.iter().map(|&cell| self.words[number(cell)]).collect();
        let mut variates = vec![0.0; cells.len()];
        let refine = |place: usize| self.refinement(number(cells[place]));
        instructions.run(Variates { words: &words, variates: &mut variates, refine });
        variates
    }

    /// For each cell, a word by itself: `w / 2^32` is uniform.
    pub(super) fn places(&self) -> Vec<u32> {
        words(&self.node, PLACES, self.len())
    }

    #[cold]
    fn refinement(&self, cell: usize) -> u32 {
        self.node.stream(REFINEMENTS).at(cell as u64).next_u32()
    }
}

fn words(node: &SeedTree, stream_id: u64, cells: usize) -> Vec<u32> {
    const BLOCK: usize = 1024;
    let mut stream = KeyStream::default();
    stream.restart(node, stream_id, 0);
    let mut words = Vec::with_capacity(cells.next_multiple_of(2));
    while words.len() < cells {
        let pairs = stream.take(BLOCK.min((cells - words.len()).div_ceil(2)), 0);
        words.extend(
            pairs.as_flattened().as_chunks().0.iter().map(|&word| u32::from_le_bytes(word)),
        );
    }
    words.truncate(cells);
    words
}

/// Streams of the node.
const VARIATES: u64 = 0;
const PLACES: u64 = 1;
const REFINEMENTS: u64 = 2;
