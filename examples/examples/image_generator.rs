//! Generates images from prompts and keeps them on disk, with references to them in the conversation.
//!
//! ```text
//! cargo run --example image_generator
//! cargo run --example image_generator -- --interactive
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use conversation_sdk::{Conversation, ConversationManager};
use examples::advice::failed;
use examples::errors::Failure;
use examples::options::{Keeping, pack_path};
use examples::prompt::{Entry, Prompt};
use examples::service::Service;
use examples::setup::{Place, continue_or_start};
use examples::terminal::say;
use examples::turn::Turn;

const SESSION: &str = "session-demo-001";
const PROMPTS: [&str; 4] = [
    "Generate a beautiful sunset over mountains",
    "Create a futuristic city skyline",
    "Design a cozy coffee shop interior",
    // Again, so that equal bytes are stored twice.
    "Generate a beautiful sunset over mountains",
];
const HELP: &str =
    "Describe an image, for example \"A serene lake at dawn\" or \"Abstract art with bold colors\".
help: this text   quit: leave   Ctrl-C: stop what is being made, or leave";

/// Generates images from prompts and keeps them on disk, with references to them in the conversation.
#[derive(Debug, Parser)]
struct Options {
    /// Ask for descriptions instead of using the four that are built in
    #[arg(long)]
    interactive: bool,

    /// The pack with the prompt "image-generator"
    #[arg(long, value_name = "FILE", default_value_os_t = pack_path("image-generator.pack.json"))]
    pack: PathBuf,

    #[command(flatten)]
    keeping: Keeping,
}

fn main() -> ExitCode {
    examples::run(image_generator)
}

async fn image_generator() -> Result<(), Failure> {
    let options = Options::parse();
    let service = Service::connect().await?;
    say(service.notice());

    let place = Place::open(&options.keeping).await?;
    let manager = ConversationManager::builder()
        .with_provider(service.provider())
        .with_tool(service.image_tool("image-generator-tool"))
        .with_optional_media_storage(place.media_storage())
        .with_state_store(place.state())
        .with_config(options.keeping.config())
        .build()
        .map_err(failed)?;
    let pack = manager.load_pack(&options.pack).map_err(failed)?;
    let start_over = options.keeping.start_over;
    let mut conversation =
        continue_or_start(&manager, &pack, "image-generator", SESSION, start_over).await?;

    let outcome = if options.interactive {
        talk(&mut conversation).await
    } else {
        generate(&mut conversation).await
    };
    // Also after a failure: what was made before it is whole, and worth its summary.
    let finished = place.finish(&manager, &conversation).await;
    outcome.and(finished)
}

async fn generate(conversation: &mut Conversation) -> Result<(), Failure> {
    let mut missing = 0;
    for (index, prompt) in PROMPTS.into_iter().enumerate() {
        say(format_args!("\n[{}/{}] {prompt}", index + 1, PROMPTS.len()));
        match Turn::take(conversation, prompt).await? {
            Some(turn) => {
                missing += usize::from(turn.response().media().is_empty());
                say(turn);
            }
            None => return Err(Turn::stopped()),
        }
    }
    if missing == 0 {
        return Ok(());
    }
    let what = format!("{missing} of {} images were not made", PROMPTS.len());
    Err(Failure::new(
        what,
        "Read the answers above, and check OPENAI_IMAGE_MODEL",
    ))
}

async fn talk(conversation: &mut Conversation) -> Result<(), Failure> {
    say(format_args!("\n{HELP}"));
    let mut prompt = Prompt::new()?;
    loop {
        match prompt.next().await? {
            Entry::Quit => return Ok(()),
            Entry::Help => say(HELP),
            Entry::Empty => {}
            // A turn that fails ends itself only.
            Entry::Line(wish) => match Turn::take(conversation, wish).await {
                Ok(Some(turn)) => say(turn),
                Ok(None) => say("stopped; what had arrived is in the conversation"),
                Err(failure) => eprint!("{}", failure.report()),
            },
        }
    }
}
