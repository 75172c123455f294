//! From bytes to words, eight bytes at a time.

use super::BitOrder;

/// Unpacks memory bytes: cell `i` of the bytes becomes bit `i % 64` of word `i / 64`.
///
/// There is a word for every eight bytes begun; bits past the last byte are cleared.
pub(super) fn packed(bytes: &[u8], order: BitOrder, words: &mut [u64]) {
    match order {
        // The first bit of the first byte is the highest of the big-endian word.
        BitOrder::Msb => each_eight(bytes, words, |b| u64::from_be_bytes(b).reverse_bits()),
        BitOrder::Lsb => each_eight(bytes, words, u64::from_le_bytes),
    }
}

fn each_eight(bytes: &[u8], words: &mut [u64], word_of: impl Fn([u8; 8]) -> u64) {
    let (eights, rest) = bytes.as_chunks::<8>();
    let (whole, last) = words.split_at_mut(eights.len());
    for (word, &eight) in whole.iter_mut().zip(eights) {
        *word = word_of(eight);
    }
    if let ([word], [_, ..]) = (last, rest) {
        *word = word_of(padded(rest));
    }
}

fn padded(rest: &[u8]) -> [u8; 8] {
    let mut eight = [0; 8];
    eight[..rest.len()].copy_from_slice(rest);
    eight
}

/// Packs cells of 0 and 1, one a byte.
///
/// # Errors
/// The place of the first byte that is neither.
pub(super) fn cells(bytes: &[u8], words: &mut [u64]) -> Result<(), usize> {
    let mut seen = 0;
    for (word, sixty_four) in words.iter_mut().zip(bytes.chunks(64)) {
        let (eights, rest) = sixty_four.as_chunks::<8>();
        let mut bits = 0;
        for (place, &eight) in eights.iter().enumerate() {
            let eight = u64::from_le_bytes(eight);
            seen |= eight;
            bits |= eight_cells(eight) << (8 * place);
        }
        if !rest.is_empty() {
            let eight = u64::from_le_bytes(padded(rest));
            seen |= eight;
            bits |= eight_cells(eight) << (8 * eights.len());
        }
        *word = bits;
    }
    match seen & !0x0101_0101_0101_0101 {
        0 => Ok(()),
        _ => Err(bytes.iter().position(|&byte| byte > 1).unwrap_or(0)),
    }
}

/// Byte j of the word, 0 or 1, as bit j.
fn eight_cells(eight: u64) -> u64 {
    // The factor moves byte j to bit j of the product's top byte, without carries.
    eight.wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Packs cells of `N` bytes each, all zeros or the pattern `one`.
///
/// # Errors
/// The place, in cells, of the first that is neither.
pub(super) fn wide_cells<const N: usize>(
    bytes: &[u8],
    one: [u8; N],
    words: &mut [u64],
) -> Result<(), usize> {
    let (cells, _) = bytes.as_chunks::<N>();
    let mut valid = true;
    for (word, sixty_four) in words.iter_mut().zip(cells.chunks(64)) {
        let mut bits = 0;
        for (place, &cell) in sixty_four.iter().enumerate() {
            let is_one = cell == one;
            valid &= is_one | (cell == [0; N]);
            bits |= u64::from(is_one) << place;
        }
        *word = bits;
    }
    if valid {
        return Ok(());
    }
    Err(cells.iter().position(|&cell| cell != one && cell != [0; N]).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn memory_bytes_bit_by_bit(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            for (order, mask) in [(BitOrder::Msb, 0x80_u8), (BitOrder::Lsb, 1)] {
                let mut words = vec![u64::MAX; bytes.len().div_ceil(8)];
                packed(&bytes, order, &mut words);
                for i in 0..64 * words.len() {
                    let turned = if mask == 1 { 1 << (i % 8) } else { mask >> (i % 8) };
                    let expected = bytes.get(i / 8).is_some_and(|byte| byte & turned != 0);
                    prop_assert_eq!(words[i / 64] >> (i % 64) & 1 == 1, expected);
                }
            }
        }

        #[test]
        fn cells_one_by_one(values in proptest::collection::vec(0_u8..=1, 1..300)) {
            let mut words = vec![u64::MAX; values.len().div_ceil(64)];
            cells(&values, &mut words).unwrap();
            let of_two: Vec<u8> = values.iter().flat_map(|&value| [0, value]).collect();
            let mut again = vec![u64::MAX; words.len()];
            wide_cells(&of_two, [0, 1], &mut again).unwrap();
            prop_assert_eq!(&words, &again);
            for i in 0..64 * words.len() {
                let expected = values.get(i) == Some(&1);
                prop_assert_eq!(words[i / 64] >> (i % 64) & 1 == 1, expected);
            }
        }

        #[test]
        fn the_first_other_value_is_named(
            len in 1_usize..300, place in any::<prop::sample::Index>(), value in 2_u8..,
        ) {
            let place = place.index(len);
            let mut values = vec![1; len];
            values[place..].fill(value);
            prop_assert_eq!(cells(&values, &mut vec![0; len.div_ceil(64)]), Err(place));
            let of_two: Vec<u8> = values.iter().flat_map(|&value| [0, value]).collect();
            let outcome = wide_cells(&of_two, [0, 1], &mut vec![0; len.div_ceil(64)]);
            prop_assert_eq!(outcome, Err(place));
        }
    }
}
