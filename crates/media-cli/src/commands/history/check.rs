//! Whether everything that histories name is there.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use media_history::{CheckReport, History, Unresolved};
use serde_json::json;

use crate::commands::history::arguments::{failure, shown};
use crate::commands::history::walk::jobs;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{Output, escaped};
use crate::quantity::{human_bytes, human_count};

/// How much text is looked at at a time. No placeholder holds a line break, so text is cut there.
const PIECE: usize = 8 * 1024 * 1024;

/// What was found in one text.
#[derive(Debug, Default)]
struct Found {
    resolved: u64,
    media_bytes: u64,
    unresolved: Vec<Unresolved>,
    unresolved_count: u64,
}

impl Found {
    fn add(&mut self, report: CheckReport, offset: u64) {
        self.resolved += report.resolved;
        self.media_bytes += report.media_bytes;
        self.unresolved_count += report.unresolved_count;
        let moved = report.unresolved.into_iter().map(|mut one| {
            one.offset += offset;
            one
        });
        self.unresolved.extend(moved);
        self.unresolved.truncate(1000);
    }
}

/// Checks files; `-` is standard input. Reads the media too where asked to.
pub(crate) async fn files(
    history: &History,
    paths: &[PathBuf],
    read: bool,
    output: &Output,
) -> Outcome {
    let mut exit = Exit::Fine;
    for job in jobs(paths, None)? {
        let progress = output.progress("checking");
        let found = if job.path == Path::new("-") {
            text(history, std::io::stdin(), &job.path, read).await?
        } else {
            let file = std::fs::File::open(&job.path).map_err(Failure::io("open", &job.path))?;
            text(history, file, &job.path, read).await?
        };
        drop(progress);
        tell(&job.path, &found, output)?;
        if found.unresolved_count > 0 {
            exit = Exit::Data;
        }
    }
    Ok(exit)
}

async fn text(
    history: &History,
    reader: impl std::io::Read + Send,
    path: &Path,
    read: bool,
) -> Outcome<Found> {
    let mut reader = BufReader::with_capacity(256 * 1024, reader);
    let (mut found, mut offset, mut piece) = (Found::default(), 0, Vec::new());
    loop {
        piece.clear();
        let limit = PIECE as u64;
        reader
            .by_ref()
            .take(limit)
            .read_to_end(&mut piece)
            .map_err(Failure::io("read", path))?;
        if piece.is_empty() {
            return Ok(found);
        }
        reader
            .read_until(b'\n', &mut piece)
            .map_err(Failure::io("read", path))?;
        let report = history.check(&piece, read).await.map_err(failure)?;
        found.add(report, offset);
        offset += piece.len() as u64;
    }
}

fn tell(path: &Path, found: &Found, output: &Output) -> Outcome<()> {
    if output.is_json() {
        output.json_line(&json!({
            "path": path,
            "resolved": found.resolved,
            "media_bytes": found.media_bytes,
            "unresolved_count": found.unresolved_count,
            "unresolved": found.unresolved,
        }))?;
        return Ok(());
    }
    output.line(format_args!(
        "{}: {} media items are there ({}), {} are not",
        shown(path),
        human_count(found.resolved),
        human_bytes(found.media_bytes),
        human_count(found.unresolved_count)
    ))?;
    for one in &found.unresolved {
        let reason = serde_json::to_value(one.reason).unwrap_or_default();
        output.line(format_args!(
            "  at byte {}: {} ({})",
            one.offset,
            escaped(one.reference.id()),
            reason.as_str().unwrap_or("unresolved").replace('_', " ")
        ))?;
    }
    Ok(())
}
