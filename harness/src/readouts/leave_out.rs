//! Addresses that are no cells of the fingerprint: a stack, a boot loader's variables.

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use fuzzy_extractor::bits::BitString;

/// A range of byte addresses as text: `0x20017ffc..0x20018000`, the end not among them.
///
/// Numbers are decimal or, after `0x`, hex, and `_` may part their digits. Without a start the
/// range is from address 0, without an end to the last one; one of both is there.
///
/// ```
/// use puflab::readouts::AddressRange;
///
/// let stack: AddressRange = "0x20017ffc..0x2001_8000".parse()?;
/// assert_eq!(stack.range(), 0x2001_7ffc..0x2001_8000);
/// assert_eq!("..16".parse::<AddressRange>()?.range(), 0..16);
/// assert!("16..16".parse::<AddressRange>().is_err());
/// # Ok::<(), puflab::readouts::AddressRangeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRange(Range<u64>);

impl AddressRange {
    /// The addresses, at least one.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.0.clone()
    }
}

impl From<AddressRange> for Range<u64> {
    fn from(addresses: AddressRange) -> Self {
        addresses.0
    }
}

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, AddressRangeError> {
        let (start, end) = text.split_once("..").ok_or(AddressRangeError::NoRange)?;
        if start.is_empty() && end.is_empty() {
            return Err(AddressRangeError::NoRange);
        }
        let range = or(start, 0)?..or(end, u64::MAX)?;
        if range.is_empty() { Err(AddressRangeError::Empty) } else { Ok(Self(range)) }
    }
}

fn or(number: &str, default: u64) -> Result<u64, AddressRangeError> {
    if number.is_empty() {
        return Ok(default);
    }
    let (digits, radix) = match number.strip_prefix("0x").or_else(|| number.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    let plain = digits.replace('_', "");
    // The parser of numbers would take a sign.
    let valid = !digits.starts_with('_') && plain.chars().all(|c| c.is_digit(radix));
    valid
        .then(|| u64::from_str_radix(&plain, radix).ok())
        .flatten()
        .ok_or_else(|| AddressRangeError::Number(number.to_owned()))
}

/// Shows a range as it is written.
pub(super) struct Shown<'a>(pub(super) &'a Range<u64>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.0;
        match *end {
            u64::MAX => write!(f, "{start:#x}.."),
            end => write!(f, "{start:#x}..{end:#x}"),
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(&self.0).fmt(f)
    }
}

/// Why a text is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressRangeError {
    /// Not of the form `START..END`.
    NoRange,
    /// A number that is none, or exceeds 64 bits.
    Number(String),
    /// The end is not behind the start.
    Empty,
}

impl fmt::Display for AddressRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRange => write!(f, "not a range START..END, START.. or ..END"),
            Self::Number(text) => {
                write!(f, "'{}' is not a decimal or 0x hex number", text.escape_debug())
            }
            Self::Empty => write!(f, "the end, which is not left out, must be behind the start"),
        }
    }
}

impl Error for AddressRangeError {}

/// Marks the cells of a readout that are kept, `None` when nothing is to be left out.
///
/// `start` is the address of the first byte; eight cells are a byte.
pub(super) fn kept(
    cells: usize,
    start: u64,
    leave_out: &[Range<u64>],
) -> Result<Option<BitString>, LeaveOutError> {
    if leave_out.is_empty() {
        return Ok(None);
    }
    let extent = start..start + cells.div_ceil(8) as u64;
    let mut kept = BitString::from_words(vec![u64::MAX; cells.div_ceil(64)], cells);
    let cell_of = |address: u64| {
        let bytes = address.clamp(extent.start, extent.end) - extent.start;
        usize::try_from(bytes).map_or(cells, |bytes| bytes.saturating_mul(8)).min(cells)
    };
    for range in leave_out {
        let (from, to) = (cell_of(range.start), cell_of(range.end));
        if from >= to {
            return Err(LeaveOutError {
                range: range.clone(),
                extent,
                problem: LeaveOutProblem::None,
            });
        }
        kept.write(from, &BitString::zeros(to - from));
        if kept.weight() == 0 {
            return Err(LeaveOutError {
                range: range.clone(),
                extent,
                problem: LeaveOutProblem::All,
            });
        }
    }
    Ok(Some(kept))
}

/// Cuts readouts down to the cells that are kept.
pub(super) struct Cut {
    /// Start and length of each run of kept cells.
    runs: Vec<(usize, usize)>,
    cells: usize,
}

impl Cut {
    pub(super) fn to(kept: &BitString) -> Self {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for cell in kept.ones() {
            match runs.last_mut() {
                Some((start, len)) if *start + *len == cell => *len += 1,
                _ => runs.push((cell, 1)),
            }
        }
        Self { runs, cells: kept.weight() }
    }

    pub(super) fn of(&self, readout: &BitString) -> BitString {
        let mut rest = BitString::zeros(self.cells);
        let mut at = 0;
        for &(start, len) in &self.runs {
            rest.write(at, &readout.slice(start, len));
            at += len;
        }
        rest
    }
}

/// A range that cannot be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaveOutError {
    /// The range.
    pub range: Range<u64>,
    /// The addresses of the device's bytes.
    pub extent: Range<u64>,
    /// What is wrong with it.
    pub problem: LeaveOutProblem,
}

/// What is wrong with a range to be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveOutProblem {
    /// It holds no cell.
    None,
    /// No cell is left.
    All,
}

impl LeaveOutError {
    /// What to do about it.
    pub(super) fn advice(&self) -> String {
        match self.problem {
            LeaveOutProblem::None => format!("a range within {}", Shown(&self.extent)),
            LeaveOutProblem::All => "a shorter range".to_owned(),
        }
    }
}

impl fmt::Display for LeaveOutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (range, extent) = (Shown(&self.range), Shown(&self.extent));
        match self.problem {
            LeaveOutProblem::None => {
                write!(f, "nothing to leave out at {range}: the readouts are of {extent}")
            }
            LeaveOutProblem::All => {
                write!(f, "nothing left without {range}: the readouts are of {extent}")
            }
        }
    }
}

impl Error for LeaveOutError {}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "ranges of addresses, of which one is enough")]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_written() {
        for (text, range, shown) in [
            ("0x20017ffc..0x20018000", 0x2001_7ffc..0x2001_8000, "0x20017ffc..0x20018000"),
            ("0X10..1_000", 16..1000, "0x10..0x3e8"),
            ("7..", 7..u64::MAX, "0x7.."),
            ("..0x1_0", 0..16, "0x0..0x10"),
        ] {
            let parsed: AddressRange = text.parse().unwrap();
            assert_eq!(parsed.range(), range, "{text}");
            assert_eq!(parsed.to_string(), shown);
            assert_eq!(shown.parse::<AddressRange>().as_ref(), Ok(&parsed));
            assert_eq!(Range::from(parsed), range);
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        let refused = |text: &str| text.parse::<AddressRange>().unwrap_err();
        for text in ["", "7", "..", "0x10-0x20"] {
            assert_eq!(refused(text), AddressRangeError::NoRange, "{text}");
        }
        for text in
            ["x..9", "0x..9", "-1..9", "+1..9", " 1..9", "1...9", "_1..9", "0x1g..", "1..=9"]
        {
            assert!(matches!(refused(text), AddressRangeError::Number(_)), "{text}");
        }
        assert!(matches!(refused("..18446744073709551616"), AddressRangeError::Number(_)));
        assert_eq!(refused("9..9"), AddressRangeError::Empty);
        assert_eq!(refused("9..8"), AddressRangeError::Empty);
    }

    #[test]
    fn cells_are_left_out_by_address() {
        let left_out = |cells, start, ranges: &[Range<u64>]| {
            let kept = kept(cells, start, ranges).map(|kept| kept.unwrap());
            kept.map(|kept| (0..cells).filter(|&i| !kept.get(i)).collect::<Vec<_>>())
        };
        assert_eq!(kept(16, 0, &[]), Ok(None));
        assert_eq!(left_out(24, 0x100, &[0x101..0x102]), Ok((8..16).collect()));
        assert_eq!(left_out(24, 0x100, &[0..0x101, 0x102..u64::MAX]).unwrap().len(), 16);
        // A last byte that is not all cells, and ranges that overlap.
        assert_eq!(left_out(20, 0, &[2..3]), Ok((16..20).collect()));
        assert_eq!(left_out(24, 0, &[1..3, 2..9]), Ok((8..24).collect()));
        for (ranges, problem) in [
            (vec![3..9], LeaveOutProblem::None),
            (vec![0..1, 5..5], LeaveOutProblem::None),
            (vec![0..u64::MAX], LeaveOutProblem::All),
            (vec![0..2, 2..3], LeaveOutProblem::All),
        ] {
            let error = left_out(24, 0, &ranges).unwrap_err();
            assert_eq!((error.problem, error.extent), (problem, 0..3));
        }
        let error = left_out(24, 0x2000_0000, &[0..9]).unwrap_err().to_string();
        assert_eq!(
            error,
            "nothing to leave out at 0x0..0x9: the readouts are of 0x20000000..0x20000003"
        );
    }

    #[test]
    fn what_is_kept_closes_up() {
        let readout: BitString = (0..200).map(|i| i % 7 == 0 || i % 3 == 1).collect();
        let kept = kept(200, 0, &[0..1, 3..4, 10..17]).unwrap().unwrap();
        let expected: BitString =
            (0..200).filter(|&i| kept.get(i)).map(|i| readout.get(i)).collect();
        assert_eq!(Cut::to(&kept).of(&readout), expected);
        assert_eq!(expected.len(), 200 - 72);
    }
}
