//! NumPy's array files, after NEP 1 and `numpy.lib.format`, versions 1.0, 2.0 and 3.0.
//!
//! ```text
//! "\x93NUMPY" | major, minor | header length, u16 or (from 2.0) u32 | header | elements
//! header: {'descr': '|u1', 'fortran_order': False, 'shape': (4, 15, 8192), } and a line end
//! ```
//!
//! The header is a Python literal; only this one dictionary is understood. Elements are cells, 0 or
//! 1 of any numeric type, or, as `uint8` with larger values, packed cells. Shape is (devices,
//! readouts, cells), (readouts, cells) or (cells). Object arrays are pickles and are refused.

use std::error::Error;
use std::fmt;

use fuzzy_extractor::bits::BitString;

use super::{BitOrder, MAX_READOUTS};

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Whether the file starts as NumPy's array files do.
pub(super) fn is_npy(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Reads an array as devices of readouts.
///
/// # Errors
/// [`NpyError`].
pub fn parse(bytes: &[u8], bit_order: BitOrder) -> Result<Vec<Vec<BitString>>, NpyError> {
    let (header, elements) = split(bytes)?;
    let Header { element, shape } = header_of(header)?;
    let [devices, readouts, cells] = match *shape.as_slice() {
        [cells] => [1, 1, cells],
        [readouts, cells] => [1, readouts, cells],
        [devices, readouts, cells] => [devices, readouts, cells],
        _ => return Err(NpyError::Dimensions(shape.len())),
    };
    let row_bytes = cells.checked_mul(element.bytes);
    let rows = devices.checked_mul(readouts);
    let expected = row_bytes.and_then(|row| row.checked_mul(rows?));
    let (Some(row_bytes), Some(rows), Some(expected)) = (row_bytes, rows, expected) else {
        return Err(NpyError::TooLarge);
    };
    if expected == 0 {
        return Err(NpyError::NoElements);
    }
    if expected != elements.len() {
        return Err(NpyError::Length { expected, found: elements.len() });
    }
    if rows > MAX_READOUTS {
        return Err(NpyError::TooLarge);
    }
    let layout = Layout::of(element, elements)?;
    elements
        .chunks_exact(row_bytes * readouts)
        .enumerate()
        .map(|(device, block)| {
            let first = device * readouts * cells;
            let rows = block.chunks_exact(row_bytes).enumerate();
            rows.map(|(row, bytes)| layout.bits(bytes, first + row * cells, bit_order)).collect()
        })
        .collect()
}

/// Parts header and elements.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), NpyError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyError::Magic)?;
    let (&[major, minor], rest) = rest.split_first_chunk().ok_or(NpyError::Truncated)?;
    let (len, rest) = match (major, minor) {
        (1, 0) => {
            let (&len, rest) = rest.split_first_chunk().ok_or(NpyError::Truncated)?;
            (usize::from(u16::from_le_bytes(len)), rest)
        }
        (2 | 3, 0) => {
            let (&len, rest) = rest.split_first_chunk().ok_or(NpyError::Truncated)?;
            (usize::try_from(u32::from_le_bytes(len)).unwrap_or(usize::MAX), rest)
        }
        _ => return Err(NpyError::Version { major, minor }),
    };
    if len > MAX_HEADER_BYTES {
        return Err(NpyError::Header("longer than any array of numbers has"));
    }
    rest.split_at_checked(len).ok_or(NpyError::Truncated)
}

/// NumPy itself warns from 10,000 on.
const MAX_HEADER_BYTES: usize = 1 << 16;

/// An element type by its length in bytes and the pattern of its 1; 0 is all zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Element {
    bytes: usize,
    one: [u8; 8],
    /// `uint8`, the one type in which cells are packed.
    may_be_packed: bool,
}

impl Element {
    /// Understands a type description: byte order, kind, length.
    fn named(descr: &str) -> Result<Self, NpyError> {
        let other = || NpyError::ElementType(descr.to_owned());
        let mut characters = descr.chars();
        let order = characters.next().ok_or_else(other)?;
        let kind = characters.next().ok_or_else(other)?;
        if kind == 'O' {
            return Err(NpyError::Objects);
        }
        let bytes: usize = match characters.as_str() {
            "1" => 1,
            "2" => 2,
            "4" => 4,
            "8" => 8,
            _ => return Err(other()),
        };
        let big_endian_one: u64 = match (kind, bytes) {
            ('b', 1) | ('u' | 'i', _) => 1,
            // The floating-point 1.0 of IEEE 754 binary16, binary32 and binary64.
            ('f', 2) => 0x3c00,
            ('f', 4) => u64::from(1_f32.to_bits()),
            ('f', 8) => 1_f64.to_bits(),
            _ => return Err(other()),
        };
        let one = match order {
            '<' | '=' => big_endian_one.to_le_bytes(),
            '|' if bytes == 1 => big_endian_one.to_le_bytes(),
            '>' => (big_endian_one << (64 - 8 * bytes)).to_be_bytes(),
            _ => return Err(other()),
        };
        Ok(Self { bytes, one, may_be_packed: kind == 'u' && bytes == 1 })
    }
}

/// How the elements hold the cells.
enum Layout {
    Packed,
    Cells(Element),
}

impl Layout {
    fn of(element: Element, elements: &[u8]) -> Result<Self, NpyError> {
        if !element.may_be_packed {
            return Ok(Self::Cells(element));
        }
        match elements.iter().copied().max() {
            // As packed cells an array of these values would be nearly, and this one quite, empty.
            Some(0) => Err(NpyError::AllZero),
            Some(1) => Ok(Self::Cells(element)),
            _ => Ok(Self::Packed),
        }
    }

    /// The readout in `bytes`, whose first element is number `first` of the array.
    fn bits(&self, bytes: &[u8], first: usize, order: BitOrder) -> Result<BitString, NpyError> {
        match self {
            Self::Packed => Ok(order.bits(bytes)),
            Self::Cells(element) if element.bytes == 1 => match bytes.iter().position(|&b| b > 1) {
                Some(place) => Err(NpyError::Value { index: first + place }),
                None => Ok(pack(bytes)),
            },
            Self::Cells(element) => bytes
                .chunks_exact(element.bytes)
                .enumerate()
                .map(|(place, cell)| {
                    let is_one = cell == &element.one[..element.bytes];
                    let valid = is_one || cell.iter().all(|&byte| byte == 0);
                    if valid { Ok(is_one) } else { Err(NpyError::Value { index: first + place }) }
                })
                .collect(),
        }
    }
}

/// Packs cells of 0 and 1, one a byte.
fn pack(cells: &[u8]) -> BitString {
    let words = cells.chunks(64).map(|sixty_four| {
        sixty_four.chunks(8).enumerate().fold(0, |word, (place, chunk)| {
            let mut eight = [0; 8];
            eight[..chunk.len()].copy_from_slice(chunk);
            // The factor moves byte j of the product's top byte to its bit j, without carries.
            let bits = u64::from_le_bytes(eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            word | bits << (8 * place)
        })
    });
    BitString::from_words(words.collect(), cells.len())
}

#[derive(Debug, PartialEq, Eq)]
struct Header {
    element: Element,
    shape: Vec<usize>,
}

/// Reads the dictionary of the header: each of its three keys once, and nothing else.
fn header_of(header: &[u8]) -> Result<Header, NpyError> {
    let text = std::str::from_utf8(header).map_err(|_| NpyError::Header("not text"))?;
    let mut literal = Literal { rest: text };
    let (mut element, mut fortran_order, mut shape) = (None, None, None);
    literal.expect('{')?;
    while !literal.take('}') {
        let key = literal.string()?;
        literal.expect(':')?;
        let known = match key {
            "descr" if literal.next_is('[') => return Err(NpyError::Structured),
            "descr" => element.replace(Element::named(literal.string()?)?).is_some(),
            "fortran_order" => fortran_order.replace(literal.boolean()?).is_some(),
            "shape" => shape.replace(literal.tuple()?).is_some(),
            _ => return Err(NpyError::Header("an unknown key")),
        };
        if known {
            return Err(NpyError::Header("a key given twice"));
        }
        if !literal.take(',') && !literal.next_is('}') {
            return Err(NpyError::Header("no comma between entries"));
        }
    }
    if !literal.rest.trim_start_matches(' ').trim_end_matches('\n').is_empty() {
        return Err(NpyError::Header("something after the dictionary"));
    }
    let (Some(element), Some(fortran_order), Some(shape)) = (element, fortran_order, shape) else {
        return Err(NpyError::Header("a key is missing"));
    };
    if fortran_order && shape.len() > 1 {
        return Err(NpyError::FortranOrder);
    }
    Ok(Header { element, shape })
}

/// The little of Python's literals that a header needs.
struct Literal<'a> {
    rest: &'a str,
}

impl<'a> Literal<'a> {
    fn next_is(&mut self, c: char) -> bool {
        self.rest = self.rest.trim_start_matches(' ');
        self.rest.starts_with(c)
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.next_is(c);
        if found {
            self.rest = &self.rest[c.len_utf8()..];
        }
        found
    }

    fn expect(&mut self, c: char) -> Result<(), NpyError> {
        if self.take(c) { Ok(()) } else { Err(NpyError::Header("not the dictionary of an array")) }
    }

    fn string(&mut self) -> Result<&'a str, NpyError> {
        let quote = if self.next_is('"') { '"' } else { '\'' };
        self.expect(quote)?;
        let no_end = NpyError::Header("a string without end");
        let (string, rest) = self.rest.split_once(quote).ok_or(no_end)?;
        if string.contains('\\') {
            return Err(NpyError::Header("an escape in a string"));
        }
        self.rest = rest;
        Ok(string)
    }

    fn boolean(&mut self) -> Result<bool, NpyError> {
        self.rest = self.rest.trim_start_matches(' ');
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(NpyError::Header("neither True nor False"))
    }

    fn tuple(&mut self) -> Result<Vec<usize>, NpyError> {
        self.expect('(')?;
        let mut numbers = Vec::new();
        while !self.take(')') {
            self.rest = self.rest.trim_start_matches(' ');
            let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            let (digits, rest) = self.rest.split_at(end);
            if digits.is_empty() {
                return Err(NpyError::Header("a shape that is no tuple of numbers"));
            }
            numbers.push(digits.parse().map_err(|_| NpyError::TooLarge)?);
            self.rest = rest;
            // `(3)` is a number in brackets, `(3,)` a tuple.
            let goes_on = self.take(',') || numbers.len() > 1 && self.next_is(')');
            if !goes_on {
                return Err(NpyError::Header("a shape that is no tuple of numbers"));
            }
        }
        Ok(numbers)
    }
}

/// What is wrong with an array file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NpyError {
    /// Not an array file.
    Magic,
    /// The file ends within the header.
    Truncated,
    /// A version of the format that does not exist yet.
    Version {
        /// Its first number.
        major: u8,
        /// Its second number.
        minor: u8,
    },
    /// A header that is not understood.
    Header(&'static str),
    /// An array of Python objects, which is a pickle.
    Objects,
    /// An array of records.
    Structured,
    /// Elements that are no numbers.
    ElementType(String),
    /// Elements in column-major order.
    FortranOrder,
    /// Another number of dimensions than 1 to 3.
    Dimensions(usize),
    /// A shape beyond the bounds.
    TooLarge,
    /// A shape without elements.
    NoElements,
    /// Another number of bytes than the shape says.
    Length {
        /// Bytes of this shape.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// An element that is no cell.
    Value {
        /// Its index in the flattened array.
        index: usize,
    },
    /// `uint8` zeros alone: cells or packed cells.
    AllZero,
}

impl fmt::Display for NpyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => write!(f, "not a NumPy array file"),
            Self::Truncated => write!(f, "cut short within the header"),
            Self::Version { major, minor } => write!(f, "format version {major}.{minor}"),
            Self::Header(what) => write!(f, "a header that is not understood: {what}"),
            Self::Objects => {
                write!(f, "an array of Python objects (dtype 'O'), which is a pickle: refused")
            }
            Self::Structured => write!(f, "an array of records, not of numbers"),
            Self::ElementType(descr) => {
                write!(f, "elements of type '{}', not numbers", descr.escape_debug())
            }
            Self::FortranOrder => {
                write!(f, "column-major order: save numpy.ascontiguousarray(...) instead")
            }
            Self::Dimensions(count) => write!(
                f,
                "{count} dimensions where (devices, readouts, cells), (readouts, cells) \
                 or (cells) are understood"
            ),
            Self::TooLarge => write!(f, "a shape beyond all bounds"),
            Self::NoElements => write!(f, "an array without elements"),
            Self::Length { expected, found } => {
                write!(f, "{found} bytes of elements where the shape takes {expected}")
            }
            Self::Value { index } => write!(f, "element {index} is neither 0 nor 1"),
            Self::AllZero => {
                write!(f, "zeros alone, which may be cells or packed cells: save booleans instead")
            }
        }
    }
}

impl Error for NpyError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with_header(header: &str, elements: &[u8]) -> Vec<u8> {
        let len = u16::try_from(header.len()).unwrap().to_le_bytes();
        [MAGIC, &[1, 0][..], &len, header.as_bytes(), elements].concat()
    }

    fn array(descr: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        with_header(&header, elements)
    }

    fn read(bytes: &[u8]) -> Result<Vec<Vec<BitString>>, NpyError> {
        parse(bytes, BitOrder::Msb)
    }

    /// Ones of each readout of each device.
    fn ones(bytes: &[u8]) -> Vec<Vec<Vec<usize>>> {
        let devices = read(bytes).unwrap();
        devices.iter().map(|d| d.iter().map(|r| r.ones().collect()).collect()).collect()
    }

    #[test]
    fn shapes_are_devices_readouts_cells() {
        let cells = [1, 0, 0, 1, 1, 1];
        assert_eq!(ones(&array("|u1", "(6,)", &cells)), [[[0, 3, 4, 5]]]);
        assert_eq!(ones(&array("|b1", "(2, 3)", &cells)), [[vec![0], vec![0, 1, 2]]]);
        assert_eq!(ones(&array("|i1", "(3, 1, 2)", &cells)), [[vec![0]], [vec![1]], [vec![0, 1]]]);
    }

    #[test]
    fn every_numeric_type_has_a_zero_and_a_one() {
        let expect = |descr: &str, one: &[u8]| {
            let elements = [one, &vec![0; one.len()], one].concat();
            assert_eq!(ones(&array(descr, "(3,)", &elements)), [[[0, 2]]], "{descr}");
        };
        expect("<u2", &1_u16.to_le_bytes());
        expect(">i4", &1_i32.to_be_bytes());
        expect("<i8", &1_i64.to_le_bytes());
        expect(">u8", &1_u64.to_be_bytes());
        expect("<f2", &[0, 0x3c]);
        expect("<f4", &1_f32.to_le_bytes());
        expect(">f8", &1_f64.to_be_bytes());
    }

    #[test]
    fn packed_cells_are_larger_bytes() {
        let bytes = array("|u1", "(1, 2, 1)", &[0x80, 0x03]);
        assert_eq!(ones(&bytes), [[vec![0], vec![6, 7]]]);
        let lsb = parse(&bytes, BitOrder::Lsb).unwrap();
        assert_eq!(lsb[0][1].ones().collect::<Vec<_>>(), [0, 1]);
        assert_eq!(read(&array("|u1", "(8,)", &[0; 8])), Err(NpyError::AllZero));
        assert_eq!(read(&array("|b1", "(8,)", &[0; 8])).unwrap()[0][0].weight(), 0);
        assert_eq!(read(&array("|b1", "(2,)", &[1, 2])), Err(NpyError::Value { index: 1 }));
        let third = array("|i1", "(3, 1, 2)", &[0, 1, 0, 1, 0, 0xff]);
        assert_eq!(read(&third), Err(NpyError::Value { index: 5 }));
    }

    #[test]
    fn later_versions_have_a_longer_length() {
        let header = b"{\"shape\": (2,), 'descr':'|b1' , 'fortran_order':True}";
        let len = u32::try_from(header.len()).unwrap().to_le_bytes();
        for version in [[2, 0], [3, 0]] {
            let bytes = [MAGIC, &version[..], &len, header, &[0, 1]].concat();
            assert_eq!(ones(&bytes), [[[1]]]);
        }
    }

    #[test]
    fn what_is_no_array_of_numbers_is_refused() {
        let descr = |descr: &str| read(&array(descr, "(1,)", &[1])).unwrap_err();
        assert_eq!(descr("|O"), NpyError::Objects);
        assert_eq!(descr("|O8"), NpyError::Objects);
        for other in ["|S1", "<U1", "<c8", "<M8[ns]", "|V4", "|u2", "u1", "", "<f1", "|b2", "<i3"] {
            assert_eq!(descr(other), NpyError::ElementType(other.to_owned()));
        }
        let records = "{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (1,), }\n";
        assert_eq!(read(&with_header(records, &[1])), Err(NpyError::Structured));
        // The only dtype of a pickle needs no code run to be refused.
        assert!(NpyError::Objects.to_string().contains("pickle"));
    }

    #[test]
    fn each_flaw_is_named() {
        let shape = |shape: &str| read(&array("|u1", shape, &[1, 0])).unwrap_err();
        assert_eq!(shape("(3,)"), NpyError::Length { expected: 3, found: 2 });
        assert_eq!(shape("(1,)"), NpyError::Length { expected: 1, found: 2 });
        assert_eq!(shape("()"), NpyError::Dimensions(0));
        assert_eq!(shape("(1, 1, 1, 2)"), NpyError::Dimensions(4));
        assert_eq!(shape("(0, 2)"), NpyError::NoElements);
        assert_eq!(shape("(4294967296, 4294967296, 4294967296)"), NpyError::TooLarge);
        assert_eq!(shape("(99999999999999999999,)"), NpyError::TooLarge);
        for bad in ["(2)", "2", "(-2,)", "(2,,)", "[2]", "(1 2)"] {
            assert!(matches!(shape(bad), NpyError::Header(_)), "{bad}");
        }
        let header = |header: &str| read(&with_header(header, &[1])).unwrap_err();
        for bad in [
            "",
            "{}",
            "{'descr': '|u1', 'shape': (1,), }",
            "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (1,), }",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'more': 1}",
            "{'descr': '|u1' 'fortran_order': False, 'shape': (1,), }",
            "{'descr': '|u1', 'fortran_order': 0, 'shape': (1,), }",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }; import os",
            "{'descr': '|u1",
            "\u{e9}",
        ] {
            assert!(matches!(header(bad), NpyError::Header(_)), "{bad}");
        }
        let columns = "{'descr': '|u1', 'fortran_order': True, 'shape': (1, 1), }\n";
        assert_eq!(header(columns), NpyError::FortranOrder);
        assert_eq!(read(b"PK\x03\x04"), Err(NpyError::Magic));
        assert_eq!(read(b"\x93NUMPY\x04\x00"), Err(NpyError::Version { major: 4, minor: 0 }));
        let good = array("|u1", "(2,)", &[1, 0]);
        for len in MAGIC.len()..good.len() - 2 {
            assert_eq!(read(&good[..len]), Err(NpyError::Truncated), "{len}");
        }
    }

    proptest! {
        #[test]
        fn cells_are_packed_in_order(cells in proptest::collection::vec(0_u8..=1, 1..300)) {
            let expected: BitString = cells.iter().map(|&cell| cell == 1).collect();
            prop_assert_eq!(pack(&cells), expected);
        }

        #[test]
        fn arbitrary_headers_do_not_panic(header in "[{}()'\":, 0-9descrfotan_hpTFlu|<]{0,100}") {
            let _ = read(&with_header(&header, &[0, 1, 2]));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), version in 0_u8..5,
        ) {
            let _ = read(&bytes);
            let _ = read(&[MAGIC, &[version, 0][..], &bytes].concat());
        }
    }
}
