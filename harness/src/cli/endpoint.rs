//! `--tcp ADDR` or `--unix PATH`: where a device is met.

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
}

impl EndpointArguments {
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Failure> {
        match (&self.tcp, &self.unix) {
            (Some(address), _) => Ok(Endpoint::Tcp(address.clone())),
            #[cfg(unix)]
            (None, Some(path)) => Ok(Endpoint::Unix(path.clone())),
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

/// An endpoint in words.
pub(crate) fn name(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Tcp(address) => format!("tcp {address}"),
        #[cfg(unix)]
        Endpoint::Unix(path) => format!("unix {}", path.display()),
    }
}

fn failure(error: &EndpointError) -> Failure {
    Failure::unreachable(error)
}
