//! What a child does: scenarios, in steps.

use bytes::Bytes;
use media_storage::{MediaMetadata, RetentionPolicy, SweepDepth};
use media_types::Mime;
use serde::{Deserialize, Serialize};

use crate::fixture::{KIB, about, noise};

/// One thing that a child does with the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Step {
    /// Opens the store; one that is open is dropped first.
    Open,
    /// Closes the store.
    Close,
    /// Stores media.
    Store(StoreStep),
    /// Deletes what the store step of this number stored, counted from 0 over the scenario.
    Delete(usize),
    /// Does what a delete of the same did that was killed before its work was durable.
    BeginDelete(usize),
    /// Deletes everything of a conversation.
    DeleteConversation(u32),
    /// Removes what is due.
    SweepDue,
    /// Removes everything that may go.
    SweepFull,
    /// Sweeps with a capacity in bytes.
    Prune(u64),
    /// Exports what the store exports.
    Export,
    /// Plants what crashes leave behind.
    Litter,
}

/// Media to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct StoreStep {
    pub(super) seed: u64,
    pub(super) len: usize,
    pub(super) conversation: u32,
    pub(super) form: Form,
    pub(super) retention: Option<RetentionPolicy>,
}

/// How the bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Form {
    Whole,
    Streamed,
}

impl StoreStep {
    /// Bytes that follow from seed and length; equal ones are equal media.
    pub fn new(seed: u64, len: usize) -> Self {
        Self {
            seed,
            len,
            conversation: 1,
            form: Form::Whole,
            retention: None,
        }
    }

    /// The conversation that it belongs to. Default: 1.
    pub fn with_conversation(mut self, conversation: u32) -> Self {
        self.conversation = conversation;
        self
    }

    /// The bytes come as a stream of unknown length. Default: whole.
    pub fn with_stream(mut self) -> Self {
        self.form = Form::Streamed;
        self
    }

    /// How long it is kept. Default: what the store does by default.
    pub fn with_retention(mut self, retention: RetentionPolicy) -> Self {
        self.retention = Some(retention);
        self
    }

    pub(super) fn bytes(&self) -> Bytes {
        noise(self.seed, self.len)
    }

    pub(super) fn mime(&self) -> Mime {
        Mime::IMAGE_PNG
    }

    pub(super) fn metadata(&self) -> MediaMetadata {
        let metadata = about(&conversation(self.conversation));
        match self.retention {
            Some(retention) => metadata.with_retention(retention),
            None => metadata,
        }
    }

    /// Whether it is gone as soon as it is stored.
    pub(super) fn expires_at_once(&self) -> bool {
        use RetentionPolicy as R;
        matches!(
            self.retention,
            Some(R::DeleteAfterMinutes(0) | R::RetainHours(0) | R::RetainDays(0))
        )
    }
}

pub(super) fn conversation(number: u32) -> String {
    format!("conv-{number}")
}

/// What is prepared, and then done under the eyes of the kit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[must_use]
pub struct Scenario {
    pub(super) name: String,
    pub(super) setup: Vec<Step>,
    pub(super) traced: Vec<Step>,
}

impl Scenario {
    /// Steps to prepare and steps that crashes fall into.
    pub fn new(name: impl Into<String>, setup: Vec<Step>, traced: Vec<Step>) -> Self {
        Self {
            name: name.into(),
            setup,
            traced,
        }
    }

    /// What it is called in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.setup.iter().chain(&self.traced)
    }

    /// A new reference in a store that is warm.
    pub fn store_new() -> Self {
        let warm = Step::Store(StoreStep::new(1, 300));
        let new = Step::Store(StoreStep::new(2, 5000));
        Self::new("store new", vec![Step::Open, warm], vec![new])
    }

    /// A second reference to bytes that are there, in a store that is warm.
    pub fn store_duplicate() -> Self {
        let first = Step::Store(StoreStep::new(2, 5000));
        let again = first.clone();
        Self::new("store duplicate", vec![Step::Open, first], vec![again])
    }

    /// One of two references to the same bytes goes.
    pub fn delete() -> Self {
        let one = Step::Store(StoreStep::new(2, 5000));
        let keeper = Step::Store(StoreStep::new(3, 400));
        Self::new(
            "delete",
            vec![Step::Open, keeper, one.clone(), one],
            vec![Step::Delete(1)],
        )
    }

    /// Every operation of a store, each in the ways that differ on the disk.
    pub fn all() -> Vec<Self> {
        let expired = RetentionPolicy::DeleteAfterMinutes(0);
        let hour = RetentionPolicy::RetainHours(1);
        let store = |seed, len| StoreStep::new(seed, len);
        let put = |store: StoreStep| Step::Store(store);
        let long = 400 * KIB;
        let other = |seed| store(seed, 700).with_conversation(2);
        vec![
            Self::new(
                "open and store",
                vec![],
                vec![Step::Open, put(store(1, 5000)), Step::Close],
            ),
            Self::store_new(),
            Self::store_duplicate(),
            Self::new(
                "store duplicate after restart",
                vec![Step::Open, put(store(2, 5000)), Step::Open],
                vec![put(store(2, 5000)), put(other(5))],
            ),
            Self::new(
                "store streamed",
                vec![Step::Open, put(store(1, 300))],
                vec![put(store(2, long).with_stream())],
            ),
            Self::new(
                "store streamed duplicate",
                vec![Step::Open, put(store(2, long)), Step::Open],
                vec![put(store(2, long).with_stream())],
            ),
            Self::new(
                "store expiring",
                vec![Step::Open, put(store(1, 300))],
                vec![put(store(2, 5000).with_retention(hour))],
            ),
            Self::delete(),
            Self::new(
                "delete both of two",
                vec![
                    Step::Open,
                    put(store(3, 400)),
                    put(store(2, 5000)),
                    put(store(2, 5000)),
                ],
                vec![Step::Delete(1), Step::Delete(2)],
            ),
            Self::new(
                "delete expiring",
                vec![Step::Open, put(store(1, 300).with_retention(hour))],
                vec![Step::Delete(0)],
            ),
            Self::new(
                "delete the last of a directory",
                vec![Step::Open, put(store(1, 300)), put(other(2))],
                vec![Step::Delete(1)],
            ),
            Self::new(
                "delete what a dead process began to delete",
                vec![
                    Step::Open,
                    put(store(1, 300)),
                    put(store(2, 5000)),
                    Step::BeginDelete(1),
                ],
                vec![Step::Delete(1)],
            ),
            Self::new(
                "delete conversation",
                vec![Step::Open, put(store(1, 300)), put(other(1)), put(other(2))],
                vec![Step::DeleteConversation(2)],
            ),
            Self::new(
                "sweep full",
                vec![
                    Step::Open,
                    put(store(1, 300)),
                    put(store(1, 300).with_retention(expired)),
                    put(other(2).with_retention(expired)),
                    Step::Litter,
                ],
                vec![Step::SweepFull],
            ),
            Self::new(
                "sweep due",
                vec![
                    Step::Open,
                    put(store(1, 300)),
                    put(other(2).with_retention(expired)),
                    Step::Litter,
                ],
                vec![Step::SweepDue],
            ),
            Self::new(
                "prune",
                vec![
                    Step::Open,
                    put(other(2)),
                    put(store(1, 3000)),
                    put(store(3, 400)),
                ],
                vec![Step::Prune(1000)],
            ),
            Self::new(
                "prune the last of a directory",
                vec![Step::Open, put(other(2)), put(store(1, 3000))],
                vec![Step::Prune(3500)],
            ),
            Self::new(
                "export",
                vec![
                    Step::Open,
                    put(store(1, 300)),
                    put(store(1, 300)),
                    put(store(2, 300)),
                    Step::Export,
                    put(store(4, 300)),
                ],
                vec![Step::Export],
            ),
        ]
    }
}

/// An order for a child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    Run(Scenario),
    Check(Scenario, Vec<Event>),
}

/// An event that a child reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Event {
    /// The preparation is done, and the process waits for the signal to continue.
    Ready,
    Begun(usize),
    /// A store step was acknowledged.
    Stored(usize, Box<media_types::StorageReference>),
    /// Another step was.
    Done(usize),
    /// A step failed, which no step may.
    Failed(usize, String),
    End,
}

/// The depth of the sweep that a step is.
pub(super) fn depth(step: &Step) -> SweepDepth {
    match step {
        Step::SweepFull => SweepDepth::Full,
        _ => SweepDepth::Due,
    }
}
