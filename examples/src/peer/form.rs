//! Forms with files, as edits of images are sent.

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::payload::BODY_LIMIT;
use super::refusal::Refusal;

/// A form: its fields as they would stand in JSON, and its files.
#[derive(Debug, Default)]
pub struct Form {
    /// The fields, as an object.
    pub fields: Map<String, Value>,
    /// The files, in order.
    pub files: Vec<FormFile>,
}

/// A file of a form.
#[derive(Debug)]
pub struct FormFile {
    /// The name of the field.
    pub field: String,
    /// The MIME type that the form declares.
    pub mime: String,
    /// The bytes.
    pub bytes: Bytes,
}

impl Form {
    /// Reads the form in the body of a request.
    ///
    /// # Errors
    /// When the body is not a form, was cut off, or is too large.
    pub(super) async fn read(request: Request) -> Result<Self, Refusal> {
        let mut parts = Multipart::from_request(request, &()).await.map_err(|_| {
            Refusal::invalid("The request body is not a form: expected multipart/form-data.")
        })?;
        let mut form = Self::default();
        while let Some(part) = parts.next_field().await.map_err(refusal)? {
            form.add(part).await?;
        }
        Ok(form)
    }

    async fn add(&mut self, part: Field<'_>) -> Result<(), Refusal> {
        let name = part.name().unwrap_or_default().to_owned();
        let mime = part.content_type().map(str::to_owned);
        if part.file_name().is_some() {
            self.files.push(FormFile {
                field: name,
                mime: mime.unwrap_or_default(),
                bytes: part.bytes().await.map_err(refusal)?,
            });
            return Ok(());
        }
        let text = part.text().await.map_err(refusal)?;
        // Forms know nothing but text.
        let value = match name.as_str() {
            "n" | "output_compression" | "partial_images" | "stream" => {
                serde_json::from_str(&text).unwrap_or(Value::String(text))
            }
            _ => Value::String(text),
        };
        self.fields.insert(name, value);
        Ok(())
    }
}

fn refusal(error: MultipartError) -> Refusal {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_large(BODY_LIMIT),
        _ => Refusal::invalid("The form in the request body was cut off or is damaged."),
    }
}
