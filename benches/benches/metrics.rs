//! Metrics of one device: the passes over its readouts, the figures, a comparison of devices.
//!
//! What limits it: the scan, the counting of ones in bit planes and the four distances of a readout,
//! some twenty instructions for 64 cells; in detail, a count for every cell that flips; the figures, the
//! histograms and the majority, which go cell by cell; a comparison, the words of all pairs.
//! `benches/peers/run metrics` has the whole beside NumPy.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fuzzy_extractor::bits::BitString;
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{Environment, Process, SramArray};
use puflab::metric::between::{References, compare};
use puflab::metric::device::DeviceFigures;
use puflab::metric::scan::{Detail, Scan};
use puflab::readouts::Block;

const CELLS: usize = 8192;
const READOUTS: u64 = 100;

fn readouts(seed: u64) -> Block {
    let process = Process::from_ber(0.05).expect("a process");
    let die = SramArray::manufacture(process, CELLS, &SeedTree::from_seed(seed)).expect("a die");
    let die = die.in_environment(&Environment::default());
    let mut block = Block::new(CELLS);
    (0..READOUTS).for_each(|j| block.push().copy_from_slice(die.power_up(j).words()));
    block
}

fn metrics(c: &mut Criterion) {
    let block = readouts(1);
    let mut group = c.benchmark_group("metrics");
    group.throughput(Throughput::Elements(CELLS as u64 * READOUTS));
    group.bench_function("scan", |b| b.iter(|| Scan::of(&block, Detail::Figures)));
    group.bench_function("scan in detail", |b| b.iter(|| Scan::of(&block, Detail::Readouts)));
    let Ok(scan) = Scan::of(&block, Detail::Figures);
    group.bench_function("figures", |b| b.iter(|| DeviceFigures::of(&scan)));
    group.finish();

    let dies: Vec<BitString> =
        (0..100).map(|seed| BitString::from_words(readouts(seed).row(0).to_vec(), CELLS)).collect();
    let readings: Vec<&BitString> = dies.iter().collect();
    let mut group = c.benchmark_group("between");
    group.throughput(Throughput::Elements(100 * 99 / 2));
    group.bench_function("100 devices", |b| {
        b.iter(|| compare(References { readings: &readings, kept_cells: CELLS }));
    });
    group.finish();
}

criterion_group!(benches, metrics);
criterion_main!(benches);
