//! Nonces that are out, in bounded memory.
//!
//! A nonce is issued for one device, can be redeemed once, and only while it is fresh. Safety rests
//! on what the table holds: what is not in it as outstanding is never redeemed. So forgetting is
//! always safe, and a restart, which forgets everything, refuses every old answer.
//!
//! What is over, redeemed or expired, is remembered as long as there is room, only so that a refusal
//! can be explained. Under a flood that memory goes first; nonces that are still out are never
//! pushed out by others, new ones are refused instead.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use puf_emulator::wire::{DeviceId, Nonce};
use rand_core::CryptoRng;

use crate::verifier::timestamp::Timestamp;

/// The nonces a verifier has issued and not forgotten.
#[derive(Debug)]
pub struct NonceTable {
    capacity: usize,
    ttl: Duration,
    entries: HashMap<NonceBytes, Entry>,
    /// The outstanding ones, the next to expire first.
    outstanding: BTreeSet<(Timestamp, NonceBytes)>,
    /// The used ones, likewise.
    used: BTreeSet<(Timestamp, NonceBytes)>,
}

impl NonceTable {
    /// Room for `capacity` nonces, each fresh for `ttl`.
    #[must_use]
    pub fn new(capacity: usize, ttl: Duration) -> Self {
        Self {
            capacity,
            ttl,
            entries: HashMap::new(),
            outstanding: BTreeSet::new(),
            used: BTreeSet::new(),
        }
    }

    /// Draws a nonce for a device.
    ///
    /// # Errors
    /// If the table is full of nonces that are out and fresh, or the generator repeats itself.
    pub fn issue(
        &mut self,
        device_id: DeviceId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Nonce, IssueError> {
        self.make_room(now)?;
        let bytes = draw(rng);
        if self.entries.contains_key(&bytes) {
            return Err(IssueError::Repeated);
        }
        let expires = now.plus(self.ttl);
        self.entries.insert(bytes, Entry { device_id, issued: now, expires, used: false });
        self.outstanding.insert((expires, bytes));
        Ok(Nonce::from_bytes(bytes))
    }

    /// Takes a nonce out of circulation, and says for which device it was issued.
    ///
    /// # Errors
    /// If it is not outstanding and fresh. One that came too late is taken out as well: a clock that
    /// is set back must not make it fresh again.
    pub fn redeem(&mut self, nonce: &Nonce, now: Timestamp) -> Result<DeviceId, NonceRefusal> {
        let found = self.look_up(nonce, now);
        if matches!(found, Ok(_) | Err(NonceRefusal::Expired)) {
            self.retire(nonce);
        }
        found
    }

    /// What [`redeem`](Self::redeem) would say, without redeeming.
    ///
    /// # Errors
    /// If it is not outstanding and fresh.
    pub fn look_up(&self, nonce: &Nonce, now: Timestamp) -> Result<DeviceId, NonceRefusal> {
        let entry = self.entries.get(nonce.as_bytes()).ok_or(NonceRefusal::Unknown)?;
        if entry.used {
            return Err(NonceRefusal::Used);
        }
        // A nonce from the future means that the clock was set back: it is not known to be fresh.
        if now < entry.issued || now >= entry.expires {
            return Err(NonceRefusal::Expired);
        }
        Ok(entry.device_id)
    }

    /// Takes a nonce out of circulation whose session has ended, fresh or not.
    ///
    /// Says whether it was outstanding until now.
    pub fn withdraw(&mut self, nonce: &Nonce) -> bool {
        let outstanding = self.entries.get(nonce.as_bytes()).is_some_and(|entry| !entry.used);
        if outstanding {
            self.retire(nonce);
        }
        outstanding
    }

    /// Number of nonces remembered, never above the capacity.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn retire(&mut self, nonce: &Nonce) {
        if let Some(entry) = self.entries.get_mut(nonce.as_bytes()) {
            entry.used = true;
            let key = (entry.expires, *nonce.as_bytes());
            self.outstanding.remove(&key);
            self.used.insert(key);
        }
    }

    /// Forgets an expired nonce if the table is full, or else the used one that is nearest to
    /// expiry.
    fn make_room(&mut self, now: Timestamp) -> Result<(), IssueError> {
        if self.entries.len() < self.capacity {
            return Ok(());
        }
        let expired = self.outstanding.first().is_some_and(|(expires, _)| *expires <= now);
        let over = if expired { self.outstanding.pop_first() } else { self.used.pop_first() };
        let (_, bytes) = over.ok_or(IssueError::Full)?;
        self.entries.remove(&bytes);
        Ok(())
    }
}

/// Draws a nonce that no table remembers: for a challenge that nobody can meet.
pub(super) fn decoy(rng: &mut impl CryptoRng) -> Nonce {
    Nonce::from_bytes(draw(rng))
}

fn draw(rng: &mut impl CryptoRng) -> NonceBytes {
    let mut bytes = [0; Nonce::LEN];
    rng.fill_bytes(&mut bytes);
    bytes
}

type NonceBytes = [u8; Nonce::LEN];

#[derive(Debug)]
struct Entry {
    device_id: DeviceId,
    issued: Timestamp,
    expires: Timestamp,
    used: bool,
}

/// Why no nonce was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueError {
    /// As many are out and fresh as the table holds.
    Full,
    /// The generator drew a nonce that it had drawn before.
    Repeated,
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "too many challenges are unanswered",
            Self::Repeated => "the random generator repeats itself",
        })
    }
}

impl std::error::Error for IssueError {}

/// Why a nonce cannot be redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceRefusal {
    /// Not issued here, or forgotten.
    Unknown,
    /// Redeemed before.
    Used,
    /// Not fresh.
    Expired,
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    const DEVICE: DeviceId = DeviceId([7; 20]);
    const TTL: Duration = Duration::from_secs(30);

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([1; 32])
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1000 * seconds)
    }

    #[test]
    fn a_nonce_is_redeemed_once() {
        let mut table = NonceTable::new(10, TTL);
        let nonce = table.issue(DEVICE, at(0), &mut rng()).unwrap();
        assert_eq!(table.look_up(&nonce, at(1)), Ok(DEVICE));
        assert_eq!(table.redeem(&nonce, at(1)), Ok(DEVICE));
        assert_eq!(table.redeem(&nonce, at(1)), Err(NonceRefusal::Used));
        assert_eq!(table.redeem(&nonce, at(1000)), Err(NonceRefusal::Used));
        assert!(!table.withdraw(&nonce));
    }

    #[test]
    fn a_nonce_is_fresh_until_its_time_is_over() {
        let mut table = NonceTable::new(10, TTL);
        let mut rng = rng();
        let nonce = table.issue(DEVICE, at(100), &mut rng).unwrap();
        let last = Timestamp::from_millis(129_999);
        assert_eq!(table.look_up(&nonce, last), Ok(DEVICE));
        assert_eq!(table.look_up(&nonce, at(130)), Err(NonceRefusal::Expired));
        assert_eq!(table.look_up(&nonce, at(99)), Err(NonceRefusal::Expired), "from the future");
        assert_eq!(table.redeem(&nonce, at(130)), Err(NonceRefusal::Expired));
        let again = table.redeem(&nonce, at(100));
        assert_eq!(again, Err(NonceRefusal::Used), "setting the clock back brings nothing back");
    }

    #[test]
    fn what_was_never_issued_is_unknown() {
        let mut table = NonceTable::new(10, TTL);
        assert_eq!(table.redeem(&Nonce::from_bytes([0; 32]), at(0)), Err(NonceRefusal::Unknown));
        assert_eq!(table.redeem(&decoy(&mut rng()), at(0)), Err(NonceRefusal::Unknown));
        assert!(table.is_empty());
    }

    #[test]
    fn a_withdrawn_nonce_is_as_good_as_used() {
        let mut table = NonceTable::new(10, TTL);
        let nonce = table.issue(DEVICE, at(0), &mut rng()).unwrap();
        assert!(table.withdraw(&nonce));
        assert_eq!(table.redeem(&nonce, at(0)), Err(NonceRefusal::Used));
    }

    #[test]
    fn a_flood_is_refused_and_pushes_nobody_out() {
        let mut table = NonceTable::new(100, TTL);
        let mut rng = rng();
        let first = table.issue(DEVICE, at(0), &mut rng).unwrap();
        let out = (1..1000).filter(|_| table.issue(DEVICE, at(1), &mut rng).is_ok()).count();
        assert_eq!(out, 99);
        assert_eq!(table.len(), 100);
        assert_eq!(table.issue(DEVICE, at(1), &mut rng).unwrap_err(), IssueError::Full);
        assert_eq!(table.redeem(&first, at(2)), Ok(DEVICE));
        // The used one makes room for one more, and is forgotten for it: unknown, still refused.
        assert!(table.issue(DEVICE, at(2), &mut rng).is_ok());
        assert_eq!(table.redeem(&first, at(2)), Err(NonceRefusal::Unknown));
        assert_eq!(table.issue(DEVICE, at(2), &mut rng).unwrap_err(), IssueError::Full);
        // Time clears the rest, one for one.
        for _ in 0..1000 {
            assert_eq!(table.issue(DEVICE, at(1000), &mut rng).is_ok(), table.len() == 100);
            if table.outstanding.first().is_some_and(|(expires, _)| *expires > at(1000)) {
                break;
            }
        }
        assert_eq!(table.len(), 100);
    }

    #[test]
    fn the_books_agree_whatever_happens() {
        let mut table = NonceTable::new(16, TTL);
        let mut rng = rng();
        let mut issued = Vec::new();
        for step in 0..2000_u64 {
            if let Ok(nonce) = table.issue(DEVICE, at(step / 3), &mut rng) {
                issued.push(nonce);
            }
            if step % 5 == 0
                && let Some(nonce) = issued.pop()
            {
                let _ = table.redeem(&nonce, at(step / 3));
            }
            assert_eq!(table.entries.len(), table.outstanding.len() + table.used.len());
            assert!(table.len() <= 16);
        }
    }

    #[test]
    fn a_generator_that_repeats_itself_is_caught() {
        let mut table = NonceTable::new(10, TTL);
        table.issue(DEVICE, at(0), &mut rng()).unwrap();
        assert_eq!(table.issue(DEVICE, at(0), &mut rng()).unwrap_err(), IssueError::Repeated);
    }

    #[test]
    fn of_many_threads_one_redeems() {
        let table = Mutex::new(NonceTable::new(100, TTL));
        let nonces: Vec<_> = {
            let mut rng = rng();
            let mut table = table.lock().unwrap();
            (0..100).map(|_| table.issue(DEVICE, at(0), &mut rng).unwrap()).collect()
        };
        let redeemed = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for nonce in &nonces {
                        if table.lock().unwrap().redeem(nonce, at(1)).is_ok() {
                            redeemed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(redeemed.into_inner(), 100);
    }
}
