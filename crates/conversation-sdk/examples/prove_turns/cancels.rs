//! Turns whose reader leaves, or that another process stops, at every step.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};

use crate::gate::{GO, steps};
use crate::judge::{self, Found, text_of};
use crate::kills::{judge_killed, recover};
use crate::mock::{Mock, Plan};
use crate::run::{Ended, finish, run as run_child, start};
use crate::{AT_A_TIME, Result, Tally};

/// How long an owner may take to look whether its turn is to end.
const LOOKS_WITHIN: Duration = Duration::from_secs(10);

/// Who ends the turn.
#[derive(Clone, Copy, Debug)]
enum Ender {
    /// Its reader, who drops the events.
    Reader,
    /// Another process.
    Process,
}

/// One run: the turn is held at a step while it is cancelled.
#[derive(Clone, Debug)]
struct Case {
    at: usize,
    step: String,
    ender: Ender,
    /// Whether the turn must not come to its answer any more.
    is_due: bool,
}

pub(crate) async fn run(short: bool, tally: &mut Tally) -> Result<()> {
    let mut judged = futures_util::stream::iter(cases(&steps().await?, short)?)
        .map(|case| async move {
            let cancelled = cancelled(&case).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((case, cancelled))
        })
        .buffer_unordered(AT_A_TIME);
    while let Some((case, cancelled)) = judged.try_next().await? {
        let Case {
            at, step, ender, ..
        } = &case;
        let (interrupted, broken) = cancelled;
        tally.judge(
            &format!("cancelled by {ender:?} at step {at} ({step})"),
            broken,
        );
        let by = match ender {
            Ender::Reader => "turns that end with their reader",
            Ender::Process => "turns that another process ends",
        };
        tally.count(by, usize::from(interrupted));
        tally.count(step, 1);
        if tally.is_found() {
            break;
        }
    }
    Ok(())
}

/// Every step with each ender; in the short form the first step of each name, and some within the
/// answer, with one of them.
fn cases(steps: &[String], short: bool) -> Result<Vec<Case>> {
    let begun = steps.iter().position(|step| step == "after a write");
    let answered = steps.iter().rposition(|step| step == "within an answer");
    let (begun, answered) = begun.zip(answered).ok_or("a turn without an answer")?;
    let mut seen = HashSet::new();
    let mut cases = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let is_chosen = seen.insert(step) || at % 5 == 2;
        for ender in [Ender::Reader, Ender::Process] {
            let is_turn_of = at % 2 == usize::from(matches!(ender, Ender::Reader));
            if short && !(is_chosen && is_turn_of) {
                continue;
            }
            // Another process finds the turn once its beginning is written, and its owner looks for
            // requests from then on. Behind the answer there is nothing to end.
            let is_due = match ender {
                Ender::Reader => at <= answered,
                Ender::Process => (begun + 1..=answered).contains(&at),
            };
            cases.push(Case {
                at,
                step: step.clone(),
                ender,
                is_due,
            });
        }
    }
    Ok(cases)
}

/// Cancels a turn; returns whether that ended it, and what does not hold.
async fn cancelled(case: &Case) -> Result<(bool, Vec<String>)> {
    let mock = Mock::start(Plan::Tools).await?;
    let dir = tempfile::tempdir()?;
    // The conversation is there before: what is cancelled is its turn.
    run_child("open", dir.path(), &mock.url, &[]).await?;
    let at = case.at.to_string();
    let who = match case.ender {
        Ender::Reader => "reader",
        Ender::Process => "process",
    };
    let mut owner = start("cancelled", dir.path(), &mock.url, &[&at, who])?;
    let turn = owner.wait_for("TURN ").await?;
    owner.wait_for("HELD ").await?;
    if let Ender::Process = case.ender {
        // Before the turn is in the state there is nothing to stop: it is not found.
        run_child("cancel", dir.path(), &mock.url, &[&turn]).await?;
        if case.is_due {
            // One that never looks is found out by how its turn ends.
            let _ = tokio::time::timeout(LOOKS_WITHIN, owner.wait_for("ASKED TO END")).await;
        }
        std::fs::write(dir.path().join(GO), "")?;
    }
    let ended = finish(owner).await?;
    let log = mock.take_log();
    let found = judge::read(dir.path())?;
    let mut broken = judge_killed(&found, &log, ended.said("ACK "));
    broken.extend(judge_cancelled(&found, &ended));
    let is_interrupted = ended.said("FAILED ") == Some("Cancelled");
    if case.is_due && !is_interrupted {
        broken.push(format!("it was not interrupted: {:?}", ended.lines.last()));
    }
    broken.extend(recover(dir.path(), &mock, &found, &log).await?);
    Ok((is_interrupted, broken))
}

/// What must be there as soon as a cancelled turn has ended.
fn judge_cancelled(found: &Found, ended: &Ended) -> Vec<String> {
    let mut broken = Vec::new();
    if !ended.status.success() {
        broken.push(format!("the process failed: {:?}", ended.lines));
    }
    if !found.record["current_turn"].is_null() {
        broken.push("the turn is still current".to_owned());
    }
    for turn in &found.turns {
        let status = turn["status"].as_str().unwrap_or_default();
        let is_told = match ended.said("ACK ") {
            Some(_) => status == "complete",
            None => matches!(status, "interrupted" | "failed"),
        };
        if !is_told {
            broken.push(format!(
                "the turn is {status}; the reader was told {:?}",
                ended.lines.last()
            ));
        }
    }
    let seen: String = ended
        .said("SEEN ")
        .and_then(|seen| serde_json::from_str(seen).ok())
        .unwrap_or_default();
    let answers = found.of_role("assistant");
    let kept: String = answers.iter().map(|message| text_of(message)).collect();
    if !kept.starts_with(&seen) {
        broken.push(format!("the reader saw {seen:?}, and {kept:?} is kept"));
    }
    broken
}
