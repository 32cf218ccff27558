//! The names in a bucket, in order.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use object_store::ObjectMeta;
use object_store::path::Path;

/// Keys in a page of a listing.
const PAGE: usize = 1000;

/// What lies in a bucket, for listings that read a page of it.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<BTreeMap<Path, ObjectMeta>>);

impl Names {
    /// Sets what lies under a name, or that nothing does.
    pub(crate) fn set(&self, location: &Path, meta: Option<ObjectMeta>) {
        let mut all = self.all();
        match meta {
            Some(meta) => drop(all.insert(location.clone(), meta)),
            None => drop(all.remove(location)),
        }
    }

    /// Returns the first names under a prefix that come after `offset`, at most [`PAGE`], and whether there are more.
    pub(crate) fn page(
        &self,
        prefix: Option<&Path>,
        offset: Option<&Path>,
    ) -> (Vec<ObjectMeta>, bool) {
        let start = match (offset, prefix) {
            (Some(offset), _) => Bound::Excluded(offset),
            (None, Some(prefix)) => Bound::Excluded(prefix),
            (None, None) => Bound::Unbounded,
        };
        let prefix = prefix
            .map(|prefix| format!("{prefix}/"))
            .unwrap_or_default();
        let all = self.all();
        let mut rest = all
            .range::<Path, _>((start, Bound::Unbounded))
            .skip_while(|(name, _)| name.as_ref() < prefix.as_str())
            .take_while(|(name, _)| name.as_ref().starts_with(&prefix))
            .map(|(_, meta)| meta);
        let page = rest.by_ref().take(PAGE).cloned().collect();
        (page, rest.next().is_some())
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Path, ObjectMeta>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
