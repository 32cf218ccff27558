//! Turns whose reader leaves, or that another process stops, at every step.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt};

use crate::gate::{GO, steps};
use crate::judge::{self, Found, text_of};
use crate::kills::{judge_killed, recover};
use crate::mock::{Mock, Plan};
use crate::run::{Ended, finish, run as run_child, start};
use crate::{AT_A_TIME, Result, Tally};

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
}

pub(crate) async fn run(short: bool, stop_at_first: bool) -> Result<Tally> {
    let mut seen = HashSet::new();
    let mut cases = Vec::new();
    for (at, step) in steps().await?.into_iter().enumerate() {
        let is_first = seen.insert(step.clone());
        for ender in [Ender::Reader, Ender::Process] {
            // The first step of each name, and some within the answer.
            let is_chosen = is_first || at % 5 == 2;
            let is_turn_of = at % 2 == usize::from(matches!(ender, Ender::Reader));
            if !short || (is_chosen && is_turn_of) {
                let step = step.clone();
                cases.push(Case { at, step, ender });
            }
        }
    }
    let mut tally = Tally::default();
    let mut judged = futures_util::stream::iter(cases)
        .map(|case| async move {
            let broken = cancelled(&case).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((case, broken))
        })
        .buffer_unordered(AT_A_TIME);
    while let Some((case, broken)) = judged.try_next().await? {
        let Case { at, step, ender } = &case;
        tally.judge(
            &format!("cancelled by {ender:?} at step {at} ({step})"),
            broken,
        );
        let by = match ender {
            Ender::Reader => "readers who left",
            Ender::Process => "stops by another process",
        };
        tally.count(by, 1);
        tally.count(step, 1);
        if stop_at_first && !tally.broken.is_empty() {
            break;
        }
    }
    Ok(tally)
}

async fn cancelled(case: &Case) -> Result<Vec<String>> {
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
        std::fs::write(dir.path().join(GO), "")?;
    }
    let ended = finish(owner).await?;
    let log = mock.take_log();
    let found = judge::read(dir.path())?;
    let mut broken = judge_killed(&found, &log, ended.said("ACK "));
    broken.extend(judge_cancelled(&found, &ended));
    broken.extend(recover(dir.path(), &mock, &log).await?);
    Ok(broken)
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
