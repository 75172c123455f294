//! Majority: every word of every short repetition code, ties, and the coin of a reading.

use fuzzy_extractor::bits::BitString;
use fuzzy_extractor::code::{BlockCode, CodeError, Coin, HashCoin, MAX_BITS, Repetition};
use sha2::{Digest, Sha256};

use crate::support::{bits, rng};

#[test]
fn every_short_word_goes_to_its_majority_and_only_ties_ask() {
    for n in 1..=14 {
        let code = Repetition::new(n).unwrap();
        assert_eq!((code.n(), code.k(), code.t(), code.d()), (n, 1, (n - 1) / 2, Some(n)));
        for word in 0..1_u32 << n {
            let ones = word.count_ones() as usize;
            for side in [false, true] {
                let mut tosses = 0;
                let decoded = code.decode(&bits(word, n), &mut || {
                    tosses += 1;
                    side
                });
                let decoded = decoded.unwrap();
                let tie = 2 * ones == n;
                assert_eq!(tosses, usize::from(tie), "rep({n}) of {word:b}");
                let value = if tie { side } else { 2 * ones > n };
                assert_eq!(decoded.codeword, (0..n).map(|_| value).collect());
                assert_eq!(decoded.corrected, if value { n - ones } else { ones });
            }
        }
    }
}

#[test]
fn blocks_ask_in_order_of_the_bits() {
    let code = Repetition::new(2).unwrap();
    let received: BitString =
        [1, 0, 1, 1, 0, 1, 0, 0, 0, 1].map(|bit| bit == 1).into_iter().collect();
    let mut answers = [true, false, true].into_iter();
    let decoded = code.decode_blocks(&received, &mut || answers.next().unwrap());
    let expected: BitString = [1, 1, 0, 0, 1].map(|bit| bit == 1).into_iter().collect();
    assert_eq!((decoded, answers.next()), (expected, None));
}

#[test]
fn lengths_are_bounded() {
    assert!(Repetition::new(MAX_BITS).is_ok());
    for n in [0, MAX_BITS + 1, usize::MAX] {
        assert_eq!(Repetition::new(n).unwrap_err(), CodeError::Length { n: Some(n) });
    }
}

#[test]
fn the_coin_of_a_reading_is_the_hash_that_its_documentation_says() {
    let word = BitString::random(77, &mut rng(20));
    let mut coin = HashCoin::new(&word);
    let tosses: BitString = (0..600).map(|_| coin.toss()).collect();
    for counter in 0..2_u64 {
        let mut input = b"puflab/1 tie".to_vec();
        input.extend(counter.to_be_bytes());
        input.extend(word.to_bytes_msb0());
        let block = tosses.slice(256 * counter as usize, 256);
        assert_eq!(block.to_bytes_msb0(), Sha256::digest(&input).as_slice());
    }
    // The same reading decodes the same way, another one need not.
    let mut again = HashCoin::new(&word);
    assert!(tosses.iter().all(|toss| toss == again.toss()));
}

#[test]
fn coins_of_readings_are_fair() {
    // 4096 readings, five standard deviations: a false alarm in two million.
    let mut rng = rng(21);
    let heads =
        (0..4096).filter(|_| HashCoin::new(&BitString::random(64, &mut rng)).toss()).count();
    assert!(heads.abs_diff(2048) < 160, "{heads} of 4096");
}
