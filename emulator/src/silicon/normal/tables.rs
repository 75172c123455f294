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
                *variate = mirrored(centre(tail), word);
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
    let lower = if tail < CENTRE_FROM { lower_tail(tail, refine) } else { centre(tail) };
    mirrored(lower, word)
}

/// The variate of a tail from [`CENTRE_FROM`] on, by the formula of AS 241 for the centre.
#[inline(always)]
fn centre(tail: u32) -> f64 {
    centre_quantile((f64::from(tail as i32) + 0.5) * TWO_POW_MINUS_32 - 0.5)
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
        return centre_quantile(q);
    }
    let r = sqrt(-ln(p));
    if r <= 5.0 {
        -ratio(r - 1.6, &TAIL_NUMERATOR, &TAIL_DENOMINATOR)
    } else {
        -ratio(r - 5.0, &FAR_TAIL_NUMERATOR, &FAR_TAIL_DENOMINATOR)
    }
}

/// The quantile of `1/2 + q`, `|q| <= 0.425`.
#[inline(always)]
pub(super) const fn centre_quantile(q: f64) -> f64 {
    q * ratio(0.180_625 - q * q, &CENTRE_NUMERATOR, &CENTRE_DENOMINATOR)
}

/// Quotient of two polynomials in `r`.
#[inline(always)]
pub(super) const fn ratio(r: f64, numerator: &[f64; 8], denominator: &[f64; 8]) -> f64 {
    horner(numerator, r) / horner(denominator, r)
}

/// A polynomial, coefficients from the constant term up.
#[inline(always)]
const fn horner(c: &[f64; 8], x: f64) -> f64 {
    let mut sum = 0.0;
    let mut i = 8;
    while i > 0 {
        i -= 1;
        sum = sum * x + c[i];
    }
    sum
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::SeedTree;
    use crate::silicon::Instructions;
    use crate::silicon::normal::{cdf, quantile};
    use rand_core::Rng;
    use std::vec::Vec;

    fn drawn(
        words: &[u32],
        instructions: Instructions,
        refine: impl FnMut(usize) -> u32,
    ) -> Vec<f64> {
        let mut variates = std::vec![0.0; words.len()];
        instructions.run(Variates { words, variates: &mut variates, refine });
        variates
    }

    /// The variate of a word, and what the exact function says.
    fn of_word(word: u32, refinement: u32) -> (f64, f64) {
        let mut words = [1 << 31; 70];
        words[68] = word;
        let refine = |place| {
            assert_eq!(place, 68, "refined for another cell");
            refinement
        };
        let drawn = drawn(&words, Instructions::Portable, refine)[68];
        // In the lower half, where a tail has its digits.
        let (upper, tail) = if word >> 31 == 1 { (true, !word) } else { (false, word) };
        let place = (f64::from(tail) + 0.5) / 2f64.powi(32);
        let place = if place < 2f64.powi(-13) {
            ((u64::from(tail) << 32 | u64::from(refinement)) as f64 + 0.5) / 2f64.powi(64)
        } else {
            place
        };
        let lower = quantile(place);
        (drawn, if upper { -lower } else { lower })
    }

    /// Measured: 4.7e-14 in the tables, at 1/32, where the second begins; in the centre and far out nothing,
    /// for it is the same formula.
    #[test]
    fn variates_are_quantiles() {
        let mut tails: Vec<u32> = Vec::new();
        for table in 0..3 {
            let shift = 24 - 4 * table;
            for piece in 8..128_u32 {
                tails.extend([piece << shift, ((piece + 1) << shift) - 1]);
                // Where polynomials of degree 7 are furthest from what they interpolate.
                tails.extend((1..16).map(|part| (piece << shift) + (part << (shift - 4))));
            }
        }
        tails.extend([CENTRE_FROM - 1, CENTRE_FROM, REFINED - 1, REFINED, 0, 1, u32::MAX >> 1]);
        let mut words = SeedTree::from_seed(1).stream(0);
        tails.extend((0..100_000).map(|_| words.next_u32() >> 1));
        tails.extend((0..100_000_u32).map(|i| words.next_u32() >> (1 + i % 16)));
        let mut worst = [(0.0, 0); 3];
        for tail in tails {
            let (lower, exact) = of_word(tail, 0x89ab_cdef);
            let (upper, above) = of_word(!tail, 0x89ab_cdef);
            assert!(upper == -lower && above == -exact, "{tail} is not symmetric");
            let region = usize::from(tail < CENTRE_FROM) + usize::from(tail < REFINED);
            if (lower - exact).abs() > worst[region].0 {
                worst[region] = ((lower - exact).abs(), tail);
            }
        }
        std::println!("centre, tables, far tail: {worst:?}");
        assert!(worst[0].0 < 1e-14 && worst[1].0 < 1e-12 && worst[2].0 == 0.0, "{worst:?}");
    }

    #[test]
    fn variates_are_the_same_by_all_instructions() {
        let mut stream = SeedTree::from_seed(2).stream(0);
        for round in 0..2000 {
            // More and more of them far out.
            let words: Vec<u32> = (0..60 + round % 90)
                .map(|i| stream.next_u32() >> (round % 20) ^ 0_u32.wrapping_sub(i & 1))
                .collect();
            let refine = |place: usize| 0x9e37_79b9_u32.wrapping_mul(place as u32 + 1);
            let bits = |instructions| -> Vec<u64> {
                drawn(&words, instructions, refine).into_iter().map(f64::to_bits).collect()
            };
            for &instructions in Instructions::available() {
                assert_eq!(bits(instructions), bits(Instructions::Portable), "{instructions:?}");
            }
        }
    }

    /// Measured: 3.2e-13 at 4.2187, at the edge of a piece.
    #[test]
    fn upper_tails_are_those_of_the_exact_function() {
        let (mut worst, mut at) = (0.0, 0.0);
        let edges = (0..68).flat_map(|piece| {
            let edge = (f64::from(piece) + 0.5) / 16.0;
            [edge.next_down(), edge, edge.next_up(), edge - 0.5 / 16.0]
        });
        let grid = (0..(17 << 16)).map(|i| f64::from(i) / f64::from(1 << 18));
        for x in grid.chain(edges).filter(|&x| x < NEAR) {
            let error = (near_tail(x) / cdf(-x) - 1.0).abs();
            if error > worst {
                (worst, at) = (error, x);
            }
            assert_eq!(upper_tail(x), near_tail(x));
        }
        std::println!("upper tail: {worst:e} at {at}");
        assert!(worst < 1e-12, "{worst:e} at {at}");
        for x in [NEAR, 5.0, 9.1, 38.0, 1e6] {
            assert_eq!(upper_tail(x), cdf(-x));
        }
    }

    /// What the compiler computes with, against `libm`.
    #[test]
    fn functions_for_the_compiler_are_those_of_libm() {
        let mut worst = [0.0_f64; 3];
        for i in 1..100_000 {
            let x = f64::from(i) / 1000.0;
            worst[0] = worst[0].max((ln(x) - libm::log(x)).abs() / libm::log(x).abs().max(1.0));
            worst[1] = worst[1].max((exp(-x * 0.8) / libm::exp(-x * 0.8) - 1.0).abs());
            worst[2] = worst[2].max((sqrt(x.max(1.0)) / libm::sqrt(x.max(1.0)) - 1.0).abs());
        }
        std::println!("ln, exp, sqrt for the compiler: {worst:?}");
        assert!(worst[0] < 1e-15 && worst[1] < 1e-13 && worst[2] < 1e-15, "{worst:?}");
    }
}
