//! Both stores, and what is compared.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::DateTime;
use conversation_state::*;
use conversation_types::{Message, MessageId, RawJson};
use media_types::{MediaContent, Mime};

use super::operations::*;

/// What a test compares of an outcome.
pub(super) fn outcome<T>(result: Result<T, StateError>, show: impl Fn(T) -> String) -> String {
    match result {
        Ok(value) => show(value),
        Err(error) => format!("{:?} {:?}", error.kind(), error.turn()),
    }
}

pub(super) struct Both {
    memory: InMemoryStateStore,
    sqlite: SqliteStateStore,
    time: Arc<AtomicI64>,
    writes: Vec<StateWrite>,
    messages: Vec<MessageId>,
}

/// Runs a call on both stores and compares what comes of it.
macro_rules! both {
    ($self:ident, $show:expr, $method:ident($($argument:expr),*)) => {{
        let memory = outcome($self.memory.$method($($argument),*).await, $show);
        let sqlite = outcome($self.sqlite.$method($($argument),*).await, $show);
        assert_eq!(memory, sqlite, concat!("outcome of ", stringify!($method)));
    }};
}

impl Both {
    pub(super) async fn new(directory: &std::path::Path) -> Self {
        let time = Arc::new(AtomicI64::new(1_800_000_000_000));
        let shared = Arc::clone(&time);
        let clock = Clock::from_fn(move || {
            DateTime::from_timestamp_millis(shared.load(Ordering::Relaxed)).unwrap()
        });
        let options = SqliteOptions::new().with_clock(clock.clone());
        let path = directory.join("c.sqlite");
        Self {
            memory: InMemoryStateStore::with_clock(clock),
            sqlite: SqliteStateStore::open_with(path, options).await.unwrap(),
            time,
            writes: Vec::new(),
            messages: Vec::new(),
        }
    }

    pub(super) async fn run(&mut self, operation: Operation) {
        self.time.fetch_add(1, Ordering::Relaxed);
        match operation {
            Operation::Create {
                conversation: n,
                key,
            } => {
                let user = (n > 0).then(|| "user".parse().unwrap());
                let record = ConversationRecord::new(conversation(n)).with_user(user);
                let new = NewConversation::new(record).with_key(key.map(|key| key.to_string()));
                both!(self, |created| format!("{created:?}"), create(new.clone()));
            }
            Operation::Write {
                conversation: n,
                fence,
                steps,
            } => {
                let options = LoadOptions::new(Window::All).with_branches(true);
                let loaded = self.memory.load(&conversation(n), options).await.unwrap();
                let write = match loaded {
                    Some(loaded) => self.write(&loaded, fence, steps),
                    None => self.write(&nobody(n), fence, steps),
                };
                self.writes.push(write.clone());
                both!(self, |applied| format!("{applied:?}"), apply(write.clone()));
            }
            Operation::Replay(n) => {
                if let Some(write) = self.writes.iter().rev().nth(usize::from(n) % 8).cloned() {
                    both!(self, |applied| format!("{applied:?}"), apply(write.clone()));
                }
            }
            Operation::Advance(seconds) => {
                self.time
                    .fetch_add(i64::from(seconds) * 1000, Ordering::Relaxed);
            }
            Operation::Tombstone(n, keep) => {
                let (id, keep) = (conversation(n), Duration::from_secs(keep.into()));
                both!(self, |record| format!("{record:?}"), tombstone(&id, keep));
            }
            Operation::Purge(n) => {
                both!(self, |()| String::new(), purge(&conversation(n)));
            }
            Operation::Observe(n) => {
                both!(
                    self,
                    |times| format!("{times:?}"),
                    observe_unnamed(&[key(n)])
                );
            }
            Operation::Forget(n) => both!(self, |()| String::new(), forget_unnamed(&[key(n)])),
            Operation::Lease { name, owner } => {
                let (name, owner) = (name.to_string(), owner.to_string());
                let ttl = Duration::from_secs(1000);
                both!(
                    self,
                    |got| format!("{got}"),
                    acquire_lease(&name, &owner, ttl)
                );
            }
            Operation::List { changed, limit } => self.list(changed, limit).await,
        }
    }

    fn write(
        &mut self,
        loaded: &LoadedConversation,
        fence: FenceKind,
        steps: Vec<Step>,
    ) -> StateWrite {
        let record = &loaded.record;
        let current = loaded.current_turn();
        let own = current.map(|turn| TurnFence::new(turn.id.clone(), turn.epoch));
        let somebody = || own.clone().unwrap_or(TurnFence::new(turn(0), 1));
        let expires_at = current.and_then(|turn| Some(turn.lease.as_ref()?.expires_at));
        let fence = match fence {
            FenceKind::Head => Fence::Head {
                head: record.head,
                turn: own,
            },
            FenceKind::StaleHead => Fence::Head {
                head: record.head.saturating_sub(1),
                turn: own,
            },
            FenceKind::Version => Fence::Version(record.version),
            FenceKind::StaleVersion => Fence::Version(record.version.saturating_sub(1)),
            FenceKind::Turn => Fence::Turn(somebody()),
            FenceKind::TakeOver => Fence::TakeOver {
                head: record.head,
                turn: somebody(),
                expires_at: expires_at.unwrap_or(loaded.now),
            },
        };
        let mut write = StateWrite::new(record, fence);
        let nth = |n: u8| {
            loaded
                .messages
                .get(usize::from(n))
                .map(|stored| stored.message.id.clone())
        };
        for step in steps {
            match step {
                Step::Append {
                    turn: of,
                    user,
                    media,
                } => {
                    let mut message = match user {
                        true => Message::user("question"),
                        false => Message::assistant(vec!["answer".into()]),
                    };
                    message.turn = of.map(turn);
                    message.content.extend(media.map(picture));
                    self.messages.push(message.id.clone());
                    write = write.with_append([message]);
                }
                Step::AppendAgain(n) => {
                    if let Some(id) = self.messages.iter().rev().nth(n.into()) {
                        write = write.with_append([Message::user("again").with_id(id.clone())]);
                    }
                }
                Step::Replace(n, media) => {
                    let mut message = Message::user("replaced");
                    message.content.extend(media.map(picture));
                    message.id = nth(n).unwrap_or(message.id);
                    write = write.with_replace([message]);
                }
                Step::Cut { after, keep } => {
                    let after = after.map(|n| nth(n).unwrap_or_else(MessageId::mint));
                    let mode = match keep {
                        true => TruncationMode::KeepAsBranch,
                        false => TruncationMode::Remove,
                    };
                    write = write.with_truncate(Truncation::new(after, mode));
                }
                Step::Turn {
                    turn: n,
                    status,
                    context,
                    key,
                } => {
                    let status = [
                        TurnStatus::Running,
                        TurnStatus::Suspended,
                        TurnStatus::Complete,
                        TurnStatus::Interrupted,
                        TurnStatus::Failed,
                    ][usize::from(status)];
                    let context = [
                        ContextInclusion::All,
                        ContextInclusion::UserOnly,
                        ContextInclusion::None,
                    ][usize::from(context)];
                    let record = TurnRecord::new(turn(n))
                        .with_status(status)
                        .with_in_context(context)
                        .with_idempotency_key(key.map(|key| key.to_string()));
                    write = write.with_turn(record);
                }
                Step::Take => {
                    write = write.with_lease(LeaseChange::Take {
                        owner: "owner".into(),
                        duration: Duration::from_secs(60),
                    });
                }
                Step::Hold(seconds) => {
                    let duration = Duration::from_secs(seconds.into());
                    write = write.with_lease(LeaseChange::Hold(duration));
                }
                Step::Release => write = write.with_lease(LeaseChange::Release),
                Step::Cancel(n) => write = write.with_cancel_turn(turn(n)),
                Step::Title(n) => write.record.title = Some(Some(n.to_string())),
                Step::Tags(n) => {
                    write.record.tags = Some((0..n).map(|n| n.to_string()).collect());
                }
                Step::Status(ended) => {
                    write.record.status = Some(match ended {
                        true => ConversationStatus::Ended,
                        false => ConversationStatus::Active,
                    });
                }
                Step::Planner(n) => {
                    let value = RawJson::from_text(n.to_string()).unwrap();
                    write = write.with_planner(PlannerEntry::new("planner", value));
                }
            }
        }
        write
    }

    async fn list(&self, changed: bool, limit: u8) {
        let order = match changed {
            true => ListOrder::Changed,
            false => ListOrder::Created,
        };
        for filter in [
            ConversationFilter::new(),
            ConversationFilter::new().with_user("user".parse().unwrap()),
            ConversationFilter::new().with_tag("0"),
            ConversationFilter::new().with_status(ConversationStatus::Ended),
            ConversationFilter::new().with_status(ConversationStatus::Deleting),
        ] {
            // Cursors belong to their stores; what they lead to is the same.
            let filter = filter.with_order(order).with_limit(limit.into());
            let (mut memory, mut sqlite) = (filter.clone(), filter);
            loop {
                let expected = self.memory.list(&memory).await.unwrap();
                let found = self.sqlite.list(&sqlite).await.unwrap();
                assert_eq!(found.records, expected.records);
                assert_eq!(found.next.is_some(), expected.next.is_some());
                if expected.next.is_none() {
                    break;
                }
                memory = memory.with_cursor(expected.next);
                sqlite = sqlite.with_cursor(found.next);
            }
        }
    }

    pub(super) async fn compare(&self) {
        let keys: Vec<ReferenceKey> = (0..4).map(key).collect();
        both!(self, |named| format!("{named:?}"), references(&keys));
        for n in 0..3 {
            let id = conversation(n);
            both!(
                self,
                |keys| format!("{keys:?}"),
                referenced_by(&id, None, 99)
            );
            both!(
                self,
                |keys| format!("{keys:?}"),
                referenced_by(&id, Some(&keys[0]), 1)
            );
            for window in [
                Window::NewestTurns(2),
                Window::NewestMessages(3),
                Window::Turn(turn(n)),
                Window::Since(2),
                Window::All,
            ] {
                for branches in [false, true] {
                    let options = LoadOptions::new(window.clone())
                        .with_branches(branches)
                        .with_key("1")
                        .with_turn(turn(1))
                        .with_planner("planner");
                    both!(
                        self,
                        |loaded| format!("{loaded:?}"),
                        load(&id, options.clone())
                    );
                }
            }
        }
        for id in self.messages.iter().rev().take(5) {
            both!(
                self,
                |place| format!("{place:?}"),
                find_message(&conversation(0), id)
            );
        }
    }
}

pub(super) fn picture(n: u8) -> conversation_types::Part {
    MediaContent::from_reference(Mime::IMAGE_PNG, reference(n)).into()
}

/// What a writer thinks that a conversation is which is not there.
pub(super) fn nobody(n: u8) -> LoadedConversation {
    let record = ConversationRecord::new(conversation(n));
    let now = record.created_at;
    LoadedConversation::new(record, now)
}
