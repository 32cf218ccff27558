//! The commands below `media history`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use media_history::OnMissing;
use media_history::file::abandon;
use media_storage::ReadData;
use serde_json::json;

use crate::commands::history::arguments::{TrustArguments, failure, shown};
use crate::commands::history::check;
use crate::commands::history::rewrite::{self, Direction, Treatment};
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::quantity::{human_count, parse_bytes};
use crate::store::{OpenStore, StoreArguments, open_existing, open_for_writing};

/// Arguments of `media history`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct HistoryArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take media out of histories into a store; placeholders stay in its place.
    Slim(SlimArguments),
    /// Put media back into histories.
    Fatten(FattenArguments),
    /// Look whether all media that histories name is there.
    ///
    /// Ends with 3 if some is not.
    Check(CheckArguments),
    /// Give up a rewrite that was interrupted: delete what it stored and its journal.
    Abandon(AbandonArguments),
}

/// Which files, and how they are treated.
#[derive(Debug, Args)]
struct FileArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Histories: JSON, JSON Lines, or directories that are searched for them. `-` is standard
    /// input, and the result goes to standard output.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    trust: TrustArguments,

    /// Write results here, and leave the files alone: a file for one history, a directory for
    /// several. Without this, files are replaced in place, atomically.
    #[arg(long, short = 'O', value_name = "PATH")]
    output: Option<PathBuf>,

    /// Also take files that changed in the last 10 minutes. Lines that are appended in the meantime are
    /// taken over.
    #[arg(long)]
    hot: bool,

    /// Rewrite what a symbolic link leads to; without this links are refused.
    #[arg(long)]
    follow_links: bool,
}

#[derive(Debug, Args)]
struct SlimArguments {
    #[command(flatten)]
    files: FileArguments,

    /// Media smaller than this stays in the history. 0 takes everything out.
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, default_value = "100KiB")]
    threshold: u64,

    /// Also take out signatures and encrypted reasoning, which nobody but the provider reads.
    #[arg(long)]
    opaque: bool,

    /// Also take out bytes that are written as arrays of numbers.
    #[arg(long)]
    number_arrays: bool,

    /// Create the store if it does not exist.
    #[arg(long)]
    create: bool,
}

#[derive(Debug, Args)]
struct FattenArguments {
    #[command(flatten)]
    files: FileArguments,

    /// What is done about media that is gone.
    #[arg(long, value_enum, default_value_t = Missing::Fail)]
    on_missing: Missing,
}

/// What is done about media that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Missing {
    /// The history stays as it is.
    Fail,
    /// The placeholder stays.
    Keep,
    /// A text stands in for the part that held it, in the form of the history's API, so that the
    /// history can be sent. Needs memory for the slim history.
    Text,
}

#[derive(Debug, Args)]
struct CheckArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Histories, directories that are searched for them, or `-` for standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    trust: TrustArguments,

    /// Also read the media and compare its hashes.
    #[arg(long)]
    read_data: bool,
}

#[derive(Debug, Args)]
struct AbandonArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Histories whose rewrite was interrupted.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    trust: TrustArguments,
}

pub(crate) async fn run(arguments: HistoryArguments, output: &Output) -> Outcome {
    match arguments.command {
        Command::Slim(arguments) => slim(arguments, output).await,
        Command::Fatten(arguments) => fatten(arguments, output).await,
        Command::Check(arguments) => {
            let store = open(&arguments.store).await?;
            let history = arguments.trust.history(&store)?;
            let read_data = match arguments.read_data {
                true => ReadData::Everything,
                false => ReadData::Nothing,
            };
            check::files(&history, &arguments.files, read_data, output).await
        }
        Command::Abandon(arguments) => {
            let store = open(&arguments.store).await?;
            let history = arguments.trust.history(&store)?;
            for path in &arguments.files {
                let deleted = abandon(&history, path).await.map_err(failure)?;
                if output.is_json() {
                    output.json_line(&json!({ "path": path, "deleted": deleted }))?;
                } else {
                    let deleted = human_count(deleted);
                    output.line(format_args!(
                        "{}: deleted {deleted} media items",
                        shown(path)
                    ))?;
                }
            }
            Ok(Exit::Fine)
        }
    }
}

async fn open(store: &StoreArguments) -> Outcome<OpenStore> {
    open_existing(&store.location, &store.access).await
}

async fn slim(arguments: SlimArguments, output: &Output) -> Outcome {
    let files = &arguments.files;
    let store = open_for_writing(
        &files.store,
        &files.trust.owner.metadata(),
        None,
        arguments.create,
    )
    .await?;
    let history = files
        .trust
        .history(&store)?
        .with_threshold_bytes(arguments.threshold)
        .with_opaque(arguments.opaque)
        .with_number_arrays(arguments.number_arrays);
    let exit = rewrite_all(&history, Direction::Slim, files, output).await?;
    if let Some(directory) = store.files() {
        directory.close().await?;
    }
    Ok(exit)
}

async fn fatten(arguments: FattenArguments, output: &Output) -> Outcome {
    let store = open(&arguments.files.store).await?;
    let mut history = arguments.files.trust.history(&store)?;
    history = history.with_on_missing(match arguments.on_missing {
        Missing::Fail => OnMissing::Fail,
        Missing::Keep => OnMissing::Keep,
        Missing::Text => OnMissing::Text,
    });
    rewrite_all(&history, Direction::Fatten, &arguments.files, output).await
}

async fn rewrite_all(
    history: &media_history::History,
    direction: Direction,
    arguments: &FileArguments,
    output: &Output,
) -> Outcome {
    let is_input = |path: &PathBuf| path == Path::new("-");
    if arguments.files.iter().any(is_input) {
        if arguments.files.len() > 1 || arguments.output.is_some() {
            return Err(Failure::usage(
                "`-` stands alone, and its result goes to standard output",
            ));
        }
        return rewrite::stream(history, direction, output).await;
    }
    let treatment = Treatment {
        output: arguments.output.as_deref(),
        hot: arguments.hot,
        follow_links: arguments.follow_links,
    };
    rewrite::files(history, direction, &arguments.files, &treatment, output).await
}
