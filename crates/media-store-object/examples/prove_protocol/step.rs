//! The machine that a process is at, and what it does next.

use media_store_object::protocol::{
    Answer, CollectProtocol, DeleteOutcome, DeleteProtocol, FenceProtocol, Nonce, Protocol,
    Request, SidecarState, Step, StoreOutcome, StoreProtocol, v2,
};

use crate::actor::Actor;
use crate::ask::{Ask, Listing, Reply, Version};
use crate::naive::{NaiveCollect, NaiveStore};
use crate::nonces::NonceSet;
use crate::updates::{IndexSweep, UpdateAsk, Updating};
use crate::weak::{Kind, Weakness};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    Store(StoreProtocol<Version>),
    /// Reading the sidecar of what is to be deleted.
    Lookup,
    Delete(DeleteProtocol),
    Collect(CollectProtocol<Version>),
    /// Listing what there is.
    Survey,
    Fence(FenceProtocol),
    CreateStore(v2::StoreProtocol<Version>),
    /// Reading the sidecar of what is to be imported.
    BeginImport,
    /// Retiring what an interrupted import left.
    RetireImport(v2::RetireProtocol),
    Import(v2::ImportProtocol<Version>),
    /// Reading the sidecar of what is to be buried.
    BeginDeletion,
    Bury(v2::DeleteProtocol),
    List(Listing),
    Retire(v2::RetireProtocol),
    Heal(v2::HealProtocol),
    RemoveTombstones(v2::TombstoneProtocol),
    /// Burying what was sealed of a reference that was deleted, before the tombstones of a revision are
    /// removed: that revision, its generation, and what is left to be buried.
    BuryOthers(u8, Nonce, Vec<(u8, Nonce)>),
    RemoveAgain,
    /// Reading the sidecar of what is to be changed.
    BeginUpdate(u8, Option<Weakness>),
    Update(Updating),
    SweepIndex(IndexSweep),
    NaiveStore(NaiveStore),
    NaiveCollect(NaiveCollect),
    Over,
}

impl Task {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Task::Store(_) | Task::CreateStore(_) | Task::Import(_) => Kind::Store,
            Task::Delete(_) | Task::Bury(_) => Kind::Delete,
            Task::Collect(_) => Kind::Collect,
            Task::Fence(_) => Kind::Fence,
            _ => Kind::Other,
        }
    }
}

/// What a machine does next, whichever it is.
pub(crate) enum Next {
    Ask(Ask),
    /// All at once.
    AskAll(Vec<Ask>),
    /// It stored, under this generation, or it did not.
    Stored(Option<Nonce>),
    /// Others got in between.
    Busy,
    /// It deleted its reference.
    Deleted,
    /// It changed its reference, in this way.
    Updated(u8),
    /// It listed these.
    Listed(Vec<(u8, Nonce)>),
    /// One of them is done, or failed.
    Visited(bool),
    Over,
}

impl Actor {
    pub(crate) fn step(&mut self, reply: Option<Reply>, others: NonceSet) -> Next {
        let held = &mut self.held;
        let reuse = &mut self.memory.reuse;
        let mut fresh = || {
            reuse.take().unwrap_or_else(|| {
                let mut used = others.and(*held);
                let token = used.fresh();
                *held = held.and(NonceSet::one(token));
                token
            })
        };
        match &mut self.task {
            Task::Store(machine) => match machine.step(reply.map(protocol), &mut fresh) {
                Step::Ask(request) => Next::Ask(Ask::Protocol(request)),
                Step::End(StoreOutcome::Stored { generation, .. }) => {
                    Next::Stored(Some(generation))
                }
                Step::End(StoreOutcome::Busy) => Next::Busy,
                _ => Next::Stored(None),
            },
            Task::CreateStore(machine) => match machine.step(reply.map(protocol), &mut fresh) {
                Step::Ask(request) => Next::Ask(Ask::Protocol(request)),
                Step::AskAll(requests) => {
                    Next::AskAll(requests.into_iter().map(Ask::Protocol).collect())
                }
                Step::End(StoreOutcome::Stored { generation, .. }) => {
                    Next::Stored(Some(generation))
                }
                Step::End(StoreOutcome::Busy) => Next::Busy,
                _ => Next::Stored(None),
            },
            Task::BeginImport => match reply {
                None => Next::Ask(Ask::BeginImport),
                Some(Reply::Found(SidecarState::Missing | SidecarState::Retired, _)) => {
                    self.task = match self.buries {
                        true => Task::CreateStore(v2::StoreProtocol::new(1)),
                        false => Task::Import(v2::ImportProtocol::new(1)),
                    };
                    self.step(None, others)
                }
                Some(Reply::Found(
                    SidecarState::Live(there) | SidecarState::Restored(there),
                    revision,
                )) => {
                    self.reference = revision;
                    self.task = Task::RetireImport(v2::RetireProtocol::new(there));
                    self.step(None, others)
                }
                Some(_) => Next::Over,
            },
            Task::RetireImport(machine) => match machine.step(reply.map(protocol), &mut fresh) {
                Step::Ask(request) => Next::Ask(Ask::Protocol(request)),
                Step::End(v2::RetireOutcome::Retired) => {
                    self.reference = self.revision;
                    self.task = Task::Import(v2::ImportProtocol::new(1));
                    self.step(None, others)
                }
                _ => Next::Over,
            },
            Task::Import(machine) => match machine.step(reply.map(protocol), &mut fresh) {
                Step::Ask(request) => Next::Ask(Ask::Protocol(request)),
                Step::AskAll(requests) => {
                    Next::AskAll(requests.into_iter().map(Ask::Protocol).collect())
                }
                Step::End(StoreOutcome::Stored { generation, .. }) => {
                    Next::Stored(Some(generation))
                }
                _ => Next::Stored(None),
            },
            Task::BeginDeletion => {
                let generation = match reply {
                    None => return Next::Ask(Ask::BeginDeletion),
                    Some(Reply::Found(state, revision)) => match state {
                        SidecarState::Tombstone => return Next::Deleted,
                        SidecarState::Retired => return Next::Over,
                        SidecarState::Live(there) | SidecarState::Restored(there) => {
                            self.reference = revision;
                            Some(there)
                        }
                        // By the record and the marker.
                        _ => self.generation,
                    },
                    Some(_) => return Next::Over,
                };
                match generation {
                    Some(generation) => {
                        self.task = Task::Bury(v2::DeleteProtocol::new(generation));
                        self.step(None, others)
                    }
                    None => Next::Over,
                }
            }
            Task::Bury(machine) => match machine.step(reply.map(protocol), &mut fresh) {
                Step::Ask(request) => Next::Ask(Ask::Protocol(request)),
                Step::End(v2::DeleteOutcome::Deleted) if self.visits => Next::Visited(true),
                Step::End(v2::DeleteOutcome::Deleted) => Next::Deleted,
                _ if self.visits => Next::Visited(false),
                _ => Next::Over,
            },
            Task::List(listing) => match reply {
                None => Next::Ask(Ask::List(*listing)),
                Some(Reply::References(targets)) => Next::Listed(targets),
                Some(_) => Next::Over,
            },
            Task::Retire(machine) => visit(machine.step(reply.map(protocol), &mut fresh)),
            Task::Heal(machine) => visit(machine.step(reply.map(protocol), &mut fresh)),
            Task::RemoveTombstones(machine) => {
                let answer = reply.map(|reply| match reply {
                    Reply::Version(state, version) => {
                        self.revision = version;
                        Answer::Sidecar(state)
                    }
                    other => protocol(other),
                });
                match visit(machine.step(answer, &mut fresh)) {
                    Next::Ask(Ask::Protocol(Request::ReadSidecar)) => Next::Ask(Ask::ReadVersion),
                    Next::Ask(Ask::Protocol(Request::CloseSeen)) => {
                        Next::Ask(Ask::CloseVersion(self.revision))
                    }
                    other => other,
                }
            }
            Task::BuryOthers(revision, generation, left) => {
                match reply {
                    None => return Next::Ask(Ask::ListSealed),
                    Some(Reply::References(sealed)) if !sealed.is_empty() => {
                        *left = sealed;
                        return Next::Ask(Ask::Protocol(Request::ReadSidecar));
                    }
                    Some(Reply::References(_)) => {}
                    Some(Reply::Protocol(
                        Answer::Sidecar(SidecarState::Tombstone) | Answer::Done,
                    )) => {
                        if let Some((other, under)) = left.pop() {
                            self.reference = other;
                            return Next::Ask(Ask::Protocol(Request::BuryMarker(under)));
                        }
                    }
                    Some(Reply::Protocol(Answer::Sidecar(_))) => {}
                    Some(_) => return Next::Visited(true),
                }
                self.reference = *revision;
                self.task = Task::RemoveTombstones(v2::TombstoneProtocol::new(*generation));
                self.step(None, others)
            }
            Task::RemoveAgain => match reply {
                None => Next::Ask(Ask::Protocol(Request::RemoveSidecar)),
                Some(_) => Next::Over,
            },
            Task::BeginUpdate(bit, weakness) => match reply {
                None => Next::Ask(Ask::Update(UpdateAsk::Begin)),
                Some(Reply::Found(
                    SidecarState::Live(there) | SidecarState::Restored(there),
                    revision,
                )) => {
                    self.reference = revision;
                    self.task = Task::Update(Updating::new(there, *bit, *weakness));
                    self.step(None, others)
                }
                Some(_) => Next::Over,
            },
            Task::Update(updating) => updating.step(reply, &mut fresh),
            Task::SweepIndex(sweep) => sweep.step(reply),
            Task::Lookup => match reply {
                None => Next::Ask(Ask::ReadSidecar),
                Some(Reply::Sidecar(Some(generation))) => {
                    self.task = Task::Delete(DeleteProtocol::new(generation));
                    self.step(None, others)
                }
                Some(_) => Next::Over,
            },
            Task::Delete(machine) => match machine.step(reply.map(protocol), &mut fresh) {
                Step::Ask(request) => Next::Ask(Ask::Protocol(request)),
                _ if self.visits => Next::Visited(true),
                Step::End(DeleteOutcome::Deleted) if self.foreign => Next::Deleted,
                _ => Next::Over,
            },
            Task::Collect(machine) => ask(machine.step(reply.map(protocol), &mut fresh)),
            Task::Survey => match reply {
                None => Next::Ask(Ask::ListGenerations),
                Some(Reply::Generations(orphans)) => {
                    self.task = Task::Fence(FenceProtocol::new(orphans));
                    self.step(None, others)
                }
                Some(_) => Next::Over,
            },
            Task::Fence(machine) => ask(machine.step(reply.map(protocol), &mut fresh)),
            Task::NaiveStore(machine) => match machine.step(reply) {
                Some(ask) => Next::Ask(ask),
                None => Next::Stored(machine.acknowledged()),
            },
            Task::NaiveCollect(machine) => machine.step(reply).map_or(Next::Over, Next::Ask),
            Task::Over => Next::Over,
        }
    }
}

pub(crate) fn protocol(reply: Reply) -> Answer<Version> {
    match reply {
        Reply::Protocol(answer) => answer,
        _ => Answer::Failed,
    }
}

fn visit<O>(step: Step<Version, O>) -> Next {
    match step {
        Step::Ask(request) => Next::Ask(Ask::Protocol(request)),
        _ => Next::Visited(true),
    }
}

fn ask<O>(step: Step<Version, O>) -> Next {
    match step {
        Step::Ask(request) => Next::Ask(Ask::Protocol(request)),
        _ => Next::Over,
    }
}
