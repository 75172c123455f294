//! The whole conversation over TCP and Unix sockets, with honest and with hostile peers.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use puf_emulator::wire::{Evidence, Hello, Identity, Message, Verdict as WireVerdict, WireError};
use puflab::device_server::{ServeOptions, Session, SessionEnd, serve};
use puflab::link::{Endpoint, Link, LinkError, Listener, Timeouts};
use puflab::verifier::nonce::IssueError;
use puflab::verifier::{Attempt, AuthenticateError, Reason, Verdict, Verifier, VerifierError};

use crate::mock::{MockDevice, at, policy_with, rng, verifier_of, verifier_with, with_other_s};

const SOON: Duration = Duration::from_secs(5);

fn local() -> Listener {
    Endpoint::Tcp("127.0.0.1:0".into()).listen().unwrap()
}

fn timeouts() -> Timeouts {
    Timeouts { message: SOON, session: SOON }
}

fn one_session() -> ServeOptions {
    ServeOptions { timeouts: timeouts(), sessions: Some(1), ..ServeOptions::default() }
}

/// Serves `handler` for one session while `verifier` authenticates it, and says how both saw it.
fn meet(
    listener: &Listener,
    verifier: &Verifier,
    handler: impl FnMut(Message) -> Option<Message> + Send,
) -> (Result<Attempt, AuthenticateError>, Session) {
    let endpoint = listener.endpoint().unwrap();
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            let mut sessions = Vec::new();
            let stop = AtomicBool::new(false);
            let observe = |session| sessions.push(session);
            assert_eq!(serve(listener, handler, &one_session(), &stop, observe).unwrap(), 1);
            sessions.remove(0)
        });
        let mut link = Link::new(endpoint.connect(SOON).unwrap(), timeouts());
        let attempt = verifier.authenticate(&mut link, || at(0), &mut rng());
        drop(link);
        (attempt, server.join().unwrap())
    })
}

/// Meets a device that speaks the protocol, whatever it says with it.
fn verdict_on(
    verifier: &Verifier,
    handler: impl FnMut(Message) -> Option<Message> + Send,
) -> Verdict {
    let (attempt, session) = meet(&local(), verifier, handler);
    let attempt = attempt.unwrap();
    if attempt.told && matches!(session.end, SessionEnd::Over) {
        assert_eq!(session.accepted, Some(attempt.verdict.is_accepted()));
    }
    attempt.verdict
}

#[track_caller]
fn check_rejected(
    verifier: &Verifier,
    handler: impl FnMut(Message) -> Option<Message> + Send,
    reason: Reason,
) {
    assert_eq!(verdict_on(verifier, handler), Verdict::Rejected(reason));
}

/// Meets a peer that speaks raw bytes.
fn meet_raw(
    verifier: &Verifier,
    timeouts: Timeouts,
    peer: impl FnOnce(TcpStream) + Send,
) -> Result<Attempt, AuthenticateError> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::Tcp(listener.local_addr().unwrap().to_string());
    thread::scope(|scope| {
        scope.spawn(move || peer(listener.accept().unwrap().0));
        let mut link = Link::new(endpoint.connect(SOON).unwrap(), timeouts);
        verifier.authenticate(&mut link, || at(0), &mut rng())
    })
}

/// Reads one frame from a raw stream.
fn frame(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut header = [0; 4];
    stream.read_exact(&mut header)?;
    let mut body = vec![0; u32::from_be_bytes(header).try_into().unwrap()];
    stream.read_exact(&mut body)?;
    Ok([header.as_slice(), &body].concat())
}

/// Says who it is, is challenged, and then sends `bytes` instead of evidence.
fn challenged_then(device: &MockDevice, bytes: &[u8]) -> impl FnOnce(TcpStream) + Send + use<> {
    let (identity, bytes) = (Message::Identity(device.identity()).encode_frame(), bytes.to_vec());
    move |mut stream| {
        frame(&mut stream).unwrap();
        stream.write_all(&identity).unwrap();
        frame(&mut stream).unwrap();
        stream.write_all(&bytes).unwrap();
        // The verdict, or the end.
        let _ = stream.read(&mut [0; 16]);
    }
}

#[test]
fn a_device_is_accepted_over_tcp() {
    let device = MockDevice::new(1);
    let verifier = verifier_of(&[&device]);
    let (attempt, session) = meet(&local(), &verifier, |message| device.respond(&message));
    assert_eq!(
        attempt.unwrap(),
        Attempt { device_id: Some(device.id()), verdict: Verdict::Accepted, told: true }
    );
    assert_eq!((session.messages, session.accepted), (3, Some(true)));
    assert!(matches!(session.end, SessionEnd::Over));
}

#[cfg(unix)]
#[test]
fn a_device_is_accepted_over_a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("device.sock");
    let device = MockDevice::new(1);
    let verifier = verifier_of(&[&device]);
    let listener = Endpoint::Unix(path.clone()).listen().unwrap();
    let (attempt, session) = meet(&listener, &verifier, |message| device.respond(&message));
    assert_eq!(attempt.unwrap().verdict, Verdict::Accepted);
    assert_eq!(session.accepted, Some(true));
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn a_stranger_is_rejected() {
    let verifier = verifier_of(&[]);
    let stranger = MockDevice::new(3);
    check_rejected(&verifier, |message| stranger.respond(&message), Reason::UnknownDevice);
}

#[test]
fn an_impostor_with_its_own_key_is_rejected() {
    let (device, impostor) = (MockDevice::new(1), MockDevice::new(2));
    let verifier = verifier_of(&[&device]);
    // Shows the victim's key, which anybody may know, and signs with its own.
    let signs = |message| match message {
        Message::Hello(_) => Some(Message::Identity(device.identity())),
        Message::Challenge(challenge) => Some(Message::Evidence(impostor.answer(&challenge))),
        _ => None,
    };
    check_rejected(&verifier, signs, Reason::BadSignature);
    // Shows its own key under the victim's id.
    let shows = |message| match message {
        Message::Hello(_) => Some(Message::Identity(Identity {
            device_id: device.id(),
            public_key: impostor.public_key(),
        })),
        other => signs(other),
    };
    check_rejected(&verifier, shows, Reason::ImpersonatedIdentity);
    let record = verifier.registry().device(device.id()).unwrap().unwrap();
    assert_eq!(record.failed_in_a_row(), 1, "the second claim cost the victim nothing");
}

#[test]
fn another_registered_device_is_no_substitute() {
    let (device, other) = (MockDevice::new(1), MockDevice::new(2));
    let verifier = verifier_of(&[&device, &other]);
    let swaps = |message| match message {
        Message::Hello(_) => Some(Message::Identity(device.identity())),
        Message::Challenge(mut challenge) => {
            challenge.device_id = other.id();
            Some(Message::Evidence(other.answer(&challenge)))
        }
        _ => None,
    };
    check_rejected(&verifier, swaps, Reason::WrongDevice);
}

#[test]
fn replayed_evidence_is_rejected() {
    let device = MockDevice::new(1);
    let verifier = verifier_of(&[&device]);
    let heard: Mutex<Option<Evidence>> = Mutex::new(None);
    let overheard = |message: Message| {
        let answer = device.respond(&message);
        if let Some(Message::Evidence(evidence)) = &answer {
            *heard.lock().unwrap() = Some(evidence.clone());
        }
        answer
    };
    assert_eq!(verdict_on(&verifier, overheard), Verdict::Accepted);
    let evidence = heard.into_inner().unwrap().unwrap();
    let replay = |message| match message {
        Message::Hello(_) => Some(Message::Identity(device.identity())),
        _ => Some(Message::Evidence(evidence.clone())),
    };
    check_rejected(&verifier, replay, Reason::NonceUsed);
}

/// A broken generator draws the same challenge twice: the door stays closed rather than open to a
/// replay, and the device is told no more than that.
#[test]
fn a_repeated_challenge_is_not_sent() {
    let device = MockDevice::new(1);
    let verifier = verifier_of(&[&device]);
    let generator = rng();
    let attempt = || {
        let listener = local();
        let endpoint = listener.endpoint().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let (stop, handler) = (AtomicBool::new(false), |m: Message| device.respond(&m));
                serve(&listener, handler, &one_session(), &stop, drop).unwrap()
            });
            let mut link = Link::new(endpoint.connect(SOON).unwrap(), timeouts());
            verifier.authenticate(&mut link, || at(0), &mut generator.clone())
        })
    };
    assert_eq!(attempt().unwrap().verdict, Verdict::Accepted);
    assert!(matches!(
        attempt(),
        Err(AuthenticateError::Verifier(VerifierError::NoNonce(IssueError::Repeated)))
    ));
}

#[test]
fn a_rewritten_signature_is_rejected() {
    let device = MockDevice::new(1);
    let verifier = verifier_of(&[&device]);
    let rewrites = |message: Message| match device.respond(&message) {
        Some(Message::Evidence(evidence)) => Some(Message::Evidence(with_other_s(&evidence))),
        other => other,
    };
    check_rejected(&verifier, rewrites, Reason::NonCanonicalSignature);
}

#[test]
fn reflected_messages_are_rejected() {
    let device = MockDevice::new(1);
    let verifier = verifier_of(&[&device]);
    // Everything comes straight back.
    check_rejected(&verifier, Some, Reason::UnexpectedMessage);
    // Only the challenge does.
    let reflects = |message| match message {
        Message::Hello(_) => Some(Message::Identity(device.identity())),
        challenge => Some(challenge),
    };
    check_rejected(&verifier, reflects, Reason::UnexpectedMessage);
}

#[test]
fn refusals_are_rejections() {
    let device = MockDevice::new(1);
    let verifier = verifier_of(&[&device]);
    check_rejected(&verifier, |_| Some(Message::Refusal), Reason::NoEvidence);
    let refuses = |message| match message {
        Message::Hello(_) => Some(Message::Identity(device.identity())),
        _ => Some(Message::Refusal),
    };
    check_rejected(&verifier, refuses, Reason::NoEvidence);
    let record = verifier.registry().device(device.id()).unwrap().unwrap();
    assert_eq!(record.failed_in_a_row(), 1);
}

#[test]
fn nonsense_instead_of_evidence_is_malformed() {
    let device = MockDevice::new(1);
    let verifier = verifier_with(policy_with(|settings| settings.lockout_seconds = 0), &[&device]);
    let rejected = |bytes: &[u8]| {
        let attempt = meet_raw(&verifier, timeouts(), challenged_then(&device, bytes)).unwrap();
        assert_eq!(attempt.device_id, Some(device.id()));
        attempt.verdict.reason().unwrap()
    };
    assert_eq!(rejected(&[0xff; 64]), Reason::Malformed, "four gigabytes");
    assert_eq!(rejected(&[0, 0, 0, 0]), Reason::Malformed, "empty frame");
    assert_eq!(rejected(&[0, 0, 0, 1, 99]), Reason::Malformed, "unknown type");
    assert_eq!(rejected(&[0, 0, 0, 2, 5, 0]), Reason::Malformed, "a refusal that says more");
    assert_eq!(rejected(b"GET / HTTP/1.1\r\n\r\n"), Reason::Malformed);
    assert_eq!(rejected(&[0, 0, 0, 4, 4, 0, 2, 0]), Reason::Version, "evidence of version 2");
}

#[test]
fn nonsense_instead_of_an_identity_is_malformed_and_nobody_s() {
    let verifier = verifier_of(&[]);
    let attempt = meet_raw(&verifier, timeouts(), |mut stream| {
        stream.write_all(&[0xff; 4]).unwrap();
        let _ = stream.read(&mut [0; 64]);
    })
    .unwrap();
    assert_eq!(attempt.verdict, Verdict::Rejected(Reason::Malformed));
    assert_eq!(attempt.device_id, None);
}

#[test]
fn a_device_that_breaks_off_gave_no_answer() {
    let device = MockDevice::new(1);
    let identity = Message::Identity(device.identity()).encode_frame();
    for sent in [0, 1, 4, 20] {
        let verifier = verifier_of(&[&device]);
        let identity = identity.clone();
        let attempt = meet_raw(&verifier, timeouts(), move |mut stream| {
            frame(&mut stream).unwrap();
            stream.write_all(&identity).unwrap();
            let challenge = frame(&mut stream).unwrap();
            stream.write_all(&challenge[..sent]).unwrap();
        })
        .unwrap();
        assert_eq!(attempt.verdict, Verdict::Rejected(Reason::NoAnswer), "after {sent} bytes");
        let record = verifier.registry().device(device.id()).unwrap().unwrap();
        assert_eq!(record.failed_in_a_row(), 0);
    }
}

#[test]
fn a_device_that_never_says_who_it_is_is_a_broken_link() {
    let verifier = verifier_of(&[]);
    let closed = meet_raw(&verifier, timeouts(), |mut stream| {
        frame(&mut stream).unwrap();
    });
    assert!(matches!(closed, Err(AuthenticateError::Link(LinkError::Closed))));
    let cut = meet_raw(&verifier, timeouts(), |mut stream| {
        frame(&mut stream).unwrap();
        stream.write_all(&[0, 0, 0, 88, 2, 0]).unwrap();
    });
    assert!(matches!(cut, Err(AuthenticateError::Link(LinkError::ClosedMidFrame { received: 6 }))));
}

#[test]
fn a_device_that_drips_is_cut_off() {
    let device = MockDevice::new(1);
    let verifier = verifier_of(&[&device]);
    let short = Timeouts { message: Duration::from_millis(150), session: SOON };
    let identity = Message::Identity(device.identity()).encode_frame();
    let start = Instant::now();
    let attempt = meet_raw(&verifier, short, move |mut stream| {
        for byte in identity {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    assert!(matches!(attempt, Err(AuthenticateError::Link(LinkError::Timeout))));
    assert!(start.elapsed() >= Duration::from_millis(150));
}

/// What a peer can see: the lengths and types of frames, and the verdict. The same for every reason.
#[test]
fn all_rejections_look_the_same_on_the_wire() {
    let (device, other, stranger) = (MockDevice::new(1), MockDevice::new(2), MockDevice::new(3));
    let seen = |prepare: &dyn Fn(&Verifier), claims: &MockDevice, signs: &MockDevice| {
        let verifier = verifier_of(&[&device, &other]);
        prepare(&verifier);
        let (identity, signs) = (Message::Identity(claims.identity()), signs.clone());
        let (sender, receiver) = std::sync::mpsc::channel();
        let attempt = meet_raw(&verifier, timeouts(), move |mut stream| {
            let hello = frame(&mut stream).unwrap();
            stream.write_all(&identity.encode_frame()).unwrap();
            let challenge = frame(&mut stream).unwrap();
            let Message::Challenge(asked) = Message::decode_frame(&challenge).unwrap() else {
                panic!("no challenge");
            };
            let evidence = Message::Evidence(signs.answer(&asked));
            stream.write_all(&evidence.encode_frame()).unwrap();
            let verdict = frame(&mut stream).unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
            sender.send((hello, challenge[..39].to_vec(), challenge.len(), verdict, rest)).unwrap();
        });
        (attempt.unwrap().verdict, receiver.recv().unwrap())
    };

    let nothing = |_: &Verifier| {};
    let revoke = |verifier: &Verifier| verifier.revoke(device.id(), at(0)).unwrap();
    let lock_out = |verifier: &Verifier| {
        for _ in 0..3 {
            let challenge = verifier.challenge(device.id(), at(0), &mut rng()).unwrap();
            verifier.judge(&stranger.answer(&challenge), at(0)).unwrap();
        }
    };
    let (verdict, rejection) = seen(&nothing, &stranger, &stranger);
    assert_eq!(verdict, Verdict::Rejected(Reason::UnknownDevice));
    let rejected = Message::Verdict(WireVerdict { accepted: false }).encode_frame();
    assert_eq!(rejection.3, rejected);
    let cases = [
        (seen(&nothing, &device, &stranger), Reason::BadSignature),
        (seen(&revoke, &device, &device), Reason::DeviceRevoked),
        (seen(&lock_out, &device, &device), Reason::LockedOut),
    ];
    for ((verdict, wire), reason) in cases {
        assert_eq!(verdict, Verdict::Rejected(reason));
        assert_eq!(wire, rejection, "{reason}");
    }
}

/// Hostile clients of a device, one after the other, and then an honest one.
#[test]
fn nothing_that_a_client_does_ends_the_server() {
    let device = MockDevice::new(1);
    let verifier = verifier_of(&[&device]);
    let listener = local();
    let endpoint = listener.endpoint().unwrap();
    let Endpoint::Tcp(address) = &endpoint else { panic!() };
    let options = ServeOptions {
        timeouts: Timeouts {
            message: Duration::from_millis(200),
            session: Duration::from_millis(400),
        },
        sessions: Some(8),
        max_messages: 16,
    };
    let hello = Message::Hello(Hello).encode_frame();
    let hit_and_run = |bytes: &[u8]| {
        TcpStream::connect(address).unwrap().write_all(bytes).unwrap();
    };
    let stay = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(bytes).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    };

    let stop = AtomicBool::new(false);
    let sessions = Mutex::new(Vec::new());
    let attempt = thread::scope(|scope| {
        scope.spawn(|| {
            let observe = |session| sessions.lock().unwrap().push(session);
            serve(&listener, |message| device.respond(&message), &options, &stop, observe).unwrap()
        });
        hit_and_run(b"");
        hit_and_run(&[0xff; 100]);
        hit_and_run(b"GET / HTTP/1.1\r\n\r\n");
        hit_and_run(&hello[..5]);
        stay(b"");
        hit_and_run(&[0, 0, 0, 3, 1, 0, 2]);
        stay(&hello.repeat(1000));
        let patient = Timeouts { message: SOON, session: SOON };
        let mut link = Link::new(endpoint.connect(SOON).unwrap(), patient);
        verifier.authenticate(&mut link, || at(0), &mut rng()).unwrap()
    });
    assert_eq!(attempt.verdict, Verdict::Accepted);

    let sessions = sessions.into_inner().unwrap();
    let end = |number: usize| &sessions[number].end;
    assert!(matches!(end(0), SessionEnd::Left));
    assert!(matches!(
        end(1),
        SessionEnd::Failed(LinkError::Wire(WireError::Oversized { announced: u32::MAX }))
    ));
    assert!(matches!(
        end(2),
        SessionEnd::Failed(LinkError::Wire(WireError::Oversized { announced: 0x4745_5420 }))
    ));
    assert!(matches!(end(3), SessionEnd::Failed(LinkError::ClosedMidFrame { received: 5 })));
    assert!(matches!(end(4), SessionEnd::Failed(LinkError::Timeout)));
    assert!(matches!(end(5), SessionEnd::Failed(LinkError::Wire(WireError::Version { found: 2 }))));
    assert!(matches!(end(6), SessionEnd::TooMany));
    assert_eq!(sessions[6].messages, 16);
    assert!(matches!(end(7), SessionEnd::Over));
    assert_eq!(sessions[7].accepted, Some(true));
}

#[test]
fn another_version_is_answered_with_a_refusal() {
    let listener = local();
    let Endpoint::Tcp(address) = listener.endpoint().unwrap() else { panic!() };
    thread::scope(|scope| {
        scope.spawn(|| {
            let stop = AtomicBool::new(false);
            let device = |_| -> Option<Message> { panic!("the device must not see this") };
            serve(&listener, device, &one_session(), &stop, drop).unwrap()
        });
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(&[0, 0, 0, 3, 1, 0, 2]).unwrap();
        assert_eq!(frame(&mut stream).unwrap(), Message::Refusal.encode_frame());
    });
}

#[test]
fn a_server_stops_when_told() {
    let listener = local();
    let stop = AtomicBool::new(false);
    let options = ServeOptions::default();
    let served = thread::scope(|scope| {
        let server = scope.spawn(|| serve(&listener, |_| None, &options, &stop, drop).unwrap());
        stop.store(true, Ordering::Relaxed);
        server.join().unwrap()
    });
    assert_eq!(served, 0);
}

/// The last message is lost: the device does not hear that it was accepted. Nothing is out of step.
#[test]
fn a_lost_verdict_changes_nothing() {
    let device = MockDevice::new(1);
    let verifier = verifier_of(&[&device]);
    let leaves = |message: Message| match device.respond(&message) {
        Some(answer) => Some(answer),
        None => panic!("the verdict must not arrive"),
    };
    let listener = local();
    let endpoint = listener.endpoint().unwrap();
    let attempt = thread::scope(|scope| {
        scope.spawn(|| {
            let options = ServeOptions { max_messages: 2, ..one_session() };
            serve(&listener, leaves, &options, &AtomicBool::new(false), drop).unwrap()
        });
        let mut link = Link::new(endpoint.connect(SOON).unwrap(), timeouts());
        verifier.authenticate(&mut link, || at(0), &mut rng()).unwrap()
    });
    assert_eq!(attempt.verdict, Verdict::Accepted);

    let challenge = verifier.challenge(device.id(), at(1), &mut rng()).unwrap();
    assert_eq!(verifier.judge(&device.answer(&challenge), at(1)).unwrap(), Verdict::Accepted);
}

/// Whoever forwards both directions is let in: the protocol does not measure distance. If this test
/// ever fails, the documentation of the wire has to change.
#[test]
fn a_relay_succeeds() {
    let device = MockDevice::new(1);
    let verifier = verifier_of(&[&device]);
    let far_away = local();
    let endpoint = far_away.endpoint().unwrap();
    let verdict = thread::scope(|scope| {
        scope.spawn(|| {
            let stop = AtomicBool::new(false);
            let device = |message: Message| device.respond(&message);
            serve(&far_away, device, &one_session(), &stop, drop).unwrap()
        });
        let mut distant = Link::new(endpoint.connect(SOON).unwrap(), timeouts());
        verdict_on(&verifier, move |message| {
            let last = matches!(message, Message::Verdict(_));
            distant.send(&message).unwrap();
            if last { None } else { Some(distant.receive().unwrap()) }
        })
    });
    assert_eq!(verdict, Verdict::Accepted);
}
