//! `media rm`: deletes references.

use clap::Args;
use futures_util::StreamExt as _;
use media_storage::{Entry, MediaStorageExt as _, Scope};
use serde_json::json;

use crate::failure::{Exit, Failure, Outcome};
use crate::output::{Output, escaped};
use crate::quantity::{counted, human_bytes};
use crate::record::{EntryRecord, entry_line};
use crate::store::{OpenStore, Selection, StoreArguments, find, open_existing};

/// Arguments of `media rm`.
#[derive(Debug, Args)]
pub(crate) struct RmArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Id of the media, its end, or a reference as JSON.
    #[arg(value_name = "ID")]
    ids: Vec<String>,

    #[command(flatten)]
    selection: Selection,

    /// Delete. Without this, only say what would be deleted.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(arguments: RmArguments, output: &Output) -> Outcome {
    let by_selection = !arguments.selection.is_everything();
    match (arguments.ids.is_empty(), by_selection) {
        (true, false) => {
            return Err(Failure::usage(
                "name ids, or select media (see `media rm --help`)",
            ));
        }
        (false, true) => {
            return Err(Failure::usage("name ids or select media, not both"));
        }
        _ => {}
    }
    if by_selection
        && arguments.selection.owner.user.is_some()
        && is_user_only(&arguments.selection)
    {
        output.note("to delete everything of a user with a receipt, use `media forget`");
    }
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    let mut removal = Removal::new(&store, output, arguments.yes);
    if by_selection {
        let mut entries = store.list(arguments.selection.scope())?;
        while let Some(entry) = entries.next().await {
            match entry {
                Ok(entry) if arguments.selection.includes(&entry) => removal.remove(&entry).await?,
                Ok(_) => {}
                Err(error) => removal.failed(&error),
            }
        }
    } else {
        for id in &arguments.ids {
            let entry = find(&store, id).await?;
            removal.remove(&entry).await?;
        }
    }
    removal.finish()
}

fn is_user_only(selection: &Selection) -> bool {
    matches!(selection.scope(), Scope::User(_))
}

/// Deletes references one by one, or says what it would delete.
struct Removal<'a> {
    store: &'a OpenStore,
    output: &'a Output,
    really: bool,
    count: u64,
    bytes: u64,
    failures: u64,
}

impl<'a> Removal<'a> {
    fn new(store: &'a OpenStore, output: &'a Output, really: bool) -> Self {
        Self {
            store,
            output,
            really,
            count: 0,
            bytes: 0,
            failures: 0,
        }
    }

    async fn remove(&mut self, entry: &Entry) -> Outcome<()> {
        if self.really
            && let Err(error) = self.store.storage().delete(&entry.reference).await
        {
            self.failed(&error);
            return Ok(());
        }
        self.count += 1;
        self.bytes += entry.reference.size().unwrap_or_default();
        if self.output.is_json() {
            let record = EntryRecord::from(entry);
            self.output
                .json_line(&json!({ "deleted": self.really, "media": record }))?;
        } else if self.really {
            self.output
                .line(format_args!("deleted {}", escaped(entry.reference.id())))?;
        } else {
            self.output.line(entry_line(entry, chrono::Utc::now()))?;
        }
        Ok(())
    }

    fn failed(&mut self, error: &media_storage::StorageError) {
        self.failures += 1;
        self.output.warn(error);
    }

    fn finish(self) -> Outcome {
        let count = counted(self.count, "reference");
        let bytes = human_bytes(self.bytes);
        if self.really {
            self.output.note(format_args!("deleted {count}, {bytes}"));
        } else {
            self.output.note(format_args!(
                "would delete {count}, {bytes}; only with --yes"
            ));
        }
        if self.failures > 0 {
            let failures = counted(self.failures, "reference");
            return Err(Failure::failed(format!("{failures} could not be deleted")));
        }
        Ok(Exit::Fine)
    }
}
