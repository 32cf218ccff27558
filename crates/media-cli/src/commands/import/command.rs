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
use crate::store::{
    Creation, NewStore, OpenStore, Owner, StoreArguments, open_or_create, open_target,
};

use super::documents::{Document, Documents};
use super::elements::{Element, Elements};
use super::foreign::{Foreign, text_of};
use super::promptkit::Directory;
use super::rows::Rows;
use super::save::{ImportKey, Saver};
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

/// A conversation, and what it is known by when it is read again.
type Read = (Foreign, ImportKey);

/// Conversations in the course of being read: one at a time is in memory.
type Conversations<'a> = Box<dyn Iterator<Item = Outcome<Read>> + Send + 'a>;

pub(crate) async fn run(arguments: ImportArguments, output: &Output) -> Outcome {
    type Dialect = fn(&[Value]) -> Foreign;
    let (name, files, dialect): (_, _, Dialect) = match arguments.program {
        Program::Openai(files) => ("openai", files, openai::read),
        Program::Anthropic(files) => ("anthropic", files, anthropic::read),
        Program::Gemini(files) => ("gemini", files, gemini::read),
        Program::Langchain(files) => ("langchain", files, langchain::read),
        Program::Agno(files) => {
            let read = |path: &Path| {
                let rows = Rows::open(path)?.map(|row| {
                    let row = row?;
                    Ok((agno::read(&row), ImportKey::new("agno", &[&row])))
                });
                Ok(Box::new(rows) as Conversations<'_>)
            };
            return import("agno", &files.target, None, &files.files, read, output).await;
        }
        Program::Promptkit(directory) => {
            let media = Directory::open(&directory.directory)?;
            let (target, states) = (&directory.target, &media.states);
            let read = |path: &Path| {
                let media = &media;
                let states = Elements::open(path)?.filter_map(move |element| match element {
                    Ok(Element::Value(state) | Element::Item(state)) => {
                        let conversation = media.read(&state)?;
                        Some(Ok((conversation, ImportKey::new("promptkit", &[&state]))))
                    }
                    Ok(Element::End) => None,
                    Err(failure) => Some(Err(failure)),
                });
                Ok(Box::new(states) as Conversations<'_>)
            };
            let root = Some(media.root());
            return import("promptkit", target, root, states, read, output).await;
        }
    };
    let read = |path: &Path| {
        let documents = Documents::open(path)?;
        let read = documents.map(move |document| Ok(conversation(name, document?, dialect)));
        Ok(Box::new(read) as Conversations<'_>)
    };
    import(name, &files.target, None, &files.files, read, output).await
}

/// Reads the messages of a document, and what stands around them.
fn conversation(program: &str, document: Document, dialect: fn(&[Value]) -> Foreign) -> Read {
    let Document { around, messages } = document;
    let mut conversation = dialect(&messages);
    let messages = Value::Array(messages);
    let key = ImportKey::new(program, &[&around, &messages]);
    let system = text_of(&around, &["system", "instructions"]);
    conversation.system = conversation.system.or(system.map(str::to_owned));
    (conversation, key)
}

/// Writes the conversations of files; their media may be in files below `media`.
async fn import<'a>(
    program: &'static str,
    target: &TargetArguments,
    media: Option<&Path>,
    files: &[PathBuf],
    read: impl Fn(&Path) -> Outcome<Conversations<'a>>,
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
    let manager = state.manager(store.handle(), media)?;
    let saver = Saver {
        manager: &manager,
        program,
        owner: &target.owner,
    };
    let progress = output.progress("importing");
    let (mut exit, mut conversations) = (Exit::Fine, 0_u64);
    for file in files {
        for conversation in read(file)? {
            let (foreign, key) = match conversation {
                Ok(read) => read,
                // The other files are read all the same.
                Err(failure) => {
                    progress.suspend(|| output.error(&failure));
                    exit = exit.or_worse(failure.exit());
                    break;
                }
            };
            if foreign.messages.is_empty() {
                continue;
            }
            progress.add(1);
            let saved = saver.save(foreign, key).await?;
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
                exit = exit.or_worse(Exit::Data);
            }
        }
    }
    drop(progress);
    manager.shutdown(SHUTDOWN).await.map_err(failure)?;
    if let Some(directory) = store.files() {
        directory.close().await?;
    }
    if conversations == 0 && exit == Exit::Fine {
        return Err(Failure::data(format!("there is no history of {program}")));
    }
    Ok(exit)
}

/// Opens the store: media of conversations has all ids that a layout may ask for.
async fn open(target: &TargetArguments) -> Outcome<OpenStore> {
    let StoreArguments { location, access } = &target.store;
    match open_target(location, access).await {
        Err(_) if target.create => {
            let new = NewStore {
                organization: Some(Organization::BySession),
                share_bytes: None,
                creation: Creation::Asked,
            };
            open_or_create(location, access, new).await
        }
        opened => opened,
    }
}
