//! How conversations are started.

use std::collections::BTreeSet;

use conversation_events::ConversationError;
use conversation_state::ConversationRecord;
use media_types::{ConversationId, RunId, SessionId, UserId};
use prompt_pack::{Prompt, Variables};
use serde_json::{Map, Value};

use crate::prompt::InlinePrompt;

/// Who a conversation belongs to and what it is called. What is not given is minted.
#[derive(Clone, Debug, Default)]
struct Ownership {
    user: Option<String>,
    session: Option<String>,
    run: Option<String>,
    conversation: Option<String>,
    title: Option<String>,
    metadata: Map<String, Value>,
    tags: BTreeSet<String>,
    media_retention: Option<String>,
    key: Option<String>,
    parent: Option<ConversationId>,
}

impl Ownership {
    fn record(&self, run: &RunId) -> Result<ConversationRecord, ConversationError> {
        let conversation = self.conversation.as_ref().map(ConversationId::new);
        let id = conversation
            .transpose()?
            .unwrap_or_else(ConversationId::mint);
        let session = self.session.as_ref().map(SessionId::new).transpose()?;
        let own_run = self.run.as_ref().map(RunId::new).transpose()?;
        let user = self.user.as_deref().map(UserId::new).transpose()?;
        Ok(ConversationRecord::new(id)
            .with_session(Some(session.unwrap_or_else(SessionId::mint)))
            .with_run(Some(own_run.unwrap_or_else(|| run.clone())))
            .with_user(user)
            .with_title(self.title.clone())
            .with_metadata(self.metadata.clone())
            .with_tags(self.tags.clone())
            .with_media_retention(self.media_retention.clone())
            .with_parent(self.parent.clone()))
    }
}

macro_rules! ownership_methods {
    () => {
        /// Sets the user that the conversation belongs to. Defaults to none.
        #[must_use]
        pub fn with_user(mut self, user: impl AsRef<str>) -> Self {
            self.ownership.user = Some(user.as_ref().to_owned());
            self
        }

        /// Sets the session. Defaults to a new one, `session-<uuid>`.
        #[must_use]
        pub fn with_session(mut self, session: impl AsRef<str>) -> Self {
            self.ownership.session = Some(session.as_ref().to_owned());
            self
        }

        /// Sets the run. Defaults to the manager's, `run-<uuid>`.
        #[must_use]
        pub fn with_run(mut self, run: impl AsRef<str>) -> Self {
            self.ownership.run = Some(run.as_ref().to_owned());
            self
        }

        /// Sets the id, which no conversation may have yet. Defaults to `conv-<uuid>`.
        #[must_use]
        pub fn with_conversation_id(mut self, id: impl AsRef<str>) -> Self {
            self.ownership.conversation = Some(id.as_ref().to_owned());
            self
        }

        /// Sets the title. Defaults to none.
        #[must_use]
        pub fn with_title(mut self, title: impl Into<String>) -> Self {
            self.ownership.title = Some(title.into());
            self
        }

        /// Adds application data that is kept with the conversation; with the title at most 16 KiB of JSON.
        #[must_use]
        pub fn with_metadata(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
            self.ownership.metadata.insert(name.into(), value.into());
            self
        }

        /// Adds a tag by which conversations are listed.
        #[must_use]
        pub fn with_tag(mut self, tag: impl Into<String>) -> Self {
            self.ownership.tags.insert(tag.into());
            self
        }

        /// Sets the retention of media that the conversation stores. Defaults to the manager's.
        #[must_use]
        pub fn with_media_retention(mut self, policy: media_storage::RetentionPolicy) -> Self {
            self.ownership.media_retention = Some(policy.to_string());
            self
        }

        /// Sets a key that is unique to this conversation among those of its user: starting again
        /// with the same key returns the same conversation.
        #[must_use]
        pub fn with_idempotency_key(mut self, key: impl Into<String>) -> Self {
            self.ownership.key = Some(key.into());
            self
        }

        /// Sets a variable of the prompt.
        #[must_use]
        pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
            self.variables.insert(name, value);
            self
        }

        /// Sets the provider that the conversation prefers, by the name that the manager has it under.
        #[must_use]
        pub fn with_provider(mut self, name: impl Into<String>) -> Self {
            self.inline.provider = Some(name.into());
            self
        }

        /// Sets the model that the conversation prefers.
        #[must_use]
        pub fn with_model(mut self, model: impl Into<String>) -> Self {
            self.inline.model = Some(model.into());
            self
        }

        pub(crate) fn record(&self, run: &RunId) -> Result<ConversationRecord, ConversationError> {
            self.ownership.record(run)
        }

        pub(crate) fn key(&self) -> Option<&str> {
            self.ownership.key.as_deref()
        }
    };
}

/// How a conversation is started without a pack.
///
/// ```
/// use conversation_sdk::Start;
/// let start = Start::new().with_system("Be exact.").with_user("u1");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Start {
    ownership: Ownership,
    pub(crate) inline: InlinePrompt,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) variables: Variables,
}

impl Start {
    /// Creates a start without instructions, with all tools of the manager.
    pub fn new() -> Self {
        Self::default()
    }

    ownership_methods!();

    /// Makes this the start of a child: it belongs to the user, session and run of its parent. Returns the child's id.
    ///
    /// # Errors
    /// `InvalidInput` for an invalid id.
    pub(crate) fn into_child_of(
        mut self,
        parent: &ConversationRecord,
    ) -> Result<(Self, ConversationId), ConversationError> {
        let own = &mut self.ownership;
        let id = own.conversation.as_ref().map(ConversationId::new);
        let id = id.transpose()?.unwrap_or_else(ConversationId::mint);
        own.conversation = Some(id.to_string());
        own.parent = Some(parent.id.clone());
        own.user = parent.user.as_ref().map(ToString::to_string);
        let session = parent.session.as_ref().map(ToString::to_string);
        own.session = session.or(own.session.take());
        let run = parent.run.as_ref().map(ToString::to_string);
        own.run = run.or(own.run.take());
        let kept = own.media_retention.take();
        own.media_retention = kept.or_else(|| parent.media_retention.clone());
        Ok((self, id))
    }

    /// Sets the instructions, as plain text: braces have no meaning. Beside a prompt, they follow
    /// its text. Defaults to none.
    #[must_use]
    pub fn with_system(mut self, system: impl Into<String>) -> Self {
        self.inline.system = Some(system.into());
        self
    }

    /// Sets a prompt that was built in code. It is not kept with the conversation: resuming needs
    /// it again, through [`ConversationManager::resume_with`](crate::ConversationManager::resume_with).
    #[must_use]
    pub fn with_prompt(mut self, prompt: Prompt) -> Self {
        self.prompt = Some(prompt);
        self
    }

    /// Sets the names of the tools that the model may call, beside a prompt of those that it
    /// enables. Defaults to all.
    #[must_use]
    pub fn with_tools<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.inline.tools = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Sets a parameter of every request: `temperature`, `max_tokens`, ...
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.inline.parameters.insert(name.into(), value.into());
        self
    }
}

/// How a conversation is started with a prompt of a pack.
///
/// ```
/// use conversation_sdk::ConversationConfig;
/// let config = ConversationConfig::new("image-generator")
///     .with_user("user123")
///     .with_variable("style", "watercolor");
/// ```
#[derive(Clone, Debug)]
pub struct ConversationConfig {
    ownership: Ownership,
    pub(crate) inline: InlinePrompt,
    prompt: String,
    variables: Variables,
}

impl ConversationConfig {
    /// Creates a configuration for a prompt of the pack.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            ownership: Ownership::default(),
            inline: InlinePrompt::default(),
            prompt: prompt.into(),
            variables: Variables::new(),
        }
    }

    ownership_methods!();

    /// Sets variables of the prompt, beside those that are set already.
    #[must_use]
    pub fn with_variables(mut self, variables: Variables) -> Self {
        for (name, value) in variables.iter() {
            self.variables.insert(name, value.clone());
        }
        self
    }

    /// Returns the name of the prompt.
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Returns the variables of the prompt.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }
}
