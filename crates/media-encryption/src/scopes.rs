//! Scopes: the inner store knows ids, only this one knows tags.

use std::collections::BTreeMap;

use media_storage::Scope;

/// A scope, split into what each store can decide.
#[derive(Clone, Debug)]
pub(crate) struct SplitScope {
    /// What the inner store decides.
    pub(crate) inner: Scope,
    /// The tags that media must have.
    tags: Vec<(String, String)>,
}

impl SplitScope {
    pub(crate) fn new(scope: &Scope) -> Self {
        let (mut ids, mut tags) = (Vec::new(), Vec::new());
        for part in scope.parts() {
            match part {
                Scope::Tag { name, value, .. } => tags.push((name.clone(), value.clone())),
                id => ids.push(id.clone()),
            }
        }
        let inner = match (ids.pop(), ids.is_empty()) {
            (None, _) => Scope::All,
            (Some(id), true) => id,
            (Some(id), false) => Scope::all_of(ids.into_iter().chain([id])),
        };
        Self { inner, tags }
    }

    /// Whether the scope asks for tags.
    pub(crate) fn has_tags(&self) -> bool {
        !self.tags.is_empty()
    }

    /// Whether media has the tags of the scope.
    pub(crate) fn matches(&self, tags: &BTreeMap<String, String>) -> bool {
        let mut wanted = self.tags.iter();
        wanted.all(|(name, value)| tags.get(name) == Some(value))
    }
}
