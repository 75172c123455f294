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
/// `ln(1 + f)`, `|f| < 2^-7`: within 2^-46 of the logarithm.
#[inline]
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
