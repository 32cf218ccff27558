//! How files are treated.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is done with a path that is a symbolic link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Links {
    /// The file is refused.
    #[default]
    Refuse,
    /// The file that the link leads to is replaced; the link stays.
    Follow,
}

/// Options for [`externalize_file`](super::externalize_file) and
/// [`restore_file`](super::restore_file).
#[derive(Clone, Debug)]
pub struct FileOptions {
    output: Option<PathBuf>,
    links: Links,
    quiet_for: Duration,
}

impl FileOptions {
    /// In place, links refused, files refused that changed within the last 10 minutes.
    pub fn new() -> Self {
        Self {
            output: None,
            links: Links::Refuse,
            quiet_for: Duration::from_secs(600),
        }
    }

    /// Writes the result to another file, which must not be there. Defaults to replacing the file.
    #[must_use]
    pub fn with_output(mut self, path: impl AsRef<Path>) -> Self {
        self.output = Some(path.as_ref().to_owned());
        self
    }

    /// Sets what is done with symbolic links. Defaults to [`Links::Refuse`].
    #[must_use]
    pub fn with_links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }

    /// Sets for how long a file must not have changed; zero takes any file. Defaults to 10 minutes.
    #[must_use]
    pub fn with_quiet_for(mut self, time: Duration) -> Self {
        self.quiet_for = time;
        self
    }

    /// Returns where the result goes, if not in place.
    pub fn output(&self) -> Option<&Path> {
        self.output.as_deref()
    }

    /// Returns what is done with symbolic links.
    pub fn links(&self) -> Links {
        self.links
    }

    /// Returns for how long a file must not have changed.
    pub fn quiet_for(&self) -> Duration {
        self.quiet_for
    }
}

impl Default for FileOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// What was done to a file.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct FileOutcome<T> {
    /// What was done to its text.
    pub report: T,
    /// Whether the file was replaced; a file without anything to replace is not touched.
    pub changed: bool,
    /// Whether a run that was killed was taken up.
    pub resumed: bool,
    /// How many bytes another program appended in the meantime and that were taken over.
    pub appended_bytes: u64,
}
