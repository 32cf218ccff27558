//! What a caller may ask of a load.

use media_storage::Scope;

/// Options of a load; see [`MediaLoader::with_options`](crate::MediaLoader::with_options).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    expected_scope: Option<Scope>,
    max_bytes: Option<u64>,
}

impl LoadOptions {
    /// No scope is expected; the loader's limit holds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stored media must belong to this scope, by the metadata it was stored with; else it is
    /// `NotFound`. Give this whenever content comes from outside. Default: not checked.
    #[must_use]
    pub fn with_expected_scope(mut self, scope: Scope) -> Self {
        self.expected_scope = Some(scope);
        self
    }

    /// Largest media in bytes, where that is less than what the loader allows. Default: the
    /// loader's limit.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// The scope that stored media must belong to.
    pub fn expected_scope(&self) -> Option<&Scope> {
        self.expected_scope.as_ref()
    }

    /// Largest media in bytes.
    pub fn max_bytes(&self) -> Option<u64> {
        self.max_bytes
    }
}
