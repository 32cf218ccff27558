//! The steps of the script that writes.

use std::collections::BTreeSet;

use redis::Cmd;
use serde::{Deserialize, Serialize};

use crate::redis::keys::{CHUNKS, FIRSTS, MESSAGES, PLACES, REFERENCES, TURNS, WINDOW};
use crate::redis::references::name;
use crate::transition::{EncodedMessage, PlannedTurn};

/// Largest part of a value: larger ones are cut up.
const CHUNK: usize = 512 << 10;

/// What is kept about a slot, in the line before its turn.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SlotHeader {
    pub(super) branch: u32,
    pub(super) first: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
}

/// What is kept about a message beside its JSON.
#[derive(Debug, Serialize)]
struct MessageHeader<'a> {
    id: &'a str,
    chunks: usize,
    refs: Vec<String>,
}

/// Steps of a write, as arguments of the script.
pub(super) struct Steps(Cmd);

impl Steps {
    /// Begins with the command that runs the script, and the state that it expects.
    pub(super) fn new(
        mut command: Cmd,
        guard: &str,
        tombstone: &str,
        time_to_live: Option<std::time::Duration>,
    ) -> Self {
        let time = time_to_live.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(0));
        command.arg(guard).arg(tombstone).arg(time);
        Self(command)
    }

    pub(super) fn finish(self) -> Cmd {
        self.0
    }

    /// Adds a command on one of the keys.
    pub(super) fn call(&mut self, name: &str, key: usize, arguments: &[&[u8]]) {
        self.0.arg("call").arg(name).arg(key).arg(arguments.len());
        for argument in arguments {
            self.0.arg(*argument);
        }
    }

    pub(super) fn set(&mut self, key: usize, field: &str, value: impl AsRef<[u8]>) {
        self.call("HSET", key, &[field.as_bytes(), value.as_ref()]);
    }

    pub(super) fn remove(&mut self, key: usize, field: &str) {
        self.call("HDEL", key, &[field.as_bytes()]);
    }

    /// Cuts off the positions of a range, to a branch or for good.
    pub(super) fn cut(&mut self, from: u64, to: u64, branch: Option<u32>) {
        let branch = branch.map_or(String::new(), |branch| branch.to_string());
        self.0.arg("cut").arg(from).arg(to).arg(branch);
    }

    /// Removes one of the keys if it is of another type than the others write.
    pub(super) fn clear(&mut self, key: usize) {
        self.0.arg("clear").arg(key);
    }

    /// Removes an entry of the log.
    pub(super) fn prune(&mut self, version: u64) {
        self.0.arg("prune").arg(version);
    }

    /// Writes a message in the place of another one.
    pub(super) fn replace(&mut self, place: &str, message: &EncodedMessage) {
        self.0.arg("replace").arg(place);
        self.message(place, message);
    }

    /// Adds a message.
    pub(super) fn append(&mut self, position: u64, slot: u64, message: &EncodedMessage) {
        let place = format!("0:{position}");
        self.message(&place, message);
        self.set(MESSAGES, &format!("i:{}", message.id), &place);
        let slot = slot.to_string();
        self.call("ZADD", PLACES, &[slot.as_bytes(), place.as_bytes()]);
    }

    fn message(&mut self, place: &str, message: &EncodedMessage) {
        let json = message.json.as_bytes();
        let chunks = match json.len() <= CHUNK {
            true => 0,
            false => json.len().div_ceil(CHUNK),
        };
        let names: Vec<Vec<u8>> = message.references.iter().map(name).collect();
        let header = MessageHeader {
            id: message.id.as_str(),
            chunks,
            // Names of references are text.
            refs: names
                .iter()
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .collect(),
        };
        let header = serde_json::to_string(&header).unwrap_or_default();
        self.set(MESSAGES, &format!("h:{place}"), header);
        match chunks {
            0 => self.set(MESSAGES, &format!("m:{place}"), json),
            _ => {
                self.set(MESSAGES, &format!("m:{place}"), "");
                for (n, chunk) in json.chunks(CHUNK).enumerate() {
                    self.set(CHUNKS, &format!("{}/{n}", message.id), chunk);
                }
            }
        }
        for mut name in names {
            name.push(0);
            name.extend(message.id.as_str().as_bytes());
            self.call("ZADD", REFERENCES, &[b"0", &name]);
        }
    }

    /// Writes a slot.
    pub(super) fn slot(
        &mut self,
        planned: &PlannedTurn,
        turn: Option<&str>,
        old_key: Option<&str>,
    ) {
        let slot = planned.slot.to_string();
        let record = planned.turn.as_ref();
        let header = SlotHeader {
            branch: planned.branch,
            first: planned.first,
            id: record.map(|turn| turn.id.to_string()),
            key: record.and_then(|turn| turn.idempotency_key.clone()),
        };
        if let Some(old) = old_key
            && header.key.as_deref() != Some(old)
        {
            self.remove(TURNS, &format!("k:{old}"));
        }
        let mut row = serde_json::to_string(&header).unwrap_or_default();
        row.push('\n');
        row.push_str(turn.unwrap_or_default());
        self.set(TURNS, &format!("s:{slot}"), row);
        if let Some(id) = &header.id {
            self.set(TURNS, &format!("t:{id}"), &slot);
            if let Some(key) = &header.key {
                self.set(TURNS, &format!("k:{key}"), id);
            }
        }
        if planned.branch != 0 {
            // The cut has taken it out of what is of branch 0 alone.
            return;
        }
        let first = planned.first.to_string();
        self.call("ZADD", FIRSTS, &[first.as_bytes(), slot.as_bytes()]);
        match planned.in_context {
            true => self.call("ZADD", WINDOW, &[slot.as_bytes(), slot.as_bytes()]),
            false => self.call("ZREM", WINDOW, &[slot.as_bytes()]),
        }
    }
}

/// The parts of a row of a slot: what is kept about it, and its turn.
pub(super) fn slot_row(row: &[u8]) -> Option<(SlotHeader, &[u8])> {
    let line = row.iter().position(|byte| *byte == b'\n')?;
    let header = serde_json::from_slice(&row[..line]).ok()?;
    Some((header, &row[line + 1..]))
}

/// The names of all references of some messages.
pub(super) fn references_of<'a>(
    messages: impl Iterator<Item = &'a EncodedMessage>,
) -> BTreeSet<Vec<u8>> {
    messages
        .flat_map(|message| message.references.iter().map(name))
        .collect()
}
