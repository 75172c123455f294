//! Results as documents: pure functions of records.

pub mod json;
