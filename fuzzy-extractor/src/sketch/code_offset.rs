//! The code-offset construction, \[DORS08\] section 5.

use rand_core::Rng;
use zeroize::Zeroizing;

use super::SecureSketch;
use crate::bits::BitString;
use crate::code::BlockCode;
use crate::response::Response;

/// `SS(w) = w + c` for a random code word `c`; `n` bits.
#[derive(Debug, Clone, Copy)]
pub struct CodeOffset;

impl SecureSketch for CodeOffset {
    fn id(&self) -> u8 {
        1
    }

    fn name(&self) -> &'static str {
        "code-offset"
    }

    fn bits(&self, code: &dyn BlockCode) -> usize {
        code.n()
    }

    fn sketch(&self, code: &dyn BlockCode, w: &Response, rng: &mut dyn Rng) -> BitString {
        let message = Zeroizing::new(BitString::random(code.k(), rng));
        let codeword = Zeroizing::new(code.encode(&message));
        w.expose().xor(&codeword)
    }

    fn offset(&self, code: &dyn BlockCode, sketch: &BitString) -> BitString {
        assert_eq!(sketch.len(), self.bits(code), "a sketch of another code");
        sketch.clone()
    }
}
