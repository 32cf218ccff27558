//! The peak of memory, in a process of its own for each figure; the server is in another.

use std::path::Path;

use futures_util::StreamExt as _;
use media_storage::{MediaMetadata, MediaStorage as _, MediaStorageExt as _, MediaUpload};
use media_store_object::ObjectMediaStore;
use media_types::{Mime, StorageReference};
use tokio::process::Command;

use super::Plan;
use super::server::{Access, Server};
use crate::fs::made_body;
use crate::report::{Report, Row, grouped};
use crate::{Result, machine};

const KINDS: [(&str, &str); 2] = [("single", "not shared"), ("shared", "shared")];

/// Two parts of 8 MiB on their way, and as much as one more for everything else.
const STORE_KIB: u64 = 24 * 1024;
const LOAD_KIB: u64 = 8 * 1024;

/// Measures each kind of work.
pub(super) async fn memory(plan: &Plan, report: &mut Report) -> Result<()> {
    let server = Server::start(&plan.dir.join("memory")).await?;
    let mut rows = Vec::new();
    let mut row = |what: String, kib: u64, most: u64| {
        let what = format!("{what}, {} MiB", plan.memory >> 20);
        let row = Row::figure(what, format!("{} KiB", grouped(kib)));
        rows.push(row.with_target(format!("≤ {} MiB", most >> 10), kib <= most));
    };
    for (kind, name) in KINDS {
        let words = ["store", kind, &plan.memory.to_string()];
        let (kib, reference) = in_child(plan, &server.access, &words).await?;
        row(format!("store a stream, {name}"), kib, STORE_KIB);
        let words = ["load", kind, &reference];
        let (kib, _) = in_child(plan, &server.access, &words).await?;
        row(format!("load as a stream, verified, {name}"), kib, LOAD_KIB);
    }
    report.table(
        "Peak of memory above idle, S3",
        "The highest resident memory of a process of its own while it does one thing, above what it had before it; the server is another process. Two parts of 8 MiB are on their way at once; what is shared is spooled to a file first.",
        "",
        &rows,
    );
    Ok(())
}

/// The peak in KiB, and what else the child said.
async fn in_child(plan: &Plan, access: &Access, words: &[&str; 3]) -> Result<(u64, String)> {
    let child = Command::new(std::env::current_exe()?)
        .arg("object-memory")
        .args(words)
        .arg(&plan.dir)
        .args(access.words())
        .output()
        .await?;
    if !child.status.success() {
        return Err(String::from_utf8_lossy(&child.stderr).into_owned().into());
    }
    let said = String::from_utf8(child.stdout)?;
    let (kib, rest) = said.split_once('\n').ok_or("the child said nothing")?;
    Ok((kib.parse()?, rest.trim().to_owned()))
}

/// What the process of its own does: prints the peak above idle, in KiB. To store, it is given a
/// size, and prints the reference, too; to load, a reference, which it deletes then. `words` says
/// how to reach the server.
///
/// # Errors
/// Of the work.
pub async fn child(work: &str, kind: &str, what: &str, dir: &Path, words: &[&str]) -> Result<()> {
    let store = Access::from_words(words)?
        .media_store("memory")
        .with_deduplication(kind == "shared")
        .with_spool_directory(dir)
        .build()
        .await?;
    let metadata = MediaMetadata::new()
        .with_session("session-1".parse()?)
        .with_conversation("conv-1".parse()?);
    let upload = |size| MediaUpload::new(Mime::VIDEO_MP4, made_body(size), metadata.clone());
    // Threads, tables and the first buffers are there once a little of everything was done.
    let warm = store.store(upload(3 << 20)).await?;
    read(&store, &warm).await?;
    store.delete(&warm).await?;
    machine::forget_peak()?;
    let before = machine::resident();
    let above = || machine::peak().saturating_sub(before);
    match work {
        "store" => {
            let stored = store.store(upload(what.parse()?)).await?;
            println!("{}\n{}", above(), serde_json::to_string(&stored)?);
        }
        "load" => {
            let reference: StorageReference = serde_json::from_str(what)?;
            read(&store, &reference).await?;
            println!("{}", above());
            store.delete(&reference).await?;
        }
        _ => return Err("no such work".into()),
    }
    Ok(())
}

async fn read(store: &ObjectMediaStore, reference: &StorageReference) -> Result<()> {
    let mut stream = store.retrieve(reference).await?.body.into_stream();
    while let Some(piece) = stream.next().await {
        std::hint::black_box(piece?);
    }
    Ok(())
}
