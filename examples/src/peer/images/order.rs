//! What a request asks for, and the answer that it gets.

use painter::{EncodeError, OutputFormat, Size};
use serde_json::{Map, Value, json};

use crate::peer::payload::encode_base64;
use crate::peer::refusal::Refusal;

/// Models that make images today. Retired ones are refused as the service refuses them.
const MODELS: [&str; 4] = [
    "gpt-image-1-mini",
    "gpt-image-1.5",
    "gpt-image-2",
    "gpt-image-2-2026-04-21",
];

/// What the service counts for an image that comes with a request, roughly.
const INPUT_TOKENS: u64 = 323;

/// The longest prompt, in characters, of the GPT image models.
const PROMPT_LIMIT: usize = 32_000;

pub(in crate::peer) fn is_image_model(model: &str) -> bool {
    MODELS.contains(&model)
}

/// A request that was read.
pub(super) struct Order {
    pub(super) prompt: String,
    pub(super) count: u32,
    /// None where the service is to choose it.
    pub(super) size: Option<Size>,
    pub(super) format: OutputFormat,
    quality: Quality,
}

#[derive(Clone, Copy)]
enum Quality {
    Low,
    Medium,
    High,
}

impl Quality {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "low" => Some(Self::Low),
            "medium" | "auto" => Some(Self::Medium),
            "high" => Some(Self::High),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// What the service counts for 1024x1024.
    fn tokens(self) -> u64 {
        match self {
            Self::Low => 272,
            Self::Medium => 1056,
            Self::High => 4160,
        }
    }
}

impl Order {
    /// Reads a request that may have these fields.
    pub(super) fn read(request: &Map<String, Value>, fields: &[&str]) -> Result<Self, Refusal> {
        if let Some(field) = request.keys().find(|key| !fields.contains(&key.as_str())) {
            let refusal = Refusal::invalid(format!(
                "Unknown parameter: '{}'.",
                field.chars().take(60).collect::<String>()
            ));
            return Err(refusal
                .with_code("unknown_parameter")
                .with_param(field.clone()));
        }
        let model = text(request, "model")?.unwrap_or("gpt-image-1-mini");
        if !is_image_model(model) {
            return Err(Refusal::unknown_model(model));
        }
        let prompt = text(request, "prompt")?.ok_or_else(|| Refusal::missing("prompt"))?;
        if prompt.trim().is_empty() || prompt.chars().count() > PROMPT_LIMIT {
            let message =
                format!("Invalid 'prompt': expected a string of 1 to {PROMPT_LIMIT} characters.");
            return Err(Refusal::invalid(message).with_param("prompt"));
        }
        if request.get("stream").and_then(Value::as_bool) == Some(true) {
            return Err(
                Refusal::invalid("This local peer does not stream images.").with_param("stream")
            );
        }
        let count = match request.get("n") {
            None | Some(Value::Null) => 1,
            Some(n) => n
                .as_u64()
                .filter(|n| (1..=10).contains(n))
                .ok_or_else(|| Refusal::wrong_value("n", "an integer from 1 to 10"))?,
        };
        let size = text(request, "size")?.unwrap_or("auto");
        let format = text(request, "output_format")?.unwrap_or("png");
        let quality = text(request, "quality")?.unwrap_or("auto");
        Ok(Self {
            prompt: prompt.to_owned(),
            count: u32::try_from(count).unwrap_or(1),
            size: match size {
                "auto" => None,
                size => Some(Size::parse(size).ok_or_else(|| {
                    let expected = "WIDTHxHEIGHT with sides from 16 to 2048, or 'auto'";
                    Refusal::wrong_value("size", expected)
                })?),
            },
            format: OutputFormat::parse(format)
                .ok_or_else(|| Refusal::wrong_value("output_format", "'png', 'jpeg' or 'webp'"))?,
            quality: Quality::parse(quality).ok_or_else(|| {
                Refusal::wrong_value("quality", "'low', 'medium', 'high' or 'auto'")
            })?,
        })
    }

    /// The body of the answer, as JSON; `inputs` counts the images that came with the request.
    pub(super) fn answer(
        &self,
        images: impl IntoIterator<Item = Result<Vec<u8>, EncodeError>>,
        size: Size,
        inputs: u64,
    ) -> Result<Vec<u8>, Refusal> {
        let mut data = Vec::with_capacity(self.count as usize);
        for image in images {
            let image = image.map_err(|error| Refusal::internal(error.to_string()))?;
            data.push(json!({"b64_json": encode_base64(&image)}));
        }
        let answer = json!({
            "created": crate::peer::unix_seconds(),
            "background": "opaque",
            "output_format": self.format.name(),
            "quality": self.quality.name(),
            "size": size.to_string(),
            "usage": self.usage(size, inputs),
            "data": data,
        });
        serde_json::to_vec(&answer).map_err(|error| Refusal::internal(error.to_string()))
    }

    fn usage(&self, size: Size, inputs: u64) -> Value {
        let text = crate::peer::text_tokens(&self.prompt);
        let images = inputs * INPUT_TOKENS;
        let area = u64::from(size.width()) * u64::from(size.height());
        let output = (self.quality.tokens() * area).div_ceil(1024 * 1024) * u64::from(self.count);
        json!({
            "input_tokens": text + images,
            "input_tokens_details": {"text_tokens": text, "image_tokens": images},
            "output_tokens": output,
            "output_tokens_details": {"text_tokens": 0, "image_tokens": output},
            "total_tokens": text + images + output,
        })
    }
}

fn text<'a>(
    request: &'a Map<String, Value>,
    field: &'static str,
) -> Result<Option<&'a str>, Refusal> {
    match request.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::wrong_value(field, "a string")),
    }
}
