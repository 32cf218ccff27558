//! Bodies of requests.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::names::NAME;
use crate::body::{Multipart, RequestBody};
use crate::capability::ApiCapabilities;
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::image::ImageRequest;
use crate::media::MediaPlan;

/// The body of a request, and where it goes: JSON, or a form where there are images to be edited.
pub(super) struct ImagesBody {
    pub(super) body: RequestBody,
    pub(super) path: [&'static str; 2],
    names: Vec<String>,
}

impl ImagesBody {
    /// Writes a request with these fields; `amended` is the plan of its images where that of an attempt
    /// was changed.
    pub(super) async fn new(
        fields: Map<String, Value>,
        request: &ImageRequest,
        capabilities: &Arc<ApiCapabilities>,
        amended: Option<MediaPlan>,
    ) -> Result<Self, ProviderError> {
        let names = fields.keys().cloned().collect();
        if request.images().is_empty() {
            let json = serde_json::to_vec(&fields);
            let json = json.map_err(|error| {
                ProviderError::new(Kind::InvalidRequest, NAME).with_source(error)
            })?;
            return Ok(Self {
                body: RequestBody::of_json(json, request.media()),
                path: ["images", "generations"],
                names,
            });
        }
        let fields = fields.into_iter().map(|(name, value)| match value {
            Value::String(text) => (name, text),
            other => (name, other.to_string()),
        });
        let form = fields.fold(Multipart::new(), |form, (name, value)| {
            form.with_field(name, value)
        });
        let images = request.images().iter();
        let form = images.fold(form, |form, image| form.with_file("image[]", image.clone()));
        let mask = request.mask().into_iter();
        let form = mask.fold(form, |form, mask| form.with_file("mask", mask.clone()));
        let media = request.media();
        Ok(Self {
            body: match amended {
                Some(plan) => form.body_by(NAME, plan, media)?,
                None => form.into_body(NAME, capabilities, media).await?,
            },
            path: ["images", "edits"],
            names,
        })
    }

    /// Returns whether the request has a parameter.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }
}
