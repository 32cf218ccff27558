//! The manager.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use conversation_events::{ConversationError, ConversationErrorKind as Kind, EventSubject};
use conversation_state::{
    ConversationFilter, ConversationPage, ConversationRecord, ConversationStatus, Created,
    LoadOptions, NewConversation, Window,
};
use conversation_types::TurnId;
use media_types::{ConversationId, UserId};
use prompt_pack::{PackOptions, PackRef, Prompt, PromptPack};
use serde::Deserialize;

use crate::conversation::Conversation;
use crate::core::Core;
use crate::owner::Owner;
use crate::prompt::{InlinePrompt, ResolvedPrompt};
use crate::start::{ConversationConfig, Start};
use crate::turn::{self, StopReason};

/// How long a shutdown waits for turns that it has asked to end.
const INTERRUPT_TIME: Duration = Duration::from_secs(30);

/// Starts, resumes and deletes conversations over one provider or several, a state store, and media
/// stores. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ConversationManager {
    pub(crate) core: Arc<Core>,
}

impl ConversationManager {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Reads a pack from a file.
    ///
    /// # Errors
    /// `Pack`.
    pub fn load_pack(&self, path: impl AsRef<Path>) -> Result<PromptPack, ConversationError> {
        self.load_pack_with(path, &PackOptions::new())
    }

    /// Reads a pack from a file with options.
    ///
    /// # Errors
    /// `Pack`.
    pub fn load_pack_with(
        &self,
        path: impl AsRef<Path>,
        options: &PackOptions,
    ) -> Result<PromptPack, ConversationError> {
        let pack = PromptPack::from_path_with(path, options)?;
        self.core.remember_pack(&pack);
        Ok(pack)
    }

    /// Starts a conversation without a pack and writes its record.
    ///
    /// # Errors
    /// `InvalidInput` for an invalid id, `MissingTool`, `Pack`, `AlreadyExists`, `NotFound`
    /// where the id was deleted lately or the user is being erased, `State`, `Closed`.
    pub async fn start(&self, start: Start) -> Result<Conversation, ConversationError> {
        let mut inline = start.inline.clone();
        inline.built_in_code = start.prompt.is_some();
        let prompt = match start.prompt.clone() {
            None => self.resolve_inline(&inline)?,
            Some(prompt) => self.resolve_prompt(prompt, &start.variables, &inline)?,
        };
        let record = start
            .record(&self.core.run)?
            .with_prompt(inline.to_record());
        self.create(record, start.key(), prompt).await
    }

    /// Starts a conversation with a prompt of a pack and writes its record.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub async fn new_conversation(
        &self,
        pack: &PromptPack,
        config: ConversationConfig,
    ) -> Result<Conversation, ConversationError> {
        let prompt = pack.prompt(config.prompt())?;
        self.core.remember_pack(pack);
        let reference = prompt.reference(config.variables());
        let kept = reference.and_then(|reference| config.inline.beside(&reference));
        let resolved = self.resolve_prompt(prompt, config.variables(), &config.inline)?;
        let record = config.record(&self.core.run)?.with_prompt(kept);
        self.create(record, config.key(), resolved).await
    }

    pub(crate) async fn create(
        &self,
        record: ConversationRecord,
        key: Option<&str>,
        prompt: ResolvedPrompt,
    ) -> Result<Conversation, ConversationError> {
        self.open().await?;
        let core = &self.core;
        let erased =
            || ConversationError::new(Kind::NotFound).with_detail("the user is being erased");
        if core.lifecycle.is_fenced(record.user.as_ref()).await? {
            return Err(erased());
        }
        let new = NewConversation::new(record).with_key(key.map(str::to_owned));
        let created = core.state.create(new).await.map_err(|error| {
            use conversation_state::StateErrorKind as State;
            match error.kind() {
                State::Conflict => ConversationError::new(Kind::AlreadyExists).with_source(error),
                _ => error.into(),
            }
        })?;
        let record = match created {
            Created::New(record) => record,
            Created::Existing(record) => return self.resumed(record, None).await,
            _ => return Err(ConversationError::new(Kind::Other)),
        };
        // Once more: an erasure may have listed the user's conversations before this one was there.
        let user = record.user.as_ref();
        if core.lifecycle.is_fenced(user).await? {
            core.lifecycle.delete_conversation(&record.id).await?;
            return Err(erased());
        }
        for warning in prompt.warnings() {
            core.listeners
                .warn(&EventSubject::of(&record), warning.clone());
        }
        Ok(Conversation::new(Arc::clone(core), prompt, record))
    }

    /// Goes on with a conversation, with the prompt that it was started with.
    ///
    /// # Errors
    /// `NotFound` where there is none, it was deleted, or it belongs to another owner;
    /// `PackMismatch` where the manager does not have its pack: see
    /// [`with_pack`](crate::ConversationManagerBuilder::with_pack); `Pack`, `MissingTool`, `State`,
    /// `Closed`.
    pub async fn resume(
        &self,
        id: &ConversationId,
        owner: Owner,
    ) -> Result<Conversation, ConversationError> {
        let record = self.owned(id, &owner).await?;
        self.resumed(record, None).await
    }

    /// Goes on with a conversation with a prompt that was built in code, or with a prompt of
    /// another version of its pack.
    ///
    /// # Errors
    /// Those of [`resume`](Self::resume).
    pub async fn resume_with(
        &self,
        id: &ConversationId,
        owner: Owner,
        prompt: Prompt,
    ) -> Result<Conversation, ConversationError> {
        let record = self.owned(id, &owner).await?;
        self.resumed(record, Some(prompt)).await
    }

    /// Loads the record of a conversation that an owner may see.
    pub(crate) async fn owned(
        &self,
        id: &ConversationId,
        owner: &Owner,
    ) -> Result<ConversationRecord, ConversationError> {
        let record = self.owned_or_deleted(id, owner).await?;
        match record.status {
            ConversationStatus::Deleting => Err(ConversationError::new(Kind::NotFound)),
            _ => Ok(record),
        }
    }

    /// Loads the record of a conversation that an owner may see, also while it is being deleted.
    pub(crate) async fn owned_or_deleted(
        &self,
        id: &ConversationId,
        owner: &Owner,
    ) -> Result<ConversationRecord, ConversationError> {
        self.open().await?;
        owner.as_user()?;
        let options = LoadOptions::new(Window::MetadataOnly);
        let loaded = self.core.state.load(id, options).await?;
        loaded
            .map(|loaded| loaded.record)
            .filter(|record| owner.may_see(record.user.as_ref()))
            .ok_or_else(|| ConversationError::new(Kind::NotFound))
    }

    async fn resumed(
        &self,
        record: ConversationRecord,
        given: Option<Prompt>,
    ) -> Result<Conversation, ConversationError> {
        let resolved = match (InlinePrompt::from_record(record.prompt.as_ref()), given) {
            (Some(inline), Some(prompt)) => {
                self.resolve_prompt(prompt, &Default::default(), &inline)?
            }
            (Some(inline), None) if inline.built_in_code => {
                return Err(ConversationError::new(Kind::PackMismatch)
                    .with_detail("it was started with a prompt that was built in code")
                    .with_hint("Resume it with `resume_with` and that prompt"));
            }
            (Some(inline), None) => self.resolve_inline(&inline)?,
            (None, given) => self.resolve_reference(&record, given)?,
        };
        Ok(Conversation::new(Arc::clone(&self.core), resolved, record))
    }

    fn resolve_reference(
        &self,
        record: &ConversationRecord,
        given: Option<Prompt>,
    ) -> Result<ResolvedPrompt, ConversationError> {
        let mismatch = |detail: String| {
            ConversationError::new(Kind::PackMismatch)
                .with_detail(detail)
                .with_hint("Give the manager the pack with `with_pack` or `load_pack`")
        };
        let kept = record.prompt.as_ref();
        let reference = kept
            .and_then(|kept| PackRef::deserialize(kept).ok())
            .ok_or_else(|| mismatch("its state does not name a prompt".to_owned()))?;
        let prompt = match given {
            Some(prompt) => prompt,
            None => {
                let pack = self.core.pack(&reference.pack).ok_or_else(|| {
                    mismatch(format!("the pack `{}`", reference.pack.escape_debug()))
                })?;
                if pack.version() != reference.version {
                    let text = format!(
                        "started with version {} of the pack {}, resumed with {}",
                        reference.version,
                        pack.id(),
                        pack.version()
                    );
                    self.core.listeners.warn(&EventSubject::of(record), text);
                }
                pack.prompt_for(&reference)?
            }
        };
        let beside = kept.and_then(|kept| InlinePrompt::deserialize(kept).ok());
        self.resolve_prompt(prompt, &reference.variables, &beside.unwrap_or_default())
    }

    fn resolve_prompt(
        &self,
        prompt: Prompt,
        variables: &prompt_pack::Variables,
        inline: &InlinePrompt,
    ) -> Result<ResolvedPrompt, ConversationError> {
        let core = &self.core;
        let provider = core.providers.get(inline.provider.as_deref());
        let own = provider.map(|provider| provider.model());
        let model = inline.model.as_deref().or(own).unwrap_or_default();
        let missing = core.config.missing_tools();
        ResolvedPrompt::of_prompt(prompt, variables, model, inline, &core.tools, missing)
    }

    fn resolve_inline(&self, inline: &InlinePrompt) -> Result<ResolvedPrompt, ConversationError> {
        ResolvedPrompt::of_inline(inline, &self.core.tools, self.core.config.missing_tools())
    }

    /// Lists the conversations of a user, newest first, at most 1,000.
    ///
    /// # Errors
    /// `InvalidInput` for an invalid id, `State`, `Closed`.
    pub async fn conversations(
        &self,
        user: impl AsRef<str> + Send,
    ) -> Result<Vec<ConversationRecord>, ConversationError> {
        let filter = ConversationFilter::new().with_user(UserId::new(user)?);
        Ok(self.find_conversations(&filter).await?.records)
    }

    /// Lists the conversations that a filter accepts, a page at a time.
    ///
    /// # Errors
    /// `InvalidInput` for an invalid cursor, `State`, `Closed`.
    pub async fn find_conversations(
        &self,
        filter: &ConversationFilter,
    ) -> Result<ConversationPage, ConversationError> {
        self.open().await?;
        Ok(self.core.state.list(filter).await?)
    }

    /// Asks for the end of a running turn, on whichever node it runs; it is interrupted within 2 s.
    /// One that waits for people is interrupted at once, and the calls that wait get an error as their
    /// result. A turn that has ended stays as it is.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where other writers always came first; `State`.
    pub async fn cancel_turn(
        &self,
        id: &ConversationId,
        owner: Owner,
        turn: &TurnId,
    ) -> Result<(), ConversationError> {
        let record = self.owned(id, &owner).await?;
        if self.core.turns.stop_turn(id, turn) {
            return Ok(());
        }
        turn::cancel(&self.core, &record, turn).await
    }

    /// Waits until the state has every answer that this process has returned before its media was
    /// stored: see [`Externalization::Background`](crate::Externalization::Background).
    ///
    /// # Errors
    /// One of the reasons for which a history has less than what was returned, once: those of
    /// [`Conversation::flush`].
    pub async fn flush(&self) -> Result<(), ConversationError> {
        self.core.turns.flush(None).await
    }

    /// Refuses new turns and waits for those that run, for at most `deadline`; those that run then
    /// are interrupted and saved. Background work is waited for. Stores are not closed: they may be
    /// shared.
    ///
    /// # Errors
    /// `Timeout` where something still runs after all that.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), ConversationError> {
        self.core.closed.store(true, Ordering::Release);
        self.core.tasks.end_background();
        if self.core.tasks.wait(deadline).await {
            return Ok(());
        }
        self.core.turns.stop_all(StopReason::Shutdown);
        match self.core.tasks.wait(INTERRUPT_TIME).await {
            true => Ok(()),
            false => Err(ConversationError::new(Kind::Timeout)
                .with_detail("turns or background work still run")),
        }
    }

    /// Refuses work of a closed manager.
    pub(crate) async fn open(&self) -> Result<(), ConversationError> {
        self.core.check_open()?;
        self.core.lifecycle.start();
        Ok(())
    }
}
