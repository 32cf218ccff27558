//! Conversations whose records cannot be read.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use conversation_lifecycle::{Obstacle, ReconcileOptions};
use conversation_state::{
    ConversationFilter, ConversationPage, ConversationRecord, InMemoryStateStore, LoadOptions,
    LoadedConversation, StateError, StateErrorKind, StateStore, forward_state,
};
use media_storage::InMemoryStorage;
use media_types::ConversationId;
use tokio::sync::OnceCell;

use crate::support::Rig;

/// A store that cannot read one record, and may be unable to remove it.
#[derive(Debug, Default)]
struct Damaged {
    inner: InMemoryStateStore,
    id: OnceCell<ConversationId>,
    keeps: bool,
}

impl Damaged {
    fn check(&self, id: &ConversationId) -> Result<(), StateError> {
        match self.id.get() == Some(id) {
            true => Err(StateError::new(StateErrorKind::Corrupted, "read a record")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl StateStore for Damaged {
    forward_state!(
        self => self.inner;
        limits, durability, info, now, create, find_message, apply, fence_user, user_fence,
        lift_fence, acquire_lease, release_lease, references, referenced_by, observe_unnamed,
        forget_unnamed,
    );

    async fn load(
        &self,
        id: &ConversationId,
        options: LoadOptions,
    ) -> Result<Option<LoadedConversation>, StateError> {
        self.check(id)?;
        self.inner.load(id, options).await
    }

    async fn list(&self, filter: &ConversationFilter) -> Result<ConversationPage, StateError> {
        let page = self.inner.list(filter).await?;
        let records = page.records.into_iter();
        let (damaged, records): (Vec<_>, Vec<_>) =
            records.partition(|record| self.check(&record.id).is_err());
        let damaged = damaged.into_iter().map(|record| record.id).collect();
        Ok(ConversationPage::new(records, page.next).with_unreadable(damaged))
    }

    async fn tombstone(
        &self,
        id: &ConversationId,
        keep: Duration,
    ) -> Result<Option<ConversationRecord>, StateError> {
        self.check(id)?;
        self.inner.tombstone(id, keep).await
    }

    async fn purge(&self, id: &ConversationId) -> Result<(), StateError> {
        if self.keeps {
            self.check(id)?;
        }
        self.inner.purge(id).await
    }
}

/// A damaged conversation of ann and a sound one, and one of bob.
async fn rig(keeps: bool) -> (Rig, ConversationRecord) {
    let damaged = Arc::new(Damaged {
        keeps,
        ..Damaged::default()
    });
    let state: Arc<dyn StateStore> = Arc::<Damaged>::clone(&damaged);
    let rig = Rig::with_state(state, Arc::new(InMemoryStorage::new()), |builder| builder);
    let (first, _) = rig.conversation("ann").await;
    rig.conversation("ann").await;
    rig.conversation("bob").await;
    damaged.id.set(first.id.clone()).unwrap();
    (rig, first)
}

#[tokio::test]
async fn an_erasure_removes_what_cannot_be_read_by_its_id() {
    let (rig, damaged) = rig(false).await;
    let receipt = rig.lifecycle.erase_user(&"ann".parse().unwrap()).await;
    let receipt = receipt.unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
    assert_eq!((receipt.conversations, rig.stored().await), (2, 1));
    let left = rig.state.list(&ConversationFilter::new()).await.unwrap();
    assert_eq!((left.records.len(), left.unreadable.len()), (1, 0));
    assert_ne!(left.records[0].id, damaged.id);
}

#[tokio::test]
async fn an_erasure_names_what_can_be_neither_read_nor_removed() {
    let (rig, damaged) = rig(true).await;
    let receipt = rig.lifecycle.erase_user(&"ann".parse().unwrap()).await;
    let receipt = receipt.unwrap();
    let [Obstacle::Unreadable { conversation, .. }] = &receipt.obstacles[..] else {
        panic!("{receipt:?}");
    };
    assert_eq!(*conversation, damaged.id);
    assert_eq!((receipt.conversations, rig.stored().await), (1, 1));
}

#[tokio::test]
async fn what_cannot_be_read_keeps_no_other_media_from_being_reconciled() {
    let (rig, damaged) = rig(false).await;
    let (sound, _) = rig.conversation("bob").await;
    rig.media(&damaged, "of the damaged").await;
    rig.media(&sound, "of the sound").await;
    let options = ReconcileOptions::new()
        .with_grace(Duration::ZERO)
        .with_force(true);
    rig.lifecycle.reconcile(&options).await.unwrap();
    let report = rig.lifecycle.reconcile(&options).await.unwrap();
    assert_eq!(report.stores[0].protected, 1);
    assert_eq!(rig.stored().await, 5);
}
