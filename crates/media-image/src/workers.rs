//! The pool of threads that work on images.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::error::{ImageError, ImageErrorKind, ImageOperation};
use crate::limits::{ImageLimits, memory_of};
use crate::probe::{ImageInfo, probe};
use crate::profile::Profile;
use crate::render::{FittedImage, fit};

/// Unit in which memory is reserved.
const MEMORY_UNIT: u64 = 1024 * 1024;

/// A bounded pool of threads that work on images.
///
/// Jobs wait in their order for memory and for a thread: before an image is decoded, the memory that its
/// header lets expect is reserved, at most 16 bytes a pixel and three times its encoded size. So the memory
/// of all jobs together is bounded, however many wait. The jobs run on the blocking threads of the tokio
/// runtime.
///
/// The bytes that are given to [`fit`](Self::fit) are the caller's while the job waits. A stored image is read by
/// [`Renditions`](crate::Renditions) and [`Optimized`](crate::Optimized) when its memory is reserved; at most
/// twice as many as there are threads are open, with 256 KiB each.
///
/// Dropping the future of a job that waits cancels it. A job that runs goes on to its end, and keeps its
/// thread and memory until then.
///
/// Cheap to clone; clones share the pool.
#[derive(Clone, Debug)]
pub struct ImageWorkers {
    limits: ImageLimits,
    memory: u64,
    /// All of the memory, in units.
    units: u32,
    threads: Arc<Semaphore>,
    free_memory: Arc<Semaphore>,
    /// Permits to open stored images, more than threads so that reading and work overlap.
    openings: Arc<Semaphore>,
}

impl Default for ImageWorkers {
    fn default() -> Self {
        Self::new(2, 1024 * 1024 * 1024)
    }
}

impl ImageWorkers {
    /// Creates a pool of at least one thread, whose jobs need at most this many bytes of memory together, at
    /// least 16 MiB. Defaults to 2 threads and 1 GiB.
    pub fn new(threads: usize, memory: u64) -> Self {
        let memory = memory.max(16 * MEMORY_UNIT);
        let units = u32::try_from(memory / MEMORY_UNIT).unwrap_or(u32::MAX);
        let permits = usize::try_from(units).unwrap_or(Semaphore::MAX_PERMITS);
        let threads = threads.clamp(1, Semaphore::MAX_PERMITS / 2);
        Self {
            limits: ImageLimits::default(),
            memory,
            units,
            threads: Arc::new(Semaphore::new(threads)),
            openings: Arc::new(Semaphore::new(threads * 2)),
            free_memory: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Sets the limits on single images. Defaults to [`ImageLimits::default`].
    #[must_use]
    pub fn with_limits(mut self, limits: ImageLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns the limits on single images.
    pub fn limits(&self) -> &ImageLimits {
        &self.limits
    }

    /// Makes an image fit a profile, as [`fit`] does.
    ///
    /// # Errors
    /// As [`fit`]; `TooLarge` also for an image that needs more memory than the pool has, and `Stopped`
    /// if the runtime is shutting down.
    pub async fn fit(&self, image: Bytes, profile: Profile) -> Result<FittedImage, ImageError> {
        let len = image.len() as u64;
        self.limits.check_bytes(len)?;
        let memory = self.memory_for(&probe(&image)?, len);
        let reserved = self.reserve(memory).await?;
        self.run(image, profile, reserved).await
    }

    /// Returns the memory of the pool in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.memory
    }

    /// Returns the memory in bytes that an image needs.
    pub(crate) fn memory_for(&self, info: &ImageInfo, len: u64) -> u64 {
        // An image beyond the limit is stripped or refused, and never decoded.
        match self.limits.check_pixels(info) {
            Ok(()) => memory_of(info, len),
            Err(_) => len.saturating_mul(2),
        }
    }

    /// Checks that the pool has so much memory.
    pub(crate) fn check_memory(&self, memory: u64) -> Result<(), ImageError> {
        if memory <= self.memory {
            return Ok(());
        }
        let reason = format!(
            "it needs {memory} bytes of memory, and {} are permitted",
            self.memory
        );
        Err(ImageError::new(
            ImageErrorKind::TooLarge,
            ImageOperation::Fit,
            reason,
        ))
    }

    /// Waits until a stored image may be opened.
    pub(crate) async fn opening(&self) -> Result<OwnedSemaphorePermit, ImageError> {
        let permit = Arc::clone(&self.openings).acquire_owned().await;
        permit.map_err(stopped)
    }

    /// Waits for memory.
    pub(crate) async fn reserve(&self, memory: u64) -> Result<OwnedSemaphorePermit, ImageError> {
        self.check_memory(memory)?;
        let units = u32::try_from(memory.div_ceil(MEMORY_UNIT)).unwrap_or(u32::MAX);
        let units = units.min(self.units);
        let permits = Arc::clone(&self.free_memory).acquire_many_owned(units);
        permits.await.map_err(stopped)
    }

    /// Waits for a thread, and makes an image fit there. Its memory was reserved.
    pub(crate) async fn run(
        &self,
        image: Bytes,
        profile: Profile,
        reserved: OwnedSemaphorePermit,
    ) -> Result<FittedImage, ImageError> {
        let thread = Arc::clone(&self.threads).acquire_owned().await;
        let permits = (reserved, thread.map_err(stopped)?);
        let limits = self.limits;
        let job = spawn_blocking(move || {
            let fitted = fit(&image, &profile, &limits);
            drop(permits);
            fitted
        });
        job.await.unwrap_or_else(|error| {
            let (kind, reason) = match error.is_cancelled() {
                true => (ImageErrorKind::Stopped, "the runtime is shutting down"),
                false => (ImageErrorKind::Malformed, "the decoder gave up"),
            };
            Err(ImageError::new(kind, ImageOperation::Fit, reason).with_source(error))
        })
    }
}

fn stopped(_: AcquireError) -> ImageError {
    let reason = "the pool is closed";
    ImageError::new(ImageErrorKind::Stopped, ImageOperation::Fit, reason)
}
