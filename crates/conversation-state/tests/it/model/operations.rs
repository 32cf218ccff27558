//! What is done to both stores.

use conversation_state::*;
use conversation_types::TurnId;
use media_types::{ConversationId, StorageReference};
use proptest::prelude::*;

/// How a write names its fence: as the record is, or wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum FenceKind {
    Head,
    StaleHead,
    Version,
    StaleVersion,
    Turn,
    TakeOver,
}

/// One step of a write.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Append {
        turn: Option<u8>,
        user: bool,
        media: Option<u8>,
    },
    AppendAgain(u8),
    Replace(u8, Option<u8>),
    Cut {
        after: Option<u8>,
        keep: bool,
    },
    Turn {
        turn: u8,
        status: u8,
        context: u8,
        key: Option<u8>,
    },
    Take,
    Hold(u8),
    Release,
    Cancel(u8),
    Title(u8),
    Tags(u8),
    Status(bool),
    Planner(u8),
}

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Create {
        conversation: u8,
        key: Option<u8>,
    },
    Write {
        conversation: u8,
        fence: FenceKind,
        steps: Vec<Step>,
    },
    Replay(u8),
    Advance(u32),
    Tombstone(u8, u16),
    Purge(u8),
    Observe(u8),
    Forget(u8),
    Lease {
        name: u8,
        owner: u8,
    },
    List {
        changed: bool,
        limit: u8,
    },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let small = 0..4_u8;
    prop_oneof![
        6 => (prop::option::of(small.clone()), any::<bool>(), prop::option::of(small.clone()))
            .prop_map(|(turn, user, media)| Step::Append { turn, user, media }),
        1 => (0..8_u8).prop_map(Step::AppendAgain),
        2 => (0..12_u8, prop::option::of(small.clone())).prop_map(|(n, m)| Step::Replace(n, m)),
        2 => (prop::option::of(0..12_u8), any::<bool>())
            .prop_map(|(after, keep)| Step::Cut { after, keep }),
        6 => (small.clone(), 0..5_u8, 0..3_u8, prop::option::of(small.clone()))
            .prop_map(|(turn, status, context, key)| Step::Turn { turn, status, context, key }),
        3 => Just(Step::Take),
        2 => (0..120_u8).prop_map(Step::Hold),
        1 => Just(Step::Release),
        1 => small.clone().prop_map(Step::Cancel),
        1 => small.clone().prop_map(Step::Title),
        1 => small.clone().prop_map(Step::Tags),
        1 => any::<bool>().prop_map(Step::Status),
        1 => small.prop_map(Step::Planner),
    ]
}

pub(super) fn operation() -> impl Strategy<Value = Operation> {
    let conversation = 0..3_u8;
    let fence = prop_oneof![
        8 => Just(FenceKind::Head),
        1 => Just(FenceKind::StaleHead),
        3 => Just(FenceKind::Version),
        1 => Just(FenceKind::StaleVersion),
        3 => Just(FenceKind::Turn),
        2 => Just(FenceKind::TakeOver),
    ];
    prop_oneof![
        3 => (conversation.clone(), prop::option::of(0..2_u8))
            .prop_map(|(conversation, key)| Operation::Create { conversation, key }),
        20 => (conversation.clone(), fence, prop::collection::vec(step(), 1..4))
            .prop_map(|(conversation, fence, steps)| Operation::Write { conversation, fence, steps }),
        4 => any::<u8>().prop_map(Operation::Replay),
        2 => (0..200_000_u32).prop_map(Operation::Advance),
        1 => (conversation.clone(), any::<u16>()).prop_map(|(c, keep)| Operation::Tombstone(c, keep)),
        1 => conversation.prop_map(Operation::Purge),
        1 => (0..4_u8).prop_map(Operation::Observe),
        1 => (0..4_u8).prop_map(Operation::Forget),
        1 => (0..2_u8, 0..2_u8).prop_map(|(name, owner)| Operation::Lease { name, owner }),
        2 => (any::<bool>(), 1..4_u8).prop_map(|(changed, limit)| Operation::List { changed, limit }),
    ]
}

pub(super) fn conversation(n: u8) -> ConversationId {
    format!("conversation-{n}").parse().unwrap()
}

pub(super) fn turn(n: u8) -> TurnId {
    format!("turn-{n}").parse().unwrap()
}

pub(super) fn reference(n: u8) -> StorageReference {
    let store = (n % 2 == 1).then_some("eu");
    let builder = StorageReference::builder("file", format!("media-{}", n / 2));
    match store {
        Some(name) => builder.with_store_name(name),
        None => builder,
    }
    .build()
    .unwrap()
}

pub(super) fn key(n: u8) -> ReferenceKey {
    ReferenceKey::from(&reference(n))
}
