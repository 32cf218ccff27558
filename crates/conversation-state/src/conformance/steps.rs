//! Steps that scenarios are made of.

use std::time::Duration;

use conversation_types::{Message, TurnId};
use media_types::{ConversationId, MediaContent, Mime, StorageReference};

use crate::error::{StateError, StateErrorKind};
use crate::load::{LoadOptions, LoadedConversation, Window};
use crate::outcome::{Applied, NewConversation};
use crate::record::ConversationRecord;
use crate::reference::ReferenceKey;
use crate::store::StateStore;
use crate::turn::{TurnRecord, TurnStatus};
use crate::write::{Fence, LeaseChange, StateWrite, TurnFence};

/// How long turns are leased.
pub(super) const LEASE: Duration = Duration::from_secs(60);

pub(super) fn id(text: &str) -> ConversationId {
    text.parse().unwrap()
}

pub(super) fn turn_id(text: &str) -> TurnId {
    text.parse().unwrap()
}

/// A record that is not yet in a store.
pub(super) fn record(text: &str) -> ConversationRecord {
    ConversationRecord::new(id(text)).with_user(Some("user-1".parse().unwrap()))
}

pub(super) async fn create(store: &dyn StateStore, text: &str) -> ConversationRecord {
    let created = store.create(NewConversation::new(record(text))).await;
    created.unwrap().into_record()
}

/// A fence of a history in which no turn is open.
pub(super) fn idle(record: &ConversationRecord) -> Fence {
    Fence::Head {
        head: record.head,
        turn: None,
    }
}

/// A write on top of a history in which no turn is open.
pub(super) fn write(record: &ConversationRecord) -> StateWrite {
    StateWrite::new(record, idle(record))
}

pub(super) fn take(owner: &str) -> LeaseChange {
    LeaseChange::Take {
        owner: owner.to_owned(),
        duration: LEASE,
    }
}

pub(super) fn user(text: &str, turn: &str) -> Message {
    Message::user(text).with_turn(turn_id(turn))
}

pub(super) fn assistant(text: &str, turn: &str) -> Message {
    Message::assistant(vec![text.into()]).with_turn(turn_id(turn))
}

/// A turn that its owner works on.
#[derive(Clone, Debug)]
pub(super) struct OpenTurn {
    pub(super) record: TurnRecord,
    pub(super) applied: Applied,
    pub(super) epoch: u64,
}

impl OpenTurn {
    pub(super) fn fence(&self) -> TurnFence {
        TurnFence::new(self.record.id.clone(), self.epoch)
    }

    /// A fence of the history as the turn's owner knows it.
    pub(super) fn head(&self) -> Fence {
        Fence::Head {
            head: self.applied.head,
            turn: Some(self.fence()),
        }
    }

    pub(super) fn write(&self) -> StateWrite {
        StateWrite::new(&self.applied.record, self.head())
    }

    /// The write that ends the turn with a status and an answer.
    pub(super) fn finish(&self, status: TurnStatus, answer: &str) -> StateWrite {
        let turn = self.record.clone().with_status(status);
        self.write()
            .with_append([assistant(answer, turn.id.as_str())])
            .with_turn(turn)
    }

    /// Applies a write of the owner, who then knows the head that it left.
    pub(super) async fn apply(&mut self, store: &dyn StateStore, write: StateWrite) -> Applied {
        self.applied = store.apply(write).await.unwrap();
        self.applied.clone()
    }
}

/// The write that begins a turn with a message of the user.
pub(super) fn begin_write(record: &ConversationRecord, turn: &str, text: &str) -> StateWrite {
    write(record)
        .with_append([user(text, turn)])
        .with_turn(TurnRecord::new(turn_id(turn)))
        .with_lease(take("owner-1"))
}

pub(super) async fn begin(
    store: &dyn StateStore,
    record: &ConversationRecord,
    turn: &str,
) -> OpenTurn {
    let write = begin_write(record, turn, &format!("question of {turn}"));
    let applied = store.apply(write).await.unwrap();
    OpenTurn {
        record: TurnRecord::new(turn_id(turn)),
        epoch: applied.epoch.unwrap(),
        applied,
    }
}

/// Runs a whole turn of two messages.
pub(super) async fn run_turn(
    store: &dyn StateStore,
    record: &ConversationRecord,
    turn: &str,
) -> ConversationRecord {
    let open = begin(store, record, turn).await;
    let finish = open.finish(TurnStatus::Complete, &format!("answer of {turn}"));
    store.apply(finish).await.unwrap().record
}

/// Changes the title a number of times, as somebody else would.
pub(super) async fn foreign_writes(store: &dyn StateStore, conversation: &str, count: usize) {
    let mut known = load(store, conversation, Window::MetadataOnly).await.record;
    for n in 0..count {
        let write = StateWrite::new(&known, Fence::Version(known.version))
            .with_record(crate::update::RecordUpdate::new().with_title(Some(format!("title {n}"))));
        known = store.apply(write).await.unwrap().record;
    }
}

pub(super) async fn load(
    store: &dyn StateStore,
    conversation: &str,
    window: Window,
) -> LoadedConversation {
    let options = LoadOptions::new(window);
    let loaded = store.load(&id(conversation), options).await.unwrap();
    loaded.expect("a conversation")
}

pub(super) fn texts(loaded: &LoadedConversation) -> Vec<String> {
    let messages = loaded.messages.iter();
    messages.map(|stored| stored.message.text()).collect()
}

/// The texts of the whole history.
pub(super) async fn history(store: &dyn StateStore, conversation: &str) -> Vec<String> {
    texts(&load(store, conversation, Window::All).await)
}

/// Everything that can be read of a conversation, for comparing it with a later state.
pub(super) async fn snapshot(store: &dyn StateStore, conversation: &str) -> String {
    let options = LoadOptions::new(Window::All).with_branches(true);
    let loaded = store.load(&id(conversation), options).await.unwrap();
    let loaded = loaded.expect("a conversation");
    let messages: Vec<String> = loaded
        .messages
        .iter()
        .map(|stored| {
            let json = serde_json::to_string(&stored.message).unwrap();
            format!("{} {} {json}", stored.branch, stored.position)
        })
        .collect();
    let record = serde_json::to_string(&loaded.record).unwrap();
    let turns = serde_json::to_string(&loaded.turns).unwrap();
    format!("{record}\n{turns}\n{}", messages.join("\n"))
}

#[track_caller]
pub(super) fn assert_kind<T: std::fmt::Debug>(
    outcome: Result<T, StateError>,
    kind: StateErrorKind,
) {
    match outcome {
        Ok(value) => panic!("{kind:?} was expected, not {value:?}"),
        Err(error) => assert_eq!(error.kind(), kind, "{error:?}"),
    }
}

pub(super) fn reference(name: &str) -> StorageReference {
    StorageReference::builder("file", format!("s/c/{name}.png"))
        .with_size(7)
        .build()
        .unwrap()
}

pub(super) fn reference_key(name: &str) -> ReferenceKey {
    ReferenceKey::from(&reference(name))
}

pub(super) fn picture(name: &str) -> MediaContent {
    MediaContent::from_reference(Mime::IMAGE_PNG, reference(name))
}

/// A message without a turn that holds a reference.
pub(super) fn message_with(name: &str) -> Message {
    Message::assistant(vec![picture(name).into()])
}
