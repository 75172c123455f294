//! What every code promises, over every example of the notation.

use fuzzy_extractor::bits::BitString;
use fuzzy_extractor::code::notation::{COMPOSED_EXAMPLES, FAMILIES, parse};
use fuzzy_extractor::code::{BoxedCode, Decoding, HashCoin};
use rand_core::Rng;

use crate::support::{below, pattern, rng};

/// Every example, built.
fn codes() -> impl Iterator<Item = BoxedCode> {
    let families = FAMILIES.iter().flat_map(|family| family.examples);
    families.chain(COMPOSED_EXAMPLES).map(|text| parse(text).unwrap())
}

#[test]
fn every_family_has_examples_of_its_own() {
    for family in FAMILIES {
        assert!(family.syntax.starts_with(&format!("{}(", family.name)));
        assert!(!family.examples.is_empty());
        assert!(family.examples.iter().all(|text| text.starts_with(&format!("{}(", family.name))));
    }
}

#[test]
fn examples_are_canonical_text() {
    let families = FAMILIES.iter().flat_map(|family| family.examples);
    for text in families.chain(COMPOSED_EXAMPLES) {
        assert_eq!(parse(text).unwrap().to_string(), *text);
    }
}

#[test]
fn lengths_fit_each_other() {
    for code in codes() {
        assert!(1 <= code.k() && code.k() <= code.n(), "{code}");
        assert_eq!(code.information_set().mask().len(), code.n(), "{code}");
        assert_eq!(code.information_set().mask().weight(), code.k(), "{code}");
        if let Some(d) = code.d() {
            assert!(2 * code.t() < d, "{code} corrects {} at distance {d}", code.t());
            assert!(d <= code.n() - code.k() + 1, "{code} beyond the Singleton bound");
        }
        if let Some(generator) = code.generator() {
            assert_eq!(generator.degree(), Some(code.n() - code.k()), "{code}");
        }
    }
}

#[test]
fn encoding_is_linear_and_systematic() {
    let mut rng = rng(1);
    for code in codes() {
        assert_eq!(code.encode(&BitString::zeros(code.k())).weight(), 0, "{code}");
        for _ in 0..20 {
            let a = BitString::random(code.k(), &mut rng);
            let b = BitString::random(code.k(), &mut rng);
            let sum = code.encode(&a).xor(&code.encode(&b));
            assert_eq!(code.encode(&a.xor(&b)), sum, "{code}");
            let word = code.encode(&a);
            assert_eq!(word.len(), code.n(), "{code}");
            assert_eq!(code.message(&word), a, "{code}");
            assert_eq!(code.information_set().information(&word), a, "{code}");
        }
    }
}

#[test]
fn the_syndrome_is_linear_and_zero_exactly_for_code_words() {
    let mut rng = rng(2);
    for code in codes() {
        let zero = BitString::zeros(code.n() - code.k());
        for _ in 0..20 {
            let word = code.encode(&BitString::random(code.k(), &mut rng));
            assert_eq!(code.syndrome(&word), zero, "{code}");
            let a = BitString::random(code.n(), &mut rng);
            let b = BitString::random(code.n(), &mut rng);
            let sum = code.syndrome(&a).xor(&code.syndrome(&b));
            assert_eq!(code.syndrome(&a.xor(&b)), sum, "{code}");
            let is_code_word = code.encode(&code.message(&a)) == a;
            assert_eq!(code.syndrome(&a) == zero, is_code_word, "{code}");
        }
        // A word beside a code word, at every place.
        for place in 0..code.n() {
            let mut beside = BitString::zeros(code.n());
            beside.set(place, true);
            assert_eq!(code.syndrome(&beside) == zero, code.n() == code.k(), "{code} at {place}");
        }
    }
}

#[test]
fn the_syndrome_is_what_the_check_positions_lack() {
    let mut rng = rng(3);
    for code in codes() {
        for _ in 0..10 {
            let word = BitString::random(code.n(), &mut rng);
            let difference = word.xor(&code.encode(&code.message(&word)));
            assert_eq!(code.information_set().information(&difference).weight(), 0, "{code}");
            let check = code.information_set().check(&difference);
            assert_eq!(code.syndrome(&word), check, "{code}");
        }
    }
}

#[test]
fn coset_words_have_their_syndrome() {
    let mut rng = rng(4);
    for code in codes() {
        for _ in 0..20 {
            let syndrome = BitString::random(code.n() - code.k(), &mut rng);
            let word = code.coset_word(&syndrome);
            assert_eq!(word.len(), code.n(), "{code}");
            assert_eq!(code.syndrome(&word), syndrome, "{code}");
            assert_eq!(code.message(&word).weight(), 0, "{code}");
        }
    }
}

/// A pattern of `weight` errors side by side, or everywhere.
fn burst_or_spread(n: usize, weight: usize, rng: &mut impl Rng) -> BitString {
    if below(rng, 2) == 0 {
        return pattern(n, weight, rng);
    }
    let start = below(rng, n - weight + 1);
    (0..n).map(|i| (start..start + weight).contains(&i)).collect()
}

#[test]
fn up_to_t_errors_are_corrected() {
    let mut rng = rng(5);
    for code in codes() {
        for round in 0..60 {
            let weight = if round < 30 { code.t() } else { below(&mut rng, code.t() + 1) };
            let sent = code.encode(&BitString::random(code.k(), &mut rng));
            let received = sent.xor(&burst_or_spread(code.n(), weight, &mut rng));
            // A coin that is always wrong for one of the two values.
            let decoded = code.decode(&received, &mut || round % 2 == 0).unwrap();
            assert_eq!(decoded.codeword, sent, "{code}: {weight} errors");
            assert_eq!(decoded.corrected, weight, "{code}");
        }
    }
}

#[test]
fn what_decodes_is_a_code_word_at_the_distance_said() {
    let mut rng = rng(6);
    for code in codes() {
        for _ in 0..60 {
            let received = BitString::random(code.n(), &mut rng);
            let Ok(decoded) = code.decode(&received, &mut HashCoin::new(&received)) else {
                continue;
            };
            assert_eq!(code.syndrome(&decoded.codeword).weight(), 0, "{code}");
            assert_eq!(decoded.codeword.distance(&received), decoded.corrected, "{code}");
            if let Decoding::BoundedDistance { t, .. } = code.decoding() {
                assert!(decoded.corrected <= t, "{code}: {} errors", decoded.corrected);
            }
        }
    }
}

#[test]
fn blocks_are_words_one_after_the_other() {
    let mut rng = rng(7);
    for code in codes() {
        let (n, k) = (code.n(), code.k());
        let messages = BitString::random(3 * k, &mut rng);
        let words = code.encode_blocks(&messages);
        for j in 0..3 {
            assert_eq!(words.slice(j * n, n), code.encode(&messages.slice(j * k, k)), "{code}");
        }
        assert_eq!(code.message_blocks(&words), messages, "{code}");

        let received = BitString::random(3 * n, &mut rng);
        let decoded = code.decode_blocks(&received, &mut || true);
        let read = code.message_blocks(&received);
        for j in 0..3 {
            let word = received.slice(j * n, n);
            assert_eq!(read.slice(j * k, k), code.message(&word), "{code}");
            if let Ok(one) = code.decode(&word, &mut || true) {
                assert_eq!(decoded.slice(j * k, k), code.message(&one.codeword), "{code}");
            } else if matches!(code.decoding(), Decoding::BoundedDistance { .. }) {
                assert_eq!(decoded.slice(j * k, k), code.message(&word), "{code}");
            }
        }
    }
}

#[test]
fn concatenation_puts_outer_bit_i_into_inner_block_i() {
    let code = parse("rep(7)*bch(318,174,17)").unwrap();
    let outer = parse("bch(318,174,17)").unwrap();
    let message = BitString::random(174, &mut rng(8));
    let outer_word = outer.encode(&message);
    let word = code.encode(&message);
    for i in 0..code.n() {
        assert_eq!(word.get(i), outer_word.get(i / 7), "bit {i}");
    }
}

#[test]
fn repetition_puts_word_j_into_block_j() {
    let code = parse("(rep(5)*golay(24,12))^11").unwrap();
    let part = parse("rep(5)*golay(24,12)").unwrap();
    let message = BitString::random(132, &mut rng(9));
    let word = code.encode(&message);
    for j in 0..11 {
        assert_eq!(word.slice(j * 120, 120), part.encode(&message.slice(j * 12, 12)));
    }
}

#[test]
fn the_radius_of_repetition_times_bch_is_tight() {
    for (text, t) in [("rep(7)*bch(318,174,17)", 71), ("rep(4)*bch(15,7,2)", 5)] {
        let code = parse(text).unwrap();
        assert_eq!(code.t(), t, "{text}");
        let Decoding::Concatenated { inner, outer } = code.decoding() else { panic!("{text}") };
        // Just enough errors in just enough inner words.
        let mut received = BitString::zeros(code.n());
        for i in 0..=outer.t() {
            for j in 0..=inner.t() {
                received.flip(i * inner.n() + j);
            }
        }
        assert_eq!(received.weight(), t + 1);
        let zero = BitString::zeros(code.n());
        let decoded = code.decode(&received, &mut || true);
        assert!(
            decoded.is_ok_and(|d| d.codeword != zero)
                || code.decode(&received, &mut || true).is_err()
        );
        received.flip(0);
        assert_eq!(code.decode(&received, &mut || true).unwrap().codeword, zero);
    }
}

#[test]
fn grouping_does_not_change_what_is_decoded() {
    let left = parse("hamming(7,4)*golay(24,12)*rep(36)").unwrap();
    let right = parse("hamming(7,4)*(golay(24,12)*rep(36))").unwrap();
    let bare = parse("hamming(7,4)*golay(24,12)^3*rep(36)").unwrap();
    let mut rng = rng(10);
    for _ in 0..300 {
        let received = BitString::random(left.n(), &mut rng);
        let answer = left.decode(&received, &mut || true).ok();
        assert_eq!(right.decode(&received, &mut || true).ok(), answer);
        assert_eq!(bare.decode(&received, &mut || true).ok(), answer);
        assert_eq!(left.syndrome(&received), right.syndrome(&received));
    }
    assert_ne!(left.to_string(), right.to_string());
}

#[test]
fn an_inner_failure_hands_on_what_was_received() {
    // Four errors in one Golay word, which it reports; one of them in a message bit, which the
    // Hamming code around it then corrects.
    let code = parse("golay(24,12)*hamming(12,8)").unwrap();
    let sent = code.encode(&BitString::random(8, &mut rng(11)));
    let mut received = sent.clone();
    for place in [0, 5, 9, 23] {
        received.flip(place);
    }
    let decoded = code.decode(&received, &mut || true).unwrap();
    assert_eq!((decoded.codeword.distance(&sent), decoded.corrected), (0, 4));
}
