//! From a remainder to the places of the errors.
//!
//! Three steps, as everywhere: power sums, the shortest recurrence that generates them, and the
//! roots of its polynomial. The sequences are secret, variable-time to compute, and wiped.

use alloc::vec;
use alloc::vec::Vec;

use zeroize::{Zeroize, Zeroizing};

use crate::bits::BitString;
use crate::gf2m::{Element, Field};

/// Locates up to `t` errors among the `n` bits of a word.
#[derive(Debug, Clone)]
pub(super) struct Decoder {
    field: Field,
    n: usize,
    t: usize,
}

impl Decoder {
    pub(super) fn new(field: Field, n: usize, t: usize) -> Self {
        Self { field, n, t }
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
        if remainder.weight() == 0 {
            return Some(Zeroizing::new(Vec::new()));
        }
        let sums = self.power_sums(remainder);
        let locator = self.locator(&sums)?;
        self.positions(&locator)
    }

    /// The power sums `S_1 .. S_2t` of the error positions: `S_j = r(alpha^j)`, where the received
    /// word and its remainder agree because the generator vanishes at `alpha^j`.
    fn power_sums(&self, remainder: &BitString) -> Zeroizing<Vec<Element>> {
        let order = self.field.order();
        let powers = self.field.powers();
        let mut sums = Zeroizing::new(vec![0; 2 * self.t]);
        for i in remainder.ones() {
            // i * 1, i * 3, i * 5, .. modulo the order.
            let step = 2 * i % order;
            let mut exponent = i % order;
            for odd in sums.iter_mut().step_by(2) {
                *odd ^= powers[exponent];
                exponent += step;
                if exponent >= order {
                    exponent -= order;
                }
            }
        }
        for j in 1..=self.t {
            sums[2 * j - 1] = self.field.square(sums[j - 1]);
        }
        sums
    }

    /// The error locator `C(D) = prod (1 - X_l D)`, coefficient of `D^0` first: the connection
    /// polynomial of the shortest linear recurrence that generates the power sums. `None` when it
    /// is longer than `t` or has not as many roots as it is long, for then there are more errors.
    ///
    /// J. L. Massey, Shift-register synthesis and BCH decoding, IEEE Trans. Inf. Theory IT-15 (1969)
    /// 122-127: the algorithm of section II, its steps numbered as there, `s_N` = `S_(N+1)`. In
    /// characteristic 2 minus is plus, and the discrepancies at odd `N` are zero (E. R. Berlekamp,
    /// Algebraic Coding Theory, 1968, section 7.6), so that each turn here makes two of his.
    fn locator(&self, s: &[Element]) -> Option<Zeroizing<Vec<Element>>> {
        let field = &self.field;
        // A polynomial that a recurrence of length L <= t needs has degree at most t.
        let one = || {
            let mut coefficients = Zeroizing::new(vec![0; self.t + 1]);
            coefficients[0] = 1;
            coefficients
        };
        // 1) 1 -> C(D), 1 -> B(D), 1 -> x, 0 -> L, 1 -> b, 0 -> N.
        let (mut c, mut b_polynomial) = (one(), one());
        let (mut x, mut length, mut b) = (1, 0, 1);
        // 2) If N = 2t, stop. Otherwise compute d = s_N + sum_(i=1..=L) c_i s_(N-i). The sum runs
        //    over the length, not the degree: after a zero discrepancy L is not (N+1)/2, and after
        //    a change of length the degree of C may be less than L.
        for n in (0..s.len()).step_by(2) {
            let d = (1..=length).fold(s[n], |d, i| d ^ field.mul(c[i], s[n - i]));
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
                let previous = c.clone();
                subtract(field, &mut c, d, b, x, &b_polynomial);
                (b_polynomial, b, x) = (previous, d, 1);
            }
            // 6) N + 1 -> N. The next discrepancy is zero: once more 3) and 6).
            x += 1;
        }
        // A locator of L errors has degree L: its roots are the inverses of L non-zero numbers.
        if c[length] == 0 {
            return None;
        }
        c[length + 1..].zeroize();
        c.truncate(length + 1);
        Some(c)
    }

    /// The positions below `n` at whose inverses the locator vanishes, `None` unless there are as
    /// many as its degree: an error in the shortened part, or more than `t` errors.
    ///
    /// R. T. Chien, Cyclic decoding procedures for Bose-Chaudhuri-Hocquenghem codes, IEEE Trans.
    /// Inf. Theory IT-10 (1964) 357-363: from one position to the next, each term is multiplied by
    /// a constant.
    fn positions(&self, locator: &[Element]) -> Option<Zeroizing<Vec<usize>>> {
        let degree = locator.len() - 1;
        let (order, powers) = (self.field.order(), self.field.powers());
        // The exponent of the term c_j D^j at D = alpha^0, beside j.
        let mut terms: Zeroizing<Vec<(usize, usize)>> = Zeroizing::new(
            (0..)
                .zip(locator)
                .skip(1)
                .filter_map(|(j, &coefficient)| Some((self.field.log(coefficient)?, j)))
                .collect(),
        );
        let mut positions = Zeroizing::new(Vec::with_capacity(degree));
        for position in 0..self.n {
            let mut sum = locator[0];
            for (exponent, j) in terms.iter_mut() {
                sum ^= powers[*exponent];
                // D = alpha^-position: the exponent falls by j, and j is below the order.
                *exponent = if *exponent < *j { *exponent + order - *j } else { *exponent - *j };
            }
            if sum == 0 {
                positions.push(position);
                if positions.len() == degree {
                    return Some(positions);
                }
            }
        }
        None
    }
}

/// Subtracts `d b^-1 D^x B(D)` from `C(D)`, both of degree below their common length; `b` is not
/// zero.
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
