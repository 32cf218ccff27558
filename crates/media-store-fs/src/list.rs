//! Listing references.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::future::BoxFuture;
use media_storage::backend::{CancelFlag, CancelOnDrop};
use media_storage::{Entry, Operation, Scope, StorageError};

use crate::error::{BACKEND, io_error};
use crate::shared::Shared;
use crate::sidecar_file::sidecar_of;
use crate::walk::{Found, Walk};

/// Number of entries that one job collects.
const BATCH: usize = 64;

type Item = Result<Entry, StorageError>;

/// The entries of a scope.
///
/// Each batch is collected by a job of its own when the reader asks for it, so a list that nobody
/// reads occupies no thread. The walk keeps its place between two jobs.
pub(crate) struct List {
    state: State,
    batch: VecDeque<Item>,
    cancelled: CancelFlag,
    _cancel: CancelOnDrop,
}

enum State {
    Idle(Arc<Shared>, Box<Lister>),
    Running(BoxFuture<'static, Result<Collected, StorageError>>),
    Ended,
}

struct Collected {
    shared: Arc<Shared>,
    /// The walk, unless it has ended.
    lister: Option<Box<Lister>>,
    batch: VecDeque<Item>,
}

impl List {
    pub(crate) fn new(shared: Arc<Shared>, scope: Scope) -> Self {
        let cancelled = CancelFlag::new();
        Self {
            state: State::Idle(shared, Box::new(Lister { scope, walk: None })),
            batch: VecDeque::new(),
            _cancel: cancelled.cancel_on_drop(),
            cancelled,
        }
    }
}

impl Stream for List {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.batch.pop_front() {
                return Poll::Ready(Some(item));
            }
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Idle(shared, lister) => {
                    let cancelled = self.cancelled.clone();
                    self.state = State::Running(Box::pin(collect(shared, lister, cancelled)));
                }
                State::Running(mut job) => {
                    let Poll::Ready(collected) = job.as_mut().poll(cx) else {
                        self.state = State::Running(job);
                        return Poll::Pending;
                    };
                    match collected {
                        Ok(collected) => {
                            self.batch = collected.batch;
                            if let Some(lister) = collected.lister {
                                self.state = State::Idle(collected.shared, lister);
                            }
                        }
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                }
            }
        }
    }
}

async fn collect(
    shared: Arc<Shared>,
    mut lister: Box<Lister>,
    cancelled: CancelFlag,
) -> Result<Collected, StorageError> {
    shared
        .run(Operation::List, move |shared| {
            let mut batch = VecDeque::new();
            let ended = lister.fill(shared, &cancelled, &mut batch);
            Ok(Collected {
                shared: Arc::clone(shared),
                lister: (!ended).then_some(lister),
                batch,
            })
        })
        .await
}

/// A walk with its scope. The walk starts with the first job.
struct Lister {
    scope: Scope,
    walk: Option<Walk>,
}

impl Lister {
    /// Collects a batch. Returns whether the walk has ended.
    fn fill(
        &mut self,
        shared: &Shared,
        cancelled: &CancelFlag,
        batch: &mut VecDeque<Item>,
    ) -> bool {
        let io = |error| shared.io(Operation::List, "", error);
        let walk = match &mut self.walk {
            Some(walk) => walk,
            None => match Walk::new(shared, &self.scope, cancelled) {
                Ok(walk) => self.walk.insert(walk),
                Err(error) => {
                    batch.push_back(Err(io(error)));
                    return true;
                }
            },
        };
        while batch.len() < BATCH {
            let item = match walk.next() {
                None => {
                    batch.extend(shared.check_base(Operation::List).err().map(Err));
                    return true;
                }
                Some(Err(error)) => {
                    batch.push_back(Err(io(error)));
                    return true;
                }
                Some(Ok(found)) => item(shared, &self.scope, found),
            };
            batch.extend(item);
        }
        false
    }
}

fn item(shared: &Shared, scope: &Scope, found: Found) -> Option<Item> {
    match found {
        Found::Media(media) => match sidecar_of(media.directory.dir(), &media.key) {
            Ok(Some(sidecar)) if sidecar.is_in(scope) => {
                Some(sidecar.entry(BACKEND, shared.config.name.as_deref()))
            }
            Ok(_) => None,
            Err(error) => Some(Err(error.with_operation(Operation::List))),
        },
        Found::Unreadable(path, error) => {
            Some(Err(io_error(Operation::List, error).with_key(path)))
        }
        _ => None,
    }
}
