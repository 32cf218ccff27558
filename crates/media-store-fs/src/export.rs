//! `.dedup-index.json`: which references share which bytes, for people and their tools. It is never
//! read back.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};

use chrono::{DateTime, SecondsFormat, Utc};
use media_storage::backend::CancelFlag;
use media_storage::{Operation, Scope, StorageError, StorageErrorKind};
use media_types::{Mime, Sha256};
use serde::{Deserialize, Serialize};

use crate::error::io_error;
use crate::shared::Shared;
use crate::sidecar_file::sidecar_of;
use crate::staging::Entry;
use crate::sys;
use crate::walk::{Found, Located, Walk};

/// The index of a store, in its base directory.
const INDEX: &str = ".dedup-index.json";

/// Number of files that references are collected in, by the first byte of their hash, so that only one
/// part of them is in memory at a time.
const PARTS: usize = 256;

/// One reference, as it is collected.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    hash: Sha256,
    path: String,
    size: u64,
    mime_type: Mime,
    stored_ms: i64,
    used_ms: i64,
}

/// One hash, as it is written.
#[derive(Debug, Serialize)]
struct Row {
    hash: Sha256,
    path: String,
    size: u64,
    mime_type: Mime,
    ref_count: u64,
    created_at: String,
    last_accessed: String,
}

pub(crate) fn export(shared: &Shared, cancelled: &CancelFlag) -> Result<(), StorageError> {
    shared.check_writable(Operation::Export)?;
    let io = |error| shared.io(Operation::Export, "", error);
    let parts = collect(shared, cancelled)?;
    let entry = shared
        .stagings
        .entry()
        .map_err(|error| error.with_operation(Operation::Export))?;
    let file = sys::create_new(
        entry.dir(),
        entry.bytes(),
        shared.config.permissions.sidecar_mode(),
    )
    .map_err(io)?;
    let mut out = BufWriter::new(file);
    write_index(&parts, &mut out).map_err(io)?;
    let file = out.into_inner().map_err(|error| io(error.into_error()))?;
    if shared.is_synced() {
        file.sync_all().map_err(io)?;
    }
    // The index is a view of one moment, so it replaces the previous one.
    entry
        .dir()
        .rename(entry.bytes(), shared.base(), INDEX)
        .map_err(io)?;
    if shared.is_synced() {
        sys::sync_dir(shared.base()).map_err(io)?;
    }
    Ok(())
}

/// The references by the first byte of their hash, in files that are removed with their entries.
struct Parts {
    files: Vec<Option<(Entry, BufWriter<File>)>>,
}

fn collect(shared: &Shared, cancelled: &CancelFlag) -> Result<Parts, StorageError> {
    let io = |error| shared.io(Operation::Export, "", error);
    let mut parts = Parts {
        files: (0..PARTS).map(|_| None).collect(),
    };
    for found in Walk::new(shared, &Scope::All, cancelled).map_err(io)? {
        match found.map_err(io)? {
            Found::Media(media) => {
                if let Some(line) = line(&media)? {
                    parts.add(shared, &line)?;
                }
            }
            Found::Unreadable(path, error) => {
                return Err(io_error(Operation::Export, error).with_key(path));
            }
            _ => {}
        }
    }
    for (_, out) in parts.files.iter_mut().flatten() {
        out.flush()
            .map_err(|error| io_error(Operation::Export, error))?;
    }
    Ok(parts)
}

/// Returns what the index says about a reference. Media without a readable sidecar is left out.
fn line(media: &Located) -> Result<Option<Line>, StorageError> {
    let sidecar = match sidecar_of(media.directory.dir(), &media.key) {
        Ok(Some(sidecar)) => sidecar,
        Ok(None) => return Ok(None),
        Err(error) if error.kind() == StorageErrorKind::Corrupted => return Ok(None),
        Err(error) => return Err(error.with_operation(Operation::Export)),
    };
    let used = media
        .directory
        .dir()
        .symlink_metadata(media.key.file.as_str())
        .and_then(|metadata| metadata.modified())
        .map_or(sidecar.stored_at, |time| {
            DateTime::<Utc>::from(time.into_std())
        });
    Ok(Some(Line {
        hash: sidecar.sha256,
        path: media.key.path(),
        size: sidecar.size_bytes,
        mime_type: sidecar.mime_type.clone(),
        stored_ms: sidecar.stored_at.timestamp_millis(),
        used_ms: used.timestamp_millis(),
    }))
}

impl Parts {
    fn add(&mut self, shared: &Shared, line: &Line) -> Result<(), StorageError> {
        let at = usize::from(line.hash.as_bytes()[0]);
        let io = |error| io_error(Operation::Export, error);
        let Some(slot) = self.files.get_mut(at) else {
            return Ok(());
        };
        if slot.is_none() {
            let entry = shared.stagings.entry()?;
            let file = sys::create_new(entry.dir(), entry.bytes(), 0o600).map_err(io)?;
            *slot = Some((entry, BufWriter::new(file)));
        }
        if let Some((_, out)) = slot {
            serde_json::to_writer(&mut *out, line).map_err(|error| io(error.into()))?;
            out.write_all(b"\n").map_err(io)?;
        }
        Ok(())
    }
}

fn write_index(parts: &Parts, out: &mut impl io::Write) -> io::Result<()> {
    out.write_all(b"{")?;
    let mut first = true;
    for (entry, _) in parts.files.iter().flatten() {
        for row in rows(entry)?.into_values() {
            out.write_all(if first { b"\n  " } else { b",\n  " })?;
            first = false;
            serde_json::to_writer(&mut *out, &format!("sha256:{}", row.hash))?;
            out.write_all(b": ")?;
            serde_json::to_writer(&mut *out, &row)?;
        }
    }
    out.write_all(if first { b"}\n" } else { b"\n}\n" })
}

/// Returns the rows of one part, by hash.
fn rows(entry: &Entry) -> io::Result<BTreeMap<Sha256, Row>> {
    let file = sys::open_file(entry.dir(), entry.bytes())?;
    let mut rows: BTreeMap<Sha256, (Row, i64, i64)> = BTreeMap::new();
    for line in BufReader::new(file).lines() {
        let line: Line = serde_json::from_str(&line?)?;
        let (row, stored, used) = rows.entry(line.hash).or_insert_with(|| {
            let row = Row {
                hash: line.hash,
                path: line.path.clone(),
                size: line.size,
                mime_type: line.mime_type,
                ref_count: 0,
                created_at: String::new(),
                last_accessed: String::new(),
            };
            (row, line.stored_ms, line.used_ms)
        });
        row.ref_count += 1;
        if line.stored_ms < *stored {
            *stored = line.stored_ms;
            row.path = line.path;
        }
        *used = (*used).max(line.used_ms);
    }
    let text = |ms| {
        DateTime::<Utc>::from_timestamp_millis(ms)
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Millis, true)
    };
    Ok(rows
        .into_iter()
        .map(|(hash, (mut row, stored, used))| {
            row.created_at = text(stored);
            row.last_accessed = text(used);
            (hash, row)
        })
        .collect())
}
