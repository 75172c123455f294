#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod bits;
pub mod code;
pub mod derive;
pub mod extractor;
pub mod gf2m;
pub mod health;
pub mod helper_data;
pub mod polynomial;
pub mod response;
pub mod sketch;
