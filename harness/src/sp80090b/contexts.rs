//! Which symbol came how often after which symbols: the dictionaries of the MultiMMC and LZ78Y
//! estimates.
//!
//! Contexts are the last 1 to 16 samples. Of bits all contexts together are 2^17, and a table holds
//! them; of more symbols only those that came are kept, by hash.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The longest context, in samples.
pub(super) const MAX_CONTEXT: usize = 16;

/// Counts after each context of bits.
///
/// A context of `d` bits is numbered `2^d - 2 +` its bits as a number, the latest bit the lowest.
pub(super) struct BitContexts(Vec<[u32; 2]>);

impl BitContexts {
    pub(super) fn new(longest: usize) -> Self {
        Self(vec![[0; 2]; (2 << longest) - 2])
    }

    /// The counts of 0 and of 1 after the latest `d` bits of `history`.
    #[inline]
    pub(super) fn after(&mut self, history: usize, d: usize) -> &mut [u32; 2] {
        let first = (1 << d) - 2;
        &mut self.0[first + (history & ((1 << d) - 1))]
    }
}

/// The bit that came more often and how often; 1 if both came equally often.
#[inline]
pub(super) fn likelier([zeros, ones]: [u32; 2]) -> (u8, u32) {
    (u8::from(ones >= zeros), zeros.max(ones))
}

/// Counts after each context of one length that came.
#[derive(Default)]
pub(super) struct SymbolContexts {
    contexts: HashMap<u128, Context, Hashing>,
    counts: HashMap<u64, u32, Hashing>,
}

/// What is known of a context.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    number: u32,
    /// The symbol that came most often after it, the largest of several.
    pub(super) likeliest: u8,
    /// How often that one came.
    pub(super) count: u32,
}

impl SymbolContexts {
    /// What is known of a context, if it came.
    pub(super) fn find(&self, context: u128) -> Option<Context> {
        self.contexts.get(&context).copied()
    }

    /// Adds a context that has not come yet, with what came after it.
    pub(super) fn begin(&mut self, context: u128, symbol: u8) {
        let number = u32::try_from(self.contexts.len()).unwrap_or(u32::MAX);
        self.contexts.insert(context, Context { number, likeliest: symbol, count: 1 });
        self.counts.insert(u64::from(number) << 8 | u64::from(symbol), 1);
    }

    /// Counts what came after a context that was found. A symbol that never came after it is added only
    /// if there is `room`; whether it was added.
    pub(super) fn count(&mut self, context: u128, symbol: u8, room: bool) -> bool {
        let Some(known) = self.contexts.get_mut(&context) else { return false };
        let pair = u64::from(known.number) << 8 | u64::from(symbol);
        let (count, is_new) = match self.counts.get_mut(&pair) {
            Some(count) => {
                *count += 1;
                (*count, false)
            }
            None if room => {
                self.counts.insert(pair, 1);
                (1, true)
            }
            None => return false,
        };
        if (count, symbol) > (known.count, known.likeliest) {
            (known.count, known.likeliest) = (count, symbol);
        }
        is_new
    }
}

/// The latest symbols, the last one in the lowest byte.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct History(u128);

impl History {
    pub(super) fn push(&mut self, symbol: u8) {
        self.0 = self.0 << 8 | u128::from(symbol);
    }

    /// The latest `d` symbols as one number, `d` from 1 to 16.
    pub(super) fn last(self, d: usize) -> u128 {
        self.0 & u128::MAX >> (128 - 8 * d)
    }
}

/// A hash of a few instructions. No secret: what it slows down when the data are made for it is an
/// assessment of these data.
#[derive(Default)]
struct Fold(u64);

type Hashing = BuildHasherDefault<Fold>;

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, word: u64) {
        // An odd number near 2^64 divided by the golden ratio.
        let product = u128::from(self.0 ^ word) * 0x9E37_79B9_7F4A_7C15;
        let (low, high) = (product & u128::from(u64::MAX), product >> 64);
        self.0 = u64::try_from(low ^ high).unwrap_or(0).rotate_left(23) ^ word;
    }

    fn write_u128(&mut self, word: u128) {
        self.write_u64(u64::try_from(word >> 64).unwrap_or(0));
        self.write_u64(u64::try_from(word & u128::from(u64::MAX)).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_equally_likely_symbols_is_predicted() {
        assert_eq!(
            [likelier([2, 2]), likelier([3, 2]), likelier([0, 1])],
            [(1, 2), (0, 3), (1, 1)]
        );
        let mut contexts = SymbolContexts::default();
        contexts.begin(7, 5);
        assert!(contexts.count(7, 3, true));
        assert_eq!(contexts.find(7).map(|known| (known.likeliest, known.count)), Some((5, 1)));
        assert!(!contexts.count(7, 3, false));
        assert!(!contexts.count(7, 9, false), "no room");
        assert_eq!(contexts.find(7).map(|known| (known.likeliest, known.count)), Some((3, 2)));
        assert!(contexts.find(8).is_none());
    }

    #[test]
    fn a_history_forgets() {
        let mut history = History::default();
        (1..=17).for_each(|symbol| history.push(symbol));
        assert_eq!(history.last(1), 17);
        assert_eq!(history.last(2), 0x1011);
        assert_eq!(history.last(16) >> 120, 2);
    }

    #[test]
    fn every_context_of_bits_has_a_place_of_its_own() {
        let mut contexts = BitContexts::new(3);
        for d in 1..=3 {
            for history in 0..1 << d {
                contexts.after(history, d)[0] += 1;
            }
        }
        assert_eq!(contexts.0, [[1, 0]; 14]);
    }
}
