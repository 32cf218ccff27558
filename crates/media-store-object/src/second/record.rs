//! Hash records of the second protocol: padded, so that a listing shows their state.

use serde::{Deserialize, Serialize};

use crate::protocol::{Nonce, Record, RecordState};

/// Size of the record of a live generation, in bytes.
pub(crate) const LIVE_SIZE: u64 = 512;

/// Size of the record of a condemned generation, in bytes.
const CONDEMNED_SIZE: u64 = 513;

/// Size of the record of a dead generation, in bytes.
pub(crate) const DEAD_SIZE: u64 = 514;

/// Version of the format.
const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Wire {
    v: u32,
    state: RecordState,
    #[serde(rename = "gen")]
    generation: Nonce,
    size: u64,
    nonce: Nonce,
    key: String,
}

/// Serializes a record, with the fingerprint of the key of its name.
pub(super) fn to_json(record: &Record, fingerprint: &str) -> Vec<u8> {
    let wire = Wire {
        v: VERSION,
        state: record.state,
        generation: record.generation,
        size: record.size,
        nonce: record.nonce,
        key: fingerprint.to_owned(),
    };
    // Serializing this type cannot fail.
    let mut json = serde_json::to_vec(&wire).unwrap_or_default();
    let size = match record.state {
        RecordState::Live => LIVE_SIZE,
        RecordState::Condemned => CONDEMNED_SIZE,
        RecordState::Dead => DEAD_SIZE,
    };
    json.resize(usize::try_from(size).unwrap_or(json.len()), b' ');
    json
}

/// Parses a record; the error says why it is not valid.
pub(super) fn from_json(json: &[u8], fingerprint: &str) -> Result<Record, &'static str> {
    let wire: Wire =
        serde_json::from_slice(json).map_err(|_| "the hash record of a blob is damaged")?;
    if wire.v != VERSION {
        return Err("the hash record of a blob has an unsupported version");
    }
    if wire.key != fingerprint {
        return Err("the hash record of a blob was written under another key of names");
    }
    Ok(Record {
        state: wire.state,
        generation: wire.generation,
        size: wire.size,
        nonce: wire.nonce,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_shows_the_state() {
        for (state, size) in [
            (RecordState::Live, 512),
            (RecordState::Condemned, 513),
            (RecordState::Dead, 514),
        ] {
            let record = Record {
                state,
                generation: Nonce::new(u128::MAX),
                size: u64::MAX,
                nonce: Nonce::new(1),
            };
            let json = to_json(&record, "0123456789abcdef");
            assert_eq!(json.len(), size);
            assert_eq!(from_json(&json, "0123456789abcdef"), Ok(record));
            assert!(from_json(&json, "other").is_err());
            assert!(from_json(&json[1..], "0123456789abcdef").is_err());
        }
    }
}
