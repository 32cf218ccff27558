//! Bodies of several parts (`multipart/form-data`): uploads.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use media_types::MediaContent;
use uuid::Uuid;

use super::RequestBody;
use crate::provider::capability::ApiCapabilities;
use crate::provider::media::{MediaContext, MediaForm};
use crate::provider::skeleton::{Encoding, Piece, Skeleton};
use crate::provider::{ProviderError, ProviderErrorKind as Kind};

/// Fields and files in the making. A file goes out as it is, read while it is sent.
///
/// ```
/// use conversation_sdk::provider::wire::Multipart;
/// use conversation_sdk::provider::Capabilities;
/// # use conversation_sdk::{MediaContext, ProviderError};
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
    /// A body without any part yet, its boundary a random one.
    pub fn new() -> Self {
        Self {
            parts: Vec::new(),
            boundary: Uuid::new_v4().simple().to_string(),
        }
    }

    /// Sets what stands between the parts, for bodies that must come out the same again: up to 70
    /// letters, digits, `-` and `_`, in no part's bytes. Whatever else is given is not taken.
    /// Default: 128 random bits.
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

    /// Looks the files up and writes what stands around them.
    ///
    /// # Errors
    /// `Media` where a file is not there or not of a type and size that the API takes.
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
        let mut pieces = Vec::new();
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
                        Some((_, MediaForm::Note { note, .. })) => {
                            let error = ProviderError::new(Kind::Media, provider);
                            return Err(error.with_message(note.to_string()));
                        }
                        _ => return Err(ProviderError::new(Kind::Media, provider)),
                    };
                    let file_name = match content.filename() {
                        Some(name) => quoted(name),
                        None => format!("{}.{}", mime.media_type(), mime.extension()).into(),
                    };
                    text.push_str(&format!(
                        "; filename=\"{file_name}\"\r\nContent-Type: {mime}\r\n\r\n"
                    ));
                    pieces.push(Piece::Text(std::mem::take(&mut text).into()));
                    pieces.push(Piece::Media(index, Encoding::Plain));
                    text.push_str("\r\n");
                    index += 1;
                }
            }
        }
        text.push_str(&format!("--{}--\r\n", self.boundary));
        pieces.push(Piece::Text(text.into()));
        let content_type = format!("multipart/form-data; boundary={}", self.boundary);
        let skeleton = Skeleton::of_pieces(pieces);
        Ok(RequestBody::of_parts(
            skeleton,
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

/// A name between quotes, escaped as forms are.
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
