//! A device that is nothing but a signing key, and other props.

use std::sync::atomic::{AtomicU64, Ordering};

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use puf_emulator::wire::{
    Challenge, DeviceId, Evidence, Identity, Message, Nonce, PUBLIC_KEY_LEN, VerifierId,
};
use puflab::verifier::policy::PolicySettings;
use puflab::verifier::{Policy, Timestamp, Verifier};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

pub(crate) const VERIFIER: VerifierId = VerifierId([0xab; 32]);

/// An attester: knows a private key and answers challenges.
#[derive(Clone)]
pub(crate) struct MockDevice(SigningKey);

impl MockDevice {
    pub(crate) fn new(number: u8) -> Self {
        Self(SigningKey::from_slice(&[number; 32]).unwrap())
    }

    pub(crate) fn public_key(&self) -> [u8; PUBLIC_KEY_LEN] {
        self.0.verifying_key().to_sec1_point(false).as_bytes().try_into().unwrap()
    }

    pub(crate) fn id(&self) -> DeviceId {
        DeviceId::of_public_key(&self.public_key())
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity { device_id: self.id(), public_key: self.public_key() }
    }

    /// Signs whatever the challenge says, also in another device's name.
    pub(crate) fn answer(&self, challenge: &Challenge) -> Evidence {
        let signature: Signature = self.0.sign(&challenge.to_be_signed());
        Evidence::answer(challenge, signature.normalize_s().to_bytes().into())
    }

    pub(crate) fn respond(&self, message: &Message) -> Option<Message> {
        match message {
            Message::Hello(_) => Some(Message::Identity(self.identity())),
            Message::Challenge(challenge) if challenge.device_id == self.id() => {
                Some(Message::Evidence(self.answer(challenge)))
            }
            Message::Verdict(_) => None,
            _ => Some(Message::Refusal),
        }
    }
}

/// The same evidence with `n - s` for `s`: what anybody can make of a signature.
pub(crate) fn with_other_s(evidence: &Evidence) -> Evidence {
    let signature = Signature::from_slice(&evidence.signature).unwrap();
    let (r, s) = signature.split_scalars();
    let other = Signature::from_scalars(r, -s).unwrap();
    Evidence { signature: other.to_bytes().into(), ..evidence.clone() }
}

pub(crate) fn with_signature(evidence: &Evidence, signature: [u8; 64]) -> Evidence {
    Evidence { signature, ..evidence.clone() }
}

pub(crate) fn with_nonce(evidence: &Evidence, nonce: &Nonce) -> Evidence {
    Evidence { nonce: nonce.clone(), ..evidence.clone() }
}

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1000 * seconds)
}

/// Another generator at every call, so that no two verifiers or sessions draw the same.
pub(crate) fn rng() -> ChaCha20Rng {
    static SEED: AtomicU64 = AtomicU64::new(0);
    ChaCha20Rng::seed_from_u64(SEED.fetch_add(1, Ordering::Relaxed))
}

/// Three failures lock out for 100 s; nonces live for 30 s.
pub(crate) fn policy() -> Policy {
    policy_with(|_| {})
}

pub(crate) fn policy_with(change: impl FnOnce(&mut PolicySettings)) -> Policy {
    let mut settings = PolicySettings {
        max_failed_attempts: 3,
        lockout_seconds: 100,
        ..PolicySettings::default()
    };
    change(&mut settings);
    Policy::new(settings).unwrap()
}

/// A verifier in memory that knows these devices.
pub(crate) fn verifier_of(devices: &[&MockDevice]) -> Verifier {
    verifier_with(policy(), devices)
}

pub(crate) fn verifier_with(policy: Policy, devices: &[&MockDevice]) -> Verifier {
    let verifier = Verifier::in_memory_with(VERIFIER, policy).unwrap();
    for device in devices {
        verifier.register(device.id(), &device.public_key(), at(0)).unwrap();
    }
    verifier
}
