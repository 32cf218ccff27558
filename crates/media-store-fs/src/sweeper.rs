//! A task that sweeps now and then.

use std::time::Duration;

use media_storage::{Inventory as _, StorageError, SweepDepth, SweepOptions, SweepReport};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::store::FileStore;

/// How often a [`Sweeper`] sweeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweeperOptions {
    interval: Duration,
    full_interval: Duration,
    sweep: SweepOptions,
}

impl SweeperOptions {
    /// What is due every 10 minutes, everything once a day.
    pub fn new() -> Self {
        Self {
            interval: Duration::from_secs(600),
            full_interval: Duration::from_secs(24 * 3600),
            sweep: SweepOptions::new(),
        }
    }

    /// How long to wait between sweeps of what is due; at least a millisecond. Default: 10 minutes.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// How long to wait between sweeps of everything. Default: 24 hours.
    #[must_use]
    pub fn with_full_interval(mut self, interval: Duration) -> Self {
        self.full_interval = interval;
        self
    }

    /// Options of each sweep; the depth is set by the intervals. Default: none.
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

/// A running task that sweeps a store. It ends when this handle is stopped or dropped; a sweep that
/// is under way then runs to its end.
///
/// Each sweep looks at what is there when it starts, so media stored after the sweeper was started
/// counts like any other.
#[derive(Debug)]
pub struct Sweeper {
    stop: watch::Sender<bool>,
    progress: watch::Receiver<Progress>,
    task: Option<JoinHandle<()>>,
}

/// What a sweeper has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Sweeps that have ended.
    pub sweeps: u64,
    /// Of those, sweeps that failed as a whole.
    pub failures: u64,
    /// What the last successful one removed.
    pub last: SweepReport,
}

impl Sweeper {
    pub(crate) fn start(store: FileStore, options: SweeperOptions) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (report, progress) = watch::channel(Progress::default());
        let task = tokio::spawn(run(store, options, stopped, report));
        Self {
            stop,
            progress,
            task: Some(task),
        }
    }

    /// What was done so far; `changed` on it waits for the next sweep.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Ends the task and waits for a sweep that is under way.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        if let Some(task) = self.task.take() {
            // Its result is of no more interest; a panic in it was reported by the runtime.
            let _ = task.await;
        }
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

async fn run(
    store: FileStore,
    options: SweeperOptions,
    mut stopped: watch::Receiver<bool>,
    report: watch::Sender<Progress>,
) {
    let mut ticks = tokio::time::interval(options.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_full: Option<Instant> = None;
    loop {
        tokio::select! {
            // A dropped sender counts as a stop.
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
        }
        let full = last_full.is_none_or(|at| at.elapsed() >= options.full_interval);
        let depth = if full {
            SweepDepth::Full
        } else {
            SweepDepth::Due
        };
        let started = Instant::now();
        let swept = store.sweep(options.sweep.with_depth(depth)).await;
        if full && swept.is_ok() {
            last_full = Some(started);
        }
        tell(&swept);
        report.send_modify(|progress| {
            progress.sweeps += 1;
            match swept {
                Ok(report) => progress.last = report,
                Err(_) => progress.failures += 1,
            }
        });
    }
}

fn tell(swept: &Result<SweepReport, StorageError>) {
    match swept {
        Ok(report) if *report == SweepReport::default() => tracing::debug!("nothing to sweep"),
        Ok(report) => tracing::info!(
            references = report.references(),
            freed_bytes = report.freed_bytes,
            failed = report.failed,
            "swept"
        ),
        Err(error) => tracing::warn!(%error, "sweep failed"),
    }
}
