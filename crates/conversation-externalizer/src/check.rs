//! A look before media is stored.

use std::fmt::Debug;

use futures_core::future::BoxFuture;

/// Says whether media of a batch may be stored now: the owner may be about to be erased.
pub trait StoreCheck: Debug + Send + Sync {
    /// Returns whether media may be stored. Called once for each batch that stores any, before the first item.
    fn may_store(&self) -> BoxFuture<'_, bool>;
}
