//! Key failure rates: how often a key cannot be rebuilt.

pub mod exact;
