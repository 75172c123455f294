//! The codes: known answers, exhaustive small cases, and laws that hold for all of them.

#![allow(
    clippy::cast_possible_truncation,
    reason = "small numbers, and a wrong one fails the test"
)]
#![allow(clippy::unwrap_used, reason = "a helper of a test that cannot go on fails the test")]

mod bch;
mod generic;
mod golay;
mod hamming;
mod leaders;
mod notation;
mod repetition;
mod support;
mod vectors;
