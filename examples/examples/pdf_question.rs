//! Questions about a PDF document: the first goes with the document, each other one is asked after a restart.
//!
//! ```text
//! cargo run --example pdf_question
//! cargo run --example pdf_question -- report.pdf --ask "What is it about?" --ask "Who wrote it?"
//! ```
//!
//! Without a key the local peer answers from the bytes that it received: name, pages, size and hash. When the answer
//! after the restart names the same hash, the document went from disk to the service again, byte for byte.

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
const SYSTEM: &str =
    "You answer questions about the document, and name the page that you found it on.";

/// Questions about a PDF document, over a restart.
#[derive(Debug, Parser)]
struct Options {
    /// A PDF document; a timetable of two pages if none is given
    #[arg(value_name = "PDF")]
    document: Option<PathBuf>,

    /// A question; the first goes with the document, each other one is asked after a restart
    #[arg(long = "ask", value_name = "QUESTION", default_values = ["What is this document about?", "What does a ticket for two adults and a dog cost?"])]
    questions: Vec<String>,

    #[command(flatten)]
    paths: Paths,
}

fn main() -> ExitCode {
    examples::run(pdf_question)
}

async fn pdf_question() -> Result<(), Failure> {
    let options = Options::parse();
    let document = match &options.document {
        Some(path) => Attachment::read(path, Kind::Pdf).await?,
        None => samples::timetable(),
    };
    let service = Service::connect().await?;
    say(format_args!("{}\n\n{document}", service.notice()));
    let mut id = None;
    for question in &options.questions {
        let manager = open(&service, &options.paths).await?;
        let mut message = UserMessage::from(question.as_str());
        let mut conversation = match &id {
            None => {
                message = message.with_part(document.content());
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
        .with_provider(service.provider())
        .with_media_storage(media)
        .with_state_store(state)
        // Documents leave the history whatever their size; 100 KiB is the default.
        .with_config(ManagerConfig::default().with_media_size_threshold_kb(0))
        .build()
        .map_err(failed)
}
