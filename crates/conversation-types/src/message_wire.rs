//! JSON of messages.

use std::fmt;

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::id::MessageId;
use crate::json::{JsonText, RawJson};
use crate::lossy::LossyText;
use crate::message::{Message, MessageStatus};
use crate::part::Part;
use crate::role::Role;

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let (Role::Unknown, [Part::Unknown(part)]) = (self.role, self.content.as_slice()) {
            return part.json().serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        if let Some(turn) = &self.turn {
            map.serialize_entry("turn", turn)?;
        }
        map.serialize_entry("role", self.role.as_str())?;
        if self.status != MessageStatus::Complete {
            map.serialize_entry("status", self.status.as_str())?;
        }
        map.serialize_entry("content", &self.content)?;
        if !self.tool_calls.is_empty() {
            map.serialize_entry("tool_calls", &self.tool_calls)?;
        }
        if let Some(call) = &self.tool_call_id {
            map.serialize_entry("tool_call_id", call)?;
        }
        let created = self.created_at.to_rfc3339_opts(SecondsFormat::Millis, true);
        map.serialize_entry("created_at", &created)?;
        if !self.metadata.is_empty() {
            map.serialize_entry("metadata", &self.metadata)?;
        }
        if let Some(usage) = &self.usage {
            map.serialize_entry("usage", usage)?;
        }
        self.extra.serialize_into(&mut map)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Message {
    /// Never fails on well-formed input: what is no message known here becomes one of
    /// [`Role::Unknown`]. A message without an id, as version 0.1 wrote it, gets a new one.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let JsonText(text) = JsonText::deserialize(deserializer)?;
        let mut reader = serde_json::Deserializer::from_str(&text);
        match reader.deserialize_map(MessageVisitor) {
            Ok(message) => Ok(message),
            Err(error) => {
                let reason = error.to_string();
                let json = RawJson::from_text(text).map_err(de::Error::custom)?;
                Ok(Self::unknown(json, reason))
            }
        }
    }
}

struct MessageVisitor;

impl<'de> Visitor<'de> for MessageVisitor {
    type Value = Message;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message, A::Error> {
        let mut message = Message::new(Role::User, Vec::new());
        let (mut id, mut role, mut created_at) = (None, None, None);
        while let Some(LossyText(key)) = map.next_key()? {
            match key.as_str() {
                "id" => id = Some(map.next_value::<MessageId>()?),
                "turn" => message.turn = map.next_value()?,
                "role" => role = Some(read_role(&map.next_value::<String>()?)?),
                "status" => message.status = read_status(&map.next_value::<String>()?)?,
                "content" => message.content = map.next_value::<Content>()?.0,
                "tool_calls" => message.tool_calls = map.next_value()?,
                "tool_call_id" => {
                    let call = map.next_value::<Option<LossyText>>()?;
                    message.tool_call_id = call.map(|text| text.0);
                }
                "created_at" => created_at = Some(map.next_value::<DateTime<Utc>>()?),
                "metadata" => message.metadata = map.next_value()?,
                "usage" => message.usage = map.next_value()?,
                _ => message.extra.insert(key, map.next_value::<RawJson>()?),
            }
        }
        message.id = id.unwrap_or(message.id);
        message.role = role.ok_or_else(|| de::Error::missing_field("role"))?;
        message.created_at = created_at
            .ok_or_else(|| de::Error::missing_field("created_at"))?
            .trunc_subsecs(3);
        Ok(message)
    }
}

fn read_role<E: de::Error>(word: &str) -> Result<Role, E> {
    match Role::from_word(word) {
        Role::Unknown => Err(E::custom("unknown role")),
        role => Ok(role),
    }
}

fn read_status<E: de::Error>(word: &str) -> Result<MessageStatus, E> {
    [
        MessageStatus::Complete,
        MessageStatus::Partial,
        MessageStatus::Rejected,
    ]
    .into_iter()
    .find(|status| status.as_str() == word)
    .ok_or_else(|| E::custom("unknown status"))
}

/// The parts of a message; plain text is one text part, null is none.
struct Content(Vec<Part>);

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let JsonText(text) = JsonText::deserialize(deserializer)?;
        let parts = match text.as_bytes().first() {
            Some(b'"') => {
                serde_json::from_str::<LossyText>(&text).map(|text| vec![Part::text(text.0)])
            }
            Some(b'n') => Ok(Vec::new()),
            _ => serde_json::from_str(&text),
        };
        parts.map(Self).map_err(de::Error::custom)
    }
}
