//! All that can happen next.

use media_store_object::protocol::{Record, RecordState, Request};

use crate::action::{Action, Fate};
use crate::actor::{Actor, is_first_write};
use crate::ask::{ALONE, Ask, Listing, Reply};
use crate::fingerprint;
use crate::generation::Generation;
use crate::nonces::NonceSet;
use crate::scenario::Scenario;
use crate::updates::UpdateAsk;
use crate::weak::Weakness;
use crate::world::{Standing, Trust, World};

/// A request on its way that nobody waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Late {
    ask: Ask,
    reference: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) actors: Vec<Actor>,
    late: Vec<Late>,
    losses_left: u8,
    late_left: u8,
    copies_left: u8,
    deaths_left: u8,
}

impl State {
    pub(crate) fn first(scenario: &Scenario) -> Self {
        let mut world = scenario.world();
        let actors = (0..scenario.actors.len())
            .map(|place| Actor::new(scenario, place, &mut world))
            .collect();
        Self {
            world,
            actors,
            late: Vec::new(),
            losses_left: scenario.losses,
            late_left: scenario.late,
            copies_left: scenario.copies,
            deaths_left: scenario.deaths,
        }
    }

    /// Whether nothing can happen any more.
    pub(crate) fn is_quiet(&self) -> bool {
        self.late.is_empty() && self.actors.iter().all(|actor| actor.pending.is_none())
    }

    /// Whether nothing went wrong on the way here.
    pub(crate) fn went_well(&self, scenario: &Scenario) -> bool {
        (
            self.losses_left,
            self.late_left,
            self.copies_left,
            self.deaths_left,
        ) == (
            scenario.losses,
            scenario.late,
            scenario.copies,
            scenario.deaths,
        )
    }

    /// What can happen. Of processes that are alike, the one before begins first.
    pub(crate) fn actions(&self, scenario: &Scenario, actions: &mut Vec<Action>) {
        actions.clear();
        for (place, actor) in self.actors.iter().enumerate() {
            let Some(ask) = &actor.pending else {
                continue;
            };
            if scenario.is_twin(place) && !actor.started && !self.actors[place - 1].started {
                continue;
            }
            let sweeps = *ask == Ask::Update(UpdateAsk::ListEntries);
            if matches!(ask, Ask::List(Listing::Scope)) && self.anybody_stores(place)
                || sweeps && self.anybody_updates()
            {
                continue;
            }
            // Nobody knows the reference before.
            let begins = *ask == Ask::Update(UpdateAsk::Begin);
            if begins && self.world.references[0].standing == Standing::Unknown {
                continue;
            }
            let dies = actor.is_storing() || scenario.any_dies && actor.started;
            if self.deaths_left > 0 && dies {
                actions.push(Action::Die(place, Fate::Lost));
                if actor.asked().any(|ask| !ask.is_read()) {
                    actions.push(Action::Die(place, Fate::Late));
                }
            }
            for (number, ask) in (0..).zip(actor.asked()) {
                self.fates(ask, scenario, |fate| {
                    actions.push(Action::Answer(place, number, fate));
                });
            }
        }
        actions.extend((0..self.late.len()).map(Action::Land));
    }

    /// What can become of a request.
    fn fates(&self, ask: &Ask, scenario: &Scenario, mut may: impl FnMut(Fate)) {
        may(Fate::Happens);
        if self.losses_left > 0 {
            may(Fate::Lost);
        }
        if ask.is_read() {
            return;
        }
        if self.losses_left > 0 && self.matters(ask) {
            may(Fate::Unheard);
        }
        if self.late_left > 0 {
            may(Fate::Late);
        }
        // A client repeats by itself what may be repeated, and the second time is heard of.
        if self.copies_left > 0 && (!ask.is_swap() || scenario.is_second()) {
            may(Fate::Copied);
        }
    }

    /// Whether another process is in the middle of a store.
    fn anybody_stores(&self, place: usize) -> bool {
        let mut others = self.actors.iter().enumerate();
        others.any(|(other, actor)| other != place && actor.is_storing() && actor.started)
    }

    /// Whether an update may still write what names an entry that is not old enough to be removed.
    fn anybody_updates(&self) -> bool {
        let writes = |late: &Late| {
            matches!(
                late.ask,
                Ask::Update(UpdateAsk::Change(..) | UpdateAsk::Follow(..))
            )
        };
        self.actors.iter().any(Actor::is_updating) || self.late.iter().any(writes)
    }

    /// Takes out of a listing of tombstones what is not old enough: a request that creates the marker
    /// or the sidecar may still arrive.
    fn old_enough(&self, reply: Reply, scenario: &Scenario) -> Reply {
        if scenario.weakness == Some(Weakness::EarlyRemoval) {
            return reply;
        }
        match reply {
            Reply::References(mut all) => {
                // A burial that lands after the tombstone is gone hits an import only.
                let late = self.late.iter().filter(|late| {
                    let reference = &self.world.references[usize::from(late.reference)];
                    late.ask.is_create() || reference.imported && late.ask.is_burial()
                });
                let home = |at: u8| self.world.references[usize::from(at & !ALONE)].home;
                let awaited: Vec<u8> = late.map(|late| home(late.reference)).collect();
                all.retain(|(at, _)| !awaited.contains(&home(*at)));
                Reply::References(all)
            }
            other => other,
        }
    }

    /// Whether the request would change anything: a write that is refused is as one that is lost.
    fn matters(&self, ask: &Ask) -> bool {
        let (ask, record) = match ask {
            Ask::InFirst(ask) => (ask.as_ref(), &self.world.first.record),
            ask => (ask, &self.world.record),
        };
        match ask {
            Ask::Protocol(Request::SwapRecord { expected, .. }) => {
                *expected == record.as_ref().map(crate::ask::Version::of)
            }
            _ => true,
        }
    }

    pub(crate) fn after(&self, action: Action, scenario: &Scenario) -> Self {
        let mut next = self.clone();
        match action {
            Action::Land(at) => {
                let late = next.late.remove(at);
                next.world.apply(&late.ask, usize::from(late.reference));
            }
            Action::Die(place, fate) => {
                next.deaths_left -= 1;
                let actor = &mut next.actors[place];
                let reference = actor.reference;
                let mut asks = actor.die();
                asks.retain(|ask| fate == Fate::Late && !ask.is_read());
                if asks.iter().any(is_first_write) {
                    next.world.sidecar_mut(usize::from(reference)).used = true;
                }
                let late = asks.into_iter().map(|ask| Late { ask, reference });
                next.late.extend(late);
                next.late.sort_by_cached_key(fingerprint::of);
            }
            Action::Answer(place, number, fate) => {
                next.actors[place].choose(usize::from(number));
                let actor = &next.actors[place];
                let (Some(ask), reference) = (actor.pending.clone(), actor.reference) else {
                    return next;
                };
                match fate {
                    Fate::Happens => {}
                    Fate::Lost | Fate::Unheard => next.losses_left -= 1,
                    Fate::Late => next.late_left -= 1,
                    Fate::Copied => next.copies_left -= 1,
                }
                let reply = match fate {
                    Fate::Happens | Fate::Copied => {
                        let reply = next.world.apply(&ask, usize::from(reference));
                        match ask {
                            Ask::List(Listing::Tombstones) => {
                                let reply = next.old_enough(reply, scenario);
                                next.note_old(&reply);
                                reply
                            }
                            _ => reply,
                        }
                    }
                    Fate::Unheard => {
                        next.world.apply(&ask, usize::from(reference));
                        ask.doubt()
                    }
                    Fate::Lost | Fate::Late => ask.doubt(),
                };
                if matches!(fate, Fate::Late | Fate::Copied) {
                    next.late.push(Late { ask, reference });
                    next.late.sort_by_cached_key(fingerprint::of);
                }
                next.hear(place, reply, scenario);
            }
        }
        let named = next.held();
        next.world.forget(named);
        next
    }

    fn hear(&mut self, place: usize, reply: Reply, scenario: &Scenario) {
        let used = self.held().and(self.world.tokens());
        let actor = &mut self.actors[place];
        actor.hear(reply, scenario, place, &mut self.world, used);
    }

    /// Notes whose store is still at it though its tombstones are old enough to be removed.
    fn note_old(&mut self, reply: &Reply) {
        let Reply::References(old) = reply else {
            return;
        };
        for (reference, _) in old {
            let mut stores = self.actors.iter().filter(|actor| actor.is_storing());
            let home = self.world.references[usize::from(reference & !ALONE)].home;
            let of = |actor: &Actor| self.world.references[usize::from(actor.reference)].home;
            if stores.any(|actor| of(actor) == home) {
                self.world.references[usize::from(home)].outlived = true;
            }
        }
    }

    /// The tokens that somebody can name.
    fn held(&self) -> NonceSet {
        let late = self.late.iter().map(|late| late.ask.tokens());
        let actors = self.actors.iter().map(|actor| actor.held);
        late.chain(actors).fold(NonceSet::NONE, NonceSet::and)
    }

    /// The same bucket after all processes died.
    pub(crate) fn abandoned(&self) -> World {
        self.world.clone()
    }

    /// The rule of the second protocol that is broken here.
    fn broken_second(&self, scenario: &Scenario) -> Option<&'static str> {
        let world = &self.world;
        let trust = match scenario.weakness {
            Some(Weakness::TrustedSidecar) => Trust::Sidecar,
            Some(Weakness::TrustedProvisional) => Trust::Provisional,
            _ => Trust::Sealed,
        };
        let references = world.references.iter().enumerate();
        for (at, reference) in references.filter(|(_, reference)| !reference.first) {
            if usize::from(reference.home) != at {
                continue;
            }
            if reference.revived {
                return Some("an import takes the id of media that was deleted");
            }
            let readable = world.is_readable(at, trust);
            match reference.standing {
                Standing::Held(_) if !readable && !reference.unwanted => {
                    return Some("an acknowledged reference is not readable");
                }
                Standing::Held(_) if !reference.unwanted && world.lacks_update(at) => {
                    return Some("an acknowledged update is lost");
                }
                Standing::Held(_) if !reference.unwanted && world.lacks_entry(at) => {
                    return Some("an acknowledged reference is not in the index");
                }
                // An import was suspended until the tombstones of a deletion were old.
                Standing::Deleted if reference.imported && reference.outlived => {}
                Standing::Deleted if readable => {
                    return Some("a deleted reference is readable again");
                }
                Standing::Deleted if world.is_listed(at) => {
                    return Some("a deleted reference is listed again");
                }
                _ => {}
            }
            // Time decides here and for nothing else: what was acknowledged is never lost by it.
            if reference.erased && readable && !reference.outlived {
                return Some("a reference of a deleted scope is readable");
            }
        }
        None
    }

    /// The rule that is broken here.
    pub(crate) fn broken(&self, scenario: &Scenario) -> Option<&'static str> {
        let world = &self.world;
        if scenario.is_second()
            && let Some(rule) = self.broken_second(scenario)
        {
            return Some(rule);
        }
        for (at, reference) in world.references.iter().enumerate() {
            let bit = 1u16 << reference.acknowledged;
            match reference.standing {
                Standing::Held(token) if !reference.unwanted => {
                    // Whichever revision leads to the bytes, and only if it is sealed.
                    let read = world.read(at, Trust::Sealed).filter(|_| reference.imported);
                    let token = read.unwrap_or(token);
                    let (record, generation) = world.space_of(at, token);
                    if generation.is_none_or(|g| g.blob.is_none()) {
                        return Some("the bytes of an acknowledged reference are gone");
                    }
                    if read.is_none() && generation.is_none_or(|g| g.markers & bit == 0) {
                        return Some("the marker of an acknowledged reference is gone");
                    }
                    let holds = |record: &Record| {
                        record.generation == token && record.state != RecordState::Dead
                    };
                    if !scenario.is_naive() && !record.is_some_and(holds) {
                        return Some("an acknowledged reference is in a generation that is lost");
                    }
                    if reference.imported
                        && scenario.removes_once()
                        && (reference.sidecar, reference.revision)
                            != (Some(token), reference.acknowledged)
                    {
                        return Some("the sidecar of an acknowledged import is gone");
                    }
                    let first = reference.first || !scenario.is_second();
                    let created = !first && !reference.imported && !scenario.loses_sidecars();
                    if created && reference.sidecar != Some(token) {
                        return Some("the sidecar of an acknowledged reference is gone");
                    }
                    if first && reference.sidecar != Some(token) {
                        return Some("the sidecar of an acknowledged reference names another");
                    }
                }
                Standing::Leaving
                    if scenario.copies == 0
                        && !scenario.is_second()
                        && reference.sidecar.is_none()
                        && world.generations.iter().any(|g| g.markers & bit != 0) =>
                {
                    return Some("a deletion that stopped here cannot be finished");
                }
                _ => {}
            }
        }
        if scenario.weakness.is_some() {
            // Of weakened variants a loss is to be shown.
            return None;
        }
        let revived = |record: &Option<Record>, generations: &[Generation]| {
            record.as_ref().is_some_and(|record| {
                let named = generations.iter().find(|g| g.token == record.generation);
                record.state != RecordState::Dead && named.is_some_and(|g| g.over)
            })
        };
        (revived(&world.record, &world.generations)
            || revived(&world.first.record, &world.first.generations))
        .then_some("a generation whose removal began is in use again")
    }
}
