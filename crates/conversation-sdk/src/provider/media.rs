//! What a provider may do with the media of a request.

use media_storage::Scope;

/// The media of one request: opens it when the body is written.
#[derive(Clone, Debug)]
pub struct MediaContext {
    scope: Option<Scope>,
}

impl MediaContext {
    /// The scope that references must lie in, if one is enforced.
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }
}
