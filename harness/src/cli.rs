//! The command line: arguments, colours, exit codes. Nothing else in the workspace knows them.
//!
//! `main` is the table of contents; each subcommand is a file that turns its arguments into a call
//! of the library and the result into a human page or a JSON document.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

mod code;
mod demo;
mod device;
mod endpoint;
mod entropy90b;
mod exit;
mod inspect;
mod interrupt;
mod measured;
mod nearest;
mod output;
mod profiles;
mod progress;
mod session;
mod silicon_arguments;
mod simulate;
mod verifier;
mod words;

pub use exit::Exit;

use exit::Failure;
use session::Session;

/// A PUF laboratory: emulated chips that grow their private keys from SRAM noise, a verifier to
/// authenticate them, and the tools to measure how reliably they do it.
#[derive(Debug, Parser)]
#[command(name = "puflab", version, propagate_version = true, max_term_width = 100)]
struct CommandLine {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
struct Global {
    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Write results to a file instead of standard output, whole or not at all.
    #[arg(long, global = true, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Seed of all randomness; the same seed prints the same bytes [default: drawn, and printed].
    #[arg(long, global = true, value_name = "N")]
    seed: Option<u64>,
    /// Number of threads; results do not depend on it [default: all cores].
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Progress on standard error, for work of more than two seconds.
    #[arg(long, global = true, value_enum, default_value_t = ProgressChoice::Auto)]
    progress: ProgressChoice,
    /// Colours.
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
    /// No notes on standard error; errors are still printed.
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A page to read.
    Human,
    /// One JSON object.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProgressChoice {
    /// A bar, if standard error is a terminal.
    Auto,
    /// A bar.
    Bar,
    /// Nothing.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ColorChoice {
    /// If the output is a terminal and NO_COLOR is not set.
    Auto,
    /// Yes.
    Always,
    /// No.
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The whole story in a few seconds: chips that were never given a key prove who they are.
    Demo(demo::Arguments),
    /// The process profiles that silicon can be made from, with where each number comes from.
    Profiles(profiles::Arguments),
    /// Power-ups of a population of chips, as a file.
    Simulate(simulate::Arguments),
    /// Measured power-ups: metrics, a fitted noise model, and what is wrong with the data.
    Inspect(inspect::Arguments),
    /// One error-correcting code by itself.
    #[command(subcommand)]
    Code(code::Arguments),
    /// Min-entropy of a file of bits or symbols by NIST SP 800-90B, with its IID and restart tests.
    Entropy90b(entropy90b::Arguments),
    /// A persistent emulated device in a folder.
    #[command(subcommand)]
    Device(device::Arguments),
    /// The gate: a verifier and its registry in a folder.
    #[command(subcommand)]
    Verifier(verifier::Arguments),
    /// Shell completions on standard output.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Runs a command line and gives the exit code of the process.
///
/// Never panics and never prints a back-trace: a fault of our own is said to be one, exit 70.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let line = match CommandLine::try_parse_from(arguments) {
        Ok(line) => line,
        Err(error) => {
            // Help and version are printed as results, mistakes as errors with exit 2.
            let printed = error.print();
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            return printed.map_or(Exit::Unreachable, |()| exit).into();
        }
    };
    panic::set_hook(Box::new(|_| {}));
    let exit = panic::catch_unwind(|| run(line)).unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no further word");
        exit::complain(&Failure::internal(what));
        Exit::Internal
    });
    exit.into()
}

fn run(line: CommandLine) -> Exit {
    let result = Session::open(line.global).and_then(|session| {
        match line.command.unwrap_or_else(default_command) {
            Command::Demo(arguments) => demo::run(&session, &arguments),
            Command::Profiles(arguments) => profiles::run(&session, &arguments),
            Command::Simulate(arguments) => simulate::run(&session, &arguments),
            Command::Inspect(arguments) => inspect::run(&session, &arguments),
            Command::Code(arguments) => code::run(&session, &arguments),
            Command::Entropy90b(arguments) => entropy90b::run(&session, &arguments),
            Command::Device(arguments) => device::run(&session, &arguments),
            Command::Verifier(arguments) => verifier::run(&session, &arguments),
            Command::Completions { shell } => completions(&session, shell),
        }
    });
    match result {
        Ok(exit) => exit,
        Err(failure) => {
            exit::complain(&failure);
            failure.exit()
        }
    }
}

/// What `puflab` alone runs: the demo as it is without arguments.
fn default_command() -> Command {
    #[derive(Parser)]
    struct Demo {
        #[command(flatten)]
        arguments: demo::Arguments,
    }
    Command::Demo(Demo::parse_from(["puflab"]).arguments)
}

fn completions(session: &Session, shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "puflab", &mut script);
    session.write_result(&script)?;
    Ok(Exit::Done)
}

/// Whether standard error can show progress.
fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }
}
