//! Lists of documents.

use crate::cursor::{ListPosition, ListRange, Listed};
use crate::document::conversation::ConversationDocument;
use crate::error::StateError;
use crate::list::{ConversationFilter, ConversationPage};

/// Lists those documents that a filter accepts, one page of them. `newest` is the number of the newest
/// change of all conversations.
///
/// # Errors
/// `InvalidInput` for a cursor that was edited or belongs to another list.
pub fn page<'a>(
    filter: &ConversationFilter,
    documents: impl IntoIterator<Item = &'a ConversationDocument>,
    newest: u64,
) -> Result<ConversationPage, StateError> {
    let position = ListPosition::of(filter, newest)?;
    let mut accepted: Vec<&ConversationDocument> = documents
        .into_iter()
        .filter(|held| filter.accepts(held.record()))
        .collect();
    let created = |held: &ConversationDocument| held.record().created_at.timestamp_millis();
    match &position.range {
        ListRange::Created(after) => {
            if let Some((time, id)) = after {
                accepted.retain(|held| {
                    let at = created(held);
                    at < *time || at == *time && held.record().id.as_str() > id.as_str()
                });
            }
            accepted.sort_by(|a, b| {
                let newest = created(b).cmp(&created(a));
                newest.then_with(|| a.record().id.cmp(&b.record().id))
            });
        }
        ListRange::ChangedUntil(change) => {
            accepted.retain(|held| held.changed() <= *change);
            accepted.sort_by_key(|held| std::cmp::Reverse(held.changed()));
        }
        ListRange::ChangedAfter(change) => {
            accepted.retain(|held| held.changed() > *change);
            accepted.sort_by_key(|held| held.changed());
        }
    }
    let limit = filter.page_size();
    let records = accepted.into_iter().take(limit + 1);
    let listed = records.map(|held| Listed {
        change: held.changed(),
        created_at: created(held),
        id: held.record().id.to_string(),
        record: Some(held.record().clone()),
    });
    Ok(position.page(listed.collect(), limit, newest))
}
