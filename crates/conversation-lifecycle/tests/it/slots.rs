//! Work that stores media of a user: the erasure of that user ends it, and others do not wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use conversation_externalizer::{ExternalizeOptions, Externalizer};
use conversation_lifecycle::{LifecycleError, LifecycleErrorKind, LifecycleOptions, Upload};
use conversation_state::{
    ConversationRecord, Fence, InMemoryStateStore, NewConversation, StateError, StateErrorKind,
    StateStore, StateWrite, forward_state,
};
use conversation_types::Message;
use futures_util::StreamExt as _;
use media_loader::MediaLoader;
use media_storage::{InMemoryStorage, MediaBody, MediaStorage};
use media_types::{ConversationId, MediaContent, Mime, UserId};

use tokio::sync::{Notify, Semaphore};

use crate::support::Rig;

const KIB: usize = 1024;
/// Uploads of a user that run at once.
const UPLOAD_SLOTS: u32 = 32;

/// A body whose client sends something, and then nothing more. It says when it is read.
fn stalled(read: Arc<Semaphore>) -> MediaBody {
    let first = futures_util::stream::once(async move {
        read.add_permits(1);
        Ok(Bytes::from_static(b"first"))
    });
    MediaBody::from_stream(None, first.chain(futures_util::stream::pending()).boxed())
}

#[tokio::test(start_paused = true)]
async fn an_upload_whose_client_stands_still_ends_with_an_erasure() {
    let state = Arc::new(InMemoryStateStore::with_clock(Rig::clock()));
    let rig = Rig::with_state(state, Arc::new(InMemoryStorage::new()), |builder| builder);
    let ann: UserId = "ann".parse().unwrap();
    let read = Arc::new(Semaphore::new(0));
    let uploads = (0..UPLOAD_SLOTS).map(|_| {
        let (lifecycle, ann, read) = (rig.lifecycle.clone(), ann.clone(), Arc::clone(&read));
        tokio::spawn(async move {
            let upload = Upload::new(Mime::IMAGE_PNG, stalled(read));
            lifecycle.upload(ann, upload).await
        })
    });
    let uploads: Vec<_> = uploads.collect();
    let _all = read.acquire_many(UPLOAD_SLOTS).await.unwrap();
    // What comes next finds no slot.
    let more = Upload::new(Mime::IMAGE_PNG, Bytes::from_static(b"more"));
    let refused = rig.lifecycle.upload(ann.clone(), more).await.unwrap_err();
    assert_eq!(refused.kind(), LifecycleErrorKind::Busy);
    let receipt = rig.lifecycle.erase_user(&ann).await.unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
    for upload in uploads {
        let error = upload.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), LifecycleErrorKind::NotFound);
    }
    assert_eq!(rig.stored().await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_erasure_waits_for_work_that_outlives_its_lease() {
    let state = Arc::new(InMemoryStateStore::with_clock(Rig::clock()));
    let rig = Rig::with_state(state, Arc::new(InMemoryStorage::new()), |builder| builder);
    let ann: UserId = "ann".parse().unwrap();
    let lease = rig.lifecycle.take_upload_slot(&ann).await.unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let working = tokio::spawn(async move {
        lease.renewed(ended).await.unwrap();
        lease.release().await;
    });
    // Longer than the lease is held without a renewal.
    let receipt = rig.lifecycle.erase_user(&ann).await.unwrap();
    assert!(!receipt.is_complete(), "{receipt:?}");
    let receipt = rig.lifecycle.erase_user(&ann).await.unwrap();
    assert!(!receipt.is_complete(), "{receipt:?}");
    end.send(()).unwrap();
    working.await.unwrap();
    let receipt = rig.lifecycle.erase_user(&ann).await.unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
}

/// How a store answers renewals of leases.
#[derive(Clone, Copy, Debug)]
enum Renewals {
    /// Somebody else has the lease.
    Taken,
    Fail,
    /// There is no answer.
    Hang,
    /// The first fails.
    FailOnce,
}

/// A store that gives leases, and then answers otherwise.
#[derive(Debug)]
struct Renewing {
    inner: InMemoryStateStore,
    calls: AtomicUsize,
    renewals: Renewals,
}

#[async_trait]
impl StateStore for Renewing {
    forward_state!(
        self => self.inner;
        limits, durability, info, now, create, load, list, find_message, apply, tombstone, purge,
        fence_user, user_fence, lift_fence, release_lease, references, referenced_by,
        observe_unnamed, forget_unnamed,
    );

    async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<bool, StateError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let failure = || StateError::new(StateErrorKind::Unavailable, "acquire lease");
        match (call, self.renewals) {
            (0, _) => {}
            (_, Renewals::Taken) => return Ok(false),
            (_, Renewals::Fail) | (1, Renewals::FailOnce) => return Err(failure()),
            (_, Renewals::Hang) => std::future::pending().await,
            (_, Renewals::FailOnce) => {}
        }
        self.inner.acquire_lease(name, owner, ttl).await
    }
}

/// Work that says when it is dropped.
struct Working(Arc<AtomicUsize>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn work_whose_lease_is_lost_ends_before_anybody_else_begins() {
    for (renewals, ends_after) in [
        (Renewals::Taken, Some(15)),
        (Renewals::Fail, Some(60)),
        (Renewals::Hang, Some(60)),
        (Renewals::FailOnce, None),
    ] {
        let state = Arc::new(Renewing {
            inner: InMemoryStateStore::with_clock(Rig::clock()),
            calls: AtomicUsize::new(0),
            renewals,
        });
        let storage = Arc::new(InMemoryStorage::new());
        let rig = Rig::with_state(state, storage, |builder| builder);
        let ann: UserId = "ann".parse().unwrap();
        let lease = rig.lifecycle.take_upload_slot(&ann).await.unwrap();
        let begun = tokio::time::Instant::now();
        let dropped = Arc::new(AtomicUsize::new(0));
        let working = Working(Arc::clone(&dropped));
        let work = lease.while_held(async move {
            tokio::time::sleep(Duration::from_secs(600)).await;
            drop(working);
            Ok::<_, LifecycleError>(())
        });
        let outcome = work.await;
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        let kind = outcome.map_err(|error| error.kind()).err();
        match ends_after {
            Some(after) => {
                assert_eq!(kind, Some(LifecycleErrorKind::LeaseLost), "{renewals:?}");
                assert_eq!(begun.elapsed().as_secs(), after, "{renewals:?}");
            }
            None => assert_eq!((kind, begun.elapsed().as_secs()), (None, 600)),
        }
        lease.release().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_goes_on_where_its_lease_is_lost() {
    let state = Arc::new(Renewing {
        inner: InMemoryStateStore::with_clock(Rig::clock()),
        calls: AtomicUsize::new(0),
        renewals: Renewals::Taken,
    });
    let asked = Arc::clone(&state);
    let rig = Rig::with_state(state, Arc::new(InMemoryStorage::new()), |builder| builder);
    let ann: UserId = "ann".parse().unwrap();
    let lease = rig.lifecycle.take_upload_slot(&ann).await.unwrap();
    let write = async {
        // Long enough for it to be renewed many times.
        tokio::time::sleep(Duration::from_secs(600)).await;
        "written"
    };
    assert_eq!(lease.renewed(write).await, "written");
    let renewals = asked.calls.load(Ordering::SeqCst) - 1;
    assert_eq!(renewals, 1, "one that is lost is not asked for again");
}

/// A store that takes its time to renew leases.
#[derive(Debug)]
struct Leisurely {
    inner: InMemoryStateStore,
    calls: AtomicUsize,
    renewing: Arc<Notify>,
}

#[async_trait]
impl StateStore for Leisurely {
    forward_state!(
        self => self.inner;
        limits, durability, info, now, create, load, list, find_message, apply, tombstone, purge,
        fence_user, user_fence, lift_fence, release_lease, references, referenced_by,
        observe_unnamed, forget_unnamed,
    );

    async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<bool, StateError> {
        if self.calls.fetch_add(1, Ordering::SeqCst) > 0 {
            self.renewing.notify_one();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        self.inner.acquire_lease(name, owner, ttl).await
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_ends_during_a_renewal_waits_for_it() {
    let renewing = Arc::new(Notify::new());
    let state = Arc::new(Leisurely {
        inner: InMemoryStateStore::with_clock(Rig::clock()),
        calls: AtomicUsize::new(0),
        renewing: Arc::clone(&renewing),
    });
    let storage = Arc::new(InMemoryStorage::new());
    let rig = Rig::with_state(state, storage, |builder| builder);
    let ann: UserId = "ann".parse().unwrap();
    let lease = rig.lifecycle.take_upload_slot(&ann).await.unwrap();
    let begun = lease.renewed(async {
        renewing.notified().await;
        tokio::time::Instant::now()
    });
    let begun = begun.await;
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    lease.release().await;
}

#[tokio::test]
async fn an_erasure_may_wait_for_leases_without_an_end() {
    let rig = Rig::new(|builder| {
        builder.with_options(LifecycleOptions::new().with_lease_time(Duration::MAX))
    });
    let receipt = rig.lifecycle.erase_user(&"ann".parse().unwrap()).await;
    assert!(receipt.unwrap().is_complete());
}

fn rig_with_externalizer() -> Rig {
    let store: Arc<dyn MediaStorage> = Arc::new(InMemoryStorage::new());
    let state = Arc::new(InMemoryStateStore::with_clock(Rig::clock()));
    let externalizer = Externalizer::new(
        Some(Arc::clone(&store)),
        MediaLoader::builder().build(),
        ExternalizeOptions::new(),
    );
    Rig::with_state(state, store, |builder| {
        builder
            .with_externalizer(externalizer)
            .with_options(LifecycleOptions::new())
    })
}

/// A conversation of a user with media inline.
async fn inline(rig: &Rig, user: &UserId) {
    let record = ConversationRecord::new(ConversationId::mint()).with_user(Some(user.clone()));
    let created = rig.state.create(NewConversation::new(record)).await;
    let record = created.unwrap().into_record();
    let image = MediaContent::from_bytes(Mime::IMAGE_PNG, vec![7; 200 * KIB]);
    let fence = Fence::Head {
        head: record.head,
        turn: None,
    };
    let write = StateWrite::new(&record, fence).with_append([Message::user(vec![image.into()])]);
    rig.state.apply(write).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_user_with_too_many_uploads_holds_up_no_inline_media_of_others() {
    let rig = rig_with_externalizer();
    let (ann, bob): (UserId, UserId) = ("ann".parse().unwrap(), "bob".parse().unwrap());
    inline(&rig, &bob).await;
    tokio::time::advance(Duration::from_secs(1)).await;
    // Changed last, it comes first.
    inline(&rig, &ann).await;
    let mut leases = Vec::new();
    for _ in 0..UPLOAD_SLOTS {
        leases.push(rig.lifecycle.take_upload_slot(&ann).await.unwrap());
    }
    let report = rig.lifecycle.run_upkeep().await;
    assert_eq!(report.externalized_messages, 1, "that of bob");
    let [failure] = &report.failures[..] else {
        panic!("{:?}", report.failures);
    };
    assert!(failure.starts_with("inline media: "), "{failure}");
    for lease in leases {
        lease.release().await;
    }
    let report = rig.lifecycle.run_upkeep().await;
    assert_eq!(
        (report.externalized_messages, report.failures.len()),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn turns_never_wait_for_uploads_and_an_erasure_waits_for_both() {
    let rig = rig_with_externalizer();
    let ann: UserId = "ann".parse().unwrap();
    let mut uploads = Vec::new();
    for _ in 0..UPLOAD_SLOTS {
        uploads.push(rig.lifecycle.take_upload_slot(&ann).await.unwrap());
    }
    let mut turns = Vec::new();
    let started = tokio::time::Instant::now();
    for _ in 0..64 {
        turns.push(rig.lifecycle.take_turn_slot(Some(&ann)).await.unwrap());
    }
    assert!(started.elapsed() < Duration::from_millis(100));
    for lease in uploads {
        lease.release().await;
    }
    let last = turns.pop().unwrap();
    for slot in turns {
        slot.writing(async {}).await;
    }
    // It is held and not renewed, so that the erasure waits for its end.
    let asked = tokio::time::Instant::now();
    let receipt = rig.lifecycle.erase_user(&ann).await.unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
    assert!(
        asked.elapsed() >= Duration::from_secs(50),
        "{:?}",
        asked.elapsed()
    );
    drop(last);
}
