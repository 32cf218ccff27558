//! Whether everything that histories name is there.

use std::path::{Path, PathBuf};

use media_history::{CheckReport, History};
use media_storage::ReadData;
use serde_json::json;

use crate::commands::history::arguments::{failure, shown};
use crate::commands::history::walk::jobs;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{Output, escaped};

/// How many placeholders without media are reported of one history.
const MAX_TOLD: usize = 1000;

/// Checks files; `-` is standard input.
pub(crate) async fn files(
    history: &History,
    paths: &[PathBuf],
    read_data: ReadData,
    output: &Output,
) -> Outcome {
    let mut exit = Exit::Fine;
    for job in jobs(paths, None)? {
        let progress = output.progress("checking");
        let found = if job.path == Path::new("-") {
            history.check_stream(tokio::io::stdin(), read_data).await
        } else {
            let file = tokio::fs::File::open(&job.path).await;
            let file = file.map_err(Failure::io("open", &job.path))?;
            history.check_stream(file, read_data).await
        };
        let mut found = found.map_err(failure)?;
        found.unresolved.truncate(MAX_TOLD);
        drop(progress);
        tell(&job.path, &found, output)?;
        if found.unresolved_count > 0 {
            exit = Exit::Data;
        }
    }
    Ok(exit)
}

fn tell(path: &Path, found: &CheckReport, output: &Output) -> Outcome<()> {
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
    output.line(format_args!("{}: {found}", shown(path)))?;
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
