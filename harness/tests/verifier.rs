//! The verifier against mock devices: in process, on disk, and over links.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

#[path = "verifier/in_process.rs"]
mod in_process;
#[path = "verifier/mock.rs"]
mod mock;
#[path = "verifier/on_disk.rs"]
mod on_disk;
#[path = "verifier/over_links.rs"]
mod over_links;
