//! One process: the operations that it does one after the other, and the machine it is at.

use std::hash::{Hash, Hasher};

use media_store_object::protocol::{
    Answer, CollectProtocol, DeleteOutcome, DeleteProtocol, FenceProtocol, Nonce, Protocol,
    Request, SidecarState, Step, StoreOutcome, StoreProtocol, v2,
};

use crate::naive::{NaiveCollect, NaiveStore};
use crate::nonces::NonceSet;
use crate::scenario::{Op, Scenario};
use crate::weak::{Asked, Heard, Kind, Memory, Weakness};
use crate::world::{Ask, Listing, Reply, Standing, Version, World};

/// Where a process stands. Which it is, is known by its place.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    /// The operation of its list.
    op: u8,
    /// The reference of the last store.
    pub(crate) reference: u8,
    task: Task,
    /// The generation of the last store.
    generation: Option<Nonce>,
    /// What a walk found and has not come to yet.
    targets: Vec<(u8, Nonce)>,
    /// Whether it walks, so that what it does is not of its own reference.
    visits: bool,
    /// Whether it works under the names of the first protocol, beside the second.
    in_first: bool,
    /// Whether a process of the first protocol works on what the second stored.
    foreign: bool,
    /// The references of stores that began before a deletion of their scope, a bit each.
    erasing: u16,
    /// What it asked and has no answer to. None when it is through.
    pub(crate) pending: Option<Ask>,
    /// The other requests that it asked at once with that.
    group: Option<Group>,
    /// Whether any of its requests was ever answered.
    pub(crate) started: bool,
    memory: Memory,
    /// NonceSet that it may remember; not part of what it is.
    pub(crate) held: NonceSet,
}

/// Requests that were asked at once: those that are not pending, and the answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Group {
    /// In their order.
    later: Vec<(usize, Ask)>,
    /// Which of all is pending.
    at: usize,
    answers: Vec<Option<Answer<Version>>>,
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
    CreateStore(v2::StoreProtocol<Version>),
    /// Reading the sidecar of what is to be buried.
    BeginDeletion,
    Bury(v2::DeleteProtocol),
    List(Listing),
    Retire(v2::RetireProtocol),
    Heal(v2::HealProtocol),
    RemoveTombstones(v2::TombstoneProtocol),
    NaiveStore(NaiveStore),
    NaiveCollect(NaiveCollect),
    Over,
}

impl Task {
    fn kind(&self) -> Kind {
        match self {
            Task::Store(_) | Task::CreateStore(_) => Kind::Store,
            Task::Delete(_) | Task::Bury(_) => Kind::Delete,
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
            && (self.started, &self.memory, &self.group)
                == (other.started, &other.memory, &other.group)
            && (self.generation, &self.targets, self.erasing)
                == (other.generation, &other.targets, other.erasing)
    }
}

impl Eq for Actor {}

impl Hash for Actor {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.op, self.reference, self.started).hash(state);
        self.task.hash(state);
        self.pending.hash(state);
        self.memory.hash(state);
        self.group.hash(state);
        (self.generation, &self.targets, self.erasing).hash(state);
    }
}

/// What a machine does next, whichever it is.
enum Next {
    Ask(Ask),
    /// All at once.
    AskAll(Vec<Ask>),
    /// It stored, under this generation, or it did not.
    Stored(Option<media_store_object::protocol::Nonce>),
    /// Others got in between.
    Busy,
    /// It deleted its reference.
    Deleted,
    /// It listed these.
    Listed(Vec<(u8, Nonce)>),
    /// One of them is done, or failed.
    Visited(bool),
    Over,
}

impl Actor {
    /// The process at this place, with its first request asked.
    pub(crate) fn new(scenario: &Scenario, place: usize, world: &mut World) -> Self {
        let mut actor = Self {
            op: 0,
            reference: 0,
            task: Task::Over,
            generation: None,
            targets: Vec::new(),
            visits: false,
            in_first: false,
            foreign: false,
            erasing: 0,
            pending: None,
            group: None,
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
            self.in_first = scenario.keeps_spaces_apart()
                && matches!(
                    op,
                    Op::Store | Op::Delete | Op::CollectFirst | Op::FenceFirst | Op::DeleteForeign
                );
            self.foreign = *op == Op::DeleteForeign;
            if op.is_store() {
                self.reference = scenario.reference(place, usize::from(self.op), name);
            }
            self.task = match op {
                Op::Store => Task::Store(StoreProtocol::with_attempts(1, scenario.attempts)),
                // The sidecar says that a later version wrote it.
                Op::DeleteForeign if scenario.weakness != Some(Weakness::VersionIgnored) => {
                    self.op += 1;
                    continue;
                }
                Op::Delete | Op::DeleteForeign => {
                    let held = world.references[usize::from(self.reference)].standing;
                    if !matches!(held, Standing::Held(_)) {
                        self.op += 1;
                        continue;
                    }
                    Task::Lookup
                }
                Op::CreateStore => {
                    self.generation = None;
                    Task::CreateStore(v2::StoreProtocol::new(1))
                }
                // Another attempt, under another reference, remembers nothing.
                Op::CreateRemembered => {
                    self.generation = None;
                    Task::CreateStore(match name {
                        0 => v2::StoreProtocol::joining(1, Nonce::new(0)),
                        _ => v2::StoreProtocol::new(1),
                    })
                }
                Op::Bury | Op::LoseSidecar => {
                    let reference = &mut world.references[usize::from(self.reference)];
                    let standing = reference.standing;
                    if *op == Op::LoseSidecar && matches!(standing, Standing::Held(_)) {
                        reference.sidecar = None;
                    }
                    if *op == Op::LoseSidecar
                        || !matches!(standing, Standing::Held(_) | Standing::Leaving)
                    {
                        self.op += 1;
                        continue;
                    }
                    Task::BeginDeletion
                }
                Op::EraseScope => Task::List(Listing::Scope),
                Op::Retire => Task::List(Listing::Sidecars),
                Op::RetireMarkers => Task::List(Listing::Provisional),
                Op::Heal => Task::List(Listing::Markers),
                Op::RemoveTombstones => Task::List(Listing::Tombstones),
                Op::Collect | Op::CollectFirst => Task::Collect(CollectProtocol::new()),
                Op::Fence | Op::FenceFirst => Task::Survey,
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
        if is_first_write(&ask) && self.is_creating() {
            world.references[usize::from(self.reference)].used = true;
        }
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
        let reply = match &mut self.group {
            None => reply,
            Some(group) => {
                group.answers[group.at] = Some(protocol(reply));
                if !group.later.is_empty() {
                    let (at, ask) = group.later.remove(0);
                    group.at = at;
                    self.pending = Some(ask);
                    return;
                }
                all(self.group.take())
            }
        };
        self.advance(Some(reply), scenario, place, world, others);
    }

    /// The requests that it asked and that have no answer.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &Ask> {
        let later = self.group.iter().flat_map(|group| &group.later);
        self.pending.iter().chain(later.map(|(_, ask)| ask))
    }

    /// Of the requests that have no answer, the one of this number happens first.
    pub(crate) fn choose(&mut self, number: usize) {
        if let Some(group) = &mut self.group
            && let Some(place) = number.checked_sub(1)
        {
            let (at, ask) = group.later.remove(place);
            if let Some(before) = self.pending.replace(ask) {
                group.later.insert(0, (group.at, before));
            }
            group.at = at;
        }
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
                    let ask = match self.in_first {
                        true => Ask::InFirst(Box::new(ask)),
                        false => ask,
                    };
                    if self.started && is_first_write(&ask) {
                        world.references[usize::from(self.reference)].used = true;
                    }
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
                Next::AskAll(asks) => {
                    let mut group = Group {
                        later: Vec::new(),
                        at: 0,
                        answers: vec![None; asks.len()],
                    };
                    for (at, ask) in asks.into_iter().enumerate() {
                        let asked = match scenario.weakness {
                            None => Asked::Send(ask),
                            Some(weakness) => weakness.ask(&mut self.memory, self.task.kind(), ask),
                        };
                        match asked {
                            Asked::Send(ask) => group.later.push((at, ask)),
                            Asked::Pretend(answer) => group.answers[at] = Some(answer),
                        }
                    }
                    if group.later.is_empty() {
                        reply = Some(all(Some(group)));
                        continue;
                    }
                    if self.started && group.later.iter().any(|(_, ask)| is_first_write(ask)) {
                        world.references[usize::from(self.reference)].used = true;
                    }
                    let (at, ask) = group.later.remove(0);
                    group.at = at;
                    self.group = Some(group);
                    self.pending = Some(ask);
                    return;
                }
                Next::Stored(generation) => {
                    if let Some(generation) = generation {
                        world.references[usize::from(self.reference)].standing =
                            Standing::Held(generation);
                        self.generation = Some(generation);
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
                Next::Deleted => {
                    world.references[usize::from(self.reference)].standing = Standing::Deleted;
                    return self.through(scenario, place, world, others);
                }
                Next::Listed(targets) => {
                    let used = world.references.iter().enumerate();
                    let used = used.filter(|(_, reference)| reference.used);
                    self.erasing = used.fold(0, |bits, (at, _)| bits | 1 << at);
                    self.targets = targets;
                    if scenario.actors[place].ops()[usize::from(self.op)] == Op::EraseScope {
                        for (at, _) in &self.targets {
                            world.references[usize::from(*at)].unwanted = true;
                        }
                    }
                    if !self.visit(scenario, place) {
                        return self.visited(scenario, place, world, others);
                    }
                }
                Next::Visited(done) => {
                    if !done {
                        self.erasing = 0;
                    }
                    if !self.visit(scenario, place) {
                        return self.visited(scenario, place, world, others);
                    }
                }
                Next::Over => return self.through(scenario, place, world, others),
            }
        }
    }

    /// Begins with the next of what a walk found; false if there is no more.
    fn visit(&mut self, scenario: &Scenario, place: usize) -> bool {
        let Some((reference, generation)) = self.targets.pop() else {
            return false;
        };
        self.reference = reference;
        self.visits = true;
        let first = scenario.is_first(reference);
        self.in_first = first && scenario.keeps_spaces_apart();
        self.task = match scenario.actors[place].ops()[usize::from(self.op)] {
            Op::Retire => Task::Retire(v2::RetireProtocol::new(generation)),
            Op::RetireMarkers => Task::Retire(v2::RetireProtocol::marker(generation)),
            Op::Heal => Task::Heal(v2::HealProtocol::new(generation)),
            Op::RemoveTombstones => Task::RemoveTombstones(v2::TombstoneProtocol::new(generation)),
            _ if first => Task::Delete(DeleteProtocol::new(generation)),
            _ => Task::Bury(v2::DeleteProtocol::new(generation)),
        };
        true
    }

    fn visited(&mut self, scenario: &Scenario, place: usize, world: &mut World, others: NonceSet) {
        if scenario.actors[place].ops()[usize::from(self.op)] == Op::EraseScope {
            for (at, reference) in world.references.iter_mut().enumerate() {
                reference.erased |= self.erasing & 1 << at != 0;
            }
        }
        self.erasing = 0;
        self.visits = false;
        self.through(scenario, place, world, others);
    }

    /// Whether it is in the middle of a store, by the second protocol.
    pub(crate) fn is_storing(&self) -> bool {
        matches!(self.task, Task::CreateStore(_)) && self.pending.is_some()
    }

    fn is_creating(&self) -> bool {
        matches!(self.task, Task::CreateStore(_))
    }

    /// Dies; what it asked is all that is left of it.
    pub(crate) fn die(&mut self) -> Vec<Ask> {
        self.task = Task::Over;
        self.held = NonceSet::NONE;
        self.memory = Memory::default();
        let later = self.group.take().into_iter().flat_map(|group| group.later);
        let later = later.map(|(_, ask)| ask);
        self.pending.take().into_iter().chain(later).collect()
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
            Task::BeginDeletion => {
                let generation = match reply {
                    None => return Next::Ask(Ask::BeginDeletion),
                    Some(Reply::Protocol(Answer::Sidecar(state))) => match state {
                        SidecarState::Tombstone => return Next::Deleted,
                        SidecarState::Live(there) | SidecarState::Restored(there) => Some(there),
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
            Task::RemoveTombstones(machine) => visit(machine.step(reply.map(protocol), &mut fresh)),
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

fn protocol(reply: Reply) -> Answer<Version> {
    match reply {
        Reply::Protocol(answer) => answer,
        _ => Answer::Failed,
    }
}

/// Whether it is among what a store writes first.
pub(crate) fn is_first_write(ask: &Ask) -> bool {
    matches!(
        ask,
        Ask::Protocol(Request::CreateSidecar(_) | Request::CreateMarker(_))
            | Ask::PutSidecar(_)
            | Ask::PutMarker(_)
            | Ask::CreateSealed(_)
    )
}

/// The answers to all requests that were asked at once.
fn all(group: Option<Group>) -> Reply {
    let answers = group.map(|group| group.answers.into_iter().collect::<Option<Vec<_>>>());
    match answers {
        Some(Some(answers)) => Reply::Protocol(Answer::All(answers)),
        _ => Reply::Failed,
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
