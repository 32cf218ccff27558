//! What keeps a test server from starting.

use std::io;
use std::path::PathBuf;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// A file, a socket or a process could not be had.
    #[error("input or output failed")]
    Io(#[from] io::Error),
    /// A server from outside is not installed and could not be installed.
    #[error("{name} is not installed; scripts/install-servers.sh said: {output}")]
    NotInstalled {
        /// The server's name.
        name: &'static str,
        /// The end of what the installation printed.
        output: String,
    },
    /// A server from outside was started and did not answer in time.
    #[error("{name} did not answer within {seconds} s; its output is in {}", log.display())]
    NotReady {
        /// The server's name.
        name: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// Where its output went.
        log: PathBuf,
    },
    /// A server answered what was not expected while it was set up.
    #[error("{name} answered {status} to the request that sets it up")]
    Refused {
        /// The server's name.
        name: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// A key for signatures could not be made.
    #[error("no key for signatures could be made")]
    Key,
}
