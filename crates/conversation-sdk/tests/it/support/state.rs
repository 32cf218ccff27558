//! A state store that fails, gives way and counts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use conversation_sdk::state::LoadedConversation;
use conversation_sdk::{
    ConversationFilter, ConversationRecord, ConversationStatus, Message, StateError,
    StateErrorKind, StateStore, Window,
};
use media_types::ConversationId;

/// What goes wrong, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateFault {
    /// Appending fails, and nothing is written.
    AppendBefore,
    /// Appending is done, and the answer is lost.
    AppendAfter,
    /// Appending is done, the answer is lost, and the store is not to be reached then.
    AppendAfterAndLoad,
    /// Appending is done, somebody else appends a message then, and the answer is lost.
    AppendAfterAndAnother,
    /// The conversation cannot be removed.
    Delete,
    /// The status cannot be set.
    SetStatus,
}

#[derive(Clone, Debug)]
pub(crate) struct FaultyState<S> {
    inner: S,
    fault: Arc<Mutex<Option<StateFault>>>,
    loads_fail: Arc<Mutex<bool>>,
    yields: usize,
    messages_read: Arc<AtomicUsize>,
    messages_written: Arc<AtomicUsize>,
}

impl<S: StateStore> FaultyState<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            fault: Arc::default(),
            loads_fail: Arc::default(),
            yields: 0,
            messages_read: Arc::default(),
            messages_written: Arc::default(),
        }
    }

    pub(crate) fn with_yields(mut self, yields: usize) -> Self {
        self.yields = yields;
        self
    }

    pub(crate) fn inject(&self, fault: StateFault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    pub(crate) fn heal(&self) {
        *self.fault.lock().unwrap() = None;
        *self.loads_fail.lock().unwrap() = false;
    }

    /// How many messages were read and written since this was last asked.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(crate) fn take_counts(&self) -> (usize, usize) {
        (
            self.messages_read.swap(0, Ordering::Relaxed),
            self.messages_written.swap(0, Ordering::Relaxed),
        )
    }

    async fn give_way(&self) {
        for _ in 0..self.yields {
            tokio::task::yield_now().await;
        }
    }

    fn fails(&self, faults: &[StateFault]) -> Option<StateFault> {
        let mut fault = self.fault.lock().unwrap();
        let found = fault.filter(|fault| faults.contains(fault));
        if found.is_some() {
            *fault = None;
        }
        found
    }
}

fn unavailable() -> StateError {
    StateError::new(StateErrorKind::Unavailable)
}

#[async_trait]
impl<S: StateStore> StateStore for FaultyState<S> {
    async fn load(
        &self,
        id: &ConversationId,
        window: Window,
    ) -> Result<Option<LoadedConversation>, StateError> {
        self.give_way().await;
        if *self.loads_fail.lock().unwrap() {
            return Err(unavailable());
        }
        let loaded = self.inner.load(id, window).await?;
        if let Some(loaded) = &loaded {
            self.messages_read
                .fetch_add(loaded.messages.len(), Ordering::Relaxed);
        }
        Ok(loaded)
    }

    async fn append(
        &self,
        record: &ConversationRecord,
        expected_version: u64,
        messages: &[Message],
    ) -> Result<ConversationRecord, StateError> {
        use StateFault as F;
        self.give_way().await;
        let fault = self.fails(&[
            F::AppendBefore,
            F::AppendAfter,
            F::AppendAfterAndLoad,
            F::AppendAfterAndAnother,
        ]);
        if fault == Some(F::AppendBefore) {
            return Err(unavailable());
        }
        let record = self
            .inner
            .append(record, expected_version, messages)
            .await?;
        self.messages_written
            .fetch_add(messages.len(), Ordering::Relaxed);
        self.give_way().await;
        if fault == Some(F::AppendAfterAndAnother) {
            let mut other = record.clone();
            other.last_write = Some("somebody else's".to_owned());
            let message = [Message::user("from elsewhere")];
            self.inner.append(&other, record.version, &message).await?;
        }
        if fault == Some(F::AppendAfterAndLoad) {
            *self.loads_fail.lock().unwrap() = true;
        }
        match fault {
            Some(_) => Err(unavailable()),
            None => Ok(record),
        }
    }

    async fn replace(
        &self,
        record: &ConversationRecord,
        expected_version: u64,
        messages: &[(u64, Message)],
    ) -> Result<ConversationRecord, StateError> {
        self.give_way().await;
        self.inner.replace(record, expected_version, messages).await
    }

    async fn set_status(
        &self,
        id: &ConversationId,
        status: ConversationStatus,
    ) -> Result<Option<ConversationRecord>, StateError> {
        self.give_way().await;
        if self.fails(&[StateFault::SetStatus]).is_some() {
            return Err(unavailable());
        }
        self.inner.set_status(id, status).await
    }

    async fn delete(&self, id: &ConversationId) -> Result<(), StateError> {
        if self.fails(&[StateFault::Delete]).is_some() {
            return Err(unavailable());
        }
        self.inner.delete(id).await
    }

    async fn list(
        &self,
        filter: &ConversationFilter,
    ) -> Result<Vec<ConversationRecord>, StateError> {
        self.inner.list(filter).await
    }
}
