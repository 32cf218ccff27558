//! What must be caught.

use crate::scenario::{Op, Scenario, Start};
use crate::table::imports::broken_imports;
use crate::table::updates::broken_updates;
use crate::weak::Weakness;

use Op::{
    Bury, Collect, CreateStore, Delete, DeleteForeign, EraseScope, Fence, Heal, RemoveTombstones,
    Retire, RetireMarkers, Store,
};

/// The protocols with one piece taken out, and the simpler ones: each must break a rule.
pub(crate) fn broken(short: bool) -> Vec<Scenario> {
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
    all.extend(broken_imports(short));
    all.extend(broken_updates());
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

/// What would be right elsewhere: shows that the checker does not find fault with everything.
pub(crate) fn control() -> Scenario {
    Scenario::new("bytes put again, delete if the tag is the same, a tag per write")
        .with(2, &[Op::NaiveStore { touch: true }])
        .with(2, &[Op::NaiveCollect { conditional: true }])
        .from(Start::Live)
        .tags_count()
}
