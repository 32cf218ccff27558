//! Answers that a provider keeps.

use std::fmt;

use async_trait::async_trait;

use crate::error::ProviderError;

/// The name, in the metadata of a message, of the id by which its provider knows the answer.
pub const RESPONSE_ID: &str = "response_id";

/// Answers that a provider keeps after it has given them, until they are deleted or it forgets them:
/// stored responses of OpenAI.
#[async_trait]
pub trait KeptAnswers: fmt::Debug + Send + Sync {
    /// Returns the name under which receipts of deletions list them: `openai responses`.
    fn place(&self) -> &str;

    /// Returns whether an answer may be kept, by its id.
    fn may_keep(&self, response_id: &str) -> bool;

    /// Deletes an answer. Returns whether it was there.
    ///
    /// # Errors
    /// Those of the provider.
    async fn delete(&self, response_id: &str) -> Result<bool, ProviderError>;
}
