//! From a noisy reading to a key: decoding, reconstruction with HKDF, the P-256 key pair.
//!
//! What limits it: the syndromes and the search for error positions while there are errors, then
//! SHA-256 over reading and helper data; with the curve, the curve (about nine tenths of a boot).

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use fuzzy_extractor::bits::BitString;
use fuzzy_extractor::code::notation;
use fuzzy_extractor::extractor::FuzzyExtractor;
use fuzzy_extractor::helper_data::Binding;
use fuzzy_extractor::response::Response;
use fuzzy_extractor::sketch::CodeOffset;
use puf_emulator::identity::DeviceKey;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Flips each bit with probability `permille / 1000`.
fn noisy(w: &BitString, permille: u32, rng: &mut ChaCha20Rng) -> BitString {
    w.iter().map(|bit| bit ^ (rng.next_u32() % 1000 < permille)).collect()
}

fn decoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    let cases = [
        ("bch(127,64,10)", &[0, 5, 10][..]),
        ("bch(255,131,18)", &[0, 9, 18]),
        ("golay(24,12)", &[0, 3]),
        ("rep(7)*bch(318,174,17)", &[0, 100]),
    ];
    for (text, weights) in cases {
        let code = notation::parse(text).expect("a code");
        for &weight in weights {
            let mut rng = ChaCha20Rng::seed_from_u64(1);
            let mut received = || {
                let mut word = code.encode(&BitString::random(code.k(), &mut rng));
                let sent = word.clone();
                while word.distance(&sent) < weight {
                    word.flip(rng.next_u32() as usize % code.n());
                }
                word
            };
            group.bench_function(format!("{text}, {weight} errors"), |b| {
                let decode = |w: &mut BitString| code.decode(w, &mut || false);
                b.iter_batched_ref(&mut received, decode, BatchSize::SmallInput);
            });
        }
    }
    group.finish();
}

fn keys(c: &mut Criterion) {
    let mut group = c.benchmark_group("key");
    for (text, permille) in [("rep(7)*bch(318,174,17)", 50), ("bch(127,64,10)^16", 30)] {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let code = notation::parse(text).expect("a code");
        let extractor = FuzzyExtractor::new(code, &CodeOffset);
        let w = BitString::random(extractor.response_bits(), &mut rng);
        let enrolled = Response::new(w.clone());
        let serial = Binding([1; 32]);
        let (helper, key) =
            extractor.enroll(&enrolled, serial, 1, &mut rng).expect("a healthy reading");
        group.bench_function(format!("enroll, {text}"), |b| {
            b.iter(|| extractor.enroll(&enrolled, serial, 1, &mut rng));
        });
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        group.bench_function(format!("reconstruct, {text} at {permille} permille"), |b| {
            b.iter_batched_ref(
                || Response::new(noisy(&w, permille, &mut rng)),
                |w_noisy| extractor.reconstruct(w_noisy, &helper, serial),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(format!("P-256 key pair of the key, {text}"), |b| {
            b.iter(|| DeviceKey::from_root(&key));
        });
    }
    group.finish();
}

criterion_group!(benches, decoding, keys);
criterion_main!(benches);
