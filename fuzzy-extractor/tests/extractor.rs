//! The contract of the fuzzy extractor, for every sketch construction over several codes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use fuzzy_extractor::bits::BitString;
use fuzzy_extractor::code::notation;
use fuzzy_extractor::extractor::{EnrollError, FuzzyExtractor};
use fuzzy_extractor::health::HealthError;
use fuzzy_extractor::helper_data::{Binding, HelperData, HelperDataError, MAX_BYTES};
use fuzzy_extractor::response::Response;
use fuzzy_extractor::sketch::{self, SKETCHES};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const CODES: &[&str] = &[
    "rep(7)",
    "golay(23,12)",
    "golay(24,12)",
    "bch(127,64,10)",
    "bch(100,37,10)",
    "rep(3)*bch(31,16,3)",
    "(rep(5)*golay(24,12))^3",
    "rep(7)*bch(318,174,17)",
];

const CHIP: Binding = Binding([0x42; 32]);

fn extractors() -> impl Iterator<Item = FuzzyExtractor> {
    CODES.iter().flat_map(|code| {
        SKETCHES.iter().map(|sketch| FuzzyExtractor::new(notation::parse(code).unwrap(), *sketch))
    })
}

fn flip_some(w: &BitString, count: usize, rng: &mut ChaCha20Rng) -> Response {
    let mut noisy = w.clone();
    while noisy.distance(w) < count {
        noisy.flip(rng.next_u32() as usize % w.len());
    }
    Response::new(noisy)
}

#[test]
fn up_to_t_errors_give_the_enrolled_key() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for extractor in extractors() {
        let w = BitString::random(extractor.response_bits(), &mut rng);
        let (helper, key) = extractor.enroll(&Response::new(w.clone()), CHIP, 1, &mut rng).unwrap();
        for errors in 0..=extractor.code().t() {
            let noisy = flip_some(&w, errors, &mut rng);
            let again = extractor.reconstruct(&noisy, &helper, CHIP).unwrap();
            assert_eq!(again.key, key, "{extractor:?} with {errors} errors");
            assert_eq!(again.corrected, errors);
        }
    }
}

#[test]
fn whatever_the_reading_a_wrong_key_is_never_returned() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (mut kept, mut refused) = (0, 0);
    for extractor in extractors() {
        let n = extractor.response_bits();
        let w = BitString::random(n, &mut rng);
        let (helper, key) = extractor.enroll(&Response::new(w.clone()), CHIP, 1, &mut rng).unwrap();
        for _ in 0..200 {
            let errors = rng.next_u32() as usize % (n / 2 + 1);
            match extractor.reconstruct(&flip_some(&w, errors, &mut rng), &helper, CHIP) {
                Ok(again) => {
                    assert_eq!(again.key, key);
                    kept += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(kept > 100 && refused > 1000, "both happen: {kept} kept, {refused} refused");
}

#[test]
fn every_single_flipped_bit_of_helper_data_is_detected() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for extractor in extractors() {
        let w = Response::new(BitString::random(extractor.response_bits(), &mut rng));
        let (helper, _) = extractor.enroll(&w, CHIP, 1, &mut rng).unwrap();
        let bytes = helper.to_bytes();
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 0x80 >> (bit % 8);
            // A flip in the binding field must be refused even by a device of that binding.
            if let Ok(helper) = HelperData::from_bytes(&flipped) {
                assert!(extractor.reconstruct(&w, &helper, CHIP).is_err(), "bit {bit}");
                assert!(extractor.reconstruct(&w, &helper, helper.binding()).is_err(), "bit {bit}");
            }
        }
    }
}

#[test]
fn helper_data_shifted_by_a_code_word_is_refused() {
    // The classic manipulation of code-offset: the decoder does not notice, the tag must.
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let code = notation::parse("bch(127,64,10)").unwrap();
    let shift = code.encode(&BitString::random(64, &mut rng)).to_bytes_msb0();
    let extractor = FuzzyExtractor::new(code, sketch::by_name("code-offset").unwrap());
    let w = Response::new(BitString::random(127, &mut rng));
    let (helper, _) = extractor.enroll(&w, CHIP, 1, &mut rng).unwrap();
    let mut bytes = helper.to_bytes();
    let start = bytes.len() - 32 - 16;
    for (byte, shift) in bytes[start..].iter_mut().zip(&shift) {
        *byte ^= shift;
    }
    let shifted = HelperData::from_bytes(&bytes).unwrap();
    assert!(extractor.reconstruct(&w, &shifted, CHIP).is_err());
}

#[test]
fn another_device_counter_salt_code_or_sketch_is_another_key() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let w = Response::new(BitString::random(127, &mut rng));
    let make = |code: &str, sketch| {
        FuzzyExtractor::new(notation::parse(code).unwrap(), sketch::by_name(sketch).unwrap())
    };
    let syndrome = make("bch(127,64,10)", "syndrome");
    let enroll = |extractor: &FuzzyExtractor, binding, counter, seed| {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        extractor.enroll(&w, binding, counter, &mut rng).unwrap()
    };
    let (helper, key) = enroll(&syndrome, CHIP, 1, 9);
    assert_eq!(enroll(&syndrome, CHIP, 1, 9).1, key, "the same enrolment is the same key");
    assert_ne!(enroll(&syndrome, CHIP, 2, 9).1, key, "the counter is bound in");
    assert_ne!(enroll(&syndrome, Binding([1; 32]), 1, 9).1, key, "the device is bound in");
    assert_ne!(enroll(&syndrome, CHIP, 1, 10).1, key, "the salt is bound in");
    assert_ne!(enroll(&make("bch(127,57,11)", "syndrome"), CHIP, 1, 9).1, key);
    assert!(syndrome.reconstruct(&w, &helper, Binding([1; 32])).is_err());
    for other in [make("bch(127,57,11)", "syndrome"), make("bch(127,64,10)", "code-offset")] {
        assert!(other.reconstruct(&w, &helper, CHIP).is_err());
    }
}

#[test]
fn what_is_no_power_up_is_not_enrolled() {
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let code = notation::parse("rep(7)*bch(318,174,17)").unwrap();
    let extractor = FuzzyExtractor::new(code, sketch::by_id(1).unwrap());
    let mut enroll =
        |bits| extractor.enroll(&Response::new(bits), CHIP, 1, &mut rng).map(|_| ()).unwrap_err();
    assert_eq!(enroll(BitString::zeros(2226)), EnrollError::Health(HealthError::Constant));
    let short = EnrollError::Length { expected: 2226, found: 2225 };
    assert_eq!(enroll(BitString::zeros(2225)), short);
}

#[test]
fn helper_data_errors_name_the_field() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let code = notation::parse("bch(127,64,10)").unwrap();
    let extractor = FuzzyExtractor::new(code, sketch::by_name("syndrome").unwrap());
    let w = Response::new(BitString::random(127, &mut rng));
    let good = extractor.enroll(&w, CHIP, 1, &mut rng).unwrap().0.to_bytes();
    #[track_caller]
    fn check(good: &[u8], change: impl FnOnce(&mut Vec<u8>), expected: HelperDataError) {
        let mut bytes = good.to_vec();
        change(&mut bytes);
        assert_eq!(HelperData::from_bytes(&bytes), Err(expected));
    }
    let len = good.len();
    let announced = u32::try_from(len).unwrap();
    check(&good, |b| b[0] = b'Q', HelperDataError::Magic);
    check(&good, |b| b[5] = 2, HelperDataError::Version { found: 2 });
    check(&good, |b| b.push(0), HelperDataError::Length { announced, found: len + 1 });
    check(&good, |b| b.truncate(40), HelperDataError::Length { announced, found: 40 });
    check(&good, |b| b.truncate(3), HelperDataError::Truncated { offset: 0, wanted: 4 });
    check(&good, |b| b[10] = 9, HelperDataError::Sketch { id: 9 });
    check(&good, |b| b[11] = 9, HelperDataError::KeyDerivation { id: 9 });
    check(&good, |b| b[95 - 4 + 7] = 62, HelperDataError::SketchLength { expected: 63, found: 62 });
    check(&good, |b| b[95 + 4 + 7] |= 1, HelperDataError::Padding { offset: 106 });
    check(&good, |b| b.resize(MAX_BYTES + 1, 0), HelperDataError::TooLong { bytes: MAX_BYTES + 1 });
    for cut in 0..len {
        assert!(HelperData::from_bytes(&good[..cut]).is_err(), "cut at {cut}");
        let mut consistent = good[..cut].to_vec();
        if cut >= 10 {
            consistent[6..10].copy_from_slice(&u32::try_from(cut).unwrap().to_be_bytes());
        }
        assert!(HelperData::from_bytes(&consistent).is_err(), "cut at {cut}, length adapted");
    }
    assert_eq!(HelperData::from_bytes(&good).unwrap().to_bytes(), good);
}

/// Pins the bytes of format version 1: a change here is a change of the format. Sketch, key and tag
/// were recomputed from the module documentation in Python, with the HKDF of `cryptography`.
#[test]
fn the_bytes_of_format_1_stay() {
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    let code = notation::parse("golay(24,12)").unwrap();
    let extractor = FuzzyExtractor::new(code, sketch::by_name("syndrome").unwrap());
    let w = Response::new(BitString::from_integer_hex("a5c3f0", 24).unwrap());
    let (helper, key) = extractor.enroll(&w, CHIP, 3, &mut rng).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let expected = [
        "50554648",
        "0001",
        "00000083",
        "02",
        "01",
        "00000003",
        "4242424242424242424242424242424242424242424242424242424242424242",
        "482a1d2252fa82623d28c810941d127f6a2c069cd25c2dab9f8746ce88f9ade6",
        "0c",
        "676f6c61792832342c313229",
        "0000000c",
        "4290",
        "94fbe7c664785b69156c44232d91159b2803d737e3580478229f4cc35199a288",
    ];
    assert_eq!(hex(&helper.to_bytes()), expected.concat());
    let expected = "4c2e4e7db76548e5ed55bc9adea07932aacab524e3d6f78a3207e7f4af8621d2";
    assert_eq!(hex(key.expose()), expected);
}

proptest! {
    #[test]
    fn parsing_never_panics_and_accepts_one_form_only(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        if let Ok(helper) = HelperData::from_bytes(&bytes) {
            prop_assert_eq!(helper.to_bytes(), bytes);
        }
    }
}
