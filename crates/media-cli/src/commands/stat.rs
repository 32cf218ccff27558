//! `media stat`: everything that is known about one reference.

use clap::Args;

use crate::failure::{Exit, Outcome};
use crate::output::{Output, Table, escaped};
use crate::quantity::{exact_time, human_bytes};
use crate::record::EntryRecord;
use crate::store::{StoreArguments, find, open_existing};

/// Arguments of `media stat`.
#[derive(Debug, Args)]
pub(crate) struct StatArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Id of the media, its end, or a reference as JSON.
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

pub(crate) async fn run(arguments: StatArguments, output: &Output) -> Outcome {
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    for (at, id) in arguments.ids.iter().enumerate() {
        let entry = find(&store, id).await?;
        if output.is_json() {
            output.json_line(&EntryRecord::from(&entry))?;
            continue;
        }
        if at > 0 {
            output.line("")?;
        }
        let mut table = Table::of_fields();
        table.field("id", escaped(entry.reference.id()));
        table.field("type", entry.mime.to_string());
        if let Some(size) = entry.reference.size() {
            table.field("size", format!("{} ({size} bytes)", human_bytes(size)));
        }
        if let Some(sha256) = entry.reference.sha256() {
            table.field("SHA-256", sha256.to_string());
        }
        table.field("stored", exact_time(entry.stored_at));
        let metadata = &entry.metadata;
        if let Some(retention) = metadata.retention() {
            table.field("retention", retention.to_string());
        }
        if let Some(at) = entry.expires_at {
            table.field("expires", exact_time(at));
        }
        let ids = [
            ("user", metadata.user().map(|id| id.as_str())),
            ("session", metadata.session().map(|id| id.as_str())),
            (
                "conversation",
                metadata.conversation().map(|id| id.as_str()),
            ),
            ("run", metadata.run().map(|id| id.as_str())),
            ("file name", metadata.filename()),
            ("provider", metadata.provider()),
        ];
        for (name, value) in ids {
            if let Some(value) = value {
                table.field(name, escaped(value));
            }
        }
        if let Some(at) = metadata.created_at() {
            table.field("created", exact_time(at));
        }
        if let Some(index) = metadata.message_index() {
            let part = metadata
                .content_index()
                .map(|part| format!(", part {part}"));
            table.field(
                "position",
                format!("message {index}{}", part.unwrap_or_default()),
            );
        }
        output.table(table)?;
    }
    Ok(Exit::Fine)
}
