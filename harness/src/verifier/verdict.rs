//! What comes out of an attempt.
//!
//! The reason is for the report and the audit log. On the wire there is a yes or a no
//! ([`wire::Verdict`](puf_emulator::wire::Verdict)).

use std::fmt;
use std::str::FromStr;

/// The gate's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The device showed that it holds the registered key, now.
    Accepted,
    /// It did not, for this reason.
    Rejected(Reason),
}

impl Verdict {
    /// Whether the door opens.
    #[must_use]
    pub fn is_accepted(self) -> bool {
        self == Self::Accepted
    }

    /// Why the door stays closed.
    #[must_use]
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::Accepted => None,
            Self::Rejected(reason) => Some(reason),
        }
    }

    /// `accepted` or `rejected`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected(_) => "rejected",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Rejected(reason) => write!(f, "rejected: {reason}"),
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident = $name:literal,)*) => {
        /// Why an attempt was rejected. The names are stable: reports and audit logs hold them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $reason,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$reason,)*];

            /// Its stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$reason => $name,)*
                }
            }
        }
    };
}

reasons! {
    /// No device with this id is registered.
    UnknownDevice = "unknown-device",
    /// The device was registered and then revoked.
    DeviceRevoked = "device-revoked",
    /// Too many attempts failed; the device must wait.
    LockedOut = "locked-out",
    /// The nonce was never issued here, or so long ago that it is forgotten, or before a restart.
    NonceUnknown = "nonce-unknown",
    /// The nonce is too old.
    NonceExpired = "nonce-expired",
    /// The nonce was answered before: a replay.
    NonceUsed = "nonce-used",
    /// The evidence is addressed to another verifier.
    WrongVerifier = "wrong-verifier",
    /// The evidence is of another device than the one that was challenged.
    WrongDevice = "wrong-device",
    /// The evidence answers a challenge of another session.
    WrongSession = "wrong-session",
    /// The registered key did not sign this challenge.
    BadSignature = "bad-signature",
    /// `s` is in the upper half: a signature that somebody has rewritten.
    NonCanonicalSignature = "non-canonical-signature",
    /// The device refused: it cannot rebuild its key, or the challenge is not for it.
    NoEvidence = "no-evidence",
    /// The device was challenged and fell silent.
    NoAnswer = "no-answer",
    /// What came is not a message.
    Malformed = "malformed",
    /// What came is a message, but not one that is due.
    UnexpectedMessage = "unexpected-message",
    /// What came is of another protocol version.
    Version = "version",
    /// The device claims an id that is not that of the key it shows.
    ImpersonatedIdentity = "impersonated-identity",
}

impl Reason {
    /// Whether a challenged device that fails in this way comes a step closer to being locked out.
    ///
    /// Failures to *prove* do: they are what guessing, tampering with helper data and other
    /// experiments on a device look like from here. Silence and slowness do not, as they show
    /// nothing about the key; and a device without standing (unknown, revoked, locked out) has
    /// nothing to lose. Only who was issued a nonce can fail at all: see
    /// [`Verifier::judge`](crate::verifier::Verifier::judge).
    #[must_use]
    pub fn counts_toward_lockout(self) -> bool {
        !matches!(
            self,
            Self::UnknownDevice
                | Self::DeviceRevoked
                | Self::LockedOut
                | Self::NonceExpired
                | Self::NoAnswer
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(name: &str) -> Result<Self, UnknownReason> {
        Self::ALL.iter().copied().find(|reason| reason.name() == name).ok_or(UnknownReason)
    }
}

/// A text that names no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownReason;

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such reason")
    }
}

impl std::error::Error for UnknownReason {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_kebab_case_distinct_and_read_back() {
        let names: HashSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert!(reason.name().chars().all(|c| c.is_ascii_lowercase() || c == '-'));
            assert_eq!(reason.name().parse(), Ok(*reason));
        }
        assert_eq!("bad signature".parse::<Reason>(), Err(UnknownReason));
    }

    #[test]
    fn a_verdict_reads_as_it_is() {
        assert_eq!(Verdict::Accepted.to_string(), "accepted");
        let verdict = Verdict::Rejected(Reason::NonceUsed);
        assert_eq!(verdict.to_string(), "rejected: nonce-used");
        assert_eq!(verdict.reason(), Some(Reason::NonceUsed));
        assert!(!verdict.is_accepted());
    }
}
