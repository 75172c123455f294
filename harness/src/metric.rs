//! Metrics of power-ups: pure functions on bits and counts.
//!
//! [`tally`] goes over the readouts of a device once and leaves what every figure needs: one-counts
//! of the cells, distances of the readouts.

pub mod address;
pub mod between;
pub(crate) mod chi_square;
pub mod counts;
pub mod device;
pub mod estimate;
pub mod passes;
pub mod scan;
pub mod spatial;
pub mod tally;
