//! Errors of starting a test server.

use std::io;
use std::path::PathBuf;

/// Error returned when a server cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// A file, a socket or a process could not be created.
    #[error("I/O failed")]
    Io(#[from] io::Error),
    /// A third-party server could not be installed.
    #[error("{name} is not installed; scripts/install-servers.sh said: {output}")]
    NotInstalled {
        /// Name of the server.
        name: &'static str,
        /// End of the output of the installation.
        output: String,
    },
    /// A third-party server did not answer in time.
    #[error("{name} did not answer within {seconds} s; its output is in {}", log.display())]
    NotReady {
        /// Name of the server.
        name: &'static str,
        /// The time limit.
        seconds: u64,
        /// The file with its output.
        log: PathBuf,
    },
    /// A server refused a request of its setup.
    #[error("{name} answered {status} to the request that sets it up")]
    Refused {
        /// Name of the server.
        name: &'static str,
        /// HTTP status of the response.
        status: u16,
    },
    /// A key for signatures could not be created.
    #[error("failed to create a key for signatures")]
    Key,
}
