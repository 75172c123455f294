//! The conversation with one device over a link.
//!
//! ```text
//!   Hello → Identity → Challenge → Evidence → Verdict
//! ```
//!
//! Once a device has said who it is, the attempt ends in a verdict, whatever the device does. Every
//! rejection looks the same on the wire, and takes the same steps.

use std::error::Error;
use std::fmt;

use puf_emulator::wire::{self, Challenge, DeviceId, Hello, Identity, Message, WireError};
use rand_core::CryptoRng;

use crate::link::{Link, LinkError, TimedStream, Timeouts};
use crate::verifier::nonce;
use crate::verifier::timestamp::Timestamp;
use crate::verifier::verdict::{Reason, Verdict};
use crate::verifier::{Verifier, VerifierError};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Who the device said it was, if it got as far. Only an accepted device *is* who it said.
    pub device_id: Option<DeviceId>,
    /// What the verifier decided.
    pub verdict: Verdict,
    /// Whether the device was told. The verdict stands either way: no state on the two sides has to
    /// agree afterwards, so that a lost last message leaves nothing out of step.
    pub told: bool,
}

impl Verifier {
    /// The limits that its policy sets on a link to a device.
    #[must_use]
    pub fn timeouts(&self) -> Timeouts {
        Timeouts {
            message: self.policy().answer_timeout(),
            session: self.policy().session_timeout(),
        }
    }

    /// Asks the device at the other end of `link` who it is and to prove it.
    ///
    /// # Errors
    /// If the device falls silent before it has said who it is, or there can be no verdict: no
    /// challenge can be issued, or the registry cannot be read or written.
    pub fn authenticate<S: TimedStream>(
        &self,
        link: &mut Link<S>,
        clock: impl Fn() -> Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Attempt, AuthenticateError> {
        link.send(&Message::Hello(Hello))?;
        let decided = match link.receive() {
            Ok(Message::Identity(identity)) => self.question(link, &identity, clock, rng),
            Ok(Message::Refusal) => self.dismiss(Reason::NoEvidence, clock()),
            Ok(_) => self.dismiss(Reason::UnexpectedMessage, clock()),
            Err(LinkError::Wire(error)) => self.dismiss(error.into(), clock()),
            Err(error) => return Err(error.into()),
        };
        // Without a decision the door stays closed, and the device is told no more than that.
        let accepted = decided.as_ref().is_ok_and(|(_, verdict)| verdict.is_accepted());
        let told = link.send(&Message::Verdict(wire::Verdict { accepted })).is_ok();
        let (device_id, verdict) = decided?;
        Ok(Attempt { device_id, verdict, told })
    }

    /// Challenges who claims `identity`, and judges the answer.
    fn question<S: TimedStream>(
        &self,
        link: &mut Link<S>,
        identity: &Identity,
        clock: impl Fn() -> Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(Option<DeviceId>, Verdict), VerifierError> {
        let device_id = identity.device_id;
        let consistent = DeviceId::of_public_key(&identity.public_key) == device_id;
        let challenge = if consistent {
            self.challenge(device_id, clock(), rng)?
        } else {
            Challenge { verifier_id: self.id(), device_id, nonce: nonce::decoy(rng) }
        };
        let answer =
            link.send(&Message::Challenge(challenge.clone())).and_then(|()| link.receive());
        let verdict = match answer {
            _ if !consistent => {
                self.reject_answer(&challenge, Reason::ImpersonatedIdentity, clock())
            }
            Ok(message) => self.judge_answer(&challenge, Some(&message), clock()),
            Err(LinkError::Wire(error)) => self.reject_answer(&challenge, error.into(), clock()),
            Err(_) => self.judge_answer(&challenge, None, clock()),
        }?;
        Ok((Some(device_id), verdict))
    }

    /// Rejects who did not even say who it is.
    fn dismiss(
        &self,
        reason: Reason,
        now: Timestamp,
    ) -> Result<(Option<DeviceId>, Verdict), VerifierError> {
        Ok((None, self.conclude(None, Err(reason), false, now)?))
    }
}

impl From<WireError> for Reason {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Version { .. } => Self::Version,
            _ => Self::Malformed,
        }
    }
}

/// Why an attempt ended without a verdict.
#[derive(Debug)]
pub enum AuthenticateError {
    /// The device was not heard.
    Link(LinkError),
    /// The verifier could not decide.
    Verifier(VerifierError),
}

impl fmt::Display for AuthenticateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(error) => error.fmt(f),
            Self::Verifier(error) => error.fmt(f),
        }
    }
}

impl Error for AuthenticateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Link(error) => Some(error),
            Self::Verifier(error) => Some(error),
        }
    }
}

impl From<LinkError> for AuthenticateError {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl From<VerifierError> for AuthenticateError {
    fn from(error: VerifierError) -> Self {
        Self::Verifier(error)
    }
}
