//! Secure sketches: (SS, Rec) of Dodis, Ostrovsky, Reyzin and Smith \[DORS08\].
//!
//! A sketch is public. Together with a reading close to the enrolled one it gives the enrolled
//! reading back, exactly; by itself it says at most `n - k` bits about it. The constructions here
//! work over any [`BlockCode`] and correct what that code's decoder corrects.
//!
//! Leaves out: debiasing, masks and soft information, which act before a sketch.

use core::fmt;

use rand_core::Rng;
use zeroize::Zeroizing;

use crate::bits::BitString;
use crate::code::{BlockCode, DecodeFailure, HashCoin};
use crate::response::Response;

mod code_offset;
mod syndrome;

pub use code_offset::CodeOffset;
pub use syndrome::Syndrome;

/// The pair (SS, Rec) over a block code.
pub trait SecureSketch: fmt::Debug + Send + Sync {
    /// Number that stands for this construction in helper data.
    fn id(&self) -> u8;

    /// Name on the command line.
    fn name(&self) -> &'static str;

    /// Length of a sketch in bits.
    fn bits(&self, code: &dyn BlockCode) -> usize;

    /// SS: makes the public sketch of `w`.
    ///
    /// # Panics
    /// If `w` is not `n` bits long.
    fn sketch(&self, code: &dyn BlockCode, w: &Response, rng: &mut dyn Rng) -> BitString;

    /// A word `v` such that `w + v` is a code word for the enrolled `w`; public.
    ///
    /// # Panics
    /// If the sketch is not [`bits`](Self::bits) long.
    fn offset(&self, code: &dyn BlockCode, sketch: &BitString) -> BitString;

    /// Rec: the enrolled reading, if `w_noisy` differs from it in no more than the decoder
    /// corrects.
    ///
    /// Beyond that it fails or returns another reading: what follows must check.
    ///
    /// # Errors
    /// When no code word is within the decoder's reach.
    ///
    /// # Panics
    /// If `w_noisy` or `sketch` have another length than the code asks for.
    fn recover(
        &self,
        code: &dyn BlockCode,
        w_noisy: &Response,
        sketch: &BitString,
    ) -> Result<Recovered, DecodeFailure> {
        let offset = self.offset(code, sketch);
        let shifted = Zeroizing::new(w_noisy.expose().xor(&offset));
        let decoded = code.decode(&shifted, &mut HashCoin::new(&shifted))?;
        let w = Response::new(decoded.codeword.xor(&offset));
        Ok(Recovered { w, corrected: decoded.corrected })
    }
}

/// An enrolled reading come back.
#[derive(Debug)]
pub struct Recovered {
    /// The reading as it was enrolled.
    pub w: Response,
    /// Bits in which the noisy reading differed from it.
    pub corrected: usize,
}

/// Every construction, in the order of their numbers.
pub static SKETCHES: &[&dyn SecureSketch] = &[&CodeOffset, &Syndrome];

/// The construction that helper data calls `id`.
#[must_use]
pub fn by_id(id: u8) -> Option<&'static dyn SecureSketch> {
    SKETCHES.iter().copied().find(|sketch| sketch.id() == id)
}

/// The construction of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn SecureSketch> {
    SKETCHES.iter().copied().find(|sketch| sketch.name() == name)
}
