use super::super::{Answer as A, DeleteOutcome, DeleteProtocol, Request as R};
use super::{Play, token};

#[test]
fn the_sidecar_goes_last() {
    Play::new(DeleteProtocol::new(token(1)))
        .on(R::DeleteMarker(token(1)), A::Done)
        .ends(R::DeleteSidecar, A::Done, DeleteOutcome::Deleted);
}

#[test]
fn the_sidecar_stays_while_the_marker_may() {
    Play::new(DeleteProtocol::new(token(1))).ends(
        R::DeleteMarker(token(1)),
        A::Failed,
        DeleteOutcome::Failed,
    );
}

#[test]
fn a_sidecar_that_may_stay_is_told() {
    Play::new(DeleteProtocol::new(token(1)))
        .on(R::DeleteMarker(token(1)), A::Done)
        .ends(R::DeleteSidecar, A::Failed, DeleteOutcome::Failed);
}
