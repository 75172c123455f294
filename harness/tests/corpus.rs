//! Replays the seed corpora of the fuzz targets, and every prefix of each seed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

mod contracts;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target)
}

#[track_caller]
fn replay(target: &str, contract: fn(&[u8])) {
    let folder = corpus(target);
    let mut seeds = 0;
    for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for end in 0..=bytes.len() {
            contract(&bytes[..end]);
        }
        seeds += 1;
    }
    assert!(seeds >= 3, "{target} has {seeds} seeds");
}

#[test]
fn code_notation() {
    replay("code_notation", contracts::code_notation);
}

#[test]
fn device_state() {
    replay("device_state", contracts::device_state);
}

#[test]
fn entropy90b() {
    replay("entropy90b", contracts::entropy90b);
}

#[test]
fn helper_data() {
    replay("helper_data", contracts::helper_data);
    // The corpus holds the one that is accepted, so that fuzzing starts beside it.
    let seed = fs::read(corpus("helper_data").join("genuine")).unwrap();
    assert_eq!(seed, contracts::genuine());
    for bit in 0..8 * seed.len() {
        let mut flipped = seed.clone();
        flipped[bit / 8] ^= 0x80 >> (bit % 8);
        contracts::helper_data(&flipped);
    }
}

#[test]
fn profile() {
    replay("profile", contracts::profile);
}

#[test]
fn protocol_frame() {
    replay("protocol_frame", contracts::protocol_frame);
}

#[test]
fn readouts() {
    replay("readouts", contracts::readouts);
}

#[test]
fn readouts_intel_hex() {
    replay("readouts_intel_hex", contracts::intel_hex);
}

#[test]
fn readouts_hex_text() {
    replay("readouts_hex_text", contracts::hex_text);
}

#[test]
fn readouts_binary_digits() {
    replay("readouts_binary_digits", contracts::binary_digits);
}

#[test]
fn readouts_csv() {
    replay("readouts_csv", contracts::csv);
}

#[test]
fn readouts_npy() {
    replay("readouts_npy", contracts::npy);
}
