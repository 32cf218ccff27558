//! How a conversation is started.

use media_types::{ConversationId, RunId, SessionId, UserId};
use serde_json::Value;

use crate::error::ConversationError;
use crate::pack::{Prompt, Variables};
use crate::state::ConversationRecord;

/// How a conversation is started: its prompt, its variables, whose it is.
///
/// ```
/// use conversation_sdk::ConversationConfig;
/// let config = ConversationConfig::new("image-generator")
///     .with_user("user123")
///     .with_session("session-demo-001")
///     .with_variable("style", "watercolour");
/// assert_eq!(config.prompt(), "image-generator");
/// ```
#[derive(Clone, Debug)]
pub struct ConversationConfig {
    prompt: String,
    user: Option<String>,
    session: Option<String>,
    run: Option<String>,
    conversation: Option<String>,
    variables: Variables,
}

impl ConversationConfig {
    /// A conversation with a prompt of the pack.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            user: None,
            session: None,
            run: None,
            conversation: None,
            variables: Variables::new(),
        }
    }

    /// Whose conversation it is. Default: nobody's.
    #[must_use]
    pub fn with_user(mut self, user: impl AsRef<str>) -> Self {
        self.user = Some(user.as_ref().to_owned());
        self
    }

    /// Which session it belongs to. Default: one of its own, `session-<uuid>`.
    #[must_use]
    pub fn with_session(mut self, session: impl AsRef<str>) -> Self {
        self.session = Some(session.as_ref().to_owned());
        self
    }

    /// Which run it belongs to. Default: the manager's, `run-<uuid>`.
    #[must_use]
    pub fn with_run(mut self, run: impl AsRef<str>) -> Self {
        self.run = Some(run.as_ref().to_owned());
        self
    }

    /// Its own id; there must be no conversation of that id yet. Default: `conv-<uuid>`.
    #[must_use]
    pub fn with_conversation_id(mut self, id: impl AsRef<str>) -> Self {
        self.conversation = Some(id.as_ref().to_owned());
        self
    }

    /// Gives a variable of the prompt a value.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.variables.insert(name, value);
        self
    }

    /// Gives the variables of the prompt their values, beside those given already.
    #[must_use]
    pub fn with_variables(mut self, variables: Variables) -> Self {
        for (name, value) in variables.iter() {
            self.variables.insert(name, value.clone());
        }
        self
    }

    /// The prompt.
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// The values of the variables.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    pub(crate) fn names_an_id(&self) -> bool {
        self.conversation.is_some()
    }

    pub(crate) fn record(
        &self,
        prompt: &Prompt,
        run: &RunId,
    ) -> Result<ConversationRecord, ConversationError> {
        let id = match &self.conversation {
            Some(id) => ConversationId::new(id)?,
            None => ConversationId::mint(),
        };
        let session = match &self.session {
            Some(session) => SessionId::new(session)?,
            None => SessionId::mint(),
        };
        let run = match &self.run {
            Some(run) => RunId::new(run)?,
            None => run.clone(),
        };
        let user = self.user.as_deref().map(UserId::new).transpose()?;
        Ok(ConversationRecord::new(id)
            .with_session(Some(session))
            .with_run(Some(run))
            .with_user(user)
            .with_pack(Some(prompt.reference(&self.variables))))
    }
}
