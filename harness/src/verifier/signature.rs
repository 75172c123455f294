//! ECDSA on P-256 with SHA-256 (FIPS 186-5, section 6.4.2), as a verifier sees it.
//!
//! Two encodings: `r || s` of 32 bytes each (IEEE P1363), the one of our wire, and DER (RFC 3279,
//! section 2.2.3) for certificates and for the vendors' parts. Both are strict: any byte string
//! that is not *the* encoding of an `r` and an `s` in `1..n` is refused.
//!
//! ECDSA itself lets `(r, n - s)` pass wherever `(r, s)` does. Who wants one signature per message
//! asks [`is_low_s`] as well; the standard's test vectors expect that verification does not.

use std::fmt;

use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use puf_emulator::wire::{PUBLIC_KEY_LEN, SIGNATURE_LEN};

/// `(n - 1) / 2` for the order `n` of P-256 (SP 800-186, section 3.2.1.3), big-endian: the largest
/// `s` of a canonical signature.
pub const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// A public key: a point of the curve other than the one at infinity.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads an uncompressed SEC 1 point (section 2.3.4): `04 || x || y`.
    ///
    /// # Errors
    /// If there are not 65 bytes, the first is not 04, a coordinate is not below the field prime,
    /// or the point is not on the curve. The point at infinity, a single zero byte, has no such
    /// encoding; compressed and hybrid forms are refused, so that one key has one encoding and one
    /// device id.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        if bytes.len() != PUBLIC_KEY_LEN || bytes[0] != 4 {
            return Err(PublicKeyError::Form);
        }
        VerifyingKey::from_sec1_bytes(bytes).map(Self).map_err(|_| PublicKeyError::NotOnCurve)
    }
}

/// Checks `r || s`, 64 bytes, over `message`.
///
/// # Errors
/// If `signature` is not 64 bytes, `r` or `s` is not in `1..n`, or it is no signature of this
/// message by this key.
pub fn verify_p1363(
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let signature = Signature::from_slice(signature).map_err(|_| SignatureError::Encoding)?;
    verify(key, message, &signature)
}

/// Checks a DER-encoded `SEQUENCE { r INTEGER, s INTEGER }` over `message`.
///
/// # Errors
/// If `signature` is not the DER encoding (BER is not enough), `r` or `s` is not in `1..n`, or it
/// is no signature of this message by this key.
pub fn verify_der(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    let signature = Signature::from_der(signature).map_err(|_| SignatureError::Encoding)?;
    verify(key, message, &signature)
}

/// Whether `s <= (n - 1) / 2`, the half of the two values that we call canonical.
#[must_use]
pub fn is_low_s(signature: &[u8; SIGNATURE_LEN]) -> bool {
    signature[32..] <= HALF_ORDER[..]
}

fn verify(key: &PublicKey, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
    key.0.verify(message, signature).map_err(|_| SignatureError::Mismatch)
}

/// Why bytes are not a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicKeyError {
    /// Not 65 bytes that start with 04.
    Form,
    /// Not a point of P-256.
    NotOnCurve,
}

impl fmt::Display for PublicKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "public key is not an uncompressed point of 65 bytes",
            Self::NotOnCurve => "public key is not a point of P-256",
        })
    }
}

impl std::error::Error for PublicKeyError {}

/// Why a signature was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureError {
    /// It encodes no `r` and `s` in range.
    Encoding,
    /// It is of another message or by another key.
    Mismatch,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encoding => "signature is not the encoding of two numbers in range",
            Self::Mismatch => "signature does not match",
        })
    }
}

impl std::error::Error for SignatureError {}

#[cfg(test)]
mod tests {
    use p256::ecdsa::SigningKey;
    use p256::ecdsa::signature::Signer as _;

    use super::*;

    /// The order of P-256, SP 800-186, section 3.2.1.3.
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
        0x25, 0x51,
    ];

    fn signing_key() -> SigningKey {
        SigningKey::from_slice(&[0x42; 32]).unwrap()
    }

    fn point() -> [u8; 65] {
        signing_key().verifying_key().to_sec1_point(false).as_bytes().try_into().unwrap()
    }

    fn key() -> PublicKey {
        PublicKey::from_sec1(&point()).unwrap()
    }

    fn sign(message: &[u8]) -> [u8; 64] {
        let signature: Signature = signing_key().sign(message);
        signature.normalize_s().to_bytes().into()
    }

    fn minus_one(mut number: [u8; 32]) -> [u8; 32] {
        for byte in number.iter_mut().rev() {
            let (less, borrow) = byte.overflowing_sub(1);
            *byte = less;
            if !borrow {
                break;
            }
        }
        number
    }

    /// `n - s`.
    fn negated(s: [u8; 32]) -> [u8; 32] {
        let mut result = [0; 32];
        let mut borrow = 0;
        for i in (0..32).rev() {
            let difference = i16::from(ORDER[i]) - i16::from(s[i]) - borrow;
            borrow = i16::from(difference < 0);
            result[i] = u8::try_from(difference.rem_euclid(256)).unwrap();
        }
        result
    }

    fn high_s(signature: [u8; 64]) -> [u8; 64] {
        let mut high = signature;
        high[32..].copy_from_slice(&negated(signature[32..].try_into().unwrap()));
        high
    }

    #[test]
    fn half_the_order_is_where_low_ends() {
        let mut signature = [1; 64];
        signature[32..].copy_from_slice(&HALF_ORDER);
        assert!(is_low_s(&signature));
        // (n - 1) / 2 + 1 = n - (n - 1) / 2, as n is odd
        signature[32..].copy_from_slice(&negated(HALF_ORDER));
        assert!(!is_low_s(&signature));
        assert_eq!(minus_one(negated(HALF_ORDER)), HALF_ORDER);
    }

    #[test]
    fn both_halves_verify_and_one_is_canonical() {
        let low = sign(b"message");
        let high = high_s(low);
        assert!(is_low_s(&low));
        assert!(!is_low_s(&high));
        assert_eq!(verify_p1363(&key(), b"message", &low), Ok(()));
        assert_eq!(verify_p1363(&key(), b"message", &high), Ok(()));
    }

    #[test]
    fn one_flipped_bit_anywhere_is_noticed() {
        let signature = sign(b"message");
        for bit in 0..512 {
            let mut flipped = signature;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(verify_p1363(&key(), b"message", &flipped).is_err(), "bit {bit}");
        }
        assert_eq!(verify_p1363(&key(), b"massage", &signature), Err(SignatureError::Mismatch));
    }

    #[test]
    fn zero_and_the_order_are_no_r_and_no_s() {
        let good = sign(b"message");
        for bad in [[0; 32], ORDER, [0xff; 32]] {
            for half in [0, 32] {
                let mut signature = good;
                signature[half..half + 32].copy_from_slice(&bad);
                assert_eq!(
                    verify_p1363(&key(), b"message", &signature),
                    Err(SignatureError::Encoding)
                );
            }
        }
        let mut largest = good;
        largest[32..].copy_from_slice(&minus_one(ORDER));
        assert_eq!(verify_p1363(&key(), b"message", &largest), Err(SignatureError::Mismatch));
    }

    #[test]
    fn other_lengths_are_refused() {
        let signature = sign(b"message");
        for len in 0..64 {
            assert!(verify_p1363(&key(), b"message", &signature[..len]).is_err());
        }
        let longer = [signature.as_slice(), &[0]].concat();
        assert_eq!(verify_p1363(&key(), b"message", &longer), Err(SignatureError::Encoding));
    }

    #[test]
    fn der_is_read_strictly() {
        let der = Signature::from_slice(&sign(b"message")).unwrap().to_der();
        assert_eq!(verify_der(&key(), b"message", der.as_bytes()), Ok(()));
        let trailing = [der.as_bytes(), &[0]].concat();
        assert_eq!(verify_der(&key(), b"message", &trailing), Err(SignatureError::Encoding));
        let mut long_form = der.as_bytes().to_vec();
        long_form.insert(1, 0x81);
        assert_eq!(verify_der(&key(), b"message", &long_form), Err(SignatureError::Encoding));
    }

    #[test]
    fn a_key_is_a_point_of_the_curve_in_one_form() {
        let good = point();
        assert!(PublicKey::from_sec1(&good).is_ok());
        assert_eq!(PublicKey::from_sec1(&[0]), Err(PublicKeyError::Form), "infinity");
        assert_eq!(PublicKey::from_sec1(&[]), Err(PublicKeyError::Form));
        let compressed = signing_key().verifying_key().to_sec1_point(true);
        assert_eq!(PublicKey::from_sec1(compressed.as_bytes()), Err(PublicKeyError::Form));
        let mut hybrid = good;
        hybrid[0] = 6 + (good[64] & 1);
        assert_eq!(PublicKey::from_sec1(&hybrid), Err(PublicKeyError::Form));
        let mut off = good;
        off[64] ^= 1;
        assert_eq!(PublicKey::from_sec1(&off), Err(PublicKeyError::NotOnCurve));
        let mut origin = [0; 65];
        origin[0] = 4;
        assert_eq!(PublicKey::from_sec1(&origin), Err(PublicKeyError::NotOnCurve));
        let mut too_large = [0xff; 65];
        too_large[0] = 4;
        assert_eq!(PublicKey::from_sec1(&too_large), Err(PublicKeyError::NotOnCurve));
    }
}
