//! The choice of a codec.

use super::options::CodecOptions;
use super::{anthropic, chat, gemini, responses};
use crate::format::ApiFormat;
use crate::media::MediaPlan;
use crate::request::ProviderRequest;
use crate::template::Json;
use crate::transcript::Transcript;

/// Returns the JSON of a request.
pub(crate) fn render<'a>(
    format: ApiFormat,
    request: &'a ProviderRequest<'a>,
    transcript: &'a Transcript<'a>,
    plan: &MediaPlan,
    options: &CodecOptions<'a>,
) -> Json<'a> {
    match format {
        ApiFormat::OpenAiChat => chat::render(request, transcript, plan, options),
        ApiFormat::OpenAiResponses => responses::render(request, transcript, plan, options),
        ApiFormat::AnthropicMessages => anthropic::render(request, transcript, plan, options),
        ApiFormat::GeminiContents => gemini::render(request, transcript, plan, options),
    }
}
