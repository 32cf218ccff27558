//! Writing a conversation that was read.

use std::io;

use conversation_sdk::{ConversationManager, Start};
use media_storage::Sha256Hasher;
use media_types::{ConversationId, SessionId, UserId};
use serde_json::Value;

use crate::failure::Outcome;
use crate::state::failure;
use crate::store::Owner;

use super::foreign::Foreign;

/// How many messages are written at a time.
const BATCH: usize = 50;

/// What became of a conversation.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) conversation: String,
    /// Messages that it has now.
    pub(super) messages: u64,
    /// Messages that were added by this run.
    pub(super) added: u64,
    pub(super) missing: u64,
}

/// What a conversation is known by when it is read again.
#[derive(Debug)]
pub(super) struct ImportKey(String);

impl ImportKey {
    /// Creates the key of a conversation that is made of these values.
    pub(super) fn new(program: &str, values: &[&Value]) -> Self {
        let mut hasher = HashWriter(Sha256Hasher::new());
        hasher.0.update(program.as_bytes());
        hasher.0.update(b"\n");
        for value in values {
            // A hasher takes everything.
            let _ = serde_json::to_writer(&mut hasher, value);
        }
        Self(format!("import-{}", hasher.0.finish().to_hex()))
    }
}

struct HashWriter(Sha256Hasher);

impl io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes conversations of one program.
pub(super) struct Saver<'a> {
    pub(super) manager: &'a ConversationManager,
    /// The program's name.
    pub(super) program: &'static str,
    /// What is given on the command line goes before what the other program says.
    pub(super) owner: &'a Owner,
}

impl Saver<'_> {
    /// Writes a conversation. One that was written before, in full or in part, is gone on with.
    pub(super) async fn save(&self, foreign: Foreign, key: ImportKey) -> Outcome<Saved> {
        let mut start = Start::new()
            .with_idempotency_key(key.0)
            .with_metadata("imported_from", self.program)
            .with_tag("imported");
        if let Some(system) = foreign.system {
            start = start.with_system(system);
        }
        // Ids that this workspace does not take are left out.
        let known = |id: Option<String>, is_id: fn(&str) -> bool| id.filter(|id| is_id(id));
        let user = known(foreign.user, |id| UserId::new(id).is_ok());
        let session = known(foreign.session, |id| SessionId::new(id).is_ok());
        let id = known(foreign.id, |id| ConversationId::new(id).is_ok());
        if let Some(user) = self.owner.user.as_ref().map(ToString::to_string).or(user) {
            start = start.with_user(user);
        }
        if let Some(session) = self
            .owner
            .session
            .as_ref()
            .map(ToString::to_string)
            .or(session)
        {
            start = start.with_session(session);
        }
        if let Some(run) = &self.owner.run {
            start = start.with_run(run.as_str());
        }
        if let Some(id) = self
            .owner
            .conversation
            .as_ref()
            .map(ToString::to_string)
            .or(id)
        {
            start = start.with_conversation_id(id);
        }
        let conversation = self.manager.start(start).await.map_err(failure)?;
        let record = conversation.record().await.map_err(failure)?;
        let (mut messages, mut added) = (record.message_count, 0);
        let done = usize::try_from(messages).unwrap_or(usize::MAX);
        // What is written is not kept.
        let mut rest = foreign.messages.into_iter().skip(done);
        loop {
            let batch: Vec<_> = rest.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let appended = conversation.append(batch);
            let count = appended.await.map_err(failure)?.len() as u64;
            messages += count;
            added += count;
        }
        Ok(Saved {
            conversation: record.id.to_string(),
            messages,
            added,
            missing: foreign.missing,
        })
    }
}
