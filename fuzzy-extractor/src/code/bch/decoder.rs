//! From a remainder to the places of the errors.
//!
//! Three steps, as everywhere: power sums, the shortest recurrence that generates them, and the
//! roots of its polynomial. The sequences are secret, variable-time to compute, and wiped.

use alloc::vec;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::bits::BitString;
use crate::gf2m::{Element, Field};

/// The longest each of a decoder's tables may be, in elements: 512 KiB. Codes that would need a
/// longer one do without it, and take a few times longer.
const MAX_TABLE: usize = 1 << 18;

/// Locates up to `t` errors among the `n` bits of a word.
#[derive(Debug, Clone)]
pub(super) struct Decoder {
    field: Field,
    n: usize,
    t: usize,
    /// What each bit of a remainder adds to the `t` power sums of odd index; empty when too long.
    rows: Vec<Element>,
    /// What each power of the locator can add to its values; empty when too long.
    sequences: Vec<Sequences>,
}

impl Decoder {
    /// A decoder of words of `n` bits whose remainders have `check_bits`.
    pub(super) fn new(field: Field, n: usize, t: usize, check_bits: usize) -> Self {
        let mut rows = Vec::new();
        if check_bits * t <= MAX_TABLE {
            rows.resize(check_bits * t, 0);
            for (i, row) in rows.chunks_exact_mut(t).enumerate() {
                add_powers(&field, row, i, 2 * i);
            }
        }
        let mut sequences = Vec::new();
        if field.order() * t <= MAX_TABLE {
            sequences.extend((1..=t).map(|j| Sequences::new(&field, j)));
        }
        Self { field, n, t, rows, sequences }
    }

    pub(super) fn field(&self) -> &Field {
        &self.field
    }

    /// The positions of the at most `t` errors that leave this remainder modulo the generator,
    /// `None` when there are none such.
    ///
    /// The positions found do leave it. Let the locator have `L <= t` distinct roots `1/X_l`. The
    /// power sums it generates are `S_j = sum Y_l X_l^j` for certain `Y_l`, none of them zero since
    /// the recurrence is the shortest. From `S_2j = S_j^2` for `j = 1..=t` follows
    /// `sum (Y_l + Y_l^2) X_l^2j = 0`, and the `X_l^2` are distinct: `Y_l = 1`.
    pub(super) fn locate(&self, remainder: &BitString) -> Option<Zeroizing<Vec<usize>>> {
        if remainder.words().iter().all(|&word| word == 0) {
            return Some(Zeroizing::new(Vec::new()));
        }
        let sums = self.power_sums(remainder);
        let locator = self.locator(&sums)?;
        self.positions(&locator)
    }

    /// The power sums `S_1 .. S_2t` of the error positions: `S_j = r(alpha^j)`, where the received
    /// word and its remainder agree because the generator vanishes at `alpha^j`.
    fn power_sums(&self, remainder: &BitString) -> Zeroizing<Vec<Element>> {
        let mut odd = Zeroizing::new(vec![0; self.t]);
        for i in remainder.ones() {
            match self.rows.get(i * self.t..(i + 1) * self.t) {
                Some(row) => xor(&mut odd, row),
                None => add_powers(&self.field, &mut odd, i, 2 * i),
            }
        }
        let mut sums = Zeroizing::new(vec![0; 2 * self.t]);
        for j in 1..=self.t {
            sums[2 * j - 2] = odd[j - 1];
            sums[2 * j - 1] = self.field.square(sums[j - 1]);
        }
        sums
    }

    /// The error locator `C(D) = prod (1 - X_l D)`, coefficient of `D^0` first: the connection
    /// polynomial of the shortest linear recurrence that generates the power sums, one coefficient
    /// more than that is long. `None` when it is longer than `t`: there are more errors.
    ///
    /// J. L. Massey, Shift-register synthesis and BCH decoding, IEEE Trans. Inf. Theory IT-15 (1969)
    /// 122-127: the LFSR synthesis algorithm, its steps numbered as there, `s_N` = `S_(N+1)`. In
    /// characteristic 2 minus is plus, and the discrepancies at odd `N` are zero (E. R. Berlekamp,
    /// Algebraic Coding Theory, 1968, chapter 7), so that each turn here makes two of his.
    fn locator(&self, s: &[Element]) -> Option<Zeroizing<Vec<Element>>> {
        let field = &self.field;
        // The polynomial of a recurrence of length L <= t has degree at most t.
        let zero = || Zeroizing::new(vec![0; self.t + 1]);
        let (mut c, mut b_polynomial, mut previous) = (zero(), zero(), zero());
        // 1) 1 -> C(D), 1 -> B(D), 1 -> x, 0 -> L, 1 -> b, 0 -> N.
        (c[0], b_polynomial[0]) = (1, 1);
        let (mut x, mut length, mut b) = (1, 0, 1);
        // 2) If N = 2t, stop. Otherwise compute d = s_N + sum_(i=1..=L) c_i s_(N-i). The sum runs
        //    over the length L, nothing shorter: after a zero discrepancy L is not (N+1)/2, and C
        //    reaches past it as soon as the next one is not zero.
        for n in (0..s.len()).step_by(2) {
            let past = s[n - length..n].iter().rev();
            let d = c[1..=length].iter().zip(past).fold(s[n], |d, (&c, &s)| d ^ field.mul(c, s));
            if d == 0 {
                // 3) If d = 0, then x + 1 -> x.
                x += 1;
            } else if 2 * length > n {
                // 4) If d != 0 and 2L > N, then C(D) - d b^-1 D^x B(D) -> C(D), x + 1 -> x.
                subtract(field, &mut c, d, b, x, &b_polynomial);
                x += 1;
            } else {
                // 5) If d != 0 and 2L <= N, then C(D) -> T(D), C(D) - d b^-1 D^x B(D) -> C(D),
                //    N + 1 - L -> L, T(D) -> B(D), d -> b, 1 -> x.
                length = n + 1 - length;
                if length > self.t {
                    return None;
                }
                previous.copy_from_slice(&c);
                subtract(field, &mut c, d, b, x, &b_polynomial);
                core::mem::swap(&mut b_polynomial, &mut previous);
                (b, x) = (d, 1);
            }
            // 6) N + 1 -> N. The next discrepancy is zero: once more 3) and 6).
            x += 1;
        }
        // L + 1 coefficients; what is cut off is zero.
        c.truncate(length + 1);
        Some(c)
    }

    /// The positions below `n` at whose inverses the locator vanishes, `None` unless there are as
    /// many as the recurrence is long: an error in the shortened part, or more than `t` errors.
    ///
    /// R. T. Chien, Cyclic decoding procedures for Bose-Chaudhuri-Hocquenghem codes, IEEE Trans.
    /// Inf. Theory IT-10 (1964) 357-363, term by term instead of position by position.
    fn positions(&self, locator: &[Element]) -> Option<Zeroizing<Vec<usize>>> {
        // The locator's values at D = alpha^-position; its constant is 1.
        let mut values: Zeroizing<Vec<Element>> = Zeroizing::new(vec![1; self.n]);
        for (j, &coefficient) in locator.iter().enumerate().skip(1) {
            let Some(logarithm) = self.field.log(coefficient) else {
                continue;
            };
            // The term is alpha^(logarithm - j position).
            match self.sequences.get(j - 1) {
                Some(sequences) => sequences.add(&mut values, logarithm),
                None => {
                    let step = self.field.order() - j;
                    add_powers(&self.field, &mut values, usize::from(logarithm), step);
                }
            }
        }
        let length = locator.len() - 1;
        // A polynomial has no more roots than its degree: the capacity suffices.
        let mut positions = Zeroizing::new(Vec::with_capacity(length));
        positions.extend((0..self.n).filter(|&i| values[i] == 0));
        (positions.len() == length).then_some(positions)
    }
}

/// For one `j`, the sequences `c alpha^(-j i)`, `i = 0, 1, 2, ..`, of all elements `c` but zero.
///
/// The next place of a sequence is the first one of that of `c alpha^-j`: the sequences of the
/// elements of one coset of the powers of `alpha^j` are shifts of each other. Their period is
/// `order / gcd(j, order)`, so that one period for each coset takes no more than `order` places.
#[derive(Debug, Clone)]
struct Sequences {
    /// One period of each coset, one after the other.
    periods: Vec<Element>,
    period: usize,
    /// Where each element is in them, by its logarithm.
    places: Vec<u16>,
}

impl Sequences {
    fn new(field: &Field, j: usize) -> Self {
        let order = field.order();
        let period = order / gcd(j, order);
        let mut periods = vec![0; order];
        for (coset, sequence) in periods.chunks_exact_mut(period).enumerate() {
            add_powers(field, sequence, coset, order - j);
        }
        let mut places = vec![0; order];
        for (place, &element) in (0..).zip(&periods) {
            if let Some(logarithm) = field.log(element) {
                places[usize::from(logarithm)] = place;
            }
        }
        Self { periods, period, places }
    }

    /// Adds the sequence that begins with `alpha^logarithm`.
    fn add(&self, values: &mut [Element], logarithm: u16) {
        let place = usize::from(self.places[usize::from(logarithm)]);
        let start = place / self.period * self.period;
        let end = start + self.period;
        let (first, rest) = values.split_at_mut((end - place).min(values.len()));
        xor(first, &self.periods[place..end]);
        for part in rest.chunks_mut(self.period) {
            xor(part, &self.periods[start..end]);
        }
    }
}

/// Adds term by term, as far as the shorter one reaches.
fn xor(sums: &mut [Element], addends: &[Element]) {
    for (sum, addend) in sums.iter_mut().zip(addends) {
        *sum ^= addend;
    }
}

/// Adds `alpha^first, alpha^(first + step), alpha^(first + 2 step), ..` to the sums.
fn add_powers(field: &Field, sums: &mut [Element], first: usize, step: usize) {
    let (order, powers) = (field.order(), field.powers());
    let step = step % order;
    let mut exponent = first % order;
    for sum in sums {
        *sum ^= powers[exponent];
        exponent += step;
        if exponent >= order {
            exponent -= order;
        }
    }
}

/// The greatest common divisor, by Euclid.
fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Subtracts `d b^-1 D^x B(D)` from `C(D)`, whose degree is below its length; `b` is not zero.
fn subtract(
    field: &Field,
    c: &mut [Element],
    d: Element,
    b: Element,
    x: usize,
    b_polynomial: &[Element],
) {
    let factor = field.inverse(b).map_or(0, |inverse| field.mul(d, inverse));
    for (c, &coefficient) in c.iter_mut().skip(x).zip(b_polynomial) {
        *c ^= field.mul(factor, coefficient);
    }
}
