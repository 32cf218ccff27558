//! Sending a request until it has an answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use media_types::readable::causes;

use super::api::Api;
use super::attempt::{AttemptOutcome, Call};
use super::core::HttpProvider;
use super::failure::Failure;
use super::recovery::RecoveryState;
use super::refusal::Refusal;
use super::uploads::Uploads;
use crate::capability::ApiCapabilities;
use crate::error::ProviderError;
use crate::files::account_of;
use crate::http::Attempts;
use crate::media::{MediaContext, RequestPlan, RequestPlanner, hash_inline};
use crate::planner::{PlannerKey, RequestOutline};
use crate::request::ProviderRequest;
use crate::response::ProviderResponse;
use crate::transcript::{LoadedOpaque, Transcript, build_transcript, outline};

impl<A: Api> HttpProvider<A> {
    /// Sends a request, and again where that can help.
    pub(crate) async fn respond(
        &self,
        request: &ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        let model = request.model.unwrap_or(&self.model);
        let family = A::FORMAT.family();
        let (base_url, account) = account_of(&self.http.settings);
        let rules = &A::FORMAT.spec().rules;
        let opaque = LoadedOpaque::load(rules, request, media.loader())
            .await
            .with_account(format!("{base_url} {account}"));
        let transcript = build_transcript(rules, model, request, &opaque);
        let capabilities = Arc::new(self.capabilities.for_model(model));
        let key = PlannerKey::new(family, &self.http.settings.base_url, model);
        let mut plan = self
            .plan(&key, model, &capabilities, request, &transcript, media)
            .await;
        let attempts = Attempts::new(&self.http.settings, &request.budget);
        let deadline = attempts.deadline();
        let files = media
            .uploads_to(family, base_url, &account)
            .filter(|_| !self.rejections.has_files(model, &account));
        let mut uploads = Uploads::new(files, transcript.media_of_answers());
        uploads.prepare(plan.media_mut(), media, deadline).await;
        let mut call = Call {
            provider: self,
            request,
            transcript: &transcript,
            media,
            model,
            capabilities: &capabilities,
            attempts,
            unsigned: false,
        };
        let mut recovery = RecoveryState::new(A::NAME, model);
        let outcome = loop {
            let template = call.write(&mut plan)?;
            call.attempts.begin()?;
            match call.attempt(template, plan.media()).await {
                Ok(outcome) => break outcome,
                Err(refusal) if !call.attempts.is_left() => {
                    return Err(refusal.into_error(A::NAME));
                }
                Err(Failure::Refused(Refusal::Signatures(error))) if !call.unsigned => {
                    tracing::warn!(provider = A::NAME, error = %causes(&error), "sending without signatures");
                    call.unsigned = true;
                }
                Err(refusal)
                    if uploads
                        .renew(refusal.error(), plan.media_mut(), media, deadline)
                        .await => {}
                Err(Failure::Refused(Refusal::Final(error))) => call.attempts.wait(error).await?,
                Err(refusal) => {
                    recovery
                        .repair_request(refusal, &mut plan, media, &self.rejections)
                        .await?;
                }
            }
        };
        recovery.remember(&mut plan, &self.rejections);
        if uploads.are_refused() {
            self.rejections.add_files(model, &account);
        }
        if !plan.media().is_empty() {
            media.accept_planner_state(&key, plan.state());
        }
        Ok(match outcome {
            AttemptOutcome::Complete(completion) => ProviderResponse::complete(*completion),
            AttemptOutcome::Streaming(mut streaming) => {
                streaming.set_omitted(plan.media().omitted_media());
                ProviderResponse::from_events(streaming.into_events())
            }
        })
    }

    /// Plans the request. Without media there is nothing to plan, and nothing is looked up.
    async fn plan(
        &self,
        key: &PlannerKey,
        model: &str,
        capabilities: &Arc<ApiCapabilities>,
        request: &ProviderRequest<'_>,
        transcript: &Transcript<'_>,
        media: &MediaContext,
    ) -> RequestPlan {
        let planner = RequestPlanner::new(A::FORMAT.family(), Arc::clone(capabilities));
        if transcript.media.is_empty() {
            return planner.plan(&RequestOutline::default(), media).await;
        }
        hash_inline(&transcript.media).await;
        let refused: BTreeSet<usize> = transcript
            .media
            .iter()
            .enumerate()
            .filter(|(_, content)| self.rejections.has_media(model, content))
            .map(|(index, _)| index)
            .collect();
        planner
            .with_state(media.planner_state(key).await)
            .with_refused(refused)
            .with_facts(&self.rejections.facts(model))
            .plan(
                &outline(&A::FORMAT.spec().rules, request, transcript),
                media,
            )
            .await
    }
}
