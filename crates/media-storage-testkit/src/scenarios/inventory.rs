//! List, usage and scope deletion agree with what was stored.

use std::collections::BTreeMap;

use bytes::Bytes;
use media_storage::{
    DeleteOptions, DuplicateOptions, Entry, Inventory, MAX_TAG_NAME_LEN, MAX_TAG_VALUE_LEN,
    MAX_TAGS, MediaMetadata, MediaStorage, MediaStorageExt as _, MediaUpload, RetentionPolicy,
    RetrieveOptions, Scope, StorageErrorKind,
};
use media_types::{Mime, StorageReference};

use crate::backend::AnyBackend;
use crate::fixture::{
    about, conversation, fails, full_sweep, holds, is_empty, is_not_found, listed, noise, open, put,
};
use crate::run::not_run;

struct Known {
    reference: StorageReference,
    metadata: MediaMetadata,
    bytes: Bytes,
}

/// Two runs of two sessions of two conversations, users across them, equal bytes among them.
async fn filled(store: &impl MediaStorage) -> Vec<Known> {
    let mut known = Vec::new();
    for n in 0..16_u32 {
        let mut metadata = MediaMetadata::new()
            .with_run(format!("run-{}", n & 1).parse().unwrap())
            .with_session(format!("session-{}", n & 3).parse().unwrap())
            .with_conversation(format!("conv-{}", n & 7).parse().unwrap())
            .with_message_index(n.into())
            .with_retention(RetentionPolicy::RetainDays(n + 1));
        if n % 3 > 0 {
            metadata = metadata.with_user(format!("user-{}", n % 3).parse().unwrap());
        }
        let bytes = noise((n % 5).into(), 100 + n as usize % 5);
        let reference = put(store, &bytes, metadata.clone()).await;
        known.push(Known {
            reference,
            metadata,
            bytes,
        });
    }
    known
}

fn some_scopes(backend: &dyn AnyBackend) -> Vec<Scope> {
    let mut scopes = vec![Scope::All];
    let numbers = if backend.is_slow() { 2..3 } else { 0..4 };
    for n in numbers {
        scopes.push(Scope::Run(format!("run-{n}").parse().unwrap()));
        scopes.push(Scope::Session(format!("session-{n}").parse().unwrap()));
        scopes.push(Scope::Conversation(format!("conv-{n}").parse().unwrap()));
        scopes.push(Scope::User(format!("user-{n}").parse().unwrap()));
    }
    scopes
}

/// What the store lists and sums up is what is known to be there.
async fn agrees<'a>(
    backend: &dyn AnyBackend,
    store: &impl MediaStorage,
    inventory: &dyn Inventory,
    known: impl Iterator<Item = &'a Known> + Clone + Send,
) {
    for scope in some_scopes(backend) {
        let due: BTreeMap<&str, &Known> = known
            .clone()
            .filter(|item| scope.contains(&item.metadata))
            .map(|item| (item.reference.id(), item))
            .collect();
        let entries = listed(store, scope.clone(), "").await.unwrap();
        let found: BTreeMap<&str, &Entry> = entries
            .iter()
            .map(|entry| (entry.reference.id(), entry))
            .collect();
        assert_eq!(entries.len(), found.len(), "listed twice in {scope:?}");
        assert!(due.keys().eq(found.keys()), "{scope:?}: {found:?}");
        for (id, entry) in found {
            let item = due[id];
            assert_eq!(entry.reference, item.reference);
            assert_eq!(entry.metadata, item.metadata);
            assert_eq!(Some(entry.stored_at), item.reference.created_at());
            let retention = item.metadata.retention().unwrap();
            assert_eq!(entry.expires_at, retention.expires_at(entry.stored_at));
            if matches!(scope, Scope::All) {
                holds(store, &entry.reference, &item.bytes).await;
            }
        }
        let usage = inventory.usage(scope.clone()).await.unwrap();
        let logical: u64 = due.values().map(|item| item.bytes.len() as u64).sum();
        assert_eq!(usage.references, due.len() as u64, "{scope:?}");
        assert_eq!(usage.logical_bytes, logical, "{scope:?}");
        let most = due.values().map(|item| item.bytes.len() as u64);
        let most: u64 = most.map(|size| backend.stored_size(size)).sum();
        assert!(usage.blobs <= usage.references && usage.stored_bytes <= most);
        assert_eq!(usage.blobs == 0, due.is_empty(), "{scope:?}: {usage:?}");
    }
}

/// List and usage of every kind of scope agree with what was stored and what was deleted.
pub async fn list_and_usage_agree(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let Some(inventory) = store.inventory() else {
        return not_run(&store, "list_and_usage_agree", "the store has no inventory");
    };
    agrees(backend, &store, inventory, std::iter::empty()).await;
    let mut known = filled(&store).await;
    agrees(backend, &store, inventory, known.iter()).await;
    for item in known.split_off(9) {
        store.delete(&item.reference).await.unwrap();
    }
    if backend.needs_sweep() {
        inventory.sweep(full_sweep()).await.unwrap();
    }
    agrees(backend, &store, inventory, known.iter()).await;
    let reopened = open(backend).await;
    agrees(
        backend,
        &reopened,
        reopened.inventory().unwrap(),
        known.iter(),
    )
    .await;
}

/// Deleting a scope removes exactly that scope, in every kind of scope.
pub async fn scopes_are_deleted_exactly(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let scenario = "scopes_are_deleted_exactly";
    let Some(inventory) = store.inventory() else {
        return not_run(&store, scenario, "the store has no inventory");
    };
    let mut known = filled(&store).await;
    for scope in [
        Scope::Conversation("conv-5".parse().unwrap()),
        Scope::Conversation("no-such".parse().unwrap()),
        Scope::User("user-2".parse().unwrap()),
        Scope::Session("session-2".parse().unwrap()),
        Scope::Run("run-1".parse().unwrap()),
        Scope::All,
        Scope::All,
    ] {
        let report = inventory.delete_scope(scope.clone()).await.unwrap();
        let (gone, kept): (Vec<_>, Vec<_>) = known
            .into_iter()
            .partition(|item| scope.contains(&item.metadata));
        assert_eq!(report.deleted, gone.len() as u64, "{scope:?}: {report:?}");
        assert_eq!((report.expired, report.pruned, report.failed), (0, 0, 0));
        for item in &gone {
            is_not_found(&store, &item.reference).await;
        }
        known = kept;
        agrees(backend, &store, inventory, known.iter()).await;
    }
    is_empty(&store, scenario).await;
}

/// Tags come back, are bounded, and cut out scopes, alone and together with ids.
pub async fn tags_and_combined_scopes(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let scenario = "tags_and_combined_scopes";
    let bytes = noise(1, 100);
    let tagged = |conversation: &str, purpose: &str| {
        about(conversation)
            .with_user("ann".parse().unwrap())
            .with_tag("purpose", purpose)
            .with_tag("\u{e9} \"", "")
    };
    let avatar = put(&store, &bytes, tagged("conv-1", "avatar")).await;
    let photo = put(&store, &bytes, tagged("conv-1", "photo")).await;
    let other = put(&store, &bytes, tagged("conv-2", "avatar")).await;
    let bare = put(&store, &bytes, about("conv-1")).await;
    let head = store.head(&avatar).await.unwrap();
    assert_eq!(head.metadata.tags(), tagged("conv-1", "avatar").tags());
    assert!(store.head(&bare).await.unwrap().metadata.tags().is_empty());

    let too_many = (0..=MAX_TAGS).fold(about("conv-1"), |metadata, at| {
        metadata.with_tag(at.to_string(), "x")
    });
    for bad in [
        too_many,
        about("conv-1").with_tag("", "x"),
        about("conv-1").with_tag("n".repeat(MAX_TAG_NAME_LEN + 1), "x"),
        about("conv-1").with_tag("n", "v".repeat(MAX_TAG_VALUE_LEN + 1)),
    ] {
        let upload = MediaUpload::new(Mime::IMAGE_PNG, bytes.clone(), bad);
        fails(store.store(upload).await, StorageErrorKind::InvalidInput);
    }

    let avatars = || Scope::tag("purpose", "avatar");
    let here = Scope::all_of([conversation("conv-1"), avatars()]);
    for (scope, reference, found) in [
        (avatars(), &avatar, true),
        (avatars(), &photo, false),
        (here.clone(), &avatar, true),
        (here.clone(), &other, false),
        (Scope::tag("purpose", "avata"), &avatar, false),
        (Scope::tag("avatar", "purpose"), &avatar, false),
        (Scope::all_of([]), &bare, true),
        (Scope::all_of([here.clone(), Scope::All]), &avatar, true),
    ] {
        let options = RetrieveOptions::new().with_expected_scope(scope.clone());
        let opened = store.retrieve_opts(reference, options.with_head()).await;
        if found {
            opened.unwrap();
        } else {
            fails(opened, StorageErrorKind::NotFound);
            let options = DeleteOptions::new().with_expected_scope(scope);
            let deleted = store.delete_opts(reference, options).await;
            fails(deleted, StorageErrorKind::NotFound);
        }
    }
    let Some(inventory) = store.inventory() else {
        return not_run(&store, scenario, "the store has no inventory");
    };
    for (scope, count) in [
        (avatars(), 2),
        (here.clone(), 1),
        (Scope::all_of([]), 4),
        (
            Scope::all_of([conversation("conv-1"), conversation("conv-2")]),
            0,
        ),
    ] {
        let entries = listed(&store, scope.clone(), scenario).await.unwrap();
        assert_eq!(entries.len(), count, "{scope:?}");
        let usage = inventory.usage(scope).await.unwrap();
        assert_eq!(usage.references, count as u64);
    }
    let copy = DuplicateOptions::new(about("conv-3").with_tag("purpose", "copy"));
    let copy = store.duplicate(&photo, copy).await.unwrap();
    let head = store.head(&copy).await.unwrap();
    let tags = head.metadata.tags();
    assert_eq!(
        tags.len(),
        2,
        "the tags of the source that the copy does not set"
    );
    assert_eq!(tags["purpose"], "copy");

    let report = inventory.delete_scope(here).await.unwrap();
    assert_eq!(report.deleted, 1);
    is_not_found(&store, &avatar).await;
    for kept in [&photo, &other, &bare, &copy] {
        holds(&store, kept, &bytes).await;
    }
    inventory.delete_scope(Scope::all_of([])).await.unwrap();
    is_empty(&store, scenario).await;
}
