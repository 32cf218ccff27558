//! The trait of what keeps data keys.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use async_trait::async_trait;

use crate::data_key::{DataKey, KeyId};
use crate::owner::KeyOwner;

/// What keeps data keys: it creates them, keeps them wrapped by a key of its own, unwraps and forgets
/// them.
///
/// [`LocalKeys`](crate::LocalKeys) is one that keeps them in files. Implement the trait for a key
/// management service: keep the wrapped keys in a database, and let the service wrap and unwrap them.
///
/// # Contract
/// - Wrapped keys are kept outside of the media store and of its backups. Otherwise a restored backup
///   brings a forgotten key back.
/// - Two calls of `current_key` for one owner, at once and in any process, return the same key until it
///   is forgotten.
/// - After `forget` returned, no process gets the key again, by id or by owner.
/// - Nothing is cached: [`Encrypted`](crate::Encrypted) keeps unwrapped keys for a limited time.
/// - All methods may be called concurrently.
#[async_trait]
pub trait KeyProvider: fmt::Debug + Send + Sync + 'static {
    /// Returns the key for new media of an owner. Creates it if there is none.
    ///
    /// # Errors
    /// Any kind except `Forgotten` and `Unknown`.
    async fn current_key(&self, owner: &KeyOwner) -> Result<DataKey, KeyError>;

    /// Returns the key with an id.
    ///
    /// # Errors
    /// `Forgotten`, `Unknown`, and as [`current_key`](Self::current_key).
    async fn key(&self, id: KeyId) -> Result<DataKey, KeyError>;

    /// Destroys the key of an owner, for ever. Returns whether there was one.
    ///
    /// # Errors
    /// `Unavailable`, `Permission`, `Config`. The key may or may not be destroyed; try again.
    async fn forget(&self, owner: &KeyOwner) -> Result<bool, KeyError>;
}

#[async_trait]
impl<T: KeyProvider + ?Sized> KeyProvider for std::sync::Arc<T> {
    async fn current_key(&self, owner: &KeyOwner) -> Result<DataKey, KeyError> {
        self.as_ref().current_key(owner).await
    }

    async fn key(&self, id: KeyId) -> Result<DataKey, KeyError> {
        self.as_ref().key(id).await
    }

    async fn forget(&self, owner: &KeyOwner) -> Result<bool, KeyError> {
        self.as_ref().forget(owner).await
    }
}

/// The kind of a [`KeyError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// The key was forgotten. What it encrypts counts as deleted.
    Forgotten,
    /// The provider never had the key.
    Unknown,
    /// The provider cannot be reached. A later attempt may succeed.
    Unavailable,
    /// The process or the credentials do not have permission.
    Permission,
    /// The configuration of the provider is not valid, for example the master key is the wrong one.
    Config,
    /// What the provider keeps is damaged.
    Damaged,
}

/// Error returned when a [`KeyProvider`] fails.
pub struct KeyError {
    kind: KeyErrorKind,
    reason: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl KeyError {
    /// Creates an error of a kind, with a reason that has no secrets and no ids of users.
    pub fn new(kind: KeyErrorKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            reason: reason.into(),
            source: None,
        }
    }

    /// Sets the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> KeyErrorKind {
        self.kind
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl fmt::Debug for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyError")
            .field("kind", &self.kind)
            .field("reason", &self.reason)
            .field("source", &self.source)
            .finish()
    }
}

impl Error for KeyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
