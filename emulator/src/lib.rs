#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod chip;
pub mod identity;
pub mod seed;
pub mod silicon;
pub mod wire;
