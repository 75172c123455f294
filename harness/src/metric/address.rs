//! Bias by address class: cells that differ in one bit of their index.
//!
//! The two halves of an array may prefer opposite values and the whole look fair; an attacker who
//! knows the address of a cell guesses it by its class.

use fuzzy_extractor::bits::BitString;
use puf_emulator::silicon::PolarityLaw;

use super::counts::min_entropy;

/// The cells of one parity of some bits of the cell index, and the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AddressClasses {
    /// The bits of the cell index.
    pub mask: u32,
    /// Fraction of ones among the cells whose index has an even number of these bits set; ideally 0.5.
    pub ones_even: f64,
    /// The same among the others.
    pub ones_odd: f64,
    /// Mean over the cells of the min-entropy of their class, `-log2 max(b, 1 - b)`; bits a cell,
    /// ideally 1.
    pub min_entropy: f64,
}

/// Fractions of ones of the two classes of a mask, `None` where one is empty.
#[must_use]
pub fn classes(reading: &BitString, kept: Option<&BitString>, mask: u32) -> Option<AddressClasses> {
    let law = PolarityLaw::new(mask, 0.0, 0.0).ok()?;
    let full = u64::MAX;
    // Ones and cells: of all, and of the odd class.
    let (mut ones, mut cells, mut odd_ones, mut odd_cells) = (0_u64, 0_u64, 0_u64, 0_u64);
    for (place, &word) in reading.words().iter().enumerate() {
        let there = match kept {
            Some(kept) => kept.words()[place],
            None if 64 * place + 64 > reading.len() => full >> (64 * (place + 1) - reading.len()),
            None => full,
        };
        let odd = law.word(place) & there;
        ones += u64::from(word.count_ones());
        cells += u64::from(there.count_ones());
        odd_ones += u64::from((word & odd).count_ones());
        odd_cells += u64::from(odd.count_ones());
    }
    let even_cells = cells - odd_cells;
    if odd_cells == 0 || even_cells == 0 {
        return None;
    }
    let ones_odd = odd_ones as f64 / odd_cells as f64;
    let ones_even = (ones - odd_ones) as f64 / even_cells as f64;
    let weighted =
        odd_cells as f64 * min_entropy(ones_odd) + even_cells as f64 * min_entropy(ones_even);
    Some(AddressClasses { mask, ones_even, ones_odd, min_entropy: weighted / cells as f64 })
}

/// The classes of each single bit of the cell index, lowest first.
#[must_use]
pub fn by_bit(reading: &BitString, kept: Option<&BitString>) -> Vec<AddressClasses> {
    let bits = usize::BITS - reading.len().saturating_sub(1).leading_zeros();
    (0..bits.min(26)).filter_map(|bit| classes(reading, kept, 1 << bit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    #[test]
    fn classes_are_those_of_a_loop() {
        let cells = 777;
        let mut reading = BitString::random(cells, &mut ChaCha8Rng::seed_from_u64(1));
        let kept: BitString = (0..cells).map(|i| i % 5 != 2).collect();
        (0..cells).filter(|&i| !kept.get(i)).for_each(|i| reading.set(i, false));
        let everything = BitString::from_words(vec![u64::MAX; 13], cells);
        for kept in [Some(&kept), None] {
            for mask in [1, 32, 48, 256, 0x201] {
                let found = classes(&reading, kept, mask).unwrap();
                let mask = mask as usize;
                for (odd, ones) in [(true, found.ones_odd), (false, found.ones_even)] {
                    let of: Vec<usize> = kept
                        .unwrap_or(&everything)
                        .ones()
                        .filter(|&i| ((i & mask).count_ones() % 2 == 1) == odd)
                        .collect();
                    let expected = of.iter().filter(|&&i| reading.get(i)).count() as f64;
                    assert_eq!(ones, expected / of.len() as f64);
                }
            }
        }
        assert_eq!(by_bit(&reading, None).len(), 10);
        assert_eq!(classes(&reading, None, 1 << 20), None);
    }

    #[test]
    fn a_bias_that_cancels_shows_by_class() {
        let reading: BitString = (0..4096).map(|i| i >> 5 & 1 == 1).collect();
        let found = by_bit(&reading, None);
        assert_eq!((found[5].ones_odd, found[5].ones_even, found[5].min_entropy), (1.0, 0.0, 0.0));
        assert_eq!((found[4].ones_odd, found[4].min_entropy), (0.5, 1.0));
    }
}
