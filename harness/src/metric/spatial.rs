//! Dependence of cells on cells near them: autocorrelation along the addresses.

use fuzzy_extractor::bits::BitString;
use puf_emulator::silicon::{Instructions, Loop};

/// Correlation of cells that lie a distance apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Autocorrelation {
    /// The distance in cells.
    pub lag: usize,
    /// Correlation coefficient, -1 to 1, ideally 0; 0 where the cells are all alike.
    pub coefficient: f64,
    /// The same in standard errors of independent cells, `r sqrt(n)` over the `n` pairs.
    pub z: f64,
}

/// Lags up to which every one is looked at: within a word of the memory and its neighbours.
const NEAR: usize = 64;

/// The lags that are looked at: 1 to 64, and the powers of two above, below half of the cells.
#[must_use]
pub fn lags(cells: usize) -> Vec<usize> {
    let near = 1..=NEAR;
    let far = (1..usize::BITS - 1).map(|bit| 1 << bit).filter(|&lag| lag > NEAR);
    near.chain(far).take_while(|&lag| 2 * lag <= cells).collect()
}

/// Autocorrelation of a reading at each lag, over pairs of cells that are both kept: `1 - d / 2b(1-b)`
/// with `d` the fraction of pairs that differ and `b` the fraction of ones.
#[must_use]
pub fn autocorrelation(
    reading: &BitString,
    kept: Option<&BitString>,
    lags: &[usize],
) -> Vec<Autocorrelation> {
    let cells = kept.map_or(reading.len(), BitString::weight) as f64;
    let b = reading.weight() as f64 / cells;
    let by_chance = 2.0 * b * (1.0 - b);
    let instructions = Instructions::detected();
    let of_lag = |&lag: &usize| {
        let [differing, pairs] = match kept {
            Some(kept) => {
                instructions.run(Masked { reading: reading.words(), kept: kept.words(), lag })
            }
            None => {
                let differing = instructions.run(Shifted { reading: reading.words(), lag });
                // The shifted reading ends early; what it is compared with past that reads 0.
                let past = reading.slice(reading.len() - lag, lag).weight() as u64;
                [differing - past, (reading.len() - lag) as u64]
            }
        };
        if by_chance == 0.0 || pairs == 0 {
            return Autocorrelation { lag, coefficient: 0.0, z: 0.0 };
        }
        let coefficient = 1.0 - differing as f64 / pairs as f64 / by_chance;
        Autocorrelation { lag, coefficient, z: coefficient * libm::sqrt(pairs as f64) }
    };
    lags.iter().filter(|&&lag| lag < reading.len()).map(of_lag).collect()
}

/// Ones of a reading xor itself moved down by a lag.
struct Shifted<'a> {
    reading: &'a [u64],
    lag: usize,
}

impl Loop for Shifted<'_> {
    type Output = u64;

    #[inline(always)]
    fn compute(self) -> u64 {
        let (words, bits) = (self.lag / 64, self.lag % 64);
        let moved = &self.reading[words..];
        let whole = moved.len().saturating_sub(1);
        let mut sum: u64 = 0;
        if bits == 0 {
            for (a, b) in self.reading[..whole].iter().zip(moved) {
                sum += u64::from((a ^ b).count_ones());
            }
        } else {
            for (i, a) in self.reading[..whole].iter().enumerate() {
                let b = moved[i] >> bits | moved[i + 1] << (64 - bits);
                sum += u64::from((a ^ b).count_ones());
            }
        }
        // The last moved word, and what has nothing left to be compared with.
        for (i, a) in self.reading.iter().enumerate().skip(whole) {
            let b = moved.get(i).map_or(0, |word| word >> bits);
            sum += u64::from((a ^ b).count_ones());
        }
        sum
    }
}

/// As [`Shifted`], over pairs whose cells are both kept; and how many there are.
struct Masked<'a> {
    reading: &'a [u64],
    kept: &'a [u64],
    lag: usize,
}

impl Loop for Masked<'_> {
    type Output = [u64; 2];

    #[inline(always)]
    fn compute(self) -> [u64; 2] {
        let (words, bits) = (self.lag / 64, self.lag % 64);
        let moved = |of: &[u64], i: usize| {
            let low = of.get(i + words).map_or(0, |word| word >> bits);
            let high =
                if bits == 0 { 0 } else { of.get(i + words + 1).map_or(0, |w| w << (64 - bits)) };
            low | high
        };
        let (mut differing, mut pairs) = (0, 0);
        for (i, (&read, &kept)) in self.reading.iter().zip(self.kept).enumerate() {
            let both = kept & moved(self.kept, i);
            differing += u64::from(((read ^ moved(self.reading, i)) & both).count_ones());
            pairs += u64::from(both.count_ones());
        }
        [differing, pairs]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    #[test]
    fn coefficients_are_those_of_a_loop_over_pairs() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for cells in [3, 64, 130, 1000, 1024] {
            let reading = BitString::random(cells, &mut rng);
            let kept: BitString = (0..cells).map(|i| i % 7 != 3).collect();
            let mut left = reading.clone();
            (0..cells).filter(|&i| !kept.get(i)).for_each(|i| left.set(i, false));
            for (reading, kept) in [(&reading, None), (&left, Some(&kept))] {
                let keeps = |i: usize| kept.is_none_or(|kept| kept.get(i));
                let b = reading.weight() as f64 / (0..cells).filter(|&i| keeps(i)).count() as f64;
                for found in autocorrelation(reading, kept, &lags(cells)) {
                    let pairs: Vec<usize> = (0..cells - found.lag)
                        .filter(|&i| keeps(i) && keeps(i + found.lag))
                        .collect();
                    let differ = |&&i: &&usize| reading.get(i) != reading.get(i + found.lag);
                    let d = pairs.iter().filter(differ).count() as f64 / pairs.len() as f64;
                    let expected = 1.0 - d / (2.0 * b * (1.0 - b));
                    assert!((found.coefficient - expected).abs() < 1e-12, "{cells}, {found:?}");
                    let z = expected * libm::sqrt(pairs.len() as f64);
                    assert!((found.z - z).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn stripes_correlate_with_themselves_and_constants_with_nothing() {
        let stripes: BitString = (0..4096).map(|i| i / 8 % 2 == 1).collect();
        let found = autocorrelation(&stripes, None, &lags(4096));
        let at = |lag: usize| found.iter().find(|a| a.lag == lag).unwrap().coefficient;
        assert!(
            (at(16) - 1.0).abs() < 1e-12 && (at(8) + 1.0).abs() < 1e-12,
            "{} {}",
            at(16),
            at(8)
        );
        // Half of the pairs, but for the last stripe, which ends without partners.
        assert!((at(4) - 4.0 / 4092.0).abs() < 1e-12);
        let zeros = BitString::zeros(4096);
        assert!(autocorrelation(&zeros, None, &lags(4096)).iter().all(|a| a.coefficient == 0.0));
        assert!(lags(1).is_empty());
        assert_eq!(lags(300).last(), Some(&128));
    }
}
