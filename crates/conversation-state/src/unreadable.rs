//! Records that cannot be read, in lists.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use media_types::ConversationId;

use crate::list::ConversationPage;

/// How many ids are remembered. Beyond it, all are reported anew.
const MAX_IDS: usize = 1024;

/// Reports records that cannot be read, each once for a store. Clones share what they reported.
#[derive(Clone, Default)]
pub(crate) struct UnreadableRecords(Arc<Mutex<HashSet<ConversationId>>>);

impl UnreadableRecords {
    pub(crate) fn report(&self, page: &ConversationPage) {
        if page.unreadable.is_empty() {
            return;
        }
        let mut reported = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.len() >= MAX_IDS {
            reported.clear();
        }
        for id in &page.unreadable {
            if reported.insert(id.clone()) {
                tracing::warn!(conversation = %id, "the record of a conversation cannot be read");
            }
        }
    }
}

impl fmt::Debug for UnreadableRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnreadableRecords")
    }
}
