//! Helper data: what an enrolment leaves in public, as versioned bytes.
//!
//! All integers are big-endian.
//!
//! ```text
//! offset  size         field
//! 0       4            "PUFH"
//! 4       2            format version, 1
//! 6       4            total length in bytes, tag included
//! 10      1            sketch: 1 code-offset, 2 syndrome
//! 11      1            key derivation: 1 HKDF-SHA256
//! 12      4            enrolment counter
//! 16      32           binding: what the data belongs to, for example a chip's serial number
//! 48      32           salt of the key derivation
//! 80      1            length L of the code notation, 1..=255
//! 81      L            code notation, canonical
//! 81+L    4            sketch length S in bits: n (code-offset) or n - k (syndrome)
//! 85+L    ceil(S/8)    sketch, most significant bit first, padded with zero bits
//! ..      32           tag: see `derive`; made from the key and from every byte before it
//! ```
//!
//! Anybody may have written these bytes. The parser bounds every length before use and accepts one
//! written form only; that the content is genuine is known when the tag has been checked, and only
//! the extractor can do that.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::bits::BitString;
use crate::code::notation::{self, NotationError};
use crate::derive::KEY_BYTES;
use crate::sketch::{self, SecureSketch};

/// The only format version there is.
pub const VERSION: u16 = 1;

/// Longest helper data in bytes: every parsed blob is at most this long.
pub const MAX_BYTES: usize = FIXED_BYTES + 255 + (1 << 17);

const MAGIC: &[u8; 4] = b"PUFH";
const HKDF_SHA256: u8 = 1;
/// Everything but the notation and the sketch.
const FIXED_BYTES: usize = 85 + KEY_BYTES;

/// What helper data belongs to: 32 bytes of the application's choice, checked at reconstruction.
///
/// A device puts its serial number here, so that another device's helper data is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding(pub [u8; 32]);

/// Public data that turns a noisy reading back into the enrolled key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelperData {
    pub(crate) parameters: Parameters,
    pub(crate) sketch: BitString,
    pub(crate) tag: [u8; KEY_BYTES],
}

/// Everything in helper data that is known before the reading is sketched.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    pub(crate) construction: &'static dyn SecureSketch,
    pub(crate) counter: u32,
    pub(crate) binding: Binding,
    pub(crate) salt: [u8; 32],
    pub(crate) code: String,
}

impl PartialEq for Parameters {
    fn eq(&self, other: &Self) -> bool {
        self.construction.id() == other.construction.id()
            && (self.counter, self.binding, self.salt, &self.code)
                == (other.counter, other.binding, other.salt, &other.code)
    }
}

impl Eq for Parameters {}

impl HelperData {
    /// The sketch construction.
    #[must_use]
    pub fn construction(&self) -> &'static dyn SecureSketch {
        self.parameters.construction
    }

    /// How often the device had been enrolled, this time included.
    #[must_use]
    pub fn counter(&self) -> u32 {
        self.parameters.counter
    }

    /// What the data belongs to.
    #[must_use]
    pub fn binding(&self) -> Binding {
        self.parameters.binding
    }

    /// The code's canonical notation.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.parameters.code
    }

    /// The sketch.
    #[must_use]
    pub fn sketch(&self) -> &BitString {
        &self.sketch
    }

    /// Writes the bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.parameters.authenticated_bytes(&self.sketch);
        bytes.extend_from_slice(&self.tag);
        bytes
    }

    /// Reads the bytes.
    ///
    /// # Errors
    /// Names the first field that cannot be, with its offset.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HelperDataError> {
        if bytes.len() > MAX_BYTES {
            return Err(HelperDataError::TooLong { bytes: bytes.len() });
        }
        let mut reader = Reader { bytes, offset: 0 };
        if reader.array()? != *MAGIC {
            return Err(HelperDataError::Magic);
        }
        let version = u16::from_be_bytes(reader.array()?);
        if version != VERSION {
            return Err(HelperDataError::Version { found: version });
        }
        let announced = u32::from_be_bytes(reader.array()?);
        if announced as usize != bytes.len() {
            return Err(HelperDataError::Length { announced, found: bytes.len() });
        }
        let [id] = reader.array()?;
        let construction = sketch::by_id(id).ok_or(HelperDataError::Sketch { id })?;
        let [id] = reader.array()?;
        if id != HKDF_SHA256 {
            return Err(HelperDataError::KeyDerivation { id });
        }
        let counter = u32::from_be_bytes(reader.array()?);
        let binding = Binding(reader.array()?);
        let salt = reader.array()?;
        let [code_bytes] = reader.array()?;
        let text = core::str::from_utf8(reader.take(usize::from(code_bytes))?)
            .map_err(|_| HelperDataError::CodeNotCanonical)?;
        let code = notation::parse(text).map_err(HelperDataError::Code)?;
        if alloc::format!("{code}") != text {
            return Err(HelperDataError::CodeNotCanonical);
        }
        let sketch_bits = u32::from_be_bytes(reader.array()?) as usize;
        let expected = construction.bits(&*code);
        if sketch_bits != expected {
            return Err(HelperDataError::SketchLength { expected, found: sketch_bits });
        }
        let packed = reader.take(sketch_bits.div_ceil(8))?;
        let sketch = BitString::from_bytes_msb0(packed, sketch_bits);
        if sketch.to_bytes_msb0() != packed {
            return Err(HelperDataError::Padding { offset: reader.offset - 1 });
        }
        let tag = reader.array()?;
        if reader.offset != bytes.len() {
            return Err(HelperDataError::Length { announced, found: reader.offset });
        }
        let code = String::from(text);
        let parameters = Parameters { construction, counter, binding, salt, code };
        Ok(Self { parameters, sketch, tag })
    }
}

impl Parameters {
    /// Every byte before the tag.
    pub(crate) fn authenticated_bytes(&self, sketch: &BitString) -> Vec<u8> {
        let total = FIXED_BYTES + self.code.len() + sketch.len().div_ceil(8);
        let mut bytes = Vec::with_capacity(total);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&be32(total));
        bytes.push(self.construction.id());
        bytes.push(HKDF_SHA256);
        bytes.extend_from_slice(&self.counter.to_be_bytes());
        bytes.extend_from_slice(&self.binding.0);
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&be32(self.code.len())[3..]);
        bytes.extend_from_slice(self.code.as_bytes());
        bytes.extend_from_slice(&be32(sketch.len()));
        bytes.extend_from_slice(&sketch.to_bytes_msb0());
        bytes
    }
}

/// Lengths here are bounded by the code's notation: 256 bytes of text, 2^20 bits of word.
fn be32(length: usize) -> [u8; 4] {
    match u32::try_from(length) {
        Ok(length) => length.to_be_bytes(),
        Err(_) => unreachable!("{length} in helper data"),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], HelperDataError> {
        let rest = &self.bytes[self.offset..];
        let Some(taken) = rest.get(..count) else {
            return Err(HelperDataError::Truncated { offset: self.offset, wanted: count });
        };
        self.offset += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], HelperDataError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }
}

/// Why bytes are not helper data. Nothing here depends on a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HelperDataError {
    /// Longer than any helper data.
    TooLong {
        /// Length found.
        bytes: usize,
    },
    /// Ends too early.
    Truncated {
        /// Where.
        offset: usize,
        /// Bytes wanted from there.
        wanted: usize,
    },
    /// Does not begin with "PUFH".
    Magic,
    /// Another format version.
    Version {
        /// Version found.
        found: u16,
    },
    /// The announced length is not the length.
    Length {
        /// Announced in the header.
        announced: u32,
        /// Length found.
        found: usize,
    },
    /// Unknown sketch construction.
    Sketch {
        /// Number found.
        id: u8,
    },
    /// Unknown key derivation.
    KeyDerivation {
        /// Number found.
        id: u8,
    },
    /// The code's notation cannot be read.
    Code(NotationError),
    /// The code's notation is not in canonical form.
    CodeNotCanonical,
    /// The sketch is not as long as the code asks for.
    SketchLength {
        /// Bits that the code asks for.
        expected: usize,
        /// Bits found.
        found: usize,
    },
    /// Bits past the sketch's end are not zero.
    Padding {
        /// Where.
        offset: usize,
    },
}

impl fmt::Display for HelperDataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => {
                write!(f, "helper data of {bytes} bytes, at most {MAX_BYTES} are allowed")
            }
            Self::Truncated { offset, wanted } => {
                write!(f, "helper data ends at offset {offset} where {wanted} more bytes belong")
            }
            Self::Magic => f.write_str("helper data does not begin with \"PUFH\""),
            Self::Version { found } => {
                write!(f, "helper data of format version {found}, this program reads {VERSION}")
            }
            Self::Length { announced, found } => {
                write!(f, "helper data announces {announced} bytes and has {found}")
            }
            Self::Sketch { id } => write!(f, "unknown sketch construction {id} at offset 10"),
            Self::KeyDerivation { id } => write!(f, "unknown key derivation {id} at offset 11"),
            Self::Code(error) => write!(f, "the code of the helper data: {error}"),
            Self::CodeNotCanonical => f.write_str("the code's notation is not in canonical form"),
            Self::SketchLength { expected, found } => {
                write!(f, "a sketch of {found} bits where the code asks for {expected}")
            }
            Self::Padding { offset } => {
                write!(f, "padding bits are not zero at offset {offset}")
            }
        }
    }
}

impl core::error::Error for HelperDataError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Code(error) => Some(error),
            _ => None,
        }
    }
}
