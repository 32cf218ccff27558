//! What becomes of the bucket by each request.

use media_store_object::protocol::{
    Answer, Nonce, Record, RecordState, Request, SidecarState, Versioned,
};

use crate::ask::{ALONE, Ask, Listing, Reply, Version};
use crate::generation::Generation;
use crate::world::{Standing, World};

/// The generation of a buried sidecar whose marker is gone: none has this name.
const NOWHERE: Nonce = Nonce::new(126);

impl World {
    fn list(&self, listing: Listing) -> Vec<(u8, Nonce)> {
        let mut found = Vec::new();
        for (at, reference) in self.references.iter().enumerate() {
            let (bit, name) = (1u16 << at, u8::try_from(at).unwrap_or(u8::MAX));
            // The sidecar is one for all revisions.
            let sidecar = reference.sidecar.map(|token| (reference.revision, token));
            let sidecar = sidecar.filter(|_| reference.home == name);
            let below = |mask: fn(&Generation) -> u16, name: u8| {
                let all = self.generations.iter();
                let all = all.filter(move |g| mask(g) & bit != 0);
                all.map(move |g| (name, g.token))
            };
            match listing {
                Listing::Scope => found.extend(sidecar),
                // Those of the first protocol say so.
                Listing::Sidecars if reference.first && !self.mistakes_first => {}
                Listing::Sidecars => {
                    let marked = |(revision, token)| {
                        let bit = 1u16 << revision;
                        self.generation(token).is_some_and(|g| g.sealed & bit != 0)
                    };
                    found.extend(sidecar.filter(|sidecar| !marked(*sidecar)));
                }
                Listing::Markers => found.extend(below(|g| g.sealed, name)),
                Listing::Provisional => {
                    found.extend(below(|g| g.markers & !g.sealed, name));
                }
                Listing::Tombstones => {
                    let home = &self.references[usize::from(reference.home)];
                    let alone = match home.buried || home.retired {
                        true => 0,
                        false => ALONE,
                    };
                    found.extend(below(|g| g.tombstones, name | alone));
                    let taken = reference.buried || reference.retired;
                    let named =
                        |other: u8| self.references[usize::from(other & !ALONE)].home == name;
                    let named = found.iter().any(|(other, _)| named(*other));
                    found.extend((taken && !named).then_some((name, NOWHERE)));
                }
            }
        }
        found
    }

    fn write_record(&mut self, record: &Record) -> Answer<Version> {
        if record.state == RecordState::Dead {
            self.generation_mut(record.generation).over = true;
        }
        self.record = Some(record.clone());
        Answer::Swapped(Version::of(record))
    }

    /// The request happens.
    pub(crate) fn apply(&mut self, ask: &Ask, reference: usize) -> Reply {
        let bit = 1u16 << reference;
        let answer = match ask {
            Ask::InFirst(ask) => {
                self.swap_spaces();
                let reply = self.apply(ask, reference);
                self.swap_spaces();
                return reply;
            }
            Ask::ReadSidecar => {
                let reference = &mut self.references[reference];
                reference.standing = Standing::Leaving;
                return Reply::Sidecar(reference.sidecar);
            }
            Ask::BeginDeletion => {
                let reference = self.sidecar_mut(reference);
                let state = reference.state();
                let nothing = match state {
                    SidecarState::Missing => reference.standing == Standing::Unknown,
                    SidecarState::Retired => true,
                    _ => false,
                };
                if !nothing {
                    reference.standing = Standing::Leaving;
                }
                return Reply::Found(state, reference.revision);
            }
            Ask::BeginImport => {
                let reference = self.sidecar_mut(reference);
                reference.begin_import();
                return Reply::Found(reference.state(), reference.revision);
            }
            Ask::ReadVersion => {
                let state = self.sidecar_of(reference);
                return Reply::Version(state, self.sidecar_mut(reference).retirements);
            }
            Ask::CloseVersion(version) => {
                let sidecar = self.sidecar_mut(reference);
                match sidecar.state() {
                    SidecarState::Retired if sidecar.retirements == *version => {
                        sidecar.close();
                        Answer::Done
                    }
                    SidecarState::Tombstone => Answer::Done,
                    _ => Answer::Taken,
                }
            }
            Ask::Update(ask) => return self.apply_update(ask, reference),
            Ask::ListSealed => return Reply::References(self.sealed_of(reference)),
            Ask::List(listing) => return Reply::References(self.list(*listing)),
            Ask::PutSidecar(token) => {
                let revision = u8::try_from(reference).unwrap_or(u8::MAX);
                self.sidecar_mut(reference).put(*token, revision, false);
                Answer::Done
            }
            Ask::PutMarker(token) => {
                let generation = self.generation_mut(*token);
                generation.take_away(bit);
                generation.markers |= bit;
                Answer::Done
            }
            Ask::CreateSealed(token) => {
                let generation = self.generation_mut(*token);
                if (generation.markers | generation.tombstones) & bit != 0 {
                    Answer::Taken
                } else {
                    generation.markers |= bit;
                    generation.sealed |= bit;
                    Answer::Done
                }
            }
            Ask::PutSeal(token) => {
                let generation = self.generation_mut(*token);
                generation.take_away(bit);
                generation.markers |= bit;
                generation.sealed |= bit;
                Answer::Done
            }
            Ask::RemoveAll(token) => {
                let generation = self.generation_mut(*token);
                (generation.markers, generation.sealed) = (0, 0);
                (generation.tombstones, generation.retired) = (0, 0);
                generation.over = true;
                Answer::Done
            }
            Ask::FindFirst(token) => {
                let generation = self.generation(*token);
                Answer::Found(generation.is_some_and(|g| g.tombstones == 0 && g.markers != 0))
            }
            Ask::ListGenerations => {
                let seen = self.generations.iter();
                let seen = seen.filter(|g| g.blob.is_some() || g.markers | g.tombstones != 0);
                return Reply::Generations(seen.map(|g| g.token).collect());
            }
            Ask::ReadBlob(token) => {
                return Reply::Blob(self.generation(*token).and_then(|g| g.blob));
            }
            Ask::DeleteBlobIf(token, tag) => {
                let generation = self.generation_mut(*token);
                if generation.blob == Some(*tag) {
                    generation.blob = None;
                }
                Answer::Done
            }
            Ask::PutRecord(record) => self.write_record(record),
            Ask::Protocol(request) => self.carry_out(request, reference),
        };
        Reply::Protocol(answer)
    }

    /// A request of the protocols happens.
    fn carry_out(&mut self, request: &Request<Version>, reference: usize) -> Answer<Version> {
        let bit = 1u16 << reference;
        match request {
            Request::ReadRecord => Answer::Record(self.record.clone().map(|record| {
                let version = Version::of(&record);
                Versioned { record, version }
            })),
            Request::SwapRecord { expected, record } => {
                if *expected == self.record.as_ref().map(Version::of) {
                    self.write_record(record)
                } else {
                    Answer::Unclear
                }
            }
            Request::WriteSidecar(token) => {
                self.references[reference].sidecar = Some(*token);
                Answer::Done
            }
            Request::DeleteSidecar => {
                self.references[reference].sidecar = None;
                Answer::Done
            }
            Request::WriteMarker(token) => {
                self.generation_mut(*token).markers |= bit;
                Answer::Done
            }
            Request::DeleteMarker(token) => {
                self.generation_mut(*token).markers &= !bit;
                Answer::Done
            }
            Request::WriteBlob(token) => {
                self.writes += u8::from(self.counts_writes);
                self.generation_mut(*token).blob = Some(self.writes);
                Answer::Done
            }
            Request::FindMarker(token) => {
                Answer::Found(self.generation(*token).is_some_and(|g| g.markers != 0))
            }
            Request::DeleteBlob(token) => {
                let generation = self.generation_mut(*token);
                generation.blob = None;
                generation.over = true;
                Answer::Done
            }
            // Tombstones stay until they are old.
            Request::DeleteMarkers(token) => {
                let generation = self.generation_mut(*token);
                generation.markers = 0;
                generation.sealed = 0;
                generation.over = true;
                Answer::Done
            }
            other => self.carry_out_second(other, reference),
        }
    }
}
