//! Replacing a file in one step, beside programs that append to it.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::journal::{Journal, Swap};

use super::attributes;
use super::names::{beside, remove_if_there, same_file, sync_directory};
use super::options::{FileOptions, Links};
use super::tail::{LastLine, carry, settle, take_lines};
use super::writers::has_writers;

/// A file that is to be replaced.
#[derive(Debug)]
pub(super) struct Target {
    operation: HistoryOperation,
    pub(super) path: PathBuf,
    pub(super) file: File,
    metadata: Metadata,
}

/// The text that is to take its place, in a file beside it.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    pub(super) file: File,
    is_kept: bool,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed now is removed by the next run.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The file that a path leads to.
pub(super) fn resolve(
    path: &Path,
    links: Links,
    operation: HistoryOperation,
) -> Result<PathBuf, HistoryError> {
    let read = |error| HistoryError::new(HistoryErrorKind::Read, operation).with_source(error);
    match (
        std::fs::symlink_metadata(path).map_err(read)?.is_symlink(),
        links,
    ) {
        (false, _) => Ok(path.to_owned()),
        (true, Links::Follow) => std::fs::canonicalize(path).map_err(read),
        (true, Links::Refuse) => Err(HistoryError::new(HistoryErrorKind::Refused, operation)
            .with_reason("it is a symbolic link")),
    }
}

impl Target {
    /// Opens a file that may be replaced.
    pub(super) fn open(
        path: PathBuf,
        options: &FileOptions,
        operation: HistoryOperation,
    ) -> Result<Self, HistoryError> {
        let read = |error| HistoryError::new(HistoryErrorKind::Read, operation).with_source(error);
        let refuse = |reason| {
            Err(HistoryError::new(HistoryErrorKind::Refused, operation).with_reason(reason))
        };
        let file = File::open(&path).map_err(read)?;
        let metadata = file.metadata().map_err(read)?;
        if !metadata.is_file() {
            return refuse("it is not a regular file");
        }
        if options.output().is_none() {
            if attributes::has_other_names(&metadata) {
                return refuse("it has other names, as hard links");
            }
            let modified = metadata.modified().map_err(read)?;
            let age = SystemTime::now().duration_since(modified);
            if age.unwrap_or_default() < options.quiet_for() {
                return refuse("it changed a moment ago");
            }
            if has_writers(&metadata) {
                let changed = HistoryError::new(HistoryErrorKind::Changed, operation);
                return Err(changed.with_reason("another program has it open for writing"));
            }
        }
        Ok(Self {
            operation,
            path,
            file,
            metadata,
        })
    }

    /// Creates the file for the new text, where it is to be.
    pub(super) fn draft(&self, options: &FileOptions) -> Result<Draft, HistoryError> {
        let path = beside(options.output().unwrap_or(&self.path), ".media-new");
        let create = || {
            remove_if_there(&path)?;
            let mut open = OpenOptions::new();
            // Once it has the place, other programs append to it as well.
            open.read(true).append(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
            open.open(&path)
        };
        let file = create().map_err(|error| self.write_failed(error))?;
        Ok(Draft {
            path,
            file,
            is_kept: false,
        })
    }

    /// Puts the draft in the place of the file, which was read up to `read`. What was appended to it is
    /// taken over. Returns how many bytes that is.
    pub(super) fn replace(
        mut self,
        mut draft: Draft,
        read: u64,
        journal: &Journal,
    ) -> Result<u64, HistoryError> {
        let operation = self.operation;
        let failed = |kind, reason| HistoryError::new(kind, operation).with_reason(reason);
        if let Err(cause) = attributes::copy(&self.file, &self.metadata, &draft.file) {
            let reason = "its owner, mode or extended attributes cannot be kept";
            return Err(failed(HistoryErrorKind::Refused, reason).with_source(cause));
        }
        let mut end = read;
        let swapped = self.swap(&mut end, &mut draft, journal);
        match swapped.map_err(|error| self.write_failed(error))? {
            Swapped::Done => Ok(end - read),
            Swapped::Rewritten => Err(failed(
                HistoryErrorKind::Changed,
                "it was rewritten while it was read",
            )),
            Swapped::Held => Err(failed(
                HistoryErrorKind::Changed,
                "another program keeps it open for writing",
            )),
        }
    }

    fn swap(&mut self, end: &mut u64, draft: &mut Draft, journal: &Journal) -> io::Result<Swapped> {
        // What is not a whole line yet follows after the swap.
        *end = take_lines(&mut self.file, *end, &mut draft.file, LastLine::Unfinished)?;
        draft.file.sync_all()?;
        let now = self.file.metadata()?;
        if now.len() < *end || has_writers(&now) {
            return Ok(if now.len() < *end {
                Swapped::Rewritten
            } else {
                Swapped::Held
            });
        }
        // Until all is settled, the old file keeps a name.
        let old = beside(&self.path, ".media-old");
        std::fs::hard_link(&self.path, &old)?;
        if !same_file(&self.file, &File::open(&old)?) {
            std::fs::remove_file(&old)?;
            return Ok(Swapped::Rewritten);
        }
        let swap = Swap::new(*end, draft.file.metadata()?.len());
        let renamed = journal
            .swaps(swap)
            .and_then(|()| std::fs::rename(&draft.path, &self.path));
        if let Err(error) = renamed {
            std::fs::remove_file(&old)?;
            return Err(error);
        }
        draft.is_kept = true;
        let settled = settle(&self.file);
        if let Ok(true) = settled {
            carry(
                &mut self.file,
                swap,
                &mut draft.file,
                journal,
                LastLine::Finished,
            )?;
            *end = self.file.metadata()?.len();
            sync_directory(&self.path)?;
            std::fs::remove_file(&old)?;
            return Ok(Swapped::Done);
        }
        // Whoever has the old file open goes on to write to it: it gets its place again.
        self.give_back(&old, swap, draft, journal)?;
        settled.map(|_| Swapped::Held)
    }

    /// Gives the old file its place again. What programs appended to the draft while it had the place
    /// is taken over.
    fn give_back(
        &self,
        old: &Path,
        swap: Swap,
        draft: &mut Draft,
        journal: &Journal,
    ) -> io::Result<()> {
        // Until no program has the draft open any more, it keeps a name.
        let back = beside(&self.path, ".media-back");
        let swap = swap.reversed();
        journal.swaps(swap)?;
        std::fs::hard_link(&self.path, &back)?;
        std::fs::rename(old, &self.path)?;
        let mut file = OpenOptions::new().append(true).open(&self.path)?;
        if settle(&draft.file)? {
            carry(
                &mut draft.file,
                swap,
                &mut file,
                journal,
                LastLine::Finished,
            )?;
            sync_directory(&self.path)?;
            return std::fs::remove_file(&back);
        }
        // The next run takes over what is appended from now on.
        carry(
            &mut draft.file,
            swap,
            &mut file,
            journal,
            LastLine::Unfinished,
        )?;
        sync_directory(&self.path)
    }

    /// Gives the draft the name of another file, which must not be there.
    pub(super) fn publish(&self, draft: &Draft, output: &Path) -> Result<(), HistoryError> {
        let publish = || {
            draft.file.set_permissions(self.metadata.permissions())?;
            draft.file.sync_all()?;
            std::fs::hard_link(&draft.path, output)?;
            sync_directory(output)
        };
        publish().map_err(|error| self.write_failed(error))
    }

    pub(super) fn write_failed(&self, error: io::Error) -> HistoryError {
        HistoryError::new(HistoryErrorKind::Write, self.operation).with_source(error)
    }
}

/// What came of a replacement.
enum Swapped {
    Done,
    Rewritten,
    Held,
}
