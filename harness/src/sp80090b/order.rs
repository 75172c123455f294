//! Rows and columns: the same cells in three orders.
//!
//! A row is what is read at once: a readout, a device. [`Order::Row`] reads along rows, which is how
//! files are written; [`Order::Column`] takes the first cell of every row, then the second, as somebody
//! would who has many chips; [`Order::Shuffled`] takes all cells in an order that follows from a seed,
//! which leaves nothing but their proportions.
//!
//! The assessments differ, and the difference is the finding. Cells that agree in all rows are worth
//! nothing to whoever knows another row: by columns they are long runs. Along rows they may look like a
//! perfect coin.

use puf_emulator::seed::{SeedTree, SimulatedRng};
use rand_core::Rng as _;

use super::symbols::{SymbolError, Symbols};
use crate::readouts::Block;

/// An order in which the cells of rows are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Row by row.
    Row,
    /// Column by column.
    Column,
    /// In a random order.
    Shuffled,
}

impl Order {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Row, Self::Column, Self::Shuffled];

    /// Its name in documents and on command lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Column => "column",
            Self::Shuffled => "shuffled",
        }
    }
}

/// Symbols in rows of one length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    values: Vec<u8>,
    columns: usize,
    bits: Option<u32>,
}

impl Matrix {
    /// Rows of `columns` values, one after another; `bits` as in [`Symbols::from_values`].
    ///
    /// `None` if that is not a whole number of rows, and at least one.
    #[must_use]
    pub fn new(values: Vec<u8>, columns: usize, bits: Option<u32>) -> Option<Self> {
        let whole = columns > 0 && !values.is_empty() && values.len().is_multiple_of(columns);
        whole.then_some(Self { values, columns, bits })
    }

    /// Rows of bits, as packed words: bit `i % 64` of word `i / 64` is cell `i`. `None` if there is no
    /// cell.
    #[must_use]
    pub fn of_words<'a>(rows: impl IntoIterator<Item = &'a [u64]>, cells: usize) -> Option<Self> {
        let mut values = Vec::new();
        for words in rows {
            values.extend((0..cells).map(|i| u8::from(words[i / 64] >> (i % 64) & 1 == 1)));
        }
        Self::new(values, cells, Some(1))
    }

    /// The readouts of a block as rows. `None` if there is no cell.
    #[must_use]
    pub fn of_block(block: &Block) -> Option<Self> {
        Self::of_words(block.rows(), block.cells())
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    /// How many columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The symbols in an order. `seed` is that of the shuffled one.
    ///
    /// # Errors
    /// [`SymbolError`], if the values are no symbols of the width.
    pub fn symbols(&self, order: Order, seed: u64) -> Result<Symbols, SymbolError> {
        let values = match order {
            Order::Row => self.values.clone(),
            Order::Column => (0..self.columns)
                .flat_map(|column| self.values[column..].iter().step_by(self.columns).copied())
                .collect(),
            Order::Shuffled => {
                let mut values = self.values.clone();
                shuffle(&mut values, &SeedTree::from_seed(seed).child("sp800-90b order"), 0);
                values
            }
        };
        Symbols::from_values(values, self.bits)
    }
}

/// Shuffles (Fisher, Yates; Durstenfeld, 1964) with stream `stream` of a node.
pub(super) fn shuffle<T>(items: &mut [T], node: &SeedTree, stream: u64) {
    let mut rng = node.stream(stream);
    for i in (1..items.len()).rev() {
        items.swap(i, below(&mut rng, i + 1));
    }
}

/// A uniform number below `bound`, which is at most [`MAX_SAMPLES`](super::MAX_SAMPLES) (Lemire, 2019:
/// a product instead of a division, and no bias).
fn below(rng: &mut SimulatedRng, bound: usize) -> usize {
    let bound = bound as u64;
    loop {
        let product = u64::from(rng.next_u32()) * bound;
        let low = product & u64::from(u32::MAX);
        // The remainder is looked at only where it can matter.
        if low >= bound || low >= (1_u64 << 32) % bound {
            return (product >> 32) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_hold_the_same_cells() {
        let matrix = Matrix::new(vec![0, 1, 2, 3, 4, 5], 3, None).unwrap();
        let values = |order| matrix.symbols(order, 1).unwrap().values().collect::<Vec<_>>();
        assert_eq!((matrix.rows(), matrix.columns()), (2, 3));
        assert_eq!(values(Order::Row), [0, 1, 2, 3, 4, 5]);
        assert_eq!(values(Order::Column), [0, 3, 1, 4, 2, 5]);
        let mut shuffled = values(Order::Shuffled);
        assert_eq!(shuffled, values(Order::Shuffled), "a seed, an order");
        shuffled.sort_unstable();
        assert_eq!(shuffled, values(Order::Row));
        assert!(Matrix::new(vec![0; 5], 3, None).is_none());
        assert!(Matrix::new(vec![], 3, None).is_none() && Matrix::new(vec![0], 0, None).is_none());
    }

    #[test]
    fn readouts_are_rows() {
        let mut block = Block::new(65);
        block.push()[0] = 1;
        block.push()[1] = 1;
        let matrix = Matrix::of_block(&block).unwrap();
        let ones = |order| -> Vec<usize> {
            let symbols = matrix.symbols(order, 1).unwrap();
            symbols.samples().iter().enumerate().filter(|(_, s)| **s == 1).map(|(i, _)| i).collect()
        };
        assert_eq!(ones(Order::Row), vec![0, 65 + 64]);
        assert_eq!(ones(Order::Column), vec![0, 2 * 64 + 1]);
    }

    /// Each of the 24 orders of 4 items, in 24,000 shuffles: chi-square with 23 degrees of freedom is
    /// above 71 once in a million.
    #[test]
    fn every_order_is_as_likely() {
        let node = SeedTree::from_seed(5);
        let mut counts = std::collections::HashMap::new();
        for stream in 0..24_000 {
            let mut items = [0, 1, 2, 3];
            shuffle(&mut items, &node, stream);
            *counts.entry(items).or_insert(0.0) += 1.0;
        }
        let chi_square: f64 =
            counts.values().map(|n: &f64| (n - 1000.0) * (n - 1000.0) / 1000.0).sum();
        assert!(counts.len() == 24 && chi_square < 71.0, "{chi_square}");
    }
}
