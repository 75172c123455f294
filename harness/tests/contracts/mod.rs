//! What must hold for every input, however hostile: the bodies of the fuzz targets, which the test
//! `corpus` replays over the seed corpora.

#![allow(unreachable_pub, reason = "shared with the fuzz targets")]

use std::fmt::Display;
use std::io::{self, Cursor, Read, Write};
use std::sync::OnceLock;
use std::time::Duration;

use fuzzy_extractor::bits::BitString;
use fuzzy_extractor::code::{BlockCode, notation};
use fuzzy_extractor::extractor::FuzzyExtractor;
use fuzzy_extractor::helper_data::{Binding, HelperData};
use fuzzy_extractor::response::Response;
use fuzzy_extractor::sketch::CodeOffset;
use puf_emulator::silicon::Process;
use puf_emulator::silicon::profile::Profile;
use puf_emulator::wire::Message;
use puflab::device_folder::{Description, check_state};
use puflab::link::{Link, TimedStream, Timeouts};
use puflab::readouts::{
    BitOrder, Block, Format, Options, ReadoutError, TextError, parse_binary_digits, parse_csv,
    parse_hex, parse_intel_hex, parse_npy,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

/// Words that the decoders of fuzzed codes are tried on: longer ones only cost time.
const MAX_FUZZED_BITS: usize = 4096;

/// Parsing never panics and accepts one written form only; what parses can be tried for a key, and
/// gives none.
pub fn helper_data(bytes: &[u8]) {
    let Ok(helper) = HelperData::from_bytes(bytes) else { return };
    assert_eq!(helper.to_bytes(), bytes, "one written form");
    let code = notation::parse(helper.code()).expect("a parsed blob names a code");
    if code.n() > MAX_FUZZED_BITS {
        return;
    }
    let w = reading(code.n());
    let extractor = FuzzyExtractor::new(code, helper.construction());
    let accepted = extractor.reconstruct(&w, &helper, helper.binding()).is_ok();
    assert_eq!(accepted, genuine() == bytes, "accepted is what was enrolled, to the bit");
}

/// A reading that nobody would call constant.
fn reading(cells: usize) -> Response {
    Response::new((0..cells).map(|i| (i * i / 3 + i / 7) % 5 < 2).collect())
}

/// Helper data that was enrolled from [`reading`]: whatever a fuzzer makes of it is refused, though the
/// reading is the right one.
pub fn genuine() -> &'static [u8] {
    static GENUINE: OnceLock<Vec<u8>> = OnceLock::new();
    GENUINE.get_or_init(|| {
        let code = notation::parse("bch(127,64,10)^2").expect("a code");
        let w = reading(code.n());
        let extractor = FuzzyExtractor::new(code, &CodeOffset);
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let enrolled = extractor.enroll(&w, Binding([7; 32]), 1, &mut rng);
        enrolled.expect("a healthy reading").0.to_bytes()
    })
}

/// Reading a notation never panics; what is read prints as what reads the same again; its decoder
/// keeps its promise on a few words.
pub fn code_notation(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(code) = notation::parse(text) else { return };
    let canonical = code.to_string();
    let again = notation::parse(&canonical).expect("canonical text is read");
    assert_eq!(again.to_string(), canonical);
    assert_eq!((again.n(), again.k(), again.t()), (code.n(), code.k(), code.t()));
    if code.n() <= MAX_FUZZED_BITS {
        decoder_keeps_its_promise(&*code, bytes);
    }
}

fn decoder_keeps_its_promise(code: &dyn BlockCode, bytes: &[u8]) {
    let bit = |i: usize| bytes[(i / 8) % bytes.len()] >> (i % 8) & 1 == 1;
    let message: BitString = (0..code.k()).map(bit).collect();
    let sent = code.encode(&message);
    let mut received = sent.clone();
    for (i, byte) in bytes.iter().cycle().take(code.t()).enumerate() {
        received.flip((usize::from(*byte) * 257 + 131 * i) % code.n());
    }
    let errors = sent.distance(&received);
    let decoded = code.decode(&received, &mut || false).expect("no more than t errors");
    assert_eq!((&decoded.codeword, decoded.corrected), (&sent, errors));
    assert_eq!(code.message(&decoded.codeword), message);
}

/// Opening a device's state never panics.
pub fn device_state(bytes: &[u8]) {
    let _ = check_state(bytes);
    if let Ok(description) = Description::from_toml(bytes) {
        let again = Description::from_toml(description.to_toml().as_bytes());
        assert_eq!(again, Ok(description));
    }
}

/// Reading a profile never panics; what is read writes what reads the same again, and makes a process.
pub fn profile(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Profile::from_toml(text) {
        Ok(profile) => {
            let written = profile.to_toml();
            assert_eq!(Profile::from_toml(&written).as_ref(), Ok(&profile), "{written}");
            let process = profile.process().expect("every parameter was checked");
            let again = process.parameters().map(|(parameter, value)| (parameter.name, value));
            let again: Vec<_> = again.collect();
            let value_of = |name: &str| again.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
            assert_eq!(Process::from_parameters(value_of), Ok(process));
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.is_empty() && shown.len() < 4000, "{shown}");
        }
    }
}

/// Reading a message or a frame never panics and accepts one written form; a link never sets aside
/// what a frame announces, and ends.
pub fn protocol_frame(bytes: &[u8]) {
    if let Ok(message) = Message::decode(bytes) {
        assert_eq!(message.encode(), bytes);
    }
    if let Ok(message) = Message::decode_frame(bytes) {
        assert_eq!(message.encode_frame(), bytes);
    }
    let mut link = Link::new(Wire(Cursor::new(bytes)), Timeouts::default());
    let mut messages = 0;
    while link.receive().is_ok() {
        messages += 1;
        assert!(messages <= bytes.len(), "a message takes at least a byte");
    }
}

/// A peer that has said all it will say.
struct Wire<'a>(Cursor<&'a [u8]>);

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TimedStream for Wire<'_> {
    fn set_timeout(&self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

/// Telling formats and record lengths apart never panics, and what is read of a file that nothing is
/// said about is read by a cursor, too.
/// Whatever the samples, each estimate is between 0 and the width of a sample, and so are the tests.
///
/// The first byte says what the others are: the width of a symbol, packed or not, which bit is first.
pub fn entropy90b(bytes: &[u8]) {
    use puflab::sp80090b::order::{Matrix, Order};
    use puflab::sp80090b::{self, FirstBit, Symbols, iid, restart};
    let Some((&how, data)) = bytes.split_first() else { return };
    let width = u32::from(how & 7) + 1;
    let symbols = if how & 8 == 0 {
        let first =
            if how & 16 == 0 { FirstBit::MostSignificant } else { FirstBit::LeastSignificant };
        Symbols::from_packed(data, first, width)
    } else {
        Symbols::from_values(data.to_vec(), (how & 16 == 0).then_some(width))
    };
    let Ok(symbols) = symbols else { return };
    assert!(symbols.samples().iter().all(|&s| usize::from(s) < symbols.alphabet_size()));
    let found = sp80090b::assess(&symbols);
    let sequences = [Some(&found.original), found.bitstring.as_ref()];
    for (sequence, bits) in sequences.into_iter().zip([f64::from(symbols.bits()), 1.0]) {
        for (estimator, found) in sequence.iter().flat_map(|sequence| &sequence.estimates) {
            if let Ok(found) = found {
                let h = found.min_entropy;
                assert!((0.0..=bits).contains(&h), "{estimator:?}: {h}");
            }
        }
    }
    assert!((0.0..=f64::from(symbols.bits())).contains(&found.min_entropy));

    let (samples, alphabet) = (symbols.samples(), symbols.alphabet_size());
    for test in [
        iid::chi_square::independence(samples, alphabet),
        iid::chi_square::goodness_of_fit(samples, alphabet),
    ] {
        assert!((0.0..=1.0).contains(&test.p_value), "{test:?}");
    }
    let repeat = iid::longest_repeat::test(samples, alphabet);
    assert!((0.0..=1.0).contains(&repeat.p_value), "{repeat:?}");
    // A few permutations of a few samples: more only cost time.
    if samples.len() <= 1024 {
        let few = iid::permutation::test(&symbols, 1, 2, &mut |_| true);
        assert!(few.expect("nobody stops it").permutations <= 2);
    }
    let columns = usize::from(how >> 5) + 1;
    let values = symbols.values().collect();
    if let Some(matrix) = Matrix::new(values, columns, Some(symbols.bits())) {
        let row = matrix.symbols(Order::Row, 1).expect("symbols they were");
        assert_eq!(row, symbols);
        let found = restart::test(&matrix, 0.5, &mut || true).expect("an estimate below a bit");
        assert!((0.0..=0.5).contains(&found.min_entropy), "{found:?}");
    }
}

/// No reader of measured readouts panics, whatever the file holds.
pub fn readouts(bytes: &[u8]) {
    use puflab::readouts::{recognise_format, recognise_records};
    for extension in [None, Some("bin"), Some("hex"), Some("npy"), Some("csv"), Some("txt")] {
        let _ = recognise_format(extension, bytes);
    }
    let _ = recognise_records(bytes);
    let streamed = streamed(bytes, &Options::default());
    if let Ok(devices) = streamed {
        let cells: usize = devices.iter().flatten().map(BitString::len).sum();
        assert!(cells <= 8 * bytes.len(), "{cells} cells out of {} bytes", bytes.len());
    }
}

/// An Intel HEX file streams as it parses, or fails in the same line.
pub fn intel_hex(bytes: &[u8]) {
    let parsed = parse_intel_hex(bytes).map(|memory| msb_first(&memory.bytes, memory.bytes.len()));
    streams_as_it_parses(Format::IntelHex, bytes, None, parsed);
}

/// Hex text streams as it parses, whole and cut into records, or fails at the same place.
pub fn hex_text(bytes: &[u8]) {
    digits(Format::HexText, bytes, parse_hex(bytes));
}

/// Text of binary digits streams as it parses, whole and cut, or fails at the same place.
pub fn binary_digits(bytes: &[u8]) {
    digits(Format::BinaryText, bytes, parse_binary_digits(bytes));
}

fn digits(format: Format, bytes: &[u8], parsed: Result<Vec<u8>, TextError>) {
    // The length of a record is the fuzzer's: there is one that divides.
    let len = parsed.as_ref().map_or(1, Vec::len);
    let wanted = usize::from(*bytes.last().unwrap_or(&1));
    let record = (1..=len).filter(|n| len.is_multiple_of(*n)).min_by_key(|n| n.abs_diff(wanted));
    let record = record.unwrap_or(1);
    let parsed = parsed.map(|bytes| msb_first(&bytes, record));
    streams_as_it_parses(format, bytes, Some(record), parsed);
}

fn msb_first(bytes: &[u8], record: usize) -> Vec<Vec<BitString>> {
    let readout = |record: &[u8]| BitString::from_bytes_msb0(record, 8 * record.len());
    vec![bytes.chunks(record).map(readout).collect()]
}

/// CSV streams as it parses, or fails at the same place.
pub fn csv(bytes: &[u8]) {
    streams_as_it_parses(Format::Csv, bytes, None, parse_csv(bytes).map(|device| vec![device]));
}

/// An array streams as it parses, in either order of bits, or fails at the same place.
pub fn npy(bytes: &[u8]) {
    let parsed = parse_npy(bytes, BitOrder::Msb);
    if let Ok(devices) = &parsed {
        let cells: usize = devices.iter().flatten().map(BitString::len).sum();
        assert!(cells <= 8 * bytes.len(), "{cells} cells out of {} bytes", bytes.len());
        let turned = parse_npy(bytes, BitOrder::Lsb).expect("the order of bits is no matter");
        assert_eq!(turned.len(), devices.len());
    }
    streams_as_it_parses(Format::Npy, bytes, None, parsed);
}

/// A cursor gives what the parser of the whole file gives; its error is the parser's, after the name
/// of the file.
fn streams_as_it_parses<E: Display>(
    format: Format,
    bytes: &[u8],
    record_bytes: Option<usize>,
    parsed: Result<Vec<Vec<BitString>>, E>,
) {
    if bytes.is_empty() {
        return; // An empty file is refused before its format is asked for.
    }
    let options = Options { format: Some(format), record_bytes, ..Options::default() };
    let streamed = streamed(bytes, &options);
    match (streamed, parsed) {
        (Ok(streamed), Ok(parsed)) => assert_eq!(streamed, parsed),
        (Err(streamed), Err(parsed)) => {
            let (streamed, parsed) = (streamed.to_string(), parsed.to_string());
            assert!(streamed.ends_with(&format!(": {parsed}")), "{streamed}\n{parsed}");
        }
        (Ok(_), Err(parsed)) => panic!("streamed without {parsed}"),
        (Err(streamed), Ok(_)) => panic!("parsed without {streamed}"),
    }
}

/// The readouts of each device in a file, through cursors that take a few at a time.
fn streamed(bytes: &[u8], options: &Options) -> Result<Vec<Vec<BitString>>, ReadoutError> {
    let mut file = tempfile::Builder::new().suffix(".dat").tempfile().expect("a file");
    file.write_all(bytes).expect("a file of a few bytes");
    let catalogue = puflab::readouts::open(&[file.path()], options)?;
    catalogue
        .devices
        .iter()
        .map(|device| {
            let mut readouts = Vec::new();
            let mut cursor = device.cursor()?;
            let mut block = Block::new(device.cells());
            while cursor.read(&mut block, 3)? > 0 {
                let row = |row: &[u64]| BitString::from_words(row.to_vec(), device.cells());
                readouts.extend(block.rows().map(row));
                block.clear();
            }
            assert_eq!(readouts.len(), device.readouts());
            Ok(readouts)
        })
        .collect()
}
