//! A store that fails, loses answers and commits late.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use media_types::ConversationId;

use crate::error::{StateError, StateErrorKind};
use crate::load::{LoadOptions, LoadedConversation};
use crate::outcome::{Applied, Created, NewConversation};
use crate::record::ConversationRecord;
use crate::store::StateStore;
use crate::write::StateWrite;

/// A method of [`StateStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// [`create`](StateStore::create).
    Create,
    /// [`load`](StateStore::load).
    Load,
    /// [`find_message`](StateStore::find_message).
    FindMessage,
    /// [`apply`](StateStore::apply).
    Apply,
    /// [`list`](StateStore::list).
    List,
    /// [`tombstone`](StateStore::tombstone).
    Tombstone,
    /// [`purge`](StateStore::purge).
    Purge,
    /// The fences of users.
    Fences,
    /// The named leases.
    Leases,
    /// The index of references, and those that are unnamed.
    References,
    /// Identity and time.
    Info,
}

/// What goes wrong with one call. The caller sees `Unavailable`, but for `Refused` and `Twice`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The call fails, and nothing is done.
    Before,
    /// The call fails with `InvalidInput`, and nothing is done.
    Refused,
    /// The call is done, and its answer is lost.
    LostAnswer,
    /// The call fails, and is done when [`FaultyState::release_late`] is called. Of methods that
    /// read it is the same as `Before`.
    Late,
    /// The call is done and answered, and done once more when [`FaultyState::release_late`] is
    /// called: a network has delivered it twice.
    Twice,
}

/// A call that waits to be done.
#[derive(Clone, Debug)]
enum LateCall {
    Create(Box<NewConversation>),
    Apply(Box<StateWrite>),
    Tombstone(ConversationId, Duration),
    Purge(ConversationId),
}

/// How often a store was called, and how many messages went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateCounts {
    /// Calls of any method.
    pub calls: usize,
    /// Messages that were read.
    pub messages_read: usize,
    /// Messages that were added or replaced.
    pub messages_written: usize,
}

/// A wrapper that makes calls of a store fail, lose their answers, or take effect late.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use conversation_state::conformance::{Fault, FaultyState, Operation};
/// use conversation_state::{ConversationRecord, InMemoryStateStore, NewConversation, StateStore};
/// use media_types::ConversationId;
///
/// let store = FaultyState::new(InMemoryStateStore::new());
/// store.inject(Operation::Create, Fault::LostAnswer);
/// let new = NewConversation::new(ConversationRecord::new(ConversationId::mint()));
/// assert!(store.create(new.clone()).await.is_err());
/// // The repetition finds what the first attempt did.
/// assert_eq!(store.create(new).await?.into_record().version, 1);
/// # Ok(())
/// # }
/// ```
pub struct FaultyState<S> {
    inner: S,
    shared: Arc<Mutex<Shared>>,
    yields: usize,
}

#[derive(Default)]
struct Shared {
    faults: VecDeque<(Operation, Fault)>,
    lasting: Vec<(Operation, Fault)>,
    late: Vec<LateCall>,
    counts: StateCounts,
}

impl<S: Clone> Clone for FaultyState<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
            yields: self.yields,
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for FaultyState<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyState")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S: StateStore> FaultyState<S> {
    /// Creates a wrapper that passes everything on.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            shared: Arc::default(),
            yields: 0,
        }
    }

    /// Sets how often a call gives way before and after it is done. Defaults to 0.
    #[must_use]
    pub fn with_yields(mut self, yields: usize) -> Self {
        self.yields = yields;
        self
    }

    /// Returns the store.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Makes the next call of a method go wrong; after others that were injected before.
    pub fn inject(&self, operation: Operation, fault: Fault) {
        self.shared().faults.push_back((operation, fault));
    }

    /// Makes every call of a method go wrong until [`heal`](Self::heal).
    pub fn inject_lasting(&self, operation: Operation, fault: Fault) {
        self.shared().lasting.push((operation, fault));
    }

    /// Removes all faults. Calls that are to be done late stay.
    pub fn heal(&self) {
        let mut shared = self.shared();
        shared.faults.clear();
        shared.lasting.clear();
    }

    /// Does the calls that are to be done late, in their order, and returns how each ended.
    pub async fn release_late(&self) -> Vec<Result<(), StateError>> {
        let calls = std::mem::take(&mut self.shared().late);
        let mut outcomes = Vec::with_capacity(calls.len());
        for call in calls {
            outcomes.push(match call {
                LateCall::Create(new) => self.inner.create(*new).await.map(drop),
                LateCall::Apply(write) => self.inner.apply(*write).await.map(drop),
                LateCall::Tombstone(id, keep) => self.inner.tombstone(&id, keep).await.map(drop),
                LateCall::Purge(id) => self.inner.purge(&id).await,
            });
        }
        outcomes
    }

    /// Returns the counts since this was last asked.
    pub fn take_counts(&self) -> StateCounts {
        std::mem::take(&mut self.shared().counts)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, operation: Operation) -> Option<Fault> {
        let mut shared = self.shared();
        shared.counts.calls += 1;
        let next = shared.faults.iter().position(|(of, _)| *of == operation);
        let next = next.and_then(|at| shared.faults.remove(at));
        let lasting = || {
            shared
                .lasting
                .iter()
                .find(|(of, _)| *of == operation)
                .copied()
        };
        next.or_else(lasting).map(|(_, fault)| fault)
    }

    async fn give_way(&self) {
        for _ in 0..self.yields {
            yield_now().await;
        }
    }

    /// Runs a call with its fault. `late` is the call for later, for methods that write.
    async fn run<T>(
        &self,
        operation: Operation,
        late: Option<LateCall>,
        call: impl Future<Output = Result<T, StateError>> + Send,
    ) -> Result<T, StateError> {
        self.give_way().await;
        let fault = self.fault(operation);
        if matches!(fault, Some(Fault::Late | Fault::Twice)) {
            self.shared().late.extend(late);
        }
        if matches!(fault, Some(Fault::Before | Fault::Late)) {
            return Err(unavailable());
        }
        if fault == Some(Fault::Refused) {
            return Err(injected(StateErrorKind::InvalidInput));
        }
        let outcome = call.await;
        self.give_way().await;
        match fault {
            Some(Fault::LostAnswer) => Err(unavailable()),
            _ => outcome,
        }
    }
}

fn unavailable() -> StateError {
    injected(StateErrorKind::Unavailable)
}

fn injected(kind: StateErrorKind) -> StateError {
    StateError::new(kind, "reach the store").with_detail("injected fault")
}

/// Gives way once, on any runtime.
async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: StateStore> StateStore for FaultyState<S> {
    forward_state!(self => self.inner; limits, durability);
    forward_state!(self => self.inner, call => self.run(Operation::Info, None, call); info, now);
    forward_state!(
        self => self.inner, call => self.run(Operation::FindMessage, None, call);
        find_message,
    );
    forward_state!(self => self.inner, call => self.run(Operation::List, None, call); list);
    forward_state!(
        self => self.inner, call => self.run(Operation::Fences, None, call);
        fence_user, user_fence, lift_fence,
    );
    forward_state!(
        self => self.inner, call => self.run(Operation::Leases, None, call);
        acquire_lease, release_lease,
    );
    forward_state!(
        self => self.inner, call => self.run(Operation::References, None, call);
        references, referenced_by, observe_unnamed, forget_unnamed,
    );

    async fn create(&self, new: NewConversation) -> Result<Created, StateError> {
        let late = LateCall::Create(Box::new(new.clone()));
        let call = self.inner.create(new);
        self.run(Operation::Create, Some(late), call).await
    }

    async fn load(
        &self,
        id: &ConversationId,
        options: LoadOptions,
    ) -> Result<Option<LoadedConversation>, StateError> {
        let call = self.inner.load(id, options);
        let loaded = self.run(Operation::Load, None, call).await?;
        let read = loaded.as_ref().map_or(0, |loaded| loaded.messages.len());
        self.shared().counts.messages_read += read;
        Ok(loaded)
    }

    async fn apply(&self, write: StateWrite) -> Result<Applied, StateError> {
        let messages = write.append.len() + write.replace.len();
        let late = LateCall::Apply(Box::new(write.clone()));
        let call = self.inner.apply(write);
        let applied = self.run(Operation::Apply, Some(late), call).await?;
        self.shared().counts.messages_written += messages;
        Ok(applied)
    }

    async fn tombstone(
        &self,
        id: &ConversationId,
        keep: Duration,
    ) -> Result<Option<ConversationRecord>, StateError> {
        let late = LateCall::Tombstone(id.clone(), keep);
        let call = self.inner.tombstone(id, keep);
        self.run(Operation::Tombstone, Some(late), call).await
    }

    async fn purge(&self, id: &ConversationId) -> Result<(), StateError> {
        let late = LateCall::Purge(id.clone());
        let call = self.inner.purge(id);
        self.run(Operation::Purge, Some(late), call).await
    }
}
