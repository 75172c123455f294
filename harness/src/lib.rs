#![doc = include_str!("../../README.md")]

pub mod cli;
pub mod demo;
pub mod device_folder;
pub mod device_server;
pub mod faults;
pub mod fit;
pub mod inspection;
pub mod link;
pub mod metric;
pub mod readouts;
pub mod reliability;
pub mod report;
pub mod simulation;
pub mod sp80090b;
pub mod store;
pub mod verifier;
