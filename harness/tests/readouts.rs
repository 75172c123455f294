//! Reading folders of measured power-ups, and with `PUFLAB_SHARED` or `../../shared` the real ones.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use fuzzy_extractor::bits::BitString;
use puflab::readouts::write::{Layout, ReadoutWriter, Shape};
use puflab::readouts::{BitOrder, Format, Options, ReadoutError, RecordedDevice, Recording, read};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

mod tree;

use tree::Tree;

mod shared_folder;

use shared_folder::shared;

/// `name|condition|readouts x cells`, a device a line.
fn summary(recording: &Recording) -> Vec<String> {
    let line = |device: &RecordedDevice| {
        let (count, cells) = (device.readouts.len(), device.readouts[0].len());
        format!("{}|{}|{count}x{cells}", device.name, device.condition)
    };
    recording.devices.iter().map(line).collect()
}

fn file_names(device: &RecordedDevice) -> Vec<&str> {
    device.sources.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect()
}

/// Readouts of one die, `flips` of 256 bits at fault in each.
fn die(records: usize, len: usize, flips: u32, seed: u64) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut bytes = vec![0; len];
    rng.fill_bytes(&mut bytes);
    let mut noise = || u8::from(rng.next_u32() & 255 < flips);
    (0..records)
        .flat_map(|_| {
            let one = |byte: &u8| byte ^ (0..8).fold(0, |flips, _| flips << 1 | noise());
            bytes.iter().map(one).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn a_folder_of_single_readouts_is_a_device_in_numeric_order() {
    let tree = Tree::new();
    for i in [10, 9, 1, 2] {
        tree.add(&format!("Chip.dev/P{i}.txt"), format!("0{:x} ff", i % 10));
    }
    tree.add("Chip.dev/README.md", "text").add("Chip.dev/.hidden", "").add("LICENSE", "text");
    let recording = tree.read();
    assert_eq!(summary(&recording), ["Chip||4x16"]);
    let device = &recording.devices[0];
    assert_eq!(file_names(device), ["P1.txt", "P2.txt", "P9.txt", "P10.txt"]);
    assert_eq!(device.readouts[1], BitString::from_bytes_msb0(&[0x02, 0xff], 16));
    let skipped = recording.notes.iter().filter(|note| note.contains("skipped")).count();
    assert_eq!(skipped, 3, "{:?}", recording.notes);
    // The folder itself, and its files one by one, are the same device.
    let itself = read(&[tree.path("Chip.dev")], &Options::default()).unwrap();
    assert_eq!(itself.devices, recording.devices);
    let globbed = ["P1.txt", "P10.txt", "P2.txt", "P9.txt", "P1.txt", "README.md"]
        .map(|name| tree.path("Chip.dev").join(name));
    assert_eq!(read(&globbed, &Options::default()).unwrap().devices, recording.devices);
}

#[test]
fn conditions_come_from_folders_and_from_names() {
    let tree = Tree::new();
    for name in ["a/cold/P1", "a/warm/P1", "b.dev/P1@-18C", "b.dev/P2@23C", "b.dev/P3@-18C"] {
        tree.add(&format!("{name}.txt"), "0a ff");
    }
    let expected = ["a|cold|1x16", "a|warm|1x16", "b|-18C|2x16", "b|23C|1x16"];
    assert_eq!(summary(&tree.read()), expected);
}

#[test]
fn a_file_of_many_readouts_is_a_device() {
    let tree = Tree::new();
    tree.add("m1.bin", die(5, 512, 10, 1)).add("m2.bin", die(1, 512, 10, 2));
    tree.add("deep/m3@5C.bin", die(3, 640, 10, 3));
    let recording = tree.read();
    assert_eq!(summary(&recording), ["m1||5x4096", "m2||1x4096", "deep|m3/5C|3x5120"]);
    assert!(recording.notes.iter().any(|note| note.contains("records of 512 bytes")));
    let options = Options { record_bytes: Some(256), ..Options::default() };
    let error = tree.read_with(&options).unwrap_err();
    assert!(matches!(error, ReadoutError::Ragged { bytes: 1920, record_bytes: 256, .. }));
}

#[test]
fn without_evidence_a_file_is_one_readout_and_a_note_says_so() {
    let tree = Tree::new();
    tree.add("a.bin", die(1, 1024, 0, 1)).add("b.bin", die(1, 1024, 0, 1));
    let recording = tree.read();
    assert_eq!(recording.devices[0].readouts.len(), 2);
    assert!(recording.notes.iter().any(|note| note.contains("one readout a file")));
    let options = Options { record_bytes: Some(256), ..Options::default() };
    let cut = tree.read_with(&options).unwrap();
    assert_eq!(summary(&cut), ["a||4x2048", "b||4x2048"]);
}

#[test]
fn every_format_gives_the_same_bits() {
    let bytes = [0x8f, 0x01, 0x00, 0xfe];
    let cells = BitString::from_bytes_msb0(&bytes, 32);
    let tree = Tree::new();
    let csv: Vec<_> = cells.iter().map(|bit| if bit { "1" } else { "0" }).collect();
    let digits: String = bytes.iter().map(|byte| format!("{byte:08b}\n")).collect();
    tree.add("a/f.bin", bytes)
        .add("b/f.hex", ":048000008F0100FEEE\n:00000001FF\n")
        .add("c/f.hex", "8F 01\n00 fe\n")
        .add("d/f.txt", "8f\n01\n00\nfe\n")
        .add("e/f.txt", digits)
        .add("f/f.csv", csv.join(","));
    let shape = Shape { devices: 1, readouts: 1, cells: 32 };
    for (name, layout) in [("g/f.npy", Layout::Npy), ("h/f.npy", Layout::NpyPacked)] {
        tree.add(name, "");
        let mut writer = ReadoutWriter::create(&tree.path(name), layout, shape).unwrap();
        writer.push(&cells).unwrap();
        writer.finish().unwrap();
    }
    let recording = tree.read();
    assert_eq!(recording.devices.len(), 8);
    for device in &recording.devices {
        assert_eq!(device.readouts, std::slice::from_ref(&cells), "{}", device.name);
    }
    let lsb = Options { bit_order: BitOrder::Lsb, ..Options::default() };
    let swapped = tree.read_with(&lsb).unwrap();
    let reversed = BitString::from_bytes_lsb0(&bytes, 32);
    for (device, of_bytes) in swapped.devices.iter().zip("yyyyynny".chars()) {
        let expected = if of_bytes == 'y' { &reversed } else { &cells };
        assert_eq!(&device.readouts[0], expected, "{}", device.name);
    }
}

#[test]
fn an_array_of_several_devices_is_several_devices() {
    let tree = Tree::new();
    let path = tree.path("f.npy");
    let shape = Shape { devices: 2, readouts: 3, cells: 5 };
    let mut writer = ReadoutWriter::create(&path, Layout::Npy, shape).unwrap();
    for i in 0..6 {
        writer.push(&(0..5).map(|cell| cell <= i).collect()).unwrap();
    }
    writer.finish().unwrap();
    let recording = tree.read();
    assert_eq!(summary(&recording), ["f-000||3x5", "f-001||3x5"]);
    assert_eq!(recording.devices[1].readouts[0].weight(), 4);
}

#[test]
fn errors_name_the_file_and_the_place() {
    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let tree = Tree::new();
        for (name, content) in files {
            tree.add(name, content);
        }
        let message = tree.refused().to_string();
        for part in expected {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    }
    check(&[("d/a.txt", "")], &["a.txt", "empty"]);
    check(&[("d/a.hex", ":0100000001FF\n")], &["a.hex", "line 1", "checksum FF", "FE"]);
    check(&[("d/a.hex", ":0100000001FE\n")], &["a.hex", "line 2", "cut short"]);
    check(&[("d/a.hex", "0a 1g")], &["a.hex", "line 1, column 5", "'g'"]);
    check(&[("d/a.csv", "0,1\n0,1,1\n")], &["a.csv", "line 2", "3 cells", "2"]);
    check(&[("d/a.npy", "hello")], &["a.npy"]);
    check(&[("d/a.bin", "0a1b2c")], &["a.bin", "hex text"]);
    check(&[("d/a.txt", "00000000\n")], &["a.txt", "binary digits", "hex text"]);
    check(&[("d/a.pkl", "(lp0\n.")], &["a.pkl", "pickles"]);
    check(&[("d/a.txt", "0a 1b"), ("d/b.txt", "0a")], &["b.txt", "8 cells", "a.txt", "16"]);
    let (at_0, at_1) = (":0100000001FE\n:00000001FF", ":0100010001FD\n:00000001FF");
    check(&[("d/a.hex", at_0), ("d/b.hex", at_1)], &["b.hex", "0x00000001", "a.hex"]);
    check(&[("d/LICENSE", "text"), ("d/.x", "")], &["no file of readouts"]);
    let missing = read(&[Path::new("no/such/place")], &Options::default()).unwrap_err();
    assert!(missing.to_string().contains("no/such/place"), "{missing}");
    let nothing = read::<PathBuf>(&[], &Options::default()).unwrap_err();
    assert!(matches!(nothing, ReadoutError::Nothing(_)));
}

#[test]
fn a_format_that_is_given_settles_it() {
    let tree = Tree::new();
    tree.add("d/a.txt", "00000000\n00000000\n");
    let cells = |format| {
        let options = Options { format: Some(format), ..Options::default() };
        tree.read_with(&options).unwrap().devices[0].readouts[0].len()
    };
    assert_eq!(cells(Format::BinaryText), 16);
    assert_eq!(cells(Format::HexText), 64);
    assert_eq!(cells(Format::Raw), 18 * 8);
}

#[test]
fn the_bound_on_bytes_holds_for_all_files_together() {
    let tree = Tree::new();
    tree.add("d/a.bin", [0x80; 100]).add("d/b.bin", [0x80; 100]);
    let with = |max_total_bytes| Options { max_total_bytes, ..Options::default() };
    let error = tree.read_with(&with(199)).unwrap_err();
    assert!(matches!(&error, ReadoutError::TooLarge { path, .. } if path.ends_with("b.bin")));
    tree.read_with(&with(200)).unwrap();
}

#[test]
fn devices_of_one_name_are_told_apart() {
    let tree = Tree::new();
    tree.add("x/chip/P1.txt", "0a").add("y/chip/P1.txt", "0b");
    let recording = read(&[tree.path("x"), tree.path("y")], &Options::default()).unwrap();
    assert_eq!(summary(&recording), ["chip||1x8", "chip (2)||1x8"]);
    assert!(recording.notes.iter().any(|note| note.contains("chip (2)")));
}

#[cfg(unix)]
#[test]
fn loops_pipes_and_depths_end_the_reading() {
    use std::os::unix::fs::symlink;
    let tree = Tree::new();
    tree.add("d/a.txt", "0a").add("e/c.txt", "0a");
    for leads_back in ["..", ".", "../..", "/"] {
        symlink(leads_back, tree.path("d/again")).unwrap();
        let error = tree.refused();
        assert!(matches!(&error, ReadoutError::Loop { path, .. } if path.ends_with("d/again")));
        assert!(error.to_string().contains("d/again: a loop"), "{error}");
        fs::remove_file(tree.path("d/again")).unwrap();
    }
    symlink("itself.txt", tree.path("d/itself.txt")).unwrap();
    assert!(
        matches!(tree.refused(), ReadoutError::Loop { path, .. } if path.ends_with("itself.txt"))
    );
    fs::remove_file(tree.path("d/itself.txt")).unwrap();
    symlink("../e", tree.path("d/elsewhere")).unwrap();
    symlink("a.txt", tree.path("d/b.txt")).unwrap();
    let recording = tree.read();
    assert_eq!(recording.devices[0].readouts.len(), 2, "a link to a file is a file");
    assert!(recording.notes.iter().any(|note| note.contains("a link to a folder")));
    symlink("/dev/zero", tree.path("d/z.txt")).unwrap();
    assert!(matches!(tree.refused(), ReadoutError::NotAFile(path) if path.ends_with("z.txt")));
    fs::remove_file(tree.path("d/z.txt")).unwrap();
    symlink("nowhere", tree.path("d/z.txt")).unwrap();
    assert!(matches!(tree.refused(), ReadoutError::Io { path, .. } if path.ends_with("z.txt")));
    fs::remove_file(tree.path("d/z.txt")).unwrap();
    tree.add("1/2/3/4/5/6/7/8/9/a.txt", "0a");
    assert!(matches!(tree.refused(), ReadoutError::TooDeep(_)));
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole as f64
}

/// Mean distance of the other readouts to the first, in percent.
fn wchd_to_first(device: &RecordedDevice) -> f64 {
    let (first, others) = device.readouts.split_first().unwrap();
    let total: usize = others.iter().map(|readout| readout.distance(first)).sum();
    percent(total, others.len() * first.len())
}

#[test]
#[ignore = "needs ../shared; stage 2"]
fn the_scum_chips_are_as_published_in_shared() {
    let start = Instant::now();
    let recording = read(&[shared("data/scum")], &Options::default()).unwrap();
    println!("{:?} {:#?}", start.elapsed(), recording.notes);
    let cells = 8 * 56_320;
    let expected = [("L45", 28, 49.93, 4.66), ("M39", 85, 50.09, 4.54), ("M42", 4, 49.87, 5.03)];
    assert_eq!(recording.devices.len(), expected.len());
    for (device, (name, readouts, ones, wchd)) in recording.devices.iter().zip(expected) {
        assert_eq!((device.name.as_str(), device.readouts.len()), (name, readouts));
        assert_eq!(device.readouts[0].len(), cells);
        let weight = device.readouts.iter().map(BitString::weight).sum();
        let found = percent(weight, readouts * cells);
        assert!((found - ones).abs() < 0.005, "{name}: {found} % ones");
        let found = wchd_to_first(device);
        assert!((found - wchd).abs() < 0.005, "{name}: WCHD {found} %");
    }
}

#[test]
#[ignore = "needs ../shared; stage 2"]
fn the_stm32_boards_are_as_published_in_shared() {
    let start = Instant::now();
    let recording = read(&[shared("data/stm32f401")], &Options::default()).unwrap();
    println!("{:?} {:#?}", start.elapsed(), recording.notes);
    let cells = 8 * 98_304;
    let expected = [
        "Andrzej||15",
        "Andrzejcold|-18degrees|15",
        "Franck||15",
        "Pierre||15",
        "Pierrecold|-18degrees|14", // there is no P10
        "Timothy||15",
        "temp_tests|cold/-7degrees|5",
        "temp_tests|normal/23degrees|5",
    ];
    assert_eq!(summary(&recording), expected.map(|device| format!("{device}x{cells}")));
    let andrzej = &recording.devices[0];
    let numbers: Vec<_> = (1..=15).map(|i| format!("A_MEMPRINT{i}.hex")).collect();
    assert_eq!(file_names(andrzej), numbers);
    let found = wchd_to_first(andrzej);
    assert!((2.0..6.0).contains(&found), "WCHD {found} %");
}

/// Only `PUFLAB_PYTHON` or `python3` with NumPy knows whether NumPy reads what we write.
#[test]
#[ignore = "needs numpy; stage 2"]
fn numpy_reads_what_is_written_and_is_read() {
    let tree = Tree::new();
    let shape = Shape { devices: 3, readouts: 2, cells: 72 };
    let bytes = die(6, 9, 128, 7);
    for (name, layout) in [("cells.npy", Layout::Npy), ("packed.npy", Layout::NpyPacked)] {
        let mut writer = ReadoutWriter::create(&tree.path(name), layout, shape).unwrap();
        for record in bytes.chunks(9) {
            writer.push(&BitString::from_bytes_msb0(record, 72)).unwrap();
        }
        writer.finish().unwrap();
    }
    fs::write(tree.path("bytes"), &bytes).unwrap();
    let script = r#"
import numpy as np
cells, packed = np.load("cells.npy"), np.load("packed.npy")
assert cells.shape == (3, 2, 72) and cells.dtype == np.uint8, (cells.shape, cells.dtype)
assert packed.shape == (3, 2, 9) and packed.dtype == np.uint8, (packed.shape, packed.dtype)
assert np.array_equal(packed.ravel(), np.fromfile("bytes", np.uint8))
assert np.array_equal(np.unpackbits(packed, axis=-1), cells)
for name in "bool uint8 int8 uint16 int32 int64 uint64 float16 float32 float64".split():
    np.save(f"as_{name}.npy", cells.astype(name))
np.save("as_big.npy", cells.astype(">i4"))
with open("as_v2.npy", "wb") as f: np.lib.format.write_array(f, cells, version=(2, 0))
with open("as_v3.npy", "wb") as f: np.lib.format.write_array(f, cells, version=(3, 0))
np.save("bad_objects.npy", cells.astype(object), allow_pickle=True)
np.save("bad_columns.npy", np.asfortranarray(cells))
np.save("bad_text.npy", cells.astype(str))
np.save("bad_complex.npy", cells.astype(complex))
np.savez("bad_archive.npz", cells)
"#;
    let python = std::env::var_os("PUFLAB_PYTHON").unwrap_or_else(|| "python3".into());
    let status = Command::new(python).args(["-c", script]).current_dir(tree.path("")).status();
    assert!(status.unwrap().success());
    let expected: Vec<_> = bytes.chunks(9).map(|r| BitString::from_bytes_msb0(r, 72)).collect();
    let mut arrays = 0;
    for entry in fs::read_dir(tree.path("")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let outcome = read(&[&path], &Options::default());
        if name.starts_with("bad_") {
            assert!(outcome.is_err(), "{name}");
        } else if name != "bytes" {
            let devices = outcome.unwrap_or_else(|e| panic!("{e}")).devices;
            let found: Vec<_> = devices.into_iter().flat_map(|device| device.readouts).collect();
            assert_eq!(found, expected, "{name}");
            arrays += 1;
        }
    }
    assert_eq!(arrays, 15);
}
