//! A body that can be sent any number of times.

use std::fmt;
use std::sync::Arc;

use conversation_types::OmittedMedia;

use super::chunks::{BodyChunks, chunks};
use super::write::write_template;
use crate::capability::ApiCapabilities;
use crate::codec::CodecOptions;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::format::ApiFormat;
use crate::media::{MediaContext, MediaPlan, RequestPlan, RequestPlanner};
use crate::planner::PlannerKey;
use crate::request::ProviderRequest;
use crate::template::BodyTemplate;
#[cfg(feature = "openai")]
use crate::template::Segment;
use crate::transcript::{LoadedOpaque, build_transcript, outline};

/// The body of a request, its media still where it is. Cheap to clone.
#[derive(Clone)]
pub struct RequestBody {
    template: BodyTemplate,
    plan: RequestPlan,
    media: MediaContext,
    opaque: Arc<LoadedOpaque>,
    content_type: String,
    /// The key of the planner's state; uploads have none.
    key: Option<PlannerKey>,
}

impl RequestBody {
    /// Writes a request: plans its media ([`RequestPlanner`]) by what the API accepts and what was
    /// sent before, and writes the JSON around it.
    ///
    /// What was sent before is known where the context has a
    /// [planner store](MediaContext::with_planner_store), and [`accepted`](Self::accepted) is
    /// called.
    ///
    /// # Errors
    /// `InvalidRequest` for what JSON cannot express. Media is never an error here; it may be
    /// omitted ([`omitted_media`](Self::omitted_media)).
    pub async fn new(
        format: ApiFormat,
        model: &str,
        request: &ProviderRequest<'_>,
        api: &Arc<ApiCapabilities>,
        media: &MediaContext,
    ) -> Result<Self, ProviderError> {
        let family = format.family();
        let opaque = LoadedOpaque::load(&format.spec().rules, request, media.loader()).await;
        let of_model = Arc::new(api.for_model(model));
        let key = PlannerKey::new(family, "", model);
        let plan = {
            let rules = &format.spec().rules;
            let transcript = build_transcript(rules, model, request, &opaque);
            let state = media.planner_state(&key).await;
            let planner = RequestPlanner::new(family, of_model).with_state(state);
            let outline = outline(rules, request, &transcript);
            planner.plan(&outline, media).await
        };
        let opaque = Arc::new(opaque);
        Self::write(format, model, request, api, plan, media, opaque)
    }

    /// Writes the same request by another plan: the one of the first attempt, after
    /// [`MediaPlan::amend`] or [`MediaPlan::omit`].
    ///
    /// # Errors
    /// `InvalidRequest` for what JSON cannot express.
    pub fn with_plan(
        &self,
        format: ApiFormat,
        model: &str,
        request: &ProviderRequest<'_>,
        api: &Arc<ApiCapabilities>,
        plan: MediaPlan,
    ) -> Result<Self, ProviderError> {
        let opaque = Arc::clone(&self.opaque);
        let mut changed = self.plan.clone();
        *changed.media_mut() = plan;
        let plan = changed;
        Self::write(format, model, request, api, plan, &self.media, opaque)
    }

    fn write(
        format: ApiFormat,
        model: &str,
        request: &ProviderRequest<'_>,
        api: &ApiCapabilities,
        mut plan: RequestPlan,
        media: &MediaContext,
        opaque: Arc<LoadedOpaque>,
    ) -> Result<Self, ProviderError> {
        let options = CodecOptions {
            model,
            capabilities: api,
            stream_usage: true,
            refused: &[],
            unsigned: false,
        };
        let transcript = build_transcript(&format.spec().rules, model, request, &opaque);
        let written = write_template(format.spec(), request, &transcript, &mut plan, &options);
        let template = written.map_err(|error| {
            ProviderError::new(ProviderErrorKind::InvalidRequest, format.family())
                .with_source(error)
        })?;
        drop(transcript);
        Ok(Self {
            template,
            plan,
            media: media.clone(),
            opaque,
            content_type: "application/json".to_owned(),
            key: Some(PlannerKey::new(format.family(), "", model)),
        })
    }

    pub(super) fn from_template(
        template: BodyTemplate,
        plan: MediaPlan,
        media: MediaContext,
        content_type: String,
    ) -> Self {
        Self {
            template,
            plan: RequestPlan::of_upload(plan),
            media,
            opaque: Arc::default(),
            content_type,
            key: None,
        }
    }

    /// Creates a body of JSON without media.
    #[cfg(feature = "openai")]
    pub(crate) fn of_json(json: Vec<u8>, media: &MediaContext) -> Self {
        let template = BodyTemplate::from_segments(vec![Segment::Text(json.into())]);
        let kind = "application/json".to_owned();
        Self::from_template(template, MediaPlan::default(), media.clone(), kind)
    }

    /// Returns what is needed to send the body.
    #[cfg(feature = "openai")]
    pub(crate) fn sending(&self) -> (BodyTemplate, &MediaPlan, &MediaContext) {
        (self.template.clone(), self.plan(), &self.media)
    }

    /// Returns the `content-type` of the body.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// Returns the `content-length` of the body.
    pub fn len(&self) -> u64 {
        self.template.len(|index| self.plan().size(index))
    }

    /// Returns the length of the body without media, in bytes.
    pub fn text_len(&self) -> u64 {
        self.template.text_len()
    }

    /// Returns whether the body is empty; it never is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[cfg(feature = "http-client")]
    pub(crate) fn template(&self) -> &BodyTemplate {
        &self.template
    }

    /// Returns the forms of the media.
    pub fn plan(&self) -> &MediaPlan {
        self.plan.media()
    }

    /// Returns the plan with what it is compared to: the request before.
    pub fn request_plan(&self) -> &RequestPlan {
        &self.plan
    }

    /// Keeps what was sent, in the planner store of the context: to be called once the server has
    /// accepted the request.
    pub fn accepted(&self) {
        if let Some(key) = self.key.as_ref().filter(|_| !self.plan().is_empty()) {
            self.media.accept_planner_state(key, self.plan.state());
        }
    }

    /// Returns the media that is not sent, with the reasons.
    pub fn omitted_media(&self) -> Vec<OmittedMedia> {
        self.plan().omitted_media()
    }

    /// Returns the body from its start. It yields exactly [`len`](Self::len) bytes, or its last
    /// item is an error and the request must be cut off: what was sent of it is not whole.
    pub fn stream(&self) -> BodyChunks {
        BodyChunks::new(chunks(self.template.clone(), self.plan(), &self.media))
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("content_type", &self.content_type)
            .field("len", &self.len())
            .field("media", &self.plan().len())
            .finish_non_exhaustive()
    }
}
