//! What a sweeper asks for.

use super::*;
use crate::inventory::{Entry, Usage};
use crate::scope::Scope;
use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs until it is dropped, and counts that.
struct Endless(Arc<AtomicU64>);

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// An inventory that reports what a sweep was asked for, and leaves parts to others as told. Another process holds
/// the first leases.
#[derive(Default)]
struct Asked {
    unfinished: Vec<u64>,
    held_leases: AtomicU64,
    sweeps: Arc<Mutex<Vec<SweepOptions>>>,
    /// Number of leases whose release has ended.
    released: Arc<AtomicU64>,
    /// The first sweep never ends, and its lease is lost when this is notified.
    loses: Option<Arc<tokio::sync::Notify>>,
    dropped: Arc<AtomicU64>,
}

#[async_trait]
impl Inventory for Asked {
    fn list(&self, _: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        stream::empty().boxed()
    }

    async fn usage(&self, _: Scope) -> Result<Usage, StorageError> {
        Ok(Usage::default())
    }

    async fn delete_scope(&self, _: Scope) -> Result<SweepReport, StorageError> {
        Ok(SweepReport::default())
    }

    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        let (count, unfinished) = {
            let mut sweeps = self.sweeps.lock().unwrap();
            let unfinished = self.unfinished.get(sweeps.len()).copied();
            sweeps.push(options);
            (sweeps.len(), unfinished)
        };
        if self.loses.is_some() && count == 1 {
            let _endless = Endless(Arc::clone(&self.dropped));
            std::future::pending::<()>().await;
        }
        Ok(SweepReport {
            unfinished: unfinished.unwrap_or(0),
            ..SweepReport::default()
        })
    }

    async fn sweep_lease(&self) -> Result<Option<SweepLease>, StorageError> {
        let held = self.held_leases.load(Ordering::SeqCst);
        self.held_leases
            .store(held.saturating_sub(1), Ordering::SeqCst);
        let released = Arc::clone(&self.released);
        let release = async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            released.fetch_add(1, Ordering::SeqCst);
        };
        let lease = (held == 0).then(|| SweepLease::new(()).with_released(release));
        let first = self.sweeps.lock().unwrap().is_empty();
        Ok(match self.loses.clone().filter(|_| first) {
            Some(loses) => {
                lease.map(|lease| lease.with_lost(async move { loses.notified().await }))
            }
            None => lease,
        })
    }
}

/// Makes so many sweeps, and returns what they were asked for.
async fn sweeps(options: SweeperOptions, unfinished: Vec<u64>, count: usize) -> Vec<SweepOptions> {
    let sweeps = Arc::default();
    let asked = Asked {
        unfinished,
        sweeps: Arc::clone(&sweeps),
        ..Asked::default()
    };
    let sweeper = Sweeper::of_inventory(asked, options.with_jitter(0.0));
    let mut progress = sweeper.progress();
    let enough = |progress: &SweeperProgress| progress.sweeps as usize >= count;
    progress.wait_for(enough).await.unwrap();
    sweeper.stop().await;
    let mut sweeps = sweeps.lock().unwrap().clone();
    sweeps.truncate(count);
    sweeps
}

fn full(options: &SweepOptions) -> bool {
    options.depth() == SweepDepth::Full
}

#[tokio::test(start_paused = true)]
async fn a_full_sweep_that_left_parts_to_others_is_repeated() {
    let resumed = SweeperOptions::new().with_sweep(SweepOptions::new().with_resume(true));
    let all = sweeps(resumed, vec![3, 1, 0, 0], 4).await;
    let depths: Vec<_> = all.iter().map(full).collect();
    assert_eq!(depths, [true, true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn sweeps_are_shared_only_when_told_and_not_all_of_them() {
    let often = SweeperOptions::new().with_full_interval(Duration::ZERO);
    let all = sweeps(often, Vec::new(), 20).await;
    assert!(all.iter().all(|options| full(options) && !options.resume()));

    let resumed = often.with_sweep(SweepOptions::new().with_resume(true));
    let all = sweeps(resumed, Vec::new(), 28).await;
    let alone = all.iter().enumerate().filter(|(_, sweep)| !sweep.resume());
    let alone: Vec<_> = alone.map(|(at, _)| at).collect();
    assert_eq!(alone.len(), 4, "{alone:?}");
    assert!(
        alone.windows(2).all(|pair| pair[1] - pair[0] == 7),
        "{alone:?}"
    );

    // Rare ones are shared for a week at most.
    let week = Duration::from_secs(7 * 24 * 3600);
    let rare = resumed.with_interval(week).with_full_interval(week);
    let all = sweeps(rare, Vec::new(), 5).await;
    assert!(all[1..].iter().all(|sweep| full(sweep) && !sweep.resume()));
}

#[tokio::test(start_paused = true)]
async fn a_full_sweep_that_was_skipped_is_due_again_soon() {
    let asked = Asked {
        held_leases: AtomicU64::new(2),
        ..Asked::default()
    };
    let sweeps = Arc::clone(&asked.sweeps);
    let sweeper = Sweeper::of_inventory(asked, SweeperOptions::new());
    let begun = Instant::now();
    let mut progress = sweeper.progress();
    let swept = progress.wait_for(|progress| progress.sweeps > 1).await;
    assert_eq!(swept.unwrap().skipped, 2);
    assert!(begun.elapsed() < Duration::from_secs(3600));
    let depths: Vec<_> = sweeps.lock().unwrap().iter().map(full).collect();
    assert_eq!(depths, [true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_sweeper_that_has_stopped_has_released_its_lease() {
    let asked = Asked::default();
    let (sweeps, released) = (Arc::clone(&asked.sweeps), Arc::clone(&asked.released));
    let sweeper = Sweeper::of_inventory(asked, SweeperOptions::new());
    // Within the first sweep or the release of its lease.
    while sweeps.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(released.load(Ordering::SeqCst), 0);
    sweeper.stop().await;
    assert_eq!(sweeps.lock().unwrap().len(), 1);
    assert_eq!(released.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_whose_lease_is_lost_stops_and_is_due_again() {
    let loses = Arc::new(tokio::sync::Notify::new());
    let asked = Asked {
        loses: Some(Arc::clone(&loses)),
        ..Asked::default()
    };
    let (sweeps, dropped) = (Arc::clone(&asked.sweeps), Arc::clone(&asked.dropped));
    let released = Arc::clone(&asked.released);
    let sweeper = Sweeper::of_inventory(asked, SweeperOptions::new());
    let mut progress = sweeper.progress();
    let hours = tokio::time::sleep(Duration::from_secs(3 * 3600));
    tokio::select! {
        _ = progress.changed() => panic!("the sweep has ended"),
        () = hours => {}
    }
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    loses.notify_one();
    let stopped = progress.wait_for(|progress| progress.skipped == 1).await;
    assert_eq!(stopped.unwrap().sweeps, 0);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    assert_eq!(released.load(Ordering::SeqCst), 1);
    let swept = progress.wait_for(|progress| progress.sweeps == 1).await;
    assert_eq!(swept.unwrap().failures, 0);
    assert!(sweeps.lock().unwrap().iter().all(full));
}

#[tokio::test(start_paused = true)]
async fn a_sweeper_survives_every_interval_and_jitter() {
    for (interval, jitter) in [
        (Duration::MAX, 1.0),
        (Duration::MAX, 0.0),
        (Duration::from_secs(1), f64::NAN),
        (Duration::from_secs(1), f64::INFINITY),
    ] {
        let options = SweeperOptions::new().with_interval(interval);
        let options = options.with_jitter(jitter);
        for random in [-1.0, 0.0, 1.0] {
            let wait = options.wait(random);
            assert!(wait >= interval || random < 0.0);
        }
        let sweeper = Sweeper::of_inventory(Asked::default(), options);
        let mut progress = sweeper.progress();
        let swept = progress.wait_for(|progress| progress.sweeps > 0).await;
        assert_eq!(swept.unwrap().failures, 0);
        // The end of the task would be a change that is an error.
        let next = progress.changed();
        let next = tokio::time::timeout(Duration::from_secs(60), next).await;
        assert!(!matches!(next, Ok(Err(_))), "{interval:?} {jitter}");
    }
}
