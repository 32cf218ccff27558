//! Writing a body within the limit of its API.

use crate::codec::{CodecOptions, FormatSpec};
use crate::media::RequestPlan;
use crate::request::ProviderRequest;
use crate::template::BodyTemplate;
use crate::transcript::Transcript;

/// Writes the body of a request. Where it is larger than its limit, all of it counted, older media
/// is left out of the plan until it fits, or no media is left.
///
/// # Errors
/// A number that JSON does not have.
pub(crate) fn write_template(
    spec: &FormatSpec,
    request: &ProviderRequest<'_>,
    transcript: &Transcript<'_>,
    plan: &mut RequestPlan,
    options: &CodecOptions<'_>,
) -> Result<BodyTemplate, serde_json::Error> {
    // What the model made goes back as it was, not as a URL of ours.
    for index in transcript.media_of_answers() {
        plan.media_mut().replace_url_by_bytes(index);
    }
    loop {
        let json = (spec.render)(request, transcript, plan.media(), options);
        let template = BodyTemplate::write(&json)?;
        let len = template.len(|index| plan.media().size(index));
        if !plan.refit(len) {
            return Ok(template);
        }
    }
}
