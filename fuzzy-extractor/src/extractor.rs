//! The fuzzy extractor: (Gen, Rep) of \[DORS08\], here `enroll` and `reconstruct`.
//!
//! Robust in the sense of Boyen et al. \[BDKOS05\] with HKDF-SHA256 as a random oracle: helper data
//! that anybody touched makes `reconstruct` fail, and a wrong key is never returned. It is not
//! *reusable*: enrolling one die several times leaks the syndromes of the differences.

use alloc::string::{String, ToString};
use core::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use crate::code::{BlockCode, BoxedCode};
use crate::derive::{self, RootKey};
use crate::health::{self, HealthError};
use crate::helper_data::{Binding, HelperData, Parameters};
use crate::response::Response;
use crate::sketch::SecureSketch;

/// A code, a sketch construction and a key derivation, ready to enrol and reconstruct.
///
/// ```
/// use fuzzy_extractor::bits::BitString;
/// use fuzzy_extractor::code::notation;
/// use fuzzy_extractor::extractor::FuzzyExtractor;
/// use fuzzy_extractor::helper_data::{Binding, HelperData};
/// use fuzzy_extractor::response::Response;
/// use fuzzy_extractor::sketch::CodeOffset;
/// # use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha20Rng::seed_from_u64(1); // take a real one
///
/// let code = notation::parse("rep(7)*bch(318,174,17)")?;
/// let extractor = FuzzyExtractor::new(code, &CodeOffset);
/// let serial = Binding([0x42; 32]);
///
/// // Once, at the factory: the first power-up becomes helper data and a key.
/// let mut cells = BitString::random(extractor.response_bits(), &mut rng);
/// let (helper, key) = extractor.enroll(&Response::new(cells.clone()), serial, 1, &mut rng)?;
/// let public_bytes = helper.to_bytes();
///
/// // At every later power-up: other cells flip, the key is the same.
/// for i in [3, 141, 592, 653, 589, 793] {
///     cells.flip(i);
/// }
/// let helper = HelperData::from_bytes(&public_bytes)?;
/// let again = extractor.reconstruct(&Response::new(cells), &helper, serial)?;
/// assert_eq!(again.key, key);
/// assert_eq!(again.corrected, 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FuzzyExtractor {
    code: BoxedCode,
    notation: String,
    construction: &'static dyn SecureSketch,
}

impl FuzzyExtractor {
    /// Puts a code under a sketch construction.
    #[must_use]
    pub fn new(code: BoxedCode, construction: &'static dyn SecureSketch) -> Self {
        Self { notation: code.to_string(), code, construction }
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> &dyn BlockCode {
        &*self.code
    }

    /// The sketch construction.
    #[must_use]
    pub fn construction(&self) -> &'static dyn SecureSketch {
        self.construction
    }

    /// Cells that a reading must have: the code's `n`.
    #[must_use]
    pub fn response_bits(&self) -> usize {
        self.code.n()
    }

    /// Secret bits under an unbiased response: the code's `k`. A biased one leaves fewer.
    #[must_use]
    pub fn secret_bits(&self) -> usize {
        self.code.k()
    }

    /// Gen: makes helper data and a root key of the reading `w`.
    ///
    /// `counter` is the device's enrolment counter, `binding` names the device; both are bound into
    /// the key.
    ///
    /// # Errors
    /// When the reading has another length than the code, or cannot be a power-up.
    pub fn enroll(
        &self,
        w: &Response,
        binding: Binding,
        counter: u32,
        rng: &mut dyn CryptoRng,
    ) -> Result<(HelperData, RootKey), EnrollError> {
        let expected = self.response_bits();
        if w.len() != expected {
            return Err(EnrollError::Length { expected, found: w.len() });
        }
        health::check(w).map_err(EnrollError::Health)?;
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        let construction = self.construction;
        let code = self.notation.clone();
        let parameters = Parameters { construction, counter, binding, salt, code };
        let sketch = construction.sketch(self.code(), w, rng);
        let authenticated = parameters.authenticated_bytes(&sketch);
        let (key, tag) = derive::root_key_and_tag(w, &salt, &authenticated);
        Ok((HelperData { parameters, sketch, tag: *tag }, key))
    }

    /// Rep: rebuilds the root key from a later reading.
    ///
    /// # Errors
    /// One, whatever the cause: a reading too far from the enrolled one, another device's helper
    /// data, a changed bit, another code. What it was must not be learnt from outside.
    pub fn reconstruct(
        &self,
        w_noisy: &Response,
        helper: &HelperData,
        binding: Binding,
    ) -> Result<Reconstruction, ReconstructError> {
        let Parameters { construction, binding: bound, salt, code, .. } = &helper.parameters;
        let ours = construction.id() == self.construction.id()
            && *code == self.notation
            && *bound == binding
            && w_noisy.len() == self.response_bits();
        if !ours {
            return Err(ReconstructError);
        }
        let recovered = construction
            .recover(self.code(), w_noisy, &helper.sketch)
            .map_err(|_| ReconstructError)?;
        let authenticated = helper.parameters.authenticated_bytes(&helper.sketch);
        let (key, tag) = derive::root_key_and_tag(&recovered.w, salt, &authenticated);
        if !bool::from(tag.as_slice().ct_eq(&helper.tag)) {
            return Err(ReconstructError);
        }
        Ok(Reconstruction { key, corrected: recovered.corrected })
    }
}

/// A key come back.
#[derive(Debug)]
pub struct Reconstruction {
    /// The enrolled root key.
    pub key: RootKey,
    /// Cells that read otherwise than at enrolment. For the device's own statistics: told outside,
    /// it helps an attacker who varies helper data or environment.
    pub corrected: usize,
}

/// Why a reading cannot be enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrollError {
    /// The reading has another length than the code's words.
    Length {
        /// Cells that the code asks for.
        expected: usize,
        /// Cells given.
        found: usize,
    },
    /// The reading cannot be a power-up of working cells.
    Health(HealthError),
}

impl fmt::Display for EnrollError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => {
                write!(f, "a reading of {found} cells where the code asks for {expected}")
            }
            Self::Health(error) => write!(f, "not a power-up: {error}"),
        }
    }
}

impl core::error::Error for EnrollError {}

/// The key could not be rebuilt. Says nothing more, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReconstructError;

impl fmt::Display for ReconstructError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key cannot be rebuilt")
    }
}

impl core::error::Error for ReconstructError {}
