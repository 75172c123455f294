//! A pseudo-terminal: the device as a serial line, for peers that speak to one.
//!
//! A serial line knows no connections. A session begins with the first byte that comes and ends
//! with the conversation or with a silence. Answers that one peer did not wait for are thrown away
//! before the next one is answered; what comes after the end of a conversation may be that next peer
//! already, and is thrown away only where the conversation failed.

use std::cell::Cell;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, QueueSelector, tcflush, tcgetattr, tcsetattr};

use super::TimedStream;

/// Where the host keeps pseudo-terminals.
const TERMINALS: &str = "/dev";

/// The device's end of a pseudo-terminal, and the link under which peers find theirs.
#[derive(Debug)]
pub struct PtyLine {
    device: File,
    /// Held open, so that the line does not hang up between two peers.
    terminal: File,
    terminal_path: PathBuf,
    /// The symbolic link, which is removed with the line.
    pub(super) link: PathBuf,
}

impl PtyLine {
    /// Opens a pseudo-terminal and links `link` to it.
    ///
    /// A link to a terminal is replaced; anything else that has the name is left alone.
    ///
    /// # Errors
    /// If something else has the name, or the host refuses.
    pub(super) fn open(link: &Path) -> io::Result<Self> {
        let device = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&device)?;
        unlockpt(&device)?;
        let name = ptsname(&device, Vec::new())?;
        let terminal_path = PathBuf::from(OsString::from_vec(name.into_bytes()));
        let terminal = open_raw(&terminal_path)?;
        // A process that was killed leaves its link, and the number of its terminal is soon given to
        // another: a link to any terminal makes room, whatever it leads to by now.
        if fs::read_link(link).is_ok_and(|target| target.starts_with(TERMINALS)) {
            fs::remove_file(link)?;
        }
        std::os::unix::fs::symlink(&terminal_path, link)?;
        Ok(Self { device: File::from(device), terminal, terminal_path, link: link.into() })
    }

    /// The next peer, if one has said something within `patience`.
    pub(super) fn accept(&self, patience: Duration) -> io::Result<Option<SerialLine>> {
        if !is_ready(&self.device, PollFlags::IN, patience)? {
            return Ok(None);
        }
        // Answers that the last peer did not wait for.
        tcflush(&self.terminal, QueueSelector::IFlush)?;
        Ok(Some(SerialLine::new(self.device.try_clone()?)))
    }
}

impl Drop for PtyLine {
    fn drop(&mut self) {
        if fs::read_link(&self.link).is_ok_and(|target| target == self.terminal_path) {
            let _ = fs::remove_file(&self.link);
        }
    }
}

/// One session on a serial line.
#[derive(Debug)]
pub struct SerialLine {
    file: File,
    limit: Cell<Duration>,
}

impl SerialLine {
    fn new(file: File) -> Self {
        Self { file, limit: Cell::new(Duration::MAX) }
    }

    /// Opens a serial line by its path, in raw mode.
    ///
    /// # Errors
    /// If it is not there or not a terminal.
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        let file = open_raw(path)?;
        tcflush(&file, QueueSelector::IFlush)?;
        Ok(Self::new(file))
    }

    fn wait(&self, what: PollFlags) -> io::Result<()> {
        if is_ready(&self.file, what, self.limit.get())? {
            return Ok(());
        }
        Err(ErrorKind::TimedOut.into())
    }
}

impl Read for SerialLine {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait(PollFlags::IN)?;
        self.file.read(buffer)
    }
}

impl Write for SerialLine {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.wait(PollFlags::OUT)?;
        self.file.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TimedStream for SerialLine {
    fn set_timeout(&self, limit: Duration) -> io::Result<()> {
        self.limit.set(limit);
        Ok(())
    }

    fn discard_input(&mut self) {
        let mut rest = [0; 256];
        while is_ready(&self.file, PollFlags::IN, Duration::ZERO).unwrap_or(false)
            && self.file.read(&mut rest).is_ok_and(|count| count > 0)
        {}
    }
}

/// Opens a terminal so that every byte goes through as it is.
fn open_raw(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOCTTY.bits().cast_signed();
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    let mut settings = tcgetattr(&file)?;
    settings.make_raw();
    tcsetattr(&file, OptionalActions::Now, &settings)?;
    Ok(file)
}

fn is_ready(file: &File, what: PollFlags, patience: Duration) -> io::Result<bool> {
    let mut polled = [PollFd::new(file, what)];
    let limit = Timespec::try_from(patience).ok();
    match poll(&mut polled, limit.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
