//! What becomes of markers and sidecars by the requests of the second protocol.

use media_store_object::protocol::{Answer, Nonce, Request, SidecarState};

use crate::ask::Version;
use crate::world::{Reference, World};

impl World {
    /// What is under the name of the sidecar of a reference.
    pub(crate) fn sidecar_mut(&mut self, reference: usize) -> &mut Reference {
        let home = self.references[reference].home;
        &mut self.references[usize::from(home)]
    }

    /// The sidecar as a store of this revision reads it.
    pub(crate) fn sidecar_of(&self, reference: usize) -> SidecarState {
        let home = &self.references[usize::from(self.references[reference].home)];
        match home.state() {
            SidecarState::Live(_) | SidecarState::Restored(_)
                if usize::from(home.revision) != reference =>
            {
                SidecarState::Revised
            }
            other => other,
        }
    }

    /// A request of the second protocol happens.
    pub(crate) fn carry_out_second(
        &mut self,
        request: &Request<Version>,
        reference: usize,
    ) -> Answer<Version> {
        match request {
            Request::CreateMarker(token)
            | Request::SealMarker(token)
            | Request::BuryMarker(token)
            | Request::RetireMarker(token)
            | Request::RemoveMarker(token) => self.carry_out_marker(request, *token, reference),
            Request::ReadSidecar => Answer::Sidecar(self.sidecar_of(reference)),
            Request::FindSealed => Answer::Found(!self.sealed_of(reference).is_empty()),
            _ => self.carry_out_sidecar(request, reference),
        }
    }

    fn carry_out_sidecar(
        &mut self,
        request: &Request<Version>,
        reference: usize,
    ) -> Answer<Version> {
        let state = self.sidecar_of(reference);
        let imported = self.references[reference].imported;
        let marked = |token: &Nonce| self.generation(*token).map(|g| (g.changes, g.entry));
        let copied = match request {
            Request::RestoreSidecar(token) => marked(token).unwrap_or_default(),
            _ => (0, 0),
        };
        // A sidecar is written with its entry at the same time.
        let mut entries = self.entries;
        let revision = u8::try_from(reference).unwrap_or(u8::MAX);
        let sidecar = self.sidecar_mut(reference);
        match (request, state) {
            (Request::CreateSidecar(token), SidecarState::Missing) => {
                sidecar.put(*token, revision, false);
            }
            (Request::CreateSidecar(token), SidecarState::Retired) if imported => {
                sidecar.put(*token, revision, false);
            }
            (Request::CreateSidecar(token), SidecarState::Live(there)) if there == *token => {}
            (Request::RestoreSidecar(token), SidecarState::Missing | SidecarState::Retired) => {
                sidecar.put(*token, revision, true);
                (sidecar.changes, sidecar.entry) = copied;
                entries |= 1 << copied.1;
            }
            (Request::BurySidecar, _) => {
                sidecar.clear();
                sidecar.buried = true;
            }
            (Request::RetireSidecar(_), SidecarState::Retired) => {}
            (Request::CloseSidecar | Request::CloseSeen, SidecarState::Retired) => sidecar.close(),
            (
                Request::RetireSidecar(token),
                SidecarState::Live(there) | SidecarState::Restored(there),
            ) if there == *token => {
                sidecar.clear();
                sidecar.retired = true;
                sidecar.retirements += 1;
            }
            (Request::CloseSidecar | Request::CloseSeen, SidecarState::Tombstone) => {}
            (Request::RemoveSidecar, _) => {
                sidecar.expired |= sidecar.buried;
                sidecar.clear();
            }
            _ => return Answer::Taken,
        }
        if reference == 0 {
            self.entries = entries;
        }
        Answer::Done
    }

    fn carry_out_marker(
        &mut self,
        request: &Request<Version>,
        token: Nonce,
        reference: usize,
    ) -> Answer<Version> {
        let bit = 1u16 << reference;
        let generation = self.generation_mut(token);
        let is = |set: u16| set & bit != 0;
        match request {
            Request::CreateMarker(_) if !is(generation.tombstones) => generation.markers |= bit,
            Request::SealMarker(_) if is(generation.markers) => generation.sealed |= bit,
            Request::BuryMarker(_) => {
                generation.take_away(bit);
                generation.tombstones |= bit;
            }
            Request::RetireMarker(_) if is(generation.sealed) => return Answer::Taken,
            Request::RetireMarker(_) if is(generation.tombstones & !generation.retired) => {
                return Answer::Buried;
            }
            Request::RetireMarker(_) => {
                generation.take_away(bit);
                generation.tombstones |= bit;
                generation.retired |= bit;
            }
            Request::RemoveMarker(_) => generation.take_away(bit),
            _ => return Answer::Taken,
        }
        Answer::Done
    }
}
