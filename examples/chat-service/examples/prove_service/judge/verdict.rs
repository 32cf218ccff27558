//! What was reported against what is there.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::media::{Item, MediaFound};
use super::state::{Conversation, StateFound, references, text_of};
use crate::ledger::{Entries, TurnEntry};
use crate::model::{Asked, answer};

/// What the judge found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) counts: Vec<(&'static str, usize)>,
    pub(crate) broken: Vec<String>,
}

impl Verdict {
    /// Adds a count that must be 0, with what was found.
    fn none(&mut self, what: &'static str, found: Vec<String>) {
        self.counts.push((what, found.len()));
        let named = found.into_iter().map(|found| format!("{what}: {found}"));
        self.broken.extend(named);
    }
}

pub(crate) fn verdict(
    told: &Entries,
    asked: &HashMap<String, Asked>,
    state: &StateFound,
    media: &MediaFound,
) -> Verdict {
    let mut verdict = Verdict::default();
    let messages: usize = state
        .conversations
        .values()
        .map(|one| one.messages.len())
        .sum();
    verdict.counts = vec![
        ("conversations in the database", state.conversations.len()),
        ("messages in it", messages),
        ("bytes of messages", state.message_bytes),
        ("media items in the store", media.items.len()),
        ("bytes of media", media.bytes),
    ];
    let checked = told
        .turns
        .iter()
        .filter(|(_, turn)| !told.is_gone(&turn.conversation));
    let (mut lost, mut wrong, mut twice, mut paid) = (vec![], vec![], vec![], vec![]);
    for (mark, turn) in checked {
        let nothing = Conversation::default();
        let held = state
            .conversations
            .get(&turn.conversation)
            .unwrap_or(&nothing);
        lost.extend(lost_of(mark, turn, held));
        wrong.extend(wrong_media(mark, turn, held, asked, media));
        let name = format!("[{mark} ");
        let said = held.messages.iter().filter(|one| one["role"] == "user");
        let times = said
            .map(|one| text_of(one).matches(&name).count())
            .sum::<usize>();
        if times > 1 {
            twice.push(format!("{mark}, {times} times"));
        }
    }
    for (mark, asked) in asked {
        if asked.first_rounds > 1 {
            paid.push(format!("{mark}, {} times", asked.first_rounds));
        }
    }
    verdict.none("acknowledged messages lost", lost);
    verdict.none("messages with other media than was sent", wrong);
    verdict.none("messages that are there twice", twice);
    verdict.none("messages that were answered twice", paid);
    verdict.none("turns or leases that are stuck", stuck(state));
    verdict.none("values with base64", state.base64.clone());
    references_of(&mut verdict, state, media);
    let leftovers = media.leftovers.iter().cloned().collect();
    verdict.none("objects or files that nothing needs", leftovers);
    deleted(&mut verdict, told, asked, state, media);
    verdict
}

/// Returns what was reported to a client as saved and is not in the state.
fn lost_of(mark: &str, turn: &TurnEntry, held: &Conversation) -> Vec<String> {
    let mut lost = Vec::new();
    let ids: BTreeSet<&str> = held
        .messages
        .iter()
        .filter_map(|one| one["id"].as_str())
        .collect();
    for id in turn.saved.iter().filter(|id| !ids.contains(id.as_str())) {
        lost.push(format!("{id} of {mark} in {}", turn.conversation));
    }
    let Some(id) = &turn.turn else { return lost };
    let Some(kept) = held.turns.iter().find(|kept| kept["id"] == **id) else {
        lost.push(format!("the turn of {mark} in {}", turn.conversation));
        return lost;
    };
    let Some(told) = &turn.done else { return lost };
    let of_turn = held.messages.iter().filter(|one| one["turn"] == **id);
    let answers = of_turn.filter(|one| one["role"] == "assistant");
    let kept_text: String = answers.map(text_of).collect();
    let wanted = answer(mark, turn.words);
    if kept["status"] != "complete" || kept_text != wanted || *told != wanted {
        lost.push(format!(
            "the answer to {mark} in {}: {} with {} of {} bytes, reported were {}",
            turn.conversation,
            kept["status"],
            kept_text.len(),
            wanted.len(),
            told.len()
        ));
    }
    lost
}

/// Media of complete turns that is not what was uploaded or generated.
fn wrong_media(
    mark: &str,
    turn: &TurnEntry,
    held: &Conversation,
    asked: &HashMap<String, Asked>,
    media: &MediaFound,
) -> Vec<String> {
    if turn.done.is_none() {
        return Vec::new();
    }
    let mut named = BTreeSet::new();
    let of_turn = |one: &&Value| {
        let id = turn.turn.as_deref().unwrap_or_default();
        one["turn"] == id
    };
    held.messages
        .iter()
        .filter(of_turn)
        .for_each(|message| references(message, &mut named));
    let sums: BTreeSet<&str> = named
        .iter()
        .filter_map(|id| media.items.get(id)?.sum.as_deref())
        .collect();
    let mut wanted: Vec<&str> = turn.shown.iter().map(String::as_str).collect();
    if turn.paints {
        wanted.extend(asked.get(mark).and_then(|asked| asked.image.as_deref()));
    }
    wanted.retain(|sum| !sums.contains(sum));
    wanted
        .iter()
        .map(|sum| format!("{mark} lacks {sum}"))
        .collect()
}

fn stuck(state: &StateFound) -> Vec<String> {
    // Whoever holds the lease of upkeep does the work of all nodes for an interval.
    let leases = state.leases.iter().filter(|name| !name.ends_with("upkeep"));
    let mut stuck: Vec<String> = leases.cloned().collect();
    for (id, conversation) in &state.conversations {
        let current = &conversation.record["current_turn"];
        if !current.is_null() {
            stuck.push(format!("turn {current} of {id}"));
        }
        let open = conversation
            .turns
            .iter()
            .filter(|turn| turn["status"] == "running" || !turn["lease"].is_null());
        stuck.extend(open.map(|turn| format!("{} of {id}", turn["id"])));
    }
    stuck
}

fn references_of(verdict: &mut Verdict, state: &StateFound, media: &MediaFound) {
    let named = state.named();
    let readable = |id: &&String| media.items.get(*id).is_some_and(|item| item.sum.is_some());
    let dangling = named.iter().filter(|id| !readable(id)).cloned();
    verdict.counts.push(("references in messages", named.len()));
    verdict.none("dangling references", dangling.collect());
    let other = media.items.iter().filter(|(_, item)| {
        let sum = item.sum.as_deref();
        sum.is_some() && sum != item.field("sha256")
    });
    verdict.none(
        "items with other bytes than their sidecar says",
        other.map(|(id, _)| id.clone()).collect(),
    );
    // Uploads and renditions belong to a user or an original, and go by their own time.
    let is_upload = |item: &Item| {
        let conversation = item.field("conversation_id").unwrap_or_default();
        conversation.starts_with("upload-") && item.field("expires_at").is_some()
    };
    let uploads = media.items.values().filter(|item| is_upload(item)).count();
    verdict
        .counts
        .push(("uploads that go by their time", uploads));
    let orphans = media.items.iter().filter(|(id, item)| {
        item.sidecar["tags"]["parent"].is_null() && !is_upload(item) && !named.contains(*id)
    });
    verdict.none("orphans", orphans.map(|(id, _)| id.clone()).collect());
}

/// What is left of what was deleted.
fn deleted(
    verdict: &mut Verdict,
    told: &Entries,
    asked: &HashMap<String, Asked>,
    state: &StateFound,
    media: &MediaFound,
) {
    let mut left = Vec::new();
    for (id, conversation) in &state.conversations {
        let user = conversation.record["user"].as_str().unwrap_or_default();
        if told.deleted.contains(id) || told.erased.contains(user) {
            left.push(format!(
                "conversation {id}, {}",
                conversation.record["status"]
            ));
        }
    }
    left.extend(state.stray.iter().cloned());
    verdict.none("conversations that were deleted", left);
    let missing = told.conversations.keys().filter(|id| !told.is_gone(id));
    let missing = missing.filter(|id| !state.conversations.contains_key(*id));
    verdict.none("conversations that are missing", missing.cloned().collect());
    let mut left = Vec::new();
    for (id, item) in &media.items {
        let conversation = item.field("conversation_id").unwrap_or_default();
        let user = item.field("user_id").unwrap_or_default();
        if told.is_gone(conversation) || told.erased.contains(user) {
            left.push(id.clone());
        }
    }
    // Wherever they lie: bytes need no reference to be those of somebody.
    let erased = told
        .uploads
        .iter()
        .filter(|(user, _)| told.erased.contains(*user));
    let painted = told
        .turns
        .iter()
        .filter(|(_, turn)| told.is_gone(&turn.conversation))
        .filter_map(|(mark, _)| asked.get(mark)?.image.as_ref());
    let sums: BTreeSet<&String> = erased.flat_map(|(_, sums)| sums).chain(painted).collect();
    verdict
        .counts
        .push(("images of deleted users and conversations", sums.len()));
    let places = sums.iter().filter_map(|sum| media.sums.get(*sum));
    left.extend(places.map(|place| format!("bytes in {place}")));
    verdict.none("media of deleted users and conversations", left);
}
