//! One process: the operations that it does one after the other, and the machine it is at.

use std::hash::{Hash, Hasher};

use media_store_object::protocol::{
    Answer, CollectProtocol, DeleteProtocol, FenceProtocol, Protocol, Step, StoreOutcome,
    StoreProtocol,
};

use crate::naive::{NaiveCollect, NaiveStore};
use crate::nonces::NonceSet;
use crate::scenario::{Op, Scenario};
use crate::weak::{Asked, Heard, Kind, Memory};
use crate::world::{Ask, Reply, Standing, Version, World};

/// Where a process stands. Which it is, is known by its place.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    /// The operation of its list.
    op: u8,
    /// The reference of the last store.
    pub(crate) reference: u8,
    task: Task,
    /// What it asked and has no answer to. None when it is through.
    pub(crate) pending: Option<Ask>,
    /// Whether any of its requests was ever answered.
    pub(crate) started: bool,
    memory: Memory,
    /// NonceSet that it may remember; not part of what it is.
    pub(crate) held: NonceSet,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Task {
    Store(StoreProtocol<Version>),
    /// Reading the sidecar of what is to be deleted.
    Lookup,
    Delete(DeleteProtocol),
    Collect(CollectProtocol<Version>),
    /// Listing what there is.
    Survey,
    Fence(FenceProtocol),
    NaiveStore(NaiveStore),
    NaiveCollect(NaiveCollect),
    Over,
}

impl Task {
    fn kind(&self) -> Kind {
        match self {
            Task::Store(_) => Kind::Store,
            Task::Delete(_) => Kind::Delete,
            Task::Collect(_) => Kind::Collect,
            Task::Fence(_) => Kind::Fence,
            _ => Kind::Other,
        }
    }
}

impl PartialEq for Actor {
    fn eq(&self, other: &Self) -> bool {
        (self.op, self.reference, &self.task, &self.pending)
            == (other.op, other.reference, &other.task, &other.pending)
            && (self.started, &self.memory) == (other.started, &other.memory)
    }
}

impl Eq for Actor {}

impl Hash for Actor {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.op, self.reference, self.started).hash(state);
        self.task.hash(state);
        self.pending.hash(state);
        self.memory.hash(state);
    }
}

/// What a machine does next, whichever it is.
enum Next {
    Ask(Ask),
    /// It stored, under this generation, or it did not.
    Stored(Option<media_store_object::protocol::Nonce>),
    /// Others got in between.
    Busy,
    Over,
}

impl Actor {
    /// The process at this place, with its first request asked.
    pub(crate) fn new(scenario: &Scenario, place: usize, world: &mut World) -> Self {
        let mut actor = Self {
            op: 0,
            reference: 0,
            task: Task::Over,
            pending: None,
            started: false,
            memory: Memory::default(),
            held: NonceSet::NONE,
        };
        actor.begin(0, scenario, place, world, NonceSet::NONE);
        actor
    }

    /// Begins the operations from `op` on, up to the first request. A store is tried under the
    /// reference of this number among its own.
    fn begin(
        &mut self,
        name: u8,
        scenario: &Scenario,
        place: usize,
        world: &mut World,
        others: NonceSet,
    ) {
        self.held = NonceSet::NONE;
        self.memory = Memory::default();
        let ops = scenario.actors[place].ops();
        loop {
            let Some(op) = ops.get(usize::from(self.op)) else {
                self.task = Task::Over;
                self.pending = None;
                return;
            };
            if op.is_store() {
                self.reference = scenario.reference(place, usize::from(self.op), name);
            }
            self.task = match op {
                Op::Store => Task::Store(StoreProtocol::with_attempts(1, scenario.attempts)),
                Op::Delete => {
                    let held = world.references[usize::from(self.reference)].standing;
                    if !matches!(held, Standing::Held(_)) {
                        self.op += 1;
                        continue;
                    }
                    Task::Lookup
                }
                Op::Collect => Task::Collect(CollectProtocol::new()),
                Op::Fence => Task::Survey,
                Op::NaiveStore { touch } => Task::NaiveStore(NaiveStore::new(*touch)),
                Op::NaiveCollect { conditional } => {
                    Task::NaiveCollect(NaiveCollect::new(*conditional))
                }
            };
            break;
        }
        self.advance(None, scenario, place, world, others);
    }

    fn through(&mut self, scenario: &Scenario, place: usize, world: &mut World, others: NonceSet) {
        self.op += 1;
        self.begin(0, scenario, place, world, others);
    }

    /// Hears what came of its request, and asks the next.
    pub(crate) fn hear(
        &mut self,
        reply: Reply,
        scenario: &Scenario,
        place: usize,
        world: &mut World,
        others: NonceSet,
    ) {
        self.started = true;
        self.held = self.held.and(NonceSet::of_reply(&reply));
        let Some(ask) = self.pending.take() else {
            return;
        };
        let reply = match scenario.weakness {
            None => reply,
            Some(weakness) => {
                match weakness.hear(&mut self.memory, self.task.kind(), &ask, reply) {
                    Heard::Reply(reply) => reply,
                    Heard::Also(ask) => {
                        self.pending = Some(ask);
                        return;
                    }
                }
            }
        };
        self.advance(Some(reply), scenario, place, world, others);
    }

    fn advance(
        &mut self,
        mut reply: Option<Reply>,
        scenario: &Scenario,
        place: usize,
        world: &mut World,
        others: NonceSet,
    ) {
        loop {
            match self.step(reply.take(), others) {
                Next::Ask(ask) => {
                    let asked = match scenario.weakness {
                        None => Asked::Send(ask),
                        Some(weakness) => weakness.ask(&mut self.memory, self.task.kind(), ask),
                    };
                    match asked {
                        Asked::Send(ask) => {
                            self.pending = Some(ask);
                            return;
                        }
                        Asked::Pretend(answer) => reply = Some(Reply::Protocol(answer)),
                    }
                }
                Next::Stored(generation) => {
                    if let Some(generation) = generation {
                        world.references[usize::from(self.reference)].standing =
                            Standing::Held(generation);
                    }
                    return self.through(scenario, place, world, others);
                }
                Next::Busy => {
                    let name =
                        self.reference - scenario.reference(place, usize::from(self.op), 0) + 1;
                    if name < scenario.names {
                        return self.begin(name, scenario, place, world, others);
                    }
                    return self.through(scenario, place, world, others);
                }
                Next::Over => return self.through(scenario, place, world, others),
            }
        }
    }

    fn step(&mut self, reply: Option<Reply>, others: NonceSet) -> Next {
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
            Task::Lookup => match reply {
                None => Next::Ask(Ask::ReadSidecar),
                Some(Reply::Sidecar(Some(generation))) => {
                    self.task = Task::Delete(DeleteProtocol::new(generation));
                    self.step(None, others)
                }
                Some(_) => Next::Over,
            },
            Task::Delete(machine) => ask(machine.step(reply.map(protocol), &mut fresh)),
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

fn protocol(reply: Reply) -> Answer<Version> {
    match reply {
        Reply::Protocol(answer) => answer,
        _ => Answer::Failed,
    }
}

fn ask<O>(step: Step<Version, O>) -> Next {
    match step {
        Step::Ask(request) => Next::Ask(Ask::Protocol(request)),
        _ => Next::Over,
    }
}
