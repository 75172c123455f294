//! A folder in which `puflab` is run.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]
#![allow(dead_code, unreachable_pub, reason = "shared by tests, none of which needs all of it")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder to work in.
pub struct Place(pub tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_puflab"));
        command.current_dir(self.0.path()).args(arguments.split_whitespace()).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command line that must end with `exit`, and gives its standard output.
    #[track_caller]
    pub fn expect(&self, exit: i32, arguments: &str) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(exit), "puflab {arguments}\n{errors}");
        for word in ["panicked", "backtrace", "unwrap"] {
            assert!(!errors.contains(word), "{errors}");
        }
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command line that must fail with `exit` and say each of `words`.
    #[track_caller]
    pub fn refuse(&self, exit: i32, arguments: &str, words: &[&str]) {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(exit), "puflab {arguments}\n{errors}");
        assert!(output.stdout.is_empty(), "puflab {arguments}: results on a failure");
        for word in words {
            assert!(errors.contains(word), "puflab {arguments}: no {word:?} in\n{errors}");
        }
    }

    /// Runs a command line that shows its results and must end with `exit` and say `words`.
    #[track_caller]
    pub fn run_and_complain(&self, exit: i32, arguments: &str, words: &[&str]) {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(exit), "puflab {arguments}\n{errors}");
        for word in words {
            assert!(errors.contains(word), "puflab {arguments}: no {word:?} in\n{errors}");
        }
    }

    #[track_caller]
    pub fn json(&self, exit: i32, arguments: &str) -> Value {
        let text = self.expect(exit, &format!("{arguments} --format json"));
        serde_json::from_str(&text).unwrap()
    }
}
