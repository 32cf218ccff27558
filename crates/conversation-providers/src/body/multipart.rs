//! Multipart bodies (`multipart/form-data`): uploads.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use media_types::MediaContent;
use uuid::Uuid;

use super::request_body::RequestBody;
use crate::capability::ApiCapabilities;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::media::{Encoding, MediaContext, MediaForm, MediaPlan};
use crate::template::{BodyTemplate, Segment};

/// A builder of multipart bodies. A file goes out as it is, read while it is sent.
///
/// ```
/// use conversation_providers::Capabilities;
/// use conversation_providers::body::Multipart;
/// # use conversation_providers::{MediaContext, ProviderError};
/// # use media_types::{MediaContent, Mime};
/// # async fn run(media: MediaContext, pdf: MediaContent) -> Result<(), ProviderError> {
/// let api = Capabilities::builtin().api("openai.files").unwrap_or_default();
/// let body = Multipart::new()
///     .with_field("purpose", "user_data")
///     .with_file("file", pdf)
///     .into_body("openai", &api, &media)
///     .await?;
/// println!("content-type: {}, {} bytes", body.content_type(), body.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Multipart {
    parts: Vec<(String, Part)>,
    boundary: String,
}

#[derive(Clone)]
enum Part {
    Text(String),
    File(Box<MediaContent>),
}

impl Multipart {
    /// Creates a body without parts, with a random boundary.
    pub fn new() -> Self {
        Self {
            parts: Vec::new(),
            boundary: Uuid::new_v4().simple().to_string(),
        }
    }

    /// Sets the boundary between the parts, for bodies that must be equal: up to 70 letters, digits,
    /// `-` and `_` that occur in no part; any other text is ignored. Defaults to 128 random bits.
    #[must_use]
    pub fn with_boundary(mut self, boundary: impl Into<String>) -> Self {
        let boundary = boundary.into();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=70).contains(&boundary.len()) && boundary.bytes().all(fits) {
            self.boundary = boundary;
        }
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn with_field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parts.push((name.into(), Part::Text(value.into())));
        self
    }

    /// Adds a file under its file name, or one made of its kind and type.
    #[must_use]
    pub fn with_file(mut self, name: impl Into<String>, content: MediaContent) -> Self {
        self.parts
            .push((name.into(), Part::File(Box::new(content))));
        self
    }

    /// Looks the files up and writes the body around them.
    ///
    /// # Errors
    /// `MediaRead` where a file is missing, or of a type or size that the API does not accept.
    pub async fn into_body(
        self,
        provider: &str,
        api: &Arc<ApiCapabilities>,
        media: &MediaContext,
    ) -> Result<RequestBody, ProviderError> {
        let files = self.parts.iter().filter_map(|(_, part)| match part {
            Part::File(content) => Some(content.as_ref()),
            Part::Text(_) => None,
        });
        let plan = media.plan(provider, api, files).await;
        self.body_by(provider, plan, media)
    }

    /// Writes the body around files by a plan.
    ///
    /// # Errors
    /// `MediaRead` where a file is not sent by it.
    pub(crate) fn body_by(
        &self,
        provider: &str,
        plan: MediaPlan,
        media: &MediaContext,
    ) -> Result<RequestBody, ProviderError> {
        let mut segments = Vec::new();
        let mut text = String::new();
        let mut index = 0;
        for (name, part) in &self.parts {
            text.push_str(&format!(
                "--{}\r\nContent-Disposition: form-data; name=\"{}\"",
                self.boundary,
                quoted(name)
            ));
            match part {
                Part::Text(value) => text.push_str(&format!("\r\n\r\n{value}\r\n")),
                Part::File(content) => {
                    let mime = match plan.get(index) {
                        Some((_, MediaForm::Upload { mime, .. })) => mime,
                        Some((_, MediaForm::Omitted(omitted))) => {
                            let error = ProviderError::new(ProviderErrorKind::MediaRead, provider);
                            let reason = format!("media item {index}: {}", omitted.detail);
                            return Err(error.with_reason(reason));
                        }
                        _ => {
                            let kind = ProviderErrorKind::MediaRead;
                            return Err(ProviderError::new(kind, provider));
                        }
                    };
                    let file_name = match content.filename() {
                        Some(name) => quoted(name),
                        None => format!("{}.{}", mime.media_type(), mime.extension()).into(),
                    };
                    text.push_str(&format!(
                        "; filename=\"{file_name}\"\r\nContent-Type: {mime}\r\n\r\n"
                    ));
                    segments.push(Segment::Text(std::mem::take(&mut text).into()));
                    segments.push(Segment::Media(index, Encoding::Plain));
                    text.push_str("\r\n");
                    index += 1;
                }
            }
        }
        text.push_str(&format!("--{}--\r\n", self.boundary));
        segments.push(Segment::Text(text.into()));
        let content_type = format!("multipart/form-data; boundary={}", self.boundary);
        let template = BodyTemplate::from_segments(segments);
        Ok(RequestBody::from_template(
            template,
            plan,
            media.clone(),
            content_type,
        ))
    }
}

impl Default for Multipart {
    fn default() -> Self {
        Self::new()
    }
}

/// A name in quotes, escaped as in forms.
fn quoted(name: &str) -> Cow<'_, str> {
    if !name.contains(['"', '\r', '\n', '\0']) {
        return name.into();
    }
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
        .replace('\0', "%00")
        .into()
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parts.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Multipart").field("parts", &names).finish()
    }
}
