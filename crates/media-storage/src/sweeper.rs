//! A task that sweeps a store regularly. Requires the feature `sweeper` and a tokio runtime.
//!
//! ```
//! use std::sync::Arc;
//! use media_storage::sweeper::{Sweeper, SweeperOptions};
//! use media_storage::{InMemoryStorage, MediaStorage};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), media_storage::StorageError> {
//! let store: Arc<dyn MediaStorage> = Arc::new(InMemoryStorage::new());
//! let sweeper = Sweeper::start(store, SweeperOptions::new())?;
//! let mut progress = sweeper.progress();
//! progress.wait_for(|progress| progress.sweeps > 0).await.ok();
//! sweeper.stop().await;
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;
use std::time::Duration;

use media_types::readable::causes;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::inventory::{Inventory, SweepDepth, SweepLease, SweepOptions, SweepReport};
use crate::storage::MediaStorage;

/// Options of a [`Sweeper`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SweeperOptions {
    interval: Duration,
    full_interval: Duration,
    jitter: f64,
    sweep: SweepOptions,
}

impl SweeperOptions {
    /// Creates options for sweeping what is due every 10 minutes, and everything once a day.
    pub fn new() -> Self {
        Self {
            interval: Duration::from_secs(600),
            full_interval: Duration::from_secs(24 * 3600),
            jitter: 0.1,
            sweep: SweepOptions::new(),
        }
    }

    /// Sets the time between two sweeps of what is due; at least a millisecond. Defaults to 10
    /// minutes.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Sets the time between two full sweeps. Defaults to 24 hours.
    #[must_use]
    pub fn with_full_interval(mut self, interval: Duration) -> Self {
        self.full_interval = interval;
        self
    }

    /// Sets by which part of the interval, 0 to 1, each wait is made longer or shorter at random, so
    /// that several processes do not sweep at the same moment. What is not a number counts as 0. Defaults to
    /// 0.1.
    #[must_use]
    pub fn with_jitter(mut self, jitter: f64) -> Self {
        self.jitter = if jitter.is_nan() {
            0.0
        } else {
            jitter.clamp(0.0, 1.0)
        };
        self
    }

    /// Returns the time from one sweep to the next, where `random` is between -1 and 1.
    fn wait(&self, random: f64) -> Duration {
        let seconds = self.interval.as_secs_f64() * (1.0 + self.jitter * random);
        // Fails for what is longer than a duration can be.
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// Sets the number of bytes that each sweep prunes the store to. Defaults to the capacity of the
    /// store.
    #[must_use]
    pub fn with_capacity(mut self, bytes: u64) -> Self {
        self.sweep = self.sweep.with_capacity(bytes);
        self
    }

    /// Sets the options of each sweep, except its depth. Defaults to [`SweepOptions::new`].
    ///
    /// With [`SweepOptions::with_resume`], full sweeps continue those that were interrupted, and share the
    /// work with other processes. As such sweeps leave some steps out, every seventh full sweep, and one each
    /// week, is made without it; which one is the first is left to chance, so that processes that start often
    /// make them too.
    #[must_use]
    pub fn with_sweep(mut self, options: SweepOptions) -> Self {
        self.sweep = options;
        self
    }
}

impl Default for SweeperOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A running task that sweeps a store. It ends when this handle is stopped or dropped, after the
/// sweep that is running.
///
/// Before each sweep it takes the [lease](Inventory::sweep_lease) of the store, and skips the sweep
/// if another process holds it, unless the sweep [shares its work](SweepOptions::with_resume). A sweep whose
/// lease is [lost](SweepLease::lost) stops at its next request, and counts as skipped.
///
/// A full sweep that fails, that leaves [parts](SweepReport::unfinished) to other processes, or that is skipped,
/// is due again after the interval of sweeps of what is due: the other process may hold the lease for a
/// smaller sweep.
///
/// A lease does not say what its holder sweeps, so each process makes its own full sweeps: of a store with `n`
/// sweepers, everything is examined `n` times in each full interval, one process after another. Where that is too
/// much, let one process sweep, give the others a longer [full interval](SweeperOptions::with_full_interval), or
/// let the sweeps [share their work](SweeperOptions::with_sweep).
#[derive(Debug)]
pub struct Sweeper {
    stop: watch::Sender<bool>,
    progress: watch::Receiver<SweeperProgress>,
    task: Option<JoinHandle<()>>,
}

/// What a sweeper has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweeperProgress {
    /// Number of sweeps that have ended.
    pub sweeps: u64,
    /// Number of sweeps that failed as a whole.
    pub failures: u64,
    /// Number of sweeps that were skipped, or stopped, because another process holds the lease.
    pub skipped: u64,
    /// Report of the last successful sweep.
    pub last: SweepReport,
}

impl Sweeper {
    /// Starts to sweep a store. The first sweep starts at once and is a full one.
    ///
    /// Must be called in a tokio runtime with its timer enabled.
    ///
    /// # Errors
    /// `Unsupported` if the store has no [inventory](MediaStorage::inventory).
    pub fn start(
        store: Arc<dyn MediaStorage>,
        options: SweeperOptions,
    ) -> Result<Self, StorageError> {
        if store.inventory().is_none() {
            return Err(
                StorageError::new(StorageErrorKind::Unsupported, Operation::Sweep)
                    .with_backend(store.backend().to_owned())
                    .with_reason("the store has no inventory"),
            );
        }
        Ok(Self::spawn(Target::Store(store), options))
    }

    /// Starts to sweep an inventory, as [`start`](Self::start) does.
    pub fn of_inventory(inventory: impl Inventory + 'static, options: SweeperOptions) -> Self {
        Self::spawn(Target::Inventory(Box::new(inventory)), options)
    }

    fn spawn(target: Target, options: SweeperOptions) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (report, progress) = watch::channel(SweeperProgress::default());
        let task = tokio::spawn(run(target, options, stopped, report));
        Self {
            stop,
            progress,
            task: Some(task),
        }
    }

    /// Returns a receiver of the progress. Its `changed` waits for the next sweep.
    pub fn progress(&self) -> watch::Receiver<SweeperProgress> {
        self.progress.clone()
    }

    /// Ends the task, and waits for a sweep that is running and for the release of its lease.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        if let Some(task) = self.task.take() {
            // The runtime has reported a panic in it.
            let _ = task.await;
        }
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

/// What is swept.
enum Target {
    Store(Arc<dyn MediaStorage>),
    Inventory(Box<dyn Inventory>),
}

impl Target {
    fn inventory(&self) -> Result<&dyn Inventory, StorageError> {
        let inventory = match self {
            Self::Store(store) => store.inventory(),
            Self::Inventory(inventory) => Some(inventory.as_ref()),
        };
        inventory.ok_or_else(|| StorageError::new(StorageErrorKind::Unsupported, Operation::Sweep))
    }

    /// Sweeps, if the lease is free and until it is lost, or if the sweep is one that shares its work with
    /// others.
    async fn sweep(&self, options: SweepOptions) -> Result<Option<SweepReport>, StorageError> {
        let inventory = self.inventory()?;
        let lease: Option<SweepLease> = inventory.sweep_lease().await?;
        if options.resume() && options.depth() == SweepDepth::Full {
            let swept = inventory.sweep(options).await;
            if let Some(lease) = lease {
                lease.release().await;
            }
            return swept.map(Some);
        }
        let Some(mut lease) = lease else {
            return Ok(None);
        };
        let swept = tokio::select! {
            swept = inventory.sweep(options) => swept.map(Some),
            () = lease.lost() => Ok(None),
        };
        lease.release().await;
        swept
    }
}

async fn run(
    target: Target,
    options: SweeperOptions,
    mut stopped: watch::Receiver<bool>,
    progress: watch::Sender<SweeperProgress>,
) {
    let mut last_full: Option<Instant> = None;
    let mut sharing = Sharing::new();
    loop {
        let full = last_full.is_none_or(|at| at.elapsed() >= options.full_interval);
        let depth = if full {
            SweepDepth::Full
        } else {
            SweepDepth::Due
        };
        let started = Instant::now();
        let shared = options.sweep.resume() && !(full && sharing.is_over());
        let sweep = options.sweep.with_depth(depth).with_resume(shared);
        let swept = target.sweep(sweep).await;
        if full && is_complete(&swept) {
            last_full = Some(started);
            sharing.swept(shared);
        }
        log(&swept);
        progress.send_modify(|progress| match swept {
            Ok(Some(report)) => {
                progress.sweeps += 1;
                progress.last = report;
            }
            Ok(None) => progress.skipped += 1,
            Err(_) => {
                progress.sweeps += 1;
                progress.failures += 1;
            }
        });
        let wait = options.wait(random());
        tokio::select! {
            // A dropped sender counts as a stop.
            _ = stopped.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Whether a full sweep was made, here, and left nothing out.
fn is_complete(swept: &Result<Option<SweepReport>, StorageError>) -> bool {
    matches!(swept, Ok(Some(report)) if report.unfinished == 0)
}

/// How many full sweeps were shared since the last one that was not.
#[derive(Clone, Copy, Debug)]
struct Sharing {
    shared: u32,
    since: Instant,
}

impl Sharing {
    /// Number of full sweeps of which one is not shared.
    const SWEEPS: u32 = 7;

    /// How long at most full sweeps are shared.
    const TIME: Duration = Duration::from_secs(7 * 24 * 3600);

    /// Begins anywhere between two sweeps that are not shared.
    fn new() -> Self {
        let part = f64::midpoint(random(), 1.0) * f64::from(Self::SWEEPS);
        Self {
            // At most the number of sweeps, and at least 0.
            shared: (part as u32).min(Self::SWEEPS - 1),
            since: Instant::now(),
        }
    }

    /// Whether the next full sweep is not shared.
    fn is_over(&self) -> bool {
        self.shared + 1 >= Self::SWEEPS || self.since.elapsed() >= Self::TIME
    }

    fn swept(&mut self, shared: bool) {
        self.shared = if shared { self.shared + 1 } else { 0 };
        if !shared {
            self.since = Instant::now();
        }
    }
}

/// Returns a random number between -1 and 1, or 0 if there is no randomness.
fn random() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX) * 2.0 - 1.0,
        Err(_) => 0.0,
    }
}

fn log(swept: &Result<Option<SweepReport>, StorageError>) {
    match swept {
        Ok(None) => tracing::debug!("another process sweeps the store"),
        Ok(Some(report)) if *report == SweepReport::default() => {
            tracing::debug!("nothing to sweep");
        }
        Ok(Some(report)) => tracing::info!(
            references = report.references(),
            freed_bytes = report.freed_bytes,
            failed = report.failed,
            "swept the store"
        ),
        Err(error) => tracing::warn!(error = %causes(&error), "failed to sweep the store"),
    }
}

#[cfg(test)]
mod tests;
