//! Hamming codes: perfect at full length, complete when shortened.

use fuzzy_extractor::bits::BitString;
use fuzzy_extractor::code::{BlockCode, CodeError, Hamming};

use crate::support::decode;

#[test]
fn every_syndrome_of_every_length_has_its_verdict() {
    for n in 3..=200_usize {
        let m = (n + 1).next_power_of_two().ilog2() as usize;
        let code = Hamming::new(n, n - m).unwrap();
        assert_eq!((code.t(), code.d()), (1, Some(3)), "{code}");
        let mut corrected = 0;
        for syndrome in 0..1_u64 << m {
            let word = code.coset_word(&BitString::from_words(vec![syndrome], m));
            if let Ok(decoded) = decode(&code, &word) {
                assert!(decoded.corrected <= 1 && code.syndrome(&decoded.codeword).weight() == 0);
                corrected += 1;
            }
        }
        // No error, or one at each place: as many syndromes decode, no more.
        assert_eq!(corrected, n + 1, "{code}");
    }
}

#[test]
fn single_errors_are_corrected_up_to_the_longest() {
    for (n, k) in [(1023, 1013), (8191, 8178), (5000, 4987)] {
        let code = Hamming::new(n, k).unwrap();
        let sent = code.encode(&BitString::random(k, &mut crate::support::rng(n as u64)));
        for place in 0..n {
            let mut received = sent.clone();
            received.flip(place);
            assert_eq!(decode(&code, &received).unwrap().codeword, sent, "{code} at {place}");
        }
    }
}

#[test]
fn refusals_name_the_dimension() {
    let refused = |n, k| Hamming::new(n, k).unwrap_err();
    assert_eq!(refused(7, 3), CodeError::Hamming { n: 7, k: 3, right: Some(4) });
    assert_eq!(refused(7, 3).to_string(), "hamming(7,3) does not exist; hamming(7,4) does");
    for n in [0, 1, 2, 8192, usize::MAX] {
        assert_eq!(refused(n, 1), CodeError::Hamming { n, k: 1, right: None });
    }
}
