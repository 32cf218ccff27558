//! A conversation that gives a part of its work to another one, with another provider.
//!
//! ```text
//! cargo run --example sub_agents
//! cargo run --example sub_agents -- holiday.jpg --ask "Have the reviewer find what is wrong with this photo."
//! ```
//!
//! The model of OpenAI has a tool that starts a child of its conversation; in the child, a model of Anthropic looks at
//! the image and answers. The child has a history and media of its own, and is deleted with its parent.
//! `ANTHROPIC_API_KEY` and `OPENAI_API_KEY` name the accounts; the local peer answers for whichever is missing.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use conversation_sdk::{
    ConversationError, ConversationManager, ManagerConfig, Owner, Response, SqliteStateStore,
    Start, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput, UserMessage, Window,
};
use examples::advice::failed;
use examples::anthropic_service::AnthropicService;
use examples::attachment::{Attachment, Kind};
use examples::errors::Failure;
use examples::options::Paths;
use examples::report::stored;
use examples::samples;
use examples::service::Service;
use examples::terminal::say;
use examples::turn::Turn;
use media_store_fs::FileStore;
use media_types::ConversationId;
use serde_json::{Value, json};

const USER: &str = "user123";

/// A conversation that gives a part of its work to another one, with another provider.
#[derive(Debug, Parser)]
struct Options {
    /// An image; a chart if none is given
    #[arg(value_name = "IMAGE")]
    image: Option<PathBuf>,

    /// What to ask about the image
    #[arg(
        long = "ask",
        value_name = "QUESTION",
        default_value = "Have the reviewer look at this image, and sum up what it says."
    )]
    question: String,

    #[command(flatten)]
    paths: Paths,
}

/// A tool that asks another model, in a child of the conversation.
#[derive(Debug)]
struct Reviewer {
    manager: ConversationManager,
}

impl Reviewer {
    async fn ask(
        &self,
        parent: &ConversationId,
        question: &str,
    ) -> Result<Response, ConversationError> {
        let parent = self.manager.resume(parent, Owner::user(USER)).await?;
        let messages = parent.messages(Window::All).await?;
        // References of the parent: their media is duplicated into the child, and sent from there.
        let media = messages.iter().flat_map(|message| message.media().cloned());
        let start = Start::new().with_system("You review images. Be brief.");
        let mut child = parent.child(start).await?;
        child.send_with_media(question, media).await
    }
}

#[async_trait::async_trait]
impl Tool for Reviewer {
    fn definition(&self) -> ToolDefinition {
        let question =
            json!({"type": "string", "description": "What to find out about the images"});
        let parameters = json!({"type": "object", "properties": {"question": question}, "required": ["question"]});
        ToolDefinition::new(
            "ask_reviewer",
            "Asks a reviewer who sees the images.",
            parameters,
        )
    }

    fn timeout(&self) -> Option<Duration> {
        Some(Duration::from_secs(120))
    }

    async fn call(&self, given: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let question = given
            .get("question")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let parent = context
            .conversation()
            .ok_or_else(|| ToolError::new("there is no conversation"))?;
        let asked = self.ask(parent, question).await;
        let response = asked
            .map_err(|error| ToolError::new("the reviewer did not answer").with_source(error))?;
        // What the child cost is a cost of the turn that asked.
        Ok(ToolOutput::text(response.text()).with_usage(Some(response.usage()), response.cost()))
    }
}

fn main() -> ExitCode {
    examples::run(sub_agents)
}

async fn sub_agents() -> Result<(), Failure> {
    let options = Options::parse();
    let image = match &options.image {
        Some(path) => Attachment::read(path, Kind::Image).await?,
        None => samples::chart(),
    };
    let openai = Service::connect().await?;
    let anthropic = AnthropicService::connect(&openai).await?;
    say(format_args!(
        "{}\n{}\n\n{image}",
        openai.notice(),
        anthropic.notice()
    ));

    // Two managers over the same stores: the tool needs one before there is the other, and its child must not have
    // the tool. Where that is no concern, `with_named_provider` and `Start::with_provider` do it with one.
    let media = FileStore::open(&options.paths.media_dir)
        .await
        .map_err(failed)?;
    let state = SqliteStateStore::open(&options.paths.state)
        .await
        .map_err(failed)?;
    let builder = || {
        ConversationManager::builder()
            .with_media_storage(media.clone())
            .with_state_store(state.clone())
            .with_config(ManagerConfig::default().with_media_size_threshold_kb(0))
    };
    let reviewers = builder()
        .with_provider(anthropic.provider())
        .build()
        .map_err(failed)?;
    let tool = Reviewer {
        manager: reviewers.clone(),
    };
    let manager = builder()
        .with_provider(openai.provider())
        .with_tool(tool)
        .build()
        .map_err(failed)?;

    let start = Start::new()
        .with_user(USER)
        .with_system("Ask the reviewer before you answer.");
    let mut conversation = manager.start(start).await.map_err(failed)?;
    say(format_args!("\n> {}", options.question));
    let message = UserMessage::from(options.question.as_str()).with_part(image.content());
    let turn = Turn::take(&mut conversation, message).await?;
    say(turn.ok_or_else(Turn::stopped)?);

    let record = conversation.record().await.map_err(failed)?;
    for id in [conversation.id()].into_iter().chain(&record.children) {
        let owner = Owner::user(USER);
        let one = reviewers.resume(id, owner).await.map_err(failed)?;
        let messages = one.messages(Window::All).await.map_err(failed)?;
        say(format_args!("\n{id}: {} messages", messages.len()));
        for reference in stored(&messages) {
            say(format_args!("  stored:  {}", reference.id()));
        }
    }
    let deadline = Duration::from_secs(5);
    manager.shutdown(deadline).await.map_err(failed)?;
    reviewers.shutdown(deadline).await.map_err(failed)
}
