//! A folder of files to read.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]
#![allow(dead_code, unreachable_pub, reason = "shared by tests, none of which needs all of it")]

use std::fs;
use std::path::PathBuf;

use puflab::readouts::{Options, ReadoutError, Recording, read};

pub struct Tree(tempfile::TempDir);

impl Tree {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn add(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    pub fn read(&self) -> Recording {
        self.read_with(&Options::default()).unwrap()
    }

    pub fn read_with(&self, options: &Options) -> Result<Recording, ReadoutError> {
        read(&[self.0.path()], options)
    }

    #[track_caller]
    pub fn refused(&self) -> ReadoutError {
        self.read_with(&Options::default()).unwrap_err()
    }
}

/// One record of Intel HEX with its checksum and a line end.
pub fn intel_hex_record(offset: u16, kind: u8, data: &[u8]) -> String {
    let [high, low] = offset.to_be_bytes();
    let mut bytes = vec![u8::try_from(data.len()).unwrap(), high, low, kind];
    bytes.extend_from_slice(data);
    let sum = bytes.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    bytes.push(sum.wrapping_neg());
    let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    format!(":{digits}\n")
}

/// A file of Intel HEX with memory from an address in the upper half on.
pub fn intel_hex(upper: u16, memory: &[u8]) -> String {
    let mut text = String::new();
    for (place, data) in memory.chunks(16).enumerate() {
        let offset = 16 * place;
        if offset.is_multiple_of(1 << 16) {
            let upper = upper + u16::try_from(offset >> 16).unwrap();
            text += &intel_hex_record(0, 4, &upper.to_be_bytes());
        }
        text += &intel_hex_record(u16::try_from(offset & 0xffff).unwrap(), 0, data);
    }
    text + &intel_hex_record(0, 1, &[])
}

/// A NumPy array file, version 1.0.
pub fn npy(descr: &str, fortran_order: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let header =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran_order}, 'shape': {shape}, }}\n");
    let len = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &len[..], header.as_bytes(), elements].concat()
}
