//! An upload that a request works on.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use media_storage::{Operation, StorageError, StorageErrorKind};
use media_types::UserId;
use media_types::readable::causes;
use tokio::task::spawn_blocking;

use super::directory::cut;
use super::error::SpoolFailure;
use super::id::UploadId;
use super::record::{StoredItem, UploadRecord};
use super::slot::Turn;
use super::spool::UploadSpool;
use crate::service::Incoming;

/// Size of the pieces in which bytes are written and read.
pub(super) const PIECE_LEN: usize = 256 * 1024;

/// An upload that nobody else works on as long as this value exists.
///
/// Jobs on blocking threads own it, so that a request that is dropped frees the upload when its last job
/// has ended, and not before.
pub(super) struct HeldUpload {
    spool: UploadSpool,
    id: UploadId,
    record: Arc<UploadRecord>,
    /// `None` after the media was stored.
    part: Option<File>,
    offset: u64,
    turn: Turn,
}

impl HeldUpload {
    /// Waits for the turn, and looks how far the upload has come.
    pub(super) async fn take(
        spool: &UploadSpool,
        id: &UploadId,
        owner: Option<&UserId>,
    ) -> Result<Self, SpoolFailure> {
        let (turn, record) = spool.turn(id, owner).await?;
        let upload = Self {
            spool: spool.clone(),
            id: id.clone(),
            offset: record.length,
            part: None,
            record,
            turn,
        };
        if upload.record.stored.is_some() {
            return Ok(upload);
        }
        let (upload, ()) = upload
            .run(|upload| {
                let (part, offset) = upload.spool.directory().open_part(&upload.id)?;
                (upload.part, upload.offset) = (Some(part), offset);
                upload.note_offset();
                Ok(())
            })
            .await?;
        Ok(upload)
    }

    pub(super) fn record(&self) -> &UploadRecord {
        &self.record
    }

    /// Returns how many bytes have arrived.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn left(&self) -> u64 {
        self.record.length.saturating_sub(self.offset)
    }

    /// Whether the upload goes as soon as it is free, so that nothing may come of it.
    pub(super) fn is_doomed(&self) -> bool {
        self.spool.is_doomed(&self.id)
    }

    pub(super) fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Appends bytes. What was written of them is taken back if writing fails.
    pub(super) async fn write(self, bytes: Bytes) -> io::Result<Self> {
        let write = move |upload: &mut Self| {
            let part = upload.part.as_mut().ok_or(io::ErrorKind::NotFound)?;
            if let Err(error) = part.write_all(&bytes) {
                cut(part, upload.offset)?;
                return Err(error);
            }
            upload.offset += bytes.len() as u64;
            upload.note_offset();
            Ok(())
        };
        Ok(self.run(write).await?.0)
    }

    fn note_offset(&self) {
        self.spool.set_empty(&self.id, self.offset == 0);
    }

    /// Waits until what was written is on the disk.
    pub(super) async fn sync(self) -> io::Result<Self> {
        let sync = |upload: &mut Self| upload.part.as_ref().map_or(Ok(()), File::sync_data);
        Ok(self.run(sync).await?.0)
    }

    /// Goes back to an offset.
    pub(super) async fn cut(self, offset: u64) -> io::Result<Self> {
        let back = move |upload: &mut Self| {
            let part = upload.part.as_ref().ok_or(io::ErrorKind::NotFound)?;
            cut(part, offset)?;
            upload.offset = offset;
            upload.note_offset();
            Ok(())
        };
        Ok(self.run(back).await?.0)
    }

    /// Marks what follows as not compared with its checksum yet.
    pub(super) async fn mark(self) -> io::Result<Self> {
        let mark = |upload: &mut Self| {
            let directory = upload.spool.directory();
            directory.set_mark(&upload.id, upload.offset)
        };
        Ok(self.run(mark).await?.0)
    }

    pub(super) async fn clear_mark(self) -> io::Result<Self> {
        let clear = |upload: &mut Self| upload.spool.directory().clear_mark(&upload.id);
        Ok(self.run(clear).await?.0)
    }

    /// Removes the upload.
    pub(super) async fn remove(self) -> io::Result<()> {
        let remove = |upload: &mut Self| upload.spool.remove(&upload.id);
        self.run(remove).await.map(|_| ())
    }

    /// Notes what the upload became, and removes the bytes. If the file of the record cannot be written,
    /// the error is returned beside the upload: it is noted in memory alone then, and the bytes stay.
    pub(super) async fn set_stored(
        self,
        item: StoredItem,
    ) -> io::Result<(Self, Option<io::Error>)> {
        self.run(move |upload| {
            let mut record = UploadRecord::clone(&upload.record);
            record.stored = Some(item);
            upload.set_record(record);
            let directory = upload.spool.directory();
            if let Err(error) = directory.write_record(&upload.id, &upload.record) {
                return Ok(Some(error));
            }
            upload.part = None;
            if let Err(error) = directory.remove_part(&upload.id) {
                tracing::warn!(error = %causes(&error), "the bytes of a finished upload stay until it is removed");
            }
            Ok(None)
        })
        .await
    }

    /// Notes that what the upload became is gone again, after an error of noting it.
    pub(super) async fn clear_stored(self) -> io::Result<Self> {
        let clear = |upload: &mut Self| {
            let mut record = UploadRecord::clone(&upload.record);
            record.stored = None;
            upload.set_record(record);
            // The error before may have come after the file was replaced.
            let written = upload
                .spool
                .directory()
                .write_record(&upload.id, &upload.record);
            if let Err(error) = written {
                tracing::warn!(error = %causes(&error), "the record of an upload could not be written back");
            }
            Ok(())
        };
        Ok(self.run(clear).await?.0)
    }

    fn set_record(&mut self, record: UploadRecord) {
        self.record = Arc::new(record);
        self.spool.replace(&self.id, Arc::clone(&self.record));
    }

    /// Returns the bytes of a complete upload. They end with an error if some are missing.
    pub(super) async fn read(self) -> io::Result<(Self, Incoming)> {
        let open = |upload: &mut Self| upload.spool.directory().read_part(&upload.id);
        let (upload, file) = self.run(open).await?;
        let start = (file, upload.record.length);
        let pieces = futures_util::stream::try_unfold(start, |(mut file, left)| async move {
            let read = spawn_blocking(move || {
                let mut piece = BytesMut::zeroed(PIECE_LEN);
                let len = file.read(&mut piece)?;
                piece.truncate(len);
                Ok((piece.freeze(), file))
            });
            let read = read
                .await
                .unwrap_or_else(|error| Err(io::Error::other(error)));
            let (piece, file) = read.map_err(read_failed)?;
            if piece.is_empty() && left > 0 {
                return Err(read_failed(io::ErrorKind::UnexpectedEof.into()));
            }
            let left = left.saturating_sub(piece.len() as u64);
            Ok((!piece.is_empty()).then_some((piece, (file, left))))
        });
        Ok((upload, pieces.boxed()))
    }

    async fn run<T: Send + 'static>(
        mut self,
        job: impl FnOnce(&mut Self) -> io::Result<T> + Send + 'static,
    ) -> io::Result<(Self, T)> {
        spawn_blocking(move || {
            let value = job(&mut self)?;
            Ok((self, value))
        })
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

fn read_failed(error: io::Error) -> StorageError {
    StorageError::new(StorageErrorKind::Other, Operation::Store)
        .with_reason("the parts of the upload could not be read")
        .with_source(error)
}
