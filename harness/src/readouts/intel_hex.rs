//! Intel HEX, after the *Intel Hexadecimal Object File Format Specification*, revision A (1988).
//!
//! ```text
//! : LL AAAA TT DD..DD CC      LL data bytes at AAAA, type TT; all bytes sum to 0 modulo 256
//! ```
//!
//! A readout is one contiguous piece of memory: a gap or an overlap is an error, since cells that
//! were not read, or read twice, cannot be told from cells.

use std::error::Error;
use std::fmt;

use super::MAX_CELLS;
use super::text::{digit_value, without_mark};

/// Memory from an address on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// The address of the first byte.
    pub address: u32,
    /// The bytes, at least one.
    pub bytes: Vec<u8>,
}

/// Reads an Intel HEX file.
///
/// # Errors
/// [`IntelHexError`], with the line.
pub fn parse(bytes: &[u8]) -> Result<Memory, IntelHexError> {
    let mut reader = Reader::default();
    for text in without_mark(bytes).split(|&byte| byte == b'\n') {
        reader.line(text)?;
    }
    reader.finish()
}

/// A longer line is no record, however many blanks it has.
pub(super) const MAX_LINE_BYTES: usize = 1 << 12;

/// Reads a file line by line: what follows the last line end is a line, too.
#[derive(Default)]
pub(super) struct Reader {
    image: Image,
    /// Lines read.
    lines: usize,
    end_line: Option<usize>,
}

impl Reader {
    /// Reads the next line, without its end.
    pub(super) fn line(&mut self, text: &[u8]) -> Result<(), IntelHexError> {
        self.lines += 1;
        let line = self.lines;
        if text.len() > MAX_LINE_BYTES {
            return Err(IntelHexProblem::LongLine.at(line));
        }
        let text = text.trim_ascii();
        if text.is_empty() {
            return Ok(());
        }
        if self.end_line.is_some() {
            return Err(IntelHexProblem::AfterEnd.at(line));
        }
        let record = Record::decode(text).map_err(|problem| problem.at(line))?;
        if self.image.apply(&record, line).map_err(|problem| problem.at(line))? == Course::End {
            self.end_line = Some(line);
        }
        Ok(())
    }

    /// The memory, once all lines are read.
    pub(super) fn finish(self) -> Result<Memory, IntelHexError> {
        match self.end_line {
            Some(line) => self.image.contiguous(line),
            None => Err(IntelHexProblem::NoEnd.at(self.lines)),
        }
    }
}

/// A decoded line: length, offset, type and checksum stand round the data.
struct Record {
    bytes: [u8; MAX_RECORD_BYTES],
    len: u8,
    /// The load offset, AAAA.
    offset: u16,
    kind: u8,
}

const MAX_RECORD_BYTES: usize = 255 + 5;

impl Record {
    fn decode(text: &[u8]) -> Result<Self, IntelHexProblem> {
        let digits = text.strip_prefix(b":").ok_or(IntelHexProblem::NoColon)?;
        let (pairs, half) = digits.as_chunks::<2>();
        let length = IntelHexProblem::Length { digits: digits.len() };
        if !half.is_empty() || pairs.len() > MAX_RECORD_BYTES {
            return Err(length);
        }
        let mut bytes = [0; MAX_RECORD_BYTES];
        let (mut sum, mut digits_alone) = (0_u8, true);
        for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
            let (high, low) = (digit_value(high), digit_value(low));
            digits_alone &= high | low < 16;
            *byte = high << 4 | low & 15;
            sum = sum.wrapping_add(*byte);
        }
        if !digits_alone {
            let other = digits.iter().find(|&&digit| digit_value(digit) > 15);
            return Err(IntelHexProblem::Digit(other.copied().unwrap_or_default()));
        }
        let [len, offset_high, offset_low, kind, ..] = bytes;
        if pairs.len() != usize::from(len) + 5 {
            return Err(length);
        }
        if sum != 0 {
            let found = bytes[usize::from(len) + 4];
            return Err(IntelHexProblem::Checksum { expected: found.wrapping_sub(sum), found });
        }
        Ok(Self { bytes, len, offset: u16::from_be_bytes([offset_high, offset_low]), kind })
    }

    fn data(&self) -> &[u8] {
        &self.bytes[4..][..usize::from(self.len)]
    }

    /// The data of a record that has a fixed form and no offset.
    fn fixed<const N: usize>(&self) -> Result<[u8; N], IntelHexProblem> {
        match self.data().try_into() {
            Ok(data) if self.offset == 0 => Ok(data),
            _ => Err(IntelHexProblem::Form { kind: self.kind }),
        }
    }
}

#[derive(PartialEq, Eq)]
enum Course {
    Goes,
    End,
}

/// What offsets are relative to.
#[derive(Clone, Copy)]
enum Base {
    /// Extended segment address: within 64 KiB.
    Segment(u32),
    /// Extended linear address, the upper half; 0 from the start.
    Linear(u32),
}

/// The memory as read so far.
struct Image {
    base: Base,
    bytes: Vec<u8>,
    runs: Vec<Run>,
}

/// Pieces in which the records of a contiguous memory may come, for want of order.
const MAX_RUNS: usize = 1 << 16;

/// Consecutive bytes.
struct Run {
    address: u64,
    start: usize,
    len: usize,
    line: usize,
}

impl Default for Image {
    fn default() -> Self {
        Self { base: Base::Linear(0), bytes: Vec::new(), runs: Vec::new() }
    }
}

impl Image {
    fn apply(&mut self, record: &Record, line: usize) -> Result<Course, IntelHexProblem> {
        match record.kind {
            0x00 => self.load(record, line)?,
            0x01 if record.len == 0 => return Ok(Course::End),
            0x01 => return Err(IntelHexProblem::Form { kind: 0x01 }),
            0x02 => self.base = Base::Segment(u32::from(u16::from_be_bytes(record.fixed()?)) << 4),
            0x04 => self.base = Base::Linear(u32::from(u16::from_be_bytes(record.fixed()?)) << 16),
            // Where a processor would start: CS:IP, EIP. Not memory.
            0x03 | 0x05 => {
                let _: [u8; 4] = record.fixed()?;
            }
            kind => return Err(IntelHexProblem::Kind(kind)),
        }
        Ok(Course::Goes)
    }

    fn load(&mut self, record: &Record, line: usize) -> Result<(), IntelHexProblem> {
        let data = record.data();
        if data.is_empty() {
            return Ok(());
        }
        let end = u64::from(record.offset) + data.len() as u64;
        let (address, beyond) = match self.base {
            // The specification wraps within the segment. No readout means that.
            Base::Segment(base) => (u64::from(base) + u64::from(record.offset), end > 1 << 16),
            Base::Linear(base) => {
                (u64::from(base) + u64::from(record.offset), u64::from(base) + end > 1 << 32)
            }
        };
        if beyond {
            return Err(IntelHexProblem::Beyond { address });
        }
        let start = self.bytes.len();
        if start + data.len() > MAX_CELLS / 8 {
            return Err(IntelHexProblem::TooLong);
        }
        self.bytes.extend_from_slice(data);
        if let Some(run) = self.runs.last_mut()
            && run.address + run.len as u64 == address
        {
            run.len += data.len();
            return Ok(());
        }
        if self.runs.len() == MAX_RUNS {
            return Err(IntelHexProblem::Scattered);
        }
        self.runs.push(Run { address, start, len: data.len(), line });
        Ok(())
    }

    fn contiguous(mut self, end_line: usize) -> Result<Memory, IntelHexError> {
        self.runs.sort_by_key(|run| (run.address, run.line));
        for pair in self.runs.windows(2) {
            let expected = pair[0].address + pair[0].len as u64;
            let (address, line) = (pair[1].address, pair[0].line.max(pair[1].line));
            if address < expected {
                return Err(IntelHexProblem::Overlap { address }.at(line));
            }
            if address > expected {
                return Err(IntelHexProblem::Gap { from: expected, to: address }.at(pair[1].line));
            }
        }
        let no_data = IntelHexProblem::NoData.at(end_line);
        let Some(first) = self.runs.first() else {
            return Err(no_data);
        };
        let Ok(address) = u32::try_from(first.address) else {
            return Err(no_data);
        };
        let bytes = match self.runs.len() {
            1 => self.bytes,
            _ => self
                .runs
                .iter()
                .flat_map(|r| &self.bytes[r.start..r.start + r.len])
                .copied()
                .collect(),
        };
        Ok(Memory { address, bytes })
    }
}

/// What is wrong with an Intel HEX file, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntelHexError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: IntelHexProblem,
}

/// What is wrong with an Intel HEX file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntelHexProblem {
    /// A line that is no record.
    NoColon,
    /// Another number of digits than the record says.
    Length {
        /// Digits found.
        digits: usize,
    },
    /// A line far longer than any record.
    LongLine,
    /// A byte that is no hex digit.
    Digit(u8),
    /// The checksum does not match.
    Checksum {
        /// That of the bytes.
        expected: u8,
        /// That of the line.
        found: u8,
    },
    /// An unknown record type.
    Kind(u8),
    /// A record whose offset or length its type does not permit.
    Form {
        /// The type.
        kind: u8,
    },
    /// Data past the end of the segment or of the address space.
    Beyond {
        /// Where the data start.
        address: u64,
    },
    /// More separate pieces than the bound.
    Scattered,
    /// More data than one readout may have.
    TooLong,
    /// A byte that occurs twice.
    Overlap {
        /// Its address.
        address: u64,
    },
    /// Bytes that are missing.
    Gap {
        /// The first address missing.
        from: u64,
        /// The first address present again.
        to: u64,
    },
    /// A record after the end-of-file record.
    AfterEnd,
    /// No end-of-file record: the file is cut short.
    NoEnd,
    /// Not a byte of data.
    NoData,
}

impl IntelHexProblem {
    fn at(self, line: usize) -> IntelHexError {
        IntelHexError { line, problem: self }
    }
}

impl fmt::Display for IntelHexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl fmt::Display for IntelHexProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoColon => write!(f, "not an Intel HEX record: it does not start with a colon"),
            Self::Length { digits } => {
                write!(f, "{digits} digits, which is not the length the record says")
            }
            Self::LongLine => write!(f, "more than {MAX_LINE_BYTES} bytes without a line end"),
            Self::Digit(byte) => write!(f, "'{}' is not a hex digit", byte.escape_ascii()),
            Self::Checksum { expected, found } => {
                write!(f, "checksum {found:02X} where the bytes give {expected:02X}")
            }
            Self::Kind(kind) => write!(f, "unknown record type {kind:02X}"),
            Self::Form { kind } => write!(f, "a malformed record of type {kind:02X}"),
            Self::Beyond { address } => {
                write!(f, "data at {address:#010x} reach past the end of the addresses")
            }
            Self::Scattered => write!(f, "data in more than {MAX_RUNS} pieces"),
            Self::TooLong => write!(f, "more than {} bytes of data", MAX_CELLS / 8),
            Self::Overlap { address } => write!(f, "data at {address:#010x} a second time"),
            Self::Gap { from, to } => {
                write!(f, "no data from {from:#010x} to {to:#010x}, where they go on")
            }
            Self::AfterEnd => write!(f, "a record after the end-of-file record"),
            Self::NoEnd => write!(f, "no end-of-file record: the file is cut short"),
            Self::NoData => write!(f, "no data records"),
        }
    }
}

impl Error for IntelHexError {}

#[cfg(test)]
#[path = "../../tests/tree/intel_hex.rs"]
mod written;

#[cfg(test)]
mod tests {
    use super::written::record;
    use super::*;
    use proptest::prelude::*;

    fn end() -> String {
        record(0, 1, &[])
    }

    #[track_caller]
    fn refused(text: &str, line: usize, problem: IntelHexProblem) {
        assert_eq!(parse(text.as_bytes()), Err(problem.at(line)));
    }

    /// The worked examples of the encyclopedias, and the first lines of a real dump.
    #[test]
    fn known_records() {
        let text = ":10010000214601360121470136007EFE09D2190140\n\
                    :100110002146017E17C20001FF5F16002148011928\n\
                    :00000001FF\n";
        let memory = parse(text.as_bytes()).unwrap();
        assert_eq!((memory.address, memory.bytes.len()), (0x100, 32));
        assert_eq!(memory.bytes[..4], [0x21, 0x46, 0x01, 0x36]);
        let text = ":020000042000DA\r\n:10000000ECFB2C7DD48576E9DC8EC561027120D9AC\r\n:00000001FF";
        let memory = parse(text.as_bytes()).unwrap();
        assert_eq!((memory.address, memory.bytes[0], memory.bytes[15]), (0x2000_0000, 0xec, 0xd9));
    }

    #[test]
    fn addresses_are_extended_both_ways() {
        let linear = record(0, 4, &[0x08, 0x01]) + &record(0x10, 0, &[7]) + &end();
        assert_eq!(
            parse(linear.as_bytes()).unwrap(),
            Memory { address: 0x0801_0010, bytes: vec![7] }
        );
        let segment = record(0, 2, &[0x12, 0x34]) + &record(0x10, 0, &[7]) + &end();
        assert_eq!(parse(segment.as_bytes()).unwrap(), Memory { address: 0x12350, bytes: vec![7] });
        // Across 64 KiB, by a new base and within a record.
        let across =
            record(0xffff, 0, &[1]) + &record(0, 4, &[0, 1]) + &record(0, 0, &[2]) + &end();
        assert_eq!(parse(across.as_bytes()).unwrap().bytes, [1, 2]);
        let within = record(0xffff, 0, &[1, 2]) + &end();
        assert_eq!(parse(within.as_bytes()).unwrap().bytes, [1, 2]);
    }

    #[test]
    fn order_start_addresses_and_empty_records_do_not_matter() {
        let text = record(4, 0, &[4, 5])
            + &record(0, 5, &[8, 0, 0, 1])
            + &record(9, 0, &[])
            + &record(0, 3, &[0, 0, 0, 1])
            + "\n"
            + &record(0, 0, &[0, 1, 2, 3])
            + &end();
        let memory = parse(text.to_lowercase().as_bytes()).unwrap();
        assert_eq!(memory, Memory { address: 0, bytes: vec![0, 1, 2, 3, 4, 5] });
    }

    #[test]
    fn each_flaw_is_named_with_its_line() {
        let good = record(0, 0, &[1, 2]);
        refused("", 1, IntelHexProblem::NoEnd);
        refused(&good, 2, IntelHexProblem::NoEnd);
        refused(&end(), 1, IntelHexProblem::NoData);
        refused(&(good.clone() + &end() + "\n" + &good), 4, IntelHexProblem::AfterEnd);
        refused(&(good.clone() + "020000"), 2, IntelHexProblem::NoColon);
        refused(":0000", 1, IntelHexProblem::Length { digits: 4 });
        refused(":030000000102FA", 1, IntelHexProblem::Length { digits: 14 });
        refused(":0200000001G2FB", 1, IntelHexProblem::Digit(b'G'));
        let checksum = IntelHexProblem::Checksum { expected: 0xfb, found: 0xfa };
        refused(":020000000102FA", 1, checksum);
        refused(&record(0, 6, &[]), 1, IntelHexProblem::Kind(6));
        refused(&record(0, 4, &[1]), 1, IntelHexProblem::Form { kind: 4 });
        refused(&record(8, 2, &[1, 2]), 1, IntelHexProblem::Form { kind: 2 });
        refused(&record(0, 5, &[1, 2]), 1, IntelHexProblem::Form { kind: 5 });
        refused(&record(0, 1, &[1]), 1, IntelHexProblem::Form { kind: 1 });
        let twice = good.clone() + &record(1, 0, &[9]) + &end();
        refused(&twice, 2, IntelHexProblem::Overlap { address: 1 });
        let gap = record(3, 0, &[9]) + &good + &end();
        refused(&gap, 1, IntelHexProblem::Gap { from: 2, to: 3 });
        let wrapped = record(0, 2, &[0x10, 0]) + &record(0xffff, 0, &[1, 2]) + &end();
        refused(&wrapped, 2, IntelHexProblem::Beyond { address: 0x1ffff });
        let past = record(0, 4, &[0xff, 0xff]) + &record(0xffff, 0, &[1, 2]) + &end();
        refused(&past, 2, IntelHexProblem::Beyond { address: 0xffff_ffff });
        let last = record(0, 4, &[0xff, 0xff]) + &record(0xffff, 0, &[1]) + &end();
        assert_eq!(parse(last.as_bytes()).unwrap().address, 0xffff_ffff);
    }

    #[test]
    fn pieces_without_end_are_bounded() {
        let piece = |i: usize| {
            let address = 2 * i;
            let upper = u16::try_from(address >> 16).unwrap().to_be_bytes();
            let lower = u16::try_from(address & 0xffff).unwrap();
            record(0, 4, &upper) + &record(lower, 0, &[1])
        };
        let text: String = (0..=MAX_RUNS).map(piece).collect();
        refused(&text, 2 * MAX_RUNS + 2, IntelHexProblem::Scattered);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            bytes in proptest::collection::vec(any::<u8>(), 1..2000),
            width in 1_usize..=255, base in 0_u16..=0xfff0, seed in any::<u64>(),
        ) {
            let mut lines: Vec<String> = bytes
                .chunks(width)
                .enumerate()
                .map(|(i, data)| {
                    let offset = i * width;
                    let upper = base + u16::try_from(offset >> 16).unwrap();
                    let lower = u16::try_from(offset & 0xffff).unwrap();
                    record(0, 4, &upper.to_be_bytes()) + &record(lower, 0, data)
                })
                .collect();
            let turn = usize::try_from(seed % lines.len() as u64).unwrap();
            lines.rotate_left(turn);
            let memory = parse((lines.concat() + &end()).as_bytes()).unwrap();
            prop_assert_eq!(memory, Memory { address: u32::from(base) << 16, bytes });
        }

        #[test]
        fn arbitrary_text_does_not_panic(text in "[:0-9A-F\n\r g]{0,200}") {
            let _ = parse(text.as_bytes());
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        /// Any change of one digit is found.
        #[test]
        fn checksums_find_each_changed_digit(place in 1_usize..43, change in 1_u8..16) {
            let mut text = record(0x1230, 0, &[0x5a; 16]).into_bytes();
            let value = digit_value(text[place]) ^ change;
            text[place] = b"0123456789ABCDEF"[usize::from(value)];
            text.extend_from_slice(end().as_bytes());
            prop_assert!(parse(&text).is_err());
        }
    }
}
