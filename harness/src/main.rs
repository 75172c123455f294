//! The `puflab` command. What each command line means is in [`puflab::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    puflab::cli::main(std::env::args_os())
}
