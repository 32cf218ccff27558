//! Reading Redis.

use std::collections::BTreeMap;

use redis::{Commands as _, Connection};
use serde_json::Value;

use super::state::{Conversation, StateFound, has_base64};
use crate::Failure;

pub(super) fn read(url: &str) -> Result<StateFound, Failure> {
    let mut connection = redis::Client::open(url)?.get_connection()?;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection)?;
    let mut found = StateFound {
        base64: base64(&mut connection, &keys)?,
        ..StateFound::default()
    };
    // Keys of conversations by their tags.
    let mut tags: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for key in &keys {
        if key.contains(":lease:") {
            // Redis itself removes those that have ended.
            found.leases.push(key.clone());
        }
        let tag = key
            .split_once("{c:")
            .and_then(|(_, rest)| rest.split_once("}:"));
        if let Some((id, name)) = tag {
            tags.entry(id).or_default().push(name);
        }
    }
    let prefix = keys
        .iter()
        .find_map(|key| key.split_once(":{c:"))
        .map_or("", |(prefix, _)| prefix);
    for (id, names) in tags {
        if !names.contains(&"record") {
            let stray = names.iter().filter(|name| **name != "tombstone");
            found
                .stray
                .extend(stray.map(|name| format!("{id}: {name}")));
            continue;
        }
        let key = |name: &str| format!("{prefix}:{{c:{id}}}:{name}");
        let record: Vec<u8> = connection.hget(key("record"), "json")?;
        let mut conversation = Conversation {
            record: serde_json::from_slice(&record)?,
            ..Conversation::default()
        };
        for text in messages(&mut connection, &key)? {
            found.message_bytes += text.len();
            conversation.messages.push(serde_json::from_slice(&text)?);
        }
        let slots: BTreeMap<String, Vec<u8>> = connection.hgetall(key("turns"))?;
        for row in slots
            .iter()
            .filter_map(|(name, row)| name.starts_with("s:").then_some(row))
        {
            // What is kept about the slot, and its turn, if it has one.
            let turn = row.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
            if !turn.is_empty() {
                conversation.turns.push(serde_json::from_slice(turn)?);
            }
        }
        found.conversations.insert(id.to_owned(), conversation);
    }
    Ok(found)
}

/// Returns the messages of a conversation, with those that are cut into chunks put together.
fn messages(
    connection: &mut Connection,
    key: &dyn Fn(&str) -> String,
) -> Result<Vec<Vec<u8>>, Failure> {
    let fields: BTreeMap<String, Vec<u8>> = connection.hgetall(key("messages"))?;
    let chunks: BTreeMap<String, Vec<u8>> = connection.hgetall(key("chunks"))?;
    let mut messages: BTreeMap<(u64, u64), Vec<u8>> = BTreeMap::new();
    for (name, text) in &fields {
        let Some(place) = name.strip_prefix("m:") else {
            continue;
        };
        let (branch, position) = place.split_once(':').ok_or("a message without a place")?;
        let header = fields.get(&format!("h:{place}"));
        let header: Value = header
            .map(|header| serde_json::from_slice(header))
            .transpose()?
            .unwrap_or_default();
        let id = header["id"].as_str().unwrap_or_default();
        let mut whole = text.clone();
        for number in 0..header["chunks"].as_u64().unwrap_or_default() {
            let chunk = chunks.get(&format!("{id}/{number}"));
            whole.extend_from_slice(chunk.ok_or("a chunk is missing")?);
        }
        messages.insert((branch.parse()?, position.parse()?), whole);
    }
    Ok(messages.into_values().collect())
}

/// Looks at every value of every key: chunks of a value are looked at one by one.
fn base64(connection: &mut Connection, keys: &[String]) -> Result<Vec<String>, Failure> {
    let mut with = Vec::new();
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(key).query(connection)?;
        let values: Vec<Vec<u8>> = match kind.as_str() {
            "string" => connection.get(key).map(|value: Vec<u8>| vec![value])?,
            "hash" => connection.hgetall(key)?,
            "set" => connection.smembers(key)?,
            "zset" => connection.zrange(key, 0, -1)?,
            // Leases and the like may end in between.
            "none" => continue,
            kind => return Err(format!("{key} is a {kind}").into()),
        };
        if values.iter().any(|value| has_base64(value)) {
            with.push(key.clone());
        }
    }
    Ok(with)
}
