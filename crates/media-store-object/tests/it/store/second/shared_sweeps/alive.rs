//! Shared sweeps that are alive while others end them, or take their parts.

use std::pin::pin;

use futures_util::poll;
use media_storage::Scope;

use super::*;

/// What another node does while a sweep is suspended.
#[derive(Clone, Copy, Debug)]
enum Other {
    /// It sweeps without sharing, which ends the shared sweep.
    Full,
    /// It deletes what a user has.
    DeleteScope,
    /// It takes the parts over, since their leases are over.
    TakeOver,
}

impl Other {
    async fn act(self, mess: &Mess) {
        let node = mess.node().await;
        match self {
            Self::Full => {
                let report = node.sweep(full()).await.unwrap();
                assert_eq!(report.failed, 0);
            }
            Self::DeleteScope => {
                let scope = Scope::User("user-2".parse().unwrap());
                let report = node.delete_scope(scope).await.unwrap();
                assert_eq!(report.failed, 0);
            }
            Self::TakeOver => {
                mess.bucket.set_clock(TimeDelta::minutes(6));
                let report = node.sweep(shared()).await.unwrap();
                assert_eq!((report.failed, report.unfinished), (0, 0));
                mess.bucket.set_clock(TimeDelta::zero());
            }
        }
        let left = progress(&mess.bucket).await;
        assert_eq!(left.len(), 0, "{self:?}: {left:?}");
    }
}

/// Suspends a sweep after so many steps, while another node acts, and lets it end. Returns whether it was
/// suspended in its middle.
async fn suspended_after(steps: usize, other: Other) -> bool {
    let mess = Mess::new(true).await;
    // Each request takes a step.
    mess.bucket.judge(|_| (Fate::Pass, 1));
    let mut alive = pin!(mess.store.sweep(shared()));
    for _ in 0..steps {
        if let std::task::Poll::Ready(report) = poll!(&mut alive) {
            report.unwrap();
            return false;
        }
        // What has woken is polled in the next step.
        tokio::task::yield_now().await;
    }
    other.act(&mess).await;
    // Whatever it did by then, it leaves nothing that names references, and removes nothing that is sound.
    if let Err(error) = alive.await {
        panic!("{steps}, {other:?}: {error}");
    }
    mess.bucket.heal();
    let left = progress(&mess.bucket).await;
    assert_eq!(left.len(), 0, "{steps}, {other:?}: {left:?}");
    mess.is_sound().await;
    mess.store.sweep(full()).await.unwrap();
    mess.is_visited().await;
    true
}

/// Suspends a sweep everywhere, more closely at its beginning.
async fn suspended_everywhere(other: Other) {
    let mut steps = 1;
    while suspended_after(steps, other).await {
        steps += 2 + steps / 2;
    }
    assert!(steps > 50, "{steps}");
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_is_ended_by_another_leaves_nothing() {
    suspended_everywhere(Other::Full).await;
}

#[tokio::test(start_paused = true)]
async fn a_sweep_during_which_a_scope_is_deleted_leaves_nothing() {
    suspended_everywhere(Other::DeleteScope).await;
}

#[tokio::test(start_paused = true)]
async fn parts_are_taken_from_a_holder_that_is_alive() {
    suspended_everywhere(Other::TakeOver).await;
}
