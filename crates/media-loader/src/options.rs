//! Options of a load.

use media_storage::Scope;

/// Options of a load; see [`MediaLoader::with_options`](crate::MediaLoader::with_options).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    expected_scope: Option<Scope>,
    max_bytes: Option<u64>,
}

impl LoadOptions {
    /// Creates options without an expected scope, with the limit of the loader.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the scope that stored media must belong to, by its stored metadata; otherwise loading it
    /// fails with `NotFound`. Set this whenever content comes from outside. Defaults to no check.
    #[must_use]
    pub fn with_expected_scope(mut self, scope: Scope) -> Self {
        self.expected_scope = Some(scope);
        self
    }

    /// Sets the largest size of media in bytes, if that is less than the limit of the loader. Defaults to
    /// the limit of the loader.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Returns the scope that stored media must belong to.
    pub fn expected_scope(&self) -> Option<&Scope> {
        self.expected_scope.as_ref()
    }

    /// Returns the largest size of media in bytes.
    pub fn max_bytes(&self) -> Option<u64> {
        self.max_bytes
    }
}
