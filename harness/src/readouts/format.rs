//! What a file is: its extension permits some formats, its content some; one must remain.

use std::error::Error;
use std::fmt;

use super::npy;
use super::text::{groups, without_mark};

/// The written forms of readouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The bytes of a memory dump.
    Raw,
    /// Intel HEX: records with addresses and checksums.
    IntelHex,
    /// Bytes as hex digits, with or without blanks, line breaks and `0x`.
    HexText,
    /// Bytes as groups of eight binary digits.
    BinaryText,
    /// NumPy's array file: 0 and 1 of a numeric type, or `uint8` of packed cells.
    Npy,
    /// Comma-separated 0 and 1, one readout a line.
    Csv,
}

use Format::{BinaryText, Csv, HexText, IntelHex, Npy, Raw};

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Raw => "raw binary",
            IntelHex => "Intel HEX",
            HexText => "hex text",
            BinaryText => "binary digits",
            Npy => "NumPy",
            Csv => "CSV",
        })
    }
}

/// Tells the format of a file from its extension and its content.
///
/// # Errors
/// [`FormatError`] when they contradict each other, leave more than one reading or none, or show
/// something that is not read on principle.
pub fn recognise(extension: Option<&str>, bytes: &[u8]) -> Result<Format, FormatError> {
    recognise_from(extension, bytes, bytes.last().copied())
}

/// As [`recognise`], where `head` is a file or a part of one from its start, and `last` the file's
/// last byte.
pub(super) fn recognise_from(
    extension: Option<&str>,
    head: &[u8],
    last: Option<u8>,
) -> Result<Format, FormatError> {
    let extension = extension.unwrap_or("").to_ascii_lowercase();
    refuse_pickles(&extension, head, last)?;
    let permitted = permitted_by(&extension);
    let possible = possible_for(head);
    if possible == Possible::ZerosAndOnes && permitted != [Raw] {
        return Err(FormatError::ZerosAndOnes);
    }
    let possible = possible.formats();
    let both: Vec<_> = possible.iter().copied().filter(|f| permitted.contains(f)).collect();
    match (both.as_slice(), possible, permitted) {
        (&[format], ..) => Ok(format),
        ([_, ..], ..) => Err(FormatError::Ambiguous(both)),
        ([], &[look, ..], _) => Err(FormatError::Conflict { extension, look }),
        // The content is like nothing known: the parser of the format that the extension names
        // says in which line.
        ([], [], &[format] | &[format, IntelHex]) => Ok(format),
        ([], [], _) => Err(FormatError::Unknown),
    }
}

fn permitted_by(extension: &str) -> &'static [Format] {
    match extension {
        "npy" => &[Npy],
        "csv" => &[Csv],
        "hex" => &[HexText, IntelHex],
        "ihex" | "ihx" => &[IntelHex],
        "bin" | "raw" | "img" | "sram" => &[Raw],
        "" | "dat" | "dump" | "dmp" | "mem" => &[Raw, IntelHex, HexText, BinaryText, Csv, Npy],
        // Pictures and programs have extensions, too: of these only text that is readouts.
        _ => &[IntelHex, HexText, BinaryText, Csv, Npy],
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Possible {
    These(&'static [Format]),
    /// Digits 0 and 1 alone, in groups of any length: cells, or bytes in hex.
    ZerosAndOnes,
}

impl Possible {
    fn formats(&self) -> &'static [Format] {
        match self {
            Self::These(formats) => formats,
            Self::ZerosAndOnes => &[],
        }
    }
}

/// Whether the first bytes of a file settle its content, whatever follows.
pub(super) fn settles(head: &[u8]) -> bool {
    npy::is_npy(head) || !is_text(without_mark(head))
}

fn possible_for(bytes: &[u8]) -> Possible {
    if npy::is_npy(bytes) {
        return Possible::These(&[Npy]);
    }
    if !is_text(without_mark(bytes)) {
        return Possible::These(&[Raw]);
    }
    if bytes.trim_ascii_start().starts_with(b":") {
        return Possible::These(&[IntelHex]);
    }
    let digits = Digits::of(bytes);
    match digits {
        Digits { groups: 0, .. } => Possible::These(&[]),
        // Commas between zeros and ones; the file may still be ragged.
        Digits { commas: true, only_binary: true, .. } => Possible::These(&[Csv]),
        Digits { commas: true, .. } | Digits { only_hex: false, .. } => Possible::These(&[]),
        // Random bytes in hex are eight zeros and ones with probability 6e-8 a group; a constant
        // digit may be either.
        Digits { only_binary: true, all_eight: true, constant: false, .. } => {
            Possible::These(&[BinaryText])
        }
        Digits { only_binary: true, all_eight: true, .. } => {
            Possible::These(&[BinaryText, HexText])
        }
        Digits { only_binary: true, count, .. } if count >= 16 => Possible::ZerosAndOnes,
        _ => Possible::These(&[HexText]),
    }
}

/// Whether all is printable ASCII and white space, a block at a time.
fn is_text(bytes: &[u8]) -> bool {
    let in_text = |&byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    bytes.chunks(256).all(|block| block.iter().fold(true, |text, byte| text & in_text(byte)))
}

/// What a text consists of.
struct Digits {
    groups: usize,
    count: usize,
    commas: bool,
    only_hex: bool,
    only_binary: bool,
    all_eight: bool,
    constant: bool,
}

impl Digits {
    fn of(bytes: &[u8]) -> Self {
        let commas = bytes.contains(&b',');
        let mut digits = Self {
            groups: 0,
            count: 0,
            commas,
            only_hex: true,
            only_binary: true,
            all_eight: true,
            constant: true,
        };
        let mut first = None;
        for (_, _, group) in groups(bytes) {
            for part in group.split(|&byte| byte == b',') {
                let part = part.strip_prefix(b"0x").unwrap_or(part);
                digits.only_hex &= part.iter().all(u8::is_ascii_hexdigit);
                digits.only_binary &= part.iter().all(|byte| matches!(byte, b'0' | b'1'));
                digits.all_eight &= part.len() == 8;
                digits.count += part.len();
                first = first.or(part.first().copied());
                digits.constant &= part.iter().all(|&byte| Some(byte) == first);
            }
            digits.groups += 1;
        }
        digits
    }
}

/// A pickle is a program: reading it runs it. An archive of arrays may hold some.
fn refuse_pickles(extension: &str, head: &[u8], last: Option<u8>) -> Result<(), FormatError> {
    // Protocol 2 and later: PROTO opcode, version; every pickle ends in STOP.
    let looks_pickled = matches!(head, [0x80, 2..=5, _, ..])
        && last == Some(b'.')
        && permitted_by(extension) != [Raw];
    match extension {
        "pkl" | "pickle" => Err(FormatError::Refused("Python pickles")),
        _ if looks_pickled => Err(FormatError::Refused("Python pickles")),
        "npz" => Err(FormatError::Refused("archives of arrays (.npz)")),
        _ => Ok(()),
    }
}

/// Why the format of a file cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatError {
    /// Something that is not read on principle.
    Refused(&'static str),
    /// Extension and content contradict each other.
    Conflict {
        /// What the file is called.
        extension: String,
        /// What it looks like.
        look: Format,
    },
    /// More than one reading, with different numbers of cells.
    Ambiguous(Vec<Format>),
    /// Zeros and ones in groups that are not eight long.
    ZerosAndOnes,
    /// Neither extension nor content is known.
    Unknown,
}

impl FormatError {
    /// What to do about it, where there is something to say.
    pub(super) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Refused("Python pickles") => {
                Some("numpy.save(FILE, array, allow_pickle=False): a pickle runs what it holds")
            }
            Self::Refused(_) => Some("numpy.save(FILE, array) for each array of it"),
            Self::Conflict { .. } | Self::Ambiguous(_) => {
                Some("name the file for what it is: .bin, .hex, .ihex, .npy, .csv or .txt")
            }
            Self::ZerosAndOnes => Some("cells with commas between them, or in groups of eight"),
            Self::Unknown => Some("remove it, if it is none"),
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(what) => write!(f, "{what} are not read"),
            Self::Conflict { extension, look } => {
                write!(f, "looks like {look}, which a file called .{extension} should not")
            }
            Self::Ambiguous(formats) => {
                let names: Vec<_> = formats.iter().map(ToString::to_string).collect();
                write!(f, "can be read as {}", names.join(" or as "))
            }
            Self::ZerosAndOnes => write!(
                f,
                "only digits 0 and 1, neither with commas nor in groups of eight: \
                 cells or bytes in hex"
            ),
            Self::Unknown => write!(f, "no known format of readouts"),
        }
    }
}

impl Error for FormatError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check<E: Into<Result<Format, FormatError>>>(extension: &str, bytes: &[u8], expected: E) {
        assert_eq!(recognise(Some(extension), bytes), expected.into());
    }

    #[test]
    fn extension_and_content_that_agree() {
        let noise = [0x8f, 0, 1, 0xff];
        for extension in ["bin", "BIN", "raw", "dat", "", "dump"] {
            check(extension, &noise, Ok(Raw));
        }
        assert_eq!(recognise(None, &noise), Ok(Raw));
        check("hex", b":00000001FF", Ok(IntelHex));
        check("txt", b"\n:00000001FF\n", Ok(IntelHex));
        check("hex", b"0a 1B\n2c", Ok(HexText));
        check("txt", b"0x0a 0x1b", Ok(HexText));
        check("txt", b"\xef\xbb\xbf0a1b", Ok(HexText));
        check("txt", b"01100110\n11110000\n", Ok(BinaryText));
        check("csv", b"0,1,1\n1, 0,1\n", Ok(Csv));
        check("txt", b"0,1,1\n", Ok(Csv));
        check("npy", b"\x93NUMPY\x01\x00", Ok(Npy));
        check("bin", b"printable, and no readout text", Ok(Raw));
    }

    #[test]
    fn a_parser_reports_what_resembles_nothing() {
        check("csv", b"cell,value\n0,1\n", Ok(Csv));
        check("hex", b"0a 1g", Ok(HexText));
        check("ihx", b"S1130000", Ok(IntelHex));
    }

    #[test]
    fn contradictions_are_refused() {
        let conflict = |extension: &str, look| {
            Err(FormatError::Conflict { extension: extension.to_owned(), look })
        };
        check("bin", b"0a1b2c3d", conflict("bin", HexText));
        check("bin", b":00000001FF", conflict("bin", IntelHex));
        check("bin", b"\x93NUMPY\x01\x00", conflict("bin", Npy));
        check("npy", b"\0\0\xff", conflict("npy", Raw));
        check("hex", b"01100110\n11110000\n", conflict("hex", BinaryText));
        check("csv", b"0a1b", conflict("csv", HexText));
        check("txt", b"\x8f\x00", conflict("txt", Raw));
        check("png", b"\x89PNG\r\n", conflict("png", Raw));
        check("py", b"import numpy\n", Err(FormatError::Unknown));
        check("txt", b" \n", Err(FormatError::Unknown));
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        let ambiguous = Err(FormatError::Ambiguous(vec![BinaryText, HexText]));
        check("txt", b"00000000\n00000000\n", ambiguous);
        check("hex", b"00000000\n00000000\n", Ok(HexText));
        check("txt", b"0110100111010101", Err(FormatError::ZerosAndOnes));
        check(
            "csv",
            b"0\n1\n1\n0\n0\n1\n1\n0\n0\n1\n1\n0\n0\n1\n1\n0\n",
            Err(FormatError::ZerosAndOnes),
        );
    }

    #[test]
    fn pickles_are_refused_whatever_they_are_called() {
        let pickle = b"\x80\x04\x95\x02\0\0\0\0\0\0\0\x8c\0.";
        for extension in ["pkl", "pickle", "npy", "dat", ""] {
            check(extension, pickle, Err(FormatError::Refused("Python pickles")));
        }
        check("pkl", b"(lp0\n.", Err(FormatError::Refused("Python pickles")));
        check("npz", b"PK\x03\x04", Err(FormatError::Refused("archives of arrays (.npz)")));
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(
            bytes in proptest::collection::vec(any::<u8>(), 0..100), extension in "[a-z]{0,4}",
        ) {
            let _ = recognise(Some(&extension), &bytes);
        }

        /// No dump of fair cells is taken for anything else.
        #[test]
        fn noise_is_raw(bytes in proptest::collection::vec(any::<u8>(), 64..100)) {
            prop_assert_eq!(recognise(Some("dat"), &bytes), Ok(Raw));
        }
    }
}
