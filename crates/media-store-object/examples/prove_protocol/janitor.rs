//! What is left when everybody is through, or dead, and somebody cleans up undisturbed.

use media_store_object::protocol::{
    Answer, CollectProtocol, DeleteProtocol, FenceProtocol, Protocol, RecordState, Step,
};

use crate::nonces::NonceSet;
use crate::world::{Ask, Reply, Standing, Version, World};

/// Deletes every acknowledged reference, fences and collects. The rule that is broken after that:
/// only a marker may hold bytes, and there is one only where a process died or a request failed
/// (`spotless`: there was none of that).
pub(crate) fn broken(mut world: World, spotless: bool) -> Option<&'static str> {
    for at in 0..world.references.len() {
        if let Standing::Held(generation) = world.references[at].standing {
            world.references[at].standing = Standing::Leaving;
            run(DeleteProtocol::new(generation), &mut world, at);
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

fn run(mut machine: impl Protocol<Version>, world: &mut World, reference: usize) {
    let mut answer: Option<Answer<Version>> = None;
    loop {
        let mut used = world.tokens();
        if let Some(answer) = &answer {
            used = used.and(NonceSet::of_reply(&Reply::Protocol(answer.clone())));
        }
        let Step::Ask(request) = machine.step(answer.take(), &mut || used.fresh()) else {
            return;
        };
        if let Reply::Protocol(reply) = world.apply(&Ask::Protocol(request), reference) {
            answer = Some(reply);
        }
    }
}
