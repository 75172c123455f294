//! Points in time, as an argument: no module of the verifier reads a clock.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 00:00:00 UTC, or since the start of a story that has its own time.
///
/// The verifier assumes that it does not run backwards. If it does, nonces from the future are
/// refused and lock-outs last longer: nothing is accepted that would not have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// This many milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// The host's clock, for those who have one to pass on.
    #[must_use]
    pub fn of_host() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(millis(since))
    }

    /// Milliseconds after the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This many milliseconds later, or the end of time.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Later by `duration`, or the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        self.plus_millis(millis(duration))
    }
}

impl fmt::Display for Timestamp {
    /// Seconds with three decimals: `1700000000.250`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_adds_up_and_ends() {
        let start = Timestamp::from_millis(1500);
        assert_eq!(start.plus(Duration::from_secs(2)).as_millis(), 3500);
        assert_eq!(start.plus(Duration::MAX).as_millis(), u64::MAX);
        assert_eq!(start.to_string(), "1.500");
        assert!(Timestamp::of_host() > Timestamp::from_millis(1_700_000_000_000));
    }
}
