//! The kinds of errors, each provoked by calls.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use conversation_externalizer::PendingReferences;
use conversation_lifecycle::{
    Lifecycle, LifecycleError, LifecycleErrorKind, MediaStores, Tasks, Upload,
};
use conversation_state::{
    Applied, ConversationRecord, InMemoryStateStore, NewConversation, StateError, StateErrorKind,
    StateStore, StateWrite, forward_state,
};
use conversation_types::Message;
use media_storage::{
    InMemoryStorage, MediaStorage, MediaStorageExt as _, Operation, Scope, StorageError,
    StorageErrorKind,
};
use media_types::{ConversationId, MediaContent, MediaSource, Mime, ProviderFile, UserId};

use crate::support::Rig;

/// A state store that applies nothing.
#[derive(Debug)]
struct Refusing {
    inner: InMemoryStateStore,
    kind: StateErrorKind,
}

#[async_trait]
impl StateStore for Refusing {
    forward_state!(
        self => self.inner;
        limits, durability, info, now, create, load, list, find_message, tombstone, purge,
        fence_user, user_fence, lift_fence, acquire_lease, release_lease, references, referenced_by,
        observe_unnamed, forget_unnamed,
    );

    async fn apply(&self, _: StateWrite) -> Result<Applied, StateError> {
        Err(StateError::new(self.kind, "apply write"))
    }
}

fn ann() -> UserId {
    "ann".parse().unwrap()
}

fn photo() -> Upload {
    Upload::new(Mime::IMAGE_PNG, Bytes::from_static(b"photo"))
}

fn kind<T: std::fmt::Debug>(result: Result<T, LifecycleError>) -> LifecycleErrorKind {
    result.unwrap_err().kind()
}

#[tokio::test]
async fn what_the_state_store_refuses_has_the_kind_of_its_reason() {
    for (refused, expected) in [
        (StateErrorKind::Conflict, LifecycleErrorKind::Conflict),
        (StateErrorKind::Unavailable, LifecycleErrorKind::State),
        (
            StateErrorKind::Indeterminate,
            LifecycleErrorKind::StateOutcomeUnknown,
        ),
    ] {
        let state = Refusing {
            inner: InMemoryStateStore::new(),
            kind: refused,
        };
        let record = ConversationRecord::new(ConversationId::mint());
        let record = state.create(NewConversation::new(record)).await.unwrap();
        let store = Arc::new(InMemoryStorage::new());
        let rig = Rig::with_state(Arc::new(state), store, |builder| builder);
        let ended = rig.lifecycle.end_conversation(&record.into_record()).await;
        assert_eq!(kind(ended), expected);
    }
}

#[tokio::test]
async fn an_upload_fails_by_what_is_missing() {
    let state: Arc<dyn StateStore> = Arc::new(InMemoryStateStore::new());
    let without_store = Lifecycle::builder(Arc::clone(&state))
        .with_media_stores(MediaStores::new(None, vec![]))
        .build(Tasks::new(tokio::runtime::Handle::current()));
    let refused = without_store.upload(ann(), photo()).await;
    assert_eq!(kind(refused), LifecycleErrorKind::Config);

    let ended = std::thread::spawn(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.handle().clone()
    });
    let store: Arc<dyn MediaStorage> = Arc::new(InMemoryStorage::new());
    let without_runtime = Lifecycle::builder(Arc::clone(&state))
        .with_media_stores(MediaStores::new(Some(store), vec![]))
        .build(Tasks::new(ended.join().unwrap()));
    let cancelled = without_runtime.upload(ann(), photo()).await;
    assert_eq!(kind(cancelled), LifecycleErrorKind::Cancelled);
}

#[tokio::test]
async fn a_function_that_stores_an_upload_fails_by_what_it_did() {
    let rig = Rig::new(|builder| builder);
    let lifecycle = &rig.lifecycle;
    let panicked = lifecycle.upload_with(ann(), async |_| panic!("the function panicked"));
    assert_eq!(kind(panicked.await), LifecycleErrorKind::Panicked);

    let failed = lifecycle.upload_with(ann(), async |_| {
        Err(StorageError::new(
            StorageErrorKind::Unavailable,
            Operation::Store,
        ))
    });
    assert_eq!(kind(failed.await), LifecycleErrorKind::Storage);

    let store = Arc::clone(&rig.store);
    let of_another = lifecycle.upload_with(ann(), async move |metadata| {
        let metadata = metadata.with_user("bob".parse().unwrap());
        let stored = store.store_bytes(Mime::IMAGE_PNG, "theirs", metadata);
        stored.await
    });
    assert_eq!(kind(of_another.await), LifecycleErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_message_may_not_name_a_file_of_a_provider() {
    let rig = Rig::new(|builder| builder);
    let (record, reference) = rig.conversation("ann").await;
    let file = MediaSource::ProviderFile(ProviderFile::new("openai", "file-1").unwrap());
    let content = MediaContent::from_reference(Mime::IMAGE_PNG, reference).with_source(file);
    let mut message = Message::user(vec![content.into()]);
    let handle = Arc::new(tokio::runtime::Handle::current());
    let mut pending = PendingReferences::new(Some(Arc::clone(&rig.store)), handle);
    let scope = Scope::Conversation(record.id.clone());
    let adopted = rig
        .lifecycle
        .adopt_uploads(&record, Some(&scope), &mut message, &mut pending);
    assert_eq!(kind(adopted.await), LifecycleErrorKind::Media);
}
