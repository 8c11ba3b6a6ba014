//! Why serving ends, or does not begin.

use std::io;
use std::net::SocketAddr;

/// Why serving ended, or did not begin.
#[derive(Debug)]
pub enum ServeError {
    /// An application cannot be loaded: its name, and why.
    Application(String, String),
    /// The address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// A certificate cannot be used: what is wrong with which file.
    Certificate(String),
    /// Something else of the system failed: what was tried, and why.
    System(&'static str, io::Error),
    /// A worker thread has died; the process cannot go on serving.
    Worker,
}

impl std::fmt::Display for ServeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Application(name, error) => write!(f, "the application {name:?} cannot be loaded: {error}"),
            Self::Listen(address, error) if error.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "{address} is in use: another server is listening there. Stop it, or choose another port with --port"
            ),
            Self::Listen(address, error) if error.kind() == io::ErrorKind::PermissionDenied => write!(
                f,
                "{address} needs privileges: choose a port above 1023 with --port, or let a proxy have this one"
            ),
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Certificate(what) => write!(f, "the listener's certificate cannot be used: {what}"),
            Self::System(what, error) => write!(f, "cannot {what}: {error}"),
            Self::Worker => f.write_str("a worker thread has died"),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(_, error) | Self::System(_, error) => Some(error),
            Self::Application(..) | Self::Certificate(_) | Self::Worker => None,
        }
    }
}
