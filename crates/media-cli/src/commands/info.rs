//! `media info`: what a store is and holds.

use clap::Args;
use media_storage::Scope;
use serde_json::json;

use crate::failure::{Exit, Outcome};
use crate::output::{Output, Table};
use crate::quantity::{human_bytes, human_count, human_share};
use crate::store::{StoreArguments, open_existing};

/// Arguments of `media info`.
#[derive(Debug, Args)]
pub(crate) struct InfoArguments {
    #[command(flatten)]
    store: StoreArguments,
}

pub(crate) async fn run(arguments: InfoArguments, output: &Output) -> Outcome {
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    let progress = output.progress("summing up");
    let usage = store.inventory()?.usage(Scope::All).await?;
    drop(progress);
    let organizations: Vec<&str> = store.organizations().iter().map(|o| o.as_str()).collect();
    let saved = usage.logical_bytes.saturating_sub(usage.stored_bytes);
    if output.is_json() {
        output.json(&json!({
            "location": store.location().to_string(),
            "backend": store.storage().backend(),
            "store": store.storage().name(),
            "organizations": organizations,
            "deduplication": store.shares_bytes(),
            "signs_urls": store.storage().url_signer().is_some(),
            "references": usage.references,
            "blobs": usage.blobs,
            "logical_bytes": usage.logical_bytes,
            "stored_bytes": usage.stored_bytes,
            "saved_bytes": saved,
            "copies": usage.copies,
        }))?;
        return Ok(Exit::Fine);
    }
    let mut table = Table::of_fields();
    table.field("store", store.location().to_string());
    table.field("backend", store.storage().backend());
    if let Some(name) = store.storage().name() {
        table.field("name", name);
    }
    table.field("organization", organizations.join(", "));
    let sharing = if store.shares_bytes() { "on" } else { "off" };
    table.field("deduplication", sharing);
    let signs = store.storage().url_signer().is_some();
    table.field("signed URLs", if signs { "yes" } else { "no" });
    table.field("references", human_count(usage.references));
    table.field("distinct bodies", human_count(usage.blobs));
    table.field("referenced", human_bytes(usage.logical_bytes));
    table.field("stored", human_bytes(usage.stored_bytes));
    let share = human_share(saved, usage.logical_bytes);
    table.field("saved", format!("{} ({share})", human_bytes(saved)));
    if usage.copies > 0 {
        table.field("not shared", human_count(usage.copies));
    }
    output.table(table)?;
    Ok(Exit::Fine)
}
