//! The configurations: what is proven, what must be caught, and what is drawn by lot.

use crate::scenario::{Op, Scenario, Start};
use crate::weak::Weakness;

use Op::{
    Bury, Collect, CollectFirst, CreateRemembered, CreateStore, Delete, DeleteForeign, EraseScope,
    Fence, FenceFirst, Heal, LoseSidecar, RemoveTombstones, Retire, RetireMarkers, Store,
};

/// The protocol as it is, in the way the store uses it: a store that lost its generation begins
/// anew under another reference. No state may break a rule. The long form is the short one and more.
pub(crate) fn whole(short: bool) -> Vec<Scenario> {
    let mut all = vec![
        Scenario::new("2 writers with deletes, collector x2, all die at each state")
            .with(2, &[Store, Delete])
            .with(1, &[Collect; 2])
            .all_die(),
        Scenario::new("2 writers, collector, fence, all die at each state")
            .with(2, &[Store])
            .with(1, &[Collect])
            .with(1, &[Fence])
            .all_die(),
        Scenario::new("2 writers, collector x2, 1 late, live")
            .with(2, &[Store])
            .with(1, &[Collect; 2])
            .from(Start::Live)
            .late(1),
        Scenario::new("2 writers, collector, 2 late")
            .with(2, &[Store])
            .with(1, &[Collect])
            .late(2),
        Scenario::new("writer with delete, collector x2, fence, 1 lost, 1 late, dead")
            .with(1, &[Store, Delete])
            .with(1, &[Collect; 2])
            .with(1, &[Fence])
            .from(Start::Dead)
            .losses(1)
            .late(1),
        Scenario::new("2 writers, collector x2, 1 copy, live")
            .with(2, &[Store])
            .with(1, &[Collect; 2])
            .from(Start::Live)
            .copies(1),
        Scenario::new("writer with delete, collector, 1 lost, 1 late, 1 copy, live")
            .with(1, &[Store, Delete])
            .with(1, &[Collect])
            .from(Start::Live)
            .losses(1)
            .late(1)
            .copies(1),
        Scenario::new("2 writers that keep their name, collector x2, 1 late, live")
            .with(2, &[Store])
            .with(1, &[Collect; 2])
            .from(Start::Live)
            .late(1)
            .attempts(1),
    ];
    if short {
        return all;
    }
    all.extend([
        Scenario::new("2 writers with deletes, 2 collectors x3")
            .with(2, &[Store, Delete])
            .with(2, &[Collect; 3]),
        Scenario::new("2 writers, 2 collectors x3, live")
            .with(2, &[Store])
            .with(2, &[Collect; 3])
            .from(Start::Live),
        Scenario::new("2 writers of one name, 2 collectors x2, 1 late, live")
            .with(2, &[Store])
            .names(1)
            .with(2, &[Collect; 2])
            .from(Start::Live)
            .late(1),
        Scenario::new("2 writers, 2 collectors x2, 1 late")
            .with(2, &[Store])
            .with(2, &[Collect; 2])
            .late(1),
        Scenario::new("2 writers, collector x4, 1 late, live")
            .with(2, &[Store])
            .with(1, &[Collect; 4])
            .from(Start::Live)
            .late(1),
        Scenario::new("2 writers x2, collector x3")
            .with(2, &[Store, Delete, Store])
            .with(1, &[Collect; 3]),
        Scenario::new("3 writers, collector x3, live")
            .with(3, &[Store])
            .with(1, &[Collect; 3])
            .from(Start::Live),
        Scenario::new("2 writers, collector, fence, 1 late")
            .with(2, &[Store])
            .with(1, &[Collect])
            .with(1, &[Fence])
            .late(1),
        Scenario::new("2 writers, collector, fence, 1 copy")
            .with(2, &[Store])
            .with(1, &[Collect])
            .with(1, &[Fence])
            .copies(1),
        Scenario::new("2 writers, collector x2, 1 lost, 1 late, live")
            .with(2, &[Store])
            .with(1, &[Collect; 2])
            .from(Start::Live)
            .losses(1)
            .late(1),
        Scenario::new("writer, collector, 2 fences, 1 lost, 1 late")
            .with(1, &[Store])
            .with(1, &[Collect])
            .with(2, &[Fence])
            .losses(1)
            .late(1),
    ]);
    all
}

/// The second protocol: what was deleted stays deleted. Each write may be acknowledged and land
/// again at any later time.
pub(crate) fn second(short: bool) -> Vec<Scenario> {
    let store = |name: &str, ops: &[Op]| Scenario::new(format!("second: {name}")).with(1, ops);
    let mut all = vec![
        store(
            "store and delete, collector, tombstones, 2 copies, live",
            &[CreateStore, Bury],
        )
        .with(1, &[Collect])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .copies(2),
        store(
            "store and delete, collector, fence, tombstones, 1 copy",
            &[CreateStore, Bury],
        )
        .with(1, &[Collect])
        .with(1, &[Fence])
        .with(1, &[RemoveTombstones])
        .names(1)
        .copies(1),
        store(
            "2 stores and deletes, collector, 1 copy",
            &[CreateStore, Bury],
        )
        .with(1, &[CreateStore, Bury])
        .with(1, &[Collect])
        .names(1)
        .copies(1),
        store(
            "store dies, scope erased, tombstones, 1 copy, 1 late, live",
            &[CreateStore],
        )
        .with(1, &[EraseScope])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .deaths(1)
        .late(1)
        .copies(1),
        store(
            "store, scope erased, heal, tombstones, 1 late, live",
            &[CreateStore],
        )
        .with(1, &[EraseScope])
        .with(1, &[Heal])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .names(1)
        .late(1),
        store(
            "store, retire, collector, heal, 1 late, live",
            &[CreateStore],
        )
        .with(1, &[Retire])
        .with(1, &[Collect])
        .with(1, &[Heal])
        .from(Start::Live)
        .late(1),
        store(
            "store dies, provisional markers retired, scope erased, tombstones, 1 late, live",
            &[CreateStore],
        )
        .with(1, &[RetireMarkers])
        .with(1, &[EraseScope])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .names(1)
        .deaths(1)
        .late(1),
        store(
            "store, provisional markers retired, collector, tombstones, 2 copies, live",
            &[CreateStore],
        )
        .with(1, &[RetireMarkers])
        .with(1, &[Collect])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .names(1)
        .copies(2),
        store(
            "remembered, provisional markers retired, collector, retire, 1 lost, 1 late, live",
            &[CreateRemembered],
        )
        .with(1, &[RetireMarkers])
        .with(1, &[Collect])
        .with(1, &[Retire])
        .from(Start::Live)
        .names(1)
        .losses(1)
        .late(1),
        store(
            "lost sidecar, delete, heal, tombstones, 1 copy",
            &[CreateStore, LoseSidecar, Bury],
        )
        .with(1, &[Heal])
        .with(1, &[RemoveTombstones])
        .names(1)
        .copies(1),
        store(
            "store, scope erased, tombstones, heal, 2 lost, live",
            &[CreateStore],
        )
        .with(1, &[EraseScope])
        .with(1, &[RemoveTombstones])
        .with(1, &[Heal])
        .from(Start::Live)
        .losses(2),
        store(
            "store, retire, tombstones, heal, 1 late, 1 copy, live",
            &[CreateStore],
        )
        .with(1, &[Retire])
        .with(1, &[RemoveTombstones])
        .with(1, &[Heal])
        .from(Start::Live)
        .names(1)
        .late(1)
        .copies(1),
        store(
            "store and delete twice, 2 lost, 1 late, tombstones",
            &[CreateStore, Bury, Bury],
        )
        .with(1, &[RemoveTombstones])
        .names(1)
        .losses(2)
        .late(1),
        store(
            "store under a remembered generation, collector, tombstones, 1 copy, live",
            &[CreateRemembered, Bury],
        )
        .with(1, &[Collect])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .copies(1),
        store(
            "store under a remembered generation, 1 lost, 1 late, dead",
            &[CreateRemembered, Bury],
        )
        .with(1, &[Collect])
        .from(Start::Dead)
        .losses(1)
        .late(1),
        store(
            "remembered, scope erased, heal, retire, 1 death, 1 late, live",
            &[CreateRemembered],
        )
        .with(1, &[EraseScope])
        .with(1, &[Heal])
        .with(1, &[Retire])
        .from(Start::Live)
        .names(1)
        .deaths(1)
        .late(1),
    ];
    if short {
        return all;
    }
    all.extend([
        store(
            "store and delete, scope erased, collector, tombstones, 1 death, 1 late, 1 copy, live",
            &[CreateStore, Bury],
        )
        .with(1, &[EraseScope])
        .with(1, &[Collect])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .names(1)
        .deaths(1)
        .late(1)
        .copies(1),
        store(
            "2 stores, collector x2, retire, 1 late, live",
            &[CreateStore],
        )
        .with(1, &[CreateStore])
        .with(1, &[Collect; 2])
        .with(1, &[Retire])
        .from(Start::Live)
        .names(1)
        .late(1),
        store(
            "store and delete, collector x2, fence, tombstones, 1 lost, 1 late, 1 copy, dead",
            &[CreateStore, Bury],
        )
        .with(1, &[Collect; 2])
        .with(1, &[Fence])
        .with(1, &[RemoveTombstones])
        .from(Start::Dead)
        .names(1)
        .losses(1)
        .late(1)
        .copies(1),
        store(
            "store and delete, 2 walks of tombstones, heal, retire, 1 copy, live",
            &[CreateStore, Bury],
        )
        .with(2, &[RemoveTombstones])
        .with(1, &[Heal])
        .with(1, &[Retire])
        .from(Start::Live)
        .names(1)
        .copies(1),
    ]);
    all
}

/// Processes of both protocols on one prefix. Those of the second also collect what the first stored,
/// by the rules of the first.
pub(crate) fn mixed(short: bool) -> Vec<Scenario> {
    let both = |name: &str, first: &[Op], second: &[Op]| {
        Scenario::new(format!("both: {name}"))
            .with(1, first)
            .with(1, second)
            .names(1)
    };
    let mut all = vec![
        both(
            "a store and delete of each, collector of both, 1 copy",
            &[Store, Delete],
            &[CreateStore, Bury],
        )
        .with(1, &[CollectFirst, Collect])
        .copies(1),
        both(
            "a store of each, scope erased, collector of the first, 1 death, live",
            &[Store],
            &[CreateStore],
        )
        .with(1, &[EraseScope])
        .with(1, &[CollectFirst])
        .from(Start::Live)
        .deaths(1),
        both(
            "a store of each, sidecars and markers retired, healed, 1 late, live",
            &[Store],
            &[CreateStore],
        )
        .with(1, &[Retire, RetireMarkers, Heal])
        .from(Start::Live)
        .late(1),
        both(
            "the first deletes what the second stored, tombstones, 1 copy, live",
            &[Store, Delete],
            &[CreateStore, DeleteForeign, Bury],
        )
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .copies(1),
    ];
    if short {
        return all;
    }
    all.extend([
        both(
            "a store and delete of each, collectors and fence of both, 1 late",
            &[Store, Delete],
            &[CreateStore, Bury],
        )
        .with(1, &[CollectFirst, Collect])
        .with(1, &[FenceFirst])
        .late(1),
        both(
            "2 stores of the first, 1 of the second, collector of the first, scope erased, live",
            &[Store],
            &[CreateStore],
        )
        .with(1, &[Store])
        .with(1, &[CollectFirst])
        .with(1, &[EraseScope])
        .from(Start::Live),
    ]);
    all
}

/// The second protocol with one piece taken out: each must break a rule.
fn broken_second() -> Vec<Scenario> {
    let weak = |weakness: Weakness, ops: &[Op]| {
        Scenario::new(format!("second: {weakness:?}"))
            .with(1, ops)
            .names(1)
            .weak(weakness)
    };
    let deleting = |weakness| weak(weakness, &[CreateStore, Bury]).copies(1);
    let storing = |weakness| weak(weakness, &[CreateStore]).from(Start::Live);
    vec![
        deleting(Weakness::OverwritingMarker).with(1, &[RemoveTombstones]),
        deleting(Weakness::OverwritingSidecar),
        deleting(Weakness::NoMarkerTombstone)
            .copies(2)
            .with(1, &[RemoveTombstones]),
        deleting(Weakness::NoSidecarTombstone),
        deleting(Weakness::EarlyRemoval)
            .copies(2)
            .with(1, &[RemoveTombstones]),
        storing(Weakness::TrustedSidecar)
            .with(1, &[EraseScope])
            .deaths(1),
        storing(Weakness::NoReread)
            .with(1, &[Retire])
            .with(1, &[RemoveTombstones])
            .late(1),
        storing(Weakness::RetiredUnseen).with(1, &[Retire]),
        storing(Weakness::FirstObjectOnly)
            .with(1, &[CreateStore, Bury])
            .with(1, &[Collect]),
        weak(Weakness::SidecarBuriedFirst, &[CreateStore, Bury, Bury])
            .losses(1)
            .with(1, &[RemoveTombstones]),
        storing(Weakness::RestoredIsOwn)
            .with(1, &[Retire])
            .with(1, &[RemoveTombstones])
            .with(1, &[Heal])
            .copies(1),
        storing(Weakness::TrustedProvisional)
            .with(1, &[EraseScope])
            .deaths(1),
        storing(Weakness::SealedBesideSidecar)
            .with(1, &[EraseScope])
            .deaths(1),
        storing(Weakness::UnconditionalSeal).with(1, &[Retire]),
        storing(Weakness::SealInDoubt).losses(1),
        storing(Weakness::MarkerInDoubt).with(1, &[Collect]).late(1),
        storing(Weakness::RetiredUnconditionally).with(1, &[Retire]),
        storing(Weakness::TombstonesDieWithGeneration)
            .with(1, &[RetireMarkers])
            .with(1, &[Collect])
            .copies(1),
        weak(Weakness::PublishedBytesRemoved, &[CreateStore])
            .with(1, &[CreateStore])
            .losses(1),
        storing(Weakness::OneSpace)
            .with(1, &[Store])
            .with(1, &[RetireMarkers]),
        storing(Weakness::FirstTakenForSecond)
            .with(1, &[Store])
            .with(1, &[Retire]),
        weak(Weakness::VersionIgnored, &[CreateStore, DeleteForeign]).from(Start::Live),
        storing(Weakness::NoSecondRead).with(1, &[Collect]),
        storing(Weakness::OneStepDead).with(1, &[Collect]),
        storing(Weakness::NoSecondLook).with(1, &[Collect]),
    ]
}

/// The protocol with one piece taken out, and the simpler ones: each must break a rule.
pub(crate) fn broken() -> Vec<Scenario> {
    let naive = |name, touch, conditional| {
        Scenario::new(name)
            .with(1, &[Op::NaiveStore { touch }])
            .with(1, &[Op::NaiveCollect { conditional }])
            .from(Start::Live)
    };
    let joining = |weakness: Weakness| {
        Scenario::new(format!("{weakness:?}"))
            .with(1, &[Store])
            .with(1, &[Collect, Collect])
            .from(Start::Live)
            .weak(weakness)
    };
    let making = |weakness: Weakness| {
        Scenario::new(format!("{weakness:?}"))
            .with(2, &[Store])
            .with(1, &[Collect])
            .weak(weakness)
    };
    let mut all = vec![
        naive("marker, then list and delete", false, false),
        naive(
            "bytes put again, delete if the content is the same",
            true,
            true,
        ),
        joining(Weakness::OneStepDead),
        joining(Weakness::UnconditionalBurial),
        joining(Weakness::BelievedBurial),
        joining(Weakness::NoSecondLook),
        joining(Weakness::NoSecondRead),
        joining(Weakness::MarkerAfterCheck),
        joining(Weakness::NoRevival),
        making(Weakness::WriterRemovesBytes).late(1).losses(2),
        making(Weakness::BytesAfterPublication),
        making(Weakness::LoserKeepsBytes),
        making(Weakness::PublishedOverNewer).with(1, &[Fence]),
        making(Weakness::BegunAnewInDoubt)
            .late(1)
            .copies(1)
            .attempts(1),
        Scenario::new("NoFence")
            .with(1, &[Store])
            .with(1, &[Fence])
            .weak(Weakness::NoFence),
        Scenario::new("GenerationReused")
            .with(1, &[Store])
            .with(1, &[Collect])
            .from(Start::Dead)
            .weak(Weakness::GenerationReused),
        Scenario::new("StaleNonce")
            .with(1, &[Store])
            .with(2, &[Collect])
            .from(Start::Live)
            .weak(Weakness::StaleNonce),
        Scenario::new("DeleteRemovesBytes")
            .with(2, &[Store, Delete])
            .weak(Weakness::DeleteRemovesBytes),
        Scenario::new("SidecarFirst")
            .with(1, &[Store, Delete])
            .weak(Weakness::SidecarFirst),
        Scenario::new("another attempt under the same name, sidecars copied")
            .with(2, &[Store])
            .copies(1)
            .attempts(1),
    ];
    all.extend(broken_second());
    all
}

/// What would be right elsewhere: shows that the checker does not find fault with everything.
pub(crate) fn control() -> Scenario {
    Scenario::new("bytes put again, delete if the tag is the same, a tag per write")
        .with(2, &[Op::NaiveStore { touch: true }])
        .with(2, &[Op::NaiveCollect { conditional: true }])
        .from(Start::Live)
        .tags_count()
}

/// Too much to look at all.
pub(crate) fn drawn() -> Vec<Scenario> {
    let writer = [Store, Delete, Store];
    vec![
        Scenario::new("4 writers x2, 3 collectors x4, 2 fences x2, 3 lost, 3 late, 3 copies")
            .with(4, &writer)
            .with(3, &[Collect; 4])
            .with(2, &[Fence; 2])
            .losses(3)
            .late(3)
            .copies(3),
        Scenario::new("5 writers of 3 names, 3 collectors x4, fence x2, 3 late, 3 copies, live")
            .with(5, &[Store])
            .with(3, &[Collect; 4])
            .with(1, &[Fence; 2])
            .from(Start::Live)
            .names(3)
            .late(3)
            .copies(3),
        Scenario::new(
            "second: 3 stores and deletes, all walks, 3 lost, 3 late, 3 copies, 2 deaths",
        )
        .with(3, &[CreateStore, Bury, CreateStore])
        .with(2, &[Collect; 3])
        .with(1, &[Fence, Fence])
        .with(1, &[EraseScope, EraseScope])
        .with(1, &[Retire, RetireMarkers, Heal, Retire])
        .with(2, &[RemoveTombstones, RemoveTombstones])
        .losses(3)
        .late(3)
        .copies(3)
        .deaths(2),
        Scenario::new(
            "both: 2 stores and deletes of each, collectors and fence of both, all walks, 2 lost, 3 late, \
             3 copies",
        )
        .with(2, &writer)
        .with(2, &[CreateStore, Bury, CreateStore])
        .with(2, &[CollectFirst, Collect, CollectFirst, Collect])
        .with(1, &[FenceFirst, Fence])
        .with(1, &[EraseScope])
        .with(1, &[Retire, RetireMarkers, Heal, RemoveTombstones])
        .names(1)
        .losses(2)
        .late(3)
        .copies(3),
        Scenario::new(
            "second: 4 stores, collectors x4, scope erased, walks, 3 late, 3 copies, live",
        )
        .with(4, &[CreateStore, Bury])
        .with(2, &[Collect; 4])
        .with(1, &[EraseScope, EraseScope])
        .with(1, &[Heal, RetireMarkers, Retire, RemoveTombstones])
        .from(Start::Live)
        .late(3)
        .copies(3)
        .deaths(1),
    ]
}
