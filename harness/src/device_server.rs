//! A device behind a socket.
//!
//! One session at a time, as a chip has one bus; whoever else connects waits in the host's queue.
//! Every session has an end: a peer that is slow, silent or talks nonsense is cut off, and the next
//! one is served. What the device answers is the business of a handler; this module moves messages.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use puf_emulator::wire::{Message, WireError};

use crate::link::{Connection, Link, LinkError, Listener, TimedStream, Timeouts};

/// How a device is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeOptions {
    /// How long to wait for a peer.
    pub timeouts: Timeouts,
    /// Sessions after which to stop; `None` for until told to.
    pub sessions: Option<u64>,
    /// Messages of a peer that are answered in one session. An authentication takes two.
    pub max_messages: u32,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { timeouts: Timeouts::default(), sessions: None, max_messages: 16 }
    }
}

/// How one session ended.
#[derive(Debug)]
pub struct Session {
    /// Its number, from 0.
    pub number: u64,
    /// Messages of the peer that reached the device.
    pub messages: u32,
    /// Whether a verifier said that it accepted the device, if any said.
    pub accepted: Option<bool>,
    /// How it ended.
    pub end: SessionEnd,
}

/// How a session can end.
#[derive(Debug)]
pub enum SessionEnd {
    /// The device had nothing to answer: the conversation is over.
    Over,
    /// The peer left.
    Left,
    /// The peer sent too many messages.
    TooMany,
    /// The peer was cut off, or lost.
    Failed(LinkError),
}

/// Serves a device until `stop` is set or the number of sessions is reached, and says how many there
/// were.
///
/// `handler` is the device: what it answers to a message, or `None` if the conversation is over. It
/// is never called for bytes that are not a message. `observe` hears of every session when it ends;
/// nothing that a peer does ends the server.
///
/// # Errors
/// If the host gives no connections any more.
pub fn serve(
    listener: &Listener,
    mut handler: impl FnMut(Message) -> Option<Message>,
    options: &ServeOptions,
    stop: &AtomicBool,
    mut observe: impl FnMut(Session),
) -> io::Result<u64> {
    let mut served = 0;
    while options.sessions.is_none_or(|limit| served < limit) {
        let Some(connection) = accept(listener, stop)? else {
            break;
        };
        let mut link = Link::new(connection, options.timeouts);
        let session = hold(&mut link, &mut handler, options.max_messages, served);
        if matches!(session.end, SessionEnd::Failed(_)) {
            link.discard_input();
        }
        observe(session);
        served += 1;
    }
    Ok(served)
}

/// The next connection. A peer that is gone before it is served, or a host that is short of
/// something for a moment, is no reason to stop.
fn accept(listener: &Listener, stop: &AtomicBool) -> io::Result<Option<Connection>> {
    let mut failures = 0;
    loop {
        match listener.accept(stop) {
            Err(_) if failures < MAX_ACCEPT_FAILURES && !stop.load(Ordering::Relaxed) => {
                failures += 1;
                thread::sleep(ACCEPT_PAUSE);
            }
            other => return other,
        }
    }
}

/// One session over a link that is there already, from its first message to its end.
pub fn hold<S: TimedStream>(
    link: &mut Link<S>,
    mut handler: impl FnMut(Message) -> Option<Message>,
    max_messages: u32,
    number: u64,
) -> Session {
    let mut session = Session { number, messages: 0, accepted: None, end: SessionEnd::TooMany };
    while session.messages < max_messages {
        match exchange(link, &mut handler, &mut session) {
            Ok(true) => {}
            Ok(false) => {
                session.end = SessionEnd::Over;
                break;
            }
            Err(LinkError::Closed) => {
                session.end = SessionEnd::Left;
                break;
            }
            Err(error) => {
                session.end = SessionEnd::Failed(error);
                break;
            }
        }
    }
    session
}

/// One message and its answer. Says whether the conversation goes on.
fn exchange<S: TimedStream>(
    link: &mut Link<S>,
    handler: &mut impl FnMut(Message) -> Option<Message>,
    session: &mut Session,
) -> Result<bool, LinkError> {
    let message = match link.receive() {
        // Whoever speaks another version gets an answer it can read: that there is none.
        Err(LinkError::Wire(error @ WireError::Version { .. })) => {
            let _ = link.send(&Message::Refusal);
            return Err(error.into());
        }
        other => other?,
    };
    session.messages += 1;
    if let Message::Verdict(verdict) = &message {
        session.accepted = Some(verdict.accepted);
    }
    match handler(message) {
        Some(answer) => link.send(&answer).map(|()| true),
        None => Ok(false),
    }
}

/// Failures to accept a connection, one after the other, after which the host is given up on.
const MAX_ACCEPT_FAILURES: u32 = 100;

/// How long to wait before asking such a host again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
