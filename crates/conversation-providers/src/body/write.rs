//! Writing a body within the limit of its API.

use conversation_types::OmissionReason;

use crate::codec::{CodecOptions, FormatSpec};
use crate::media::MediaPlan;
use crate::request::ProviderRequest;
use crate::template::BodyTemplate;
use crate::transcript::Transcript;

/// Writes the body of a request. Where it is larger than the API accepts, all of it counted, the
/// oldest media is omitted from the plan until it fits, or no media is left.
///
/// # Errors
/// A number that JSON does not have.
pub(crate) fn write_template(
    spec: &FormatSpec,
    request: &ProviderRequest<'_>,
    transcript: &Transcript<'_>,
    plan: &mut MediaPlan,
    options: &CodecOptions<'_>,
) -> Result<BodyTemplate, serde_json::Error> {
    loop {
        let json = (spec.render)(request, transcript, plan, options);
        let template = BodyTemplate::write(&json)?;
        let len = template.len(|index| plan.size(index));
        let limit = options.capabilities.max_request_bytes();
        let excess = len.saturating_sub(limit.unwrap_or(u64::MAX));
        if excess == 0 || plan.sent_bytes() == 0 {
            return Ok(template);
        }
        plan.omit_oldest(excess, OmissionReason::TooLarge);
    }
}
