//! Replacing a file in one step, beside programs that append to it.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::journal::{Journal, Swap};

use super::attributes;
use super::options::{FileOptions, Links};
use super::writers::has_writers;

/// How long a program that opened the file just before it was replaced may take to close it.
const SETTLE: Duration = Duration::from_secs(2);

/// How often it is looked at in the meantime.
const LOOK: Duration = Duration::from_millis(5);

/// How often in a row no program may have it open.
const QUIET_LOOKS: u32 = 5;

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

/// The name of a file that belongs to another.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
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

/// Ends what a run that was killed, or could not wait any longer, left half done: what programs appended
/// to a file after another took its place goes to the other.
pub(super) fn recover(path: &Path, swap: Option<Swap>) -> io::Result<()> {
    remove_if_there(&beside(path, ".media-new"))?;
    let (old, back) = (beside(path, ".media-old"), beside(path, ".media-back"));
    // The swap is that of the old file, unless it was about to get its place again.
    let reversed = swap.map(|Swap { old_len, new_len }| Swap {
        old_len: new_len,
        new_len: old_len,
    });
    let swap = match carry_over(&back, path, swap)? {
        Carried::Same => reversed,
        _ => swap,
    };
    carry_over(&old, path, swap).map(drop)
}

/// What became of a file that lost its place.
enum Carried {
    NotThere,
    /// It has its place still.
    Same,
    Done,
}

/// Appends to `path` what was appended to `from` after the swap, and removes `from`.
fn carry_over(from: &Path, path: &Path, swap: Option<Swap>) -> io::Result<Carried> {
    let mut old = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Carried::NotThere),
        opened => opened?,
    };
    let mut new = OpenOptions::new().read(true).append(true).open(path)?;
    if same_file(&old, &new) {
        std::fs::remove_file(from)?;
        return Ok(Carried::Same);
    }
    if let Some(swap) = swap {
        let (mut missing, mut taken) = (Vec::new(), Vec::new());
        old.seek(SeekFrom::Start(swap.old_len))?;
        old.read_to_end(&mut missing)?;
        new.seek(SeekFrom::Start(swap.new_len))?;
        new.read_to_end(&mut taken)?;
        let common = missing
            .iter()
            .zip(&taken)
            .take_while(|(one, other)| one == other);
        let common = common.count();
        new.write_all(missing.get(common..).unwrap_or_default())?;
        new.sync_data()?;
    }
    std::fs::remove_file(from)?;
    Ok(Carried::Done)
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
                return refuse("another program has it open for writing");
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
            open.read(true).write(true).create_new(true);
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
        *end = take_tail(&mut self.file, *end, &mut draft.file)?;
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
        let new_len = draft.file.seek(SeekFrom::End(0))?;
        let swap = Swap {
            old_len: *end,
            new_len,
        };
        let renamed = journal
            .swaps(swap)
            .and_then(|()| std::fs::rename(&draft.path, &self.path));
        if let Err(error) = renamed {
            std::fs::remove_file(&old)?;
            return Err(error);
        }
        draft.is_kept = true;
        let settled = settle(&mut self.file, end, &mut draft.file);
        if let Ok(true) = settled {
            sync_directory(&self.path)?;
            std::fs::remove_file(&old)?;
            return Ok(Swapped::Done);
        }
        // Whoever has the old file open goes on to write to it: it gets its place again.
        let written = new_len + (*end - swap.old_len);
        self.give_back(&old, *end, draft, written, journal)?;
        settled.map(|_| Swapped::Held)
    }

    /// Gives the old file its place again. What programs appended to the draft after `written` while it
    /// had the place is taken over.
    fn give_back(
        &self,
        old: &Path,
        end: u64,
        draft: &mut Draft,
        mut written: u64,
        journal: &Journal,
    ) -> io::Result<()> {
        // Until no program has the draft open any more, it keeps a name.
        let back = beside(&self.path, ".media-back");
        journal.swaps(Swap {
            old_len: written,
            new_len: end,
        })?;
        std::fs::hard_link(&self.path, &back)?;
        std::fs::rename(old, &self.path)?;
        let mut file = OpenOptions::new().append(true).open(&self.path)?;
        let settled = settle(&mut draft.file, &mut written, &mut file)?;
        sync_directory(&self.path)?;
        match settled {
            true => std::fs::remove_file(&back),
            // The next run takes over what is appended from now on.
            false => journal.swaps(Swap {
                old_len: written,
                new_len: file.metadata()?.len(),
            }),
        }
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

/// Appends to `to` what `from` has after an offset; returns where it ends.
fn take_tail(from: &mut File, offset: u64, to: &mut File) -> io::Result<u64> {
    from.seek(SeekFrom::Start(offset))?;
    to.seek(SeekFrom::End(0))?;
    Ok(offset + io::copy(from, to)?)
}

/// Takes over to `to` what programs append to `from` that had opened it before it lost its place, after
/// `end`; whether none has it open any more.
fn settle(from: &mut File, end: &mut u64, to: &mut File) -> io::Result<bool> {
    let start = Instant::now();
    let metadata = from.metadata()?;
    // A program may be in the middle of opening it: it has to be quiet more than once.
    let mut quiet = 0;
    while quiet < QUIET_LOOKS {
        let (is_open, before) = (has_writers(&metadata), *end);
        *end = take_tail(from, before, to)?;
        quiet = match is_open || *end > before {
            true => 0,
            false => quiet + 1,
        };
        if quiet == 0 && start.elapsed() > SETTLE {
            return Ok(false);
        }
        if quiet < QUIET_LOOKS {
            sleep(LOOK);
        }
    }
    to.sync_data()?;
    Ok(true)
}

/// What came of a replacement.
enum Swapped {
    Done,
    Rewritten,
    Held,
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn same_file(one: &File, other: &File) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let of = |file: &File| file.metadata().map(|file| (file.dev(), file.ino())).ok();
    of(one).is_some() && of(one) == of(other)
}

#[cfg(not(unix))]
fn same_file(one: &File, other: &File) -> bool {
    let of = |file: &File| {
        let metadata = file.metadata().ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    };
    of(one).is_some() && of(one) == of(other)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
