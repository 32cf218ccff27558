//! One process: the operations that it does one after the other, and the machine it is at.

use std::hash::{Hash, Hasher};

use media_store_object::protocol::{Answer, Nonce, Request};

use crate::ask::{Ask, Reply, Version};
use crate::nonces::NonceSet;
use crate::scenario::{Op, Scenario};
use crate::step::{Next, Task, protocol};
use crate::weak::{Asked, Heard, Memory, Weakness};
use crate::world::{Standing, World};

/// Where a process stands. Which it is, is known by its place.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    /// The operation of its list.
    pub(crate) op: u8,
    /// The reference of the last store.
    pub(crate) reference: u8,
    pub(crate) task: Task,
    /// The generation of the last store.
    pub(crate) generation: Option<Nonce>,
    /// The revision that an import stores.
    pub(crate) revision: u8,
    /// What a walk found and has not come to yet.
    pub(crate) targets: Vec<(u8, Nonce)>,
    /// Whether it walks, so that what it does is not of its own reference.
    pub(crate) visits: bool,
    /// Whether it works under the names of the first protocol, beside the second.
    pub(crate) in_first: bool,
    /// Whether its imports are stores (weakened).
    pub(crate) buries: bool,
    /// Whether a process of the first protocol works on what the second stored.
    pub(crate) foreign: bool,
    /// The references of stores that began before a deletion of their scope, a bit each.
    erasing: u16,
    /// What it asked and has no answer to. None when it is through.
    pub(crate) pending: Option<Ask>,
    /// The other requests that it asked at once with that.
    group: Option<Group>,
    /// Whether any of its requests was ever answered.
    pub(crate) started: bool,
    pub(crate) memory: Memory,
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

impl PartialEq for Actor {
    fn eq(&self, other: &Self) -> bool {
        (self.op, self.reference, &self.task, &self.pending)
            == (other.op, other.reference, &other.task, &other.pending)
            && (self.started, &self.memory, &self.group)
                == (other.started, &other.memory, &other.group)
            && (self.generation, &self.targets, self.erasing, self.revision)
                == (
                    other.generation,
                    &other.targets,
                    other.erasing,
                    other.revision,
                )
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
        (self.generation, &self.targets, self.erasing, self.revision).hash(state);
    }
}

impl Actor {
    /// The process at this place, with its first request asked.
    pub(crate) fn new(scenario: &Scenario, place: usize, world: &mut World) -> Self {
        let mut actor = Self {
            op: 0,
            reference: 0,
            task: Task::Over,
            generation: None,
            revision: 0,
            targets: Vec::new(),
            visits: false,
            in_first: false,
            foreign: false,
            buries: scenario.weakness == Some(Weakness::ImportBuries),
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
            world.sidecar_mut(usize::from(self.reference)).used = true;
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

    pub(crate) fn advance(
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
                        world.sidecar_mut(usize::from(self.reference)).used = true;
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
                        world.sidecar_mut(usize::from(self.reference)).used = true;
                    }
                    let (at, ask) = group.later.remove(0);
                    group.at = at;
                    self.group = Some(group);
                    self.pending = Some(ask);
                    return;
                }
                Next::Stored(generation) => {
                    if let Some(generation) = generation {
                        let reference = world.sidecar_mut(usize::from(self.reference));
                        // What somebody deletes is not held by an import that was under way.
                        let leaves =
                            matches!(reference.standing, Standing::Leaving | Standing::Deleted);
                        if !(reference.imported && leaves) {
                            reference.standing = Standing::Held(generation);
                            reference.acknowledged = self.reference;
                        }
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
                    let reference = world.sidecar_mut(usize::from(self.reference));
                    (reference.standing, reference.expired) = (Standing::Deleted, false);
                    return self.through(scenario, place, world, others);
                }
                Next::Updated(bit) => {
                    world.sidecar_mut(usize::from(self.reference)).updated |= bit;
                    return self.through(scenario, place, world, others);
                }
                Next::Listed(targets) => {
                    let used = world.references.iter().enumerate();
                    let used = used.filter(|(_, reference)| reference.used);
                    self.erasing = used.fold(0, |bits, (at, _)| bits | 1 << at);
                    self.targets = targets;
                    if scenario.actors[place].ops()[usize::from(self.op)] == Op::EraseScope {
                        for reference in &mut world.references {
                            reference.erasable |= reference.used;
                        }
                        for (at, _) in &self.targets {
                            let reference = world.sidecar_mut(usize::from(*at));
                            (reference.unwanted, reference.erasable) = (true, true);
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

    fn visited(&mut self, scenario: &Scenario, place: usize, world: &mut World, others: NonceSet) {
        if scenario.actors[place].ops()[usize::from(self.op)] == Op::EraseScope {
            for (at, reference) in world.references.iter_mut().enumerate() {
                reference.erased |= reference.erasable && self.erasing & 1 << at != 0;
            }
        }
        self.erasing = 0;
        self.visits = false;
        self.through(scenario, place, world, others);
    }

    /// Whether it is in the middle of a store, by the second protocol.
    pub(crate) fn is_storing(&self) -> bool {
        self.is_creating() && self.pending.is_some()
    }

    /// Whether it is in the middle of an update.
    pub(crate) fn is_updating(&self) -> bool {
        matches!(self.task, Task::Update(_)) && self.pending.is_some()
    }

    fn is_creating(&self) -> bool {
        matches!(
            self.task,
            Task::CreateStore(_) | Task::BeginImport | Task::RetireImport(_) | Task::Import(_)
        )
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
