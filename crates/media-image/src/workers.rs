//! The pool of threads that work on images.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::error::{ImageError, ImageErrorKind, ImageOperation};
use crate::limits::{ImageLimits, memory_of};
use crate::probe::probe;
use crate::profile::Profile;
use crate::render::{FittedImage, fit};

/// Unit in which memory is reserved.
const MEMORY_UNIT: u64 = 1024 * 1024;

/// A bounded pool of threads that work on images.
///
/// Jobs wait in their order for a thread and for memory: before an image is decoded, the memory that its
/// header lets expect is reserved, at most 16 bytes a pixel and three times its encoded size. So the memory
/// of all jobs together is bounded, however many wait. The jobs run on the blocking threads of the tokio
/// runtime.
///
/// Dropping the future of a job that waits cancels it. A job that runs goes on to its end, and keeps its
/// thread and memory until then.
///
/// Cheap to clone; clones share the pool.
#[derive(Clone, Debug)]
pub struct ImageWorkers {
    limits: ImageLimits,
    memory: u64,
    threads: Arc<Semaphore>,
    free_memory: Arc<Semaphore>,
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
        let units = usize::try_from(memory / MEMORY_UNIT).unwrap_or(usize::MAX);
        Self {
            limits: ImageLimits::default(),
            memory,
            threads: Arc::new(Semaphore::new(threads.clamp(1, Semaphore::MAX_PERMITS))),
            free_memory: Arc::new(Semaphore::new(units.min(u32::MAX as usize))),
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
        self.limits.check_bytes(image.len() as u64)?;
        let info = probe(&image)?;
        // An image beyond the limit is stripped or refused, and never decoded.
        let memory = match self.limits.check_pixels(&info) {
            Ok(()) => memory_of(&info, image.len() as u64),
            Err(_) => (image.len() as u64).saturating_mul(2),
        };
        let permits = self.permits(memory).await?;
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

    async fn permits(&self, memory: u64) -> Result<[OwnedSemaphorePermit; 2], ImageError> {
        if memory > self.memory {
            let reason = format!(
                "it needs {memory} bytes of memory, and {} are permitted",
                self.memory
            );
            return Err(ImageError::new(
                ImageErrorKind::TooLarge,
                ImageOperation::Fit,
                reason,
            ));
        }
        let units = u32::try_from(memory.div_ceil(MEMORY_UNIT)).unwrap_or(u32::MAX);
        let stopped = |_| {
            let reason = "the pool is closed";
            ImageError::new(ImageErrorKind::Stopped, ImageOperation::Fit, reason)
        };
        let thread = Arc::clone(&self.threads)
            .acquire_owned()
            .await
            .map_err(stopped)?;
        let memory = Arc::clone(&self.free_memory).acquire_many_owned(units);
        Ok([thread, memory.await.map_err(stopped)?])
    }
}
