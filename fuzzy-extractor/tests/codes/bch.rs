//! BCH codes: parameters, and decoding against what is known without it.

use std::collections::HashMap;

use fuzzy_extractor::bits::BitString;
use fuzzy_extractor::code::{Bch, BlockCode, DecodeFailure};
use fuzzy_extractor::polynomial::BinaryPolynomial;
use rand_chacha::rand_core::Rng;

use crate::support::{below, bits, decode, integer, pattern, patterns, rng};

#[test]
fn primitive_codes_are_those_of_the_table() {
    let mut of_length: HashMap<usize, Vec<(usize, usize)>> = HashMap::new();
    for row in include_str!("../vectors/bch_params.csv").lines().skip(1) {
        let numbers: Vec<usize> = row.split(',').map(|number| number.parse().unwrap()).collect();
        let [m, n, k, t] = numbers[..] else { panic!("{row}") };
        assert_eq!(n, (1 << m) - 1);
        let code = Bch::new(n, k, t).unwrap();
        assert_eq!((code.n(), code.k(), code.t(), code.field().degree()), (n, k, t, m));
        assert_eq!(code.generator().unwrap().degree(), Some(n - k));
        of_length.entry(n).or_default().push((k, t));
    }
    assert_eq!(of_length.values().map(Vec::len).sum::<usize>(), 82);
    for (n, mut rows) in of_length {
        let mut ours: Vec<_> = Bch::dimensions(n).iter().map(|code| (code.k, code.t)).collect();
        // The table leaves out the repetition code.
        assert_eq!(ours.pop(), Some((1, n / 2)));
        rows.sort_by(|a, b| b.cmp(a));
        assert_eq!(ours, rows, "length {n}");
    }
}

#[test]
fn generators_are_those_of_others() {
    let known = [
        (15, 7, 2, "1d1"),
        (31, 16, 3, "8faf"),
        (63, 24, 7, "f69ac20921"),
        (127, 64, 10, "a1ab815bc7ec8025"),
        (255, 131, 18, "11bcb6cce6906958aa17f2231050eb39"),
    ];
    for (n, k, t, hex) in known {
        assert_eq!(Bch::new(n, k, t).unwrap().generator().unwrap().to_hex(), hex);
    }
}

#[test]
fn every_generator_divides_and_has_its_roots() {
    for m in 2..=13 {
        let n = (1 << m) - 1;
        let cyclic = BinaryPolynomial::from_exponents(&[n, 0]);
        let codes = Bch::dimensions(n);
        // Long lengths have hundreds of codes: a few of them.
        for found in codes.iter().step_by(codes.len().div_ceil(12)) {
            let code = Bch::new(n, found.k, found.t).unwrap();
            let generator = code.generator().unwrap();
            assert_eq!(cyclic.rem(generator), Some(BinaryPolynomial::from_words(vec![])), "{code}");
            let is_root = |j: usize| {
                let value = |sum, i| sum ^ code.field().exp(i * j);
                generator.exponents().fold(0, value) == 0
            };
            assert!((1..=2 * found.t).all(is_root), "{code}");
            // The largest designed t: the next power is no root.
            assert!(2 * found.t + 1 == n || !is_root(2 * found.t + 1), "{code}");
        }
    }
}

#[test]
fn shortened_codes_are_the_long_ones_without_leading_message_bits() {
    let mut rng = rng(30);
    for (short, long) in [((318, 174, 17), (511, 367, 17)), ((20, 10, 2), (31, 21, 2))] {
        let short = Bch::new(short.0, short.1, short.2).unwrap();
        let long = Bch::new(long.0, long.1, long.2).unwrap();
        for _ in 0..50 {
            let message = BitString::random(short.k(), &mut rng);
            let mut padded = BitString::zeros(long.k());
            padded.write(0, &message);
            assert_eq!(short.encode(&message), long.encode(&padded).slice(0, short.n()));
        }
    }
}

/// Every syndrome of a code of at most 32 bits: it decodes exactly when it is that of a pattern of
/// up to `t` errors, and then to that pattern.
#[track_caller]
fn check_every_syndrome(n: usize, k: usize, t: usize) {
    let code = Bch::new(n, k, t).unwrap();
    let mut leader = vec![None; 1 << (n - k)];
    for weight in 0..=t {
        for pattern in patterns(n as u32, weight as u32) {
            let syndrome = integer(&code.syndrome(&bits(pattern, n))) as usize;
            assert_eq!(leader[syndrome].replace(pattern), None, "{code}: two patterns");
        }
    }
    for (syndrome, leader) in (0..).zip(leader) {
        let word = code.coset_word(&bits(syndrome, n - k));
        let found = decode(&code, &word).map(|decoded| {
            assert_eq!(decoded.corrected, decoded.codeword.distance(&word));
            integer(&decoded.codeword.xor(&word))
        });
        assert_eq!(found, leader.ok_or(DecodeFailure), "{code}: syndrome {syndrome:x}");
    }
}

#[test]
fn every_syndrome_of_every_code_up_to_length_20() {
    for n in 3..=20 {
        for found in Bch::dimensions(n) {
            check_every_syndrome(n, found.k, found.t);
        }
    }
}

#[test]
fn every_syndrome_of_codes_up_to_length_32() {
    for (n, k, t) in [(31, 26, 1), (31, 21, 2), (31, 16, 3), (31, 11, 5)] {
        check_every_syndrome(n, k, t);
    }
    for (n, k, t) in [(24, 14, 2), (27, 12, 3), (26, 6, 5), (32, 14, 3)] {
        check_every_syndrome(n, k, t);
    }
}

#[test]
fn every_pattern_of_up_to_seven_errors_in_31_bits() {
    let code = Bch::new(31, 6, 7).unwrap();
    let sent = code.encode(&bits(0x2b, 6));
    for weight in 0..=7 {
        for pattern in patterns(31, weight) {
            let decoded = decode(&code, &sent.xor(&bits(pattern, 31))).unwrap();
            assert_eq!(decoded.codeword, sent, "{pattern:x}");
        }
    }
}

#[test]
fn words_go_to_the_nearest_code_word_or_nowhere() {
    let mut rng = rng(31);
    for (n, k, t) in [(15, 5, 3), (31, 11, 5), (31, 6, 7), (24, 9, 3), (30, 10, 5)] {
        let code = Bch::new(n, k, t).unwrap();
        let code_words: Vec<u32> =
            (0..1 << k).map(|message| integer(&code.encode(&bits(message, k)))).collect();
        for _ in 0..2000 {
            let received = BitString::random(n, &mut rng);
            let word = integer(&received);
            let nearest = code_words.iter().min_by_key(|c| (*c ^ word).count_ones()).unwrap();
            let expected = ((nearest ^ word).count_ones() as usize <= t).then_some(*nearest);
            let found = decode(&code, &received).ok().map(|decoded| integer(&decoded.codeword));
            assert_eq!(found, expected, "{code}: {word:x}");
        }
    }
}

/// Corrects `errors` on top of a random code word.
#[track_caller]
fn check_corrected(code: &Bch, errors: &BitString, rng: &mut impl Rng) {
    let sent = code.encode(&BitString::random(code.k(), rng));
    let decoded = decode(code, &sent.xor(errors))
        .unwrap_or_else(|_| panic!("{code}: {:?}", errors.ones().collect::<Vec<_>>()));
    assert!(decoded.codeword == sent, "{code}: {:?}", errors.ones().collect::<Vec<_>>());
    assert_eq!(decoded.corrected, errors.weight());
}

/// A handful of codes of the field's full length, from the weakest on, and one shortened.
fn some_codes(m: usize) -> Vec<Bch> {
    let n = (1 << m) - 1;
    let all = Bch::dimensions(n);
    let strongest = all.iter().filter(|code| code.t <= 60).count();
    let mut codes: Vec<Bch> = all[..strongest]
        .iter()
        .step_by(strongest.div_ceil(4))
        .map(|found| Bch::new(n, found.k, found.t).unwrap())
        .collect();
    let short = n - n / 5;
    let middle = Bch::dimensions(short);
    let found = middle[(middle.len() - 1).min(9)];
    codes.push(Bch::new(short, found.k, found.t).unwrap());
    codes
}

#[test]
fn patterns_of_every_weight_in_every_field() {
    let mut rng = rng(32);
    for m in 3..=13 {
        for code in some_codes(m) {
            for weight in 0..=code.t() {
                for _ in 0..20 {
                    check_corrected(&code, &pattern(code.n(), weight, &mut rng), &mut rng);
                }
            }
        }
    }
}

#[test]
fn beyond_t_it_is_a_failure_or_another_code_word_within_t() {
    let mut rng = rng(33);
    for m in 3..=13 {
        for code in some_codes(m) {
            let sent = code.encode(&BitString::random(code.k(), &mut rng));
            for extra in 1..=10 {
                let weight = (code.t() + extra).min(code.n());
                let received = sent.xor(&pattern(code.n(), weight, &mut rng));
                let Ok(decoded) = decode(&code, &received) else {
                    continue;
                };
                assert!(decoded.codeword != sent || weight <= code.t(), "{code}");
                assert_eq!(code.syndrome(&decoded.codeword).weight(), 0, "{code}");
                let distance = decoded.codeword.distance(&received);
                assert!(distance <= code.t() && distance == decoded.corrected, "{code}");
            }
        }
    }
}

/// A code word of at most `2t + 1` bits, found as the difference of a pattern of `t + 1` errors and
/// what its decoder makes of it.
fn light_code_word(code: &Bch, rng: &mut impl Rng) -> BitString {
    loop {
        let received = pattern(code.n(), code.t() + 1, rng);
        if let Ok(decoded) = decode(code, &received) {
            return decoded.codeword.clone();
        }
    }
}

/// Patterns that make the discrepancy zero for `2 weak.t()` steps in a row: a light word of a weaker
/// code, whose first power sums vanish, alone and on top of up to `weak.t()` other errors, whose
/// recurrence is complete before the light word shows.
#[track_caller]
fn check_zero_discrepancies(strong: &Bch, weak: &Bch, rounds: usize, rng: &mut impl Rng) {
    for _ in 0..rounds {
        let light = light_code_word(weak, rng);
        let spare = strong.t() - light.weight();
        let others = pattern(strong.n(), below(rng, spare.min(weak.t()) + 1), rng);
        let errors = light.xor(&others);
        assert!(errors.weight() <= strong.t());
        check_corrected(strong, &light, rng);
        check_corrected(strong, &errors, rng);
    }
}

fn zero_discrepancies(rounds: usize) {
    let mut rng = rng(34);
    let weak_and_strong = [
        ((31, 26, 1), (31, 11, 5)),
        ((31, 21, 2), (31, 6, 7)),
        ((63, 51, 2), (63, 24, 7)),
        ((63, 45, 3), (63, 18, 10)),
        ((127, 113, 2), (127, 64, 10)),
        ((127, 106, 3), (127, 64, 10)),
        ((255, 239, 2), (255, 131, 18)),
        ((255, 231, 3), (255, 131, 18)),
        ((511, 493, 2), (511, 367, 17)),
        ((1023, 1003, 2), (1023, 923, 10)),
        ((8191, 8165, 2), (8191, 8061, 10)),
    ];
    for (weak, strong) in weak_and_strong {
        let weak = Bch::new(weak.0, weak.1, weak.2).unwrap();
        let strong = Bch::new(strong.0, strong.1, strong.2).unwrap();
        check_zero_discrepancies(&strong, &weak, rounds, &mut rng);
    }
}

#[test]
fn zero_discrepancies_at_the_start_and_in_the_middle() {
    zero_discrepancies(100);
}

#[test]
#[ignore = "long; stage 2"]
fn many_zero_discrepancies() {
    zero_discrepancies(20_000);
}

#[test]
#[ignore = "long; stage 2"]
fn ten_thousand_patterns_of_every_weight() {
    let mut rng = rng(35);
    let codes = [
        (7, 4, 1),
        (15, 5, 3),
        (31, 11, 5),
        (63, 24, 7),
        (127, 64, 10),
        (255, 131, 18),
        (252, 128, 18),
        (318, 174, 17),
        (463, 256, 25),
        (511, 28, 111),
        (1023, 923, 10),
        (2047, 1937, 10),
        (4095, 3975, 10),
        (8191, 8061, 10),
    ];
    for (n, k, t) in codes {
        let code = Bch::new(n, k, t).unwrap();
        for weight in 0..=t {
            for _ in 0..10_000 {
                check_corrected(&code, &pattern(n, weight, &mut rng), &mut rng);
            }
        }
    }
}

#[test]
fn the_strongest_codes_of_every_length_correct_t_errors() {
    let mut rng = rng(36);
    for m in 3..=13 {
        let n = (1 << m) - 1;
        let code = Bch::new(n, 1, n / 2).unwrap();
        assert_eq!(code.d(), Some(n));
        check_corrected(&code, &pattern(n, code.t(), &mut rng), &mut rng);
    }
}
