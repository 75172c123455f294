//! Messages of [our own protocol](puf_emulator::wire) over a byte stream, with an end to every wait.
//!
//! A frame's length is checked before anything is set aside for it, and the time for a message is
//! counted from its beginning to its end: a peer that sends one byte a second is cut off like one
//! that sends nothing. [`Endpoint`] and [`Listener`] bring TCP and Unix sockets;
//! whatever else reads, writes and can be given a timeout is a [`TimedStream`].

mod endpoint;
#[cfg(unix)]
mod pty;

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use puf_emulator::wire::{FRAME_HEADER_LEN, MAX_FRAME, Message, WireError, frame_length};

pub use endpoint::{Connection, Endpoint, EndpointError, Listener};
#[cfg(unix)]
pub use pty::{PtyLine, SerialLine};

/// A byte stream whose single reads and writes can be given a time limit.
pub trait TimedStream: Read + Write {
    /// Lets every read and write from now on fail with [`ErrorKind::WouldBlock`] or
    /// [`ErrorKind::TimedOut`] after `limit`, which is not zero.
    ///
    /// # Errors
    /// If the host refuses.
    fn set_timeout(&self, limit: Duration) -> io::Result<()>;

    /// Throws away what has come and was not read, where the stream goes on after a failed
    /// conversation: the rest of a broken frame must not be the beginning of the next.
    fn discard_input(&mut self) {}
}

/// How long to wait; more than a day is a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For one message, from the moment one waits for it until its last byte.
    pub message: Duration,
    /// For everything said on the link.
    pub session: Duration,
}

impl Default for Timeouts {
    /// Ten seconds a message, thirty a session.
    fn default() -> Self {
        Self { message: Duration::from_secs(10), session: Duration::from_secs(30) }
    }
}

/// One end of a conversation.
#[derive(Debug)]
pub struct Link<S> {
    stream: S,
    message_timeout: Duration,
    session_end: Instant,
}

impl<S: TimedStream> Link<S> {
    /// A conversation that starts now.
    #[must_use]
    pub fn new(stream: S, timeouts: Timeouts) -> Self {
        let session_end = Instant::now() + timeouts.session.min(LONGEST_WAIT);
        Self { stream, message_timeout: timeouts.message.min(LONGEST_WAIT), session_end }
    }

    /// Throws away what a failed conversation left unread.
    pub fn discard_input(&mut self) {
        self.stream.discard_input();
    }

    /// Sends one message.
    ///
    /// # Errors
    /// If the peer is gone, or takes it too slowly.
    pub fn send(&mut self, message: &Message) -> Result<(), LinkError> {
        let deadline = self.deadline();
        let frame = message.encode_frame();
        let mut sent = 0;
        while sent < frame.len() {
            self.limit_wait(deadline)?;
            match self.stream.write(&frame[sent..]) {
                Ok(0) => return Err(LinkError::Closed),
                Ok(written) => sent += written,
                Err(error) => go_on_after(error)?,
            }
        }
        self.stream.flush().or_else(go_on_after)
    }

    /// Waits for one message.
    ///
    /// # Errors
    /// If the peer is gone, before a message or in the middle of one; takes too long; announces a
    /// frame that is too long; or sends something that is no message.
    pub fn receive(&mut self) -> Result<Message, LinkError> {
        let deadline = self.deadline();
        let mut header = [0; FRAME_HEADER_LEN];
        self.fill(&mut header, deadline, 0)?;
        let length = frame_length(header)?;
        let mut body = [0; MAX_FRAME];
        let body = &mut body[..length];
        self.fill(body, deadline, FRAME_HEADER_LEN)?;
        Ok(Message::decode(body)?)
    }

    /// Fills `bytes`, of whose frame `before` bytes have been read already.
    fn fill(
        &mut self,
        bytes: &mut [u8],
        deadline: Instant,
        before: usize,
    ) -> Result<(), LinkError> {
        let mut filled = 0;
        while filled < bytes.len() {
            self.limit_wait(deadline)?;
            match self.stream.read(&mut bytes[filled..]) {
                Ok(0) if before + filled == 0 => return Err(LinkError::Closed),
                Ok(0) => {
                    return Err(LinkError::ClosedMidFrame { received: before + filled });
                }
                Ok(read) => filled += read,
                Err(error) if is_reset(&error) => return Err(LinkError::Closed),
                Err(error) => go_on_after(error)?,
            }
        }
        Ok(())
    }

    fn deadline(&self) -> Instant {
        self.session_end.min(Instant::now() + self.message_timeout)
    }

    fn limit_wait(&self, deadline: Instant) -> Result<(), LinkError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(LinkError::Timeout);
        }
        self.stream.set_timeout(left).map_err(LinkError::Io)
    }
}

/// An interrupted or timed-out call is tried again: the deadline, not the call, ends the wait.
fn go_on_after(error: io::Error) -> Result<(), LinkError> {
    match error.kind() {
        ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(()),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Err(LinkError::Closed),
        _ => Err(LinkError::Io(error)),
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted)
}

/// No wait is longer, so that the host's clock can count it.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Why nothing was sent or received.
#[derive(Debug)]
pub enum LinkError {
    /// The peer is gone; there was no unfinished frame.
    Closed,
    /// The peer is gone in the middle of a frame.
    ClosedMidFrame {
        /// Bytes of the frame that came.
        received: usize,
    },
    /// The peer took too long.
    Timeout,
    /// What came is not a message, or announced as too long to be one.
    Wire(WireError),
    /// The host's word on it.
    Io(io::Error),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the peer closed the connection"),
            Self::ClosedMidFrame { received } => {
                write!(f, "the peer closed the connection {received} bytes into a frame")
            }
            Self::Timeout => f.write_str("the peer took too long"),
            Self::Wire(error) => write!(f, "the peer does not speak the protocol: {error}"),
            Self::Io(error) => write!(f, "the connection failed: {error}"),
        }
    }
}

impl Error for LinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Wire(error) => Some(error),
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<WireError> for LinkError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::thread;

    use puf_emulator::wire::Hello;

    use super::*;

    /// What a read of a [`Script`] does.
    enum Event {
        Bytes(Vec<u8>),
        Pause(Duration),
        Fail(ErrorKind),
    }

    /// A stream that plays back what its peer does, and closes.
    struct Script {
        events: RefCell<VecDeque<Event>>,
        limit: Cell<Duration>,
    }

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.events.get_mut().pop_front() {
                None => Ok(0),
                Some(Event::Fail(kind)) => Err(kind.into()),
                Some(Event::Pause(pause)) => {
                    let limit = self.limit.get();
                    thread::sleep(pause.min(limit));
                    if pause > limit {
                        self.events.get_mut().push_front(Event::Pause(pause - limit));
                    }
                    Err(ErrorKind::WouldBlock.into())
                }
                Some(Event::Bytes(mut bytes)) => {
                    let rest = bytes.split_off(bytes.len().min(buffer.len()));
                    buffer[..bytes.len()].copy_from_slice(&bytes);
                    if !rest.is_empty() {
                        self.events.get_mut().push_front(Event::Bytes(rest));
                    }
                    Ok(bytes.len())
                }
            }
        }
    }

    impl Write for Script {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            Ok(buffer.len().min(3))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl TimedStream for Script {
        fn set_timeout(&self, limit: Duration) -> io::Result<()> {
            assert!(!limit.is_zero());
            self.limit.set(limit);
            Ok(())
        }
    }

    fn link(events: Vec<Event>) -> Link<Script> {
        link_with(events, Timeouts::default())
    }

    /// A tenth of a second a message, three a session.
    fn hasty_link(events: Vec<Event>) -> Link<Script> {
        let message = Duration::from_millis(100);
        link_with(events, Timeouts { message, session: 3 * message })
    }

    fn link_with(events: Vec<Event>, timeouts: Timeouts) -> Link<Script> {
        let events = RefCell::new(events.into());
        Link::new(Script { events, limit: Cell::new(Duration::ZERO) }, timeouts)
    }

    fn hello() -> Vec<u8> {
        Message::Hello(Hello).encode_frame()
    }

    #[test]
    fn messages_are_put_together_from_any_pieces() {
        let bytes = [hello(), Message::Refusal.encode_frame()].concat();
        let mut events: Vec<_> = bytes.iter().map(|byte| Event::Bytes(vec![*byte])).collect();
        events.insert(5, Event::Fail(ErrorKind::Interrupted));
        events.insert(2, Event::Pause(Duration::from_millis(1)));
        let mut link = link(events);
        assert_eq!(link.receive().unwrap(), Message::Hello(Hello));
        assert_eq!(link.receive().unwrap(), Message::Refusal);
        assert!(matches!(link.receive(), Err(LinkError::Closed)));
    }

    #[test]
    fn a_frame_that_breaks_off_is_told_from_one_that_never_came() {
        for len in 1..hello().len() {
            let mut link = link(vec![Event::Bytes(hello()[..len].to_vec())]);
            assert!(matches!(
                link.receive(),
                Err(LinkError::ClosedMidFrame { received }) if received == len
            ));
        }
    }

    #[test]
    fn four_gigabytes_are_refused_as_such() {
        let mut link = link(vec![Event::Bytes(vec![0xff; 4]), Event::Bytes(vec![0; 1000])]);
        assert!(matches!(
            link.receive(),
            Err(LinkError::Wire(WireError::Oversized { announced: u32::MAX }))
        ));
    }

    #[test]
    fn one_byte_at_a_time_is_too_slow_all_the_same() {
        let drip = |byte: &u8| [Event::Bytes(vec![*byte]), Event::Pause(Duration::from_millis(30))];
        let mut link = hasty_link(hello().iter().flat_map(drip).collect());
        let start = Instant::now();
        assert!(matches!(link.receive(), Err(LinkError::Timeout)));
        assert!(start.elapsed() >= Duration::from_millis(100));
    }

    #[test]
    fn a_session_ends_even_if_every_message_is_in_time() {
        let events = (0..20)
            .flat_map(|_| [Event::Pause(Duration::from_millis(40)), Event::Bytes(hello())])
            .collect();
        let mut link = hasty_link(events);
        let heard = (0..20).take_while(|_| link.receive().is_ok()).count();
        assert!(heard <= 7, "{heard} messages in 300 ms, one every 40 ms");
    }

    #[test]
    fn a_reset_is_a_peer_that_is_gone() {
        let mut link = link(vec![Event::Fail(ErrorKind::ConnectionReset)]);
        assert!(matches!(link.receive(), Err(LinkError::Closed)));
    }

    #[test]
    fn there_is_an_end_to_every_wait() {
        let forever = Timeouts { message: Duration::MAX, session: Duration::MAX };
        let mut link = link_with(vec![Event::Bytes(hello())], forever);
        assert!(link.receive().is_ok());
        assert!(link.stream.limit.get() <= LONGEST_WAIT);
    }

    #[test]
    fn short_writes_are_completed() {
        assert!(link(Vec::new()).send(&Message::Hello(Hello)).is_ok());
    }
}
