//! Silicon: making a die, moving it to an environment, and powering it up.
//!
//! What limits it: manufacture, the normal quantile; a new environment, the normal cdf in its tail;
//! a power-up, the ChaCha8 stream that decides each cell.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{Environment, Process, SramArray};

const CELLS: usize = 8192;

fn silicon(c: &mut Criterion) {
    let process = Process::from_ber(0.05).expect("a process");
    let tree = SeedTree::from_seed(1);
    let mut group = c.benchmark_group("silicon");
    group.throughput(Throughput::Elements(CELLS as u64));
    group.bench_function("manufacture", |b| {
        b.iter(|| SramArray::manufacture(process, CELLS, &tree));
    });
    let array = SramArray::manufacture(process, CELLS, &tree).expect("a die");
    let hot = Environment::new(85.0, 10.0).expect("an environment");
    group.bench_function("condition", |b| b.iter(|| array.in_environment(&hot)));
    let die = array.in_environment(&Environment::default());
    let mut readout = 0;
    group.bench_function("power up", |b| {
        b.iter(|| {
            readout += 1;
            die.power_up(readout)
        });
    });
    group.finish();
}

criterion_group!(benches, silicon);
criterion_main!(benches);
