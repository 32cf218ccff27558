//! What the allocator has handed out.

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// What was held before a call.
pub(crate) struct Before(usize);

impl Before {
    /// Notes what is held, and forgets the most so far.
    pub(crate) fn now() -> Self {
        HEAP.reset_peak_usage();
        Self(HEAP.current_usage())
    }

    /// Returns the most bytes that were held above it since.
    pub(crate) fn risen(&self) -> usize {
        HEAP.peak_usage().saturating_sub(self.0)
    }
}
