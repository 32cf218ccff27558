//! `media dedup-index`: what is shared, as a file or a stream.

use clap::Args;
use futures_util::StreamExt as _;
use media_storage::Scope;
use serde_json::json;
use std::collections::HashMap;

use crate::failure::{Exit, Outcome};
use crate::output::{Align, Output, Table, escaped};
use crate::quantity::{exact_time, human_bytes, human_count};
use crate::store::{StoreArguments, open_existing};

/// Arguments of `media dedup-index`.
#[derive(Debug, Args)]
pub(crate) struct DedupIndexArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Write .dedup-index.json into the directory of the store, instead of standard output.
    #[arg(long)]
    write: bool,
}

pub(crate) async fn run(arguments: DedupIndexArguments, output: &Output) -> Outcome {
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    if arguments.write {
        let Some(files) = store.files() else {
            return Err(crate::failure::Failure::usage(
                "--write is for directories; a bucket's index goes to standard output",
            ));
        };
        let progress = output.progress("reading");
        files.export_dedup_index().await?;
        drop(progress);
        if output.is_json() {
            output.json(&json!({ "written": ".dedup-index.json" }))?;
        }
        output.note("wrote .dedup-index.json");
        return Ok(Exit::Fine);
    }
    let progress = output.progress("reading");
    let mut bodies: HashMap<media_types::Sha256, Body> = HashMap::new();
    let mut entries = store.list(Scope::All)?;
    while let Some(entry) = entries.next().await {
        let entry = entry?;
        progress.add(1);
        let Some(sha256) = entry.reference.sha256() else {
            continue;
        };
        let body = bodies.entry(sha256).or_insert_with(|| Body {
            path: entry.reference.id().to_owned(),
            size: entry.reference.size().unwrap_or_default(),
            mime: entry.mime.to_string(),
            references: 0,
            first: entry.stored_at,
            last: entry.stored_at,
        });
        body.references += 1;
        body.first = body.first.min(entry.stored_at);
        body.last = body.last.max(entry.stored_at);
    }
    drop(progress);
    let mut sorted: Vec<_> = bodies.into_iter().collect();
    sorted
        .sort_by(|(a, x), (b, y)| (y.references, a.as_bytes()).cmp(&(x.references, b.as_bytes())));
    if !output.is_json() {
        return table(sorted.iter().map(|(_, body)| body), output);
    }
    for (sha256, body) in sorted {
        output.json_line(&json!({
            "hash": format!("sha256:{sha256}"),
            "path": body.path,
            "size": body.size,
            "mime_type": body.mime,
            "ref_count": body.references,
            "created_at": exact_time(body.first),
            "last_accessed": exact_time(body.last),
        }))?;
    }
    Ok(Exit::Fine)
}

/// Lists the bodies that several references share, those with the most first.
fn table<'a>(bodies: impl Iterator<Item = &'a Body>, output: &Output) -> Outcome {
    let mut table = Table::new([
        ("references", Align::Right),
        ("size", Align::Right),
        ("saved", Align::Right),
        ("type", Align::Left),
        ("one of them", Align::Left),
    ]);
    let (mut all, mut shared, mut saved) = (0_u64, 0_u64, 0_u64);
    for body in bodies {
        all += 1;
        if body.references < 2 {
            continue;
        }
        let spared = body.size * (body.references - 1);
        shared += 1;
        saved += spared;
        table.row([
            human_count(body.references),
            human_bytes(body.size),
            human_bytes(spared),
            escaped(&body.mime),
            escaped(&body.path),
        ]);
    }
    if !table.is_empty() {
        output.table(table)?;
    }
    output.note(format_args!(
        "{} of {} bodies are shared, which saves {}",
        human_count(shared),
        human_count(all),
        human_bytes(saved)
    ));
    Ok(Exit::Fine)
}

/// What is known of one body.
#[derive(Debug)]
struct Body {
    path: String,
    size: u64,
    mime: String,
    references: u64,
    first: chrono::DateTime<chrono::Utc>,
    last: chrono::DateTime<chrono::Utc>,
}
