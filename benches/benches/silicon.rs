//! Silicon: making a die, moving it to an environment, and powering it up.
//!
//! What limits it: manufacture, the ChaCha8 stream; a plain environment, the quantiles and tails of
//! the cells that may flip; one with a drift, the quantiles of all cells; a power-up, ChaCha8 and
//! bringing the bits of the noisy cells to their places, step by step where the processor has no
//! instruction for it. `benches/peers/run silicon` has the same beside NumPy.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use puf_emulator::seed::SeedTree;
use puf_emulator::silicon::{
    Environment, Instructions, Process, ReadoutLaw, Scratch, SramArray, TemperatureLaw,
    TwoComponent,
};

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
    let here = Environment::default();
    group.bench_function("condition", |b| b.iter(|| array.in_environment(&here)));
    let drift = TwoComponent::of_temperature(0.14, 2.45).expect("a drift");
    let law = TemperatureLaw::default().with_coefficient(drift);
    let drifting = SramArray::manufacture(process.with_temperature(law), CELLS, &tree);
    let drifting = drifting.expect("a die");
    let hot = Environment::new(85.0, 10.0).expect("an environment");
    group.bench_function("condition, hot and old", |b| b.iter(|| drifting.in_environment(&hot)));
    group.finish();

    let mut group = c.benchmark_group("power up");
    group.throughput(Throughput::Elements(CELLS as u64));
    let die = array.in_environment(&here);
    for &instructions in Instructions::available() {
        let die = die.clone().with_instructions(instructions);
        let mut scratch = Scratch::new();
        let mut row = vec![0; CELLS / 64];
        let mut readout = 0;
        group.bench_function(BenchmarkId::from_parameter(instructions.name()), |b| {
            b.iter(|| {
                readout += 1;
                die.power_up_into(readout, &mut row, &mut scratch);
            });
        });
    }
    let differing = process.with_readout(ReadoutLaw::new(0.06, 0.0, 0.0).expect("a law"));
    let die = SramArray::manufacture(differing, CELLS, &tree).expect("a die").in_environment(&here);
    let (mut scratch, mut row, mut readout) = (Scratch::new(), vec![0; CELLS / 64], 0);
    group.bench_function("readouts that differ in noise", |b| {
        b.iter(|| {
            readout += 1;
            die.power_up_into(readout, &mut row, &mut scratch);
        });
    });
    group.finish();
}

criterion_group!(benches, silicon);
criterion_main!(benches);
