//! `--tcp ADDR`, `--unix PATH` or `--pty LINK`: where a device is met.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::exit::Failure;
use crate::link::{Connection, Endpoint, EndpointError, Listener};

/// How long to wait for somebody to take up a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct EndpointArguments {
    /// Host and port, for example 127.0.0.1:7000.
    #[arg(long, value_name = "ADDR")]
    pub(crate) tcp: Option<String>,
    /// A Unix socket.
    #[arg(long, value_name = "PATH")]
    pub(crate) unix: Option<PathBuf>,
    /// A serial line: a pseudo-terminal that this link leads to.
    #[arg(long, value_name = "LINK")]
    pub(crate) pty: Option<PathBuf>,
}

impl EndpointArguments {
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Failure> {
        match (&self.tcp, &self.unix, &self.pty) {
            (Some(address), ..) => Ok(Endpoint::Tcp(address.clone())),
            #[cfg(unix)]
            (None, Some(path), _) => Ok(Endpoint::Unix(path.clone())),
            #[cfg(unix)]
            (None, None, Some(link)) => Ok(Endpoint::Pty(link.clone())),
            _ => Err(Failure::usage("no endpoint").advise("--tcp ADDR")),
        }
    }

    pub(crate) fn listen(&self) -> Result<Listener, Failure> {
        self.endpoint()?.listen().map_err(|error| failure(&error))
    }

    pub(crate) fn connect(&self) -> Result<Connection, Failure> {
        self.endpoint()?
            .connect(CONNECT_TIMEOUT)
            .map_err(|error| failure(&error).advise("is the device there? puflab device serve DIR"))
    }
}

fn failure(error: &EndpointError) -> Failure {
    let source = std::error::Error::source(error).and_then(|e| e.downcast_ref::<io::Error>());
    match source.map(io::Error::kind) {
        // Not an address at all.
        Some(io::ErrorKind::InvalidInput) => {
            Failure::usage(error).advise("HOST:PORT, for example 127.0.0.1:7000")
        }
        _ => Failure::unreachable(error),
    }
}
