//! Rare events as a Poisson process on an integer axis.
//!
//! A cell that flips with probability `p` is an interval that a process of unit rate hits at least
//! once with that probability: its length is the *rate* `-ln(1 - p)`. Lengths and gaps are integers in
//! units of 2^-46, so that where the events fall is the same on every machine.

use super::super::normal::tables::ln;

/// Units of the axis in one: 2^46.
pub(super) const UNIT_BITS: u32 = 46;

/// The exponential variate of a fair 64-bit word in units of 2^-46: `-ln((k + 1/2) / 2^63)` of its
/// high 63 bits `k`, rounded; at most 45 * 2^46.
///
/// The word is brought to `[1, 2)`, its seven leading digits looked up, the rest taken by
/// `ln(1 + f)`, `|f| < 2^-7`. Within 0.9 units of 2^-46 of the logarithm up to 32, 1.1 beyond, and the
/// nearest integer for all but one word in 400.
#[inline(always)]
pub(super) fn exponential(word: u64) -> u64 {
    let odd = word | 1;
    let zeros = odd.leading_zeros();
    let digits = odd << zeros;
    let index = (digits >> 56) as usize & 127;
    let mantissa = digits as f64 * TWO_POW_MINUS_63;
    let Piece { reciprocal, minus_ln } = PIECES[index];
    let f = mantissa * reciprocal - 1.0;
    let ln_rest = f * (1.0 + f * (-0.5 + f * (THIRD + f * (-0.25 + f * (0.2 + f * -SIXTH)))));
    let variate = f64::from(zeros + 1) * core::f64::consts::LN_2 + (minus_ln - ln_rest);
    units(variate)
}

/// `length` of 0 to 60 in units of 2^-46, rounded to the nearest.
#[inline(always)]
pub(super) fn units(length: f64) -> u64 {
    // 2^52 has units of 1 in its last place: what is added stands in the mantissa.
    const TWO_POW_52: f64 = 4_503_599_627_370_496.0;
    (length * TWO_POW_46 + TWO_POW_52).to_bits() & ((1 << 52) - 1)
}

/// `-ln(1 - p)` for `p` up to 1/64.
#[inline(always)]
pub(super) fn rate(p: f64) -> f64 {
    // The series to p^7 / 7: the next term is 2^-51 at most.
    RECIPROCALS.iter().fold(0.0, |sum, reciprocal| (sum + reciprocal) * p)
}

/// 1/7 to 1/1.
const RECIPROCALS: [f64; 7] = [1.0 / 7.0, SIXTH, 0.2, 0.25, THIRD, 0.5, 1.0];
const THIRD: f64 = 1.0 / 3.0;
const SIXTH: f64 = 1.0 / 6.0;

/// The leading digits of a mantissa: the reciprocal of their middle, and its logarithm.
#[derive(Clone, Copy)]
struct Piece {
    reciprocal: f64,
    minus_ln: f64,
}

static PIECES: [Piece; 128] = pieces();

const fn pieces() -> [Piece; 128] {
    let mut table = [Piece { reciprocal: 0.0, minus_ln: 0.0 }; 128];
    let mut index = 0;
    while index < 128 {
        let reciprocal = 1.0 / (1.0 + (index as f64 + 0.5) / 128.0);
        // Of the rounded reciprocal, so that its rounding does not matter.
        table[index] = Piece { reciprocal, minus_ln: ln(reciprocal) };
        index += 1;
    }
    table
}

const TWO_POW_MINUS_63: f64 = 1.0 / 9_223_372_036_854_775_808.0;
pub(super) const TWO_POW_46: f64 = 70_368_744_177_664.0;

#[cfg(test)]
mod tests {
    use super::super::{CLASS_FROM, CLASSES, QUIET, QUIET_FROM, quiet_rate, threshold};
    use super::*;
    use crate::seed::SeedTree;
    use crate::silicon::normal::tables::{near_tail, upper_tail};
    use rand_core::Rng;
    use std::vec::Vec;

    /// How far `variate` is from `-ln((k + 1/2) / 2^63)` of `word`, in units of 2^-46, to a hundredth:
    /// the multiple of ln 2 is taken in integers, only the logarithm of 1 to 2 is left to `libm`.
    fn error(variate: u64, word: u64) -> f64 {
        // ln 2 in these units, to forty digits.
        const LN_2: (i64, f64) = (48775896626291, 0.8688193841197958);
        let odd = word | 1;
        let halvings = i64::from(odd.leading_zeros()) + 1;
        let mantissa = (odd << odd.leading_zeros()) as f64 * TWO_POW_MINUS_63;
        let whole = variate.cast_signed() - halvings * LN_2.0;
        whole as f64 - halvings as f64 * LN_2.1 + libm::log(mantissa) * TWO_POW_46
    }

    /// Over 1e6 words and at every edge. Half a unit is rounding, the rest double arithmetic. Measured:
    /// 0.81 units up to 32, and 1.07 beyond, where a double has units of 2^-47; fewer than one word in
    /// 2^46 gets there. Of fair words 0.25 % are not rounded to the nearest.
    #[test]
    fn exponentials_are_logarithms() {
        let mut words = SeedTree::from_seed(1).stream(0);
        let mut tried: Vec<u64> = (0..1_000_000).map(|_| words.next_u64()).collect();
        let fair = tried.len();
        tried.extend((0..200_000_u32).map(|i| words.next_u64() >> (i % 64)));
        tried.extend((0..100_000_u32).map(|i| !(words.next_u64() >> (i % 64))));
        for power in 0..64 {
            let word = 1_u64 << power;
            tried.extend([word - 1, word, word + 1, !word, word.wrapping_neg()]);
            // Every piece of the table from both sides.
            for piece in 0..128_u64 {
                let edge = ((128 + piece) << 56) >> power;
                tried.extend([edge.wrapping_sub(1), edge, edge + 1]);
            }
        }
        tried.extend([0, 1, 2, 3, u64::MAX, u64::MAX - 1, u64::MAX - 2]);
        let mut worst = [(0.0, 0); 2];
        let mut not_nearest = 0;
        for (i, &word) in tried.iter().enumerate() {
            let variate = exponential(word);
            let error = error(variate, word).abs();
            let worst = &mut worst[usize::from(variate >> UNIT_BITS >= 32)];
            if error > worst.0 {
                *worst = (error, word);
            }
            not_nearest += usize::from(i < fair && error > 0.51);
        }
        std::println!("exponential: {worst:x?} units; {not_nearest} of {fair} not the nearest");
        assert!(worst[0].0 <= 1.0 && worst[1].0 < 1.25, "{worst:x?}");
        assert!(not_nearest < fair / 50, "{not_nearest}");
        assert_eq!(exponential(0), exponential(1));
        assert!(exponential(0) < 45 << UNIT_BITS && exponential(u64::MAX) == 0);
    }

    /// Kolmogorov and Smirnov on a million gaps: `2 exp(-2 x^2) = 5e-9` at x = 3.146; and the number
    /// beyond 10, Poisson with mean 45.4, within 5.85 standard deviations.
    #[test]
    fn exponentials_are_exponential() {
        for seed in [2, 3] {
            let mut words = SeedTree::from_seed(seed).stream(0);
            let mut gaps: Vec<f64> =
                (0..1_000_000).map(|_| exponential(words.next_u64()) as f64 / TWO_POW_46).collect();
            gaps.sort_by(f64::total_cmp);
            let n = gaps.len() as f64;
            let distance = |scale: f64| {
                gaps.iter()
                    .enumerate()
                    .map(|(i, gap)| {
                        let law = -libm::expm1(-gap * scale);
                        (law - i as f64 / n).abs().max(((i + 1) as f64 / n - law).abs())
                    })
                    .fold(0.0, f64::max)
                    * n.sqrt()
            };
            assert!(distance(1.0) < 3.146, "seed {seed}: {}", distance(1.0));
            assert!(distance(1.02) > 3.146, "rate 2 % higher");
            let far = gaps.iter().filter(|&&gap| gap > 10.0).count() as f64;
            let expected = n * libm::exp(-10.0);
            assert!((far - expected).abs() < 5.85 * expected.sqrt(), "seed {seed}: {far}");
        }
    }

    /// But for the rounding, what the series leaves out is `p^8 / 8`: up to `2^-51`, a thirtieth of a
    /// unit, and `2^-45` of the rate.
    #[test]
    fn rates_are_logarithms() {
        let mut worst = 0.0_f64;
        for i in 1..=(1 << 17) {
            let p = f64::from(i) / f64::from(1 << 23);
            worst = worst.max((rate(p) / -libm::log1p(-p) - 1.0).abs());
            let small = libm::exp2(-f64::from(i) / 1300.0) / 64.0;
            worst = worst.max((rate(small) / -libm::log1p(-small) - 1.0).abs());
        }
        std::println!("rate: {worst:e} relative");
        assert!(worst < 1.02 * 2f64.powi(-45), "{worst:e}");
        for (length, expected) in [(0.0, 0), (0.4, 0), (0.6, 1), (4.0, 4), (5.5, 6)] {
            assert_eq!(units(length / TWO_POW_46), expected);
        }
        assert_eq!(units(45.0), 45 << UNIT_BITS);
    }

    /// From its edge on no rate is above the bound of its class, and just before it is.
    #[test]
    fn no_rate_is_above_the_bound_of_its_class() {
        for (edge, bits) in CLASS_FROM.into_iter().zip(CLASSES) {
            let bound = 1 << (UNIT_BITS - bits);
            let of = |x: f64| units(rate(near_tail(x)));
            assert!((0..100_000).all(|i| of(edge + f64::from(i) * 1e-6) <= bound), "2^-{bits}");
            assert!(of(edge) <= bound && of(edge - 2e-10) > bound, "2^-{bits}");
        }
        let of = |x: f64| rate(upper_tail(x)) * f64::from(1_u32 << QUIET);
        assert!(of(QUIET_FROM) <= 1.0 && of(QUIET_FROM - 2e-10) > 1.0);
        // The edge has ten digits: 1e-10 of it are 4.4e-10 of the rate, 2^33 of 2^64.
        assert!(quiet_rate(QUIET_FROM) > u64::MAX - (1 << 33));
        assert_eq!(quiet_rate(11.0), 0);
        // The greatest threshold is one half, in 64 bits, but for the last digits of the table.
        std::println!(
            "one half less {} units of 2^-52",
            ((1_i64 << 52) / 2) - (threshold(0.0) >> 12).cast_signed()
        );
        assert!(threshold(0.0).abs_diff(1 << 63) >> 12 < 10);
    }
}
