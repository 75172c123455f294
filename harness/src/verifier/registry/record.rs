//! How devices and audit entries are written down: versioned bytes, validated on the way in.
//!
//! All integers are big-endian.
//!
//! ```text
//!   device record, 95 bytes              audit entry, 30 bytes and a name
//!    0   1  version, 1                    0   1  version, 1
//!    1   1  status: 0 active, 1 revoked   1   8  time, milliseconds
//!    2  65  public key, SEC 1             9   1  whether a device is named
//!   67   8  registered at, milliseconds  10  20  device id, or zeros
//!   75   8  accepted attempts            30   …  event, its stable name in ASCII
//!   83   4  failed attempts in a row
//!   87   8  locked until, milliseconds
//! ```

use std::fmt;
use std::str;

use puf_emulator::wire::{DeviceId, PUBLIC_KEY_LEN};

use crate::verifier::policy::Policy;
use crate::verifier::signature::PublicKey;
use crate::verifier::timestamp::Timestamp;
use crate::verifier::verdict::{Reason, Verdict};

const RECORD_VERSION: u8 = 1;
const DEVICE_RECORD_LEN: usize = 1 + 1 + PUBLIC_KEY_LEN + 8 + 8 + 4 + 8;
const AUDIT_HEAD_LEN: usize = 1 + 8 + 1 + DeviceId::LEN;

/// Whether a device may still come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It may.
    Active,
    /// Never again.
    Revoked,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::Revoked => "revoked",
        })
    }
}

/// What the verifier knows about one device. All of it is public, or harmless.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceRecord {
    public_key: [u8; PUBLIC_KEY_LEN],
    key: PublicKey,
    status: Status,
    registered_at: Timestamp,
    accepted: u64,
    failed_in_a_row: u32,
    locked_until: Timestamp,
}

impl DeviceRecord {
    /// A device that was just registered. `key` is `public_key`, parsed.
    pub(in crate::verifier) fn new(
        public_key: [u8; PUBLIC_KEY_LEN],
        key: PublicKey,
        registered_at: Timestamp,
    ) -> Self {
        Self {
            public_key,
            key,
            status: Status::Active,
            registered_at,
            accepted: 0,
            failed_in_a_row: 0,
            locked_until: Timestamp::default(),
        }
    }

    /// The public key as an uncompressed SEC 1 point.
    #[must_use]
    pub fn public_key(&self) -> &[u8; PUBLIC_KEY_LEN] {
        &self.public_key
    }

    /// The public key to check signatures with.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Whether it may still come in.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// When it was registered.
    #[must_use]
    pub fn registered_at(&self) -> Timestamp {
        self.registered_at
    }

    /// How often it was accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Failed attempts since the last success or lock-out.
    #[must_use]
    pub fn failed_in_a_row(&self) -> u32 {
        self.failed_in_a_row
    }

    /// Until when it is locked out, if it is.
    #[must_use]
    pub fn locked_until(&self, now: Timestamp) -> Option<Timestamp> {
        (now < self.locked_until).then_some(self.locked_until)
    }

    /// Why nothing this device shows can be accepted now, if so.
    #[must_use]
    pub fn obstacle(&self, now: Timestamp) -> Option<Reason> {
        match self.status {
            Status::Revoked => Some(Reason::DeviceRevoked),
            Status::Active => self.locked_until(now).map(|_| Reason::LockedOut),
        }
    }

    pub(in crate::verifier) fn count_success(&mut self) {
        self.accepted = self.accepted.saturating_add(1);
        self.failed_in_a_row = 0;
    }

    /// Counts one failure more, and locks the device out when it is one too many.
    pub(in crate::verifier) fn count_failure(&mut self, policy: &Policy, now: Timestamp) {
        self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
        if u64::from(self.failed_in_a_row) < policy.max_failed_attempts() {
            return;
        }
        if let Some(lockout) = policy.lockout() {
            self.locked_until = now.plus(lockout);
            self.failed_in_a_row = 0;
        }
    }

    pub(in crate::verifier) fn unlock(&mut self) {
        self.locked_until = Timestamp::default();
        self.failed_in_a_row = 0;
    }

    pub(in crate::verifier) fn revoke(&mut self) {
        self.status = Status::Revoked;
    }

    pub(super) fn to_bytes(&self) -> [u8; DEVICE_RECORD_LEN] {
        let mut bytes = [0; DEVICE_RECORD_LEN];
        bytes[0] = RECORD_VERSION;
        bytes[1] = u8::from(self.status == Status::Revoked);
        bytes[2..67].copy_from_slice(&self.public_key);
        bytes[67..75].copy_from_slice(&self.registered_at.as_millis().to_be_bytes());
        bytes[75..83].copy_from_slice(&self.accepted.to_be_bytes());
        bytes[83..87].copy_from_slice(&self.failed_in_a_row.to_be_bytes());
        bytes[87..95].copy_from_slice(&self.locked_until.as_millis().to_be_bytes());
        bytes
    }

    /// Reads the record of the device `id`.
    pub(super) fn from_bytes(id: DeviceId, bytes: &[u8]) -> Result<Self, RecordError> {
        let mut fields = Fields::open(bytes, DEVICE_RECORD_LEN)?;
        if bytes.len() != DEVICE_RECORD_LEN {
            return Err(RecordError::Length(bytes.len()));
        }
        let status = match fields.take() {
            [0] => Status::Active,
            [1] => Status::Revoked,
            [other] => return Err(RecordError::Status(other)),
        };
        let public_key = fields.take();
        let key = PublicKey::from_sec1(&public_key).map_err(|_| RecordError::Key)?;
        if DeviceId::of_public_key(&public_key) != id {
            return Err(RecordError::KeyOfAnother);
        }
        Ok(Self {
            public_key,
            key,
            status,
            registered_at: fields.take_timestamp(),
            accepted: u64::from_be_bytes(fields.take()),
            failed_in_a_row: u32::from_be_bytes(fields.take()),
            locked_until: fields.take_timestamp(),
        })
    }
}

/// One line of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who, as far as anybody said.
    pub device_id: Option<DeviceId>,
    /// What.
    pub event: AuditEvent,
}

/// What the audit log is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditEvent {
    /// A device was registered.
    Registered,
    /// A device was revoked.
    Revoked,
    /// A lock-out was lifted.
    Unlocked,
    /// An attempt was judged.
    Judged(Verdict),
}

impl AuditEvent {
    /// Its stable name; a rejection goes by its reason.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Revoked => "revoked",
            Self::Unlocked => "unlocked",
            Self::Judged(Verdict::Accepted) => "accepted",
            Self::Judged(Verdict::Rejected(reason)) => reason.name(),
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        match name {
            "registered" => Some(Self::Registered),
            "revoked" => Some(Self::Revoked),
            "unlocked" => Some(Self::Unlocked),
            "accepted" => Some(Self::Judged(Verdict::Accepted)),
            reason => reason.parse().ok().map(|reason| Self::Judged(Verdict::Rejected(reason))),
        }
    }
}

impl AuditEntry {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(AUDIT_HEAD_LEN + 24);
        bytes.push(RECORD_VERSION);
        bytes.extend(self.at.as_millis().to_be_bytes());
        bytes.push(u8::from(self.device_id.is_some()));
        bytes.extend(self.device_id.map_or([0; DeviceId::LEN], |id| id.0));
        bytes.extend(self.event.name().bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut fields = Fields::open(bytes, AUDIT_HEAD_LEN)?;
        let at = fields.take_timestamp();
        let [named] = fields.take();
        let id: [u8; DeviceId::LEN] = fields.take();
        let device_id = match named {
            0 if id == [0; DeviceId::LEN] => None,
            1 => Some(DeviceId(id)),
            _ => return Err(RecordError::Event),
        };
        let event = str::from_utf8(fields.0)
            .ok()
            .and_then(AuditEvent::from_name)
            .ok_or(RecordError::Event)?;
        Ok(Self { at, device_id, event })
    }
}

/// What is left of a record whose least length has been checked.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Checks the version and that there are at least `least` bytes, and steps over the version.
    fn open(bytes: &'a [u8], least: usize) -> Result<Self, RecordError> {
        let (&version, rest) = bytes.split_first().ok_or(RecordError::Length(0))?;
        if version != RECORD_VERSION {
            return Err(RecordError::Version(version));
        }
        if bytes.len() < least { Err(RecordError::Length(bytes.len())) } else { Ok(Self(rest)) }
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((field, rest)) = self.0.split_first_chunk() else {
            return [0; N];
        };
        self.0 = rest;
        *field
    }

    fn take_timestamp(&mut self) -> Timestamp {
        Timestamp::from_millis(u64::from_be_bytes(self.take()))
    }
}

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordError {
    Version(u8),
    Length(usize),
    Status(u8),
    Key,
    KeyOfAnother,
    Event,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "record version {version} is not known"),
            Self::Length(length) => write!(f, "record of {length} bytes"),
            Self::Status(status) => write!(f, "status {status} is not known"),
            Self::Key => f.write_str("public key is not a point of P-256"),
            Self::KeyOfAnother => f.write_str("public key is not that of the device's id"),
            Self::Event => f.write_str("audit event is not known"),
        }
    }
}

impl std::error::Error for RecordError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The base point: the public key of the private key 1 (SP 800-186, section 3.2.1.3).
    fn record() -> (DeviceId, DeviceRecord) {
        let point = crate::verifier::BASE_POINT;
        let key = PublicKey::from_sec1(&point).unwrap();
        let mut record = DeviceRecord::new(point, key, Timestamp::from_millis(0x0102));
        record.count_success();
        record.count_failure(&Policy::default(), Timestamp::default());
        (DeviceId::of_public_key(&point), record)
    }

    #[test]
    fn a_device_record_is_read_back() {
        let (id, mut record) = record();
        assert_eq!(DeviceRecord::from_bytes(id, &record.to_bytes()).as_ref(), Ok(&record));
        record.revoke();
        assert_eq!(DeviceRecord::from_bytes(id, &record.to_bytes()).as_ref(), Ok(&record));
        assert_eq!(
            record.to_bytes()[67..],
            [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn a_spoilt_device_record_is_refused() {
        let (id, record) = record();
        let good = record.to_bytes();
        let spoilt = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            DeviceRecord::from_bytes(id, &bytes).unwrap_err()
        };
        assert_eq!(spoilt(0, 2), RecordError::Version(2));
        assert_eq!(spoilt(1, 2), RecordError::Status(2));
        assert_eq!(spoilt(66, good[66] ^ 1), RecordError::Key);
        let other = DeviceId([0; 20]);
        assert_eq!(DeviceRecord::from_bytes(other, &good), Err(RecordError::KeyOfAnother));
        for len in 0..good.len() {
            assert_eq!(DeviceRecord::from_bytes(id, &good[..len]), Err(RecordError::Length(len)));
        }
        let longer = [good.as_slice(), &[0]].concat();
        assert_eq!(DeviceRecord::from_bytes(id, &longer), Err(RecordError::Length(96)));
    }

    #[test]
    fn every_audit_event_is_read_back() {
        let rejections =
            Reason::ALL.iter().map(|reason| AuditEvent::Judged(Verdict::Rejected(*reason)));
        let others = [
            AuditEvent::Registered,
            AuditEvent::Revoked,
            AuditEvent::Unlocked,
            AuditEvent::Judged(Verdict::Accepted),
        ];
        for event in rejections.chain(others) {
            for device_id in [None, Some(DeviceId([9; 20]))] {
                let entry = AuditEntry { at: Timestamp::from_millis(77), device_id, event };
                assert_eq!(AuditEntry::from_bytes(&entry.to_bytes()), Ok(entry));
            }
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes: Vec<u8>, mut versioned: Vec<u8>) {
            versioned.insert(0, RECORD_VERSION);
            for bytes in [bytes, versioned] {
                let _ = DeviceRecord::from_bytes(DeviceId([0; 20]), &bytes);
                if let Ok(entry) = AuditEntry::from_bytes(&bytes) {
                    prop_assert_eq!(entry.to_bytes(), bytes);
                }
            }
        }
    }
}
