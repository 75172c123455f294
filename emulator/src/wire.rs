//! What crosses the wire in our own protocol: messages, frames and the bytes that are signed.
//!
//! Data only: nothing here reads a socket, a clock or a key. The device and the verifier are both
//! written against this module.
//!
//! # The conversation
//!
//! ```text
//!   verifier                                                device
//!      │ Hello ──────────────────────────────────────────────► │
//!      │ ◄─────────────────────── Identity (id, public key) or Refusal
//!      │ Challenge (verifier id, device id, nonce) ──────────► │
//!      │ ◄──────────── Evidence (the same three, signature) or Refusal
//!      │ Verdict (accepted or not, no reason) ───────────────► │
//! ```
//!
//! # Frames
//!
//! All integers are big-endian.
//!
//! ```text
//!   offset  size  content
//!        0     4  n: length of what follows, 1 to MAX_FRAME
//!        4     1  type
//!        5   n-1  payload, of exactly the length its type demands
//! ```
//!
//! | type | message | payload |
//! |---|---|---|
//! | 01 | [`Hello`] | version 2 |
//! | 02 | [`Identity`] | version 2, device id 20, public key 65 |
//! | 03 | [`Challenge`] | version 2, verifier id 32, device id 20, nonce 32 |
//! | 04 | [`Evidence`] | version 2, verifier id 32, device id 20, nonce 32, signature 64 |
//! | 05 | [`Message::Refusal`] | nothing |
//! | 06 | [`Verdict`] | 1: 01 accepted, 00 rejected |
//!
//! A message with a version starts with it, so that another version is recognised as such even if
//! the rest of its payload has changed. A public key is an uncompressed SEC 1 point
//! (`04 || x || y`), a signature `r || s` (IEEE P1363), 32 bytes each.
//!
//! # What is signed
//!
//! ECDSA on P-256 with SHA-256 over these 126 bytes ([`Challenge::to_be_signed`]):
//!
//! ```text
//!   offset  size  content
//!        0    24  "puflab device evidence", two zero bytes      SIGNATURE_DOMAIN
//!       24     2  protocol version                              PROTOCOL_VERSION
//!       26     8  "verifier"                                    VERIFIER_ROLE
//!       34    32  verifier id
//!       66     8  "device", two zero bytes                      DEVICE_ROLE
//!       74    20  device id
//!       94    32  nonce
//! ```
//!
//! Every field has a fixed place and length, so that no two challenges share their bytes. The
//! domain keeps this signature apart from whatever else the device key may sign; the roles say who
//! speaks to whom, so that evidence for one verifier, or of one device, is none for another.
//!
//! # What it assumes, and what it does not give
//!
//! It shows a verifier that the holder of a registered private key answered *this* nonce, now. It
//! assumes that the key was registered honestly, that it exists in the device only, and that nonces
//! are unpredictable and accepted once.
//!
//! - **Relay is not prevented.** Whoever forwards both directions between a verifier and a distant
//!   genuine device is accepted; only distance bounding could tell.
//! - The verifier is not authenticated: a device answers whoever asks. The signed role and verifier
//!   id make such an answer worthless elsewhere.
//! - No session key comes out of it, and nothing binds it to what is said on the link afterwards.
//! - Nothing is hidden: a device can be recognised by its id and its public key.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use sha2::{Digest, Sha256};

/// The one version of the protocol.
pub const PROTOCOL_VERSION: u16 = 1;

/// Longest frame, type and payload together, without the four bytes of its length.
///
/// More than six times the longest message: room for a later version, and small enough that a
/// hostile length costs nothing.
pub const MAX_FRAME: usize = 1024;

/// Length of the length in front of a frame.
pub const FRAME_HEADER_LEN: usize = 4;

/// Length of an uncompressed SEC 1 point on P-256.
pub const PUBLIC_KEY_LEN: usize = 65;

/// Length of `r || s`.
pub const SIGNATURE_LEN: usize = 64;

/// Start of the signed bytes: what this signature is, and is not to be taken for anything else.
pub const SIGNATURE_DOMAIN: [u8; 24] = *b"puflab device evidence\0\0";

/// Stands before the verifier's id in the signed bytes.
pub const VERIFIER_ROLE: [u8; 8] = *b"verifier";

/// Stands before the device's id in the signed bytes.
pub const DEVICE_ROLE: [u8; 8] = *b"device\0\0";

/// Length of the signed bytes.
pub const TO_BE_SIGNED_LEN: usize = 24 + 2 + 8 + 32 + 8 + 20 + 32;

/// First byte of an uncompressed SEC 1 point.
const SEC1_UNCOMPRESSED: u8 = 4;

/// One message of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Verifier to device: who are you?
    Hello(Hello),
    /// Device to verifier: this is who I say I am.
    Identity(Identity),
    /// Verifier to device: prove it.
    Challenge(Challenge),
    /// Device to verifier: the proof.
    Evidence(Evidence),
    /// Device to verifier: it cannot or will not answer. Why is nobody's business on the wire.
    Refusal,
    /// Verifier to device: the outcome.
    Verdict(Verdict),
}

impl Message {
    /// Type and payload, without the length in front.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(1 + Kind::Evidence.payload_len());
        body.push(self.kind() as u8);
        match self {
            Self::Hello(Hello) => body.extend(PROTOCOL_VERSION.to_be_bytes()),
            Self::Identity(identity) => identity.write_payload(&mut body),
            Self::Challenge(challenge) => challenge.write_payload(&mut body),
            Self::Evidence(evidence) => evidence.write_payload(&mut body),
            Self::Refusal => {}
            Self::Verdict(verdict) => verdict.write_payload(&mut body),
        }
        body
    }

    /// Reads type and payload, which must fill `body` exactly.
    ///
    /// # Errors
    /// If `body` is empty, of an unknown type or another protocol version, too short or too long,
    /// or holds a value that the type does not know. A key's being on the curve and a signature's
    /// being in range are not judged here.
    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        if body.len() > MAX_FRAME {
            return Err(WireError::oversized(body.len()));
        }
        let (&code, payload) = body.split_first().ok_or(WireError::Empty)?;
        let kind = Kind::from_code(code).ok_or(WireError::UnknownType(code))?;
        let mut reader = Reader::open(kind, payload)?;
        Ok(match kind {
            Kind::Hello => Self::Hello(Hello),
            Kind::Identity => Self::Identity(Identity::read_payload(&mut reader)?),
            Kind::Challenge => Self::Challenge(Challenge::read_payload(&mut reader)),
            Kind::Evidence => Self::Evidence(Evidence::read_payload(&mut reader)),
            Kind::Refusal => Self::Refusal,
            Kind::Verdict => Self::Verdict(Verdict::read_payload(&mut reader)?),
        })
    }

    /// The whole frame: length, type, payload.
    #[must_use]
    pub fn encode_frame(&self) -> Vec<u8> {
        let body = self.encode();
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        [length.to_be_bytes().as_slice(), &body].concat()
    }

    /// Reads one whole frame, which must fill `frame` exactly.
    ///
    /// # Errors
    /// As [`frame_length`] and [`Message::decode`]; and if `frame` ends before its announced
    /// length, or goes on after it.
    pub fn decode_frame(frame: &[u8]) -> Result<Self, WireError> {
        let (header, body) = frame
            .split_first_chunk::<FRAME_HEADER_LEN>()
            .ok_or(WireError::Truncated { expected: FRAME_HEADER_LEN, found: frame.len() })?;
        let expected = frame_length(*header)?;
        match body.len() {
            found if found < expected => Err(WireError::Truncated { expected, found }),
            found if found > expected => Err(WireError::Trailing { excess: found - expected }),
            _ => Self::decode(body),
        }
    }

    /// What kind of message this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Hello(_) => Kind::Hello,
            Self::Identity(_) => Kind::Identity,
            Self::Challenge(_) => Kind::Challenge,
            Self::Evidence(_) => Kind::Evidence,
            Self::Refusal => Kind::Refusal,
            Self::Verdict(_) => Kind::Verdict,
        }
    }
}

/// The length that a frame's first four bytes announce, type byte included: `1..=MAX_FRAME`.
///
/// To be asked before a byte of memory is set aside for the frame.
///
/// # Errors
/// If the frame is announced as empty or as longer than [`MAX_FRAME`].
pub fn frame_length(header: [u8; FRAME_HEADER_LEN]) -> Result<usize, WireError> {
    let announced = u32::from_be_bytes(header);
    match usize::try_from(announced) {
        Ok(0) => Err(WireError::Empty),
        Ok(length) if length <= MAX_FRAME => Ok(length),
        _ => Err(WireError::Oversized { announced }),
    }
}

/// Verifier to device: who are you? Carries the protocol version only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello;

/// Device to verifier: who it claims to be.
///
/// A claim and nothing else: the verifier checks evidence with the key it registered, never with
/// the one shown here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The claimed id.
    pub device_id: DeviceId,
    /// The key the id is said to stand for, as uncompressed SEC 1 point.
    pub public_key: [u8; PUBLIC_KEY_LEN],
}

impl Identity {
    fn write_payload(&self, body: &mut Vec<u8>) {
        body.extend(PROTOCOL_VERSION.to_be_bytes());
        body.extend(self.device_id.0);
        body.extend(self.public_key);
    }

    fn read_payload(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let device_id = DeviceId(reader.take());
        let public_key: [u8; PUBLIC_KEY_LEN] = reader.take();
        if public_key[0] != SEC1_UNCOMPRESSED {
            return Err(WireError::PointForm(public_key[0]));
        }
        Ok(Self { device_id, public_key })
    }
}

/// Verifier to device: prove to this verifier, with this nonce, that you are this device.
///
/// The word is the protocol's here; a PUF's own challenge never crosses this wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Who asks.
    pub verifier_id: VerifierId,
    /// Who is asked.
    pub device_id: DeviceId,
    /// What makes the answer fresh.
    pub nonce: Nonce,
}

impl Challenge {
    /// The 126 bytes that the device signs, laid out as in the [module documentation](self).
    #[must_use]
    pub fn to_be_signed(&self) -> Vec<u8> {
        to_be_signed(&self.verifier_id, &self.device_id, &self.nonce)
    }

    fn write_payload(&self, body: &mut Vec<u8>) {
        body.extend(PROTOCOL_VERSION.to_be_bytes());
        body.extend(self.verifier_id.0);
        body.extend(self.device_id.0);
        body.extend(self.nonce.0);
    }

    fn read_payload(reader: &mut Reader<'_>) -> Self {
        Self {
            verifier_id: VerifierId(reader.take()),
            device_id: DeviceId(reader.take()),
            nonce: Nonce(reader.take()),
        }
    }
}

/// Device to verifier: the challenge's three fields, and a signature over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Whom it is for.
    pub verifier_id: VerifierId,
    /// Whose it is.
    pub device_id: DeviceId,
    /// Which challenge it answers.
    pub nonce: Nonce,
    /// `r || s`, big-endian, over [`Evidence::to_be_signed`].
    pub signature: [u8; SIGNATURE_LEN],
}

impl Evidence {
    /// The evidence that answers `challenge`, with a signature over [`Challenge::to_be_signed`].
    #[must_use]
    pub fn answer(challenge: &Challenge, signature: [u8; SIGNATURE_LEN]) -> Self {
        Self {
            verifier_id: challenge.verifier_id,
            device_id: challenge.device_id,
            nonce: challenge.nonce.clone(),
            signature,
        }
    }

    /// The 126 bytes that the signature is over, laid out as in the [module documentation](self).
    #[must_use]
    pub fn to_be_signed(&self) -> Vec<u8> {
        to_be_signed(&self.verifier_id, &self.device_id, &self.nonce)
    }

    fn write_payload(&self, body: &mut Vec<u8>) {
        body.extend(PROTOCOL_VERSION.to_be_bytes());
        body.extend(self.verifier_id.0);
        body.extend(self.device_id.0);
        body.extend(self.nonce.0);
        body.extend(self.signature);
    }

    fn read_payload(reader: &mut Reader<'_>) -> Self {
        Self {
            verifier_id: VerifierId(reader.take()),
            device_id: DeviceId(reader.take()),
            nonce: Nonce(reader.take()),
            signature: reader.take(),
        }
    }
}

/// Verifier to device: accepted or not.
///
/// There is no reason in it, so that every rejection looks the same to whoever provoked it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the door opens.
    pub accepted: bool,
}

impl Verdict {
    fn write_payload(self, body: &mut Vec<u8>) {
        body.push(u8::from(self.accepted));
    }

    fn read_payload(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.take() {
            [0] => Ok(Self { accepted: false }),
            [1] => Ok(Self { accepted: true }),
            [other] => Err(WireError::VerdictValue(other)),
        }
    }
}

/// A device's name: the first 20 bytes of SHA-256 of its public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub [u8; Self::LEN]);

impl DeviceId {
    /// Number of bytes.
    pub const LEN: usize = 20;

    /// The id of the device with this public key, an uncompressed SEC 1 point (`04 || x || y`).
    ///
    /// Another key with the same id takes 2^160 hash operations to find, so the id names the key.
    #[must_use]
    pub fn of_public_key(public_key: &[u8; PUBLIC_KEY_LEN]) -> Self {
        let digest: [u8; 32] = Sha256::digest(public_key).into();
        let mut id = [0; Self::LEN];
        id.copy_from_slice(&digest[..Self::LEN]);
        Self(id)
    }
}

/// A verifier's name, drawn at random when it is set up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifierId(pub [u8; Self::LEN]);

impl VerifierId {
    /// Number of bytes.
    pub const LEN: usize = 32;
}

/// A number used once.
///
/// Not `Copy`: where one is repeated (an attack, a test), a reader can see it. That it is accepted
/// once is the verifier's doing, since on the wire anybody can repeat anything.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce([u8; Self::LEN]);

impl Nonce {
    /// Number of bytes.
    pub const LEN: usize = 32;

    /// Takes 32 bytes, which whoever issues a nonce has drawn from a cryptographic generator.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({})", Hex(&self.0))
    }
}

macro_rules! written_in_hex {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Hex(&self.0).fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), Hex(&self.0))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_hex(text).map(Self)
            }
        }
    };
}

written_in_hex!(DeviceId);
written_in_hex!(VerifierId);

/// The kinds of messages, with their codes on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// [`Message::Hello`]
    Hello = 1,
    /// [`Message::Identity`]
    Identity = 2,
    /// [`Message::Challenge`]
    Challenge = 3,
    /// [`Message::Evidence`]
    Evidence = 4,
    /// [`Message::Refusal`]
    Refusal = 5,
    /// [`Message::Verdict`]
    Verdict = 6,
}

impl Kind {
    /// Every kind, by code.
    pub const ALL: [Self; 6] = [
        Self::Hello,
        Self::Identity,
        Self::Challenge,
        Self::Evidence,
        Self::Refusal,
        Self::Verdict,
    ];

    /// The kind with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }

    /// Number of bytes after the type.
    #[must_use]
    pub const fn payload_len(self) -> usize {
        const VERSION: usize = 2;
        const CHALLENGE: usize = VERSION + VerifierId::LEN + DeviceId::LEN + Nonce::LEN;
        match self {
            Self::Hello => VERSION,
            Self::Identity => VERSION + DeviceId::LEN + PUBLIC_KEY_LEN,
            Self::Challenge => CHALLENGE,
            Self::Evidence => CHALLENGE + SIGNATURE_LEN,
            Self::Refusal => 0,
            Self::Verdict => 1,
        }
    }

    const fn has_version(self) -> bool {
        !matches!(self, Self::Refusal | Self::Verdict)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hello => "hello",
            Self::Identity => "identity",
            Self::Challenge => "challenge",
            Self::Evidence => "evidence",
            Self::Refusal => "refusal",
            Self::Verdict => "verdict",
        })
    }
}

/// Why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireError {
    /// A frame of no bytes, not even a type.
    Empty,
    /// A frame announced as longer than [`MAX_FRAME`].
    Oversized {
        /// Announced length in bytes.
        announced: u32,
    },
    /// No message has this type code.
    UnknownType(u8),
    /// A message of another protocol version.
    Version {
        /// The version it names.
        found: u16,
    },
    /// A payload of another length than its type demands.
    PayloadLength {
        /// The type.
        kind: Kind,
        /// Length in bytes that the type demands.
        expected: usize,
        /// Length in bytes that was there.
        found: usize,
    },
    /// A frame that ends early.
    Truncated {
        /// Bytes needed.
        expected: usize,
        /// Bytes there.
        found: usize,
    },
    /// A frame with something behind it.
    Trailing {
        /// Bytes too many.
        excess: usize,
    },
    /// A public key that does not start like an uncompressed SEC 1 point.
    PointForm(u8),
    /// A verdict that is neither 0 nor 1.
    VerdictValue(u8),
}

impl WireError {
    fn oversized(length: usize) -> Self {
        Self::Oversized { announced: u32::try_from(length).unwrap_or(u32::MAX) }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty frame"),
            Self::Oversized { announced } => {
                write!(f, "frame announced with {announced} bytes, {MAX_FRAME} are allowed")
            }
            Self::UnknownType(code) => write!(f, "unknown message type {code:#04x}"),
            Self::Version { found } => {
                write!(f, "protocol version {found}, this is version {PROTOCOL_VERSION}")
            }
            Self::PayloadLength { kind, expected, found } => {
                write!(f, "{kind} payload of {found} bytes instead of {expected}")
            }
            Self::Truncated { expected, found } => {
                write!(f, "frame ends after {found} of {expected} bytes")
            }
            Self::Trailing { excess } => write!(f, "{excess} bytes after the end of the frame"),
            Self::PointForm(tag) => {
                write!(f, "public key starts with {tag:#04x}, not as an uncompressed point")
            }
            Self::VerdictValue(value) => write!(f, "verdict {value:#04x} is neither 0 nor 1"),
        }
    }
}

impl core::error::Error for WireError {}

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseIdError {
    /// Not the right number of hexadecimal digits.
    Length {
        /// Digits needed.
        expected: usize,
        /// Bytes of text there.
        found: usize,
    },
    /// Something other than a hexadecimal digit.
    Digit {
        /// Its offset in the text, in bytes.
        offset: usize,
    },
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => {
                write!(f, "{found} characters instead of {expected} hexadecimal digits")
            }
            Self::Digit { offset } => write!(f, "no hexadecimal digit at offset {offset}"),
        }
    }
}

impl core::error::Error for ParseIdError {}

fn to_be_signed(verifier_id: &VerifierId, device_id: &DeviceId, nonce: &Nonce) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(TO_BE_SIGNED_LEN);
    bytes.extend(SIGNATURE_DOMAIN);
    bytes.extend(PROTOCOL_VERSION.to_be_bytes());
    bytes.extend(VERIFIER_ROLE);
    bytes.extend(verifier_id.0);
    bytes.extend(DEVICE_ROLE);
    bytes.extend(device_id.0);
    bytes.extend(nonce.0);
    bytes
}

/// What is left of a payload whose length has been checked.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Checks version and length, in this order, and steps over the version.
    fn open(kind: Kind, payload: &'a [u8]) -> Result<Self, WireError> {
        let length =
            WireError::PayloadLength { kind, expected: kind.payload_len(), found: payload.len() };
        let mut rest = payload;
        if kind.has_version() {
            let (version, behind) = payload.split_first_chunk().ok_or(length)?;
            let found = u16::from_be_bytes(*version);
            if found != PROTOCOL_VERSION {
                return Err(WireError::Version { found });
            }
            rest = behind;
        }
        if payload.len() == kind.payload_len() { Ok(Self(rest)) } else { Err(length) }
    }

    /// The next `N` bytes. `open` has seen to it that they are there: the lengths that the readers
    /// of one kind take add up to its `payload_len`, which the round-trip tests hold.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((field, rest)) = self.0.split_first_chunk() else {
            return [0; N];
        };
        self.0 = rest;
        *field
    }
}

/// Bytes shown as lower-case hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], ParseIdError> {
    if text.len() != 2 * N {
        return Err(ParseIdError::Length { expected: 2 * N, found: text.len() });
    }
    let mut bytes = [0; N];
    for (offset, digit) in text.bytes().enumerate() {
        let value = hex_value(digit).ok_or(ParseIdError::Digit { offset })?;
        bytes[offset / 2] = bytes[offset / 2] << 4 | value;
    }
    Ok(bytes)
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;
    use std::vec;

    use proptest::prelude::*;

    use super::*;

    fn public_key() -> [u8; PUBLIC_KEY_LEN] {
        core::array::from_fn(|i| if i == 0 { 4 } else { u8::try_from(i).unwrap() })
    }

    fn challenge() -> Challenge {
        Challenge {
            verifier_id: VerifierId([0xaa; 32]),
            device_id: DeviceId([0xbb; 20]),
            nonce: Nonce::from_bytes([0xcc; 32]),
        }
    }

    fn every_message() -> Vec<Message> {
        vec![
            Message::Hello(Hello),
            Message::Identity(Identity {
                device_id: DeviceId([0xbb; 20]),
                public_key: public_key(),
            }),
            Message::Challenge(challenge()),
            Message::Evidence(Evidence::answer(&challenge(), [0xdd; 64])),
            Message::Refusal,
            Message::Verdict(Verdict { accepted: true }),
            Message::Verdict(Verdict { accepted: false }),
        ]
    }

    /// Pinned: whoever changes these bytes changes the protocol and its version.
    #[test]
    fn messages_have_their_documented_bytes() {
        assert_eq!(Message::Hello(Hello).encode_frame(), [0, 0, 0, 3, 1, 0, 1]);
        assert_eq!(Message::Refusal.encode_frame(), [0, 0, 0, 1, 5]);
        assert_eq!(Message::Verdict(Verdict { accepted: true }).encode_frame(), [0, 0, 0, 2, 6, 1]);

        let mut evidence = vec![0, 0, 0, 151, 4, 0, 1];
        evidence.extend([0xaa; 32]);
        evidence.extend([0xbb; 20]);
        evidence.extend([0xcc; 32]);
        evidence.extend([0xdd; 64]);
        assert_eq!(
            Message::Evidence(Evidence::answer(&challenge(), [0xdd; 64])).encode_frame(),
            evidence
        );
    }

    #[test]
    fn the_signed_bytes_are_laid_out_as_drawn() {
        let bytes = challenge().to_be_signed();
        assert_eq!(bytes.len(), TO_BE_SIGNED_LEN);
        assert_eq!(bytes.len(), 126);
        assert_eq!(&bytes[..24], b"puflab device evidence\0\0");
        assert_eq!(bytes[24..26], [0, 1]);
        assert_eq!(&bytes[26..34], b"verifier");
        assert_eq!(bytes[34..66], [0xaa; 32]);
        assert_eq!(&bytes[66..74], b"device\0\0");
        assert_eq!(bytes[74..94], [0xbb; 20]);
        assert_eq!(bytes[94..], [0xcc; 32]);
        assert_eq!(Evidence::answer(&challenge(), [0; 64]).to_be_signed(), bytes);
    }

    #[test]
    fn every_message_survives_the_wire() {
        for message in every_message() {
            assert_eq!(message.encode().len(), 1 + message.kind().payload_len());
            assert!(message.encode().len() <= MAX_FRAME);
            assert_eq!(Message::decode(&message.encode()).as_ref(), Ok(&message));
            assert_eq!(Message::decode_frame(&message.encode_frame()).as_ref(), Ok(&message));
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        for message in every_message() {
            let frame = message.encode_frame();
            for len in 0..frame.len() {
                let left = if len < 4 { len } else { len - 4 };
                assert!(
                    matches!(
                        Message::decode_frame(&frame[..len]),
                        Err(WireError::Truncated { found, .. }) if found == left
                    ),
                    "{message:?} cut to {len}"
                );
            }
            for len in 0..frame.len() - 4 {
                let error = Message::decode(&frame[4..4 + len]).unwrap_err();
                if len == 0 {
                    assert_eq!(error, WireError::Empty);
                } else {
                    assert!(
                        matches!(error, WireError::PayloadLength { found, .. } if found == len - 1)
                    );
                }
            }
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        for message in every_message() {
            let mut frame = message.encode_frame();
            frame.push(0);
            assert_eq!(Message::decode_frame(&frame), Err(WireError::Trailing { excess: 1 }));
            // Announced, they are refused all the same.
            frame[3] += 1;
            assert!(matches!(
                Message::decode_frame(&frame),
                Err(WireError::PayloadLength { expected, found, .. }) if found == expected + 1
            ));
        }
    }

    #[test]
    fn a_frame_is_bounded_before_it_is_read() {
        assert_eq!(frame_length([0, 0, 0, 0]), Err(WireError::Empty));
        assert_eq!(frame_length([0, 0, 4, 0]), Ok(MAX_FRAME));
        assert_eq!(frame_length([0, 0, 4, 1]), Err(WireError::Oversized { announced: 1025 }));
        assert_eq!(frame_length([255; 4]), Err(WireError::Oversized { announced: u32::MAX }));
        assert_eq!(
            Message::decode(&[1; MAX_FRAME + 1]),
            Err(WireError::Oversized { announced: 1025 })
        );
    }

    #[test]
    fn another_version_is_named_before_its_length_is_judged() {
        for message in every_message().into_iter().filter(|message| message.kind().has_version()) {
            let mut body = message.encode();
            body[2] = 2;
            assert_eq!(Message::decode(&body), Err(WireError::Version { found: 2 }));
            body.extend([0; 100]);
            assert_eq!(Message::decode(&body), Err(WireError::Version { found: 2 }));
        }
    }

    #[test]
    fn values_no_message_has_are_refused() {
        for code in (0..=255).filter(|code| !(1..=6).contains(code)) {
            assert_eq!(Message::decode(&[code]), Err(WireError::UnknownType(code)));
        }
        for value in 2..=255 {
            assert_eq!(Message::decode(&[6, value]), Err(WireError::VerdictValue(value)));
        }
        let mut compressed = every_message()[1].encode();
        compressed[23] = 2;
        assert_eq!(Message::decode(&compressed), Err(WireError::PointForm(2)));
    }

    #[test]
    fn ids_are_written_in_hex_and_read_back() {
        let id = DeviceId(core::array::from_fn(|i| 0x11 * u8::try_from(i % 15).unwrap()));
        assert_eq!(id.to_string(), "00112233445566778899aabbccddee0011223344");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        assert_eq!("00".parse::<DeviceId>(), Err(ParseIdError::Length { expected: 40, found: 2 }));
        assert_eq!(
            "00112233445566778899aabbccddee001122334g".parse::<DeviceId>(),
            Err(ParseIdError::Digit { offset: 39 })
        );
        assert_eq!("é".repeat(20).parse::<DeviceId>(), Err(ParseIdError::Digit { offset: 0 }));
    }

    /// SHA-256 of `04 01 02 … 40` computed apart from this code.
    #[test]
    fn a_device_id_is_the_start_of_the_hash_of_its_key() {
        assert_eq!(
            DeviceId::of_public_key(&public_key()).to_string(),
            "0ed3a6ab957ff6f59a9630a473d31a7d04fcb465"
        );
    }

    proptest! {
        #[test]
        fn decoding_never_panics_and_accepts_one_encoding_only(body: Vec<u8>) {
            if let Ok(message) = Message::decode(&body) {
                prop_assert_eq!(message.encode(), body);
            }
        }

        #[test]
        fn payloads_of_the_right_length_are_read_back_bit_for_bit(
            code in 1_u8..=6,
            mut payload in prop::collection::vec(any::<u8>(), 150),
        ) {
            let kind = Kind::from_code(code).unwrap();
            payload.truncate(kind.payload_len());
            if kind.has_version() {
                payload[..2].copy_from_slice(&[0, 1]);
            }
            if kind == Kind::Identity {
                payload[22] = 4;
            }
            if kind == Kind::Verdict {
                payload[0] &= 1;
            }
            let body = [vec![code], payload].concat();
            prop_assert_eq!(Message::decode(&body).unwrap().encode(), body);
        }

        #[test]
        fn decoding_a_frame_never_panics(frame: Vec<u8>) {
            if let Ok(message) = Message::decode_frame(&frame) {
                prop_assert_eq!(message.encode_frame(), frame);
            }
        }
    }
}
