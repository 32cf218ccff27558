//! Questions about your own images, over several turns and a restart.
//!
//! ```text
//! cargo run --example photo_chat -- holiday.jpg drawing.png
//! cargo run --example photo_chat -- holiday.jpg --ask "Where is this?" --ask "What time of day?"
//! ```
//!
//! Without a key the local peer answers from the bytes that it received: format, size, color and hash. When the later
//! turns name the same hashes, the images went from disk to the service again, byte for byte.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use conversation_sdk::{ConversationManager, UserMessage};
use examples::advice::failed;
use examples::attachment::{Attachment, Kind};
use examples::errors::Failure;
use examples::options::{Keeping, pack_path};
use examples::service::Service;
use examples::setup::{Place, continue_or_start};
use examples::terminal::say;
use examples::turn::Turn;

const SESSION: &str = "session-photos";

/// Questions about your own images, over several turns and a restart.
#[derive(Debug, Parser)]
struct Options {
    /// Images: PNG, JPEG, GIF or WebP
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,

    /// A question; the first goes with the images, each other one is asked after a restart
    #[arg(long = "ask", value_name = "QUESTION", default_values = ["What is in these images?", "And what was in the first one?"])]
    questions: Vec<String>,

    #[command(flatten)]
    keeping: Keeping,
}

fn main() -> ExitCode {
    examples::run(photo_chat)
}

async fn photo_chat() -> Result<(), Failure> {
    let options = Options::parse();
    let photos = Attachment::read_all(&options.images, Kind::Image).await?;
    let service = Service::connect().await?;
    say(format_args!("{}\n", service.notice()));
    photos.iter().for_each(say);
    let mut start_over = options.keeping.start_over;
    for (turn, question) in options.questions.iter().enumerate() {
        let mut message = UserMessage::from(question.as_str());
        if turn == 0 {
            message = photos
                .iter()
                .fold(message, |message, photo| message.with_part(photo.content()));
        } else {
            say("\n-- all is closed; what follows has nothing but what is on disk --");
        }
        say(format_args!("\n> {question}"));
        ask(&service, &options.keeping, start_over, message).await?;
        start_over = false;
    }
    Ok(())
}

/// One turn, from opening everything to closing everything.
async fn ask(
    service: &Service,
    keeping: &Keeping,
    start_over: bool,
    message: UserMessage,
) -> Result<(), Failure> {
    let place = Place::open(keeping).await?;
    let manager = ConversationManager::builder()
        .with_provider(service.provider())
        .with_optional_media_storage(place.media_storage())
        .with_state_store(place.state())
        .with_config(keeping.config())
        .build()
        .map_err(failed)?;
    let pack = manager
        .load_pack(pack_path("photo-chat.pack.json"))
        .map_err(failed)?;
    let mut conversation =
        continue_or_start(&manager, &pack, "photo-chat", SESSION, start_over).await?;

    let outcome = match Turn::take(&mut conversation, message).await {
        Ok(Some(turn)) => {
            say(turn);
            Ok(())
        }
        Ok(None) => Err(Turn::stopped()),
        Err(failure) => Err(failure),
    };
    let finished = place.finish(&manager, &conversation).await;
    outcome.and(finished)
}
