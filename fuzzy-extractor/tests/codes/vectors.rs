//! Words and verdicts on which independent implementations agree.

use std::path::PathBuf;

use fuzzy_extractor::bits::BitString;
use fuzzy_extractor::code::{Bch, BlockCode, Golay};
use serde_json::Value;

use crate::golay::sha256_of;
use crate::support::{bits, decode, integer};

/// A received word and what a complete bounded-distance decoder makes of it.
struct Case<'a> {
    message: &'a str,
    codeword: &'a str,
    received: &'a str,
    /// Message and errors of the decoded word, `None` for a failure.
    decoded: Option<(&'a str, usize)>,
}

impl Case<'_> {
    #[track_caller]
    fn check(&self, code: &Bch) {
        let word = |hex, bits| BitString::from_integer_hex(hex, bits).unwrap();
        let sent = code.encode(&word(self.message, code.k()));
        assert_eq!(sent.to_integer_hex(), self.codeword, "{code}");
        let found = decode(code, &word(self.received, code.n())).ok();
        let found = found.map(|d| (code.message(&d.codeword).to_integer_hex(), d.corrected));
        let expected = self.decoded.map(|(message, errors)| (message.to_string(), errors));
        assert_eq!(found, expected, "{code}: {}", self.received);
    }
}

#[test]
fn some_words_of_others() {
    let mut verdicts = [0; 3];
    let rows = include_str!("../vectors/bch_words.csv").lines();
    for row in rows.filter(|row| !row.starts_with('#')).skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let [n, k, t, message, codeword, received, result, decoded, corrected] = fields[..] else {
            panic!("{row}")
        };
        let number = |text: &str| text.parse::<usize>().unwrap();
        let code = Bch::new(number(n), number(k), number(t)).unwrap();
        let verdict = ["ok", "miscorrected", "fail"].iter().position(|v| *v == result).unwrap();
        verdicts[verdict] += 1;
        let decoded = (result != "fail").then(|| (decoded, number(corrected)));
        assert_eq!(result == "ok", decoded.is_some_and(|d| d.0 == message), "{row}");
        Case { message, codeword, received, decoded }.check(&code);
    }
    assert!(verdicts.iter().all(|&count| count >= 5), "{verdicts:?} of each verdict");
}

/// A file of the full set, which is not part of this repository.
fn shared(path: &str) -> Value {
    let root = std::env::var_os("PUFLAB_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let path = root.join("golden/codes").join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

#[test]
#[ignore = "needs ../shared; stage 2"]
fn every_bch_word_of_others_in_shared() {
    let vectors = shared("bch_vectors.json");
    let (mut failures, mut miscorrections) = (0, 0);
    for entry in vectors["codes"].as_array().unwrap() {
        let code = Bch::new(number(&entry["n"]), number(&entry["k"]), number(&entry["t"])).unwrap();
        assert_eq!(code.generator().unwrap().to_hex(), entry["generator_hex"].as_str().unwrap());
        assert_eq!(
            format!("{:x}", code.field().modulus()),
            entry["prim_poly_hex"].as_str().unwrap()
        );
        for case in entry["cases"].as_array().unwrap() {
            let text = |key: &str| case[key].as_str().unwrap();
            let expect = &case["expect"];
            failures += usize::from(expect["result"] == "fail");
            miscorrections += usize::from(expect["result"] == "miscorrected");
            Case {
                message: text("message_hex"),
                codeword: text("codeword_hex"),
                received: text("received_hex"),
                decoded: expect["message_hex"].as_str().map(|m| (m, number(&expect["corrected"]))),
            }
            .check(&code);
        }
    }
    println!("{failures} failures, {miscorrections} miscorrections");
    assert!(failures > 50 && miscorrections > 10);
}

#[test]
#[ignore = "needs ../shared; stage 2"]
fn every_golay_word_of_others_in_shared() {
    let vectors = shared("golay.json");
    let codes = vectors["codes"].as_array().unwrap();
    let entry = codes.iter().find(|entry| entry["generator_hex"] == "c75").unwrap();
    let parity = entry["parity_11bit_by_message_hex"].as_str().unwrap();
    assert_eq!(parity.len(), 3 << 12);
    for (message, hex) in (0..).zip(parity.as_bytes().chunks(3)) {
        let check = u32::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap();
        let word = integer(&Golay::perfect().encode(&bits(message, 12)));
        assert_eq!(word, message << 11 | check);
    }
    for (code, key) in [
        (Golay::perfect(), "sha256_sorted_codewords_23_as_u32be"),
        (Golay::extended(), "sha256_sorted_codewords_24_as_u32be_word_shl1_or_parity"),
    ] {
        let words = (0..1 << 12).map(|message| integer(&code.encode(&bits(message, 12))));
        assert_eq!(sha256_of(words), entry[key].as_str().unwrap());
    }
    for example in entry["examples"].as_array().unwrap() {
        let text = |key: &str| example[key].as_str().unwrap();
        let message = BitString::from_integer_hex(text("message_hex"), 12).unwrap();
        let words = [(Golay::perfect(), "codeword_23_hex"), (Golay::extended(), "codeword_24_hex")];
        for (code, key) in words {
            assert_eq!(code.encode(&message).to_integer_hex(), text(key));
        }
    }
}
