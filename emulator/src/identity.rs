//! Who a chip is: a P-256 key pair that grows from its root secret, and the documents that show it.
//!
//! The rule, so that anybody can rebuild it from the root secret:
//!
//! ```text
//! candidate(i) = HKDF-Expand-SHA256(root secret,
//!                    "puflab/1 P-256 device key candidate" || 00 || i, 32 bytes),   i = 0, 1, .. 255
//! private key  = the first candidate x, read big-endian, with 1 <= x < n (order of P-256)
//! device id    = the first 20 bytes of SHA-256 of the public key, SEC 1 uncompressed
//! ```
//!
//! Rejection as in FIPS 186-5 appendix A.2.2, without its `+ 1`: the candidate itself is the key. One
//! is rejected with probability 2^-32, so that the second is practically never needed but always
//! right.
//!
//! Signatures are deterministic (RFC 6979) and carry the low `s` of the two valid ones. The key is
//! wiped when dropped and has no way out of this type.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use fuzzy_extractor::derive::RootKey;
use p256::ecdsa::signature::{Keypair, Signer};
use p256::ecdsa::{DerSignature, Signature, SigningKey, VerifyingKey};
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::asn1::{GeneralizedTime, OctetString};
use x509_cert::der::{DateTime, EncodePem, pem::LineEnding};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::request::RequestBuilder;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, ObjectIdentifier,
    SubjectPublicKeyInfo, SubjectPublicKeyInfoRef,
};
use x509_cert::time::{Time, Validity};

use crate::wire::DeviceId;

/// A public key in SEC 1 uncompressed form: 04, x, y.
pub type PublicKey = [u8; 65];

/// ecdsa-with-SHA256, RFC 5758 section 3.2.
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

const KEY_LABEL: &str = "P-256 device key candidate";

/// The device's signing key.
pub struct DeviceKey {
    signing: SigningKey,
    public: PublicKey,
}

impl DeviceKey {
    /// Grows the key from the root secret, by the rule of the module's documentation.
    ///
    /// # Errors
    /// When all 256 candidates are out of range: never, unless HKDF is broken.
    pub fn from_root(root: &RootKey) -> Result<Self, KeyDerivationError> {
        let candidates = (0..=u8::MAX).map(|i| root.derive(KEY_LABEL, &[i]));
        Self::from_first_in_range(candidates).ok_or(KeyDerivationError)
    }

    fn from_first_in_range<C: core::ops::Deref<Target = [u8; 32]>>(
        mut candidates: impl Iterator<Item = C>,
    ) -> Option<Self> {
        let signing = candidates.find_map(|x| SigningKey::from_slice(&x[..]).ok())?;
        let mut public = [0; 65];
        public.copy_from_slice(signing.verifying_key().to_sec1_point(false).as_bytes());
        Some(Self { signing, public })
    }

    /// The public key, SEC 1 uncompressed.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The device's name: a digest of its public key.
    #[must_use]
    pub fn device_id(&self) -> DeviceId {
        DeviceId::of_public_key(&self.public)
    }

    /// Signs SHA-256 of a message: `r || s`, 32 bytes each, big-endian, `s` low.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature: Signature = self.signing.sign(message);
        signature.normalize_s().to_bytes().into()
    }

    /// A self-signed X.509 certificate in PEM, valid from `not_before` (seconds since 1970) for
    /// ever: notAfter is 99991231235959Z, "no well-defined expiration" (RFC 5280 section 4.1.2.5).
    ///
    /// # Errors
    /// When the time is past the year 9999, or the encoder refuses.
    pub fn self_signed_certificate(&self, not_before: u64) -> Result<String, DocumentError> {
        let validity = Validity::new(time(not_before)?, Time::INFINITY);
        let key = SubjectPublicKeyInfo::from_key(self.signing.verifying_key())?;
        let mut serial = [0; 16];
        serial.copy_from_slice(&self.device_id().0[..16]);
        // Positive and of full length in DER, whatever the device id.
        serial[0] = serial[0] & 0x3F | 0x40;
        let profile = SelfSigned { subject: self.subject()? };
        let builder = CertificateBuilder::new(profile, SerialNumber::new(&serial)?, validity, key)?;
        let certificate = builder.build::<_, DerSignature>(&LowS(&self.signing))?;
        Ok(certificate.to_pem(LineEnding::LF)?)
    }

    /// A PKCS#10 certification request (RFC 2986) in PEM, signed by the device key.
    ///
    /// # Errors
    /// When the encoder refuses.
    pub fn certification_request(&self) -> Result<String, DocumentError> {
        let builder = RequestBuilder::new(self.subject()?)?;
        let request = builder.build::<_, DerSignature>(&LowS(&self.signing))?;
        Ok(request.to_pem(LineEnding::LF)?)
    }

    fn subject(&self) -> Result<Name, DocumentError> {
        Ok(Name::from_str(&alloc::format!("CN=puflab device,serialNumber={}", self.device_id()))?)
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({}, redacted)", self.device_id())
    }
}

fn time(unix_seconds: u64) -> Result<Time, DocumentError> {
    let time = DateTime::from_unix_duration(Duration::from_secs(unix_seconds))?;
    Ok(Time::GeneralTime(GeneralizedTime::from_date_time(time)))
}

/// An end entity that signs for itself.
struct SelfSigned {
    subject: Name,
}

impl BuilderProfile for SelfSigned {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        key: SubjectPublicKeyInfoRef<'_>,
        _issuer: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let bytes: PublicKey = key
            .subject_public_key
            .raw_bytes()
            .try_into()
            .map_err(|_| x509_cert::builder::Error::MissingAttributes)?;
        let key_id = OctetString::new(DeviceId::of_public_key(&bytes).0)?;
        let subject = tbs.subject();
        let mut extensions = Vec::new();
        let basic = BasicConstraints { ca: false, path_len_constraint: None };
        extensions.push(basic.to_extension(subject, &extensions)?);
        let usage = KeyUsage(KeyUsages::DigitalSignature.into());
        extensions.push(usage.to_extension(subject, &extensions)?);
        extensions.push(SubjectKeyIdentifier(key_id).to_extension(subject, &extensions)?);
        Ok(extensions)
    }
}

/// Signs documents as the device signs everything: with the low `s`.
struct LowS<'a>(&'a SigningKey);

impl Keypair for LowS<'_> {
    type VerifyingKey = VerifyingKey;

    fn verifying_key(&self) -> VerifyingKey {
        *self.0.verifying_key()
    }
}

impl Signer<DerSignature> for LowS<'_> {
    fn try_sign(&self, message: &[u8]) -> Result<DerSignature, p256::ecdsa::Error> {
        let signature: Signature = self.0.try_sign(message)?;
        Ok(signature.normalize_s().to_der())
    }
}

impl DynSignatureAlgorithmIdentifier for LowS<'_> {
    fn signature_algorithm_identifier(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        Ok(AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA256, parameters: None })
    }
}

/// No candidate is a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyDerivationError;

impl fmt::Display for KeyDerivationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no candidate is in the range of a P-256 private key")
    }
}

impl core::error::Error for KeyDerivationError {}

/// A certificate or a request cannot be written.
#[derive(Debug)]
pub struct DocumentError(x509_cert::builder::Error);

impl<E: Into<x509_cert::builder::Error>> From<E> for DocumentError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the document cannot be written: {}", self.0)
    }
}

impl core::error::Error for DocumentError {}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::ecdsa::signature::Verifier;

    fn bytes(hex: &str) -> [u8; 32] {
        core::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    }

    /// What holds a secret is wiped when dropped: compiles only if it is.
    #[test]
    fn secrets_are_wiped() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<SigningKey>();
        wiped::<RootKey>();
        wiped::<fuzzy_extractor::response::Response>();
        wiped::<fuzzy_extractor::code::Decoded>();
        wiped::<crate::seed::SeedTree>();
        wiped::<sha2::Sha256>();
    }

    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

    /// Root 00 01 .. 1f, recomputed in Python from the rule of the module documentation with the
    /// HKDF and the P-256 of `cryptography`.
    #[test]
    fn the_rule_gives_the_key_that_others_compute() {
        let root = RootKey::new(core::array::from_fn(|i| u8::try_from(i).unwrap()));
        let key = DeviceKey::from_root(&root).unwrap();
        assert_eq!(std::format!("{}", key.device_id()), "d70e33dd98bd16a4b2aaa4452ce07c9c5e4e6a2b");
    }

    /// RFC 6979 appendix A.2.5, P-256 with SHA-256: its `s`, or the other root where that is high.
    #[test]
    fn signatures_are_those_of_rfc_6979_with_the_low_s() {
        let scalar = bytes("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
        let key = DeviceKey::from_first_in_range([&scalar].into_iter()).unwrap();
        for (message, r, s) in [
            (
                "sample",
                "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
                "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
            ),
            (
                "test",
                "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
                "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
            ),
        ] {
            let published = [bytes(r), bytes(s)].concat();
            let low = Signature::from_slice(&published).unwrap().normalize_s();
            assert_eq!(key.sign(message.as_bytes())[..], low.to_bytes()[..], "{message}");
        }
    }

    #[test]
    fn candidates_out_of_range_are_rejected() {
        let zero = [0; 32];
        let order = bytes(ORDER);
        let mut last = order;
        last[31] -= 1;
        let mut one = zero;
        one[31] = 1;
        let first = |candidates: &[[u8; 32]]| {
            DeviceKey::from_first_in_range(candidates.iter()).map(|key| *key.public_key())
        };
        assert_eq!(first(&[zero, order, [0xFF; 32]]), None);
        assert_eq!(first(&[zero, [0xFF; 32], order, one, last]), first(&[one]));
        assert!(first(&[last]).is_some_and(|key| Some(key) != first(&[one])));
    }

    #[test]
    fn signatures_verify_and_have_a_low_s() {
        let key = DeviceKey::from_root(&RootKey::new([1; 32])).unwrap();
        for i in 0..64_u8 {
            let signature = Signature::from_slice(&key.sign(&[i])).unwrap();
            assert_eq!(signature.normalize_s(), signature);
            key.signing.verifying_key().verify(&[i], &signature).unwrap();
        }
    }

    #[test]
    fn documents_are_the_same_every_time_and_refuse_the_year_10000() {
        let key = DeviceKey::from_root(&RootKey::new([2; 32])).unwrap();
        let certificate = key.self_signed_certificate(1_700_000_000).unwrap();
        assert_eq!(certificate, key.self_signed_certificate(1_700_000_000).unwrap());
        assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----\n"));
        let request = key.certification_request().unwrap();
        assert!(request.starts_with("-----BEGIN CERTIFICATE REQUEST-----\n"));
        assert!(key.self_signed_certificate(253_402_300_800).is_err());
    }
}
