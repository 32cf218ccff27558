//! Beginning an operation.

use media_store_object::protocol::{CollectProtocol, DeleteProtocol, Nonce, StoreProtocol, v2};

use crate::actor::Actor;
use crate::ask::{ALONE, Listing};
use crate::naive::{NaiveCollect, NaiveStore};
use crate::nonces::NonceSet;
use crate::scenario::{Op, Scenario};
use crate::step::Task;
use crate::updates::IndexSweep;
use crate::weak::{Memory, Weakness};
use crate::world::{Standing, World};

impl Actor {
    /// Begins the operations from `op` on, up to the first request. A store is tried under the
    /// reference of this number among its own.
    pub(crate) fn begin(
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
                Op::Import => {
                    self.generation = None;
                    self.revision = self.reference;
                    Task::BeginImport
                }
                Op::BuryImported => {
                    self.reference = scenario.imported().unwrap_or_default();
                    self.generation = None;
                    Task::BeginDeletion
                }
                Op::Bury | Op::LoseSidecar => {
                    let reference = world.sidecar_mut(usize::from(self.reference));
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
                Op::Update(bit) => {
                    self.reference = 0;
                    Task::BeginUpdate(*bit, scenario.weakness)
                }
                Op::SweepIndex => {
                    self.reference = 0;
                    Task::SweepIndex(IndexSweep::default())
                }
                Op::RemoveAgain => {
                    self.reference = scenario.imported().unwrap_or_default();
                    Task::RemoveAgain
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

    /// Begins with the next of what a walk found; false if there is no more.
    pub(crate) fn visit(&mut self, scenario: &Scenario, place: usize) -> bool {
        let Some((reference, generation)) = self.targets.pop() else {
            return false;
        };
        let alone = reference & ALONE != 0;
        let reference = reference & !ALONE;
        self.reference = reference;
        self.visits = true;
        let first = scenario.is_first(reference);
        self.in_first = first && scenario.keeps_spaces_apart();
        self.task = match scenario.actors[place].ops()[usize::from(self.op)] {
            Op::Retire => Task::Retire(v2::RetireProtocol::new(generation)),
            Op::RetireMarkers => Task::Retire(v2::RetireProtocol::marker(generation)),
            Op::Heal => Task::Heal(v2::HealProtocol::new(generation)),
            Op::RemoveTombstones if alone => {
                Task::RemoveTombstones(v2::TombstoneProtocol::marker(generation))
            }
            Op::RemoveTombstones if scenario.is_imported(reference) => {
                Task::BuryOthers(reference, generation, Vec::new())
            }
            Op::RemoveTombstones => Task::RemoveTombstones(v2::TombstoneProtocol::new(generation)),
            _ if first => Task::Delete(DeleteProtocol::new(generation)),
            _ => Task::Bury(v2::DeleteProtocol::new(generation)),
        };
        true
    }
}
