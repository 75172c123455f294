//! Bias by address class: cells that differ in one bit of their index.
//!
//! The two halves of an array may prefer opposite values and the whole look fair; an attacker who
//! knows the address of a cell guesses it by its class.

use fuzzy_extractor::bits::BitString;
use puf_emulator::silicon::{Instructions, Loop, PolarityLaw};

use super::counts::min_entropy;

/// The cells whose index has a bit set, and the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AddressClasses {
    /// The bit of the cell index, as a mask.
    pub mask: u32,
    /// Fraction of ones among the cells whose index has it clear; ideally 0.5.
    pub ones_even: f64,
    /// The same among the others.
    pub ones_odd: f64,
    /// Mean over the cells of the min-entropy of their class, `-log2 max(b, 1 - b)`; bits a cell,
    /// ideally 1.
    pub min_entropy: f64,
}

/// The classes of each single bit of the cell index of which both are there, lowest first.
#[must_use]
pub fn by_bit(reading: &BitString, kept: Option<&BitString>) -> Vec<AddressClasses> {
    let bits = usize::BITS - reading.len().saturating_sub(1).leading_zeros();
    Instructions::detected().run(ByBit { reading, kept, bits })
}

/// Bits of a cell's place within a word.
const IN_WORD: u32 = 6;

struct ByBit<'a> {
    reading: &'a BitString,
    kept: Option<&'a BitString>,
    bits: u32,
}

impl Loop for ByBit<'_> {
    type Output = Vec<AddressClasses>;

    #[inline(always)]
    fn compute(self) -> Vec<AddressClasses> {
        let Self { reading, kept, bits } = self;
        let words = reading.words();
        let full = vec![u64::MAX; words.len()];
        let mut there = kept.map_or(full, |kept| kept.words().to_vec());
        if kept.is_none()
            && !reading.len().is_multiple_of(64)
            && let Some(last) = there.last_mut()
        {
            *last >>= 64 - reading.len() % 64;
        }
        // Bits above those within a word select whole words.
        let ones_of: Vec<u32> = words.iter().map(|word| word.count_ones()).collect();
        let cells_of: Vec<u32> = there.iter().map(|word| word.count_ones()).collect();
        let sum = |of: &[u32]| of.iter().map(|&n| u64::from(n)).sum::<u64>();
        let (ones, cells) = (sum(&ones_of), sum(&cells_of));
        (0..bits.min(26))
            .filter_map(|bit| {
                let (odd_ones, odd_cells) = if bit < IN_WORD {
                    // The odd class within any word.
                    let plane = PolarityLaw::new(1 << bit, 0.0, 0.0).map_or(0, |law| law.word(0));
                    let count = |of: &[u64]| {
                        of.iter().map(|word| u64::from((word & plane).count_ones())).sum::<u64>()
                    };
                    (count(words), count(&there))
                } else {
                    let half = 1 << (bit - IN_WORD);
                    let odd = |of: &[u32]| of.chunks(half).skip(1).step_by(2).map(sum).sum::<u64>();
                    (odd(&ones_of), odd(&cells_of))
                };
                AddressClasses::of(1 << bit, [ones, cells], [odd_ones, odd_cells])
            })
            .collect()
    }
}

impl AddressClasses {
    /// From ones and cells of all, and of the odd class.
    fn of(mask: u32, [ones, cells]: [u64; 2], [odd_ones, odd_cells]: [u64; 2]) -> Option<Self> {
        let even_cells = cells - odd_cells;
        if odd_cells == 0 || even_cells == 0 {
            return None;
        }
        let ones_odd = odd_ones as f64 / odd_cells as f64;
        let ones_even = (ones - odd_ones) as f64 / even_cells as f64;
        let weighted =
            odd_cells as f64 * min_entropy(ones_odd) + even_cells as f64 * min_entropy(ones_even);
        Some(Self { mask, ones_even, ones_odd, min_entropy: weighted / cells as f64 })
    }
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
            let all = by_bit(&reading, kept);
            assert_eq!(all.len(), 10);
            for found in all {
                let mask = found.mask as usize;
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
    }

    #[test]
    fn a_bias_that_cancels_shows_by_class() {
        let reading: BitString = (0..4096).map(|i| i >> 5 & 1 == 1).collect();
        let found = by_bit(&reading, None);
        assert_eq!((found[5].ones_odd, found[5].ones_even, found[5].min_entropy), (1.0, 0.0, 0.0));
        assert_eq!((found[4].ones_odd, found[4].min_entropy), (0.5, 1.0));
    }
}
