//! See `contracts::entropy90b`, which an ordinary test replays over the corpus.
#![no_main]

#[path = "../../harness/tests/contracts/mod.rs"]
#[allow(dead_code, reason = "each target runs one of the contracts")]
mod contracts;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| contracts::entropy90b(bytes));
