//! `puflab code`: one code by itself.

use std::fmt::Write as _;

use clap::Subcommand;
use fuzzy_extractor::bits::{BitString, HexError};
use fuzzy_extractor::code::{BoxedCode, notation};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Map, Value, json};

use super::exit::{Exit, Failure};
use super::session::{Session, inputs};
use crate::report::json::Document;

#[derive(Debug, Subcommand)]
pub(crate) enum Arguments {
    /// Parameters of a code, for example `rep(7)*bch(318,174,17)`.
    Info {
        /// The code.
        code: String,
    },
    /// The code word of a message.
    Encode {
        /// The code.
        code: String,
        /// The message: k bits as the hex of a big-endian integer, ceil(k/4) digits.
        message: String,
    },
    /// The message of a received word; exit 1 if it cannot be decoded.
    Decode {
        /// The code.
        code: String,
        /// The word: n bits as the hex of a big-endian integer, ceil(n/4) digits.
        word: String,
    },
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Exit, Failure> {
    match arguments {
        Arguments::Info { code } => info(session, &parse(code)?),
        Arguments::Encode { code, message } => encode(session, &parse(code)?, message),
        Arguments::Decode { code, word } => decode(session, &parse(code)?, word),
    }
}

/// Reads a code from the command line.
pub(crate) fn parse(text: &str) -> Result<BoxedCode, Failure> {
    notation::parse(text).map_err(|error| Failure::usage(format_args!("code {text:?}: {error}")))
}

fn info(session: &Session, code: &BoxedCode) -> Result<Exit, Failure> {
    let (n, k, t, d) = (code.n(), code.k(), code.t(), code.d());
    let generator = code.generator().map(|generator| generator.to_hex());
    let page = || {
        let mut page = format!("{code}\n");
        let mut line = |name: &str, value: String| {
            let _ = writeln!(page, "  {name:<22} {value}");
        };
        line("word, n", format!("{n} bits"));
        line("message, k", format!("{k} bits"));
        line("corrects always, t", format!("{t} errors"));
        if let Some(d) = d {
            line("minimum distance, d", d.to_string());
        }
        line("helper data", format!("{n} bits (code-offset), {} bits (syndrome)", n - k));
        if let Some(generator) = &generator {
            line("generator, hex", generator.clone());
        }
        page
    };
    let document = || {
        let mut results = Map::new();
        results.insert("code".into(), json!(code.to_string()));
        results.insert("n".into(), json!(n));
        results.insert("k".into(), json!(k));
        results.insert("t".into(), json!(t));
        results.extend(d.map(|d| ("d".into(), json!(d))));
        results.extend(generator.as_ref().map(|g| ("generator".into(), json!(g))));
        Document::new("code-info", None, inputs([code_input(code)]), Value::Object(results))
    };
    session.print(page, document)?;
    Ok(Exit::Done)
}

fn encode(session: &Session, code: &BoxedCode, message: &str) -> Result<Exit, Failure> {
    let message = word(message, code.k(), "message of k")?;
    let codeword = code.encode(&message).to_integer_hex();
    let inputs = inputs([code_input(code), ("message", json!(message.to_integer_hex()))]);
    session.print(
        || format!("{codeword}\n"),
        || Document::new("code-encode", None, inputs, json!({ "codeword": codeword })),
    )?;
    Ok(Exit::Done)
}

fn decode(session: &Session, code: &BoxedCode, received: &str) -> Result<Exit, Failure> {
    let received = word(received, code.n(), "word of n")?;
    let inputs = inputs([code_input(code), ("word", json!(received.to_integer_hex()))]);
    // An even repetition tie needs a coin; nothing else here is random.
    let mut coin = None;
    let seed = session.seed()?;
    let mut toss = || {
        let rng = coin.get_or_insert_with(|| ChaCha8Rng::seed_from_u64(seed));
        rng.next_u32() & 1 == 1
    };
    let decoded = code.decode(&received, &mut toss);
    let seed = coin.is_some().then_some(seed);
    let Ok(decoded) = decoded else {
        session.print(
            || "cannot be decoded: no code word within the decoder's reach\n".to_owned(),
            || Document::new("code-decode", seed, inputs, json!({ "failure": true })),
        )?;
        return Ok(Exit::CheckFailed);
    };
    let message = code.message(&decoded.codeword).to_integer_hex();
    let corrected = decoded.corrected;
    session.print(
        || {
            let tie = seed.map_or(String::new(), |seed| format!(", a tie tossed with seed {seed}"));
            format!("{message}  ({corrected} corrected{tie})\n")
        },
        || {
            let codeword = decoded.codeword.to_integer_hex();
            let results = json!({
                "failure": false, "message": message, "codeword": codeword, "corrected": corrected,
            });
            Document::new("code-decode", seed, inputs, results)
        },
    )?;
    Ok(Exit::Done)
}

fn code_input(code: &BoxedCode) -> (&'static str, Value) {
    ("code", json!(code.to_string()))
}

fn word(hex: &str, bits: usize, what: &str) -> Result<BitString, Failure> {
    BitString::from_integer_hex(hex, bits).map_err(|error| {
        let failure = Failure::usage(format_args!("{hex:?} is no {what} = {bits} bits: {error}"));
        match error {
            HexError::Length { expected, .. } => {
                failure.advise(format_args!("pad with zeros on the left to {expected} digits"))
            }
            _ => failure,
        }
    })
}
