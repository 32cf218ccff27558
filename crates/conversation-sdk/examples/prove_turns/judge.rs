//! The judge: reads the database and the media directory as files, without the library.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::Result;

/// A conversation as it lies on the disk.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) messages: Vec<Value>,
    pub(crate) turns: Vec<Value>,
    pub(crate) record: Value,
    /// Ids of references that messages name.
    pub(crate) named: BTreeSet<String>,
    /// Media files, relative to the media directory.
    pub(crate) files: BTreeSet<String>,
}

/// Reads what a directory holds of the proof's conversation.
pub(crate) fn read(dir: &Path) -> Result<Found> {
    let mut found = Found::default();
    let database = dir.join("state.sqlite");
    if database.exists() {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let connection = Connection::open_with_flags(&database, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        let tables: i64 = connection.query_row(
            "SELECT count(*) FROM sqlite_master WHERE name = 'messages'",
            [],
            |row| row.get(0),
        )?;
        if tables > 0 {
            let texts = |sql: &str| -> Result<Vec<Value>> {
                let mut statement = connection.prepare(sql)?;
                let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
                let mut values = Vec::new();
                for row in rows {
                    values.push(serde_json::from_str(&row?)?);
                }
                Ok(values)
            };
            found.messages =
                texts("SELECT message FROM messages WHERE branch = 0 ORDER BY position")?;
            found.turns = texts("SELECT turn FROM slots WHERE turn IS NOT NULL ORDER BY slot")?;
            let records = texts("SELECT record FROM conversations")?;
            found.record = records.into_iter().next().unwrap_or_default();
        }
    }
    for message in &found.messages {
        references(message, &mut found.named);
    }
    files(&dir.join("media"), &dir.join("media"), &mut found.files)?;
    Ok(found)
}

/// Whether some process holds the lock for writing.
pub(crate) fn is_locked(dir: &Path) -> Result<bool> {
    let connection = Connection::open(dir.join("state.sqlite"))?;
    connection.busy_timeout(std::time::Duration::ZERO)?;
    let begun = connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK;");
    Ok(begun.is_err())
}

fn references(value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(id) = fields
                .get("storage_reference")
                .and_then(|r| r["id"].as_str())
            {
                named.insert(id.to_owned());
            }
            fields.values().for_each(|value| references(value, named));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, named)),
        _ => {}
    }
}

fn files(base: &Path, dir: &Path, found: &mut BTreeSet<String>) -> Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for entry in entries {
        let path: PathBuf = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            files(base, &path, found)?;
        } else if !name.ends_with(".meta") {
            let relative = path.strip_prefix(base)?.to_string_lossy().into_owned();
            found.insert(relative);
        }
    }
    Ok(())
}

impl Found {
    /// What every state must be, at any moment.
    pub(crate) fn check(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for id in self.named.difference(&self.files) {
            broken.push(format!("a message names {id}, which is not there"));
        }
        let text = serde_json::to_string(&self.messages).unwrap_or_default();
        if text.len() > 64 * 1024 {
            broken.push(format!("the state has {} bytes", text.len()));
        }
        broken
    }

    /// What the state must be once a conversation was gone on with and reconciled.
    pub(crate) fn check_recovered(&self) -> Vec<String> {
        let mut broken = self.check();
        for id in self.files.difference(&self.named) {
            broken.push(format!("no message names {id}, which is there"));
        }
        for turn in &self.turns {
            let status = status_of(turn);
            if matches!(status, "running" | "suspended") {
                broken.push(format!("a turn is {status}"));
            }
        }
        broken.extend(self.check_ends());
        if !self.record["current_turn"].is_null() {
            broken.push("a turn is current".to_owned());
        }
        broken
    }

    /// Whether turns that have ended say so as it is: with an answer they are complete, with a part
    /// of one interrupted, without one failed.
    pub(crate) fn check_ends(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for turn in &self.turns {
            let mut of_turn = self.messages.iter().filter(|m| m["turn"] == turn["id"]);
            let roles: Vec<&str> = of_turn.clone().filter_map(|m| m["role"].as_str()).collect();
            let answered = roles
                .iter()
                .any(|role| matches!(*role, "assistant" | "tool"));
            let closed = of_turn.next_back().is_some_and(is_closing);
            let included = turn["in_context"].as_str().unwrap_or_default();
            let is_true = match status_of(turn) {
                "running" | "suspended" => true,
                "complete" => closed && included == "all",
                "interrupted" => answered && included == "all",
                "failed" => !answered && included == "user_only",
                _ => false,
            };
            if !is_true {
                let status = status_of(turn);
                broken.push(format!("a turn is {status}/{included} and has {roles:?}"));
            }
        }
        broken
    }

    /// Whether what was found before is still there as it was. Something may have been added.
    pub(crate) fn check_kept(&self, before: &Self) -> Vec<String> {
        match self.messages.starts_with(&before.messages) {
            true => Vec::new(),
            false => vec![format!(
                "of {} messages not all are as they were",
                before.messages.len()
            )],
        }
    }

    /// The messages of a role.
    pub(crate) fn of_role(&self, role: &str) -> Vec<&Value> {
        let is_theirs = |message: &&Value| message["role"] == role;
        self.messages.iter().filter(is_theirs).collect()
    }

    /// The text of the last message of the model.
    pub(crate) fn answer(&self) -> String {
        self.of_role("assistant")
            .last()
            .map(|m| text_of(m))
            .unwrap_or_default()
    }
}

fn status_of(turn: &Value) -> &str {
    turn["status"].as_str().unwrap_or_default()
}

/// Whether a message is a whole answer that calls no tool.
fn is_closing(message: &Value) -> bool {
    let is_whole = !matches!(message["status"].as_str(), Some("partial" | "rejected"));
    let calls = message["tool_calls"].as_array().map_or(0, Vec::len);
    message["role"] == "assistant" && is_whole && calls == 0
}

/// The text of a message.
pub(crate) fn text_of(message: &Value) -> String {
    let parts = message["content"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect()
}
