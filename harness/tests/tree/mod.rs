//! A folder of files to read.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]
#![allow(dead_code, unreachable_pub, reason = "shared by tests, none of which needs all of it")]

use std::fs;
use std::path::PathBuf;

use puflab::readouts::{Options, ReadoutError, Recording, read};

pub mod intel_hex;

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

/// A NumPy array file, version 1.0.
pub fn npy(descr: &str, fortran_order: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let header =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran_order}, 'shape': {shape}, }}\n");
    let len = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &len[..], header.as_bytes(), elements].concat()
}
