//! Writing a conversation that was read.

use conversation_sdk::{ConversationManager, Start};
use media_storage::Sha256Hasher;
use media_types::{ConversationId, SessionId, UserId};

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

/// Writes conversations of one program.
pub(super) struct Saver<'a> {
    pub(super) manager: &'a ConversationManager,
    /// The program's name.
    pub(super) program: &'static str,
    /// What is given on the command line goes before what the other program says.
    pub(super) owner: &'a Owner,
}

impl Saver<'_> {
    /// Writes a conversation; `text` is what it was read from. One that was written before, in full or
    /// in part, is gone on with.
    pub(super) async fn save(&self, foreign: Foreign, text: &str) -> Outcome<Saved> {
        let key = Sha256Hasher::digest(format!("{}\n{text}", self.program).as_bytes());
        let mut start = Start::new()
            .with_idempotency_key(format!("import-{}", key.to_hex()))
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
        let rest = foreign.messages.get(done..).unwrap_or_default();
        for batch in rest.chunks(BATCH) {
            let appended = conversation.append(batch.to_vec());
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
