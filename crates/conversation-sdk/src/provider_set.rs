//! The providers of a manager.

use std::collections::BTreeMap;
use std::sync::Arc;

use conversation_providers::Provider;

/// A default provider and others by name.
#[derive(Debug)]
pub(crate) struct Providers {
    default: Arc<dyn Provider>,
    named: BTreeMap<String, Arc<dyn Provider>>,
}

impl Providers {
    pub(crate) fn new(
        default: Arc<dyn Provider>,
        named: BTreeMap<String, Arc<dyn Provider>>,
    ) -> Self {
        Self { default, named }
    }

    /// Returns the provider of a name, or the default one.
    pub(crate) fn get(&self, name: Option<&str>) -> Option<&Arc<dyn Provider>> {
        match name {
            None => Some(&self.default),
            Some(name) => self.named.get(name).or_else(|| {
                // The default one is known by its own name too.
                (self.default.name() == name).then_some(&self.default)
            }),
        }
    }

    /// Returns all providers.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        std::iter::once(&self.default).chain(self.named.values())
    }

    /// Returns the names of all providers, as they call themselves, each once.
    pub(crate) fn names(&self) -> std::collections::BTreeSet<String> {
        self.all()
            .map(|provider| provider.name().to_owned())
            .collect()
    }
}
