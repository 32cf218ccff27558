//! The object of a part: a line of JSON, and three tallies.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use media_storage::{Operation, StorageError, StorageErrorKind};
use serde::{Deserialize, Serialize};

use super::super::tally::Tally;
use super::found::Found;
use crate::protocol::Nonce;

/// Maximum size of the object, in bytes: three full tallies, and a line.
pub(super) const MAX_OBJECT: u64 = 4 << 20;

/// Who works on a part, how far the listing is, and what it has found.
#[derive(Debug)]
pub(super) struct PartObject {
    pub(super) state: PartState,
    pub(super) found: Found,
}

/// The line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PartState {
    pub(super) pass: Nonce,
    /// The sweep that works on the part; `None` if nobody does.
    pub(super) holder: Option<Nonce>,
    pub(super) renewed_at: DateTime<Utc>,
    pub(super) done: bool,
    /// The name after which the listing continues.
    pub(super) after: Option<String>,
    /// Number of sidecars that are not of the second protocol.
    first: u64,
}

impl PartState {
    /// Creates the state of a part that was not begun.
    pub(super) fn new(pass: Nonce, holder: Nonce, renewed_at: DateTime<Utc>) -> Self {
        Self {
            pass,
            holder: Some(holder),
            renewed_at,
            done: false,
            after: None,
            first: 0,
        }
    }

    /// Returns the object, with what was found.
    pub(super) fn encode(&self, found: &Found) -> Result<Bytes, StorageError> {
        let state = Self {
            first: found.first,
            ..self.clone()
        };
        let mut body = serde_json::to_vec(&state).map_err(|error| {
            StorageError::new(StorageErrorKind::Corrupted, Operation::Sweep).with_source(error)
        })?;
        body.push(b'\n');
        for tally in [&found.markers, &found.hints, &found.users] {
            tally.encode(&mut body);
        }
        Ok(body.into())
    }
}

impl PartObject {
    /// Reads the object of a part; `None` if it is none of this sweep.
    pub(super) fn decode(pass: Nonce, body: &[u8]) -> Option<Self> {
        let end = body.iter().position(|byte| *byte == b'\n')?;
        let (json, mut left) = body.split_at_checked(end + 1)?;
        let state: PartState = serde_json::from_slice(json).ok()?;
        if state.pass != pass {
            return None;
        }
        let mut tally = || Tally::decode(pass, &mut left);
        let found = Found {
            markers: tally()?,
            hints: tally()?,
            users: tally()?,
            first: state.first,
        };
        Some(Self { state, found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_object_fits() {
        let pass = Nonce::new(u128::MAX);
        let mut state = PartState::new(pass, pass, Utc::now());
        state.after = Some("\u{1}".repeat(1024));
        state.first = u64::MAX;
        let mut body = serde_json::to_vec(&state).unwrap();
        body.push(b'\n');
        for _ in 0..3 {
            body.extend([u64::MAX, 1 << 16].iter().flat_map(|n| n.to_be_bytes()));
            for cell in 0..=u16::MAX {
                body.extend(cell.to_be_bytes());
                body.extend([0xff; 16]);
            }
        }
        assert!(body.len() as u64 <= MAX_OBJECT, "{}", body.len());
        let read = PartObject::decode(pass, &body).unwrap();
        assert_eq!(read.state.encode(&read.found).unwrap(), body);
        assert!(PartObject::decode(Nonce::new(1), &body).is_none());
    }

    #[test]
    fn numbers_out_of_objects_do_not_overflow() {
        let pass = Nonce::new(1);
        let mut found = Found::new(pass);
        found.first = u64::MAX;
        let state = PartState::new(pass, pass, Utc::now());
        let mut body = state.encode(&found).unwrap().to_vec();
        // The number of names of the first tally.
        let at = body.len() - 3 * 16;
        body[at..at + 8].fill(0xff);
        let read = PartObject::decode(pass, &body).unwrap();
        let mut all = Found::new(pass);
        all.add(&read.found);
        all.add(&read.found);
        all.markers.add_belonging("name");
        assert_eq!(all.first, u64::MAX);
        assert!(all.markers.suspects().contains("name"));
    }
}
