//! Coset leaders by weight, by enumeration, against the published counts.

use fuzzy_extractor::code::notation::parse;

use crate::support::{bits, integer, patterns};

/// The number of coset leaders of each weight, of a code of at most 32 bits.
fn leaders_by_weight(text: &str) -> Vec<u64> {
    let code = parse(text).unwrap();
    let n = code.n() as u32;
    let columns: Vec<u32> =
        (0..n).map(|i| integer(&code.syndrome(&bits(1 << i, code.n())))).collect();
    let cosets = 1_u64 << (code.n() - code.k());
    let mut seen = vec![0_u64; cosets.div_ceil(64) as usize];
    let mut counts = Vec::new();
    while counts.iter().sum::<u64>() < cosets {
        let mut found = 0;
        for mut pattern in patterns(n, counts.len() as u32) {
            let mut syndrome = 0;
            while pattern != 0 {
                syndrome ^= columns[pattern.trailing_zeros() as usize];
                pattern &= pattern - 1;
            }
            let (word, mask) = (syndrome as usize / 64, 1 << (syndrome % 64));
            found += u64::from(seen[word] & mask == 0);
            seen[word] |= mask;
        }
        counts.push(found);
    }
    counts
}

#[test]
fn counts_are_the_published_ones() {
    let table: &[(&str, &[u64])] = &[
        ("hamming(7,4)", &[1, 7]),
        ("golay(23,12)", &[1, 23, 253, 1771]),
        ("golay(24,12)", &[1, 24, 276, 2024, 1771]),
        ("bch(31,21,2)", &[1, 31, 465, 527]),
        ("bch(31,16,3)", &[1, 31, 465, 4495, 13020, 14756]),
        ("bch(31,11,5)", &[1, 31, 465, 4495, 31465, 169_911, 522_009, 320_199]),
        ("bch(15,7,2)", &[1, 15, 105, 135]),
        ("bch(15,5,3)", &[1, 15, 105, 455, 420, 28]),
    ];
    for (text, expected) in table {
        assert_eq!(leaders_by_weight(text), *expected, "{text}");
    }
}

#[test]
#[ignore = "long; stage 2"]
fn counts_of_the_longest_row_are_the_published_ones() {
    let expected = [
        1, 31, 465, 4495, 31465, 169_911, 736_281, 2_629_575, 7_490_220, 13_798_100, 8_265_964,
        427_924,
    ];
    assert_eq!(leaders_by_weight("bch(31,6,7)"), expected);
}
