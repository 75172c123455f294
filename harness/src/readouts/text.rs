//! Readouts as text: hex digits, binary digits, CSV.

use std::error::Error;
use std::fmt;

use fuzzy_extractor::bits::BitString;

use super::MAX_READOUTS;

/// Reads bytes written as hex digits, two a byte, in groups of any even length with blanks or line
/// breaks between them; a group may start with `0x`.
///
/// # Errors
/// [`TextError`], with line and column.
pub fn parse_hex(text: &[u8]) -> Result<Vec<u8>, TextError> {
    parse_digits(&mut HexDigits::default(), text, text.len() / 2)
}

/// Reads bytes written as groups of eight binary digits, with blanks or line breaks between them.
///
/// # Errors
/// [`TextError`], with line and column.
pub fn parse_binary_digits(text: &[u8]) -> Result<Vec<u8>, TextError> {
    parse_digits(&mut BinaryDigits::default(), text, text.len() / 8)
}

fn parse_digits(
    digits: &mut impl Digits,
    text: &[u8],
    at_most: usize,
) -> Result<Vec<u8>, TextError> {
    // One more, so that the text ends before the bytes do.
    let mut bytes = vec![0; at_most + 1];
    let done = digits.decode(without_mark(text), &mut bytes)?;
    digits.finish()?;
    bytes.truncate(done.written);
    Ok(bytes)
}

/// Reads readouts of comma-separated zeros and ones, one a line; lines without anything are
/// skipped. All readouts have the length of the first.
///
/// # Errors
/// [`TextError`], with line and column.
pub fn parse_csv(text: &[u8]) -> Result<Vec<BitString>, TextError> {
    let text = without_mark(text);
    let mut rest = text;
    let mut scan = CsvRows::default();
    let mut readouts = 0;
    while scan.next_row(&mut rest, &mut [])? {
        readouts += 1;
        if readouts > MAX_READOUTS {
            return Err(TextProblem::TooMany.at(scan.row_line, 1));
        }
    }
    let cells = scan.cells.ok_or(TextError::nothing())?;
    let (mut rows, mut rest) = (CsvRows::default(), text);
    let mut found = Vec::with_capacity(readouts);
    for _ in 0..readouts {
        let mut words = vec![0; cells.div_ceil(64)];
        rows.next_row(&mut rest, &mut words)?;
        found.push(BitString::from_words(words, cells));
    }
    Ok(found)
}

/// How far a decoder came.
pub(super) struct Progress {
    /// Bytes of text it took.
    pub(super) consumed: usize,
    /// Bytes it gave.
    pub(super) written: usize,
}

/// Digits that become bytes, however the text comes in pieces.
pub(super) trait Digits: Send {
    /// Decodes until the text or the room for bytes is used up.
    fn decode(&mut self, text: &[u8], out: &mut [u8]) -> Result<Progress, TextError> {
        let mut done = Progress { consumed: 0, written: 0 };
        loop {
            let many = self.many(&text[done.consumed..], &mut out[done.written..]);
            done.consumed += many.consumed;
            done.written += many.written;
            let next = (text.get(done.consumed), out.get_mut(done.written));
            let (Some(&next), Some(room)) = next else {
                return Ok(done);
            };
            // To where more of the same may come: the end of a line or a group, mostly.
            if let Some(byte) = self.step(next)? {
                *room = byte;
                done.written += 1;
            }
            done.consumed += 1;
        }
    }

    /// Decodes what a dump mostly consists of, as far as the text starts with it.
    fn many(&mut self, text: &[u8], out: &mut [u8]) -> Progress;

    /// Reads one byte of text; returns the byte that it completes.
    fn step(&mut self, byte: u8) -> Result<Option<u8>, TextError>;

    /// Ends the text.
    fn finish(&mut self) -> Result<(), TextError>;
}

/// A place in a text, both numbers from 1.
#[derive(Debug, Clone, Copy)]
struct Place {
    line: usize,
    column: usize,
}

impl Default for Place {
    fn default() -> Self {
        Self { line: 1, column: 1 }
    }
}

impl Place {
    fn pass(&mut self, byte: u8) {
        match byte {
            b'\n' => *self = Self { line: self.line + 1, column: 1 },
            _ => self.column += 1,
        }
    }

    fn says(self, problem: TextProblem) -> TextError {
        problem.at(self.line, self.column)
    }
}

/// The decoder of [`parse_hex`].
#[derive(Debug, Default)]
pub(super) struct HexDigits {
    place: Place,
    /// The first digit of a byte whose second is still to come.
    high: Option<u8>,
    group: HexGroup,
    any: bool,
}

/// How much of a group was read.
#[derive(Debug, Default, PartialEq, Eq)]
enum HexGroup {
    #[default]
    Outside,
    /// A zero, which an x may follow.
    Zero,
    /// `0x`, and no digit yet.
    Prefix,
    Digits,
}

impl HexDigits {
    fn end_group(&mut self) -> Result<(), TextError> {
        if self.high.is_some() || self.group == HexGroup::Prefix {
            return Err(self.place.says(TextProblem::HalfByte));
        }
        self.group = HexGroup::Outside;
        Ok(())
    }
}

impl Digits for HexDigits {
    /// Pairs of digits.
    fn many(&mut self, text: &[u8], out: &mut [u8]) -> Progress {
        let mut pairs = 0;
        if self.high.is_none() {
            for (&[high, low], byte) in text.as_chunks::<2>().0.iter().zip(out) {
                let (high, low) = (digit_value(high), digit_value(low));
                if high | low > 15 {
                    break;
                }
                *byte = high << 4 | low;
                pairs += 1;
            }
        }
        if pairs > 0 {
            self.place.column += 2 * pairs;
            (self.group, self.any) = (HexGroup::Digits, true);
        }
        Progress { consumed: 2 * pairs, written: pairs }
    }

    fn step(&mut self, byte: u8) -> Result<Option<u8>, TextError> {
        let mut whole = None;
        if byte.is_ascii_whitespace() {
            self.end_group()?;
        } else if self.group == HexGroup::Zero && matches!(byte, b'x' | b'X') {
            (self.group, self.high) = (HexGroup::Prefix, None);
        } else {
            let digit = hex_value(byte).ok_or(self.place.says(TextProblem::HexDigit(byte)))?;
            match self.high.take() {
                Some(high) => whole = Some(high << 4 | digit),
                None => self.high = Some(digit),
            }
            let may_be_prefix = self.group == HexGroup::Outside && byte == b'0';
            self.group = if may_be_prefix { HexGroup::Zero } else { HexGroup::Digits };
        }
        self.any |= whole.is_some();
        self.place.pass(byte);
        Ok(whole)
    }

    fn finish(&mut self) -> Result<(), TextError> {
        self.end_group()?;
        if self.any { Ok(()) } else { Err(TextError::nothing()) }
    }
}

/// Eight binary digits and what parts them from the next.
const GROUP_BYTES: usize = 9;

/// The decoder of [`parse_binary_digits`].
#[derive(Debug, Default)]
pub(super) struct BinaryDigits {
    place: Place,
    /// Where the group started, and how much of it there is.
    start: Place,
    digits: usize,
    byte: u8,
    any: bool,
}

impl BinaryDigits {
    fn end_group(&mut self) -> Result<(), TextError> {
        match self.digits {
            0 | 8 => self.digits = 0,
            _ => return Err(self.start.says(TextProblem::NotEight)),
        }
        Ok(())
    }
}

impl Digits for BinaryDigits {
    /// Groups with a blank or a line end behind each.
    fn many(&mut self, text: &[u8], out: &mut [u8]) -> Progress {
        let mut groups = 0;
        if self.digits == 0 {
            for (group, byte) in text.as_chunks::<GROUP_BYTES>().0.iter().zip(out) {
                let &[ref digits @ .., blank] = group;
                let digits = u64::from_be_bytes(*digits) ^ 0x3030_3030_3030_3030;
                if digits & !0x0101_0101_0101_0101 != 0 || !blank.is_ascii_whitespace() {
                    break;
                }
                // The factor moves the lowest bit of byte j to bit j of the product's top byte.
                *byte = (digits.wrapping_mul(0x0102_0408_1020_4080) >> 56).to_le_bytes()[0];
                self.place.column += GROUP_BYTES - 1;
                self.place.pass(blank);
                groups += 1;
            }
        }
        self.any |= groups > 0;
        Progress { consumed: GROUP_BYTES * groups, written: groups }
    }

    fn step(&mut self, byte: u8) -> Result<Option<u8>, TextError> {
        let mut whole = None;
        if byte.is_ascii_whitespace() {
            self.end_group()?;
        } else {
            if self.digits == 0 {
                self.start = self.place;
            }
            if self.digits == 8 {
                return Err(self.start.says(TextProblem::NotEight));
            }
            let digit = binary_value(byte).map_err(|problem| self.place.says(problem))?;
            (self.byte, self.digits) = (self.byte << 1 | digit, self.digits + 1);
            whole = (self.digits == 8).then_some(self.byte);
        }
        self.any |= whole.is_some();
        self.place.pass(byte);
        Ok(whole)
    }

    fn finish(&mut self) -> Result<(), TextError> {
        self.end_group()?;
        if self.any { Ok(()) } else { Err(TextError::nothing()) }
    }
}

/// The decoder of [`parse_csv`], a row at a time, however the text comes in pieces.
#[derive(Debug, Default)]
pub(super) struct CsvRows {
    place: Place,
    /// Where the cell started.
    start: Place,
    cell: CsvCell,
    /// Cells of the row that are complete.
    len: usize,
    /// Cells of the first row.
    cells: Option<usize>,
    /// Line of the last row.
    row_line: usize,
}

/// A cell as far as it was read, blanks aside.
#[derive(Debug, Default, Clone, Copy)]
enum CsvCell {
    #[default]
    Nothing,
    One(u8),
    More(u8),
}

impl CsvRows {
    /// Cells of a row, once there was one.
    pub(super) fn cells(&self) -> Option<usize> {
        self.cells
    }

    /// Reads on to the end of a row, whose cells it sets in `words` as far as there is room.
    ///
    /// Returns whether the row is complete; takes from `text` what it read.
    pub(super) fn row(&mut self, text: &mut &[u8], words: &mut [u64]) -> Result<bool, TextError> {
        loop {
            self.quads(text, words);
            let Some((&byte, rest)) = text.split_first() else {
                return Ok(false);
            };
            *text = rest;
            let mut complete = false;
            match byte {
                b'\n' => complete = self.end_row(words)?,
                b',' => self.end_cell(words)?,
                byte if byte.is_ascii_whitespace() => {}
                byte => {
                    self.cell = match self.cell {
                        CsvCell::Nothing => CsvCell::One(byte),
                        CsvCell::One(first) | CsvCell::More(first) => CsvCell::More(first),
                    };
                }
            }
            self.place.pass(byte);
            if matches!(byte, b'\n' | b',') {
                self.start = self.place;
            }
            if complete {
                return Ok(true);
            }
        }
    }

    /// Ends the text; whether there was a row without a line end.
    pub(super) fn finish(&mut self, words: &mut [u64]) -> Result<bool, TextError> {
        self.end_row(words)
    }

    /// The next row of a text that is there as a whole.
    fn next_row(&mut self, text: &mut &[u8], words: &mut [u64]) -> Result<bool, TextError> {
        Ok(self.row(text, words)? || self.finish(words)?)
    }

    /// Four cells at a time, as long as the text is written without blanks.
    fn quads(&mut self, text: &mut &[u8], words: &mut [u64]) {
        // Within one word, and no cell begun.
        if !self.len.is_multiple_of(4) || self.place.column != self.start.column {
            return;
        }
        let mut quads = 0;
        for &eight in text.as_chunks::<8>().0 {
            let eight = u64::from_le_bytes(eight);
            // Byte by byte `0,0,0,0,`, but for the lowest bit of each digit.
            if eight & !0x0001_0001_0001_0001 != 0x2c30_2c30_2c30_2c30 {
                break;
            }
            if let Some(word) = words.get_mut(self.len / 64) {
                // Bits 0, 16, 32 and 48 side by side from 48 on, without carries.
                let digits = eight & 0x0001_0001_0001_0001;
                let four = digits.wrapping_mul(1 << 48 | 1 << 33 | 1 << 18 | 1 << 3) >> 48 & 15;
                *word |= four << (self.len % 64);
            }
            self.len += 4;
            quads += 1;
        }
        self.place.column += 8 * quads;
        self.start = self.place;
        *text = &text[8 * quads..];
    }

    fn end_cell(&mut self, words: &mut [u64]) -> Result<(), TextError> {
        let value = match std::mem::take(&mut self.cell) {
            CsvCell::One(digit) => binary_value(digit).map_err(|p| self.start.says(p))?,
            CsvCell::Nothing => return Err(self.start.says(TextProblem::NoCell)),
            CsvCell::More(first) => return Err(self.start.says(TextProblem::LongCell(first))),
        };
        if let Some(word) = words.get_mut(self.len / 64) {
            *word |= u64::from(value) << (self.len % 64);
        }
        self.len += 1;
        Ok(())
    }

    fn end_row(&mut self, words: &mut [u64]) -> Result<bool, TextError> {
        if self.len == 0 && matches!(self.cell, CsvCell::Nothing) {
            return Ok(false);
        }
        self.end_cell(words)?;
        let found = std::mem::take(&mut self.len);
        self.row_line = self.place.line;
        let expected = *self.cells.get_or_insert(found);
        if found == expected {
            return Ok(true);
        }
        Err(TextProblem::Cells { expected, found }.at(self.row_line, 1))
    }
}

/// The groups of a text that blanks and line breaks part, with line and column from 1.
pub(super) fn groups(text: &[u8]) -> impl Iterator<Item = (usize, usize, &[u8])> {
    without_mark(text).split(|&byte| byte == b'\n').enumerate().flat_map(|(place, line)| {
        let mut at = 0;
        std::iter::from_fn(move || {
            at += line[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let len = line[at..].iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
            let start = at;
            at += len;
            (len > 0).then(|| (place + 1, start + 1, &line[start..at]))
        })
    })
}

/// The text without the byte order mark that some editors put before UTF-8.
pub(super) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(&MARK).unwrap_or(text)
}

/// The byte order mark in UTF-8.
pub(super) const MARK: [u8; 3] = *b"\xef\xbb\xbf";

fn hex_value(digit: u8) -> Option<u8> {
    Some(digit_value(digit)).filter(|&value| value < 16)
}

/// The value of a hex digit, more than 15 of anything else.
pub(super) fn digit_value(digit: u8) -> u8 {
    // By table: reading a dump as text is mostly this.
    const VALUES: [u8; 256] = {
        let mut values = [u8::MAX; 256];
        let mut value = 0;
        while value < 16 {
            values[b"0123456789abcdef"[value as usize] as usize] = value;
            values[b"0123456789ABCDEF"[value as usize] as usize] = value;
            value += 1;
        }
        values
    };
    VALUES[usize::from(digit)]
}

fn binary_value(digit: u8) -> Result<u8, TextProblem> {
    match digit {
        b'0' => Ok(0),
        b'1' => Ok(1),
        other => Err(TextProblem::BinaryDigit(other)),
    }
}

/// What is wrong with a text, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextError {
    /// The line, from 1.
    pub line: usize,
    /// The byte in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: TextProblem,
}

impl TextError {
    /// That a text holds no readout.
    pub(super) fn nothing() -> Self {
        TextProblem::Nothing.at(1, 1)
    }
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextProblem {
    /// A byte that is no hex digit.
    HexDigit(u8),
    /// A byte that is neither 0 nor 1.
    BinaryDigit(u8),
    /// More than one character between two commas, the first of them.
    LongCell(u8),
    /// A group of hex digits that ends within a byte.
    HalfByte,
    /// A group of another length than eight.
    NotEight,
    /// Nothing between two commas.
    NoCell,
    /// A readout of another length than the first.
    Cells {
        /// Cells of the first.
        expected: usize,
        /// Cells of this one.
        found: usize,
    },
    /// More readouts than the bound.
    TooMany,
    /// No readout at all.
    Nothing,
}

impl TextProblem {
    fn at(self, line: usize, column: usize) -> TextError {
        TextError { line, column, problem: self }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.problem)
    }
}

impl fmt::Display for TextProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HexDigit(byte) => write!(f, "'{}' is not a hex digit", byte.escape_ascii()),
            Self::BinaryDigit(byte) => write!(f, "'{}' is neither 0 nor 1", byte.escape_ascii()),
            Self::LongCell(byte) => write!(
                f,
                "a cell of several characters, from '{}' on, where 0 or 1 is asked",
                byte.escape_ascii()
            ),
            Self::HalfByte => write!(f, "half a byte: an odd number of hex digits"),
            Self::NotEight => write!(f, "a group that is not eight binary digits"),
            Self::NoCell => write!(f, "nothing between the commas"),
            Self::Cells { expected, found } => {
                write!(f, "{found} cells where the first readout has {expected}")
            }
            Self::TooMany => write!(f, "more than {MAX_READOUTS} readouts"),
            Self::Nothing => write!(f, "no readout"),
        }
    }
}

impl Error for TextError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problem<T: fmt::Debug>(outcome: Result<T, TextError>) -> (usize, usize, TextProblem) {
        let error = outcome.unwrap_err();
        (error.line, error.column, error.problem)
    }

    #[test]
    fn hex_in_its_layouts() {
        for text in [
            "0a1Bff",
            "0a 1b\tFF\r\n",
            "0a\n1b\n\nff\n",
            "0x0a 0X1b 0xff",
            "0a1b\nff",
            "\u{feff}0a1bff",
        ] {
            assert_eq!(parse_hex(text.as_bytes()).unwrap(), [0x0a, 0x1b, 0xff], "{text:?}");
        }
        assert_eq!(problem(parse_hex(b"0a\n 1g")), (2, 3, TextProblem::HexDigit(b'g')));
        assert_eq!(problem(parse_hex(b"0a 1b2")), (1, 7, TextProblem::HalfByte));
        assert_eq!(problem(parse_hex(b"0a g")), (1, 4, TextProblem::HexDigit(b'g')));
        assert_eq!(problem(parse_hex(b"0x")), (1, 3, TextProblem::HalfByte));
        assert_eq!(problem(parse_hex(b" \n")), (1, 1, TextProblem::Nothing));
    }

    #[test]
    fn binary_digits_in_eights() {
        let text = b"10000001\n01111110\r\n";
        assert_eq!(parse_binary_digits(text).unwrap(), [0x81, 0x7e]);
        let refused = |text: &str| problem(parse_binary_digits(text.as_bytes()));
        assert_eq!(refused("10000001\n0111111"), (2, 1, TextProblem::NotEight));
        assert_eq!(refused("100000011"), (1, 1, TextProblem::NotEight));
        assert_eq!(refused("10000002"), (1, 8, TextProblem::BinaryDigit(b'2')));
        assert_eq!(refused(""), (1, 1, TextProblem::Nothing));
    }

    #[test]
    fn csv_of_cells() {
        let readouts = parse_csv(b"0,1,1\r\n\n1, 0 ,1\n").unwrap();
        let ones: Vec<Vec<_>> = readouts.iter().map(|r| r.ones().collect()).collect();
        assert_eq!(ones, [[1, 2], [0, 2]]);
        let refused = |text: &str| problem(parse_csv(text.as_bytes()));
        assert_eq!(refused("0,1\n0,1,1"), (2, 1, TextProblem::Cells { expected: 2, found: 3 }));
        assert_eq!(refused("0,1,\n"), (1, 5, TextProblem::NoCell));
        assert_eq!(refused("0,,1\n"), (1, 3, TextProblem::NoCell));
        assert_eq!(refused("cell,value\n"), (1, 1, TextProblem::LongCell(b'c')));
        assert_eq!(refused("0,10\n"), (1, 3, TextProblem::LongCell(b'1')));
        assert_eq!(refused("\n"), (1, 1, TextProblem::Nothing));
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            prop_assert_eq!(parse_hex(hex.as_bytes()).unwrap(), bytes.clone());
            let lines: String = bytes.iter().map(|b| format!("{b:08b}\n")).collect();
            prop_assert_eq!(parse_binary_digits(lines.as_bytes()).unwrap(), bytes);
        }

        #[test]
        fn arbitrary_text_does_not_panic(text in "[01a-f,xX \t\r\n\u{e9}]{0,200}") {
            let _ = parse_hex(text.as_bytes());
            let _ = parse_binary_digits(text.as_bytes());
            let _ = parse_csv(text.as_bytes());
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_hex(&bytes);
            let _ = parse_binary_digits(&bytes);
            let _ = parse_csv(&bytes);
        }
    }
}
