//! The JSON document that every command prints with `--format json`.

use serde_json::{Value, json};

/// One result document.
#[derive(Debug, Clone)]
pub struct Document {
    /// What the document is and which version of that, for example `puflab/demo/1`.
    pub schema: String,
    /// Version of puflab.
    pub version: &'static str,
    /// The seed that gives the same document again; `null` where nothing was drawn.
    pub seed: Option<u64>,
    /// The parameters as they were resolved.
    pub inputs: Value,
    /// What came out.
    pub results: Value,
}

impl Document {
    /// A document of schema version 1.
    #[must_use]
    pub fn new(command: &str, seed: Option<u64>, inputs: Value, results: Value) -> Self {
        let schema = format!("puflab/{command}/1");
        Self { schema, version: env!("CARGO_PKG_VERSION"), seed, inputs, results }
    }

    /// The text: pretty-printed, keys in the order of their making, a line break at the end.
    #[must_use]
    pub fn to_text(&self) -> String {
        let value = json!({
            "schema": self.schema,
            "version": self.version,
            "seed": self.seed,
            "inputs": self.inputs,
            "results": self.results,
        });
        format!("{value:#}\n")
    }
}
