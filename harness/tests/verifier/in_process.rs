//! Challenges and evidence without a link: each attack with the reason it must meet.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use puf_emulator::wire::{Challenge, DeviceId, Evidence, Hello, Message, Nonce, VerifierId};
use puflab::verifier::nonce::IssueError;
use puflab::verifier::signature::PublicKeyError;
use puflab::verifier::{
    AuditEvent, Reason, Registration, Status, Timestamp, Verdict, Verifier, VerifierError,
};
use rand_chacha::ChaCha20Rng;

use crate::mock::{
    MockDevice, at, policy_with, rng, verifier_of, verifier_with, with_nonce, with_other_s,
    with_signature,
};

/// A verifier that knows devices 1 and 2, and a device 3 that it does not know.
struct Stage {
    verifier: Verifier,
    device: MockDevice,
    other: MockDevice,
    stranger: MockDevice,
    rng: ChaCha20Rng,
}

impl Stage {
    fn new() -> Self {
        let (device, other) = (MockDevice::new(1), MockDevice::new(2));
        let verifier = verifier_of(&[&device, &other]);
        Self { verifier, device, other, stranger: MockDevice::new(3), rng: rng() }
    }

    fn challenge(&mut self, id: DeviceId, now: Timestamp) -> Challenge {
        self.verifier.challenge(id, now, &mut self.rng).unwrap()
    }

    /// Fresh evidence of device 1.
    fn evidence(&mut self, now: Timestamp) -> Evidence {
        let challenge = self.challenge(self.device.id(), now);
        self.device.answer(&challenge)
    }

    fn judge(&self, evidence: &Evidence, now: Timestamp) -> Verdict {
        self.verifier.judge(evidence, now).unwrap()
    }

    #[track_caller]
    fn rejects(&self, evidence: &Evidence, now: Timestamp, reason: Reason) {
        assert_eq!(self.judge(evidence, now), Verdict::Rejected(reason));
    }

    /// A failure to prove: an impostor in the name of device 1.
    fn fail(&mut self, now: Timestamp) -> Verdict {
        let challenge = self.challenge(self.device.id(), now);
        self.judge(&self.stranger.answer(&challenge), now)
    }

    fn succeed(&mut self, now: Timestamp) -> Verdict {
        let evidence = self.evidence(now);
        self.judge(&evidence, now)
    }

    fn failures(&self) -> u32 {
        self.verifier.registry().device(self.device.id()).unwrap().unwrap().failed_in_a_row()
    }
}

const REJECTED_SIGNATURE: Verdict = Verdict::Rejected(Reason::BadSignature);
const LOCKED_OUT: Verdict = Verdict::Rejected(Reason::LockedOut);

#[test]
fn a_registered_device_is_accepted() {
    let mut stage = Stage::new();
    assert_eq!(stage.succeed(at(0)), Verdict::Accepted);
    assert_eq!(stage.succeed(at(1)), Verdict::Accepted);
    let record = stage.verifier.registry().device(stage.device.id()).unwrap().unwrap();
    assert_eq!(record.accepted(), 2);
    assert_eq!(record.public_key(), &stage.device.public_key());
}

#[test]
fn a_replay_is_rejected() {
    let mut stage = Stage::new();
    let evidence = stage.evidence(at(0));
    assert_eq!(stage.judge(&evidence, at(0)), Verdict::Accepted);
    stage.rejects(&evidence, at(0), Reason::NonceUsed);
    stage.rejects(&evidence, at(1000), Reason::NonceUsed);
    assert_eq!(stage.failures(), 0, "a replay out of the blue locks nobody out");
}

#[test]
fn a_failure_spends_its_nonce_too() {
    let mut stage = Stage::new();
    let good = stage.evidence(at(0));
    let bad = with_signature(&good, [1; 64]);
    stage.rejects(&bad, at(0), Reason::BadSignature);
    stage.rejects(&good, at(0), Reason::NonceUsed);
}

#[test]
fn time_runs_out() {
    let mut stage = Stage::new();
    let evidence = stage.evidence(at(0));
    stage.rejects(&evidence, at(30), Reason::NonceExpired);
    assert_eq!(stage.failures(), 0, "being slow is no failure to prove");
    let evidence = stage.evidence(at(0));
    assert_eq!(stage.judge(&evidence, Timestamp::from_millis(29_999)), Verdict::Accepted);
}

#[test]
fn a_nonce_of_nobody_is_rejected() {
    let mut stage = Stage::new();
    let challenge = stage.challenge(stage.device.id(), at(0));
    let made_up = Challenge { nonce: Nonce::from_bytes([9; 32]), ..challenge };
    stage.rejects(&stage.device.answer(&made_up), at(0), Reason::NonceUnknown);
    assert_eq!(stage.failures(), 0);
}

#[test]
fn evidence_for_another_verifier_is_rejected() {
    let mut stage = Stage::new();
    let challenge = stage.challenge(stage.device.id(), at(0));
    let theirs = Challenge { verifier_id: VerifierId([1; 32]), ..challenge.clone() };
    stage.rejects(&stage.device.answer(&theirs), at(0), Reason::WrongVerifier);
    // Relabelled for us, the signature is still for them.
    let challenge = stage.challenge(stage.device.id(), at(0));
    let theirs = Challenge { verifier_id: VerifierId([1; 32]), ..challenge.clone() };
    let relabelled = Evidence::answer(&challenge, stage.device.answer(&theirs).signature);
    stage.rejects(&relabelled, at(0), Reason::BadSignature);
}

#[test]
fn evidence_of_another_device_is_rejected() {
    let mut stage = Stage::new();
    // A registered device signs in its own name with a nonce that was issued to another.
    let challenge = stage.challenge(stage.device.id(), at(0));
    let own_name = Challenge { device_id: stage.other.id(), ..challenge };
    stage.rejects(&stage.other.answer(&own_name), at(0), Reason::WrongDevice);
    // And in the other's name.
    let challenge = stage.challenge(stage.device.id(), at(0));
    stage.rejects(&stage.other.answer(&challenge), at(0), Reason::BadSignature);
}

#[test]
fn a_stranger_is_challenged_like_anybody_and_rejected() {
    let mut stage = Stage::new();
    for _ in 0..10 {
        let challenge = stage.challenge(stage.stranger.id(), at(0));
        stage.rejects(&stage.stranger.answer(&challenge), at(0), Reason::UnknownDevice);
    }
}

#[test]
fn signatures_that_are_none_are_rejected() {
    let mut stage = Stage::new();
    let order = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
        0x25, 0x51,
    ];
    for (number, half) in (0..).zip([0..32, 32..64]) {
        for (step, value) in (0..).zip([[0; 32], order, [0xff; 32]]) {
            let now = at(1000 * (3 * number + step));
            let evidence = stage.evidence(now);
            let mut signature = evidence.signature;
            signature[half.clone()].copy_from_slice(&value);
            stage.rejects(&with_signature(&evidence, signature), now, Reason::BadSignature);
        }
    }
}

#[test]
fn a_rewritten_signature_is_rejected_as_such() {
    let mut stage = Stage::new();
    let evidence = stage.evidence(at(0));
    let rewritten = with_other_s(&evidence);
    assert_ne!(rewritten, evidence);
    stage.rejects(&rewritten, at(0), Reason::NonCanonicalSignature);
}

#[test]
fn a_signature_belongs_to_its_nonce() {
    let mut stage = Stage::new();
    let first = stage.evidence(at(0));
    let second = stage.challenge(stage.device.id(), at(0));
    stage.rejects(&with_nonce(&first, &second.nonce), at(0), Reason::BadSignature);
}

#[test]
fn every_single_bit_of_evidence_matters() {
    let mut stage = Stage::new();
    let policy = policy_with(|settings| settings.lockout_seconds = 0);
    stage.verifier = verifier_with(policy, &[&stage.device]);
    let len = Message::Evidence(stage.evidence(at(0))).encode().len();
    for bit in 24..8 * len {
        let mut bytes = Message::Evidence(stage.evidence(at(0))).encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Message::Evidence(evidence) = Message::decode(&bytes).unwrap() else { panic!() };
        assert!(!stage.judge(&evidence, at(0)).is_accepted(), "bit {bit}");
    }
}

#[test]
fn a_revoked_device_is_rejected_for_good() {
    let mut stage = Stage::new();
    let before = stage.evidence(at(0));
    stage.verifier.revoke(stage.device.id(), at(1)).unwrap();
    stage.rejects(&before, at(1), Reason::DeviceRevoked);
    let after = stage.evidence(at(2));
    stage.rejects(&after, at(2), Reason::DeviceRevoked);
    assert!(matches!(
        stage.verifier.register(stage.device.id(), &stage.device.public_key(), at(3)),
        Err(VerifierError::Revoked(_))
    ));
    assert_eq!(stage.verifier.list().unwrap().len(), 2);
}

#[test]
fn failures_in_a_row_lock_out_and_time_lets_in_again() {
    let mut stage = Stage::new();
    assert_eq!(stage.fail(at(0)), REJECTED_SIGNATURE);
    assert_eq!(stage.fail(at(1)), REJECTED_SIGNATURE);
    assert_eq!(stage.fail(at(2)), REJECTED_SIGNATURE);
    assert_eq!(stage.succeed(at(3)), LOCKED_OUT);
    assert_eq!(stage.succeed(Timestamp::from_millis(101_999)), LOCKED_OUT);
    assert_eq!(stage.succeed(at(102)), Verdict::Accepted);
}

#[test]
fn a_success_wipes_the_slate() {
    let mut stage = Stage::new();
    for second in 0..10 {
        assert_eq!(stage.fail(at(second)), REJECTED_SIGNATURE);
        assert_eq!(stage.fail(at(second)), REJECTED_SIGNATURE);
        assert_eq!(stage.failures(), 2);
        assert_eq!(stage.succeed(at(second)), Verdict::Accepted);
        assert_eq!(stage.failures(), 0);
    }
}

/// Lock-out abuse works, and is bounded: it cannot be made to last by going on.
#[test]
fn failures_while_locked_out_do_not_extend_it() {
    let mut stage = Stage::new();
    for _ in 0..3 {
        stage.fail(at(0));
    }
    for second in 1..100 {
        assert_eq!(stage.fail(at(second)), LOCKED_OUT);
    }
    assert_eq!(stage.succeed(at(100)), Verdict::Accepted);
    assert_eq!(stage.verifier.list().unwrap().len(), 2);
}

#[test]
fn a_lockout_holds_one_device_only_and_can_be_lifted() {
    let mut stage = Stage::new();
    for _ in 0..3 {
        stage.fail(at(0));
    }
    let challenge = stage.challenge(stage.other.id(), at(1));
    assert_eq!(stage.judge(&stage.other.answer(&challenge), at(1)), Verdict::Accepted);
    assert_eq!(stage.succeed(at(1)), LOCKED_OUT);
    stage.verifier.unlock(stage.device.id(), at(2)).unwrap();
    assert_eq!(stage.succeed(at(2)), Verdict::Accepted);
    assert!(matches!(
        stage.verifier.unlock(stage.stranger.id(), at(2)),
        Err(VerifierError::UnknownDevice(_))
    ));
}

#[test]
fn without_lockout_failures_are_only_counted() {
    let mut stage = Stage::new();
    let policy = policy_with(|settings| settings.lockout_seconds = 0);
    stage.verifier = verifier_with(policy, &[&stage.device]);
    for _ in 0..10 {
        assert_eq!(stage.fail(at(0)), REJECTED_SIGNATURE);
    }
    assert_eq!(stage.failures(), 10);
    assert_eq!(stage.succeed(at(0)), Verdict::Accepted);
}

#[test]
fn a_refusal_counts_and_silence_does_not() {
    let mut stage = Stage::new();
    let mut answered = |answer: Option<Message>| {
        let challenge = stage.challenge(stage.device.id(), at(0));
        let verdict = stage.verifier.judge_answer(&challenge, answer.as_ref(), at(0)).unwrap();
        // Either way the challenge is over.
        stage.rejects(&stage.device.answer(&challenge), at(0), Reason::NonceUsed);
        (verdict.reason().unwrap(), stage.failures())
    };
    assert_eq!(answered(Some(Message::Refusal)), (Reason::NoEvidence, 1));
    assert_eq!(answered(None), (Reason::NoAnswer, 1));
    assert_eq!(answered(Some(Message::Hello(Hello))), (Reason::UnexpectedMessage, 2));
}

/// Two sessions with the same device: evidence of one is none in the other, and does not spend the
/// other's nonce.
#[test]
fn a_session_accepts_its_own_evidence_only() {
    let mut stage = Stage::new();
    let ours = stage.challenge(stage.device.id(), at(0));
    let theirs = stage.challenge(stage.device.id(), at(0));
    let for_them = Message::Evidence(stage.device.answer(&theirs));
    assert_eq!(
        stage.verifier.judge_answer(&ours, Some(&for_them), at(0)).unwrap(),
        Verdict::Rejected(Reason::WrongSession)
    );
    assert_eq!(
        stage.verifier.judge_answer(&theirs, Some(&for_them), at(0)).unwrap(),
        Verdict::Accepted
    );
    let third = stage.challenge(stage.device.id(), at(0));
    assert_eq!(
        stage.verifier.judge_answer(&third, Some(&for_them), at(0)).unwrap(),
        Verdict::Rejected(Reason::NonceUsed)
    );
    let fourth = stage.challenge(stage.other.id(), at(0));
    assert_eq!(
        stage.verifier.judge_answer(&fourth, Some(&for_them), at(0)).unwrap(),
        Verdict::Rejected(Reason::WrongDevice)
    );
}

#[test]
fn of_many_threads_with_the_same_evidence_one_is_let_in() {
    let mut stage = Stage::new();
    let evidence: Vec<_> = (0..20).map(|_| stage.evidence(at(0))).collect();
    let accepted = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for evidence in &evidence {
                    match stage.judge(evidence, at(1)) {
                        Verdict::Accepted => {
                            accepted.fetch_add(1, Ordering::Relaxed);
                        }
                        verdict => assert_eq!(verdict, Verdict::Rejected(Reason::NonceUsed)),
                    }
                }
            });
        }
    });
    assert_eq!(accepted.into_inner(), 20);
    let record = stage.verifier.registry().device(stage.device.id()).unwrap().unwrap();
    assert_eq!(record.accepted(), 20);
}

#[test]
fn a_flood_of_challenges_is_refused_and_strangers_take_no_room() {
    let mut stage = Stage::new();
    let policy = policy_with(|settings| settings.max_outstanding_nonces = 2);
    stage.verifier = verifier_with(policy, &[&stage.device]);
    for _ in 0..100 {
        stage.challenge(stage.stranger.id(), at(0));
    }
    let first = stage.evidence(at(0));
    stage.challenge(stage.device.id(), at(0));
    assert!(matches!(
        stage.verifier.challenge(stage.device.id(), at(1), &mut stage.rng),
        Err(VerifierError::NoNonce(IssueError::Full))
    ));
    assert_eq!(stage.judge(&first, at(2)), Verdict::Accepted);
    assert_eq!(stage.succeed(at(2)), Verdict::Accepted);
}

#[test]
fn registration_wants_a_key_and_its_id() {
    let stage = Stage::new();
    let (id, key) = (stage.device.id(), stage.device.public_key());
    let again = stage.verifier.register(id, &key, at(9)).unwrap();
    assert_eq!(again, Registration::AlreadyKnown);
    let record = stage.verifier.registry().device(id).unwrap().unwrap();
    assert_eq!(record.registered_at(), at(0));
    assert_eq!(record.status(), Status::Active);

    assert!(matches!(
        stage.verifier.register(id, &stage.stranger.public_key(), at(0)),
        Err(VerifierError::DeviceIdMismatch { given, of_key })
            if given == id && of_key == stage.stranger.id()
    ));
    let mut off_curve = key;
    off_curve[64] ^= 1;
    assert!(matches!(
        stage.verifier.register(DeviceId::of_public_key(&off_curve), &off_curve, at(0)),
        Err(VerifierError::PublicKey(PublicKeyError::NotOnCurve))
    ));
    assert_eq!(stage.verifier.list().unwrap().len(), 2);
}

#[test]
fn the_log_says_what_happened_and_stays_bounded() {
    let mut stage = Stage::new();
    let policy = policy_with(|settings| settings.max_audit_entries = 5);
    stage.verifier = verifier_with(policy, &[&stage.device]);
    stage.fail(at(1));
    stage.succeed(at(2));
    let events: Vec<_> = stage
        .verifier
        .registry()
        .audit(10)
        .unwrap()
        .into_iter()
        .map(|(number, entry)| (number, entry.at, entry.device_id, entry.event.name()))
        .collect();
    let id = Some(stage.device.id());
    assert_eq!(
        events,
        [(0, at(0), id, "registered"), (1, at(1), id, "bad-signature"), (2, at(2), id, "accepted")]
    );

    for second in 3..20 {
        stage.succeed(at(second));
    }
    let entries = stage.verifier.registry().audit(10).unwrap();
    let numbers: Vec<_> = entries.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [15, 16, 17, 18, 19]);
    assert_eq!(entries[4].1.event, AuditEvent::Judged(Verdict::Accepted));
    assert_eq!(stage.verifier.registry().audit(2).unwrap(), entries[3..]);
}
