//! What weakened variants make of the answers.

use media_store_object::protocol::{
    Answer, Nonce, Record, RecordState, Request, SidecarState, Versioned,
};

use crate::ask::{Ask, Reply, Version};
use crate::updates::UpdateAsk;
use crate::weak::{Heard, Kind, Memory, STALE, Weakness};

impl Weakness {
    /// Changes an answer, or asks more.
    pub(crate) fn hear(self, memory: &mut Memory, kind: Kind, ask: &Ask, reply: Reply) -> Heard {
        use Request as R;
        if let (Self::DeletedTakenForRetired, Ask::BeginImport, Reply::Found(_, revision)) =
            (self, ask, &reply)
        {
            return Heard::Reply(Reply::Found(SidecarState::Retired, *revision));
        }
        if let (Self::UpdateBelieved, Ask::Update(UpdateAsk::Follow(..))) = (self, ask) {
            return Heard::Reply(match reply {
                Reply::Protocol(Answer::Taken) => Reply::Protocol(Answer::Done),
                other => other,
            });
        }
        let (Ask::Protocol(request), Reply::Protocol(answer)) = (ask, &reply) else {
            return Heard::Reply(reply);
        };
        let also = |request| Heard::Also(Ask::Protocol(request));
        let say = |answer| Heard::Reply(Reply::Protocol(answer));
        match (self, kind, request, answer) {
            (
                Self::BelievedBurial,
                Kind::Collect,
                R::SwapRecord { record, .. },
                Answer::Unclear,
            ) if record.state == RecordState::Dead => say(Answer::Swapped(Version::of(record))),
            (Self::WriterRemovesBytes, Kind::Store, R::DeleteMarker(token), _)
                if memory.generation == Some(*token) =>
            {
                memory.held = Some(reply);
                also(R::DeleteBlob(*token))
            }
            (Self::SealInDoubt, Kind::Store, R::SealMarker(_), Answer::Failed)
            | (Self::MarkerInDoubt, Kind::Store, R::CreateMarker(_), Answer::Failed) => {
                say(Answer::Done)
            }
            (Self::PublishedBytesRemoved, Kind::Store, R::SwapRecord { record, .. }, _) => {
                memory.generation = Some(record.generation);
                Heard::Reply(reply)
            }
            (Self::PublishedBytesRemoved, Kind::Store, R::BuryMarker(token), _)
                if memory.generation == Some(*token) =>
            {
                memory.held = Some(reply);
                also(R::DeleteBlob(*token))
            }
            (Self::PublishedBytesRemoved, Kind::Store, R::DeleteBlob(_), _) => held(memory, reply),
            (
                Self::RestoredIsOwn,
                Kind::Store,
                R::ReadSidecar,
                Answer::Sidecar(SidecarState::Restored(token)),
            ) => say(Answer::Sidecar(SidecarState::Live(*token))),
            (Self::ReadBeforeSeal, Kind::Store, R::ReadSidecar, Answer::Sidecar(_)) => {
                match memory.generation.take() {
                    Some(token) => {
                        memory.read = Some(answer.clone());
                        also(R::SealMarker(token))
                    }
                    None => Heard::Reply(reply),
                }
            }
            (Self::NoSecondRead, Kind::Store, R::ReadRecord, Answer::Record(_)) => {
                memory.read = Some(answer.clone());
                Heard::Reply(reply)
            }
            (Self::MarkerAfterCheck, Kind::Store, R::ReadRecord, _) => match memory.generation {
                Some(token) => {
                    memory.held = Some(reply);
                    also(R::WriteMarker(token))
                }
                None => Heard::Reply(reply),
            },
            (Self::MarkerAfterCheck, Kind::Store, R::WriteMarker(_), _) => held(memory, reply),
            (Self::NoRevival, Kind::Store, R::ReadRecord, Answer::Record(Some(read)))
                if read.record.state == RecordState::Condemned =>
            {
                let mut read = read.clone();
                read.record.state = RecordState::Live;
                say(Answer::Record(Some(read)))
            }
            (Self::BytesAfterPublication, Kind::Store, R::SwapRecord { .. }, _) => {
                match memory.generation.take() {
                    Some(token) => {
                        memory.held = Some(reply);
                        also(R::WriteBlob(token))
                    }
                    None => Heard::Reply(reply),
                }
            }
            (
                Self::PublishedOverNewer,
                Kind::Store,
                R::SwapRecord { record, .. },
                Answer::Unclear,
            ) if memory.stage == 0 => {
                memory.stage = 1;
                memory.record = Some(record.clone());
                memory.held = Some(Reply::Protocol(Answer::Unclear));
                also(R::ReadRecord)
            }
            (Self::PublishedOverNewer, Kind::Store, R::ReadRecord, Answer::Record(read))
                if memory.stage == 1 =>
            {
                memory.stage = 2;
                match (&memory.record, read) {
                    (Some(ours), Some(Versioned { record, version }))
                        if record.generation != ours.generation =>
                    {
                        also(R::SwapRecord {
                            expected: Some(*version),
                            record: ours.clone(),
                        })
                    }
                    _ => held(memory, reply),
                }
            }
            (
                Self::BegunAnewInDoubt,
                Kind::Store,
                R::SwapRecord { record, .. },
                Answer::Unclear,
            ) => {
                memory.record = Some(record.clone());
                Heard::Reply(reply)
            }
            (Self::BegunAnewInDoubt, Kind::Store, R::ReadRecord, Answer::Record(read)) => {
                match (memory.record.take(), read) {
                    (Some(ours), read)
                        if read
                            .as_ref()
                            .is_none_or(|read| read.record.generation != ours.generation) =>
                    {
                        // A record that changed, so that the machine takes its own for lost.
                        say(Answer::Record(Some(dead(&ours))))
                    }
                    _ => Heard::Reply(reply),
                }
            }
            (Self::GenerationReused, Kind::Store, R::ReadRecord, Answer::Record(Some(read)))
                if read.record.state == RecordState::Dead && memory.stage == 0 =>
            {
                memory.stage = 1;
                memory.reuse = Some(read.record.generation);
                Heard::Reply(reply)
            }
            (Self::DeleteRemovesBytes, Kind::Delete, R::DeleteMarker(token), Answer::Done) => {
                memory.held = Some(reply);
                also(R::FindMarker(*token))
            }
            (
                Self::DeleteRemovesBytes,
                Kind::Delete,
                R::FindMarker(token),
                Answer::Found(false),
            ) => also(R::DeleteBlob(*token)),
            (
                Self::DeleteRemovesBytes | Self::WriterRemovesBytes,
                Kind::Delete | Kind::Store,
                R::FindMarker(_) | R::DeleteBlob(_),
                _,
            ) => held(memory, reply),
            (Self::BytesAfterPublication, Kind::Store, R::WriteBlob(_), _) => held(memory, reply),
            _ => Heard::Reply(reply),
        }
    }
}

fn held(memory: &mut Memory, reply: Reply) -> Heard {
    Heard::Reply(memory.held.take().unwrap_or(reply))
}

fn dead(ours: &Record) -> Versioned<Version> {
    let record = Record {
        state: RecordState::Dead,
        ..ours.clone()
    };
    let version = Version::of(&record);
    let record = Record {
        nonce: Nonce::new(STALE),
        ..record
    };
    Versioned { record, version }
}
