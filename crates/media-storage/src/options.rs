//! What a caller may ask of a read or a delete.

use std::ops::Range;

use crate::metadata::Scope;

/// How much a read checks what it reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verification {
    /// Size and SHA-256. A stream yields bytes before the whole hash is known; a mismatch is its
    /// last item, so do not commit anything before the end.
    #[default]
    Always,
    /// Size only.
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
    /// The whole body, verified as the store is set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only these bytes. A range that ends beyond the media is cut there; a range is checked
    /// against the size but not against the hash. Default: all.
    #[must_use]
    pub fn with_range(mut self, range: Range<u64>) -> Self {
        self.range = Some(range);
        self
    }

    /// No body: what is known about the media only. Default: with body.
    #[must_use]
    pub fn with_head(mut self) -> Self {
        self.head = true;
        self
    }

    /// The media must belong to this scope, by its own metadata; else it is `NotFound`. Give this
    /// whenever the reference came from outside. Default: not checked.
    #[must_use]
    pub fn with_expected_scope(mut self, scope: Scope) -> Self {
        self.expected_scope = Some(scope);
        self
    }

    /// How much this read checks. Default: as the store is set.
    #[must_use]
    pub fn with_verification(mut self, verification: Verification) -> Self {
        self.verification = Some(verification);
        self
    }

    /// The bytes that are asked for, if not all.
    pub fn range(&self) -> Option<Range<u64>> {
        self.range.clone()
    }

    /// Whether no body is asked for.
    pub fn head(&self) -> bool {
        self.head
    }

    /// The scope that the media must belong to.
    pub fn expected_scope(&self) -> Option<&Scope> {
        self.expected_scope.as_ref()
    }

    /// How much this read checks, if it is not left to the store.
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
    /// Deletes without a look at the scope.
    pub fn new() -> Self {
        Self::default()
    }

    /// The media must belong to this scope, by its own metadata; else nothing is deleted and the
    /// answer is `NotFound`. Default: not checked.
    #[must_use]
    pub fn with_expected_scope(mut self, scope: Scope) -> Self {
        self.expected_scope = Some(scope);
        self
    }

    /// The scope that the media must belong to.
    pub fn expected_scope(&self) -> Option<&Scope> {
        self.expected_scope.as_ref()
    }
}
