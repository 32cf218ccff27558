//! What is explored: who takes part, what the bucket holds at first, and what may go wrong.

use media_store_object::protocol::{Nonce, Record, RecordState};

use crate::weak::{STALE, Weakness};
use crate::world::{Kind, World};

/// An operation of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Store,
    /// Of what was stored last.
    Delete,
    Collect,
    Fence,
    /// As `Collect`, of what the first protocol stored beside the second.
    CollectFirst,
    /// As `Fence`, of what the first protocol stored beside the second.
    FenceFirst,
    /// A process of the first protocol is to delete what was stored last, by the second.
    DeleteForeign,
    /// By the second protocol, as all that follow.
    CreateStore,
    /// As `CreateStore`, of a process that remembers the first generation as live.
    CreateRemembered,
    /// Of media that exists elsewhere, under one id: all imports of a scenario store it.
    Import,
    /// Of what is imported, by another process.
    BuryImported,
    /// Changes what the first process stored, in a way of its own: a bit.
    Update(u8),
    /// Removes entries of the index of users that the sidecar of the first reference does not name, while nobody
    /// is in the middle of an update.
    SweepIndex,
    /// Of what was stored last; may be repeated.
    Bury,
    /// Deletes everything, while nobody stores.
    EraseScope,
    /// Buries sidecars without sealed markers.
    Retire,
    /// Buries provisional markers.
    RetireMarkers,
    /// Restores sidecars that are missing.
    Heal,
    /// Removes tombstones that are old enough.
    RemoveTombstones,
    /// A hand removes the sidecar of what was stored last.
    LoseSidecar,
    /// The removal of an older tombstone arrives once more, and takes away the sidecar of what is imported.
    RemoveAgain,
    NaiveStore {
        touch: bool,
    },
    NaiveCollect {
        conditional: bool,
    },
}

impl Op {
    pub(crate) fn is_store(&self) -> bool {
        matches!(
            self,
            Self::Store
                | Self::CreateStore
                | Self::CreateRemembered
                | Self::Import
                | Self::NaiveStore { .. }
        )
    }
}

/// A process: its operations, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role(Vec<Op>);

impl Role {
    pub(crate) fn ops(&self) -> &[Op] {
        &self.0
    }
}

fn stores(ops: &[Op]) -> u8 {
    let stores = ops.iter().filter(|op| op.is_store()).count();
    u8::try_from(stores).unwrap_or(u8::MAX)
}

/// What the bucket holds at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Empty,
    /// A generation that is live and has no marker.
    Live,
    /// A generation that is dead and has its bytes still.
    Dead,
}

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) actors: Vec<Role>,
    pub(crate) start: Start,
    /// How often a store begins anew by itself.
    pub(crate) attempts: u32,
    /// Under how many references a store is tried.
    pub(crate) names: u8,
    /// How many requests fail: before they happened, or after.
    pub(crate) losses: u8,
    /// How many requests count as failed and happen any time later.
    pub(crate) late: u8,
    /// How many requests happen, and once more any time later.
    pub(crate) copies: u8,
    /// How many processes die in the middle of a store.
    pub(crate) deaths: u8,
    /// Whether processes die in the middle of anything.
    pub(crate) any_dies: bool,
    /// Whether each state is also looked at as one in which all processes die.
    pub(crate) all_die: bool,
    pub(crate) weakness: Option<Weakness>,
    /// Whether the service gives equal bytes another entity tag when they are written again.
    pub(crate) tags_count: bool,
    /// Most states to look at.
    pub(crate) cap: usize,
}

impl Scenario {
    /// Processes on an empty bucket where nothing goes wrong but that processes stop.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            actors: Vec::new(),
            start: Start::Empty,
            attempts: 0,
            names: 2,
            losses: 0,
            late: 0,
            copies: 0,
            deaths: 0,
            any_dies: false,
            all_die: false,
            weakness: None,
            tags_count: false,
            cap: 20_000_000,
        }
    }

    /// So many processes that do this.
    pub(crate) fn with(mut self, count: usize, ops: &[Op]) -> Self {
        for _ in 0..count {
            self.actors.push(Role(ops.to_vec()));
        }
        self
    }

    pub(crate) fn from(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Stores begin anew by themselves, under the same reference.
    pub(crate) fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self.names = 1;
        self
    }

    /// A store is tried under so many references.
    pub(crate) fn names(mut self, names: u8) -> Self {
        self.names = names;
        self
    }

    pub(crate) fn losses(mut self, losses: u8) -> Self {
        self.losses = losses;
        self
    }

    pub(crate) fn late(mut self, late: u8) -> Self {
        self.late = late;
        self
    }

    pub(crate) fn copies(mut self, copies: u8) -> Self {
        self.copies = copies;
        self
    }

    pub(crate) fn deaths(mut self, deaths: u8) -> Self {
        self.deaths = deaths;
        self
    }

    /// So many processes die, in the middle of anything.
    pub(crate) fn deaths_of_any(mut self, deaths: u8) -> Self {
        (self.deaths, self.any_dies) = (deaths, true);
        self
    }

    pub(crate) fn all_die(mut self) -> Self {
        self.all_die = true;
        self
    }

    pub(crate) fn weak(mut self, weakness: Weakness) -> Self {
        self.weakness = Some(weakness);
        self
    }

    pub(crate) fn tags_count(mut self) -> Self {
        self.tags_count = true;
        self
    }

    /// The reference under which a process makes a store of its list, tried so often before.
    pub(crate) fn reference(&self, place: usize, op: usize, name: u8) -> u8 {
        let before = self.actors[..place].iter().map(|role| stores(role.ops()));
        let here = stores(&self.actors[place].ops()[..op]);
        (before.sum::<u8>() + here) * self.names + name
    }

    /// All references. The last revision of what is imported is for an import at the end, which nothing
    /// disturbs.
    fn references(&self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        let mut home = None;
        for op in self.actors.iter().flat_map(|role| role.ops()) {
            let at = u8::try_from(kinds.len()).unwrap_or(u8::MAX);
            let kind = match op {
                Op::Store if self.is_second() => Kind::First,
                Op::Import => Kind::Imported {
                    home: *home.get_or_insert(at),
                },
                op if op.is_store() => Kind::Stored,
                _ => continue,
            };
            kinds.extend(std::iter::repeat_n(kind, usize::from(self.names)));
        }
        kinds.extend(home.map(|home| Kind::Imported { home }));
        kinds
    }

    /// What is imported, if anything is.
    pub(crate) fn imported(&self) -> Option<u8> {
        let homes = self.references().into_iter();
        homes.rev().find_map(|kind| match kind {
            Kind::Imported { home } => Some(home),
            _ => None,
        })
    }

    /// Whether imports store a reference.
    pub(crate) fn is_imported(&self, reference: u8) -> bool {
        let kind = self.references().into_iter().nth(usize::from(reference));
        matches!(kind, Some(Kind::Imported { .. }))
    }

    /// Whether a reference is of the first protocol, beside the second.
    pub(crate) fn is_first(&self, reference: u8) -> bool {
        self.is_mixed() && self.references().get(usize::from(reference)) == Some(&Kind::First)
    }

    /// Whether the removal of a tombstone happens once at most. The second would remove the sidecar of an
    /// import that came in between, which is read by its marker then, until a sweep restores it.
    pub(crate) fn removes_once(&self) -> bool {
        let mut removers = self.actors.iter();
        removers
            .by_ref()
            .find(|role| role.ops().contains(&Op::RemoveTombstones));
        let mut all = self.actors.iter().flat_map(|role| role.ops());
        let another = removers.any(|role| role.ops().contains(&Op::RemoveTombstones))
            || all.any(|op| matches!(op, Op::RemoveAgain | Op::LoseSidecar));
        self.copies == 0 && self.late == 0 && !another
    }

    /// Whether a hand removes sidecars.
    pub(crate) fn loses_sidecars(&self) -> bool {
        let mut ops = self.actors.iter().flat_map(|role| role.ops());
        ops.any(|op| *op == Op::LoseSidecar)
    }

    /// Whether processes of both protocols are at work.
    pub(crate) fn is_mixed(&self) -> bool {
        let mut ops = self.actors.iter().flat_map(|role| role.ops());
        ops.any(|op| matches!(op, Op::Store | Op::DeleteForeign)) && self.is_second()
    }

    /// Whether both protocols are at work, each under names of its own.
    pub(crate) fn keeps_spaces_apart(&self) -> bool {
        self.is_mixed() && self.weakness != Some(Weakness::OneSpace)
    }

    /// Whether this process is like the one before it, so that it need not begin first.
    pub(crate) fn is_twin(&self, place: usize) -> bool {
        place > 0 && self.actors[place] == self.actors[place - 1]
    }

    /// Whether only bytes that the record names may be left, if nothing goes wrong. The bytes of a
    /// generation that was dead at first are left if no collector comes in time.
    pub(crate) fn leaves_no_bytes(&self) -> bool {
        let weakness = self.weakness.is_none() || self.weakness == Some(Weakness::LoserKeepsBytes);
        weakness && !self.is_naive() && self.start != Start::Dead
    }

    /// Whether the second protocol is used.
    pub(crate) fn is_second(&self) -> bool {
        let mut ops = self.actors.iter().flat_map(|role| role.ops());
        ops.any(|op| matches!(op, Op::CreateStore | Op::CreateRemembered | Op::Import))
    }

    /// Whether there is a record at all.
    pub(crate) fn is_naive(&self) -> bool {
        let mut ops = self.actors.iter().flat_map(|role| role.ops());
        ops.any(|op| matches!(op, Op::NaiveStore { .. }))
    }

    pub(crate) fn world(&self) -> World {
        let references = self.references();
        assert!(references.len() <= 16, "markers are bits of 16");
        let mut world = World::new(&references, self.tags_count);
        world.one_space = !self.keeps_spaces_apart();
        world.mistakes_first = self.weakness == Some(Weakness::FirstTakenForSecond);
        let state = match self.start {
            Start::Empty => return world,
            Start::Live => RecordState::Live,
            Start::Dead => RecordState::Dead,
        };
        let generation = Nonce::new(0);
        let slot = world.generation_mut(generation);
        slot.blob = Some(0);
        slot.over = state == RecordState::Dead;
        if self.is_naive() {
            return world;
        }
        let nonce = match self.weakness {
            Some(Weakness::StaleNonce) => STALE,
            _ => 1,
        };
        world.record = Some(Record {
            state,
            generation,
            size: 1,
            nonce: Nonce::new(nonce),
        });
        if self.keeps_spaces_apart() {
            let generation = Nonce::new(2);
            world.swap_spaces();
            let slot = world.generation_mut(generation);
            slot.blob = Some(0);
            slot.over = state == RecordState::Dead;
            world.record = Some(Record {
                state,
                generation,
                size: 1,
                nonce: Nonce::new(3),
            });
            world.swap_spaces();
        }
        world
    }
}
