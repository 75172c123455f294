//! Streaming measured readouts: from files to words, in bytes of the file a second.
//!
//! What limits it: packed cells, copying from the host's file cache, then reversing the bits of each
//! byte and writing words; a byte a cell, one multiplication for eight cells; text, looking at each
//! character, of Intel HEX a table look-up for each. Files are in the host's cache: a disk is slower.
//! Intel HEX, a file a readout, is read on all threads, the others on one for each device.

use std::fs;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fuzzy_extractor::bits::BitString;
use puflab::readouts::write::{Layout, ReadoutWriter, Shape};
use puflab::readouts::{Block, Format, Options, open};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

#[path = "../../harness/tests/tree/intel_hex.rs"]
mod intel_hex;

/// Cells of a board of 96 KiB.
const CELLS: usize = 786_432;

fn readout(number: u64) -> BitString {
    BitString::random(CELLS, &mut ChaCha8Rng::seed_from_u64(number))
}

fn write_cells(path: &Path, layout: Layout, readouts: usize) {
    let shape = Shape { devices: 1, readouts, cells: CELLS };
    let mut writer = ReadoutWriter::create(path, layout, shape).expect("a file");
    for number in 0..readouts {
        writer.push(&readout(number as u64)).expect("room on the disk");
    }
    writer.finish().expect("a whole file");
}

fn write_intel_hex(folder: &Path, readouts: u64) {
    fs::create_dir(folder).expect("a folder");
    for number in 0..readouts {
        let text = intel_hex::write(0x2000, &readout(number).to_bytes_msb0());
        fs::write(folder.join(format!("P{number}.hex")), text).expect("room on the disk");
    }
}

fn streaming(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    write_cells(&path("packed.npy"), Layout::NpyPacked, 256);
    write_cells(&path("cells.npy"), Layout::Npy, 64);
    write_cells(&path("cells.csv"), Layout::Csv, 32);
    write_cells(&path("raw.bin"), Layout::Raw, 256);
    write_intel_hex(&path("intel-hex"), 64);
    let bytes: Vec<u8> = (0..64).flat_map(|number| readout(number).to_bytes_msb0()).collect();
    let digits = bytes
        .chunks(32)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n");
    fs::write(path("hex.txt"), digits.collect::<String>()).expect("room on the disk");
    let mut group = c.benchmark_group("stream");
    group.sample_size(20);
    for (name, format) in [
        ("raw.bin", Format::Raw),
        ("packed.npy", Format::Npy),
        ("cells.npy", Format::Npy),
        ("intel-hex", Format::IntelHex),
        ("hex.txt", Format::HexText),
        ("digits.txt", Format::BinaryText),
        ("cells.csv", Format::Csv),
    ] {
        let record_bytes = Some(CELLS / 8).filter(|_| format != Format::Npy);
        let options = Options { format: Some(format), record_bytes, ..Options::default() };
        let catalogue = open(&[path(name)], &options).expect("a device");
        let device = &catalogue.devices[0];
        group.throughput(Throughput::Bytes(device.bytes()));
        let mut block = Block::new(device.cells());
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut cursor = device.cursor().expect("an open file");
                while cursor.read(&mut block, 8).expect("readouts") > 0 {
                    block.clear();
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, streaming);
criterion_main!(benches);
