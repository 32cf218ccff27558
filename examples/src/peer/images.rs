//! `POST /v1/images/generations`.

use serde_json::{Value, json};

use super::painter::{self, OutputFormat, Size};
use super::refusal::Refusal;

/// Models that make images today. Retired ones are refused as the service refuses them.
const MODELS: [&str; 4] = [
    "gpt-image-1-mini",
    "gpt-image-1.5",
    "gpt-image-2",
    "gpt-image-2-2026-04-21",
];

const FIELDS: [&str; 13] = [
    "model",
    "prompt",
    "n",
    "size",
    "quality",
    "output_format",
    "output_compression",
    "background",
    "moderation",
    "style",
    "user",
    "stream",
    "partial_images",
];

/// The longest prompt, in characters, of the GPT image models.
const PROMPT_LIMIT: usize = 32_000;

pub(super) fn is_image_model(model: &str) -> bool {
    MODELS.contains(&model)
}

/// The answer's body, as JSON, to a request's body.
///
/// # Errors
/// What the service refuses: unknown fields and models, empty prompts, sizes and counts out of range.
pub fn generate(request: &Value) -> Result<Vec<u8>, Refusal> {
    let order = Order::read(request)?;
    let mut data = Vec::with_capacity(order.count as usize);
    for variant in 0..order.count {
        let image = painter::paint(&order.prompt, variant, order.size, order.format)
            .map_err(|error| Refusal::internal(error.to_string()))?;
        data.push(json!({"b64_json": super::encode_base64(&image)}));
    }
    let answer = json!({
        "created": super::unix_seconds(),
        "background": "opaque",
        "output_format": order.format.name(),
        "quality": order.quality.name(),
        "size": order.size.to_string(),
        "usage": order.usage(),
        "data": data,
    });
    serde_json::to_vec(&answer).map_err(|error| Refusal::internal(error.to_string()))
}

struct Order {
    prompt: String,
    count: u32,
    size: Size,
    format: OutputFormat,
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
    fn read(request: &Value) -> Result<Self, Refusal> {
        if let Some(field) = request
            .as_object()
            .and_then(|fields| fields.keys().find(|key| !FIELDS.contains(&key.as_str())))
        {
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
        let prompt = text(request, "prompt")?.ok_or_else(|| missing("prompt"))?;
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
                .ok_or_else(|| invalid("n", "an integer from 1 to 10"))?,
        };
        let size = text(request, "size")?.unwrap_or("auto");
        let format = text(request, "output_format")?.unwrap_or("png");
        let quality = text(request, "quality")?.unwrap_or("auto");
        Ok(Self {
            prompt: prompt.to_owned(),
            count: u32::try_from(count).unwrap_or(1),
            size: Size::parse(size).ok_or_else(|| {
                invalid("size", "WIDTHxHEIGHT with sides from 16 to 2048, or 'auto'")
            })?,
            format: OutputFormat::parse(format)
                .ok_or_else(|| invalid("output_format", "'png', 'jpeg' or 'webp'"))?,
            quality: Quality::parse(quality)
                .ok_or_else(|| invalid("quality", "'low', 'medium', 'high' or 'auto'"))?,
        })
    }

    fn usage(&self) -> Value {
        let input = super::text_tokens(&self.prompt);
        let area = u64::from(self.size.width()) * u64::from(self.size.height());
        let output = (self.quality.tokens() * area).div_ceil(1024 * 1024) * u64::from(self.count);
        json!({
            "input_tokens": input,
            "input_tokens_details": {"text_tokens": input, "image_tokens": 0},
            "output_tokens": output,
            "output_tokens_details": {"text_tokens": 0, "image_tokens": output},
            "total_tokens": input + output,
        })
    }
}

fn text<'a>(request: &'a Value, field: &'static str) -> Result<Option<&'a str>, Refusal> {
    match request.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(field, "a string")),
    }
}

fn missing(field: &'static str) -> Refusal {
    Refusal::invalid(format!("Missing required parameter: '{field}'."))
        .with_code("missing_required_parameter")
        .with_param(field)
}

fn invalid(field: &'static str, expected: &str) -> Refusal {
    Refusal::invalid(format!("Invalid value for '{field}': expected {expected}."))
        .with_code("invalid_value")
        .with_param(field)
}
