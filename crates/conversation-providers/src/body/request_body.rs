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
use crate::media::{MediaContext, MediaPlan};
use crate::request::ProviderRequest;
use crate::template::BodyTemplate;
use crate::transcript::{LoadedOpaque, build_transcript};

/// The body of a request, its media still where it is. Cheap to clone.
#[derive(Clone)]
pub struct RequestBody {
    template: BodyTemplate,
    plan: MediaPlan,
    media: MediaContext,
    opaque: Arc<LoadedOpaque>,
    content_type: String,
}

impl RequestBody {
    /// Writes a request: decides the form of its media by what the API accepts, and writes the
    /// JSON around it.
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
        let opaque = LoadedOpaque::load(family, request.messages, media.loader()).await;
        let of_model = Arc::new(api.for_model(model));
        let plan = {
            let transcript = build_transcript(&format.spec().rules, model, request, &opaque);
            let contents = transcript.media.iter().copied();
            media.plan(family, &of_model, contents).await
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
        Self::write(format, model, request, api, plan, &self.media, opaque)
    }

    fn write(
        format: ApiFormat,
        model: &str,
        request: &ProviderRequest<'_>,
        api: &ApiCapabilities,
        mut plan: MediaPlan,
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
            plan,
            media,
            opaque: Arc::default(),
            content_type,
        }
    }

    /// Returns the `content-type` of the body.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// Returns the `content-length` of the body.
    pub fn len(&self) -> u64 {
        self.template.len(|index| self.plan.size(index))
    }

    /// Returns the length of the body without media, in bytes.
    pub fn text_len(&self) -> u64 {
        self.template.text_len()
    }

    /// Returns whether the body is empty; it never is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the forms of the media.
    pub fn plan(&self) -> &MediaPlan {
        &self.plan
    }

    /// Returns the media that is not sent, with the reasons.
    pub fn omitted_media(&self) -> Vec<OmittedMedia> {
        self.plan.omitted_media()
    }

    /// Returns the body from its start. It yields exactly [`len`](Self::len) bytes, or its last
    /// item is an error and the request must be cut off: what was sent of it is not whole.
    pub fn stream(&self) -> BodyChunks {
        BodyChunks::new(chunks(self.template.clone(), &self.plan, &self.media))
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("content_type", &self.content_type)
            .field("len", &self.len())
            .field("media", &self.plan.len())
            .finish_non_exhaustive()
    }
}
