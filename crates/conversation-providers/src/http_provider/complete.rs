//! Sending a request until it has an answer.

use std::sync::Arc;

use conversation_types::OmissionReason;

use super::api::Api;
use super::attempt::{AttemptOutcome, Call};
use super::core::HttpProvider;
use super::recovery::{RecoveryState, refused_by};
use super::refusal::Refusal;
use crate::error::ProviderError;
use crate::http::Attempts;
use crate::media::MediaContext;
use crate::request::ProviderRequest;
use crate::response::ProviderResponse;
use crate::transcript::{LoadedOpaque, build_transcript};

impl<A: Api> HttpProvider<A> {
    /// Sends a request, and again where that can help.
    pub(crate) async fn complete(
        &self,
        request: &ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        let model = request.model.unwrap_or(&self.model);
        let family = A::FORMAT.rules.family;
        let opaque = LoadedOpaque::load(family, request.messages, media.loader()).await;
        let transcript = build_transcript(&A::FORMAT.rules, model, request, &opaque);
        let capabilities = Arc::new(self.capabilities.for_model(model));
        let contents = transcript.media.iter().copied();
        let mut plan = media.plan(family, &capabilities, contents).await;
        for (index, content) in transcript.media.iter().enumerate() {
            if self.rejections.has_media(model, content) {
                plan.omit(index, OmissionReason::Refused, refused_by(A::NAME));
            }
        }
        let mut call = Call {
            provider: self,
            request,
            transcript: &transcript,
            media,
            model,
            capabilities: &capabilities,
            attempts: Attempts::new(&self.http.settings, &request.budget),
            unsigned: false,
        };
        let mut recovery = RecoveryState::new(A::NAME, model);
        let outcome = loop {
            let template = call.write(&mut plan)?;
            call.attempts.begin()?;
            match call.attempt(template, &plan).await {
                Ok(outcome) => break outcome,
                Err(Refusal::Final(error)) => call.attempts.wait(error).await?,
                Err(refusal) if !call.attempts.is_left() => {
                    return Err(refusal.into_error(A::NAME));
                }
                Err(Refusal::Signatures(error)) if !call.unsigned => {
                    tracing::warn!(provider = A::NAME, %error, "sending without signatures");
                    call.unsigned = true;
                }
                Err(refusal) => {
                    recovery
                        .repair_request(refusal, &mut plan, media, &self.rejections)
                        .await?;
                }
            }
        };
        recovery.remember(&self.rejections);
        Ok(match outcome {
            AttemptOutcome::Complete(completion) => ProviderResponse::complete(*completion),
            AttemptOutcome::Streaming(mut streaming) => {
                streaming.set_omitted(plan.omitted_media());
                ProviderResponse::from_events(streaming.into_events())
            }
        })
    }
}
