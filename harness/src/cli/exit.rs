//! Exit codes and the errors that end a run.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use super::session::lines;

/// How a run ends. The numbers are a contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, and every check held.
    Done = 0,
    /// Done, and a check did not hold: a device rejected, a target missed.
    CheckFailed = 1,
    /// The command line or a config file is wrong.
    Usage = 2,
    /// Input data is malformed or untrustworthy.
    BadData = 3,
    /// Nothing was run: an empty selection is no success.
    NothingRun = 4,
    /// Too few samples for the asked confidence.
    Inconclusive = 5,
    /// A device, verifier, file or socket cannot be reached or written.
    Unreachable = 6,
    /// A fault of our own.
    Internal = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a run ended early: what failed, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    advice: Option<String>,
}

impl Failure {
    fn new(exit: Exit, message: impl Display) -> Self {
        Self { exit, message: message.to_string(), advice: None }
    }

    /// The command line or a config file is wrong.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A check did not hold, and there is nothing to show for it.
    pub(crate) fn check_failed(message: impl Display) -> Self {
        Self::new(Exit::CheckFailed, message)
    }

    /// Input data is malformed or untrustworthy.
    pub(crate) fn bad_data(message: impl Display) -> Self {
        Self::new(Exit::BadData, message)
    }

    /// Something cannot be reached or written.
    pub(crate) fn unreachable(message: impl Display) -> Self {
        Self::new(Exit::Unreachable, message)
    }

    /// A fault of our own.
    pub(crate) fn internal(message: impl Display) -> Self {
        Self::new(Exit::Internal, format_args!("a fault of our own: {message}"))
            .advise("please report it with the command line and the seed")
    }

    /// A file cannot be read or written.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::unreachable(format_args!("{}: {error}", path.display()))
    }

    /// Standard output cannot be written.
    pub(crate) fn stdout(error: &io::Error) -> Self {
        Self::unreachable(format_args!("standard output: {error}"))
    }

    /// Adds what to do next.
    pub(crate) fn advise(mut self, advice: impl Display) -> Self {
        self.advice = Some(advice.to_string());
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

/// Prints an error and its advice on standard error.
pub(crate) fn complain(failure: &Failure) {
    let (red, bold) = (AnsiColor::Red.on_default().bold(), Style::new().bold());
    let mut stderr = anstream::stderr();
    // A standard error that cannot be written leaves the exit code to speak.
    let _ = writeln!(stderr, "{red}error{red:#}: {}", lines(&failure.message));
    if let Some(advice) = &failure.advice {
        let _ = writeln!(stderr, "  {bold}try{bold:#}: {}", lines(advice));
    }
}
