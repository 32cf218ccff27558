//! `media export`: everything of a user as one archive.

use std::io::{self, IsTerminal as _, Read, Seek as _, SeekFrom, Write};
use std::path::PathBuf;

use chrono::Utc;
use clap::Args;
use conversation_sdk::state::LoadOptions;
use conversation_sdk::{ConversationFilter, ConversationRecord, StateStore, Window};
use futures_util::StreamExt as _;
use media_image::parent_of;
use media_storage::{Entry, RetrieveOptions, Scope, StorageError, Verification};
use media_types::UserId;
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::{Exit, Failure, Outcome};
use crate::files::{Existing, NewFile};
use crate::output::Output;
use crate::quantity::{counted, exact_time, human_bytes};
use crate::record::EntryRecord;
use crate::state::{State, StateLocation};
use crate::store::{OpenStore, StoreArguments, open_existing};

/// How many messages are read at a time.
const MESSAGES: u64 = 100;

/// Arguments of `media export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// User whose media is exported.
    #[arg(long, value_name = "ID")]
    user: UserId,

    /// Conversation database whose conversations of the user are exported too: a SQLite file, or
    /// postgres://host/database or redis://host.
    #[arg(
        long,
        value_name = "DATABASE",
        env = "MEDIA_STATE",
        hide_env_values = true
    )]
    state: Option<StateLocation>,

    /// Archive to write (tar); `-` is standard output. A file must not exist.
    #[arg(long, short = 'O', value_name = "FILE")]
    output: PathBuf,
}

pub(crate) async fn run(arguments: ExportArguments, output: &Output) -> Outcome {
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    let state = match &arguments.state {
        Some(location) => Some(State::open_existing(location).await?),
        None => None,
    };
    if arguments.output.as_os_str() == "-" {
        if io::stdout().is_terminal() {
            return Err(Failure::usage("an archive is not written to a terminal"));
        }
        let mut archive = Archive::new(io::stdout(), arguments.user.clone());
        archive.media(&store, output).await?;
        archive
            .conversations(state.as_ref().map(State::store))
            .await?;
        let tally = archive.finish(&store)?.1;
        if output.is_json() {
            output.json_beside(&tally)?;
        }
        return Ok(tally.say(output));
    }
    if arguments.output.symlink_metadata().is_ok() {
        let shown = crate::output::escaped(&arguments.output.to_string_lossy());
        return Err(Failure::failed(format!("{shown:?} exists")));
    }
    let file = NewFile::create(&arguments.output)?;
    let mut archive = Archive::new(file, arguments.user.clone());
    archive.media(&store, output).await?;
    archive
        .conversations(state.as_ref().map(State::store))
        .await?;
    let (file, tally) = archive.finish(&store)?;
    file.commit(Existing::Keep)?;
    if output.is_json() {
        output.json(&tally)?;
    }
    Ok(tally.say(output))
}

/// What an archive holds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Tally {
    media: u64,
    bytes: u64,
    missing: u64,
    conversations: u64,
}

impl Tally {
    fn say(self, output: &Output) -> Exit {
        output.note(format_args!(
            "exported {}, {}, {}",
            counted(self.media, "media item"),
            human_bytes(self.bytes),
            counted(self.conversations, "conversation")
        ));
        if self.missing > 0 {
            output.warn(format_args!(
                "{} could not be read; items.jsonl names what is missing",
                counted(self.missing, "item")
            ));
            return Exit::Data;
        }
        Exit::Fine
    }
}

/// An archive that is being written: media first, then the manifest, which describes all of it.
struct Archive<W: Write> {
    tar: tar::Builder<W>,
    user: UserId,
    /// One JSON object a line; spooled, so that memory does not grow with what is exported.
    items: Option<tempfile::SpooledTempFile>,
    tally: Tally,
}

impl<W: Write> Archive<W> {
    fn new(writer: W, user: UserId) -> Self {
        Self {
            tar: tar::Builder::new(writer),
            user,
            items: Some(tempfile::spooled_tempfile(1024 * 1024)),
            tally: Tally::default(),
        }
    }

    async fn media(&mut self, store: &OpenStore, output: &Output) -> Outcome<()> {
        let progress = output.progress("exporting");
        let mut entries = store.list(Scope::User(self.user.clone()))?;
        while let Some(entry) = entries.next().await {
            progress.add(1);
            match entry {
                // What is made of an image is made again from it.
                Ok(entry) if parent_of(&entry.metadata).is_some() => {}
                Ok(entry) => self.add(store, &entry).await?,
                Err(error) => self.missing(error.key().unwrap_or_default(), None, &error)?,
            }
        }
        Ok(())
    }

    /// Adds the conversations of the user: a record, then its messages, one JSON object a line.
    async fn conversations(&mut self, state: Option<&dyn StateStore>) -> Outcome<()> {
        let Some(state) = state else {
            return Ok(());
        };
        let mut filter = ConversationFilter::new().with_user(self.user.clone());
        loop {
            let page = state.list(&filter).await?;
            for record in page.records {
                let modified = record.updated_at.timestamp().max(0).unsigned_abs();
                let path = format!("conversations/{:06}.jsonl", self.tally.conversations);
                let mut file = tempfile::spooled_tempfile(1024 * 1024);
                writeln!(file, "{}", json!({ "record": record })).map_err(spool_failed)?;
                messages(state, &record, &mut file).await?;
                let len = file.stream_position().map_err(spool_failed)?;
                file.seek(SeekFrom::Start(0)).map_err(spool_failed)?;
                self.append(&path, &mut file, len, modified)?;
                self.tally.conversations += 1;
            }
            match page.next {
                Some(next) => filter = filter.with_cursor(Some(next)),
                None => return Ok(()),
            }
        }
    }

    /// Adds one item, after its bytes were verified: an archive holds no damaged media.
    async fn add(&mut self, store: &OpenStore, entry: &Entry) -> Outcome<()> {
        let spooled = match spool(store, entry).await {
            Ok(spooled) => spooled,
            Err(Unread::Storage(error)) => {
                return self.missing(entry.reference.id(), Some(entry), &error);
            }
            Err(Unread::Local(failure)) => return Err(failure),
        };
        let (mut file, len) = spooled;
        let path = format!("media/{}", entry.reference.id());
        let modified = entry.stored_at.timestamp().max(0).unsigned_abs();
        self.append(&path, &mut file, len, modified)?;
        self.tally.media += 1;
        self.tally.bytes += len;
        self.item(json!({ "path": path, "media": EntryRecord::from(entry) }))
    }

    fn missing(&mut self, id: &str, entry: Option<&Entry>, error: &StorageError) -> Outcome<()> {
        self.tally.missing += 1;
        self.item(json!({
            "id": id,
            "media": entry.map(EntryRecord::from),
            "missing": error.kind().to_string(),
        }))
    }

    fn item(&mut self, item: Value) -> Outcome<()> {
        if let Some(items) = &mut self.items {
            writeln!(items, "{item}").map_err(spool_failed)?;
        }
        Ok(())
    }

    fn append(&mut self, path: &str, data: &mut impl Read, len: u64, modified: u64) -> Outcome<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(len);
        header.set_mode(0o600);
        header.set_mtime(modified);
        self.tar.append_data(&mut header, path, data)?;
        Ok(())
    }

    /// Writes the manifest and the end of the archive.
    fn finish(mut self, store: &OpenStore) -> Outcome<(W, Tally)> {
        let now = Utc::now();
        let head = json!({
            "manifest_version": 1,
            "user": self.user.as_str(),
            "store": store.location().to_string(),
            "exported_at": exact_time(now),
            "media": self.tally.media,
            "bytes": self.tally.bytes,
            "missing": self.tally.missing,
            "conversations": self.tally.conversations,
            "items": "items.jsonl",
        });
        let head = format!("{head:#}\n");
        let modified = now.timestamp().max(0).unsigned_abs();
        if let Some(mut items) = self.items.take() {
            let len = items.stream_position().map_err(spool_failed)?;
            items.seek(SeekFrom::Start(0)).map_err(spool_failed)?;
            self.append("items.jsonl", &mut items, len, modified)?;
        }
        let len = head.len() as u64;
        self.append("manifest.json", &mut head.as_bytes(), len, modified)?;
        let mut writer = self.tar.into_inner()?;
        writer.flush()?;
        Ok((writer, self.tally))
    }
}

/// Writes the messages of a conversation, those of cut-off branches too.
async fn messages(
    state: &dyn StateStore,
    record: &ConversationRecord,
    file: &mut impl Write,
) -> Outcome<()> {
    let mut from = 0;
    loop {
        let window = Window::Range(from..from + MESSAGES);
        let options = LoadOptions::new(window).with_branches(true);
        let Some(loaded) = state.load(&record.id, options).await? else {
            return Ok(());
        };
        // Branches may be longer than the history.
        if loaded.messages.is_empty() && from >= record.message_count {
            return Ok(());
        }
        for stored in loaded.messages {
            let line = json!({
                "branch": stored.branch,
                "position": stored.position,
                "message": stored.message,
            });
            writeln!(file, "{line}").map_err(spool_failed)?;
        }
        from += MESSAGES;
    }
}

/// Why an item is not in a spool.
enum Unread {
    Storage(StorageError),
    Local(Failure),
}

fn spool_failed(error: io::Error) -> Failure {
    Failure::failed("failed to write a temporary file").because(error)
}

async fn spool(
    store: &OpenStore,
    entry: &Entry,
) -> Result<(tempfile::SpooledTempFile, u64), Unread> {
    let verified = RetrieveOptions::new().with_verification(Verification::HashAndSize);
    let opened = store
        .storage()
        .retrieve_opts(&entry.reference, verified)
        .await;
    let mut body = opened.map_err(Unread::Storage)?.body.into_stream();
    let mut file = tempfile::spooled_tempfile(8 * 1024 * 1024);
    let mut len = 0;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(Unread::Storage)?;
        len += piece.len() as u64;
        file.write_all(&piece)
            .map_err(|error| Unread::Local(spool_failed(error)))?;
    }
    file.seek(SeekFrom::Start(0))
        .map_err(|error| Unread::Local(spool_failed(error)))?;
    Ok((file, len))
}
