//! What can be wrong with the text of a profile.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{FORMAT, MAX_SENTENCE_CHARS, MAX_TEXT_BYTES, ParameterError};

/// Why the text of a profile was refused.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileError {
    /// Where it begins, if the fault is at a place.
    pub position: Option<Position>,
    /// Path of the key at fault, for example `parameters.lambda1.unit`; empty for the whole text.
    pub key: String,
    /// What is wrong there.
    pub fault: ProfileFault,
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// What is wrong with a key of a profile, or with all of it.
#[derive(Debug, Clone, PartialEq)]
pub enum ProfileFault {
    /// Longer than [`MAX_TEXT_BYTES`].
    TooLong,
    /// Not TOML; a key that is there twice is not, either.
    Syntax(String),
    /// Another version of the format.
    Format {
        /// What is there.
        found: String,
    },
    /// A key that must be there is not.
    Missing {
        /// What could be written, as TOML.
        example: String,
    },
    /// A key that means nothing here.
    Unknown {
        /// Those that do.
        known: Vec<&'static str>,
    },
    /// A value of another type.
    Type {
        /// What is asked.
        expected: &'static str,
    },
    /// A name that is not 1 to 64 lower-case letters, digits and hyphens.
    Name,
    /// A kind that does not exist.
    Kind {
        /// What is there.
        found: String,
    },
    /// A sentence that is blank, longer than [`MAX_SENTENCE_CHARS`], or has control characters.
    Sentence,
    /// Another unit than the parameter's.
    Unit {
        /// What is there.
        found: String,
        /// The parameter's.
        expected: &'static str,
    },
    /// A typical value is asked for where too little was measured for one.
    NoTypical,
    /// A parameter that every process has cannot be off.
    NoOff,
    /// A number that the parameter cannot have.
    Value(ParameterError),
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "line {line}, column {column}: ")?;
        }
        let key = &self.key;
        match &self.fault {
            ProfileFault::TooLong => write!(f, "longer than {MAX_TEXT_BYTES} bytes"),
            ProfileFault::Syntax(message) => f.write_str(message),
            ProfileFault::Format { found } => {
                write!(f, "{key} is {found}, this program reads format {FORMAT}")
            }
            ProfileFault::Missing { example } => {
                write!(f, "{key} is missing, for example {example}")
            }
            ProfileFault::Unknown { .. } => match key.strip_prefix("parameters.") {
                Some(name) if !name.contains('.') => write!(f, "no parameter is called {name}"),
                _ => write!(f, "{key} means nothing in a profile"),
            },
            ProfileFault::Type { expected } => write!(f, "{key} is not {expected}"),
            ProfileFault::Name => {
                write!(f, "{key} is not 1 to 64 lower-case letters, digits and hyphens")
            }
            ProfileFault::Kind { found } => {
                write!(f, "{key} is {found:?}, where measured, literature and typical exist")
            }
            ProfileFault::Sentence => write!(
                f,
                "{key} is not 1 to {MAX_SENTENCE_CHARS} characters without control characters"
            ),
            ProfileFault::Unit { found, expected } => {
                write!(f, "{key} is {found:?}, where {expected:?} is asked")
            }
            ProfileFault::NoOff => write!(f, "{key} cannot be off: every process has it"),
            ProfileFault::NoTypical => {
                write!(f, "{key}: too little was measured for a typical value")
            }
            ProfileFault::Value(error) => write!(f, "{key}: {error}"),
        }
    }
}

impl core::error::Error for ProfileError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.fault {
            ProfileFault::Value(error) => Some(error),
            _ => None,
        }
    }
}
