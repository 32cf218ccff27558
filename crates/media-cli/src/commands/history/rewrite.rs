//! Slim and fat: files in place or elsewhere, and standard input to standard output.

use std::io;
use std::path::Path;
use std::time::Duration;

use media_history::file::{FileOptions, Links, externalize_file, restore_file};
use media_history::{Fault, History, HistoryError, HistoryErrorKind, Report, RestoreReport};
use serde::Serialize;
use serde_json::json;

use crate::commands::history::arguments::{failure, shown};
use crate::commands::history::walk::{Job, QUIET, is_hot, jobs};
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::quantity::{human_bytes, human_count};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Slim,
    Fatten,
}

/// How files are treated.
#[derive(Clone, Debug)]
pub(crate) struct Treatment<'a> {
    pub(crate) output: Option<&'a Path>,
    pub(crate) hot: bool,
    pub(crate) follow_links: bool,
}

/// What was done to one text.
#[derive(Debug)]
struct Done {
    values: u64,
    media_bytes: u64,
    missing: u64,
    not_ours: u64,
    input_bytes: u64,
    output_bytes: u64,
    fault: Option<Fault>,
    report: serde_json::Value,
}

/// What was done to one file.
#[derive(Debug)]
struct FileDone {
    done: Done,
    changed: bool,
    resumed: bool,
    appended_bytes: u64,
}

impl Done {
    fn slim(report: &Report) -> Self {
        let totals = &report.totals;
        Self {
            values: totals.replaced,
            media_bytes: totals.media_bytes,
            missing: 0,
            not_ours: 0,
            input_bytes: totals.input_bytes,
            output_bytes: totals.output_bytes,
            fault: report.fault,
            report: as_json(report),
        }
    }

    fn fat(report: &RestoreReport) -> Self {
        Self {
            values: report.restored,
            media_bytes: report.media_bytes,
            missing: report.missing,
            not_ours: report.not_ours,
            input_bytes: report.input_bytes,
            output_bytes: report.output_bytes,
            fault: None,
            report: as_json(report),
        }
    }

    fn exit(&self) -> Exit {
        // Beside media that came back, a placeholder that is not ours may be one that somebody quoted.
        let is_foreign = self.not_ours > 0 && self.values == 0;
        if self.fault.is_some() || self.missing > 0 || is_foreign {
            Exit::Data
        } else {
            Exit::Fine
        }
    }

    /// Says what of a text was not put back.
    fn tell_left(&self, name: &str, output: &Output) {
        if self.missing > 0 {
            output.error(format_args!(
                "{name}: {} media items are missing",
                human_count(self.missing)
            ));
        }
        if self.not_ours > 0 {
            output.error(format_args!(
                "{name}: {} placeholders are of another key or owner and stayed as they are",
                human_count(self.not_ours)
            ));
        }
    }
}

fn as_json(report: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(report).unwrap_or_default()
}

/// Rewrites files. The first failure of a file does not keep the others from being rewritten; the
/// worst one decides how the command ends.
pub(crate) async fn files(
    history: &History,
    direction: Direction,
    paths: &[std::path::PathBuf],
    treatment: &Treatment<'_>,
    output: &Output,
) -> Outcome {
    let jobs = jobs(paths, treatment.output)?;
    if jobs.is_empty() {
        output.note("there are no histories in what was named");
    }
    let progress = output.progress("rewriting");
    progress.set_total(jobs.len() as u64);
    let mut worst = Exit::Fine;
    for job in &jobs {
        if !treatment.hot && is_hot(&job.path) {
            let minutes = QUIET.as_secs() / 60;
            skipped(job, output)?;
            progress.suspend(|| {
                output.note(format_args!(
                    "{}: skipped, it changed in the last {minutes} minutes (--hot takes it)",
                    shown(&job.path)
                ));
            });
            progress.add(1);
            continue;
        }
        let done = one(history, direction, job, treatment).await;
        let exit = match done {
            Ok(outcome) => progress.suspend(|| tell(job, direction, &outcome, output))?,
            Err(error) => {
                let failure = failure(error);
                progress.suspend(|| output.error(format_args!("{}: {failure}", shown(&job.path))));
                failure.exit()
            }
        };
        worst = worst.or_worse(exit);
        progress.add(1);
    }
    Ok(worst)
}

async fn one(
    history: &History,
    direction: Direction,
    job: &Job,
    treatment: &Treatment<'_>,
) -> Result<FileDone, HistoryError> {
    let mut options = FileOptions::new();
    if treatment.hot {
        options = options.with_quiet_for(Duration::ZERO);
    }
    if treatment.follow_links {
        options = options.with_links(Links::Follow);
    }
    if let Some(output) = &job.output {
        if let Some(parent) = output.parent() {
            // A failure is told by the file that cannot be created in it.
            let _ = std::fs::create_dir_all(parent);
        }
        options = options.with_output(output);
    }
    Ok(match direction {
        Direction::Slim => {
            let outcome = externalize_file(history, &job.path, &options).await?;
            FileDone {
                done: Done::slim(&outcome.report),
                changed: outcome.changed,
                resumed: outcome.resumed,
                appended_bytes: outcome.appended_bytes,
            }
        }
        Direction::Fatten => {
            let outcome = restore_file(history, &job.path, &options).await?;
            FileDone {
                done: Done::fat(&outcome.report),
                changed: outcome.changed,
                resumed: outcome.resumed,
                appended_bytes: outcome.appended_bytes,
            }
        }
    })
}

fn skipped(job: &Job, output: &Output) -> Outcome<()> {
    if output.is_json() {
        output.json_line(&json!({ "path": job.path, "skipped": "changed recently" }))?;
    }
    Ok(())
}

fn tell(job: &Job, direction: Direction, outcome: &FileDone, output: &Output) -> Outcome {
    let done = &outcome.done;
    if output.is_json() {
        output.json_line(&json!({
            "path": job.path,
            "output": job.output,
            "changed": outcome.changed,
            "resumed": outcome.resumed,
            "appended_bytes": outcome.appended_bytes,
            "report": done.report,
        }))?;
    } else {
        let verb = match direction {
            Direction::Slim => "taken out",
            Direction::Fatten => "put back",
        };
        let mut line = format!(
            "{}: {} media items {verb}, {} to {}",
            shown(&job.path),
            human_count(done.values),
            human_bytes(done.input_bytes),
            human_bytes(done.output_bytes)
        );
        if outcome.appended_bytes > 0 {
            line.push_str(", with what was appended in the meantime");
        }
        output.line(line)?;
    }
    if let Some(fault) = &done.fault {
        output.error(format_args!("{}: {fault}", shown(&job.path)));
    }
    done.tell_left(&shown(&job.path), output);
    Ok(done.exit())
}

/// Rewrites standard input to standard output.
pub(crate) async fn stream(history: &History, direction: Direction, output: &Output) -> Outcome {
    let (input, result) = (tokio::io::stdin(), tokio::io::stdout());
    let done = match direction {
        Direction::Slim => {
            let report = history.externalize_stream(input, result).await;
            report.map(|report| Done::slim(&report))
        }
        Direction::Fatten => {
            let report = history.restore_stream(input, result).await;
            report.map(|report| Done::fat(&report))
        }
    };
    let done = match done {
        Ok(done) => done,
        // The reader has all that it wants. What was stored and not written was deleted again.
        Err(error) if is_closed_pipe(&error) => return Ok(Exit::Fine),
        Err(error) => return Err(failure(error)),
    };
    if output.is_json() {
        output.json_beside(&json!({ "path": "-", "report": done.report }))?;
    } else {
        output.note(format_args!(
            "{} media items, {}",
            human_count(done.values),
            human_bytes(done.media_bytes)
        ));
    }
    if let Some(fault) = &done.fault {
        return Err(Failure::data(format!("standard input: {fault}")));
    }
    done.tell_left("standard input", output);
    Ok(done.exit())
}

fn is_closed_pipe(error: &HistoryError) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
    error.kind() == HistoryErrorKind::Write
        && cause.is_some_and(|cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe)
}
