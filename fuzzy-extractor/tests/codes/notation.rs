//! Codes in text: what is read, what is refused and how, and hostile text.

use std::time::{Duration, Instant};

use fuzzy_extractor::code::MAX_BITS;
use fuzzy_extractor::code::notation::{FAMILIES, MAX_NESTING, MAX_TEXT, parse};
use proptest::prelude::*;

#[track_caller]
fn reads_as(text: &str, canonical: &str, n: usize, k: usize, t: usize) {
    let code = parse(text).unwrap();
    assert_eq!((code.n(), code.k(), code.t()), (n, k, t), "{text}");
    assert_eq!(code.to_string(), canonical);
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text}");
}

#[test]
fn text_reads_as_the_code_it_names() {
    reads_as("rep(7)*bch(318,174,17)", "rep(7)*bch(318,174,17)", 2226, 174, 71);
    reads_as("bch(127,64,10)^16", "bch(127,64,10)^16", 2032, 1024, 10);
    reads_as("(rep(5)*golay(24,12))^11", "(rep(5)*golay(24,12))^11", 1320, 132, 11);
    reads_as(" rep ( 07 )\t* golay( 24 , 12 ) ^ 2\n", "rep(7)*golay(24,12)^2", 336, 24, 15);
    reads_as("((rep(7)))", "rep(7)", 7, 1, 3);
    reads_as("(rep(3)*rep(5))*rep(7)", "rep(3)*rep(5)*rep(7)", 105, 1, 23);
    reads_as("rep(3)*(rep(5)*rep(7))", "rep(3)*(rep(5)*rep(7))", 105, 1, 23);
    reads_as("(rep(3)^1)^2", "(rep(3)^1)^2", 6, 2, 1);
    // One wrong inner word of twelve message bits leaves a code of t = 18 room for one only.
    reads_as("golay(24,12)*bch(252,128,18)", "golay(24,12)*bch(252,128,18)", 504, 128, 7);
}

#[test]
fn powers_bind_tighter_and_lay_out_alike() {
    let inside = parse("rep(7)*bch(255,131,18)^2").unwrap();
    let outside = parse("(rep(7)*bch(255,131,18))^2").unwrap();
    let message = (0..262).map(|i| i % 3 == 0).collect();
    assert_eq!((inside.n(), inside.k()), (3570, 262));
    assert_eq!(inside.encode(&message), outside.encode(&message));
    assert_eq!(inside.information_set(), outside.information_set());
}

#[test]
fn refusals_say_what_where_and_what_instead() {
    refused("bhc(15,7,2)", "unknown code family \"bhc\" at offset 0; did you mean bch?");
    refused("rep(3)*BCH(15,7,2)", "unknown code family \"BCH\" at offset 7; did you mean bch?");
    refused("repetition(3)", "unknown code family \"repetition\" at offset 0; did you mean rep?");
    refused("goley(24,12)", "unknown code family \"goley\" at offset 0; did you mean golay?");
    refused(
        "rm(1,5)@ml",
        "rm codes (at offset 0) are not available in this version; rep, hamming, golay and bch are",
    );
    refused(
        "rep(3)*polar(1024,128,0.15)",
        "polar codes (at offset 7) are not available in this version; rep, hamming, golay and bch are",
    );
    refused(
        "golay(24,12)@soft",
        "decoder \"soft\" at offset 13 is not available in this version; golay is decoded by bounded distance, without a suffix",
    );
    refused(
        "rep(7)@ml",
        "decoder \"ml\" at offset 7 is not available in this version; rep is decoded by majority, without a suffix",
    );
    refused(
        "(rep(7)*golay(23,12))@ml",
        "decoder \"ml\" at offset 22 is not available in this version; leave it out",
    );
    refused("bch(127,64)", "2 parameters at offset 3; it is written bch(n,k,t)");
    refused("rep(3,1)", "2 parameters at offset 3; it is written rep(n)");
    refused("rep(0)", "a word of 0 bits; words here have 1 to 1048576 (at offset 4)");
    refused("rep(7)^0", "a word of 0 bits; words here have 1 to 1048576 (at offset 6)");
    refused(
        "rep(1099511627776)",
        "1099511627776 at offset 4 is past the longest word, 1048576 bits",
    );
    refused("rep(-3)", "'-' at offset 4 where a number is expected");
    refused("rep(3", "the text ends at offset 5 where \",\" or \")\" is expected");
    refused("rep(3))", "')' at offset 6 where \"*\" or the end is expected");
    refused("", "the text ends at offset 0 where a code is expected");
    refused("rep(3)*", "the text ends at offset 7 where a code is expected");
    refused("rep(3)^2^3", "a second power at offset 8; write (A^m)^l");
    refused(
        "r\u{e9}p(3)",
        "unknown code family \"r\" at offset 0; there are rep, hamming, golay and bch",
    );
    refused(
        "golay(23,12)*rep(7)",
        "the outer word of 7 bits cannot be cut into inner messages of 12 (at offset 12)",
    );
    refused(
        "bch(255,132,18)",
        "bch(255,132,18) does not exist: t=18 has k=131; the nearest k are 131 (t=18) and 139 (t=15) (at offset 4)",
    );
    assert!(parse("golay(24,13)").unwrap_err().to_string().contains("cannot exist"));
}

#[test]
fn sizes_are_bounded_before_anything_is_built() {
    let hostile = [
        "rep(1048577)".to_string(),
        "rep(99999999999999999999999999999999999999)".to_string(),
        "bch(8191,1,4095)^1000000".to_string(),
        "bch(99999,1,1)".to_string(),
        "rep(1048576)*rep(1048576)".to_string(),
        "(rep(1048576)^1)^1048576".to_string(),
        "rep(1024)*".repeat(20) + "rep(1024)",
        "(".repeat(MAX_TEXT),
        "(".repeat(MAX_NESTING + 1) + "rep(1)" + &")".repeat(MAX_NESTING + 1),
        "rep(1)*".repeat(MAX_TEXT),
        "^".repeat(200),
        "@".repeat(200),
    ];
    for text in hostile {
        let start = Instant::now();
        assert!(parse(&text).is_err(), "{text}");
        // Each takes some milliseconds at most; what is asked for would take days or the memory.
        assert!(start.elapsed() < Duration::from_secs(5), "{text}");
    }
    let deep = "(".repeat(MAX_NESTING) + "rep(1)" + &")".repeat(MAX_NESTING);
    assert_eq!(parse(&deep).unwrap().to_string(), "rep(1)");
    assert_eq!(parse(&format!("rep({MAX_BITS})")).unwrap().n(), MAX_BITS);
}

#[test]
fn the_longest_chains_of_the_largest_codes_stay_quick() {
    let start = Instant::now();
    let chain = "rep(1)*".repeat(33) + "rep(1048576)";
    assert_eq!(parse(&chain).unwrap().n(), MAX_BITS);
    let nested = "(".repeat(14) + "rep(1048576)" + &"^1)".repeat(14);
    assert_eq!(parse(&nested).unwrap().n(), MAX_BITS);
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// Canonical text of a code, or what looks like it.
fn text() -> impl Strategy<Value = String> {
    let family = proptest::sample::select(
        FAMILIES.iter().flat_map(|family| family.examples).copied().collect::<Vec<_>>(),
    );
    family.prop_map(String::from).prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}*{b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}*({b})")),
            (inner.clone(), 1..5).prop_map(|(a, m)| format!("({a})^{m}")),
            (inner, 1..5).prop_map(|(a, m)| format!("{a}^{m}")),
        ]
    })
}

proptest! {
    #[test]
    fn what_a_code_prints_reads_back_to_it(text in text()) {
        if let Ok(code) = parse(&text) {
            let printed = code.to_string();
            let again = parse(&printed).unwrap();
            prop_assert_eq!(again.to_string(), printed);
            prop_assert_eq!((again.n(), again.k(), again.t(), again.d()),
                (code.n(), code.k(), code.t(), code.d()));
            let message = (0..code.k()).map(|i| i % 5 == 2).collect();
            prop_assert_eq!(again.encode(&message), code.encode(&message));
        }
    }

    #[test]
    fn nothing_makes_the_parser_panic(text in "[a-z0-9(),*^@ .\u{e9}-]{0,60}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.offset <= text.len());
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn nor_does_text_that_is_nearly_right(
        text in text(), place in any::<proptest::sample::Index>(), other in "[a-z0-9(),*^@ ]{0,3}",
    ) {
        let at = place.index(text.len());
        let broken = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        if let Ok(code) = parse(&broken) {
            prop_assert!(code.n() <= MAX_BITS);
        }
    }
}
