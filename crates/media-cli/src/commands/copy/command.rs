//! What `media copy` does: batches of items, several at a time, those of earlier runs left out.

use std::path::PathBuf;

use chrono::Utc;
use clap::Args;
use futures_util::StreamExt as _;
use media_image::parent_of;
use media_storage::{Entry, ImportOutcome, Importer, StorageError, StorageErrorKind};

use crate::failure::{Exit, Failure, Outcome};
use crate::journal::Journal;
use crate::output::{Output, Progress};
use crate::quantity::human_count;
use crate::store::{
    AccessArguments, Creation, Location, NewStore, OpenStore, Selection, open_existing,
    open_or_create, open_target,
};

use super::item::{Copied, by_hash, copy_one};
use super::tally::{Tally, show};

/// How many entries are looked at before they are copied.
const BATCH: usize = 256;

/// After how many failures in a row the copy gives up.
const MAX_FAILURES_IN_A_ROW: u32 = 20;

/// Arguments of `media copy`.
#[derive(Debug, Args)]
pub(crate) struct CopyArguments {
    /// Store to copy from: a directory or the URL of a bucket.
    #[arg(value_name = "FROM")]
    from: Location,

    /// Store to copy to.
    #[arg(value_name = "TO")]
    to: Location,

    #[command(flatten)]
    selection: Selection,

    /// Create the store that is copied to if it does not exist.
    #[arg(long)]
    create: bool,

    /// Option of the bucket that is copied from.
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Store")]
    from_option: Vec<String>,

    /// Option of the bucket that is copied to.
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Store")]
    to_option: Vec<String>,

    /// Name of the store that is copied from, where it has one.
    #[arg(long, value_name = "NAME", help_heading = "Store")]
    from_store_name: Option<String>,

    /// Name of the store that is copied to, where it has one.
    #[arg(long, value_name = "NAME", help_heading = "Store")]
    to_store_name: Option<String>,

    /// How many items are copied at once.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,

    /// Where the journal is kept that lets an interrupted copy go on. Defaults to a file below
    /// $XDG_STATE_HOME.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    /// Begin anew: look at every item, also those that the journal has.
    #[arg(long)]
    fresh: bool,

    /// Read everything back from the store that was copied to.
    #[arg(long)]
    read_back: bool,
}

pub(crate) async fn run(arguments: CopyArguments, output: &Output) -> Outcome {
    if arguments.from == arguments.to {
        return Err(Failure::usage("FROM and TO are the same store"));
    }
    let access = AccessArguments::new(&arguments.from_store_name, &arguments.from_option);
    let from = open_existing(&arguments.from, &access).await?;
    let new = NewStore {
        organization: from.organizations().iter().max().copied(),
        share_bytes: None,
        creation: Creation::of_flag(arguments.create),
    };
    let (to, journal) = open_to(&arguments, new, output).await?;
    let Some(importer) = to.storage().importer() else {
        return Err(Failure::failed(format!(
            "{} cannot take media over",
            to.location()
        )));
    };
    let mut copying = Copying {
        from: &from,
        to: &to,
        importer,
        journal,
        tally: Tally::default(),
        failed_in_a_row: 0,
    };
    copying.all(&arguments, output).await?;
    let Copying { journal, tally, .. } = copying;
    if let Some(files) = to.files() {
        files.close().await?;
    }
    show(tally, output)?;
    if tally.failed > 0 {
        return Err(Failure::failed(format!(
            "{} items were not copied; the same command tries them again",
            human_count(tally.failed)
        )));
    }
    if let Some(journal) = journal {
        journal.remove()?;
    }
    let (old, new) = (from.storage().backend(), to.storage().backend());
    if old != new {
        output.note(format_args!(
            "ids are kept; references still name the backend {old:?}, and the store is {new:?}"
        ));
    }
    Ok(Exit::Fine)
}

/// A copy on its way.
struct Copying<'a> {
    from: &'a OpenStore,
    to: &'a OpenStore,
    importer: &'a dyn Importer,
    journal: Option<Journal>,
    tally: Tally,
    failed_in_a_row: u32,
}

impl Copying<'_> {
    async fn all(&mut self, arguments: &CopyArguments, output: &Output) -> Outcome<()> {
        let progress = output.progress("copying");
        let mut entries = self.from.list(arguments.selection.scope())?.fuse();
        loop {
            let batch = self
                .next_batch(&mut entries, arguments, output, &progress)
                .await;
            if batch.is_empty() {
                return Ok(());
            }
            let (from, to, importer) = (self.from, self.to, self.importer);
            let read_back = arguments.read_back;
            let mut copies = futures_util::stream::iter(by_hash(batch))
                .map(|equal| async move {
                    let mut copied = Vec::with_capacity(equal.len());
                    for entry in equal {
                        copied.push(copy_one(from, to, importer, entry, read_back).await);
                    }
                    copied
                })
                .buffer_unordered(arguments.jobs.into());
            while let Some(copied) = copies.next().await {
                for copied in copied {
                    progress.add(1);
                    match copied {
                        Ok((entry, copied)) => self.done(&entry, copied)?,
                        Err(error) => {
                            let kind = error.kind();
                            progress.suspend(|| output.warn(Failure::from(error)));
                            self.failed(kind)?;
                        }
                    }
                }
            }
        }
    }

    /// Returns the next entries that are to be copied; none at the end.
    async fn next_batch(
        &mut self,
        entries: &mut (impl futures_util::Stream<Item = Result<Entry, StorageError>> + Unpin),
        arguments: &CopyArguments,
        output: &Output,
        progress: &Progress,
    ) -> Vec<Entry> {
        let now = Utc::now();
        let mut batch = Vec::new();
        while batch.len() < BATCH
            && let Some(entry) = entries.next().await
        {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.tally.failed += 1;
                    progress.suspend(|| output.warn(Failure::from(error)));
                    continue;
                }
            };
            let id = entry.reference.id();
            // What is made of an image is made again from it, where that is asked for.
            if !arguments.selection.includes(&entry) || parent_of(&entry.metadata).is_some() {
                continue;
            } else if entry.expires_at.is_some_and(|at| at <= now) {
                self.tally.expired += 1;
            } else if self.journal.as_ref().is_some_and(|done| done.contains(id)) {
                self.tally.before += 1;
            } else {
                batch.push(entry);
            }
        }
        batch
    }

    fn done(&mut self, entry: &Entry, copied: Copied) -> Outcome<()> {
        self.failed_in_a_row = 0;
        match copied {
            Copied::Deleted => {
                self.tally.deleted += 1;
                return Ok(());
            }
            Copied::Imported(ImportOutcome::Present) => self.tally.present += 1,
            Copied::Imported(_) => {
                self.tally.copied += 1;
                self.tally.copied_bytes += entry.reference.size().unwrap_or_default();
            }
        }
        match self.journal.as_mut() {
            Some(journal) => journal.add(entry.reference.id()),
            None => Ok(()),
        }
    }

    fn failed(&mut self, kind: StorageErrorKind) -> Outcome<()> {
        self.tally.failed += 1;
        // What is wrong with one item says nothing about the next.
        self.failed_in_a_row += u32::from(!is_of_item(kind));
        if self.failed_in_a_row >= MAX_FAILURES_IN_A_ROW {
            return Err(Failure::failed(format!(
                "{MAX_FAILURES_IN_A_ROW} items failed in a row; the same command goes on from here"
            )));
        }
        Ok(())
    }
}

/// Whether a failure is one of the item that is copied, not of a store.
fn is_of_item(kind: StorageErrorKind) -> bool {
    use StorageErrorKind::{Corrupted, InvalidInput, InvalidRef, NotFound, TooLarge, Unsupported};
    matches!(
        kind,
        Corrupted | InvalidInput | InvalidRef | NotFound | TooLarge | Unsupported
    )
}

/// Opens the store that is copied to, and the journal of what it has.
async fn open_to(
    arguments: &CopyArguments,
    new: NewStore,
    output: &Output,
) -> Outcome<(OpenStore, Option<Journal>)> {
    let access = AccessArguments::new(&arguments.to_store_name, &arguments.to_option);
    // An existing store keeps its organization; imported ids bring their own.
    match open_target(&arguments.to, &access).await {
        Ok(store) => Ok((store, open_journal(arguments, arguments.fresh, output)?)),
        Err(failure) if new.creation == Creation::Asked && failure.is_of_no_store() => {
            // What it says is of the store that was there before. It is emptied before there is another.
            let journal = open_journal(arguments, true, output)?;
            let store = open_or_create(&arguments.to, &access, new).await?;
            Ok((store, journal))
        }
        Err(failure) => Err(failure),
    }
}

fn open_journal(
    arguments: &CopyArguments,
    fresh: bool,
    output: &Output,
) -> Outcome<Option<Journal>> {
    let place = |location: &Location| match location {
        Location::Directory(path) => std::path::absolute(path)
            .unwrap_or_else(|_| path.clone())
            .display()
            .to_string(),
        Location::Bucket(url) => url.clone(),
    };
    let task = format!("copy\n{}\n{}", place(&arguments.from), place(&arguments.to));
    let path = arguments
        .journal
        .clone()
        .or_else(|| Journal::default_path(&task));
    let Some(path) = path else {
        output.warn("no journal is kept: neither --journal nor HOME is set");
        return Ok(None);
    };
    let journal = Journal::open(&path, &task, fresh)?;
    if journal.len() > 0 {
        output.note(format_args!(
            "an earlier run copied {} items; going on after it",
            human_count(journal.len())
        ));
    }
    Ok(Some(journal))
}
