//! Where measured data and golden values are that the repository does not carry.
#![allow(unreachable_pub, reason = "shared by tests")]

use std::path::{Path, PathBuf};

/// A file or folder of the shared folder, which `PUFLAB_SHARED` names; by default it is beside the
/// repository.
pub fn shared(name: &str) -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    std::env::var_os("PUFLAB_SHARED").map_or_else(beside, PathBuf::from).join(name)
}
