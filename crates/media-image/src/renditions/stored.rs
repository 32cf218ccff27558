//! Stored images, which are read only when there is memory for them.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use media_storage::{ByteStream, StorageError, StoredMedia};
use media_types::Mime;
use tokio::sync::OwnedSemaphorePermit;

use super::error::RenditionError;
use crate::error::{ImageError, ImageErrorKind, ImageOperation};
use crate::format::ImageFormat;
use crate::probe::{ImageInfo, PROBE_LEN, probe};
use crate::profile::Profile;
use crate::render::FittedImage;
use crate::workers::ImageWorkers;

/// A stored image of which the first bytes were read.
pub(crate) struct OpenImage<'a> {
    pub(crate) mime: Mime,
    pub(crate) format: ImageFormat,
    workers: &'a ImageWorkers,
    start: BytesMut,
    rest: ByteStream,
    size: u64,
    /// Memory that the header lets expect.
    memory: u64,
    _opening: OwnedSemaphorePermit,
}

impl<'a> OpenImage<'a> {
    /// Waits until few enough stored images are open, opens one, and reads its first bytes.
    pub(crate) async fn open(
        workers: &'a ImageWorkers,
        opening: impl Future<Output = Result<StoredMedia, StorageError>>,
    ) -> Result<Self, RenditionError> {
        let permit = workers.opening().await?;
        let stored = opening.await?;
        workers.limits().check_bytes(stored.size)?;
        let (mime, size) = (stored.mime, stored.size);
        let mut rest = stored.body.into_stream();
        let mut start = BytesMut::new();
        while start.len() < PROBE_LEN
            && let Some(piece) = rest.next().await
        {
            start.extend_from_slice(&piece?);
        }
        let memory = match probe(&start) {
            Ok(info) => workers.memory_for(&info, size),
            // The header may follow, and say anything.
            Err(error)
                if error.kind() == ImageErrorKind::Truncated && start.len() as u64 != size =>
            {
                workers.memory()
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            format: ImageFormat::detect(&start).ok_or_else(unknown)?,
            mime,
            workers,
            start,
            rest,
            size,
            memory,
            _opening: permit,
        })
    }

    /// Waits for memory, and reads the rest.
    pub(crate) async fn read(self) -> Result<ReadImage<'a>, RenditionError> {
        let Self {
            workers,
            start,
            rest,
            size,
            memory,
            _opening,
            ..
        } = self;
        let reserved = workers.reserve(memory).await?;
        let bytes = read(start, rest, size).await?;
        let info = probe(&bytes)?;
        // A header that came late may need more than there is.
        workers.check_memory(workers.memory_for(&info, size))?;
        Ok(ReadImage {
            info,
            bytes,
            workers,
            reserved,
            _opening,
        })
    }

    /// Waits for memory, reads the rest, and makes the image fit.
    pub(crate) async fn fit(self, profile: Profile) -> Result<FittedImage, RenditionError> {
        self.read().await?.fit(profile).await
    }
}

/// A stored image that was read, with the memory for its pixels.
pub(crate) struct ReadImage<'a> {
    pub(crate) info: ImageInfo,
    pub(crate) bytes: Bytes,
    workers: &'a ImageWorkers,
    reserved: OwnedSemaphorePermit,
    _opening: OwnedSemaphorePermit,
}

impl ReadImage<'_> {
    /// Makes the image fit.
    pub(crate) async fn fit(self, profile: Profile) -> Result<FittedImage, RenditionError> {
        let fitting = self.workers.run(self.bytes, profile, self.reserved);
        Ok(fitting.await?)
    }
}

async fn read(start: BytesMut, mut rest: ByteStream, size: u64) -> Result<Bytes, StorageError> {
    let mut image = BytesMut::with_capacity(usize::try_from(size).unwrap_or_default());
    image.extend_from_slice(&start);
    drop(start);
    while let Some(piece) = rest.next().await {
        image.extend_from_slice(&piece?);
    }
    Ok(image.freeze())
}

fn unknown() -> ImageError {
    ImageError::new(
        ImageErrorKind::UnknownFormat,
        ImageOperation::Probe,
        "the format is not known",
    )
}
