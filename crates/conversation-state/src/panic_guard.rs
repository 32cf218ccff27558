//! Panics of stores as errors.

use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use futures_util::FutureExt;

use crate::error::{StateError, StateErrorKind};
use crate::store::StateStore;

/// A store whose panics are errors that say so, so that a task that asks it can go on.
#[derive(Clone, Debug)]
pub struct PanicGuard<S>(S);

impl<S: StateStore> PanicGuard<S> {
    /// Guards a store.
    pub fn new(store: S) -> Self {
        Self(store)
    }

    async fn guard<T>(
        &self,
        call: impl Future<Output = Result<T, StateError>>,
    ) -> Result<T, StateError> {
        let called = AssertUnwindSafe(call).catch_unwind().await;
        called.unwrap_or_else(|_| {
            tracing::error!(store = ?self.0, "a state store panicked");
            // Of what the call had done by then nothing is known.
            Err(StateError::new(
                StateErrorKind::Panicked,
                "ask the state store",
            ))
        })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: StateStore> StateStore for PanicGuard<S> {
    forward_state!(self => self.0; limits, durability);
    forward_state!(
        self => self.0, call => self.guard(call);
        info, now, create, load, find_message, apply, list, tombstone, purge, fence_user, user_fence,
        lift_fence, acquire_lease, release_lease, references, referenced_by, observe_unnamed,
        forget_unnamed,
    );
}
