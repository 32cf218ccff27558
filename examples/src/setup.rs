//! What the examples open and close: the store for media, the file for conversations, the conversation itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use conversation_sdk::{
    Conversation, ConversationConfig, ConversationFilter, ConversationManager, ConversationStatus,
    Message, Owner, PromptPack, Role, SqliteStateStore, Window,
};
use media_storage::{MediaStorage, Scope};
use media_store_fs::FileStore;
use media_types::ConversationId;

use crate::advice::failed;
use crate::errors::Failure;
use crate::options::Keeping;
use crate::report::{StateSize, stored};
use crate::sizes::{count, human};
use crate::terminal::say;

/// The user of the examples.
const USER: &str = "user123";
/// How long a turn that is still running may take when an example ends.
const SHUTDOWN_TIME: Duration = Duration::from_secs(5);

/// Where an example keeps things.
#[derive(Clone, Debug)]
pub struct Place {
    media: Option<FileStore>,
    state: SqliteStateStore,
    keeping: Keeping,
}

impl Place {
    /// Opens both; directory and file are made when absent.
    ///
    /// # Errors
    /// When one of them cannot be written, or is not what it should be.
    pub async fn open(keeping: &Keeping) -> Result<Self, Failure> {
        let media = if keeping.no_storage {
            None
        } else {
            let builder = FileStore::builder(&keeping.paths.media_dir)
                .with_organization(keeping.organization)
                .with_deduplication(!keeping.no_dedup);
            Some(builder.build().await.map_err(failed)?)
        };
        let state = SqliteStateStore::open(&keeping.paths.state)
            .await
            .map_err(failed)?;
        Ok(Self {
            media,
            state,
            keeping: keeping.clone(),
        })
    }

    /// The store for media, unless media stays inline.
    #[must_use]
    pub fn media_storage(&self) -> Option<Arc<dyn MediaStorage>> {
        self.media
            .clone()
            .map(|store| Arc::new(store) as Arc<dyn MediaStorage>)
    }

    /// The store for conversations.
    #[must_use]
    pub fn state(&self) -> SqliteStateStore {
        self.state.clone()
    }

    /// What is stored for a conversation with these messages, in figures, and where.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn summary(
        &self,
        id: &ConversationId,
        messages: &[Message],
    ) -> Result<String, Failure> {
        let state = self.keeping.paths.state.display();
        let Some(inventory) = self.media.as_ref().and_then(|store| store.inventory()) else {
            return Ok(format!(
                "media: none stored (--no-storage)\nconversation: {state}"
            ));
        };
        let usage = inventory
            .usage(Scope::Conversation(id.clone()))
            .await
            .map_err(failed)?;
        let saved = usage.logical_bytes.saturating_sub(usage.stored_bytes);
        let mut summary = format!(
            "media: {} to {}, {} on disk, {} saved by deduplication\n",
            count(usage.references, "reference"),
            count(usage.blobs, "unique file"),
            human(usage.stored_bytes),
            human(saved),
        );
        let directories: BTreeSet<PathBuf> = stored(messages)
            .map(|reference| self.keeping.paths.media_dir.join(reference.id()))
            .filter_map(|file| file.parent().map(Path::to_path_buf))
            .collect();
        for directory in directories {
            summary.push_str(&format!("files: {}\n", directory.display()));
        }
        summary.push_str(&format!("conversation: {state}"));
        Ok(summary)
    }

    /// Reports what a conversation holds, then closes everything.
    ///
    /// # Errors
    /// When the conversation or the store cannot be read, or the index not be written.
    pub async fn finish(
        self,
        manager: &ConversationManager,
        conversation: &Conversation,
    ) -> Result<(), Failure> {
        let messages = conversation.messages(Window::All).await.map_err(failed)?;
        if !messages.is_empty() {
            say(format_args!("\n{}", StateSize::of(&messages)));
            say(self.summary(conversation.id(), &messages).await?);
        }
        manager.shutdown(SHUTDOWN_TIME).await.map_err(failed)?;
        self.close().await
    }

    /// Writes the index of the media directory and closes everything.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub async fn close(self) -> Result<(), Failure> {
        if let Some(store) = self.media {
            store.export_dedup_index().await.map_err(failed)?;
            store.close().await.map_err(failed)?;
        }
        Ok(())
    }
}

/// Goes on with the newest conversation of a session, or starts one.
///
/// # Errors
/// When the state cannot be read, or the pack does not fit.
pub async fn continue_or_start(
    manager: &ConversationManager,
    pack: &PromptPack,
    prompt: &str,
    session: &str,
    start_over: bool,
) -> Result<Conversation, Failure> {
    let config = ConversationConfig::new(prompt)
        .with_user(USER)
        .with_session(session);
    if !start_over {
        // Newest first.
        let filter = ConversationFilter::new().with_session(session.parse().map_err(failed)?);
        let known = manager.find_conversations(&filter).await.map_err(failed)?;
        if let Some(newest) = known
            .records
            .iter()
            .find(|record| record.status == ConversationStatus::Active)
        {
            let owner = Owner::user(USER);
            let conversation = manager.resume(&newest.id, owner).await.map_err(failed)?;
            let messages = conversation.messages(Window::All).await.map_err(failed)?;
            say(format_args!(
                "continuing {}, {} messages",
                conversation.id(),
                messages.iter().filter(|message| is_said(message)).count()
            ));
            return Ok(conversation);
        }
    }
    let conversation = manager
        .new_conversation(pack, config)
        .await
        .map_err(failed)?;
    say(format_args!("new {} in {session}", conversation.id()));
    Ok(conversation)
}

/// Whether a message is one that people see: not a call of a tool, and not what the tool brought.
fn is_said(message: &Message) -> bool {
    match message.role {
        Role::User => true,
        Role::Assistant => message.tool_calls.is_empty(),
        _ => false,
    }
}
