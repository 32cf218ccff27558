//! Options of operations.

use std::ops::Range;

use media_types::UserId;

use crate::metadata::MediaMetadata;
use crate::retention::RetentionPolicy;
use crate::scope::Scope;

/// How much a read verifies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verification {
    /// Size and SHA-256. A stream yields bytes before the whole hash is known, and a mismatch is its last
    /// item, so do not commit anything before the end.
    #[default]
    HashAndSize,
    /// Only the size.
    SizeOnly,
}

/// Options of [`MediaStorage::retrieve_opts`](crate::MediaStorage::retrieve_opts).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetrieveOptions {
    range: Option<Range<u64>>,
    head: bool,
    expected_scope: Option<Scope>,
    verification: Option<Verification>,
}

impl RetrieveOptions {
    /// Creates options for reading the whole body, with the verification of the store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the range of bytes to read. A range that ends behind the media is cut off. The size of the media
    /// is verified, but not its hash. Defaults to all bytes.
    #[must_use]
    pub fn with_range(mut self, range: Range<u64>) -> Self {
        self.range = Some(range);
        self
    }

    /// Sets that only the head is read: everything except the body. Defaults to reading the body.
    #[must_use]
    pub fn with_head(mut self) -> Self {
        self.head = true;
        self
    }

    /// Sets the scope that the media must belong to, by its stored metadata; otherwise the result is
    /// `NotFound`. Set this whenever the reference came from outside. Defaults to no check.
    #[must_use]
    pub fn with_expected_scope(mut self, scope: Scope) -> Self {
        self.expected_scope = Some(scope);
        self
    }

    /// Sets how much this read verifies. Defaults to the setting of the store.
    #[must_use]
    pub fn with_verification(mut self, verification: Verification) -> Self {
        self.verification = Some(verification);
        self
    }

    /// Returns the range, or `None` for all bytes.
    pub fn range(&self) -> Option<Range<u64>> {
        self.range.clone()
    }

    /// Whether only the head is read.
    pub fn head(&self) -> bool {
        self.head
    }

    /// Returns the scope that the media must belong to.
    pub fn expected_scope(&self) -> Option<&Scope> {
        self.expected_scope.as_ref()
    }

    /// Returns how much this read verifies, or `None` for the setting of the store.
    pub fn verification(&self) -> Option<Verification> {
        self.verification
    }
}

/// Options of [`MediaStorage::delete_opts`](crate::MediaStorage::delete_opts).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    expected_scope: Option<Scope>,
}

impl DeleteOptions {
    /// Creates options for a deletion without an expected scope.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the scope that the media must belong to, by its stored metadata; otherwise nothing is deleted and
    /// the result is `NotFound`. Defaults to no check.
    #[must_use]
    pub fn with_expected_scope(mut self, scope: Scope) -> Self {
        self.expected_scope = Some(scope);
        self
    }

    /// Returns the scope that the media must belong to.
    pub fn expected_scope(&self) -> Option<&Scope> {
        self.expected_scope.as_ref()
    }
}

/// Options of [`MediaStorage::duplicate`](crate::MediaStorage::duplicate).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DuplicateOptions {
    expected_scope: Option<Scope>,
    metadata: MediaMetadata,
}

impl DuplicateOptions {
    /// Creates options for a copy with this metadata.
    ///
    /// The ids and positions in `metadata` say where the copy belongs. File name, provider, creation
    /// time and retention are taken from the source where `metadata` does not set them.
    pub fn new(metadata: MediaMetadata) -> Self {
        Self {
            expected_scope: None,
            metadata,
        }
    }

    /// Sets the scope that the source must belong to, by its stored metadata; otherwise the result
    /// is `NotFound`. Set this whenever the reference came from outside. Defaults to no check.
    #[must_use]
    pub fn with_expected_scope(mut self, scope: Scope) -> Self {
        self.expected_scope = Some(scope);
        self
    }

    /// Returns the scope that the source must belong to.
    pub fn expected_scope(&self) -> Option<&Scope> {
        self.expected_scope.as_ref()
    }

    /// Returns the metadata of the copy.
    pub fn metadata(&self) -> &MediaMetadata {
        &self.metadata
    }
}

/// A change to the metadata of stored media, for
/// [`MediaStorage::update`](crate::MediaStorage::update).
///
/// ```
/// use media_storage::{MetadataPatch, RetentionPolicy};
/// let patch = MetadataPatch::new()
///     .with_retention(RetentionPolicy::RetainDays(30))
///     .with_hold(true);
/// assert_eq!(patch.hold(), Some(true));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataPatch {
    expected_scope: Option<Scope>,
    retention: Option<RetentionPolicy>,
    user: Option<Option<UserId>>,
    hold: Option<bool>,
}

impl MetadataPatch {
    /// Creates a patch that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the scope that the media must belong to before the change, by its stored metadata;
    /// otherwise nothing changes and the result is `NotFound`. Defaults to no check.
    #[must_use]
    pub fn with_expected_scope(mut self, scope: Scope) -> Self {
        self.expected_scope = Some(scope);
        self
    }

    /// Sets the retention. Its time counts from when the media was stored. A latest expiry
    /// ([`MediaMetadata::with_expires_at`](crate::MediaMetadata::with_expires_at), and that of the source of a
    /// duplicate) still holds. Defaults to unchanged.
    #[must_use]
    pub fn with_retention(mut self, retention: RetentionPolicy) -> Self {
        self.retention = Some(retention);
        self
    }

    /// Sets or removes the user that the media belongs to. Defaults to unchanged.
    #[must_use]
    pub fn with_user(mut self, user: Option<UserId>) -> Self {
        self.user = Some(user);
        self
    }

    /// Sets whether the media is on hold. Media on hold is neither deleted nor swept: a delete fails
    /// with [`Held`](crate::StorageErrorKind::Held). Defaults to unchanged.
    #[must_use]
    pub fn with_hold(mut self, hold: bool) -> Self {
        self.hold = Some(hold);
        self
    }

    /// Returns the scope that the media must belong to.
    pub fn expected_scope(&self) -> Option<&Scope> {
        self.expected_scope.as_ref()
    }

    /// Returns the new retention, or `None` if it stays.
    pub fn retention(&self) -> Option<RetentionPolicy> {
        self.retention
    }

    /// Returns the new user, or `None` if it stays. `Some(None)` removes the user.
    pub fn user(&self) -> Option<Option<&UserId>> {
        self.user.as_ref().map(Option::as_ref)
    }

    /// Returns whether the media is to be on hold, or `None` if that stays.
    pub fn hold(&self) -> Option<bool> {
        self.hold
    }
}
