//! The gate: decides whether a device is one of those it knows.
//!
//! It sees bytes and its registry, and nothing else: no silicon, no device secret, no helper data.
//! What it is told on the wire is a claim; the key that evidence is checked with always comes from
//! the registry.
//!
//! | room | what it does |
//! |---|---|
//! | [`registry`] | the devices and the audit log, on disk |
//! | [`nonce`] | challenges that are out, in bounded memory |
//! | [`signature`] | ECDSA, strictly |
//! | [`policy`] | how long, how often, how many |
//! | [`verdict`] | accepted, or why not |
//! | [`session`] | the conversation with one device over a link |
//! | [`folder`] | a verifier on disk |
//!
//! # Example
//!
//! A device, played by a signing key, proves itself in process:
//!
//! ```
//! use p256::ecdsa::{Signature, SigningKey, signature::Signer};
//! use puf_emulator::wire::{DeviceId, Evidence, VerifierId};
//! use puflab::verifier::{Reason, Timestamp, Verdict, Verifier};
//! # use rand_core::SeedableRng;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut rng = rand_chacha::ChaCha20Rng::from_seed([0; 32]);
//! let key = SigningKey::from_slice(&[0x42; 32])?;
//! let public_key = key.verifying_key().to_sec1_point(false).as_bytes().try_into()?;
//! let id = DeviceId::of_public_key(&public_key);
//!
//! let verifier = Verifier::in_memory(VerifierId([0xab; 32]))?;
//! let now = Timestamp::from_millis(0);
//! verifier.register(id, &public_key, now)?;
//!
//! let challenge = verifier.challenge(id, now, &mut rng)?;
//! let signature: Signature = key.sign(&challenge.to_be_signed());
//! let evidence = Evidence::answer(&challenge, signature.normalize_s().to_bytes().into());
//! assert_eq!(verifier.judge(&evidence, now)?, Verdict::Accepted);
//! assert_eq!(verifier.judge(&evidence, now)?, Verdict::Rejected(Reason::NonceUsed));
//! # Ok(())
//! # }
//! ```

pub mod folder;
pub mod nonce;
pub mod policy;
pub mod registry;
pub mod session;
pub mod signature;
pub mod timestamp;
pub mod verdict;

use std::error::Error;
use std::fmt;
use std::hint::black_box;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use puf_emulator::wire::{Challenge, DeviceId, Evidence, Message, PUBLIC_KEY_LEN, VerifierId};
use rand_core::CryptoRng;

pub use folder::FolderError;
pub use policy::Policy;
pub use registry::record::{AuditEntry, AuditEvent, DeviceRecord, Status};
pub use registry::{Registry, RegistryError, RegistryFault};
pub use session::{Attempt, AuthenticateError};
pub use timestamp::Timestamp;
pub use verdict::{Reason, Verdict};

use nonce::{IssueError, NonceRefusal, NonceTable};
use signature::{PublicKey, PublicKeyError, is_low_s, verify_p1363};

/// A verifier: who it is, what it allows, whom it knows, and which challenges are out.
///
/// All methods take `&self` and may run in parallel; whatever must happen once happens under one
/// lock or in one transaction.
#[derive(Debug)]
pub struct Verifier {
    id: VerifierId,
    policy: Policy,
    registry: Registry,
    nonces: Mutex<NonceTable>,
}

impl Verifier {
    /// Sets up a verifier in the folder `dir` under a new random id, or finishes a setup that was
    /// interrupted.
    ///
    /// # Errors
    /// If there is one already, which is never overwritten, or the host refuses.
    pub fn init(
        dir: &Path,
        policy: &Policy,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, FolderError> {
        folder::init(dir, policy, rng).map(Self::of_folder)
    }

    /// Opens the verifier in the folder `dir`.
    ///
    /// # Errors
    /// If `dir` is not a verifier, a file in it is malformed, damaged or in use, or its registry is
    /// another verifier's.
    pub fn open(dir: &Path) -> Result<Self, FolderError> {
        folder::open(dir).map(Self::of_folder)
    }

    /// A verifier that lives as long as this value, with the default policy.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn in_memory(id: VerifierId) -> Result<Self, VerifierError> {
        Self::in_memory_with(id, Policy::default())
    }

    /// A verifier that lives as long as this value.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn in_memory_with(id: VerifierId, policy: Policy) -> Result<Self, VerifierError> {
        Ok(Self::new(id, policy, Registry::in_memory(id)?))
    }

    fn of_folder(folder: folder::Folder) -> Self {
        Self::new(folder.verifier_id, folder.policy, folder.registry)
    }

    fn new(id: VerifierId, policy: Policy, registry: Registry) -> Self {
        let nonces = NonceTable::new(policy.max_outstanding_nonces(), policy.nonce_ttl());
        Self { id, policy, registry, nonces: Mutex::new(nonces) }
    }

    /// Who it is.
    #[must_use]
    pub fn id(&self) -> VerifierId {
        self.id
    }

    /// What it allows.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whom it knows, to be read.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Makes a device known by its public key, an uncompressed SEC 1 point.
    ///
    /// The id must be that of the key, so a device can be registered again only with the same key,
    /// which changes nothing.
    ///
    /// # Errors
    /// If the key is none, the id is not its id, or the device has been revoked, which is for good.
    pub fn register(
        &self,
        device_id: DeviceId,
        public_key: &[u8; PUBLIC_KEY_LEN],
        now: Timestamp,
    ) -> Result<Registration, VerifierError> {
        let key = PublicKey::from_sec1(public_key).map_err(VerifierError::PublicKey)?;
        let of_key = DeviceId::of_public_key(public_key);
        if of_key != device_id {
            return Err(VerifierError::DeviceIdMismatch { given: device_id, of_key });
        }
        let outcome = self.transact(Some(device_id), now, |record| match record {
            Some(known) if known.status() == Status::Revoked => {
                Err(Err(VerifierError::Revoked(device_id)))
            }
            Some(_) => Err(Ok(Registration::AlreadyKnown)),
            None => {
                *record = Some(DeviceRecord::new(*public_key, key, now));
                Ok(AuditEvent::Registered)
            }
        })?;
        match outcome {
            Ok(_) => Ok(Registration::New),
            Err(unchanged) => unchanged,
        }
    }

    /// Never accepts this device again.
    ///
    /// # Errors
    /// If it is not known.
    pub fn revoke(&self, device_id: DeviceId, now: Timestamp) -> Result<(), VerifierError> {
        self.amend(device_id, now, AuditEvent::Revoked, DeviceRecord::revoke)
    }

    /// Lifts a lock-out.
    ///
    /// # Errors
    /// If the device is not known.
    pub fn unlock(&self, device_id: DeviceId, now: Timestamp) -> Result<(), VerifierError> {
        self.amend(device_id, now, AuditEvent::Unlocked, DeviceRecord::unlock)
    }

    /// Every known device, by id.
    ///
    /// # Errors
    /// If the registry cannot be read.
    pub fn list(&self) -> Result<Vec<(DeviceId, DeviceRecord)>, VerifierError> {
        Ok(self.registry.devices()?)
    }

    /// A challenge for the device that says it is `device_id`.
    ///
    /// Whoever asks gets one: a device that is unknown or revoked is challenged like any other and
    /// rejected at the end, so that asking does not tell who is registered. Only the nonces of
    /// devices that could be accepted take up memory.
    ///
    /// # Errors
    /// If too many challenges are out, the generator repeats itself, or the registry cannot be read.
    pub fn challenge(
        &self,
        device_id: DeviceId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Challenge, VerifierError> {
        let device = self.registry.device(device_id)?;
        let nonce = if device.is_some_and(|device| device.status() == Status::Active) {
            self.nonces().issue(device_id, now, rng).map_err(VerifierError::NoNonce)?
        } else {
            nonce::decoy(rng)
        };
        Ok(Challenge { verifier_id: self.id, device_id, nonce })
    }

    /// Decides on evidence.
    ///
    /// Its nonce is spent whatever comes of it. When this returns, the verdict, and what it means
    /// for the device's counters, is durable: no answer leaves before its consequences are
    /// recorded, so cutting the verifier's power buys no attempt.
    ///
    /// # Lock-out
    /// A failure counts toward the lock-out of the device that was *challenged*, if it spent a fresh
    /// nonce of that device and is a [failure to prove](Reason::counts_toward_lockout). Evidence out
    /// of the blue, old or for others, is rejected and locks nobody out.
    ///
    /// # Errors
    /// If the registry cannot be read or written. There is no verdict then: the door stays closed.
    pub fn judge(&self, evidence: &Evidence, now: Timestamp) -> Result<Verdict, VerifierError> {
        let redeemed = self.nonces().redeem(&evidence.nonce, now);
        let proof = self.check_signature(evidence)?;
        let finding = match redeemed {
            _ if evidence.verifier_id != self.id => Err(Reason::WrongVerifier),
            Err(refusal) => Err(refusal.into()),
            Ok(challenged) if challenged != evidence.device_id => Err(Reason::WrongDevice),
            Ok(_) => proof,
        };
        let device_id = redeemed.unwrap_or(evidence.device_id);
        self.conclude(Some(device_id), finding, redeemed.is_ok(), now)
    }

    /// Decides on whatever a device answered when it was asked with `challenge`.
    ///
    /// Stricter than [`judge`](Self::judge): the answer must be evidence, and for this very
    /// challenge, not for one of another session. The challenge's nonce is spent whatever the answer
    /// is; `None` stands for silence.
    ///
    /// # Errors
    /// If the registry cannot be read or written.
    pub fn judge_answer(
        &self,
        challenge: &Challenge,
        answer: Option<&Message>,
        now: Timestamp,
    ) -> Result<Verdict, VerifierError> {
        let reason = match answer {
            Some(Message::Evidence(evidence)) => {
                if evidence.nonce == challenge.nonce && evidence.device_id == challenge.device_id {
                    return self.judge(evidence, now);
                }
                self.check_signature(evidence)?.err();
                self.misfit(challenge, evidence, now)
            }
            Some(Message::Refusal) => Reason::NoEvidence,
            Some(_) => Reason::UnexpectedMessage,
            None => Reason::NoAnswer,
        };
        self.reject_answer(challenge, reason, now)
    }

    /// Rejects what came in answer to `challenge`, whose nonce is spent by it.
    fn reject_answer(
        &self,
        challenge: &Challenge,
        reason: Reason,
        now: Timestamp,
    ) -> Result<Verdict, VerifierError> {
        let spent = self.nonces().withdraw(&challenge.nonce);
        self.conclude(Some(challenge.device_id), Err(reason), spent, now)
    }

    /// Why evidence is none for this challenge. Does not spend the nonce that it names instead: that
    /// may be another session's, and is not this device's to spend.
    fn misfit(&self, challenge: &Challenge, evidence: &Evidence, now: Timestamp) -> Reason {
        if evidence.verifier_id != self.id {
            return Reason::WrongVerifier;
        }
        if evidence.device_id != challenge.device_id {
            return Reason::WrongDevice;
        }
        match self.nonces().look_up(&evidence.nonce, now) {
            Ok(_) => Reason::WrongSession,
            Err(refusal) => refusal.into(),
        }
    }

    /// Whether the registered key signed this. For an unknown device the same work is done with a
    /// key that is not secret, and its result thrown away: time then tells little about who is
    /// registered. It is not constant, as a known device's failure writes one record more.
    fn check_signature(&self, evidence: &Evidence) -> Result<Result<(), Reason>, VerifierError> {
        let signed = evidence.to_be_signed();
        let verify = |key: &PublicKey| match verify_p1363(key, &signed, &evidence.signature) {
            Err(_) => Err(Reason::BadSignature),
            Ok(()) if !is_low_s(&evidence.signature) => Err(Reason::NonCanonicalSignature),
            Ok(()) => Ok(()),
        };
        Ok(match self.registry.device(evidence.device_id)? {
            Some(device) => verify(device.key()),
            None => {
                let _ = black_box(PublicKey::from_sec1(&BASE_POINT).map(|key| verify(&key)));
                Err(Reason::UnknownDevice)
            }
        })
    }

    /// Turns what was found into a verdict, in the light of the device's standing, and records both
    /// in one transaction.
    ///
    /// Standing comes first: a device that is unknown, revoked or locked out is rejected as such
    /// whatever it shows.
    fn conclude(
        &self,
        device_id: Option<DeviceId>,
        finding: Result<(), Reason>,
        spent_nonce: bool,
        now: Timestamp,
    ) -> Result<Verdict, VerifierError> {
        let mut verdict = Verdict::Rejected(Reason::UnknownDevice);
        let _: Result<_, ()> = self.transact(device_id, now, |record| {
            verdict = match (record.as_mut(), device_id, finding) {
                (Some(record), ..) => settle(record, finding, spent_nonce, &self.policy, now),
                (None, None, Err(reason)) => Verdict::Rejected(reason),
                (None, ..) => Verdict::Rejected(Reason::UnknownDevice),
            };
            Ok(AuditEvent::Judged(verdict))
        })?;
        Ok(verdict)
    }

    fn amend(
        &self,
        device_id: DeviceId,
        now: Timestamp,
        event: AuditEvent,
        change: impl FnOnce(&mut DeviceRecord),
    ) -> Result<(), VerifierError> {
        let outcome = self.transact(Some(device_id), now, |record| match record {
            Some(record) => {
                change(record);
                Ok(event)
            }
            None => Err(VerifierError::UnknownDevice(device_id)),
        })?;
        outcome.map(|_| ())
    }

    fn transact<E>(
        &self,
        device_id: Option<DeviceId>,
        now: Timestamp,
        decide: impl FnOnce(&mut Option<DeviceRecord>) -> Result<AuditEvent, E>,
    ) -> Result<Result<AuditEvent, E>, VerifierError> {
        Ok(self.registry.transact(device_id, now, self.policy.max_audit_entries(), decide)?)
    }

    fn nonces(&self) -> MutexGuard<'_, NonceTable> {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The verdict on a known device, and what it does to its counters.
fn settle(
    record: &mut DeviceRecord,
    finding: Result<(), Reason>,
    spent_nonce: bool,
    policy: &Policy,
    now: Timestamp,
) -> Verdict {
    if let Some(obstacle) = record.obstacle(now) {
        return Verdict::Rejected(obstacle);
    }
    match finding {
        Ok(()) => {
            record.count_success();
            Verdict::Accepted
        }
        Err(reason) => {
            if spent_nonce && reason.counts_toward_lockout() {
                record.count_failure(policy, now);
            }
            Verdict::Rejected(reason)
        }
    }
}

/// What a registration came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// The device is known from now on.
    New,
    /// It was known before, by this key.
    AlreadyKnown,
}

impl From<NonceRefusal> for Reason {
    fn from(refusal: NonceRefusal) -> Self {
        match refusal {
            NonceRefusal::Unknown => Self::NonceUnknown,
            NonceRefusal::Used => Self::NonceUsed,
            NonceRefusal::Expired => Self::NonceExpired,
        }
    }
}

/// Why a verifier did not do what it was asked.
#[derive(Debug)]
pub enum VerifierError {
    /// The registry cannot be read or written.
    Registry(RegistryError),
    /// No challenge can be issued.
    NoNonce(IssueError),
    /// The public key is none.
    PublicKey(PublicKeyError),
    /// A device was to be registered under an id that is not its key's.
    DeviceIdMismatch {
        /// The id it was to be registered under.
        given: DeviceId,
        /// The id of its key.
        of_key: DeviceId,
    },
    /// The device was revoked, and cannot be registered again.
    Revoked(DeviceId),
    /// No such device is registered.
    UnknownDevice(DeviceId),
}

impl fmt::Display for VerifierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(error) => error.fmt(f),
            Self::NoNonce(error) => error.fmt(f),
            Self::PublicKey(error) => error.fmt(f),
            Self::DeviceIdMismatch { given, of_key } => {
                write!(f, "device id {given} is not that of the public key, which is {of_key}")
            }
            Self::Revoked(id) => {
                write!(f, "device {id} was revoked and cannot be registered again")
            }
            Self::UnknownDevice(id) => write!(f, "device {id} is not registered"),
        }
    }
}

impl Error for VerifierError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Registry(error) => Some(error),
            Self::NoNonce(error) => Some(error),
            Self::PublicKey(error) => Some(error),
            _ => None,
        }
    }
}

impl From<RegistryError> for VerifierError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error)
    }
}

/// The base point of P-256 (SP 800-186, section 3.2.1.3), uncompressed: the public key of the
/// private key 1, for work whose result does not matter.
const BASE_POINT: [u8; PUBLIC_KEY_LEN] = [
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40,
    0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2,
    0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e,
    0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51,
    0xf5,
];
