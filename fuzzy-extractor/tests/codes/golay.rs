//! The Golay codes, exhaustively.

use fuzzy_extractor::code::{BlockCode, CodeError, DecodeFailure, Golay};
use sha2::{Digest, Sha256};

use crate::support::{bits, decode, integer, patterns};

/// SHA-256 of what independent implementations list for the generator `c75`: the code words of 23
/// bits, those of 24, both sorted, and the leaders by syndrome, each as four bytes, big-endian.
const CODE_WORDS_23: &str = "073d7e59de1a5b0c5dccbab1bce88657bb681443d41ce311198654975413f48a";
const CODE_WORDS_24: &str = "6138011457f26ca78360768300ae8261efbd1a5e0b562f5a8d0c61c37f3de4d7";
const LEADERS: &str = "87c8688dcf161b97ae8e95eb854ea4969b4d0379556f13d70d40cfa79ce7bcd1";

pub(crate) fn sha256_of(words: impl IntoIterator<Item = u32>) -> String {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word.to_be_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn code_words(code: &Golay) -> Vec<u32> {
    (0..1 << 12).map(|message| integer(&code.encode(&bits(message, 12)))).collect()
}

fn weight_distribution(code: &Golay) -> Vec<(u32, usize)> {
    let mut counts = [0; 25];
    for word in code_words(code) {
        counts[word.count_ones() as usize] += 1;
    }
    (0..).zip(counts).filter(|&(_, count)| count > 0).collect()
}

#[test]
fn code_words_are_those_of_others() {
    // Systematic with the message on top: ascending messages make ascending words.
    assert_eq!(sha256_of(code_words(&Golay::perfect())), CODE_WORDS_23);
    assert_eq!(sha256_of(code_words(&Golay::extended())), CODE_WORDS_24);
    let examples = [(0x001, 0x00_0c75, 0x00_18eb), (0xabc, 0x55_e11e, 0xab_c23c)];
    for (message, word_23, word_24) in examples {
        assert_eq!(integer(&Golay::perfect().encode(&bits(message, 12))), word_23);
        assert_eq!(integer(&Golay::extended().encode(&bits(message, 12))), word_24);
    }
}

#[test]
fn weights_are_those_of_the_textbook() {
    assert_eq!(
        weight_distribution(&Golay::perfect()),
        [(0, 1), (7, 253), (8, 506), (11, 1288), (12, 1288), (15, 506), (16, 253), (23, 1)],
    );
    assert_eq!(
        weight_distribution(&Golay::extended()),
        [(0, 1), (8, 759), (12, 2576), (16, 759), (24, 1)],
    );
}

#[test]
fn the_perfect_code_decodes_every_coset_to_its_one_leader() {
    let code = Golay::perfect();
    let leaders = (0..1 << 11).map(|syndrome| {
        let word = code.coset_word(&bits(syndrome, 11));
        let decoded = decode(&code, &word).unwrap();
        assert!(decoded.corrected <= 3);
        integer(&decoded.codeword.xor(&word))
    });
    assert_eq!(sha256_of(leaders), LEADERS);
}

#[test]
fn every_pattern_of_up_to_three_errors_is_corrected() {
    for code in [Golay::perfect(), Golay::extended()] {
        let sent = code.encode(&bits(0xabc, 12));
        for weight in 0..=3 {
            for pattern in patterns(code.n() as u32, weight) {
                let received = sent.xor(&bits(pattern, code.n()));
                let decoded = decode(&code, &received).unwrap();
                assert_eq!(decoded.codeword, sent, "{code}: {pattern:x}");
                assert_eq!(decoded.corrected, weight as usize);
            }
        }
    }
}

#[test]
fn the_extended_code_refuses_every_pattern_of_four_errors() {
    let code = Golay::extended();
    let sent = code.encode(&bits(0x123, 12));
    for pattern in patterns(24, 4) {
        assert_eq!(decode(&code, &sent.xor(&bits(pattern, 24))), Err(DecodeFailure));
    }
}

#[test]
fn every_coset_of_the_extended_code_has_its_verdict() {
    let code = Golay::extended();
    let mut refused = 0;
    for syndrome in 0..1 << 12 {
        let word = code.coset_word(&bits(syndrome, 12));
        refused += usize::from(decode(&code, &word).is_err());
    }
    assert_eq!(refused, 1771);
}

#[test]
fn there_is_no_other() {
    let refused = |n, k| Golay::new(n, k).unwrap_err();
    assert_eq!(refused(23, 11), CodeError::Golay { n: 23, k: 11 });
    let reason = refused(24, 13).to_string();
    assert!(reason.contains("cannot exist") && reason.contains("golay(24,12)"), "{reason}");
    // The reason itself: more patterns than syndromes.
    let balls: usize = (0..=3).map(|weight| patterns(24, weight).count()).sum();
    assert!(balls == 2325 && balls > 1 << 11 && reason.contains("2325"));
}
