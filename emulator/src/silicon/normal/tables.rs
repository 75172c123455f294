//! The normal distribution by table, for the millions of cells of a population.
//!
//! Two tables of polynomials of degree 7, one cache line each, computed by the compiler from the
//! same formulas that the exact functions use:
//!
//! - the quantile of a 32-bit word ([`variate`]): in the centre by the formula of
//!   [`quantile`](super::quantile); in the tails, down to 2^-13, in 120 pieces for every four octaves,
//!   within 1e-12 of it; further out that function itself;
//! - the upper tail `1 - Phi(x)` for 0 <= x < 4.25 ([`upper_tail`]), in pieces of 1/16, within 1e-12
//!   relative of [`cdf`](super::cdf); further out that function itself.
//!
//! IEEE 754 additions, multiplications and divisions in a fixed order: the same bits on every machine.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "integers below 2^31, and those of a few digits that the compiler computes with"
)]

use super::super::instructions::Loop;
use super::as241::{
    CENTRE_DENOMINATOR, CENTRE_NUMERATOR, FAR_TAIL_DENOMINATOR, FAR_TAIL_NUMERATOR,
    TAIL_DENOMINATOR, TAIL_NUMERATOR,
};

/// Bits of a cell's word that place it within its tail.
const TAIL_BITS: u32 = 31;

/// The N(0,1) variates of fair 32-bit words: word `w` stands for the quantile of `(w + 1/2) / 2^32`.
/// Where that is within 2^-13 of 0 or 1, 32 more bits come from `refine`, which is given the place of
/// the word: in the lower tail the quantile is that of `(2^32 w + r + 1/2) / 2^64`, and the upper tail
/// is its mirror image, `-` that of `2^32 - 1 - w` and the same `r`.
pub(in super::super) struct Variates<'a, R> {
    pub(in super::super) words: &'a [u32],
    /// As many as words.
    pub(in super::super) variates: &'a mut [f64],
    pub(in super::super) refine: R,
}

impl<R: FnMut(usize) -> u32> Loop for Variates<'_, R> {
    type Output = ();

    #[inline(always)]
    fn compute(mut self) {
        let parts = self.variates.chunks_mut(64).zip(self.words.chunks(64));
        for (part, (variates, words)) in parts.enumerate() {
            // Five of six are in the centre: all are computed as if they were, side by side.
            let mut far = 0_u64;
            for (place, (variate, &word)) in variates.iter_mut().zip(words).enumerate() {
                let tail = tail_of(word);
                far |= u64::from(tail < CENTRE_FROM) << place;
                let q = (f64::from(tail as i32) + 0.5) * TWO_POW_MINUS_32 - 0.5;
                let r = 0.180_625 - q * q;
                let lower = q * (horner(&CENTRE_NUMERATOR, r) / horner(&CENTRE_DENOMINATOR, r));
                *variate = mirrored(lower, word);
            }
            while far != 0 {
                let place = far.trailing_zeros() as usize;
                far &= far - 1;
                let (variate, word) = (&mut variates[place], words[place]);
                let lower = lower_tail(tail_of(word), || (self.refine)(64 * part + place));
                *variate = mirrored(lower, word);
            }
        }
    }
}

/// The variate of one word, as [`Variates`].
pub(in super::super) fn variate(word: u32, refine: impl FnOnce() -> u32) -> f64 {
    let tail = tail_of(word);
    if tail < CENTRE_FROM {
        return mirrored(lower_tail(tail, refine), word);
    }
    let q = (f64::from(tail as i32) + 0.5) * TWO_POW_MINUS_32 - 0.5;
    let r = 0.180_625 - q * q;
    mirrored(q * (horner(&CENTRE_NUMERATOR, r) / horner(&CENTRE_DENOMINATOR, r)), word)
}

/// The place of a word in its tail, from the end, below 2^31.
#[inline(always)]
fn tail_of(word: u32) -> u32 {
    word ^ (word as i32 >> 31) as u32
}

/// `lower` for a word below the median, its mirror image for one above, without a branch on what is
/// a coin.
#[inline(always)]
fn mirrored(lower: f64, word: u32) -> f64 {
    f64::from_bits(lower.to_bits() ^ u64::from(word >> 31) << 63)
}

#[inline(always)]
fn lower_tail(tail: u32, refine: impl FnOnce() -> u32) -> f64 {
    if tail < REFINED {
        return far_tail(tail, refine());
    }
    // Four octaves a table, from 1/2 down.
    let table = (tail.leading_zeros() as usize - 1) / 4;
    let shift = 24 - 4 * table as u32;
    let within = f64::from((tail & ((1 << shift) - 1)) as i32) + 0.5;
    let scale = 2.0 / f64::from(1 << shift);
    horner(&QUANTILES[table & 3][(tail >> shift) as usize & 127], within * scale - 1.0)
}

#[cold]
fn far_tail(tail: u32, refinement: u32) -> f64 {
    super::variate(u64::from(tail) << 33 | u64::from(refinement) << 1)
}

/// `1 - Phi(x)` for `x >= 0`.
pub(in super::super) fn upper_tail(x: f64) -> f64 {
    if x < NEAR { near_tail(x) } else { super::cdf(-x) }
}

/// `1 - Phi(x)` for `0 <= x < NEAR`; anything beyond.
#[inline(always)]
pub(in super::super) fn near_tail(x: f64) -> f64 {
    // 1.5 * 2^52 has units of 1 in its last place: the sum is rounded to the nearest piece, whose
    // number stands in the mantissa.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let place = x * 16.0;
    let rounded = place + ROUND;
    let index = rounded.to_bits() as usize & (UPPER.len() - 1);
    horner(&UPPER[index], place - (rounded - ROUND))
}

/// Where [`near_tail`] ends.
pub(in super::super) const NEAR: f64 = 4.25;

#[inline(always)]
fn horner(c: &[f64; 8], x: f64) -> f64 {
    c.iter().rev().fold(0.0, |sum, &term| sum * x + term)
}

const TWO_POW_MINUS_32: f64 = 1.0 / 4_294_967_296.0;

/// The least tail with `q >= -0.425`, rounded up.
const CENTRE_FROM: u32 = 322_122_548;
/// The least tail that 31 bits resolve well: 2^-13.
const REFINED: u32 = 1 << (TAIL_BITS - 12);

/// Pieces 8 to 127 of 1/256 each of the lower half of the distribution; the same for a tail 16 times
/// and 256 times as small. The first eight are not used, nor is the fourth table.
static QUANTILES: [[[f64; 8]; 128]; 4] =
    [quantiles(1.0 / 256.0), quantiles(1.0 / 4096.0), quantiles(1.0 / 65536.0), [[0.0; 8]; 128]];
/// `1 - Phi` about `i / 16`, in units of 1/16. The last are not used.
static UPPER: [[f64; 8]; 128] = upper_tails();

/// Interpolates the quantile at the Chebyshev nodes of each piece.
const fn quantiles(width: f64) -> [[f64; 8]; 128] {
    let mut table = [[0.0; 8]; 128];
    let mut index = 8;
    while index < 128 {
        let mut values = [0.0; 8];
        let mut node = 0;
        while node < 8 {
            values[node] = lower_quantile((index as f64 + (NODES[node] + 1.0) / 2.0) * width);
            node += 1;
        }
        table[index] = interpolate(values);
        index += 1;
    }
    table
}

/// `cos((2 k + 1) pi / 16)`: the zeros of the Chebyshev polynomial of degree 8.
const NODES: [f64; 8] = [
    0.980_785_280_403_230_4,
    0.831_469_612_302_545_2,
    0.555_570_233_019_602_2,
    0.195_090_322_016_128_27,
    -0.195_090_322_016_128_27,
    -0.555_570_233_019_602_2,
    -0.831_469_612_302_545_2,
    -0.980_785_280_403_230_4,
];

/// Coefficients, constant first, of the polynomial of degree 7 through `values` at [`NODES`]:
/// Newton's divided differences, then expanded.
const fn interpolate(values: [f64; 8]) -> [f64; 8] {
    let mut difference = values;
    let mut order = 1;
    while order < 8 {
        let mut i = 7;
        while i >= order {
            difference[i] = (difference[i] - difference[i - 1]) / (NODES[i] - NODES[i - order]);
            i -= 1;
        }
        order += 1;
    }
    let mut coefficients = [0.0; 8];
    let mut term = 8;
    while term > 0 {
        term -= 1;
        // coefficients = coefficients * (x - node) + difference
        let mut i = 7;
        while i > 0 {
            coefficients[i] = coefficients[i - 1] - NODES[term] * coefficients[i];
            i -= 1;
        }
        coefficients[0] = difference[term] - NODES[term] * coefficients[0];
    }
    coefficients
}

/// Taylor's polynomials: the n-th derivative of `1 - Phi` is `(-1)^n He_{n-1} phi`.
const fn upper_tails() -> [[f64; 8]; 128] {
    let mut table = [[0.0; 8]; 128];
    // Beyond 12 the tail is 2e-33 and its value does not matter at 4.25: walk inwards from there,
    // where each step adds a positive part.
    let mut value = 0.0;
    let mut index = 12 * 16;
    while index > 0 {
        index -= 1;
        let centre = index as f64 / 16.0;
        let terms = taylor(centre);
        // From the outer edge of the piece to its centre, and then to its inner edge.
        let (outer, inner) = (at(&terms, 0.5), at(&terms, -0.5));
        let middle = value - outer;
        if index < 128 {
            let mut i = 1;
            table[index][0] = middle;
            while i < 8 {
                table[index][i] = terms[i];
                i += 1;
            }
        }
        value = middle + inner;
    }
    table
}

/// Taylor coefficients of `1 - Phi` about `centre` in units of 1/16, without the constant.
const fn taylor(centre: f64) -> [f64; 16] {
    let density = exp(-centre * centre / 2.0) * 0.398_942_280_401_432_7;
    let mut terms = [0.0; 16];
    let (mut hermite, mut before) = (1.0, 0.0);
    let mut scale = density;
    let mut n = 1;
    while n < 16 {
        scale = -scale / (16.0 * n as f64);
        terms[n] = scale * hermite;
        let next = centre * hermite - (n - 1) as f64 * before;
        before = hermite;
        hermite = next;
        n += 1;
    }
    terms
}

const fn at(terms: &[f64; 16], x: f64) -> f64 {
    let mut sum = 0.0;
    let mut i = 16;
    while i > 0 {
        i -= 1;
        sum = sum * x + terms[i];
    }
    sum
}

/// AS 241 in the lower half, 1e-6 < p <= 1/2, as in [`quantile`](super::quantile).
const fn lower_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q >= -0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(r, &CENTRE_NUMERATOR, &CENTRE_DENOMINATOR);
    }
    let r = sqrt(-ln(p));
    if r <= 5.0 {
        -ratio(r - 1.6, &TAIL_NUMERATOR, &TAIL_DENOMINATOR)
    } else {
        -ratio(r - 5.0, &FAR_TAIL_NUMERATOR, &FAR_TAIL_DENOMINATOR)
    }
}

const fn ratio(r: f64, numerator: &[f64; 8], denominator: &[f64; 8]) -> f64 {
    let (mut above, mut below) = (0.0, 0.0);
    let mut i = 8;
    while i > 0 {
        i -= 1;
        above = above * r + numerator[i];
        below = below * r + denominator[i];
    }
    above / below
}

/// Natural logarithm of a positive normal number, for the compiler: within 2e-16 relative.
pub(in super::super) const fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = (bits >> 52) as i64 - 1023;
    let mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    // ln m = 2 atanh s, |s| <= 1/3.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut sum = 0.0;
    let mut n = 41;
    while n > 0 {
        sum = sum * square + 1.0 / n as f64;
        n -= 2;
    }
    exponent as f64 * core::f64::consts::LN_2 + 2.0 * s * sum
}

/// Exponential function of `-80 < x <= 0`, for the compiler.
const fn exp(x: f64) -> f64 {
    let mut sum = 1.0;
    let mut n = 24;
    // e^x = (e^(x / 256))^256.
    let reduced = x / 256.0;
    while n > 0 {
        sum = 1.0 + sum * reduced / n as f64;
        n -= 1;
    }
    let mut squarings = 0;
    while squarings < 8 {
        sum *= sum;
        squarings += 1;
    }
    sum
}

/// Square root of 1 <= x <= 100 by Newton's iteration, for the compiler.
const fn sqrt(x: f64) -> f64 {
    let mut root = (1.0 + x) / 2.0;
    let mut i = 0;
    while i < 12 {
        root = (root + x / root) / 2.0;
        i += 1;
    }
    root
}
