//! How often what should be recognised is not: keys that cannot be rebuilt, devices taken for others.

pub mod exact;
pub mod identification;
