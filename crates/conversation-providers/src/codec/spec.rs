//! What a format consists of.

use conversation_types::RawJson;

use crate::answer::JsonPath;
use crate::media::MediaPlan;
use crate::request::ProviderRequest;
use crate::template::Json;
use crate::transcript::{CallIds, Transcript, TranscriptRules};

use super::options::CodecOptions;

/// Returns the JSON of a request: what is asked for, the conversation as it goes out, and the form of
/// each media item.
pub type Render = for<'a> fn(
    &'a ProviderRequest<'a>,
    &'a Transcript<'a>,
    &MediaPlan,
    &CodecOptions<'a>,
) -> Json<'a>;

/// The JSON of an API's requests and answers.
#[derive(Debug)]
pub struct FormatSpec {
    /// The entry of the capability file that says what the API accepts.
    pub(crate) capability_name: &'static str,
    /// How it wants the conversation.
    pub(crate) rules: TranscriptRules,
    /// Where its answers have media, complete ones and the events of streamed ones.
    pub(crate) media: &'static [JsonPath],
    /// Writes its requests.
    pub(crate) render: Render,
}

impl FormatSpec {
    /// Creates the format of an API whose files and opaque items are of a family, which is the name of its
    /// provider, and whose entry of the capability file has a name.
    ///
    /// Without more, the system prompt is the first message, media stands in messages of the user only
    /// (that of tools and of the model follows in one), nothing opaque goes back, calls have any ids, and
    /// answers have no media.
    pub const fn new(family: &'static str, capability_name: &'static str, render: Render) -> Self {
        Self {
            capability_name,
            rules: TranscriptRules {
                family,
                system_is_message: true,
                takes_opaque_items: false,
                call_ids: CallIds::Any,
                names_audio: false,
                media_in_results: |_| false,
                media_in_answers: |_| false,
            },
            media: &[],
            render,
        }
    }

    /// Sets where answers have media, complete ones and the events of streamed ones. It goes to the sink
    /// as it arrives. Defaults to nowhere.
    #[must_use]
    pub const fn with_media_paths(mut self, paths: &'static [JsonPath]) -> Self {
        self.media = paths;
        self
    }

    /// Sets that the system prompt stands beside the messages: the request has it, the conversation does
    /// not. Defaults to the first message.
    #[must_use]
    pub const fn with_system_beside_messages(mut self) -> Self {
        self.rules.system_is_message = false;
        self
    }

    /// Sets that items of the API's own, such as signed reasoning, go back unchanged. Defaults to not.
    #[must_use]
    pub const fn with_opaque_items(mut self) -> Self {
        self.rules.takes_opaque_items = true;
        self
    }

    /// Sets the ids that calls may have. Defaults to [`CallIds::Any`].
    #[must_use]
    pub const fn with_call_ids(mut self, ids: CallIds) -> Self {
        self.rules.call_ids = ids;
        self
    }

    /// Sets whether media may stand in the result of a tool, by the model. Defaults to never.
    #[must_use]
    pub const fn with_media_in_results(mut self, may: fn(&str) -> bool) -> Self {
        self.rules.media_in_results = may;
        self
    }

    /// Sets whether media may stand in a message of the model, by the family's data that belongs to it.
    /// Defaults to never.
    #[must_use]
    pub const fn with_media_in_answers(mut self, may: fn(Option<&RawJson>) -> bool) -> Self {
        self.rules.media_in_answers = may;
        self
    }
}
