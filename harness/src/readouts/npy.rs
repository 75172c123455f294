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

use super::{BitOrder, MAX_READOUTS, decode};

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
    let array = Array::of(bytes, bytes.len() as u64)?;
    if array.devices.saturating_mul(array.readouts) > MAX_READOUTS {
        return Err(NpyError::TooLarge);
    }
    let elements = usize::try_from(array.offset).ok().and_then(|offset| bytes.get(offset..));
    let elements = elements.ok_or(NpyError::TooLarge)?;
    let mut survey = Survey::of(array.element);
    survey.see(elements);
    let rows = Rows { layout: survey.layout()?, order: bit_order, ..array.rows() };
    let mut readouts = elements.chunks_exact(rows.row_bytes()).enumerate().map(|(row, bytes)| {
        let mut words = vec![0; rows.cells().div_ceil(64)];
        rows.decode(bytes, (row * array.elements) as u64, &mut words)?;
        Ok(BitString::from_words(words, rows.cells()))
    });
    (0..array.devices).map(|_| readouts.by_ref().take(array.readouts).collect()).collect()
}

/// What the header says of an array, and the length of the file bears out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Array {
    pub(super) devices: usize,
    /// Readouts of each device.
    pub(super) readouts: usize,
    /// Elements of each readout.
    pub(super) elements: usize,
    pub(super) element: Element,
    /// Where in the file the elements start.
    pub(super) offset: u64,
}

impl Array {
    /// Reads the header. `head` is the file, or at least its first [`HEAD_BYTES`].
    pub(super) fn of(head: &[u8], file_bytes: u64) -> Result<Self, NpyError> {
        let (header, offset) = split(head, file_bytes)?;
        let Header { element, shape } = header_of(header)?;
        let [devices, readouts, elements] = match *shape.as_slice() {
            [cells] => [1, 1, cells],
            [readouts, cells] => [1, readouts, cells],
            [devices, readouts, cells] => [devices, readouts, cells],
            _ => return Err(NpyError::Dimensions(shape.len())),
        };
        let each = elements.checked_mul(element.bytes);
        let expected = each.and_then(|each| each.checked_mul(devices.checked_mul(readouts)?));
        let expected = expected.ok_or(NpyError::TooLarge)? as u64;
        if expected == 0 {
            return Err(NpyError::NoElements);
        }
        if devices > MAX_DEVICES {
            return Err(NpyError::TooLarge);
        }
        let found = file_bytes.saturating_sub(offset);
        if expected != found {
            return Err(NpyError::Length { offset, expected, found });
        }
        Ok(Self { devices, readouts, elements, element, offset })
    }

    /// Its readouts as cells, an element each.
    pub(super) fn rows(&self) -> Rows {
        Rows {
            elements: self.elements,
            offset: self.offset,
            layout: Layout::Cells(self.element),
            order: BitOrder::default(),
        }
    }
}

/// Each costs memory of its own, however small it is.
const MAX_DEVICES: usize = 1 << 16;

/// As much as the longest header takes.
pub(super) const HEAD_BYTES: usize = MAX_HEADER_BYTES + 12;

/// Parts the header from the elements, and says where these start.
fn split(head: &[u8], file_bytes: u64) -> Result<(&[u8], u64), NpyError> {
    let upto = |end: usize| {
        head.get(..end).ok_or(NpyError::Truncated { expected: end as u64, found: file_bytes })
    };
    if !is_npy(head) {
        return Err(NpyError::Magic);
    }
    let (start, len) = match upto(8)? {
        [.., 1, 0] => (10, upto(10)?[8..].iter().rev()),
        [.., 2 | 3, 0] => (12, upto(12)?[8..].iter().rev()),
        other => return Err(NpyError::Version { major: other[6], minor: other[7] }),
    };
    let len = len.fold(0_u64, |len, &byte| len << 8 | u64::from(byte));
    let offset = start as u64 + len;
    if offset > file_bytes {
        return Err(NpyError::Truncated { expected: offset, found: file_bytes });
    }
    match usize::try_from(len) {
        Ok(len) if len <= MAX_HEADER_BYTES => Ok((&upto(start + len)?[start..], offset)),
        _ => Err(NpyError::Header("longer than any array of numbers has")),
    }
}

/// NumPy itself warns from 10,000 on.
const MAX_HEADER_BYTES: usize = 1 << 16;

/// An element type by its length in bytes and the pattern of its 1; 0 is all zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    bytes: usize,
    one: [u8; 8],
    /// `uint8`, the one type in which cells are packed.
    may_be_packed: bool,
}

impl Element {
    /// The pattern of its 1, in as many bytes as it has.
    fn one<const N: usize>(&self) -> [u8; N] {
        std::array::from_fn(|place| self.one[place])
    }

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
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout {
    Packed,
    Cells(Element),
}

/// What the elements themselves show of their layout.
pub(super) struct Survey {
    element: Element,
    seen: u64,
    max: u8,
}

/// That many `uint8` of 0 and 1 are cells, whatever may follow: a later value is an error.
const ENOUGH_BYTES: u64 = 1 << 24;

impl Survey {
    pub(super) fn of(element: Element) -> Self {
        Self { element, seen: 0, max: 0 }
    }

    /// Looks at the next elements.
    pub(super) fn see(&mut self, elements: &[u8]) {
        self.seen += elements.len() as u64;
        self.max = elements.iter().fold(self.max, |max, &value| max.max(value));
    }

    /// Whether more elements would change nothing.
    pub(super) fn settled(&self) -> bool {
        let enough = self.max == 1 && self.seen >= ENOUGH_BYTES;
        !self.element.may_be_packed || self.max > 1 || enough
    }

    pub(super) fn layout(&self) -> Result<Layout, NpyError> {
        match self.max {
            _ if !self.element.may_be_packed => Ok(Layout::Cells(self.element)),
            // As packed cells an array of these values would be nearly, and this one quite, empty.
            0 => Err(NpyError::AllZero),
            1 => Ok(Layout::Cells(self.element)),
            _ => Ok(Layout::Packed),
        }
    }
}

/// How to read the readouts of an array, one row of elements each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    /// Elements of a readout.
    pub(super) elements: usize,
    /// Where in the file the array's elements start.
    pub(super) offset: u64,
    pub(super) layout: Layout,
    pub(super) order: BitOrder,
}

impl Rows {
    /// Cells of a readout.
    pub(super) fn cells(&self) -> usize {
        self.elements * self.cells_an_element()
    }

    fn cells_an_element(&self) -> usize {
        match self.layout {
            Layout::Packed => 8,
            Layout::Cells(_) => 1,
        }
    }

    /// Bytes of an element.
    pub(super) fn element_bytes(&self) -> usize {
        match self.layout {
            Layout::Packed => 1,
            Layout::Cells(element) => element.bytes,
        }
    }

    /// Bytes of a readout.
    pub(super) fn row_bytes(&self) -> usize {
        self.elements * self.element_bytes()
    }

    /// Bytes of so many cells, a multiple of 64 or all of a readout.
    pub(super) fn bytes_of(&self, cells: usize) -> usize {
        cells / self.cells_an_element() * self.element_bytes()
    }

    /// Decodes elements, of which the first is number `first` of the array.
    pub(super) fn decode(
        &self,
        bytes: &[u8],
        first: u64,
        words: &mut [u64],
    ) -> Result<(), NpyError> {
        let element = match self.layout {
            Layout::Packed => {
                decode::packed(bytes, self.order, words);
                return Ok(());
            }
            Layout::Cells(element) => element,
        };
        let outcome = match element.bytes {
            1 => decode::cells(bytes, words),
            2 => decode::wide_cells::<2>(bytes, element.one(), words),
            4 => decode::wide_cells::<4>(bytes, element.one(), words),
            _ => decode::wide_cells::<8>(bytes, element.one(), words),
        };
        outcome.map_err(|place| {
            let index = first + place as u64;
            NpyError::Value { index, offset: self.offset + index * element.bytes as u64 }
        })
    }
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
    /// The header says that it is longer than the file.
    Truncated {
        /// Where the header, or what says how long it is, would end.
        expected: u64,
        /// Bytes of the file.
        found: u64,
    },
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
        /// Where in the file the elements start.
        offset: u64,
        /// Bytes of this shape.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// An element that is no cell.
    Value {
        /// Its index in the flattened array.
        index: u64,
        /// Where in the file it starts.
        offset: u64,
    },
    /// `uint8` zeros alone: cells or packed cells.
    AllZero,
}

impl NpyError {
    /// What to do about it, where there is something to say.
    pub(super) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Objects | Self::ElementType(_) | Self::Structured => {
                Some("numpy.save(FILE, array.astype('uint8'))")
            }
            Self::FortranOrder => Some("numpy.save(FILE, numpy.ascontiguousarray(array))"),
            Self::AllZero => Some("numpy.save(FILE, array.astype(bool)) if these are cells"),
            Self::Truncated { .. } | Self::Length { .. } => {
                Some("copy or save the file again: it was cut or added to")
            }
            _ => None,
        }
    }
}

impl fmt::Display for NpyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => write!(f, "not a NumPy array file"),
            Self::Truncated { expected, found } => {
                write!(f, "the header reaches to byte {expected}, the file to byte {found}")
            }
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
                write!(f, "an array in column-major order")
            }
            Self::Dimensions(count) => write!(
                f,
                "{count} dimensions where (devices, readouts, cells), (readouts, cells) \
                 or (cells) are understood"
            ),
            Self::TooLarge => write!(f, "a shape beyond all bounds"),
            Self::NoElements => write!(f, "an array without elements"),
            Self::Length { offset, expected, found } => write!(
                f,
                "from byte {offset} on there are {found} bytes of elements \
                 where the shape takes {expected}"
            ),
            Self::Value { index, offset } => {
                write!(f, "element {index}, at byte {offset}, is neither 0 nor 1")
            }
            Self::AllZero => {
                write!(f, "zeros alone, which may be cells or packed cells")
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
        let value = |index, bytes: &[u8]| {
            // The elements are the end of the file.
            let offset = (bytes.len() - 2) as u64 + 1;
            assert_eq!(read(bytes), Err(NpyError::Value { index, offset }));
        };
        value(1, &array("|b1", "(2,)", &[1, 2]));
        let third = array("|i1", "(3, 1, 2)", &[0, 1, 0, 1, 0, 0xff]);
        value(5, &third);
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
        let offset = array("|u1", "(3,)", &[]).len() as u64;
        assert_eq!(shape("(3,)"), NpyError::Length { offset, expected: 3, found: 2 });
        assert_eq!(shape("(1,)"), NpyError::Length { offset, expected: 1, found: 2 });
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
            let truncated = read(&good[..len]).unwrap_err();
            let NpyError::Truncated { expected, found } = truncated else {
                panic!("{len}: {truncated}");
            };
            assert!(found == len as u64 && expected > found, "{len}: {expected}, {found}");
        }
    }

    proptest! {
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
