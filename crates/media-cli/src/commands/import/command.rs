//! The commands below `media import`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use media_storage::Organization;
use serde_json::{Value, json};

use crate::failure::{Exit, Failure, Outcome};
use crate::output::{Output, escaped};
use crate::quantity::counted;
use crate::state::{State, StateArguments, failure};
use crate::store::{NewStore, OpenStore, Owner, StoreArguments, open_existing, open_or_create};

use super::documents::{Document, documents, values};
use super::foreign::{Foreign, text_of};
use super::promptkit::Directory;
use super::save::Saver;
use super::{agno, anthropic, gemini, langchain, openai};

/// How long what is being written may take at the end.
const SHUTDOWN: Duration = Duration::from_secs(60);

/// Arguments of `media import`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct ImportArguments {
    #[command(subcommand)]
    program: Program,
}

#[derive(Debug, Subcommand)]
enum Program {
    /// Messages of OpenAI's Chat Completions or items of its Responses.
    Openai(FileArguments),
    /// Messages of Anthropic's API.
    Anthropic(FileArguments),
    /// Contents of Google's Gemini.
    Gemini(FileArguments),
    /// Messages of LangChain, by messages_to_dict or dumps.
    Langchain(FileArguments),
    /// Sessions of Agno: rows of its tables as JSON.
    Agno(FileArguments),
    /// A directory of PromptKit: states as JSON, and the media that they name.
    Promptkit(DirectoryArguments),
}

#[derive(Debug, Args)]
struct TargetArguments {
    #[command(flatten)]
    store: StoreArguments,

    #[command(flatten)]
    state: StateArguments,

    #[command(flatten)]
    owner: Owner,

    /// Create the store and the database if they do not exist.
    #[arg(long)]
    create: bool,
}

#[derive(Debug, Args)]
struct FileArguments {
    #[command(flatten)]
    target: TargetArguments,

    /// Histories: JSON or JSON Lines.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct DirectoryArguments {
    #[command(flatten)]
    target: TargetArguments,

    /// Directory with states and media.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// A conversation and the text that it was read from.
type Read = (Foreign, String);

pub(crate) async fn run(arguments: ImportArguments, output: &Output) -> Outcome {
    type Dialect = fn(&[Value]) -> Foreign;
    let (name, files, dialect): (_, _, Dialect) = match arguments.program {
        Program::Openai(files) => ("openai", files, openai::read),
        Program::Anthropic(files) => ("anthropic", files, anthropic::read),
        Program::Gemini(files) => ("gemini", files, gemini::read),
        Program::Langchain(files) => ("langchain", files, langchain::read),
        Program::Agno(files) => {
            let read = |path: &Path| rows(path);
            return import("agno", &files.target, &files.files, read, output).await;
        }
        Program::Promptkit(directory) => {
            let media = Directory::open(&directory.directory)?;
            let states = media.states.clone();
            let read = |path: &Path| {
                let mut found = Vec::new();
                for value in values(path)? {
                    let value = value?;
                    let text = value.to_string();
                    found.extend(media.read(&value).map(|conversation| (conversation, text)));
                }
                Ok(found)
            };
            return import("promptkit", &directory.target, &states, read, output).await;
        }
    };
    let read = |path: &Path| {
        let found = documents(path)?.into_iter();
        Ok(found
            .map(|document| conversation(document, dialect))
            .collect())
    };
    import(name, &files.target, &files.files, read, output).await
}

/// Reads the messages of a document, and what stands around them.
fn conversation(document: Document, dialect: fn(&[Value]) -> Foreign) -> Read {
    let Document { around, messages } = document;
    let text = format!("{around}{}", Value::Array(messages.clone()));
    let mut conversation = dialect(&messages);
    let system = text_of(&around, &["system", "instructions"]);
    conversation.system = conversation.system.or(system.map(str::to_owned));
    (conversation, text)
}

/// Reads the rows of Agno's tables.
fn rows(path: &Path) -> Outcome<Vec<Read>> {
    let mut found = Vec::new();
    for value in values(path)? {
        let rows = match value? {
            Value::Array(rows) if rows.iter().all(|row| row.get("role").is_none()) => rows,
            Value::Array(messages) => vec![json!({ "messages": messages })],
            row => vec![row],
        };
        found.extend(rows.iter().map(|row| (agno::read(row), row.to_string())));
    }
    Ok(found)
}

async fn import(
    program: &'static str,
    target: &TargetArguments,
    files: &[PathBuf],
    read: impl Fn(&Path) -> Outcome<Vec<Read>>,
    output: &Output,
) -> Outcome {
    // Nothing is created before it is known that there is something to be read.
    for file in files {
        let found = std::fs::metadata(file).map_err(Failure::io("open", file))?;
        if found.is_dir() {
            let shown = escaped(&file.to_string_lossy());
            return Err(Failure::usage(format!("{shown:?} is a directory")));
        }
    }
    let store = open(target).await?;
    let state = State::open(&target.state.state, target.create).await?;
    let manager = state.manager(store.handle())?;
    let saver = Saver {
        manager: &manager,
        program,
        owner: &target.owner,
    };
    let progress = output.progress("importing");
    let (mut exit, mut conversations) = (Exit::Fine, 0_u64);
    for file in files {
        for (foreign, text) in read(file)? {
            if foreign.messages.is_empty() {
                continue;
            }
            progress.add(1);
            let saved = saver.save(foreign, &text).await?;
            conversations += 1;
            if output.is_json() {
                output.json_line(&json!({
                    "path": file,
                    "conversation": saved.conversation,
                    "messages": saved.messages,
                    "added": saved.added,
                    "missing": saved.missing,
                }))?;
            } else {
                output.line(format_args!(
                    "{}: {}, {}, {} added",
                    escaped(&file.to_string_lossy()),
                    escaped(&saved.conversation),
                    counted(saved.messages, "message"),
                    crate::quantity::human_count(saved.added)
                ))?;
            }
            if saved.missing > 0 {
                output.warn(format_args!(
                    "{}: {} not found",
                    escaped(&saved.conversation),
                    counted(saved.missing, "media item")
                ));
                exit = Exit::Data;
            }
        }
    }
    drop(progress);
    manager.shutdown(SHUTDOWN).await.map_err(failure)?;
    if let Some(directory) = store.files() {
        directory.close().await?;
    }
    if conversations == 0 {
        return Err(Failure::data(format!("there is no history of {program}")));
    }
    Ok(exit)
}

/// Opens the store: media of conversations has all ids that a layout may ask for.
async fn open(target: &TargetArguments) -> Outcome<OpenStore> {
    let StoreArguments { location, access } = &target.store;
    match open_existing(location, access).await {
        Err(_) if target.create => {
            let new = NewStore {
                organization: Some(Organization::BySession),
                share_bytes: None,
                create: true,
            };
            open_or_create(location, access, new).await
        }
        opened => opened,
    }
}
