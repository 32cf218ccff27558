//! Questions about a recording: the first goes with the audio, each other one is asked after a restart.
//!
//! ```text
//! cargo run --example audio_question
//! cargo run --example audio_question -- voice.wav --ask "What is said?" --ask "In which language?"
//! ```
//!
//! `OPENAI_AUDIO_MODEL` names the model, which has to be one for audio. Without a key the local peer answers from the
//! bytes that it received: format, seconds, size and hash. When the answer after the restart names the same hash, the
//! recording went from disk to the service again, byte for byte.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use conversation_sdk::{
    ConversationManager, ManagerConfig, Owner, SqliteStateStore, Start, UserMessage,
};
use examples::advice::failed;
use examples::attachment::{Attachment, Kind};
use examples::errors::Failure;
use examples::options::Paths;
use examples::report::stored;
use examples::samples;
use examples::service::Service;
use examples::terminal::say;
use examples::turn::Turn;
use media_store_fs::FileStore;

const USER: &str = "user123";
const SYSTEM: &str = "You answer questions about the recording. Say so when you cannot tell.";

/// Questions about a recording, over a restart.
#[derive(Debug, Parser)]
struct Options {
    /// A WAV or MP3 file; three notes if none is given
    #[arg(value_name = "AUDIO")]
    recording: Option<PathBuf>,

    /// A question; the first goes with the recording, each other one is asked after a restart
    #[arg(long = "ask", value_name = "QUESTION", default_values = ["What do you hear?", "How long does it last?"])]
    questions: Vec<String>,

    #[command(flatten)]
    paths: Paths,
}

fn main() -> ExitCode {
    examples::run(audio_question)
}

async fn audio_question() -> Result<(), Failure> {
    let options = Options::parse();
    let recording = match &options.recording {
        Some(path) => Attachment::read(path, Kind::Audio).await?,
        None => samples::three_notes(),
    };
    let service = Service::connect().await?;
    say(format_args!("{}\n\n{recording}", service.notice()));
    let mut id = None;
    for question in &options.questions {
        let manager = open(&service, &options.paths).await?;
        let mut message = UserMessage::from(question.as_str());
        let mut conversation = match &id {
            None => {
                message = message.with_part(recording.content());
                let start = Start::new().with_user(USER).with_system(SYSTEM);
                manager.start(start).await.map_err(failed)?
            }
            Some(id) => {
                say(
                    "\n-- all is closed; what follows has nothing but the id and what is on disk --",
                );
                let owner = Owner::user(USER);
                manager.resume(id, owner).await.map_err(failed)?
            }
        };
        say(format_args!("\n> {question}"));
        let turn = Turn::take(&mut conversation, message).await?;
        let turn = turn.ok_or_else(Turn::stopped)?;
        say(&turn);
        for reference in stored(turn.response().messages()) {
            say(format_args!("  stored:  {}", reference.id()));
        }
        id = Some(conversation.id().clone());
        let deadline = Duration::from_secs(5);
        manager.shutdown(deadline).await.map_err(failed)?;
    }
    Ok(())
}

async fn open(service: &Service, paths: &Paths) -> Result<ConversationManager, Failure> {
    let media = FileStore::open(&paths.media_dir).await.map_err(failed)?;
    let state = SqliteStateStore::open(&paths.state).await.map_err(failed)?;
    ConversationManager::builder()
        // Models for chats refuse audio; a model for audio refuses a conversation without any.
        .with_provider(service.audio_provider())
        .with_media_storage(media)
        .with_state_store(state)
        // Recordings leave the history whatever their size; 100 KiB is the default.
        .with_config(ManagerConfig::default().with_media_size_threshold_kb(0))
        .build()
        .map_err(failed)
}
