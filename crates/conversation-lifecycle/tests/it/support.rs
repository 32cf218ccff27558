//! What the tests share: stores in memory, and conversations with media.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

use std::sync::Arc;

use chrono::Utc;
use conversation_lifecycle::{
    Lifecycle, LifecycleBuilder, MediaStores, StampedStorage, Tasks, owner_metadata,
};
use conversation_state::{
    Clock, ConversationRecord, Fence, InMemoryStateStore, NewConversation, StateStore, StateWrite,
};
use conversation_types::Message;
use media_storage::{InMemoryStorage, MediaStorage, MediaStorageExt, Scope};
use media_types::{ConversationId, MediaContent, Mime, StorageReference};

pub(crate) struct Rig {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) store: Arc<dyn MediaStorage>,
}

impl Rig {
    pub(crate) fn new(change: impl FnOnce(LifecycleBuilder) -> LifecycleBuilder) -> Self {
        Self::over(Arc::new(InMemoryStorage::new()), change)
    }

    pub(crate) fn over(
        store: Arc<dyn MediaStorage>,
        change: impl FnOnce(LifecycleBuilder) -> LifecycleBuilder,
    ) -> Self {
        Self::with_state(Arc::new(InMemoryStateStore::new()), store, change)
    }

    pub(crate) fn with_state(
        state: Arc<dyn StateStore>,
        store: Arc<dyn MediaStorage>,
        change: impl FnOnce(LifecycleBuilder) -> LifecycleBuilder,
    ) -> Self {
        let store: Arc<dyn MediaStorage> = Arc::new(StampedStorage::new(store, Arc::clone(&state)));
        let builder = Lifecycle::builder(Arc::clone(&state))
            .with_media_stores(MediaStores::new(Some(Arc::clone(&store)), vec![]));
        Self {
            lifecycle: change(builder).build(Tasks::new(tokio::runtime::Handle::current())),
            state,
            store,
        }
    }

    /// A conversation of a user, with a message that names a media item.
    pub(crate) async fn conversation(&self, user: &str) -> (ConversationRecord, StorageReference) {
        let record =
            ConversationRecord::new(ConversationId::mint()).with_user(Some(user.parse().unwrap()));
        let record = self.state.create(NewConversation::new(record)).await;
        let record = record.unwrap().into_record();
        let reference = self.media(&record, "named").await;
        let content = MediaContent::from_reference(Mime::IMAGE_PNG, reference.clone());
        let fence = Fence::Head {
            head: record.head,
            turn: None,
        };
        let write =
            StateWrite::new(&record, fence).with_append([Message::user(vec![content.into()])]);
        (self.state.apply(write).await.unwrap().record, reference)
    }

    /// Media of a conversation that no message names.
    pub(crate) async fn media(
        &self,
        record: &ConversationRecord,
        bytes: &'static str,
    ) -> StorageReference {
        let metadata = owner_metadata(record);
        let stored = self.store.store_bytes(Mime::IMAGE_PNG, bytes, metadata);
        stored.await.unwrap()
    }

    /// The time of the runtime as that of a store: in a paused runtime leases end when it is advanced.
    pub(crate) fn clock() -> Clock {
        let (start, started) = (Utc::now(), tokio::time::Instant::now());
        Clock::from_fn(move || start + started.elapsed())
    }

    pub(crate) async fn stored(&self) -> u64 {
        let inventory = self.store.inventory().unwrap();
        inventory.usage(Scope::All).await.unwrap().references
    }
}
