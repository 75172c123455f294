//! From a reading to keys: HKDF-SHA256 \[RFC5869\] with labels.
//!
//! ```text
//! prk      = HKDF-Extract(salt = random salt of the enrolment, ikm = w, MSB first)
//! root key = HKDF-Expand(prk, "puflab/1 root key"        || 00 || SHA-256(helper data but its tag))
//! tag      = HKDF-Expand(prk, "puflab/1 helper-data tag" || 00 || SHA-256(helper data but its tag))
//! sub-key  = HKDF-Expand(root key, "puflab/1 " || label  || 00 || context)
//! ```
//!
//! Every label is free of zero bytes, so that no two (label, context) pairs share an `info`. The
//! root key is uniform, so it serves as a pseudorandom key without another extraction (\[RFC5869\]
//! section 3.3).

use alloc::vec::Vec;
use core::fmt;

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::response::Response;

/// Length of a root key, a sub-key and a tag in bytes.
pub const KEY_BYTES: usize = 32;

/// Longest context of a sub-key in bytes.
pub const MAX_CONTEXT_BYTES: usize = 1024;

const PREFIX: &[u8] = b"puflab/1 ";

/// The secret that a fuzzy extractor makes: 32 uniform bytes, the root of all that a device knows.
///
/// Wiped when dropped, redacted in `Debug`, compared in constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RootKey([u8; KEY_BYTES]);

impl RootKey {
    /// Takes 32 uniform secret bytes.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes. Whoever calls this holds the secret and answers for it.
    #[must_use]
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// A sub-key for one purpose.
    ///
    /// # Panics
    /// If the label holds a zero byte or is longer than 255 bytes, or the context is longer than
    /// [`MAX_CONTEXT_BYTES`]: labels and contexts are part of a program, not of its input.
    #[must_use]
    pub fn derive(&self, label: &str, context: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
        assert!(context.len() <= MAX_CONTEXT_BYTES, "a context of {} bytes", context.len());
        match Hkdf::<Sha256>::from_prk(&self.0) {
            Ok(hkdf) => expand(&hkdf, label, context),
            Err(_) => unreachable!("a root key has the length of a SHA-256 digest"),
        }
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(redacted)")
    }
}

impl ConstantTimeEq for RootKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for RootKey {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for RootKey {}

/// Root key and helper-data tag of an enrolled reading.
pub(crate) fn root_key_and_tag(
    w: &Response,
    salt: &[u8],
    authenticated: &[u8],
) -> (RootKey, Zeroizing<[u8; KEY_BYTES]>) {
    let hkdf = Hkdf::<Sha256>::new(Some(salt), &w.to_bytes());
    let context = Sha256::digest(authenticated);
    let root = expand(&hkdf, "root key", &context);
    (RootKey(*root), expand(&hkdf, "helper-data tag", &context))
}

fn expand(hkdf: &Hkdf<Sha256>, label: &str, context: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
    assert!(label.len() <= 255 && !label.as_bytes().contains(&0), "label {label:?}");
    let info: Vec<u8> = [PREFIX, label.as_bytes(), &[0], context].concat();
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    if hkdf.expand(&info, key.as_mut()).is_err() {
        unreachable!("32 bytes are far below the limit of HKDF-Expand");
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_contexts_separate() {
        let root = RootKey::new([7; 32]);
        let keys = [
            root.derive("a", b""),
            root.derive("a", b"\0"),
            root.derive("a", b"b"),
            root.derive("ab", b""),
            RootKey::new([8; 32]).derive("a", b""),
        ];
        for (i, a) in keys.iter().enumerate() {
            for b in &keys[i + 1..] {
                assert_ne!(**a, **b);
            }
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(std::format!("{:?}", RootKey::new([0xAB; 32])), "RootKey(redacted)");
    }
}
