//! Simpler ways to share bytes, which look right and are not: markers without a record.

use media_store_object::protocol::{Answer, Nonce, Request};

use crate::ask::{Ask, Reply};

/// The bytes of the hash have one name for ever.
const BYTES: u128 = 0;

fn bytes() -> Nonce {
    Nonce::new(BYTES)
}

/// Puts a marker, and the bytes where they are missing; or the bytes in any case, so that a
/// collector sees them change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NaiveStore {
    touch: bool,
    at: u8,
    failed: bool,
}

impl NaiveStore {
    pub(crate) fn new(touch: bool) -> Self {
        Self {
            touch,
            at: 0,
            failed: false,
        }
    }

    pub(crate) fn acknowledged(&self) -> Option<Nonce> {
        (!self.failed).then(bytes)
    }

    pub(crate) fn step(&mut self, reply: Option<Reply>) -> Option<Ask> {
        if matches!(reply, Some(Reply::Failed | Reply::Protocol(Answer::Failed))) {
            self.failed = true;
            return None;
        }
        self.at += 1;
        let missing = matches!(reply, Some(Reply::Blob(None)));
        match self.at {
            1 => Some(Ask::Protocol(Request::WriteSidecar(bytes()))),
            2 => Some(Ask::Protocol(Request::WriteMarker(bytes()))),
            3 if self.touch => Some(Ask::Protocol(Request::WriteBlob(bytes()))),
            3 => Some(Ask::ReadBlob(bytes())),
            4 if missing => Some(Ask::Protocol(Request::WriteBlob(bytes()))),
            _ => None,
        }
    }
}

/// Lists the markers and removes the bytes if there are none; or removes them if they are still
/// those that were there before the listing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NaiveCollect {
    conditional: bool,
    at: u8,
    tag: Option<u8>,
}

impl NaiveCollect {
    pub(crate) fn new(conditional: bool) -> Self {
        Self {
            conditional,
            at: 0,
            tag: None,
        }
    }

    pub(crate) fn step(&mut self, reply: Option<Reply>) -> Option<Ask> {
        self.at += 1;
        match (self.at, reply) {
            (1, _) => Some(Ask::ReadBlob(bytes())),
            (2, Some(Reply::Blob(Some(tag)))) => {
                self.tag = Some(tag);
                Some(Ask::Protocol(Request::FindMarker(bytes())))
            }
            (3, Some(Reply::Protocol(Answer::Found(false)))) => match self.tag {
                Some(tag) if self.conditional => Some(Ask::DeleteBlobIf(bytes(), tag)),
                _ => Some(Ask::Protocol(Request::DeleteBlob(bytes()))),
            },
            _ => None,
        }
    }
}
