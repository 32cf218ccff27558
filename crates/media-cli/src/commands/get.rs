//! `media get`: media as files.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::StreamExt as _;
use media_storage::{Entry, RetrieveOptions, Verification};
use serde_json::json;

use crate::failure::{Exit, Failure, Outcome};
use crate::files::{Existing, NewFile, safe_name};
use crate::output::{Output, escaped};
use crate::quantity::human_bytes;
use crate::store::{OpenStore, StoreArguments, find, open_existing};

/// Arguments of `media get`.
#[derive(Debug, Args)]
pub(crate) struct GetArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Id of the media, its end, or a reference as JSON.
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,

    /// File to write, for one id; or directory. Defaults to the current directory, under the name
    /// that the media had or that it is stored under.
    #[arg(long, short = 'O', value_name = "PATH")]
    output: Option<PathBuf>,

    /// Replace files that exist.
    #[arg(long)]
    force: bool,
}

pub(crate) async fn run(arguments: GetArguments, output: &Output) -> Outcome {
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    let existing = if arguments.force {
        Existing::Replace
    } else {
        Existing::Keep
    };
    let mut written = HashSet::new();
    for id in &arguments.ids {
        let entry = find(&store, id).await?;
        let path = path_for(
            &entry,
            arguments.output.as_deref(),
            arguments.ids.len(),
            &written,
        )?;
        if existing == Existing::Keep && path.symlink_metadata().is_ok() {
            let shown = escaped(&path.to_string_lossy());
            return Err(Failure::failed(format!(
                "{shown:?} exists; --force replaces it"
            )));
        }
        let bytes = save(&store, &entry, &path, existing).await?;
        written.insert(path.clone());
        if output.is_json() {
            output.json_line(&json!({
                "id": entry.reference.id(),
                "path": path,
                "size": bytes,
            }))?;
        } else {
            let shown = escaped(&path.to_string_lossy());
            output.line(format_args!("{shown} ({})", human_bytes(bytes)))?;
        }
    }
    Ok(Exit::Fine)
}

fn path_for(
    entry: &Entry,
    output: Option<&Path>,
    count: usize,
    written: &HashSet<PathBuf>,
) -> Outcome<PathBuf> {
    let directory = match output {
        None => Path::new(""),
        Some(path) if path.is_dir() => path,
        Some(_) if count > 1 => {
            return Err(Failure::usage("several ids need a directory as --output"));
        }
        Some(path) => return Ok(path.to_owned()),
    };
    // Media of one name is told apart by the names that it is stored under.
    let name = entry.metadata.filename().and_then(safe_name);
    let named = name.map(|name| directory.join(name));
    Ok(match named {
        Some(path) if !written.contains(&path) => path,
        _ => directory.join(entry.reference.file_name()),
    })
}

/// Writes verified bytes to a file; a body that turns out to be damaged leaves none.
async fn save(store: &OpenStore, entry: &Entry, path: &Path, existing: Existing) -> Outcome<u64> {
    let verified = RetrieveOptions::new().with_verification(Verification::HashAndSize);
    let stored = store
        .storage()
        .retrieve_opts(&entry.reference, verified)
        .await?;
    let mut file = NewFile::create(path)?;
    let mut body = stored.body.into_stream();
    let mut bytes = 0;
    while let Some(piece) = body.next().await {
        let piece = piece?;
        bytes += piece.len() as u64;
        file.write_all(&piece).map_err(Failure::io("write", path))?;
    }
    file.commit(existing)?;
    Ok(bytes)
}
