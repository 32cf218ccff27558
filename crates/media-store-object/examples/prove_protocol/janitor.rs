//! What is left when everybody is through, or dead, and somebody cleans up undisturbed.

use media_store_object::protocol::{
    Answer, CollectProtocol, DeleteProtocol, FenceProtocol, Protocol, RecordState, SidecarState,
    Step, v2,
};

use crate::ask::{ALONE, Ask, Listing, Reply, Version};
use crate::nonces::NonceSet;
use crate::world::{Standing, Trust, World};

/// Deletes every acknowledged reference, fences and collects. The rule that is broken after that:
/// only a marker may hold bytes, and there is one only where a process died or a request failed
/// (`spotless`: there was none of that).
pub(crate) fn broken(mut world: World, spotless: bool) -> Option<&'static str> {
    for at in 0..world.references.len() {
        if let Standing::Held(generation) = world.references[at].standing {
            world.references[at].standing = Standing::Leaving;
            run(DeleteProtocol::new(generation), &mut world, at);
        }
        // A deletion of the scope overtook the store. A full sweep restores the sidecar of the marker, by
        // which it is found again.
        if world.references[at].first && world.references[at].unwanted {
            let generations = world.generations.iter();
            let held = generations.filter(|g| g.markers & 1 << at != 0);
            for generation in held.map(|g| g.token).collect::<Vec<_>>() {
                run(DeleteProtocol::new(generation), &mut world, at);
            }
        }
    }
    for _ in 0..2 {
        if let Reply::Generations(orphans) = world.apply(&Ask::ListGenerations, 0) {
            run(FenceProtocol::new(orphans), &mut world, 0);
        }
        run(CollectProtocol::<Version>::new(), &mut world, 0);
    }
    let held = |token| {
        let in_use = world
            .record
            .as_ref()
            .is_some_and(|r| r.generation == token && r.state == RecordState::Live);
        in_use && !spotless
    };
    for generation in &world.generations {
        if generation.blob.is_some() && !(generation.markers != 0 && held(generation.token)) {
            return Some("bytes stay that no reference holds");
        }
        if generation.markers != 0 && !held(generation.token) {
            return Some("markers stay that stand for nothing");
        }
    }
    None
}

/// The same by the second protocol: deletes the scope, and sweeps until nothing changes. Nothing may
/// be left, whatever happened.
pub(crate) fn broken_second(mut world: World) -> Option<&'static str> {
    for _ in 0..2 {
        for listing in [
            Listing::Scope,
            Listing::Provisional,
            Listing::Markers,
            Listing::Scope,
            Listing::Tombstones,
        ] {
            let Reply::References(all) = world.apply(&Ask::List(listing), 0) else {
                continue;
            };
            for (at, token) in all {
                let alone = at & ALONE != 0;
                let at = usize::from(at & !ALONE);
                if world.references[at].first {
                    in_first(&mut world, |world| {
                        run(DeleteProtocol::new(token), world, at);
                    });
                    continue;
                }
                match listing {
                    Listing::Provisional => {
                        run(v2::RetireProtocol::marker(token), &mut world, at);
                    }
                    Listing::Markers => {
                        run(v2::HealProtocol::new(token), &mut world, at);
                    }
                    Listing::Tombstones if alone => {
                        run(v2::TombstoneProtocol::marker(token), &mut world, at);
                    }
                    Listing::Tombstones => {
                        run(v2::TombstoneProtocol::new(token), &mut world, at);
                    }
                    _ => {
                        run(v2::DeleteProtocol::new(token), &mut world, at);
                    }
                }
            }
        }
        if let Reply::Generations(orphans) = world.apply(&Ask::ListGenerations, 0) {
            run(FenceProtocol::new(orphans), &mut world, 0);
        }
        run(CollectProtocol::<Version>::new(), &mut world, 0);
    }
    let mut generations = world.generations.iter();
    if generations.any(|g| g.blob.is_some() || g.markers | g.tombstones != 0) {
        return Some("something stays after everything was deleted and swept");
    }
    let mut references = world.references.iter();
    references
        .any(|reference| reference.sidecar.is_some() || reference.buried)
        .then_some("a sidecar or its tombstone stays after everything was deleted and swept")
}

/// An import that nothing disturbs must complete, unless a deletion began.
pub(crate) fn broken_import(mut world: World, home: u8) -> Option<&'static str> {
    let at = usize::from(home);
    let reference = &world.references[at];
    let leaves = matches!(reference.standing, Standing::Leaving | Standing::Deleted);
    // A sweep that died while it removed an old tombstone leaves it closed until it is old again.
    if leaves || reference.unwanted || reference.closed && reference.buried {
        return None;
    }
    let outlived = reference.outlived;
    let last = world.references.len() - 1;
    let Reply::Found(state, revision) = world.apply(&Ask::BeginImport, last) else {
        return None;
    };
    let complete = match state {
        SidecarState::Live(there) | SidecarState::Restored(there) => {
            let retire = v2::RetireProtocol::new(there);
            let ended = run(retire, &mut world, usize::from(revision));
            // An import that was suspended until its tombstones were old was taken for a deleted one.
            if ended == Some(v2::RetireOutcome::Deleted) && outlived {
                return None;
            }
            ended == Some(v2::RetireOutcome::Held)
        }
        _ => false,
    };
    if !complete {
        run(v2::ImportProtocol::new(1), &mut world, last);
    }
    let readable = world.is_readable(at, Trust::Sealed);
    (!readable).then_some("an import that is repeated does not complete")
}

/// Runs a machine to its end.
fn run<P: Protocol<Version>>(
    mut machine: P,
    world: &mut World,
    reference: usize,
) -> Option<P::Outcome> {
    let mut answer: Option<Answer<Version>> = None;
    loop {
        let mut used = world.tokens();
        if let Some(answer) = &answer {
            used = used.and(NonceSet::of_reply(&Reply::Protocol(answer.clone())));
        }
        let mut ask = |request| match world.apply(&Ask::Protocol(request), reference) {
            Reply::Protocol(answer) => answer,
            _ => Answer::Failed,
        };
        answer = Some(match machine.step(answer.take(), &mut || used.fresh()) {
            Step::Ask(request) => ask(request),
            Step::AskAll(requests) => Answer::All(requests.into_iter().map(ask).collect()),
            Step::End(outcome) => return Some(outcome),
            _ => return None,
        });
    }
}

fn in_first(world: &mut World, work: impl FnOnce(&mut World)) {
    world.swap_spaces();
    work(world);
    world.swap_spaces();
}
