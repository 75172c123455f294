//! SP 800-90B: a million bits, and a hundred thousand bytes, by every estimator.
//!
//! What limits it: of bits, the sixteen tables of MultiMMC and of LZ78Y, which do not fit in a core's
//! first cache, two thirds of the time; the order of suffixes, a seventh. Of bytes, the dictionaries of
//! both, by hash. `benches/peers/run entropy90b` has the same beside NIST's program.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use puf_emulator::seed::SeedTree;
use puflab::sp80090b::{self, Estimator, Symbols};
use rand_core::Rng as _;

fn entropy90b(c: &mut Criterion) {
    let mut rng = SeedTree::from_seed(1).stream(0);
    let bits = Symbols::from_bits((0..1_000_000).map(|_| rng.next_u32() >> 31 == 1));
    let bits = bits.expect("a million bits");
    let bytes = (0..100_000).map(|_| rng.next_u32().to_be_bytes()[0] & 0xF3).collect();
    let bytes = Symbols::from_values(bytes, None).expect("bytes");

    let mut group = c.benchmark_group("sp800-90b");
    group.sample_size(10);
    group.throughput(Throughput::Elements(bits.len() as u64));
    group.bench_function("all, bits", |b| b.iter(|| sp80090b::assess(&bits)));
    for estimator in Estimator::ALL {
        let id = BenchmarkId::new("bits", estimator.name());
        group.bench_function(id, |b| {
            b.iter(|| sp80090b::assess_some(&bits, &[estimator], &mut || true));
        });
    }
    group.throughput(Throughput::Elements(bytes.len() as u64));
    group.bench_function("all, bytes", |b| b.iter(|| sp80090b::assess(&bytes)));
    group.finish();
}

criterion_group!(benches, entropy90b);
criterion_main!(benches);
