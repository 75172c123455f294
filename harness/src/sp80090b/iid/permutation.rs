//! The permutation test (section 5.1).
//!
//! Of IID samples any order is as likely as any other. A statistic that is among the five largest or
//! the five smallest of 10,000 permutations says that this order is special.

use rayon::prelude::*;

use puf_emulator::seed::SeedTree;

use super::statistics::{COUNT, Law, NAMES};
use crate::sp80090b::order::shuffle;
use crate::sp80090b::{Interrupted, Symbols};

/// Permutations of the standard.
pub const PERMUTATIONS: usize = 10_000;

/// Permutations that must be on either side of the sequence, or draw with it.
const ENOUGH: usize = 5;

/// A statistic of the sequence among those of its permutations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rank {
    /// Its name, as in NIST's tool.
    pub name: &'static str,
    /// Its value for the sequence.
    pub value: f64,
    /// Permutations with a larger value, with the same, and with a smaller one: `C_0`, `C_1` and `C_2`.
    /// Counting ends when the statistic has passed.
    pub counts: [usize; 3],
}

impl Rank {
    /// Whether the sequence is no extreme: more than five permutations are at least as large and more
    /// than five at most as large.
    #[must_use]
    pub fn passed(&self) -> bool {
        let [larger, same, smaller] = self.counts;
        larger + same > ENOUGH && same + smaller > ENOUGH
    }
}

/// What the test finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Permutation {
    /// All 19 statistics.
    pub ranks: Vec<Rank>,
    /// Permutations looked at: all, unless every statistic passed before.
    pub permutations: usize,
}

impl Permutation {
    /// Whether all statistics passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.ranks.iter().all(Rank::passed)
    }
}

/// Ranks the statistics among those of up to `permutations` permutations, of which number `i` depends on
/// `seed` and `i` only. At least one sample.
///
/// A statistic that has passed cannot fail any more and is left out from then on, as in NIST's tool:
/// what is counted does not depend on how many permutations are made at once.
///
/// # Errors
/// [`Interrupted`], if `goes_on`, which is told how many are done, said no.
pub fn test(
    symbols: &Symbols,
    seed: u64,
    permutations: usize,
    goes_on: &mut dyn FnMut(usize) -> bool,
) -> Result<Permutation, Interrupted> {
    let law = Law::of(symbols);
    let node = SeedTree::from_seed(seed).child("sp800-90b permutation test");
    let values = law.statistics(symbols.samples(), &[true; COUNT]);
    let rank = |(&name, value)| Rank { name, value, counts: [0; 3] };
    let mut ranks: Vec<Rank> = NAMES.iter().zip(values).map(rank).collect();
    let at_once = 2 * rayon::current_num_threads().max(4);
    let mut done = 0;
    while done < permutations && !ranks.iter().all(Rank::passed) {
        if !goes_on(done) {
            return Err(Interrupted);
        }
        let mut wanted = [false; COUNT];
        for (wanted, rank) in wanted.iter_mut().zip(&ranks) {
            *wanted = !rank.passed();
        }
        let end = permutations.min(done + at_once);
        let statistics: Vec<[f64; COUNT]> = (done..end)
            .into_par_iter()
            .map_init(
                || symbols.samples().to_vec(),
                |samples, i| {
                    samples.copy_from_slice(symbols.samples());
                    shuffle(samples, &node, i as u64);
                    law.statistics(samples, &wanted)
                },
            )
            .collect();
        for permuted in &statistics {
            if ranks.iter().all(Rank::passed) {
                break;
            }
            done += 1;
            for (rank, value) in ranks.iter_mut().zip(permuted) {
                if !rank.passed() {
                    let place = match value.total_cmp(&rank.value) {
                        std::cmp::Ordering::Greater => 0,
                        std::cmp::Ordering::Equal => 1,
                        std::cmp::Ordering::Less => 2,
                    };
                    rank.counts[place] += 1;
                }
            }
        }
    }
    Ok(Permutation { ranks, permutations: done })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coins(count: usize) -> Vec<u8> {
        let node = SeedTree::from_seed(9);
        let mut coins: Vec<u8> = (0..count).map(|i| u8::from(i % 2 == 0)).collect();
        shuffle(&mut coins, &node, 0);
        coins
    }

    fn run(values: Vec<u8>, permutations: usize) -> Permutation {
        let symbols = Symbols::from_values(values, None).unwrap();
        test(&symbols, 1, permutations, &mut |_| true).unwrap()
    }

    #[test]
    fn shuffled_coins_pass_soon() {
        let found = run(coins(4000), 2000);
        assert!(found.passed() && found.permutations < 2000, "{found:?}");
    }

    #[test]
    fn a_trend_is_an_extreme() {
        let mut coins = coins(4000);
        coins[1000..2000].sort_unstable();
        let found = run(coins, 60);
        assert!(!found.passed());
        let excursion = &found.ranks[0];
        assert_eq!((excursion.name, excursion.counts), ("excursion", [0, 0, 60]));
    }

    #[test]
    fn any_number_of_threads_finds_the_same() {
        let values = coins(1000);
        let in_pool = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(values.clone(), 300))
        };
        let one = in_pool(1);
        assert_eq!(one, in_pool(2));
        assert_eq!(one, in_pool(7));
    }

    #[test]
    fn symbols_are_tested_as_they_are() {
        let values: Vec<u8> = coins(6000).chunks(3).map(|c| c[0] << 5 | c[1] << 2 | c[2]).collect();
        assert!(run(values, 3000).passed());
    }

    #[test]
    fn the_caller_may_stop_it() {
        let symbols = Symbols::from_values(coins(1000), None).unwrap();
        assert_eq!(test(&symbols, 1, 10, &mut |_| false), Err(Interrupted));
    }
}
