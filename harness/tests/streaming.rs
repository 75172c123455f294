//! Streaming readouts: the same bits as were recorded, for every format, order and block size; in
//! bounded memory; from files that stay as they are.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs::{self, File};
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use fuzzy_extractor::bits::BitString;
use proptest::prelude::*;
use puflab::readouts::{
    BitOrder, Block, Catalogue, DeviceSource, Format, Options, ReadoutError, open, read,
};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

mod tree;

use tree::intel_hex::write as intel_hex;
use tree::{Tree, npy};

fn opened(path: &Path, options: &Options) -> Catalogue {
    open(&[path], options).unwrap_or_else(|error| panic!("{error}"))
}

fn one(path: &Path, options: &Options) -> DeviceSource {
    let mut devices = opened(path, options).devices;
    assert_eq!(devices.len(), 1);
    devices.remove(0)
}

/// All readouts of a device, `at_once` at a time.
fn passed(device: &DeviceSource, at_once: usize) -> Result<Vec<BitString>, ReadoutError> {
    let mut cursor = device.cursor()?;
    let mut found = Vec::new();
    let mut block = Block::new(device.cells());
    loop {
        let read = cursor.read(&mut block, at_once)?;
        assert_eq!(read, block.len());
        assert!(read <= at_once);
        if read == 0 {
            return Ok(found);
        }
        let rows = block.rows();
        found.extend(rows.map(|row| BitString::from_words(row.to_vec(), device.cells())));
        block.clear();
    }
}

/// The bits of memory bytes, one by one.
fn bits(bytes: &[u8], order: BitOrder) -> BitString {
    let mask = |i: usize| match order {
        BitOrder::Msb => 0x80 >> (i % 8),
        BitOrder::Lsb => 1 << (i % 8),
    };
    (0..8 * bytes.len()).map(|i| bytes[i / 8] & mask(i) != 0).collect()
}

fn random_bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// Readouts written down in one form or another.
#[derive(Debug, Clone, Copy)]
enum Written {
    Raw,
    RawFiles,
    Hex,
    BinaryDigits,
    IntelHex,
    IntelHexFiles,
    Csv,
    NpyPacked,
    Npy(&'static str),
}

const WRITTEN: [Written; 13] = [
    Written::Raw,
    Written::RawFiles,
    Written::Hex,
    Written::BinaryDigits,
    Written::IntelHex,
    Written::IntelHexFiles,
    Written::Csv,
    Written::NpyPacked,
    Written::Npy("|u1"),
    Written::Npy("|b1"),
    Written::Npy(">i2"),
    Written::Npy("<f4"),
    Written::Npy(">f8"),
];

impl Written {
    fn is_of_bytes(self) -> bool {
        !matches!(self, Self::Csv | Self::Npy(_))
    }

    fn format(self) -> Format {
        match self {
            Self::Raw | Self::RawFiles => Format::Raw,
            Self::Hex => Format::HexText,
            Self::BinaryDigits => Format::BinaryText,
            Self::IntelHex | Self::IntelHexFiles => Format::IntelHex,
            Self::Csv => Format::Csv,
            Self::NpyPacked | Self::Npy(_) => Format::Npy,
        }
    }

    /// Writes records into a folder; returns where the addresses of their bytes start.
    fn write(self, tree: &Tree, bytes: &[u8], record: usize, seed: u64) -> u64 {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let count = bytes.len() / record;
        let mut digits = |digits: &dyn Fn(u8) -> String| -> String {
            let mut blank = || [" ", "\n", "\t ", "\r\n", "\n\n"][rng.next_u32() as usize % 5];
            bytes.iter().map(|&byte| digits(byte) + blank()).collect()
        };
        let cells = || bytes.iter().flat_map(|&byte| (0..8).rev().map(move |bit| byte >> bit & 1));
        match self {
            Self::Raw => drop(tree.add("f", bytes)),
            Self::RawFiles => each_in_a_file(tree, bytes, record, |record| record.to_vec()),
            Self::Hex => drop(tree.add("f", digits(&|byte| format!("{byte:02x}")))),
            Self::BinaryDigits => drop(tree.add("f", digits(&|byte| format!("{byte:08b}")))),
            Self::IntelHex => {
                tree.add("f", intel_hex(0x2000, bytes));
                // Several records have several addresses, and are counted from their starts.
                return if count == 1 { 0x2000_0000 } else { 0 };
            }
            Self::IntelHexFiles => {
                let hex = |record: &[u8]| intel_hex(0x2000, record).into_bytes();
                each_in_a_file(tree, bytes, record, hex);
                return 0x2000_0000;
            }
            Self::Csv => {
                let cells: Vec<String> = cells().map(|cell| cell.to_string()).collect();
                let blank = [",", ", ", " ,"][rng.next_u32() as usize % 3];
                let rows: Vec<_> = cells.chunks(8 * record).map(|row| row.join(blank)).collect();
                tree.add("f", rows.join(if blank == "," { "\n" } else { "\r\n\n" }));
            }
            Self::NpyPacked => {
                tree.add("f", npy("|u1", "False", &format!("({count}, {record})"), bytes));
            }
            Self::Npy(descr) => {
                let shape = format!("({count}, {})", 8 * record);
                let one: &[u8] = match descr {
                    ">i2" => &[0, 1],
                    "<f4" => &[0, 0, 0x80, 0x3f],
                    ">f8" => &[0x3f, 0xf0, 0, 0, 0, 0, 0, 0],
                    _ => &[1],
                };
                let zero = vec![0; one.len()];
                let pattern = |cell| if cell == 1 { one } else { &zero };
                let elements: Vec<_> = cells().flat_map(pattern).copied().collect();
                tree.add("f", npy(descr, "False", &shape, &elements));
            }
        }
        0
    }
}

fn each_in_a_file(tree: &Tree, bytes: &[u8], record: usize, form: impl Fn(&[u8]) -> Vec<u8>) {
    for (number, record) in bytes.chunks(record).enumerate() {
        tree.add(&format!("P{number}"), form(record));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Every format, order, block size and range left out gives the bits that were written.
    #[test]
    fn what_was_written_is_streamed(
        record in 1_usize..150, count in 1_usize..12, seed in any::<u64>(), at_once in 1_usize..15,
        lsb in any::<bool>(), hole in proptest::option::of((0_usize..150, 1_usize..150)),
    ) {
        // A first value of more than 1, so that packed bytes are seen to be packed.
        let mut bytes = random_bytes(record * count, seed);
        bytes[0] |= 0x80;
        let order = if lsb { BitOrder::Lsb } else { BitOrder::Msb };
        for written in WRITTEN {
            let tree = Tree::new();
            let start = written.write(&tree, &bytes, record, seed);
            let hole: Option<Range<usize>> = hole
                .map(|(at, len)| at % record..(at % record + len).min(record))
                .filter(|hole| hole.len() < record);
            let at = |place: usize| start + place as u64;
            let of_files = matches!(written, Written::RawFiles | Written::IntelHexFiles);
            let options = Options {
                bit_order: order,
                record_bytes: (!of_files || count > 1).then_some(record),
                format: Some(written.format()),
                leave_out: hole.iter().map(|hole| at(hole.start)..at(hole.end)).collect(),
                ..Options::default()
            };
            let device = one(&tree.path(""), &options);
            prop_assert_eq!((device.readouts(), device.cells()), (count, 8 * record));
            prop_assert_eq!(device.kept().is_some(), hole.is_some());
            prop_assert_eq!(device.sources().len(), if of_files { count } else { 1 });
            let order = if written.is_of_bytes() || matches!(written, Written::NpyPacked) {
                order
            } else {
                BitOrder::Msb
            };
            let hole = hole.unwrap_or(0..0);
            let left_out = |cell: usize| hole.contains(&(cell / 8));
            let expected: Vec<BitString> = bytes
                .chunks(record)
                .map(|record| {
                    let whole = bits(record, order);
                    (0..whole.len()).map(|cell| whole.get(cell) && !left_out(cell)).collect()
                })
                .collect();
            prop_assert_eq!(&passed(&device, at_once).unwrap(), &expected, "{:?}", written);
            prop_assert_eq!(passed(&device, 1).unwrap(), expected, "a second pass");
            if let Some(kept) = device.kept() {
                prop_assert!((0..8 * record).all(|cell| kept.get(cell) != left_out(cell)));
            }
            let cut: Vec<BitString> = bytes
                .chunks(record)
                .map(|record| {
                    let whole = bits(record, order);
                    (0..whole.len()).filter(|&i| !left_out(i)).map(|i| whole.get(i)).collect()
                })
                .collect();
            let recording = read(&[tree.path("")], &options).unwrap();
            prop_assert_eq!(&recording.devices[0].readouts, &cut, "{:?}", written);
        }
    }
}

/// Longer than any buffer: pieces meet within words, lines, digits and cells.
#[test]
fn long_readouts_are_pieced_together() {
    let record = 100_003;
    let bytes = random_bytes(3 * record, 1);
    let expected: Vec<_> = bytes.chunks(record).map(|r| bits(r, BitOrder::Msb)).collect();
    for written in WRITTEN {
        let tree = Tree::new();
        written.write(&tree, &bytes, record, 2);
        let (record_bytes, format) = (Some(record), Some(written.format()));
        let options = Options { record_bytes, format, ..Options::default() };
        let device = one(&tree.path(""), &options);
        assert!(passed(&device, 2).unwrap() == expected, "{written:?}");
    }
}

#[test]
fn a_catalogue_says_what_there_is() {
    let tree = Tree::new();
    for number in [1, 2, 10] {
        tree.add(&format!("board/P{number}.hex"), intel_hex(0x2000, &random_bytes(32, number)));
    }
    let ones = npy("|b1", "False", "(2, 3, 16)", &[1; 96]);
    tree.add("lot/a.npy", &ones).add("lot/b.bin", random_bytes(96, 5));
    let options = Options { record_bytes: Some(32), ..Options::default() };
    let catalogue = opened(&tree.path(""), &options);
    let shown: Vec<_> = catalogue
        .devices
        .iter()
        .map(|d| {
            format!("{}|{}|{}x{}|{:?}", d.name, d.condition, d.readouts(), d.cells(), d.address())
        })
        .collect();
    let expected = [
        "board||3x256|Some(536870912)",
        "lot-000|a|3x16|None",
        "lot-001|a|3x16|None",
        "lot|b|3x256|None",
    ];
    assert_eq!(shown, expected);
    let [board, a, _, b] = catalogue.devices.as_slice() else { panic!() };
    assert_eq!(board.source_of(2), tree.path("board/P10.hex"));
    assert_eq!((b.source_of(2), b.sources().len()), (tree.path("lot/b.bin").as_path(), 1));
    assert_eq!((a.bytes(), b.bytes()), (48, 96));
    let order = catalogue.notes.iter().filter(|note| note.contains("numeric order")).count();
    assert_eq!(order, 1, "{:?}", catalogue.notes);
    assert!(catalogue.notes.contains(&"read in numeric order: P2.hex before P10.hex".to_owned()));
}

#[test]
fn addresses_are_those_of_the_file() {
    let tree = Tree::new();
    tree.add("d/P1.hex", intel_hex(0x2001, &[0xff; 16]))
        .add("d/P2.hex", intel_hex(0x2001, &[1; 16]));
    let with = |range: &str| {
        let leave_out = vec![range.parse::<puflab::readouts::AddressRange>().unwrap().range()];
        open(&[tree.path("d")], &Options { leave_out, ..Options::default() })
    };
    let device = with("0x2001000c..0x20018000").unwrap().devices.remove(0);
    assert_eq!((device.cells(), device.kept().unwrap().weight()), (128, 96));
    assert_eq!(passed(&device, 9).unwrap()[0].weight(), 96);
    let error = with("0..16").unwrap_err();
    let path = tree.path("d/P1.hex");
    assert_eq!(
        error.to_string(),
        format!(
            "{}: nothing to leave out at 0x0..0x10: the readouts are of 0x20010000..0x20010010",
            path.display()
        )
    );
    assert_eq!(error.advice().unwrap(), "a range within 0x20010000..0x20010010");
    let error = with("0x20000000..").unwrap_err();
    assert!(error.to_string().contains("nothing left without 0x20000000.."), "{error}");
}

/// The flaws that people meet, each with its file, its place, and what to do.
#[test]
fn bad_input_is_named_with_file_and_place() {
    #[track_caller]
    fn check(name: &str, content: impl AsRef<[u8]>, expected: &str, advice: &str) {
        let tree = Tree::new();
        tree.add("set/A1.txt", "0a0b").add(name, content);
        let found = open(&[tree.path(name)], &Options::default())
            .and_then(|found| passed(&found.devices[0], 7).map(|_| ()))
            .unwrap_err();
        assert_eq!(found.to_string(), format!("{}: {expected}", tree.path(name).display()));
        let found_advice = found.advice().unwrap();
        assert!(found_advice.contains(advice), "{found_advice}");
        // Reading all says the same.
        let again = read(&[tree.path(name)], &Options::default()).unwrap_err();
        assert_eq!(again.to_string(), found.to_string());
    }
    check("set/A2.txt", "", "an empty file", "remove it");
    let ragged = "line 3, column 1: 3 cells where the first readout has 2";
    check("d/a.csv", "0,1\n\n0,1,1\n", ragged, "mend the file");
    check("d/a.csv", "0,1\n0,x\n", "line 2, column 3: 'x' is neither 0 nor 1", "mend");
    check("d/a.pkl", "\x00", "Python pickles are not read", "numpy.save");
    check("d/a.npy", b"\x80\x04\x95.", "Python pickles are not read", "numpy.save");
    let object = npy("|O", "False", "(2,)", &[0; 16]);
    let refused = "an array of Python objects (dtype 'O'), which is a pickle: refused";
    check("d/a.npy", object, refused, "astype('uint8')");
    let columns = npy("|b1", "True", "(2, 2)", &[0; 4]);
    check("d/a.npy", columns, "an array in column-major order", "ascontiguousarray");
    let lying = npy("|b1", "False", "(2, 9)", &[1; 16]);
    let offset = lying.len() - 16;
    let expected =
        format!("from byte {offset} on there are 16 bytes of elements where the shape takes 18");
    check("d/a.npy", lying, &expected, "cut or added to");
    let mut lying = npy("|b1", "False", "(2, 8)", &[1; 16]);
    lying[8..10].copy_from_slice(&999_u16.to_le_bytes());
    let expected = format!("the header reaches to byte 1009, the file to byte {}", lying.len());
    check("d/a.npy", lying, &expected, "cut or added to");
    let value = npy("<i2", "False", "(2, 2)", &[1, 0, 0, 0, 1, 0, 2, 0]);
    let expected = format!("element 3, at byte {}, is neither 0 nor 1", value.len() - 2);
    let tree = Tree::new();
    tree.add("a.npy", value);
    let device = one(&tree.path("a.npy"), &Options::default());
    let found = passed(&device, 1).unwrap_err().to_string();
    assert_eq!(found, format!("{}: {expected}", tree.path("a.npy").display()));
    let hex = |lines: &[&str]| lines.join("\n") + "\n:00000001FF\n";
    let flawed = hex(&[":0200000001AA53", ":02000200020399"]);
    check("d/a.hex", flawed, "line 2: checksum 99 where the bytes give F7", "again");
    let overlap = hex(&[":0200000001AA53", ":0200010001AA52"]);
    check("d/a.hex", overlap, "line 2: data at 0x00000001 a second time", "again");
    let gap = hex(&[":0200000001AA53", ":0200030001AA50"]);
    let expected = "line 2: no data from 0x00000002 to 0x00000003, where they go on";
    check("d/a.hex", gap, expected, "again");
    check(
        "d/a.txt",
        "0a 1b\n2c 3",
        "line 2, column 5: half a byte: an odd number of hex digits",
        "mend",
    );
}

/// A flaw in a later file of a folder ends the pass that meets it, at the same file for any number
/// of threads.
#[test]
fn of_several_flawed_files_the_first_is_named() {
    let tree = Tree::new();
    for number in 1..40 {
        let checksum = if number > 20 { "00" } else { "FE" };
        tree.add(&format!("d/P{number}.hex"), format!(":0100000001{checksum}\n:00000001FF\n"));
    }
    let device = one(&tree.path("d"), &Options::default());
    let mut cursor = device.cursor().unwrap();
    let mut block = Block::new(device.cells());
    assert_eq!(cursor.read(&mut block, 20).unwrap(), 20);
    let error = cursor.read(&mut block, 20).unwrap_err();
    assert!(matches!(&error, ReadoutError::IntelHex { path, .. } if path.ends_with("P21.hex")));
    assert_eq!(block.len(), 20, "the block is as it was");
    tree.add("d/P3.hex", intel_hex(0, &[1, 2]));
    let device = one(&tree.path("d"), &Options::default());
    let error = passed(&device, 5).unwrap_err().to_string();
    assert!(error.contains("P3.hex has 16 cells") && error.contains("P1.hex"), "{error}");
    tree.add("d/P2.hex", intel_hex(1, &[1]));
    let device = one(&tree.path("d"), &Options::default());
    let error = passed(&device, 5).unwrap_err().to_string();
    assert!(error.contains("P2.hex starts at address 0x00010000"), "{error}");
}

#[test]
fn a_file_that_changes_is_not_read_on() {
    let change_of = |change: &dyn Fn(&Path)| {
        let tree = Tree::new();
        let path = tree.path("d/a.bin");
        tree.add("d/a.bin", random_bytes(1 << 20, 1));
        let options = Options { record_bytes: Some(1 << 10), ..Options::default() };
        let device = one(&path, &options);
        assert_eq!(passed(&device, 100).unwrap().len(), 1 << 10);
        let mut cursor = device.cursor().unwrap();
        let mut block = Block::new(device.cells());
        cursor.read(&mut block, 1).unwrap();
        change(&path);
        // In the pass under way, and at the start of the next one.
        let rest = cursor.read(&mut block, 1 << 20).unwrap_err();
        let next = device.cursor().err().unwrap();
        for error in [rest, next] {
            let expected = format!("{}: changed while it was read", path.display());
            assert_eq!(error.to_string(), expected);
            assert!(error.advice().unwrap().contains("nobody writes"));
        }
    };
    let appended = |path: &Path| {
        File::options().append(true).open(path).unwrap().write_all(&[0; 1 << 10]).unwrap();
    };
    change_of(&appended);
    change_of(&|path| File::options().write(true).open(path).unwrap().set_len(100_000).unwrap());
    change_of(&|path| {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_nanos(9)).unwrap();
    });
    #[cfg(unix)]
    change_of(&|path| {
        let other = path.with_extension("new");
        fs::copy(path, &other).unwrap();
        let modified = fs::metadata(path).unwrap().modified().unwrap();
        File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
        fs::rename(other, path).unwrap();
    });
}

#[test]
fn threads_read_one_device_each_with_a_cursor() {
    let tree = Tree::new();
    let bytes = random_bytes(64 * 700, 3);
    tree.add("one.bin", &bytes);
    for number in 0..40 {
        tree.add(&format!("d/P{number}.txt"), "0f".repeat(number + 1) + &"00".repeat(40 - number));
    }
    let options = Options { record_bytes: Some(64), ..Options::default() };
    let packed = one(&tree.path("one.bin"), &options);
    let files = one(&tree.path("d"), &Options::default());
    thread::scope(|scope| {
        for at_once in [1, 3, 64, 1000] {
            let (packed, files, bytes) = (&packed, &files, &bytes);
            scope.spawn(move || {
                let found = passed(packed, at_once).unwrap();
                let expected: Vec<_> = bytes.chunks(64).map(|r| bits(r, BitOrder::Msb)).collect();
                assert!(found == expected);
                let weights: Vec<_> =
                    passed(files, at_once).unwrap().iter().map(BitString::weight).collect();
                assert_eq!(weights, (1..=40).map(|n| 4 * n).collect::<Vec<_>>());
            });
        }
    });
}

/// A file far larger than memory, of which only what is asked for is read.
#[test]
fn a_file_of_terabytes_is_opened_in_no_time() {
    let tree = Tree::new();
    let path = tree.path("huge.bin");
    let record = 1_u64 << 20;
    let mut file = File::create(&path).unwrap();
    file.write_all(&[0xa5; 1 << 10]).unwrap();
    if file.set_len(record << 20).is_err() {
        return; // A file system without holes.
    }
    drop(file);
    let record_bytes = usize::try_from(record).unwrap();
    let options = Options { record_bytes: Some(record_bytes), ..Options::default() };
    let device = one(&path, &options);
    assert_eq!((device.readouts(), device.bytes()), (1 << 20, record << 20));
    let mut cursor = device.cursor().unwrap();
    let mut block = Block::new(device.cells());
    assert_eq!(cursor.read(&mut block, 2).unwrap(), 2);
    assert_eq!(block.row(0)[0], 0xa5a5_a5a5_a5a5_a5a5_u64);
    assert_eq!((block.len(), block.row(1)[0]), (2, 0));
    // No record length is seen in it, and it is too long to be one readout.
    let error = open(&[&path], &Options::default()).unwrap_err();
    assert!(matches!(error, ReadoutError::TooLong { cells, .. } if cells == record << 23));
    assert!(error.advice().unwrap().contains("record length"));
    let options = Options { record_bytes: Some(128), ..Options::default() };
    assert!(matches!(open(&[&path], &options), Err(ReadoutError::TooMany { .. })));
    let error = read(&[&path], &options).unwrap_err();
    assert!(matches!(error, ReadoutError::TooLarge { .. }), "{error}");
}

/// More bytes than are counted, recognised by samples.
#[test]
fn records_are_found_in_a_large_file() {
    let tree = Tree::new();
    let (record, count) = (1_000_448, 20);
    let die = random_bytes(record, 1);
    let mut noise = |mut seed: u64| {
        // Five random bits that are all ones: one in 32.
        let mut bytes = vec![0xff; record];
        for _ in 0..5 {
            seed += 1;
            bytes.iter_mut().zip(random_bytes(record, seed)).for_each(|(all, one)| *all &= one);
        }
        bytes
    };
    let file: Vec<u8> = (0..count)
        .flat_map(|n| die.iter().zip(noise(10 * n + 9)).map(|(a, b)| a ^ b).collect::<Vec<_>>())
        .collect();
    tree.add("die.bin", &file);
    let catalogue = opened(&tree.path("die.bin"), &Options::default());
    let device = &catalogue.devices[0];
    assert_eq!((device.readouts(), device.cells()), (20, 8 * record));
    let expected = "records of 1000448 bytes: consecutive ones differ in 6.0";
    assert!(catalogue.notes.iter().any(|note| note.contains(expected)), "{:?}", catalogue.notes);
}

/// The start of a large text tells what it is; what goes on differently is an error with its place.
#[test]
fn a_large_text_is_told_by_its_start() {
    let tree = Tree::new();
    let lines = 2_000_000;
    let text = "01100110\n".repeat(lines);
    tree.add("d.txt", &text);
    let options = Options { record_bytes: Some(1000), ..Options::default() };
    let device = one(&tree.path("d.txt"), &options);
    assert_eq!((device.readouts(), device.cells()), (2000, 8000));
    tree.add("d.txt", text + "0110011x\n");
    let error = open(&[tree.path("d.txt")], &options).unwrap_err().to_string();
    assert!(error.ends_with("line 2000001, column 8: 'x' is neither 0 nor 1"), "{error}");
}

/// So are the cells of a large array.
#[test]
fn a_large_array_is_told_by_its_start() {
    let tree = Tree::new();
    let mut cells = vec![0; (1 << 24) + 4];
    let last = cells.len() - 1;
    let shape = format!("({}, 4)", cells.len() / 4);
    cells[0] = 1;
    cells[last] = 2;
    let array = npy("|u1", "False", &shape, &cells);
    tree.add("a.npy", &array);
    let device = one(&tree.path("a.npy"), &Options::default());
    assert_eq!((device.readouts(), device.cells()), ((1 << 22) + 1, 4));
    let error = passed(&device, 1 << 20).unwrap_err().to_string();
    let expected = format!("element {last}, at byte {}, is neither 0 nor 1", array.len() - 1);
    assert!(error.ends_with(&expected), "{error}");
    let error = read(&[tree.path("a.npy")], &Options::default()).unwrap_err();
    assert!(matches!(error, ReadoutError::TooManyReadouts(_)), "{error}");
}

#[test]
fn sources_are_shared_and_cursors_are_sent() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Catalogue>();
    shared::<DeviceSource>();
    sent::<puflab::readouts::Cursor<'_>>();
}
