//! What a format consists of.

use crate::answer::JsonPath;
use crate::media::MediaPlan;
use crate::request::ProviderRequest;
use crate::template::Json;
use crate::transcript::{Transcript, TranscriptRules};

use super::options::CodecOptions;

/// Returns the JSON of a request.
pub(crate) type Render = for<'a> fn(
    &'a ProviderRequest<'a>,
    &'a Transcript<'a>,
    &MediaPlan,
    &CodecOptions<'a>,
) -> Json<'a>;

/// The JSON of an API's requests and answers.
#[derive(Debug)]
pub(crate) struct FormatSpec {
    /// The entry of the capability file that says what the API accepts.
    pub(crate) capability_name: &'static str,
    /// How it wants the conversation.
    pub(crate) rules: TranscriptRules,
    /// Where its answers have media, complete ones and the events of streamed ones.
    pub(crate) media: &'static [JsonPath],
    /// Writes its requests.
    pub(crate) render: Render,
}
