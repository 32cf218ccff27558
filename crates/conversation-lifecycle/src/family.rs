//! A conversation and those that were started for it.

use std::collections::{HashSet, VecDeque};

use conversation_state::{ConversationRecord, TOMBSTONE_KEPT_FOR};
use media_types::ConversationId;

use crate::core::Core;
use crate::error::LifecycleError;

/// Marks a conversation and all its descendants as being deleted and stops their turns in this
/// process. Returns the records that are left, parents before their children.
///
/// A child is listed in its parent's state before it has a record of its own, and the id of one
/// that has none is refused from now on: no child comes into being behind this.
///
/// # Errors
/// Those of the state store. It may be repeated.
pub(crate) async fn tombstone(
    core: &Core,
    root: &ConversationId,
) -> Result<Vec<ConversationRecord>, LifecycleError> {
    let mut seen = HashSet::from([root.clone()]);
    let mut open = VecDeque::from([root.clone()]);
    let mut family = Vec::new();
    while let Some(id) = open.pop_front() {
        let record = core.state.tombstone(&id, TOMBSTONE_KEPT_FOR).await?;
        core.turns.stop(&id);
        let Some(record) = record else { continue };
        let children = record.children.iter();
        open.extend(
            children
                .filter(|child| seen.insert((*child).clone()))
                .cloned(),
        );
        family.push(record);
    }
    Ok(family)
}
