//! What a store of documents needs from the place that keeps them.

use std::fmt::Debug;

use crate::error::StateError;
use crate::limits::Durability;

/// A place that keeps values under keys: a directory, an embedded key-value database.
///
/// Its methods block, and are called on threads for blocking work.
pub trait DocumentPlace: Debug + Send + Sync + 'static {
    /// Waits until nobody else uses the place, in this process or another, and returns it locked. The
    /// lock ends when the value is dropped, and with the process.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    fn lock(&self) -> Result<Box<dyn LockedPlace + '_>, StateError>;

    /// Returns what a value has survived once [`put`](LockedPlace::put) has returned.
    fn durability(&self) -> Durability;

    /// Returns the name of the kind of place, for messages.
    fn backend(&self) -> &'static str;
}

/// A place that nobody else uses. Keys are at most 32 of the characters `a` to `z`, `0` to `9` and `-`.
pub trait LockedPlace {
    /// Returns the value under a key.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, StateError>;

    /// Puts a value under a key, in the place of the one that is there: whole or not at all.
    ///
    /// # Errors
    /// `DiskSpace`, `Permission`, `Unavailable`.
    fn put(&mut self, key: &str, value: &[u8]) -> Result<(), StateError>;

    /// Removes the value under a key, if there is one.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    fn remove(&mut self, key: &str) -> Result<(), StateError>;
}
