//! An upload that a request works on.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use media_storage::{Operation, StorageError, StorageErrorKind};
use media_types::UserId;
use tokio::task::spawn_blocking;

use super::directory::cut;
use super::id::UploadId;
use super::record::{StoredItem, UploadRecord};
use super::slot::Turn;
use super::spool::{SpoolFailure, UploadSpool};
use crate::upload::Incoming;

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
            Ok(())
        };
        Ok(self.run(write).await?.0)
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

    /// Notes what the upload became, and removes the bytes. It is done when this is first polled, also if
    /// the future is dropped then.
    pub(super) async fn set_stored(self, item: StoredItem) -> io::Result<Self> {
        let note = move |upload: &mut Self| {
            let mut record = UploadRecord::clone(&upload.record);
            record.stored = Some(item);
            let directory = upload.spool.directory();
            directory.write_record(&upload.id, &record)?;
            upload.spool.replace(&upload.id, record.clone());
            upload.record = Arc::new(record);
            upload.part = None;
            directory.remove_part(&upload.id)
        };
        Ok(self.run(note).await?.0)
    }

    /// Returns the bytes of a complete upload.
    pub(super) async fn read(self) -> io::Result<(Self, Incoming)> {
        let open = |upload: &mut Self| upload.spool.directory().read_part(&upload.id);
        let (upload, file) = self.run(open).await?;
        let pieces = futures_util::stream::try_unfold(file, |mut file| async move {
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
            Ok((!piece.is_empty()).then_some((piece, file)))
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
