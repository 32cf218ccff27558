//! An image that is painted, then changed over several turns.
//!
//! ```text
//! cargo run --example image_edit
//! cargo run --example image_edit -- --ask "Paint a red bicycle" --ask "Make it blue" --ask "Now in snow"
//! ```
//!
//! The tool takes a prompt and, to change an image, its number in the conversation. It finds the image by its
//! reference in the state, and the bytes go from the store into the request. The local peer changes the image that it
//! receives, so each result shows that the right one arrived.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use conversation_sdk::{
    ConversationManager, ImageGenerator as _, ImageRequest, ManagerConfig, MediaContext,
    OpenAiImages, Part, Role, SqliteStateStore, Start, StateStore as _, Tool, ToolContext,
    ToolDefinition, ToolError, ToolOutput, Window,
};
use examples::advice::failed;
use examples::errors::Failure;
use examples::options::Paths;
use examples::report::stored;
use examples::service::Service;
use examples::terminal::say;
use examples::turn::Turn;
use media_store_fs::FileStore;
use media_types::MediaContent;
use serde_json::{Value, json};

/// An image that is painted, then changed over several turns.
#[derive(Debug, Parser)]
struct Options {
    /// What to ask, one turn each
    #[arg(long = "ask", value_name = "WISH", default_values = ["Paint a serene lake at dawn", "Now at night", "Add a boat"])]
    wishes: Vec<String>,

    /// Width and height of images, such as 1024x1024; the service chooses if none is given
    #[arg(long, value_name = "SIZE")]
    size: Option<String>,

    #[command(flatten)]
    paths: Paths,
}

/// Paints images, and changes those that it painted.
#[derive(Debug)]
struct Painter {
    images: OpenAiImages,
    state: SqliteStateStore,
    size: Option<String>,
}

#[async_trait::async_trait]
impl Tool for Painter {
    fn definition(&self) -> ToolDefinition {
        let prompt = json!({"type": "string", "description": "What the image shows, or how it is to change"});
        let image = json!({"type": "integer", "description": "The image to change: 1 is the first; none for a new one"});
        let properties = json!({"prompt": prompt, "image": image});
        let parameters =
            json!({"type": "object", "properties": properties, "required": ["prompt"]});
        ToolDefinition::new("paint", "Paints an image, or changes one.", parameters)
    }

    fn timeout(&self) -> Option<Duration> {
        Some(Duration::from_secs(330))
    }

    async fn call(&self, given: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let prompt = given
            .get("prompt")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut request = ImageRequest::new(prompt).with_sink(context.media_sink().clone());
        if let Some(size) = &self.size {
            request = request.with_size(size);
        }
        if let Some(number) = given.get("image").and_then(Value::as_u64) {
            let media = MediaContext::new(context.loader().clone(), None);
            request = request
                .with_image(self.image(context, number).await?)
                .with_media(media);
        }
        let made = self.images.generate(request).await.map_err(|error| {
            // The kind, and not all that the service said: the model reads it.
            let what = format!("the image could not be made: {}", error.kind());
            ToolError::new(what).with_source(error)
        })?;
        let mut content = vec![Part::text("The image is made; here it is.")];
        content.extend(made.images.into_iter().map(Part::Media));
        Ok(ToolOutput::new(content).with_usage(made.usage, made.cost))
    }
}

impl Painter {
    /// The image of this number among those that the tool made in the conversation.
    async fn image(&self, context: &ToolContext, number: u64) -> Result<MediaContent, ToolError> {
        let none = || ToolError::new(format!("the conversation has no image {number}"));
        let id = context.conversation().ok_or_else(none)?;
        let loaded = self.state.load(id, Window::All.into()).await;
        let loaded = loaded
            .map_err(|error| none().with_source(error))?
            .ok_or_else(none)?;
        let results = loaded.messages.iter().map(|stored| &stored.message);
        let results = results.filter(|message| message.role == Role::Tool);
        let images: Vec<&MediaContent> = results.flat_map(|message| message.media()).collect();
        let before = usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_sub(1));
        let image = before.and_then(|before| images.get(before).copied());
        image.cloned().ok_or_else(none)
    }
}

fn main() -> ExitCode {
    examples::run(image_edit)
}

async fn image_edit() -> Result<(), Failure> {
    let options = Options::parse();
    let service = Service::connect().await?;
    say(service.notice());
    let media = FileStore::open(&options.paths.media_dir)
        .await
        .map_err(failed)?;
    let state = SqliteStateStore::open(&options.paths.state)
        .await
        .map_err(failed)?;
    let painter = Painter {
        images: service.images(),
        state: state.clone(),
        size: options.size,
    };
    let config = ManagerConfig::default()
        .with_media_size_threshold_kb(0)
        // Services may take minutes for an image.
        .with_turn_timeout(Duration::from_secs(600));
    let manager = ConversationManager::builder()
        .with_provider(service.provider())
        .with_tool(painter)
        .with_media_storage(media)
        .with_state_store(state)
        .with_config(config)
        .build()
        .map_err(failed)?;
    let start = Start::new()
        .with_system("You paint with your tool. Change the newest image unless asked otherwise.");
    let mut conversation = manager.start(start).await.map_err(failed)?;
    for wish in &options.wishes {
        say(format_args!("\n> {wish}"));
        let turn = Turn::take(&mut conversation, wish.as_str()).await?;
        let turn = turn.ok_or_else(Turn::stopped)?;
        say(&turn);
        for reference in stored(turn.response().messages()) {
            say(format_args!("  stored:  {}", reference.id()));
        }
    }
    let deadline = Duration::from_secs(5);
    manager.shutdown(deadline).await.map_err(failed)
}
