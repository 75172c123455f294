//! Where a device can be reached: TCP addresses and Unix sockets.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
#[cfg(unix)]
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::link::TimedStream;
#[cfg(unix)]
use crate::link::pty::{PtyLine, SerialLine};

/// How often a listener looks whether it shall stop.
const POLL: Duration = Duration::from_millis(10);

/// How long somebody who listens may take to show it.
#[cfg(unix)]
const STALE_TIMEOUT: Duration = Duration::from_secs(2);

/// Where a device can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Host and port, `127.0.0.1:7000`. Port 0 lets the host choose one when listening.
    Tcp(String),
    /// A Unix socket in the file system.
    #[cfg(unix)]
    Unix(PathBuf),
    /// A serial line; for whoever listens, a pseudo-terminal and the name of a link to it.
    #[cfg(unix)]
    Pty(PathBuf),
}

impl Endpoint {
    /// Connects to whoever listens here, within `timeout` for each address that the name has.
    ///
    /// # Errors
    /// If the address is none, or nobody answers.
    pub fn connect(&self, timeout: Duration) -> Result<Connection, EndpointError> {
        match self {
            Self::Tcp(address) => connect_tcp(address, timeout).map(Connection::Tcp),
            #[cfg(unix)]
            Self::Unix(path) => connect_unix(path, timeout).map(Connection::Unix),
            #[cfg(unix)]
            Self::Pty(path) => SerialLine::connect(path).map(Connection::Serial),
        }
        .map_err(|source| EndpointError::Unreachable { endpoint: self.clone(), source })
    }

    /// Listens here.
    ///
    /// A socket file that nobody listens on any more, left by a process that was killed, is
    /// replaced. Anything else that has the name is left alone.
    ///
    /// # Errors
    /// If somebody listens here already, the path is taken by something that is not a socket, or the
    /// host refuses.
    pub fn listen(&self) -> Result<Listener, EndpointError> {
        let refused = |source| EndpointError::CannotListen { endpoint: self.clone(), source };
        let listener = match self {
            Self::Tcp(address) => TcpListener::bind(address).map(Listener::Tcp).map_err(refused)?,
            #[cfg(unix)]
            Self::Unix(path) => Listener::Unix(UnixSocket::bind(path, refused)?),
            #[cfg(unix)]
            Self::Pty(link) => PtyLine::open(link).map(Listener::Pty).map_err(refused)?,
        };
        listener.set_nonblocking().map_err(refused)?;
        Ok(listener)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp {address}"),
            #[cfg(unix)]
            Self::Unix(path) => write!(f, "unix {}", path.display()),
            #[cfg(unix)]
            Self::Pty(link) => write!(f, "pty {}", link.display()),
        }
    }
}

/// Connects within `timeout`: a listener whose queue is full would be waited for without end.
#[cfg(unix)]
fn connect_unix(path: &Path, timeout: Duration) -> io::Result<UnixStream> {
    let (sender, receiver) = mpsc::channel();
    let path = path.to_owned();
    // The host has no connect with a limit for these; a thread that never comes back is left behind.
    thread::spawn(move || sender.send(UnixStream::connect(path)));
    receiver.recv_timeout(timeout).unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

fn connect_tcp(address: &str, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => return ready(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Frames are short and each is waited for: nothing is gained by holding them back.
fn ready(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A connection to a peer.
#[derive(Debug)]
pub enum Connection {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
    /// Over a serial line.
    #[cfg(unix)]
    Serial(SerialLine),
}

impl Connection {
    fn of_tcp(accepted: io::Result<(TcpStream, SocketAddr)>) -> io::Result<Self> {
        let stream = ready(accepted?.0)?;
        stream.set_nonblocking(false)?;
        Ok(Self::Tcp(stream))
    }

    #[cfg(unix)]
    fn of_unix<A>(accepted: io::Result<(UnixStream, A)>) -> io::Result<Self> {
        let stream = accepted?.0;
        stream.set_nonblocking(false)?;
        Ok(Self::Unix(stream))
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            #[cfg(unix)]
            Self::Unix(stream) => stream.read(buffer),
            #[cfg(unix)]
            Self::Serial(line) => line.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buffer),
            #[cfg(unix)]
            Self::Unix(stream) => stream.write(buffer),
            #[cfg(unix)]
            Self::Serial(line) => line.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.flush(),
            #[cfg(unix)]
            Self::Serial(line) => line.flush(),
        }
    }
}

impl TimedStream for Connection {
    fn set_timeout(&self, limit: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_timeout(limit),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_timeout(limit),
            #[cfg(unix)]
            Self::Serial(line) => line.set_timeout(limit),
        }
    }

    fn discard_input(&mut self) {
        match self {
            #[cfg(unix)]
            Self::Serial(line) => line.discard_input(),
            // What else there is ends with its conversation.
            _ => {}
        }
    }
}

impl TimedStream for TcpStream {
    fn set_timeout(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))?;
        self.set_write_timeout(Some(limit))
    }
}

#[cfg(unix)]
impl TimedStream for UnixStream {
    fn set_timeout(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))?;
        self.set_write_timeout(Some(limit))
    }
}

/// Waits for peers.
#[derive(Debug)]
pub enum Listener {
    /// On a TCP port.
    Tcp(TcpListener),
    /// On a Unix socket, which is removed with the listener.
    #[cfg(unix)]
    Unix(UnixSocket),
    /// On a pseudo-terminal, whose link is removed with the listener.
    #[cfg(unix)]
    Pty(PtyLine),
}

impl Listener {
    /// Where peers find it: for TCP with the port that the host chose.
    ///
    /// # Errors
    /// If the host does not say.
    pub fn endpoint(&self) -> io::Result<Endpoint> {
        match self {
            Self::Tcp(listener) => Ok(Endpoint::Tcp(listener.local_addr()?.to_string())),
            #[cfg(unix)]
            Self::Unix(socket) => Ok(Endpoint::Unix(socket.path.clone())),
            #[cfg(unix)]
            Self::Pty(line) => Ok(Endpoint::Pty(line.link.clone())),
        }
    }

    /// The next peer, or `None` once `stop` is set.
    ///
    /// # Errors
    /// If the host has no connection to give; the next call may succeed.
    pub fn accept(&self, stop: &AtomicBool) -> io::Result<Option<Connection>> {
        while !stop.load(Ordering::Relaxed) {
            let accepted = match self {
                Self::Tcp(listener) => Connection::of_tcp(listener.accept()),
                #[cfg(unix)]
                Self::Unix(socket) => Connection::of_unix(socket.listener.accept()),
                #[cfg(unix)]
                Self::Pty(line) => match line.accept(POLL) {
                    Ok(None) => continue,
                    Ok(Some(session)) => Ok(Connection::Serial(session)),
                    Err(error) => Err(error),
                },
            };
            match accepted {
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(POLL),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other.map(Some),
            }
        }
        Ok(None)
    }

    fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.set_nonblocking(true),
            #[cfg(unix)]
            Self::Unix(socket) => socket.listener.set_nonblocking(true),
            #[cfg(unix)]
            Self::Pty(_) => Ok(()),
        }
    }
}

/// A listening Unix socket and the file that stands for it.
#[cfg(unix)]
#[derive(Debug)]
pub struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of our file, to tell it from one that took its place.
    file: Option<(u64, u64)>,
}

#[cfg(unix)]
impl UnixSocket {
    fn bind(
        path: &Path,
        refused: impl Fn(io::Error) -> EndpointError,
    ) -> Result<Self, EndpointError> {
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                remove_stale(path, &refused)?;
                UnixListener::bind(path).map_err(refused)?
            }
            other => other.map_err(refused)?,
        };
        Ok(Self { listener, path: path.into(), file: file_at(path) })
    }
}

#[cfg(unix)]
impl Drop for UnixSocket {
    fn drop(&mut self) {
        if self.file.is_some() && file_at(&self.path) == self.file {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket file if nobody listens on it.
#[cfg(unix)]
fn remove_stale(
    path: &Path,
    refused: impl Fn(io::Error) -> EndpointError,
) -> Result<(), EndpointError> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(&refused)?,
    };
    if !metadata.file_type().is_socket() {
        return Err(EndpointError::NotASocket { path: path.into() });
    }
    match connect_unix(path, STALE_TIMEOUT) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(refused)
        }
        Ok(_) => Err(refused(io::Error::new(ErrorKind::AddrInUse, "somebody listens there"))),
        Err(error) => Err(refused(error)),
    }
}

#[cfg(unix)]
fn file_at(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Why there is no connection, or nobody can listen.
#[derive(Debug)]
pub enum EndpointError {
    /// Nobody answers.
    Unreachable {
        /// Where.
        endpoint: Endpoint,
        /// The host's word on it.
        source: io::Error,
    },
    /// The host does not let us listen.
    CannotListen {
        /// Where.
        endpoint: Endpoint,
        /// The host's word on it.
        source: io::Error,
    },
    /// The path of a Unix socket is taken by something else, which is not touched.
    #[cfg(unix)]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { endpoint, source } => {
                write!(f, "cannot reach {endpoint}: {source}")
            }
            Self::CannotListen { endpoint, source } => {
                write!(f, "cannot listen on {endpoint}: {source}")
            }
            #[cfg(unix)]
            Self::NotASocket { path } => {
                write!(f, "cannot listen on {}: it exists and is not a socket", path.display())
            }
        }
    }
}

impl Error for EndpointError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable { source, .. } | Self::CannotListen { source, .. } => Some(source),
            #[cfg(unix)]
            Self::NotASocket { .. } => None,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn socket(dir: &tempfile::TempDir) -> (PathBuf, Endpoint) {
        let path = dir.path().join("device.sock");
        (path.clone(), Endpoint::Unix(path))
    }

    #[test]
    fn a_socket_is_removed_with_its_listener() {
        let dir = tempfile::tempdir().unwrap();
        let (path, endpoint) = socket(&dir);
        let listener = endpoint.listen().unwrap();
        assert!(path.exists());
        assert!(endpoint.connect(SECOND).is_ok());
        drop(listener);
        assert!(!path.exists());
        assert!(matches!(endpoint.connect(SECOND), Err(EndpointError::Unreachable { .. })));
    }

    #[test]
    fn a_stale_socket_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (path, endpoint) = socket(&dir);
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "std leaves the file behind, as a killed process does");
        let listener = endpoint.listen().unwrap();
        assert!(endpoint.connect(SECOND).is_ok());
        drop(listener);
    }

    #[test]
    fn a_socket_in_use_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (_, endpoint) = socket(&dir);
        let _first = endpoint.listen().unwrap();
        assert!(matches!(
            endpoint.listen(),
            Err(EndpointError::CannotListen { source, .. }) if source.kind() == ErrorKind::AddrInUse
        ));
        assert!(endpoint.connect(SECOND).is_ok());
    }

    #[test]
    fn what_is_not_a_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (path, endpoint) = socket(&dir);
        fs::write(&path, "precious").unwrap();
        assert!(matches!(endpoint.listen(), Err(EndpointError::NotASocket { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        // Not even through a link that points at it.
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(Endpoint::Unix(link).listen(), Err(EndpointError::NotASocket { .. })));
    }

    #[test]
    fn what_took_the_place_of_a_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (path, endpoint) = socket(&dir);
        let listener = endpoint.listen().unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        drop(listener);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn nobody_there_is_said_with_the_address() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = Endpoint::Tcp(closed.to_string()).connect(SECOND).unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot reach tcp {closed}: ")), "{error}");
        assert!(Endpoint::Tcp("no port".into()).connect(SECOND).is_err());
        assert!(Endpoint::Tcp("256.0.0.1:1".into()).listen().is_err());
    }

    #[test]
    fn a_stopped_listener_waits_no_more() {
        let listener = Endpoint::Tcp("127.0.0.1:0".into()).listen().unwrap();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let accept = scope.spawn(|| listener.accept(&stop));
            stop.store(true, Ordering::Relaxed);
            assert!(accept.join().unwrap().unwrap().is_none());
        });
    }
}
