//! The peak of memory, in a process of its own for each figure.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use media_loader::MediaLoader;
use media_storage::{
    MediaBody, MediaMetadata, MediaStorage as _, MediaStorageExt as _, MediaUpload,
};
use media_store_fs::{Durability, FileStore};
use media_types::{MediaContent, MediaSource, Mime};

use super::{Plan, fresh};
use crate::bodies::fill;
use crate::report::{Report, Row, grouped};
use crate::{Result, machine};

const WORK: [(&str, &str); 4] = [
    ("store", "store a stream, deduplicating"),
    ("store-base64", "store a stream of base64, deduplicating"),
    ("load", "load as a stream, verified"),
    ("load-base64", "load as a stream of base64, verified"),
];
const PIECE: usize = 64 * 1024;
const LIMIT_KIB: u64 = 8 * 1024;

/// Measures each kind of work at each size.
pub(super) fn memory(plan: &Plan, report: &mut Report) -> Result<()> {
    let mut rows = Vec::new();
    for (work, what) in WORK {
        for size in &plan.memory {
            let dir = fresh(&plan.dir.join("memory"))?;
            let child = Command::new(std::env::current_exe()?)
                .arg("memory")
                .arg(work)
                .arg(size.to_string())
                .arg(&dir)
                .output()?;
            if !child.status.success() {
                return Err(String::from_utf8_lossy(&child.stderr).into_owned().into());
            }
            let kib: u64 = String::from_utf8(child.stdout)?.trim().parse()?;
            let row = Row::figure(
                format!("{what}, {} MiB", size >> 20),
                format!("{} KiB", grouped(kib)),
            );
            rows.push(row.with_target("≤ 8 MiB", kib <= LIMIT_KIB));
            std::fs::remove_dir_all(dir)?;
        }
    }
    report.table(
        "Peak of memory above idle",
        "The highest resident memory of a process of its own while it does one thing, above what it had before it; the pieces of the stream that is stored are made as they are asked for.",
        "",
        &rows,
    );
    Ok(())
}

fn pieces(size: u64) -> impl Iterator<Item = Bytes> {
    let whole = size / PIECE as u64;
    let rest = usize::try_from(size % PIECE as u64).unwrap_or(0);
    (0..whole)
        .map(|n| (n, PIECE))
        .chain(Some((whole, rest)))
        .map(|(n, len)| {
            let mut piece = vec![0; len];
            fill(&mut piece, n + 1);
            Bytes::from(piece)
        })
}

/// A body of a known length whose pieces are made as they are asked for.
pub(crate) fn body(size: u64) -> MediaBody {
    MediaBody::from_stream(Some(size), stream::iter(pieces(size).map(Ok)))
}

fn base64_body(size: u64) -> MediaBody {
    let mut encoder = Some(media_types::base64::Encoder::new());
    let texts = pieces(size).map(Some).chain(Some(None)).map(move |piece| {
        let mut text = Vec::new();
        match piece {
            Some(piece) => {
                if let Some(encoder) = &mut encoder {
                    encoder.push(&piece, &mut text);
                }
            }
            None => {
                if let Some(encoder) = encoder.take() {
                    encoder.finish(&mut text);
                }
            }
        }
        Ok(Bytes::from(text))
    });
    MediaBody::from_base64_stream(stream::iter(texts))
}

/// What the process of its own does: prints the peak above idle, in KiB.
///
/// # Errors
/// Of the work.
pub async fn child(work: &str, size: u64, dir: &Path) -> Result<()> {
    let store = FileStore::builder(dir)
        .with_deduplication(true)
        .with_durability(Durability::Buffered)
        .build()
        .await?;
    let loader = MediaLoader::builder()
        .with_storage(Arc::new(store.clone()))
        .with_max_bytes(u64::MAX)
        .build();
    let metadata = MediaMetadata::new()
        .with_session("session-1".parse()?)
        .with_conversation("conv-1".parse()?);
    let upload = |body| MediaUpload::new(Mime::VIDEO_MP4, body, metadata.clone());
    let content = |reference| MediaContent::new(Mime::VIDEO_MP4, MediaSource::Stored(reference));
    // Threads, tables and the first buffers are there once a little of everything was done.
    let warm = store.store(upload(body(3 << 20))).await?;
    let mut text = loader.base64_stream(&content(warm.clone())).await?;
    while let Some(piece) = text.next().await {
        piece?;
    }
    let stored = match work {
        "load" | "load-base64" => Some(store.store(upload(body(size))).await?),
        _ => None,
    };
    machine::forget_peak()?;
    let before = machine::resident();
    match (work, stored) {
        ("store", _) => drop(store.store(upload(body(size))).await?),
        ("store-base64", _) => drop(store.store(upload(base64_body(size))).await?),
        ("load", Some(reference)) => {
            let mut stream = store.retrieve(&reference).await?.body.into_stream();
            while let Some(piece) = stream.next().await {
                std::hint::black_box(piece?);
            }
        }
        ("load-base64", Some(reference)) => {
            let mut text = loader.base64_stream(&content(reference)).await?;
            while let Some(piece) = text.next().await {
                std::hint::black_box(piece?);
            }
        }
        _ => return Err("no such work".into()),
    }
    println!("{}", machine::peak().saturating_sub(before));
    Ok(())
}
