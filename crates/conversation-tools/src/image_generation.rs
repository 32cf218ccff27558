//! The built-in tool that generates images.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use conversation_providers::{ImageGenerator, ImageRequest, ProviderErrorKind};
use conversation_types::{Part, ToolDefinition};
use media_types::MediaContent;
use serde_json::{Map, Value, json};

use crate::context::ToolContext;
use crate::output::{ToolError, ToolOutput};
use crate::tool::Tool;

/// Longest prompt, in characters.
const MAX_PROMPT: usize = 32_000;
/// Most images of one call.
const MAX_COUNT: u64 = 10;
/// Longest side of an image, in pixels.
const MAX_SIDE: u32 = 16_384;
/// Longest time of one call: image models take minutes.
const IMAGE_TIMEOUT: Duration = Duration::from_secs(330);
/// The values of quality that providers use.
const QUALITIES: [&str; 6] = ["auto", "low", "medium", "high", "standard", "hd"];

/// A tool that generates images with an [`ImageGenerator`].
///
/// The model gives a prompt and, if it wishes, size, quality and number; the images come back as
/// media, so that they are stored and the model sees them. Give it the name by which a pack calls
/// it:
///
/// ```
/// use std::sync::Arc;
/// use conversation_providers::ImageGenerator;
/// use conversation_tools::{ImageGenerationTool, Tool};
///
/// # fn example(images: impl ImageGenerator) {
/// let tool = ImageGenerationTool::new(Arc::new(images)).with_name("image-generator-tool");
/// assert_eq!(tool.definition().name, "image-generator-tool");
/// # }
/// ```
#[derive(Clone)]
pub struct ImageGenerationTool {
    generator: Arc<dyn ImageGenerator>,
    name: String,
    description: String,
    size: Option<String>,
    quality: Option<String>,
    partial_images: u32,
}

impl ImageGenerationTool {
    /// Creates a tool named `generate_image`.
    pub fn new(generator: Arc<dyn ImageGenerator>) -> Self {
        Self {
            generator,
            name: "generate_image".to_owned(),
            description: "Generates an image from a description and returns it.".to_owned(),
            size: None,
            quality: None,
            partial_images: 0,
        }
    }

    /// Sets the name that the model calls: letters, digits, `_` and `-`. Defaults to
    /// `generate_image`.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the description that the model gets. Defaults to a sentence that says what it does.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Sets the size where the model names none, as in `1024x1024`. Defaults to the provider's.
    #[must_use]
    pub fn with_default_size(mut self, size: impl Into<String>) -> Self {
        self.size = Some(size.into());
        self
    }

    /// Sets the quality where the model names none. Defaults to the provider's.
    #[must_use]
    pub fn with_default_quality(mut self, quality: impl Into<String>) -> Self {
        self.quality = Some(quality.into());
        self
    }

    /// Sets how many previews of an image readers of the turn's events get while it is being made, as
    /// far as the generator streams. Defaults to 0.
    #[must_use]
    pub fn with_partial_images(mut self, count: u32) -> Self {
        self.partial_images = count;
        self
    }

    fn request(&self, arguments: &Value) -> Result<ImageRequest, ToolError> {
        let arguments = arguments
            .as_object()
            .ok_or_else(|| ToolError::new("the arguments must be an object"))?;
        let prompt = text(arguments, "prompt")?
            .map(str::trim)
            .filter(|prompt| !prompt.is_empty())
            .ok_or_else(|| ToolError::new("'prompt' is required: say what the image shows"))?;
        if prompt.chars().count() > MAX_PROMPT {
            let words = format!("'prompt' is longer than {MAX_PROMPT} characters");
            return Err(ToolError::new(words));
        }
        let mut request = ImageRequest::new(prompt);
        if let Some(size) = text(arguments, "size")?.or(self.size.as_deref()) {
            let size = size.trim().to_ascii_lowercase();
            if size != "auto" && sides(&size).is_none() {
                return Err(ToolError::new(
                    "'size' must be width and height in pixels, such as 1024x1024, or auto",
                ));
            }
            request = request.with_size(size);
        }
        if let Some(quality) = text(arguments, "quality")?.or(self.quality.as_deref()) {
            if !QUALITIES.contains(&quality) {
                let words = format!("'quality' must be one of {}", QUALITIES.join(", "));
                return Err(ToolError::new(words));
            }
            request = request.with_quality(quality);
        }
        match arguments.get("n").filter(|n| !n.is_null()) {
            None => Ok(request),
            Some(n) => n
                .as_u64()
                .filter(|n| (1..=MAX_COUNT).contains(n))
                .and_then(|n| u32::try_from(n).ok())
                .map(|n| request.with_count(n))
                .ok_or_else(|| ToolError::new("'n' must be a whole number from 1 to 10")),
        }
    }
}

fn text<'a>(
    arguments: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, ToolError> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ToolError::new(format!("'{name}' must be a string"))),
    }
}

/// Width and height of `1024x768`.
fn sides(size: &str) -> Option<(u32, u32)> {
    let side = |text: &str| -> Option<u32> {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let side = plain.then(|| text.parse().ok())??;
        (1..=MAX_SIDE).contains(&side).then_some(side)
    };
    let (width, height) = size.split_once('x')?;
    Some((side(width)?, side(height)?))
}

#[async_trait]
impl Tool for ImageGenerationTool {
    fn definition(&self) -> ToolDefinition {
        let parameters = json!({
            "type": "object",
            "properties": {
                "prompt": {
                    "type": "string",
                    "description": "What the image shows, in full sentences"
                },
                "size": {
                    "type": "string",
                    "pattern": "^(auto|[0-9]+x[0-9]+)$",
                    "description": "Width and height in pixels, such as 1024x1024"
                },
                "quality": {
                    "type": "string",
                    "enum": ["auto", "low", "medium", "high"],
                    "description": "How much effort goes into the image"
                },
                "n": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_COUNT,
                    "description": "How many images"
                }
            },
            "required": ["prompt"]
        });
        ToolDefinition::new(&self.name, &self.description, parameters)
    }

    fn timeout(&self) -> Option<Duration> {
        Some(IMAGE_TIMEOUT)
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let request = self
            .request(&arguments)?
            .with_sink(context.media_sink().clone());
        let readers = context.clone();
        let request = request.with_partial_images(self.partial_images, move |image| {
            readers.report_preview(image);
        });
        let (prompt, size) = (request.prompt().to_owned(), request.size().and_then(sides));
        let made = self.generator.generate(request).await.map_err(|error| {
            let why = match (error.message(), error.kind()) {
                // What the provider says about the prompt helps the model to correct it.
                (Some(message), ProviderErrorKind::InvalidRequest) => message.to_owned(),
                (_, kind) => kind.to_string(),
            };
            ToolError::new(format!("the image could not be generated: {why}")).with_source(error)
        })?;
        let count = made.images.len();
        let mut content = vec![Part::text(match (count, size) {
            (1, Some((width, height))) => format!("One image of {width}x{height} was generated."),
            (1, None) => "One image was generated.".to_owned(),
            (count, _) => format!("{count} images were generated."),
        })];
        // Else the model would take what came for all that can be had.
        content.extend(
            made.incomplete
                .map(|why| Part::text(format!("There may have been more: {why}."))),
        );
        content.extend(
            made.images
                .into_iter()
                .map(|image| Part::Media(described(image, &prompt, size))),
        );
        Ok(ToolOutput::new(content).with_usage(made.usage, made.cost))
    }
}

/// Adds the prompt and the size to an image.
fn described(image: MediaContent, prompt: &str, size: Option<(u32, u32)>) -> MediaContent {
    let image = match image.caption() {
        Some(_) => image,
        None => image.with_caption(prompt),
    };
    match size {
        Some((width, height)) => image.with_width(width).with_height(height),
        None => image,
    }
}

impl fmt::Debug for ImageGenerationTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageGenerationTool")
            .field("name", &self.name)
            .field("generator", &self.generator)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conversation_providers::{GeneratedImages, ProviderError};
    use conversation_types::{Cost, TokenUsage};
    use media_types::Mime;
    use std::error::Error;

    #[derive(Debug)]
    struct Painter(Option<ProviderErrorKind>);

    #[async_trait]
    impl ImageGenerator for Painter {
        fn name(&self) -> &str {
            "painter"
        }
        fn model(&self) -> &str {
            "oil"
        }
        async fn generate(&self, request: ImageRequest) -> Result<GeneratedImages, ProviderError> {
            if let Some(kind) = self.0 {
                return Err(ProviderError::new(kind, "painter").with_message("said sk-secret"));
            }
            let image = MediaContent::from_bytes(Mime::IMAGE_PNG, "png");
            let count = request.count().unwrap_or(1) as usize;
            let usage = TokenUsage::new(1, 2).with_images(count as u64);
            let early = request.prompt() == "early";
            Ok(GeneratedImages::new(vec![image; count])
                .with_usage(Some(usage), Some(Cost::from_usd(0.5)))
                .with_incomplete(early.then_some(ProviderErrorKind::Interrupted)))
        }
    }

    fn tool(fails: Option<ProviderErrorKind>) -> ImageGenerationTool {
        ImageGenerationTool::new(Arc::new(Painter(fails))).with_name("image-generator-tool")
    }

    #[tokio::test]
    async fn an_image_comes_back_with_its_prompt_and_size() {
        let output = tool(None)
            .call(
                json!({"prompt": " a red apple ", "size": "640x480"}),
                &ToolContext::detached(),
            )
            .await
            .unwrap();
        assert_eq!(
            output.content[0].as_text(),
            Some("One image of 640x480 was generated.")
        );
        let image = output.content[1].as_media().unwrap();
        assert_eq!(image.caption(), Some("a red apple"));
        assert_eq!((image.width(), image.height()), (Some(640), Some(480)));
        assert_eq!(output.usage.unwrap().images, 1);
        assert_eq!(output.cost, Some(Cost::from_usd(0.5)));
        let output = tool(None)
            .call(json!({"prompt": "x", "n": 3}), &ToolContext::detached())
            .await
            .unwrap();
        assert_eq!(output.content.len(), 4);
    }

    #[tokio::test]
    async fn images_of_an_answer_that_ended_early_come_back_and_say_so() {
        let arguments = json!({"prompt": "early", "n": 2});
        let output = tool(None).call(arguments, &ToolContext::detached()).await;
        let content = output.unwrap().content;
        assert_eq!(content.iter().filter_map(Part::as_media).count(), 2);
        assert_eq!(
            content[1].as_text(),
            Some("There may have been more: connection closed before the answer was complete.")
        );
    }

    #[tokio::test]
    async fn arguments_of_a_model_are_checked() {
        for (arguments, says) in [
            (json!({}), "'prompt' is required"),
            (json!({"prompt": "  "}), "'prompt' is required"),
            (json!({"prompt": 5}), "'prompt' must be a string"),
            (json!({"prompt": "x".repeat(32_001)}), "longer than"),
            (json!("prompt"), "must be an object"),
            (json!({"prompt": "x", "size": "large"}), "'size'"),
            (json!({"prompt": "x", "size": "0x10"}), "'size'"),
            (json!({"prompt": "x", "size": "10x99999"}), "'size'"),
            (json!({"prompt": "x", "size": "+1x10"}), "'size'"),
            (json!({"prompt": "x", "quality": "best"}), "'quality'"),
            (json!({"prompt": "x", "n": 0}), "'n'"),
            (json!({"prompt": "x", "n": 11}), "'n'"),
            (json!({"prompt": "x", "n": "2"}), "'n'"),
        ] {
            let error = tool(None)
                .call(arguments.clone(), &ToolContext::detached())
                .await
                .unwrap_err();
            assert!(error.to_string().contains(says), "{arguments}: {error}");
        }
        for good in [
            json!({"prompt": "x", "size": "auto"}),
            json!({"prompt": "x", "size": " 1024X1024 "}),
            json!({"prompt": "x", "size": null, "n": null}),
        ] {
            assert!(
                tool(None)
                    .call(good, &ToolContext::detached())
                    .await
                    .is_ok()
            );
        }
    }

    #[tokio::test]
    async fn a_failure_reaches_the_model_without_secrets() {
        let error = tool(Some(ProviderErrorKind::Authentication))
            .call(json!({"prompt": "x"}), &ToolContext::detached())
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the image could not be generated: authentication failed"
        );
        assert!(
            error
                .source()
                .unwrap()
                .downcast_ref::<ProviderError>()
                .is_some()
        );
    }
}
