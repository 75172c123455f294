//! What the gate allows: how long, how often, how many.
//!
//! # Lock-out, and its abuse
//!
//! Nobody guesses an ECDSA signature. The lock-out is there for the device: whoever experiments
//! with one (flips its helper data, chills it, feeds it challenges) learns from how often the
//! verifier accepts, and after a handful of failures learns nothing for a while.
//!
//! The price is that whoever can reach the verifier and knows a device's public identity can fail in
//! its name, and so keep it out. That abuse is bounded, not prevented: a lock-out ends by itself,
//! failures while it lasts neither extend it nor count, and an operator can
//! [lift it](crate::verifier::Verifier::unlock). An installation that fears denial more than
//! experiments sets `lockout_seconds = 0`, and failures are only counted.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A policy as it is written down: plain data, checked by [`Policy::new`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySettings {
    /// How long a nonce can be answered, 1 to 3600 s.
    pub nonce_ttl_seconds: u64,
    /// Failed attempts in a row until a device is locked out, 1 to 1000.
    pub max_failed_attempts: u64,
    /// How long a device is locked out, 0 (never) to 86 400 s.
    pub lockout_seconds: u64,
    /// Nonces that are remembered at once, 1 to 1 000 000: at about 250 bytes each, the bound on
    /// what a flood of attempts can take up.
    pub max_outstanding_nonces: u64,
    /// Entries of the audit log that are kept, the latest ones, 1 to 10 000 000: the bound on what
    /// a flood of attempts can write.
    pub max_audit_entries: u64,
    /// How long the verifier waits for one message of a device, 1 to 600 s.
    pub answer_timeout_seconds: u64,
    /// How long a whole attempt may take on the link, 1 to 600 s.
    pub session_timeout_seconds: u64,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            nonce_ttl_seconds: 30,
            max_failed_attempts: 5,
            lockout_seconds: 300,
            max_outstanding_nonces: 4096,
            max_audit_entries: 100_000,
            answer_timeout_seconds: 10,
            session_timeout_seconds: 30,
        }
    }
}

/// A policy that passed its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy(PolicySettings);

impl Policy {
    /// Checks every setting against its range.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn new(settings: PolicySettings) -> Result<Self, PolicyError> {
        let PolicySettings {
            nonce_ttl_seconds,
            max_failed_attempts,
            lockout_seconds,
            max_outstanding_nonces,
            max_audit_entries,
            answer_timeout_seconds,
            session_timeout_seconds,
        } = settings;
        check("nonce_ttl_seconds", nonce_ttl_seconds, 1..=3600)?;
        check("max_failed_attempts", max_failed_attempts, 1..=1000)?;
        check("lockout_seconds", lockout_seconds, 0..=86_400)?;
        check("max_outstanding_nonces", max_outstanding_nonces, 1..=1_000_000)?;
        check("max_audit_entries", max_audit_entries, 1..=10_000_000)?;
        check("answer_timeout_seconds", answer_timeout_seconds, 1..=600)?;
        check("session_timeout_seconds", session_timeout_seconds, 1..=600)?;
        Ok(Self(settings))
    }

    /// The settings, as written down.
    #[must_use]
    pub fn settings(&self) -> &PolicySettings {
        &self.0
    }

    /// How long a nonce can be answered.
    #[must_use]
    pub fn nonce_ttl(&self) -> Duration {
        Duration::from_secs(self.0.nonce_ttl_seconds)
    }

    /// Failed attempts in a row until a device is locked out.
    #[must_use]
    pub fn max_failed_attempts(&self) -> u64 {
        self.0.max_failed_attempts
    }

    /// How long a device is locked out; `None` for never.
    #[must_use]
    pub fn lockout(&self) -> Option<Duration> {
        (self.0.lockout_seconds > 0).then(|| Duration::from_secs(self.0.lockout_seconds))
    }

    /// Nonces that are remembered at once.
    #[must_use]
    pub fn max_outstanding_nonces(&self) -> usize {
        usize::try_from(self.0.max_outstanding_nonces).unwrap_or(usize::MAX)
    }

    /// Entries of the audit log that are kept.
    #[must_use]
    pub fn max_audit_entries(&self) -> u64 {
        self.0.max_audit_entries
    }

    /// How long the verifier waits for one message of a device.
    #[must_use]
    pub fn answer_timeout(&self) -> Duration {
        Duration::from_secs(self.0.answer_timeout_seconds)
    }

    /// How long a whole attempt may take on the link.
    #[must_use]
    pub fn session_timeout(&self) -> Duration {
        Duration::from_secs(self.0.session_timeout_seconds)
    }
}

impl Default for Policy {
    /// The settings that a new verifier starts with.
    fn default() -> Self {
        Self(PolicySettings::default())
    }
}

fn check(
    setting: &'static str,
    value: u64,
    allowed: RangeInclusive<u64>,
) -> Result<(), PolicyError> {
    if allowed.contains(&value) { Ok(()) } else { Err(PolicyError { setting, value, allowed }) }
}

/// A setting out of range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// Its name.
    pub setting: &'static str,
    /// What it was set to.
    pub value: u64,
    /// What it may be set to.
    pub allowed: RangeInclusive<u64>,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, value, allowed } = self;
        write!(f, "{setting} = {value} is not in {}..={}", allowed.start(), allowed.end())
    }
}

impl std::error::Error for PolicyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass_their_own_checks() {
        assert_eq!(Policy::new(PolicySettings::default()), Ok(Policy::default()));
    }

    #[test]
    fn a_setting_out_of_range_is_named() {
        let settings = PolicySettings { nonce_ttl_seconds: 0, ..PolicySettings::default() };
        let error = Policy::new(settings).unwrap_err();
        assert_eq!(error.to_string(), "nonce_ttl_seconds = 0 is not in 1..=3600");
        let settings = PolicySettings { max_failed_attempts: 1001, ..PolicySettings::default() };
        assert_eq!(Policy::new(settings).unwrap_err().setting, "max_failed_attempts");
    }

    #[test]
    fn no_lockout_is_a_choice() {
        let settings = PolicySettings { lockout_seconds: 0, ..PolicySettings::default() };
        assert_eq!(Policy::new(settings).unwrap().lockout(), None);
        assert_eq!(Policy::default().lockout(), Some(Duration::from_secs(300)));
    }
}
