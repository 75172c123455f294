//! What every command shares: where results go, the seed, notes, progress.

use std::cell::OnceCell;
use std::io::Write as _;

use anstream::{AutoStream, ColorChoice as Anstream};
use serde_json::Value;

use super::exit::Failure;
use super::progress::Progress;
use super::{ColorChoice, Format, Global};
use crate::report::json::Document;
use crate::store::output::write_output;

/// One run of the program.
pub(crate) struct Session {
    global: Global,
    drawn: OnceCell<u64>,
}

impl Session {
    /// Sets up threads and colours.
    pub(super) fn open(global: Global) -> Result<Self, Failure> {
        let choice = match global.color {
            ColorChoice::Auto => Anstream::Auto,
            ColorChoice::Always => Anstream::Always,
            ColorChoice::Never => Anstream::Never,
        };
        choice.write_global();
        let threads = usize::from(global.threads.unwrap_or(0));
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(|error| Failure::unreachable(format_args!("no threads: {error}")))?;
        Ok(Self { global, drawn: OnceCell::new() })
    }

    pub(crate) fn is_json(&self) -> bool {
        self.global.format == Format::Json
    }

    /// `--output`, for a command that gives it a meaning of its own.
    pub(crate) fn output(&self) -> Option<&std::path::Path> {
        self.global.output.as_deref()
    }

    /// `--seed`, if it was given.
    pub(crate) fn given_seed(&self) -> Option<u64> {
        self.global.seed
    }

    /// `--seed`, or one drawn from the operating system, the same through the run.
    ///
    /// Drawn seeds stay below 2^53, so that every JSON reader keeps them whole.
    pub(crate) fn seed(&self) -> Result<u64, Failure> {
        if let Some(seed) = self.global.seed.or_else(|| self.drawn.get().copied()) {
            return Ok(seed);
        }
        let mut bytes = [0; 8];
        fill_random(&mut bytes)?;
        Ok(*self.drawn.get_or_init(|| u64::from_le_bytes(bytes) >> 11))
    }

    /// A word to the user that is no result.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        if !self.global.quiet {
            // A standard error that cannot be written is nothing to fail for.
            let _ = writeln!(anstream::stderr(), "note: {}", plain(text));
        }
    }

    pub(crate) fn progress(&self, total: u64, what: &str) -> Progress {
        Progress::new(self.global.progress, self.global.quiet, total, what)
    }

    /// Prints a result: the page or the document, as asked.
    pub(crate) fn print(
        &self,
        page: impl FnOnce() -> String,
        document: impl FnOnce() -> Document,
    ) -> Result<(), Failure> {
        let text = if self.is_json() { document().to_text() } else { page() };
        self.write_result(text.as_bytes())
    }

    /// As [`print`](Self::print), on standard output whatever `--output` says: for commands whose
    /// output file holds data.
    pub(crate) fn print_to_stdout(
        &self,
        page: impl FnOnce() -> String,
        document: impl FnOnce() -> Document,
    ) -> Result<(), Failure> {
        let text = if self.is_json() { document().to_text() } else { page() };
        to_stdout(text.as_bytes())
    }

    /// Writes a finished result to standard output or to `--output`.
    pub(crate) fn write_result(&self, result: &[u8]) -> Result<(), Failure> {
        let Some(path) = self.output() else {
            return to_stdout(result);
        };
        let plain = anstream::adapter::strip_bytes(result).into_vec();
        write_output(path, |file| file.write_all(&plain)).map_err(Failure::unreachable)
    }
}

fn to_stdout(result: &[u8]) -> Result<(), Failure> {
    let mut stdout = AutoStream::auto(std::io::stdout().lock());
    match stdout.write_all(result).and_then(|()| stdout.flush()) {
        // Whoever reads our output has read enough; the exit code still says how the run ended.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::stdout(&error)),
    }
}

/// Randomness of the operating system.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), Failure> {
    getrandom::fill(bytes).map_err(|error| {
        Failure::unreachable(format_args!("no randomness from the operating system: {error}"))
    })
}

/// The resolved parameters of a run, as a JSON object.
pub(crate) fn inputs<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A number of things in words: `1 chip`, `3 chips`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Text from outside on one line: control characters, with which a file's name could forge lines or
/// drive a terminal, are escaped.
pub(crate) fn plain(text: impl std::fmt::Display) -> String {
    escape(&text.to_string(), |_| false)
}

/// As [`plain`], where line breaks may be ours; what follows one is set in, so that it is seen to
/// belong to what came before.
pub(crate) fn lines(text: impl std::fmt::Display) -> String {
    escape(&text.to_string(), |character| character == '\n').replace('\n', "\n    ")
}

fn escape(text: &str, kept: impl Fn(char) -> bool) -> String {
    text.chars()
        .flat_map(|character| {
            // Marks of direction would let a name rearrange the line that it stands in.
            let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let escaped = (character.is_control() || turns) && !kept(character);
            let (one, many) = if escaped {
                (None, Some(character.escape_default()))
            } else {
                (Some(character), None)
            };
            one.into_iter().chain(many.into_iter().flatten())
        })
        .collect()
}

/// A path in a document; what is not Unicode in it is replaced.
pub(crate) fn shown(path: &std::path::Path) -> Value {
    Value::String(path.to_string_lossy().into_owned())
}
