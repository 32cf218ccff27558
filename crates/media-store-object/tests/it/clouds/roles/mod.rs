//! Roles with no more rights than the documentation grants them: each does its work, and nothing else.

mod checks;
mod policy;
mod world;

use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use media_storage::{
    DuplicateOptions, Inventory as _, MediaBody, MediaStorage as _, MediaStorageExt as _,
    MediaUpload, MetadataPatch, Operation, Scope, StorageError, StorageErrorKind, SweepOptions,
};
use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder};
use media_types::Mime;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use self::checks::{
    deletes_nothing, in_hours, patches, reads, reads_no_media, refused, stores_nothing,
    sweeps_nothing,
};
use self::policy::Policy;
use self::world::{World, existing, hours, limited, of_user, put, store_of};
use super::erased::beneath;
use super::inbox;
use crate::store::{MIB, about, full, holds, is_gone, noise};

const NOTHING: [String; 0] = [];

#[tokio::test]
async fn a_reader_reads_and_changes_nothing() {
    let policy = Policy::of("Reader");
    for deduplication in [true, false] {
        let world = World::new(deduplication).await;
        let gone = put(&world.all, noise(4, 3000), about("conv-4")).await;
        world.all.delete(&gone).await.unwrap();
        world.settle().await;
        let before = world.objects().await;
        let read_only = limited(&world.server, &policy, |b| b.with_read_only()).await;
        // The service refuses what this store does not know to be forbidden.
        let unaware = limited(&world.server, &policy, existing).await;
        for store in [&read_only, &unaware] {
            reads(store, &world).await;
            is_gone(store, &gone).await;
            stores_nothing(store, &world).await;
            for patch in patches() {
                refused("update", store.update(&world.media[0].0, patch).await);
            }
            deletes_nothing(store, &world).await;
            assert_eq!(world.objects().await, before);
        }
        sweeps_nothing(&read_only).await;
        assert_eq!(world.objects().await, before);
        world.is_whole().await;
    }
    assert_eq!(policy.unused(), NOTHING);
}

#[tokio::test]
async fn a_writer_stores_and_deletes_nothing() {
    let policy = Policy::of("Writer");
    for deduplication in [true, false] {
        let world = World::new(deduplication).await;
        let before = world.objects().await;
        let open = |builder: ObjectMediaStoreBuilder| builder.with_deduplication(deduplication);
        let store = limited(&world.server, &policy, open).await;
        assert_eq!(store.is_deduplicating(), deduplication);
        reads(&store, &world).await;
        deletes_nothing(&store, &world).await;
        sweeps_nothing(&store).await;
        assert_eq!(world.objects().await, before);
        world.is_whole().await;

        writes(&store, &world).await;
        let other = limited(&world.server, &policy, open).await;
        for seed in 20..24 {
            let same = [&store, &other, &store, &other]
                .map(|store| store_of(store, noise(seed, 3000), hours(of_user("conv-8"))));
            for stored in join_all(same).await {
                holds(&world.all, &stored.unwrap(), &noise(seed, 3000)).await;
            }
        }
        gives_up(&store).await;
        adopts(&store, &world).await;
    }
    assert_eq!(policy.unused(), NOTHING);
}

#[tokio::test]
async fn a_writer_opens_a_new_bucket() {
    let policy = Policy::of("Writer");
    let (server, _dir) = super::s3_server().await;
    let store = limited(&server, &policy, |builder| builder.with_deduplication(true)).await;
    let reference = put(&store, noise(1, 3000), of_user("conv-1")).await;
    holds(&store, &reference, &noise(1, 3000)).await;
    assert_eq!(server.keys("media/.store/v1/probe"), NOTHING);
}

/// A store that was opened without a probe does not know what it may.
#[tokio::test]
async fn what_a_writer_deletes_by_half_is_swept() {
    let world = World::new(false).await;
    let existing_writer = limited(&world.server, &Policy::of("Writer"), existing).await;
    let (reference, _) = &world.media[1];
    refused("delete", existing_writer.delete(reference).await);
    is_gone(&world.all, reference).await;
    let bytes = format!("media/{}", reference.id());
    assert_eq!(world.server.keys(&bytes).len(), 2, "bytes and tombstone");
    let sweeper = limited(&world.server, &Policy::of("Sweeper"), existing).await;
    world.server.age("", TimeDelta::days(30));
    for _ in 0..2 {
        assert_eq!(sweeper.sweep(full()).await.unwrap().failed, 0);
    }
    assert_eq!(world.server.keys(&bytes), NOTHING);
}

async fn writes(store: &ObjectMediaStore, world: &World) {
    let (large, small) = (noise(5, 11 * MIB), noise(6, 3000));
    for (bytes, metadata) in [
        (&large, about("conv-5")),
        (&large, of_user("conv-6")),
        (&small, hours(of_user("conv-5"))),
    ] {
        let reference = put(store, bytes.clone(), metadata).await;
        holds(store, &reference, bytes).await;
        for patch in patches() {
            store.update(&reference, patch).await.unwrap();
        }
        let options = DuplicateOptions::new(about("conv-7"));
        let copy = store.duplicate(&reference, options).await.unwrap();
        holds(&world.all, &copy, bytes).await;
    }
}

/// A body that breaks after its first parts leaves nothing that is paid for.
async fn gives_up(store: &ObjectMediaStore) {
    let broken = StorageError::new(StorageErrorKind::Other, Operation::Store);
    let part = Bytes::from(vec![7; 6 * MIB]);
    let pieces = stream::iter([Ok(part.clone()), Ok(part), Err(broken)]).boxed();
    let body = MediaBody::from_stream(None, pieces);
    let upload = MediaUpload::new(Mime::IMAGE_PNG, body, about("conv-8"));
    assert_eq!(
        store.store(upload).await.unwrap_err().kind(),
        StorageErrorKind::Other
    );
}

async fn adopts(store: &ObjectMediaStore, world: &World) {
    let upload = inbox::issue(store).await;
    let url = upload.url().url().as_str();
    let sent = inbox::send(&upload, url, ("", ""), inbox::png(1)).await;
    assert_eq!(sent, 200);
    let reference = store.adopt(upload.ticket(), about("conv-8")).await.unwrap();
    holds(store, &reference, &inbox::png(1)).await;
    assert_eq!(world.server.keys("media/.store/v2/inbox"), NOTHING);
}

#[tokio::test]
async fn an_eraser_deletes_and_reads_no_media() {
    let policy = Policy::of("Eraser");
    for deduplication in [true, false] {
        let world = World::new(deduplication).await;
        let before = world.objects().await;
        let store = limited(&world.server, &policy, existing).await;
        reads_no_media(&store, &world).await;
        for patch in &patches()[..2] {
            let updated = store.update(&world.media[0].0, patch.clone()).await;
            refused("update", updated);
        }
        sweeps_nothing(&store).await;
        assert_eq!(world.objects().await, before);
        stores_nothing(&store, &world).await;
        world.is_whole().await;
        world.settle().await;
        assert_eq!(world.objects().await, before);
        erases(&store, &world).await;
    }
    assert_eq!(policy.unused(), NOTHING);
}

async fn erases(store: &ObjectMediaStore, world: &World) {
    for hold in [true, false] {
        let patch = MetadataPatch::new().with_hold(hold);
        store.update(&world.media[0].0, patch).await.unwrap();
    }
    store.delete(&world.media[3].0).await.unwrap();
    for (scope, references) in [
        (Scope::Conversation("conv-2".parse().unwrap()), 2),
        (Scope::User("user-1".parse().unwrap()), 1),
    ] {
        let report = store.delete_scope(scope).await.unwrap();
        assert_eq!((report.deleted, report.failed), (references, 0));
    }
    for (reference, _) in &world.media {
        is_gone(&world.all, reference).await;
    }
    for pointers in ["user/", "expiry/"] {
        assert_eq!(
            world.server.keys(&format!("media/.store/v2/{pointers}")),
            NOTHING
        );
    }
    // A sweep frees the bytes of a single deletion, which others may share.
    let blobs = world.server.keys("media/.store/v2/blob/").len();
    assert_eq!(blobs, usize::from(store.is_deduplicating()));
    let own = world.server.keys("media/session-1/");
    assert!(own.iter().all(|name| name.ends_with(".meta")), "{own:?}");
}

#[tokio::test]
async fn a_sweeper_sweeps_and_reads_no_media() {
    let policy = Policy::of("Sweeper");
    for deduplication in [true, false] {
        let world = World::new(deduplication).await;
        let before = world.objects().await;
        let store = limited(&world.server, &policy, existing).await;
        reads_no_media(&store, &world).await;
        stores_nothing(&store, &world).await;
        world.is_whole().await;
        world.settle().await;
        assert_eq!(world.objects().await, before);
        repairs(&store, &world).await;
        removes(&store, &world).await;
    }
    assert_eq!(policy.unused(), NOTHING);
}

/// Loses what a sweep writes again, and leaves what it removes.
async fn repairs(store: &ObjectMediaStore, world: &World) {
    let bucket = beneath(&world.server);
    let names: Vec<String> = world.objects().await.into_keys().collect();
    for name in &names {
        let pointer = ["/expiry/", "/user/", "/user-complete"];
        let sidecar = store.is_deduplicating() && name.ends_with(".meta");
        if sidecar || pointer.iter().any(|part| name.contains(part)) {
            bucket.delete(&Path::from(name.as_str())).await.unwrap();
        }
    }
    let upload = Path::from("media/.store/v2/inbox/00112233445566778899aabbccddeeff");
    bucket
        .put(&upload, Bytes::from_static(b"1").into())
        .await
        .unwrap();
    world.server.age("", TimeDelta::days(30));
    let lease = store.sweep_lease().await.unwrap();
    assert_eq!(world.server.keys("media/.store/v2/sweep-lease").len(), 1);
    for options in [full(), full(), full().with_resume(true)] {
        assert_eq!(store.sweep(options).await.unwrap().failed, 0);
    }
    drop(lease);
    let mut repaired: Vec<String> = world.objects().await.into_keys().collect();
    repaired.retain(|name| !name.ends_with("/sweep-lease"));
    assert_eq!(repaired, names);
    world.is_whole().await;
}

async fn removes(store: &ObjectMediaStore, world: &World) {
    let report = store.sweep(in_hours(7)).await.unwrap();
    assert_eq!((report.expired, report.failed), (2, 0));
    let report = store
        .sweep(SweepOptions::new().with_capacity(1))
        .await
        .unwrap();
    assert_eq!((report.pruned, report.failed), (2, 0));
    let last = put(&world.all, noise(9, 3000), of_user("conv-9")).await;
    for patch in patches()
        .into_iter()
        .chain([MetadataPatch::new().with_hold(false)])
    {
        store.update(&last, patch).await.unwrap();
    }
    store.delete(&last).await.unwrap();
    world.server.age("", TimeDelta::days(30));
    for options in [full(), full().with_resume(true)] {
        assert_eq!(store.sweep(options).await.unwrap().failed, 0);
    }
    for rest in ["blob/", "ref/", "user/", "expiry/", "sweep/"] {
        assert_eq!(
            world.server.keys(&format!("media/.store/v2/{rest}")),
            NOTHING
        );
    }
    assert_eq!(world.server.keys("media/session-1/"), NOTHING);
}
