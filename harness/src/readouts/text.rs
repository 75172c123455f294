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
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for (line, column, group) in groups(text) {
        let (digits, column) = match group {
            [b'0', b'x' | b'X', digits @ ..] => (digits, column + 2),
            digits => (digits, column),
        };
        let value = |place: usize| {
            let digit = digits[place];
            hex_value(digit).ok_or(TextProblem::HexDigit(digit).at(line, column + place))
        };
        for place in (0..digits.len() / 2 * 2).step_by(2) {
            bytes.push(value(place)? << 4 | value(place + 1)?);
        }
        if !digits.len().is_multiple_of(2) || digits.is_empty() {
            if let Some(last) = digits.len().checked_sub(1) {
                value(last)?;
            }
            return Err(TextProblem::HalfByte.at(line, column + digits.len()));
        }
    }
    not_empty(bytes)
}

/// Reads bytes written as groups of eight binary digits, with blanks or line breaks between them.
///
/// # Errors
/// [`TextError`], with line and column.
pub fn parse_binary_digits(text: &[u8]) -> Result<Vec<u8>, TextError> {
    let mut bytes = Vec::with_capacity(text.len() / 9 + 1);
    for (line, column, group) in groups(text) {
        let mut byte = 0;
        for (place, &digit) in group.iter().enumerate() {
            if place == 8 {
                return Err(TextProblem::NotEight.at(line, column));
            }
            byte = byte << 1 | binary_value(digit).map_err(|p| p.at(line, column + place))?;
        }
        if group.len() != 8 {
            return Err(TextProblem::NotEight.at(line, column));
        }
        bytes.push(byte);
    }
    not_empty(bytes)
}

/// Reads readouts of comma-separated zeros and ones, one a line; lines without anything are
/// skipped. All readouts have the length of the first.
///
/// # Errors
/// [`TextError`], with line and column.
pub fn parse_csv(text: &[u8]) -> Result<Vec<BitString>, TextError> {
    let mut readouts: Vec<BitString> = Vec::new();
    for (place, row) in without_mark(text).split(|&byte| byte == b'\n').enumerate() {
        if row.trim_ascii().is_empty() {
            continue;
        }
        let line = place + 1;
        let readout = parse_row(row, line)?;
        match readouts.first() {
            Some(first) if first.len() != readout.len() => {
                let (expected, found) = (first.len(), readout.len());
                return Err(TextProblem::Cells { expected, found }.at(line, 1));
            }
            _ if readouts.len() == MAX_READOUTS => {
                return Err(TextProblem::TooMany.at(line, 1));
            }
            _ => readouts.push(readout),
        }
    }
    not_empty(readouts)
}

fn parse_row(row: &[u8], line: usize) -> Result<BitString, TextError> {
    let mut words = Vec::with_capacity(row.len() / 128 + 1);
    let mut len = 0_usize;
    let mut column = 1;
    for cell in row.split(|&byte| byte == b',') {
        let value = match cell.trim_ascii() {
            [digit] => binary_value(*digit).map_err(|problem| problem.at(line, column))?,
            [] => return Err(TextProblem::NoCell.at(line, column)),
            [first, ..] => return Err(TextProblem::BinaryDigit(*first).at(line, column)),
        };
        if len.is_multiple_of(64) {
            words.push(0_u64);
        }
        words[len / 64] |= u64::from(value) << (len % 64);
        len += 1;
        column += cell.len() + 1;
    }
    Ok(BitString::from_words(words, len))
}

fn not_empty<T>(found: Vec<T>) -> Result<Vec<T>, TextError> {
    if found.is_empty() { Err(TextProblem::Nothing.at(1, 1)) } else { Ok(found) }
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
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

pub(super) fn hex_value(digit: u8) -> Option<u8> {
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
    match VALUES[usize::from(digit)] {
        u8::MAX => None,
        value => Some(value),
    }
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

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextProblem {
    /// A byte that is no hex digit.
    HexDigit(u8),
    /// A byte that is neither 0 nor 1.
    BinaryDigit(u8),
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
        assert_eq!(refused("cell,value\n"), (1, 1, TextProblem::BinaryDigit(b'c')));
        assert_eq!(refused("0,10\n"), (1, 3, TextProblem::BinaryDigit(b'1')));
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
