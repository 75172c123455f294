//! Sealed records: what is stored says what it is, and shows when it is damaged.
//!
//! ```text
//! offset  0   8                 24        26              34            34 + n        66 + n
//!         | "PUFLAB\r\n" | kind, zero- | version | length n | body, n bytes | BLAKE3 of all |
//!         |              | padded      | u16     | u64      |               | before it     |
//! ```
//!
//! Numbers are little-endian. The envelope is the same for all versions of all kinds, so that an
//! intact record of a newer version is told from a damaged one. The checksum finds accidents; it
//! has no key and stops nobody who writes the file on purpose.

use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;

/// The line end shows a transfer in text mode.
const MAGIC: [u8; 8] = *b"PUFLAB\r\n";
const KIND_BYTES: usize = 16;
const HEADER_BYTES: usize = MAGIC.len() + KIND_BYTES + 2 + 8;
const CHECKSUM_BYTES: usize = 32;

/// Bytes that sealing adds to a body.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + CHECKSUM_BYTES;

/// A kind of record: its name, the versions that can be read, and how long a body may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordKind {
    name: &'static str,
    versions: RangeInclusive<u16>,
    max_body_bytes: usize,
}

/// An intact record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its version, one of those its kind supports.
    pub version: u16,
    /// What was sealed.
    pub body: Vec<u8>,
}

impl RecordKind {
    /// A kind by its name (1 to 16 printable ASCII characters), its readable versions, of which
    /// the newest is written, and the length in bytes that a body may have.
    ///
    /// # Panics
    /// If the name is of another form or there is no version: at compile time for a constant.
    #[must_use]
    pub const fn new(
        name: &'static str,
        versions: RangeInclusive<u16>,
        max_body_bytes: usize,
    ) -> Self {
        assert!(!name.is_empty() && name.len() <= KIND_BYTES, "a kind has 1 to 16 characters");
        let mut i = 0;
        while i < name.len() {
            assert!(name.as_bytes()[i].is_ascii_graphic(), "a kind is printable ASCII");
            i += 1;
        }
        assert!(*versions.start() <= *versions.end(), "a kind has a version");
        assert!(max_body_bytes <= usize::MAX - OVERHEAD_BYTES, "a body fits in memory");
        Self { name, versions, max_body_bytes }
    }

    /// The length in bytes of the longest sealed record.
    #[must_use]
    pub fn max_sealed_bytes(&self) -> usize {
        self.max_body_bytes + OVERHEAD_BYTES
    }

    /// Seals a body as the newest version.
    ///
    /// # Errors
    /// [`RecordError::Oversized`] for a body longer than the kind allows.
    pub fn seal(&self, body: &[u8]) -> Result<Vec<u8>, RecordError> {
        self.check_len(body.len() as u64)?;
        let mut sealed = Vec::with_capacity(body.len() + OVERHEAD_BYTES);
        sealed.extend_from_slice(&MAGIC);
        sealed.extend_from_slice(&self.padded_name());
        sealed.extend_from_slice(&self.versions.end().to_le_bytes());
        sealed.extend_from_slice(&(body.len() as u64).to_le_bytes());
        sealed.extend_from_slice(body);
        sealed.extend_from_slice(blake3_std::hash(&sealed).as_bytes());
        Ok(sealed)
    }

    /// Opens a sealed record of this kind.
    ///
    /// # Errors
    /// The first that holds of: not a record, cut short, longer than it says, damaged, of another
    /// kind, of a version that is not supported, or too long for the kind.
    pub fn open(&self, sealed: &[u8]) -> Result<Record, RecordError> {
        let (kind, version, body) = unseal(sealed)?;
        if kind != self.padded_name() {
            return Err(RecordError::WrongKind { expected: self.name, found: printable(&kind) });
        }
        if !self.versions.contains(&version) {
            let supported = self.versions.clone();
            return Err(RecordError::UnsupportedVersion { found: version, supported });
        }
        self.check_len(body.len() as u64)?;
        Ok(Record { version, body: body.to_vec() })
    }

    fn check_len(&self, found: u64) -> Result<(), RecordError> {
        let max = self.max_body_bytes as u64;
        if found > max { Err(RecordError::Oversized { found, max }) } else { Ok(()) }
    }

    fn padded_name(&self) -> [u8; KIND_BYTES] {
        let mut padded = [0; KIND_BYTES];
        padded[..self.name.len()].copy_from_slice(self.name.as_bytes());
        padded
    }
}

/// Checks the envelope, whatever it holds.
fn unseal(sealed: &[u8]) -> Result<([u8; KIND_BYTES], u16, &[u8]), RecordError> {
    let found = sealed.len() as u64;
    let start = sealed.len().min(MAGIC.len());
    if sealed[..start] != MAGIC[..start] {
        return Err(RecordError::WrongMagic);
    }
    let truncated = |expected| RecordError::Truncated { expected, found };
    let shortest = truncated(OVERHEAD_BYTES as u64);
    if found < OVERHEAD_BYTES as u64 {
        return Err(shortest);
    }
    let rest = &sealed[MAGIC.len()..];
    let Some((&kind, rest)) = rest.split_first_chunk() else {
        return Err(shortest);
    };
    let Some((&version, rest)) = rest.split_first_chunk() else {
        return Err(shortest);
    };
    let Some((&len, rest)) = rest.split_first_chunk() else {
        return Err(shortest);
    };
    let expected = u64::from_le_bytes(len).saturating_add(OVERHEAD_BYTES as u64);
    if expected > found {
        return Err(truncated(expected));
    }
    if expected < found {
        return Err(RecordError::TrailingBytes { expected, found });
    }
    let (covered, checksum) = sealed.split_at(sealed.len() - CHECKSUM_BYTES);
    if blake3_std::hash(covered).as_bytes() != checksum {
        return Err(RecordError::ChecksumMismatch);
    }
    Ok((kind, u16::from_le_bytes(version), &rest[..rest.len() - CHECKSUM_BYTES]))
}

fn printable(kind: &[u8; KIND_BYTES]) -> String {
    let len = kind.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    kind[..len].escape_ascii().to_string()
}

/// Why bytes are not the record they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordError {
    /// Not a sealed record at all.
    WrongMagic,
    /// Fewer bytes than the record has.
    Truncated {
        /// Bytes the record has, as far as can be told.
        expected: u64,
        /// Bytes given.
        found: u64,
    },
    /// Something follows the record.
    TrailingBytes {
        /// Bytes the record has.
        expected: u64,
        /// Bytes given.
        found: u64,
    },
    /// A damaged record.
    ChecksumMismatch,
    /// An intact record of something else.
    WrongKind {
        /// The kind asked for.
        expected: &'static str,
        /// Its kind.
        found: String,
    },
    /// An intact record of a version that this program does not know.
    UnsupportedVersion {
        /// Its version.
        found: u16,
        /// The versions that can be read.
        supported: RangeInclusive<u16>,
    },
    /// A body longer than its kind allows.
    Oversized {
        /// Its length in bytes.
        found: u64,
        /// The length allowed.
        max: u64,
    },
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongMagic => write!(f, "not a sealed record"),
            Self::Truncated { expected, found } => {
                write!(f, "cut short: {found} bytes of {expected}")
            }
            Self::TrailingBytes { expected, found } => {
                write!(f, "{found} bytes where the record has {expected}")
            }
            Self::ChecksumMismatch => write!(f, "damaged: the checksum does not match"),
            Self::WrongKind { expected, found } => {
                write!(f, "a record of kind \"{found}\" where \"{expected}\" is expected")
            }
            Self::UnsupportedVersion { found, supported } => {
                let (oldest, newest) = (supported.start(), supported.end());
                write!(f, "version {found}; this program reads {oldest} to {newest}")
            }
            Self::Oversized { found, max } => {
                write!(f, "a body of {found} bytes where {max} are allowed")
            }
        }
    }
}

impl Error for RecordError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KIND: RecordKind = RecordKind::new("device-state", 2..=3, 100);

    #[test]
    fn the_layout_is_that_of_the_picture() {
        let sealed = KIND.seal(b"abc").unwrap();
        assert_eq!(&sealed[..24], b"PUFLAB\r\ndevice-state\0\0\0\0");
        assert_eq!(&sealed[24..34], [3, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&sealed[34..37], b"abc");
        assert_eq!(&sealed[37..], blake3_std::hash(&sealed[..37]).as_bytes());
    }

    #[test]
    fn each_flaw_has_its_error() {
        let sealed = KIND.seal(b"abc").unwrap();
        let found = sealed.len() as u64;
        let open = |bytes: &[u8]| KIND.open(bytes).unwrap_err();
        assert_eq!(open(b"hello"), RecordError::WrongMagic);
        assert_eq!(open(b""), RecordError::Truncated { expected: 66, found: 0 });
        assert_eq!(
            open(&sealed[..sealed.len() - 1]),
            RecordError::Truncated { expected: found, found: found - 1 }
        );
        let longer = [&sealed[..], b"\n"].concat();
        let trailing = RecordError::TrailingBytes { expected: found, found: found + 1 };
        assert_eq!(open(&longer), trailing);
        assert_eq!(
            open(&RecordKind::new("other", 3..=3, 100).seal(b"abc").unwrap()),
            RecordError::WrongKind { expected: "device-state", found: "other".to_owned() }
        );
        for version in [1, 4] {
            let kind = RecordKind::new("device-state", version..=version, 100);
            let supported = 2..=3;
            assert_eq!(
                open(&kind.seal(b"abc").unwrap()),
                RecordError::UnsupportedVersion { found: version, supported }
            );
        }
        let oversized = RecordError::Oversized { found: 101, max: 100 };
        assert_eq!(KIND.seal(&[0; 101]).unwrap_err(), oversized);
        let roomier = RecordKind::new("device-state", 2..=3, 1000);
        assert_eq!(open(&roomier.seal(&[0; 101]).unwrap()), oversized);
    }

    #[test]
    fn older_versions_say_so() {
        let old = RecordKind::new("device-state", 1..=2, 100).seal(b"abc").unwrap();
        assert_eq!(KIND.open(&old).unwrap(), Record { version: 2, body: b"abc".to_vec() });
    }

    #[test]
    fn every_flipped_bit_and_every_prefix_is_refused() {
        let sealed = KIND.seal(b"some state").unwrap();
        for place in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[place / 8] ^= 1 << (place % 8);
            assert!(KIND.open(&damaged).is_err(), "bit {place}");
        }
        for len in 0..sealed.len() {
            assert!(KIND.open(&sealed[..len]).is_err(), "prefix of {len}");
        }
    }

    proptest! {
        #[test]
        fn bodies_come_back(body in proptest::collection::vec(any::<u8>(), 0..=100)) {
            let sealed = KIND.seal(&body).unwrap();
            prop_assert_eq!(KIND.open(&sealed), Ok(Record { version: 3, body }));
        }

        #[test]
        fn arbitrary_bytes_are_refused_without_panic(
            tail in proptest::collection::vec(any::<u8>(), 0..200), magic in any::<bool>(),
        ) {
            let start: &[u8] = if magic { &MAGIC } else { &[] };
            prop_assert!(KIND.open(&[start, &tail].concat()).is_err());
        }
    }
}
