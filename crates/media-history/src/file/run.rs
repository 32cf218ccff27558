//! One run over a file.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use media_types::{Sha256, StorageReference};
use tokio::io::AsyncWriteExt as _;

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::history::History;
use crate::journal::{Journal, Listed};
use crate::lifetime::unnamed;
use crate::report::{Report, RestoreReport};
use crate::settings::OnMissing;

use super::opening::{Opened, Place, is_missing, open, open_beside_output};
use super::options::{FileOptions, FileOutcome, Links};
use super::recover::Recovery;
use super::replace::{Draft, Target, resolve};
use super::stream::{HashingReader, HashingWriter};

/// Replaces the media of the history in a file by placeholders.
///
/// The file is replaced in one step by a file with the same mode, owner and extended attributes, after
/// all media is stored, the new text is on the disk and was restored once for comparison: at any moment
/// it is the old or the new one. Lines that another program appends in the meantime are taken over as they
/// are. A journal beside it, `.<name>.media-journal`, names what was stored: a run that was killed is
/// taken up by the next, or given up by [`abandon`]. The next holds what the journal names in memory, some
/// hundred bytes for each media item, and uses the first 65,536 of them again: what was stored beyond them is
/// stored anew, and the earlier copies are deleted. Where the directory of the file cannot be written, the file
/// has no journal and the result has another place, the journal is `.<name of the result>.media-out-journal`
/// beside the result, and `abandon` takes the path of the result, whether or not that is there yet.
///
/// A program that keeps the file open for writing is noticed on Linux alone, and there as far as `/proc` shows
/// it: not one of another user (unless root looks), in another container or PID namespace, on another
/// host, or in this process. What such a program appends after the replacement is lost. Close the file first,
/// or give the result another place ([`FileOptions::with_output`]).
///
/// # Errors
/// Returns `Refused` for a link, a file that is not a regular one, that changed a moment ago, or whose
/// owner or attributes cannot be kept; `Changed` when another program rewrote it or has it open for
/// writing; otherwise as [`History::externalize_stream`]. The file
/// is the old one then.
pub async fn externalize_file(
    history: &History,
    path: impl AsRef<Path> + Send,
    options: &FileOptions,
) -> Result<FileOutcome<Report>, HistoryError> {
    let run = Run::begin(path.as_ref(), options, HistoryOperation::Externalize).await?;
    let done = run.externalize(history).await;
    run.end(done).await
}

/// Puts the media back into the history in a file.
///
/// The media stays in the store, though nothing in the file names it any more: what deletes it is
/// [`History::forget`] with a copy of the slim text. What a run stored that was killed before stays too,
/// and its journal, unless the file names all of it.
///
/// # Errors
/// As [`externalize_file`] and [`History::restore_stream`]. The file is the old one then.
pub async fn restore_file(
    history: &History,
    path: impl AsRef<Path> + Send,
    options: &FileOptions,
) -> Result<FileOutcome<RestoreReport>, HistoryError> {
    let run = Run::begin(path.as_ref(), options, HistoryOperation::Restore).await?;
    let done = run.restore(history).await;
    run.end(done).await
}

/// Gives up a run that was killed: deletes the media that its journal names and neither the file nor the
/// file that the result went to does, then the journal. What they name with another key or for another
/// scope stays too. Returns how many references were deleted; 0 without a journal. A run whose journal lies
/// beside its result, as [`externalize_file`] says, is given up by the path of the result.
///
/// # Errors
/// Returns `Storage` for media that cannot be deleted, and `Refused` while a run is going on or when the
/// file that the result went to is gone (it may have another name now) or media is of another scope. The
/// journal stays then.
pub async fn abandon(
    history: &History,
    path: impl AsRef<Path> + Send,
) -> Result<u64, HistoryError> {
    const OPERATION: HistoryOperation = HistoryOperation::Forget;
    let path = path.as_ref();
    let mut deleted = 0;
    if Place::Output.has_journal(path) {
        let output = path.to_owned();
        let opened = blocking(OPERATION, move || open_beside_output(&output)).await?;
        let run = Run::of(opened, path.to_owned(), FileOptions::new(), OPERATION)?;
        deleted += run.give_up(history).await?;
        // Killed before its result had the name.
        if is_missing(path) && !Place::Source.has_journal(path) {
            return Ok(deleted);
        }
    }
    let path = resolve(path, Links::Follow, OPERATION)?;
    if Place::Source.has_journal(&path) {
        let run = Run::open(path, FileOptions::new(), OPERATION).await?;
        deleted += run.give_up(history).await?;
    }
    Ok(deleted)
}

/// A run that has the journal.
struct Run {
    operation: HistoryOperation,
    path: PathBuf,
    options: FileOptions,
    place: Place,
    journal: Journal,
    listed: Listed,
}

/// A run that came to its end.
struct Done<T> {
    outcome: FileOutcome<T>,
    /// Whether nothing is left that only the journal names.
    is_settled: bool,
}

/// What was read of the file.
struct Source {
    len: u64,
    sha256: Sha256,
}

impl Run {
    async fn begin(
        path: &Path,
        options: &FileOptions,
        operation: HistoryOperation,
    ) -> Result<Self, HistoryError> {
        let path = resolve(path, options.links(), operation)?;
        Self::open(path, options.clone(), operation).await
    }

    async fn open(
        path: PathBuf,
        options: FileOptions,
        operation: HistoryOperation,
    ) -> Result<Self, HistoryError> {
        let (target, output) = (path.clone(), options.output().map(Path::to_owned));
        let opened = blocking(operation, move || open(&target, output.as_deref())).await?;
        Self::of(opened, path, options, operation)
    }

    fn of(
        opened: Option<Opened>,
        path: PathBuf,
        options: FileOptions,
        operation: HistoryOperation,
    ) -> Result<Self, HistoryError> {
        let Some(opened) = opened else {
            let refused = HistoryError::new(HistoryErrorKind::Refused, operation);
            return Err(refused.with_reason("another run is working on it"));
        };
        if opened.recovery == Recovery::Held {
            let changed = HistoryError::new(HistoryErrorKind::Changed, operation);
            return Err(changed.with_reason("a program has open what an earlier run replaced"));
        }
        Ok(Self {
            operation,
            path,
            options,
            place: opened.place,
            journal: opened.journal,
            listed: opened.listed,
        })
    }

    async fn target(&self) -> Result<Target, HistoryError> {
        let (path, options, operation) = (self.path.clone(), self.options.clone(), self.operation);
        let opened = tokio::task::spawn_blocking(move || Target::open(path, &options, operation));
        opened
            .await
            .map_err(|error| self.failed(HistoryErrorKind::Read, error))?
    }

    async fn externalize(&self, history: &History) -> Result<Done<Report>, HistoryError> {
        let target = self.target().await?;
        let draft = target.draft(&self.options)?;
        let journaled = history.journaled(self.journal.clone(), &self.listed.references);
        let mut reader = HashingReader::new(self.stream(&target.file)?);
        let mut writer = self.stream(&draft.file)?;
        let report = journaled
            .externalize_stream(&mut reader, &mut writer)
            .await?;
        self.flushed(writer).await?;
        let hasher = reader.into_hasher();
        let source = Source {
            len: hasher.len(),
            sha256: hasher.finish(),
        };
        let changed = report.totals.replaced > 0;
        let mut appended_bytes = 0;
        if changed {
            self.verify(history, &target, &draft, &source).await?;
        }
        if changed || self.options.output().is_some() {
            appended_bytes = self.put(target, draft, source.len).await?;
        }
        let outcome = FileOutcome {
            report,
            changed,
            resumed: !self.listed.references.is_empty(),
            appended_bytes,
        };
        let is_settled = self.drop_unnamed(history).await?.is_some();
        Ok(Done {
            outcome,
            is_settled,
        })
    }

    async fn restore(&self, history: &History) -> Result<Done<RestoreReport>, HistoryError> {
        // The new text names nothing. Whether the old one named all that was stored is known now only.
        let is_settled = self.unnamed().await?.is_some_and(|left| left.is_empty());
        let target = self.target().await?;
        let draft = target.draft(&self.options)?;
        let mut writer = self.stream(&draft.file)?;
        let reader = self.stream(&target.file)?;
        let report = history.restore_stream(reader, &mut writer).await?;
        self.flushed(writer).await?;
        let has_texts = history.settings.on_missing == OnMissing::Text && report.missing > 0;
        let changed = report.restored > 0 || has_texts;
        let mut appended_bytes = 0;
        if changed || self.options.output().is_some() {
            appended_bytes = self.put(target, draft, report.input_bytes).await?;
        }
        let outcome = FileOutcome {
            report,
            changed,
            resumed: false,
            appended_bytes,
        };
        Ok(Done {
            outcome,
            is_settled,
        })
    }

    /// Restores the new text and compares it with what was read, whose own placeholders stay.
    async fn verify(
        &self,
        history: &History,
        target: &Target,
        draft: &Draft,
        source: &Source,
    ) -> Result<(), HistoryError> {
        let mut written = &draft.file;
        written
            .seek(SeekFrom::Start(0))
            .map_err(|error| self.failed(HistoryErrorKind::Read, error))?;
        let mut restored = HashingWriter::default();
        // Of its own, since the position in a file belongs to all its handles.
        let original = tokio::fs::File::open(&target.path)
            .await
            .map_err(|error| self.failed(HistoryErrorKind::Read, error))?;
        history
            .restore_original(self.stream(&draft.file)?, &mut restored, original)
            .await?;
        match restored.0.len() == source.len && restored.0.finish() == source.sha256 {
            true => Ok(()),
            false => Err(
                HistoryError::new(HistoryErrorKind::Corrupted, self.operation)
                    .with_reason("the new text does not restore to the old one"),
            ),
        }
    }

    /// Puts the draft in its place; returns how many bytes were appended to the file in the meantime.
    async fn put(&self, target: Target, draft: Draft, read: u64) -> Result<u64, HistoryError> {
        let output = self.options.output().map(Path::to_owned);
        let (journal, operation) = (self.journal.clone(), self.operation);
        let put = tokio::task::spawn_blocking(move || match output {
            Some(output) => {
                if operation == HistoryOperation::Externalize {
                    let noted = journal.writes(&output);
                    noted.map_err(|error| target.write_failed(error))?;
                }
                target.publish(&draft, &output).map(|()| 0)
            }
            None => target.replace(draft, read, &journal),
        });
        put.await
            .map_err(|error| self.failed(HistoryErrorKind::Write, error))?
    }

    /// What earlier runs stored and no file names that has, or had, the result of one. `None` when such a
    /// file is gone: it may have another name now.
    async fn unnamed(&self) -> Result<Option<Vec<StorageReference>>, HistoryError> {
        let mut left = self.listed.references.clone();
        let output = self.options.output();
        let output = output.filter(|_| self.operation == HistoryOperation::Externalize);
        let outputs = self.listed.outputs.iter().map(PathBuf::as_path);
        // Given up by the path of a result, which may not have come there. If it was to, the journal lists it.
        let is_given_up = self.operation == HistoryOperation::Forget && self.place == Place::Output;
        let own = Some(&*self.path).filter(|path| !(is_given_up && is_missing(path)));
        for path in own.into_iter().chain(outputs).chain(output) {
            if left.is_empty() {
                break;
            }
            let file = match File::open(path) {
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound
                        && (is_given_up || path != self.path) =>
                {
                    return Ok(None);
                }
                opened => opened.map_err(|error| self.failed(HistoryErrorKind::Read, error))?,
            };
            left = unnamed(left, self.stream(&file)?).await?;
        }
        Ok(Some(left))
    }

    /// Deletes what earlier runs stored and no file names; returns how many, or `None` if that is
    /// unknown or some is of another scope.
    async fn drop_unnamed(&self, history: &History) -> Result<Option<u64>, HistoryError> {
        match self.unnamed().await? {
            Some(left) => history.forget_listed(&left).await,
            None => Ok(None),
        }
    }

    /// Deletes what no file names, and the journal.
    async fn give_up(self, history: &History) -> Result<u64, HistoryError> {
        let Some(deleted) = self.drop_unnamed(history).await? else {
            let refused = HistoryError::new(HistoryErrorKind::Refused, self.operation);
            return Err(refused.with_reason(
                "the file that the result went to is gone, or the media is of another scope",
            ));
        };
        self.close().await?;
        Ok(deleted)
    }

    /// Removes the journal where nothing is left to be done.
    async fn end<T>(
        self,
        done: Result<Done<T>, HistoryError>,
    ) -> Result<FileOutcome<T>, HistoryError> {
        match done {
            Ok(done) => {
                if done.is_settled {
                    self.close().await?;
                }
                Ok(done.outcome)
            }
            Err(error) => {
                // The failure is the one to report; a journal that is left is read by the next run.
                let _ = blocking(self.operation, move || self.journal.remove_if_empty()).await;
                Err(error)
            }
        }
    }

    async fn close(self) -> Result<(), HistoryError> {
        blocking(self.operation, move || self.journal.remove()).await
    }

    fn stream(&self, file: &File) -> Result<tokio::fs::File, HistoryError> {
        let file = file
            .try_clone()
            .map_err(|error| self.failed(HistoryErrorKind::Read, error))?;
        let mut file = tokio::fs::File::from_std(file);
        file.set_max_buf_size(256 * 1024);
        Ok(file)
    }

    async fn flushed(&self, mut writer: tokio::fs::File) -> Result<(), HistoryError> {
        writer
            .flush()
            .await
            .map_err(|error| self.failed(HistoryErrorKind::Write, error))
    }

    fn failed(
        &self,
        kind: HistoryErrorKind,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> HistoryError {
        HistoryError::new(kind, self.operation).with_source(error)
    }
}

async fn blocking<T: Send + 'static>(
    operation: HistoryOperation,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, HistoryError> {
    let done = tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other);
    done.and_then(|done| done)
        .map_err(|error| HistoryError::new(HistoryErrorKind::Write, operation).with_source(error))
}
