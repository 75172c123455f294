//! The syndrome construction, \[DORS08\] section 5: shorter, and without randomness.

use rand_core::Rng;

use super::SecureSketch;
use crate::bits::BitString;
use crate::code::BlockCode;
use crate::response::Response;

/// `SS(w) = syndrome of w`; `n - k` bits, a function of `w` alone.
///
/// Enrolling the same reading twice gives the same sketch; enrolling two noisy readings of one die
/// tells an attacker the syndrome of their difference.
#[derive(Debug, Clone, Copy)]
pub struct Syndrome;

impl SecureSketch for Syndrome {
    fn id(&self) -> u8 {
        2
    }

    fn name(&self) -> &'static str {
        "syndrome"
    }

    fn bits(&self, code: &dyn BlockCode) -> usize {
        code.n() - code.k()
    }

    fn sketch(&self, code: &dyn BlockCode, w: &Response, _: &mut dyn Rng) -> BitString {
        code.syndrome(w.expose())
    }

    fn offset(&self, code: &dyn BlockCode, sketch: &BitString) -> BitString {
        code.coset_word(sketch)
    }
}
