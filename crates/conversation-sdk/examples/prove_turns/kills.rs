//! Processes that are killed at each of their system calls.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt};

use crate::judge::{self, Found};
use crate::mock::{Logged, Mock, Plan};
use crate::run::run as run_child;
use crate::traced::{self, Call, Thread};
use crate::{AT_A_TIME, Result, Tally};

/// How many calls the short form goes on by at a time.
const SHORT_STRIDE: usize = 23;

/// What became of one kill.
#[derive(Debug)]
struct Kill {
    call: Call,
    broken: Vec<String>,
    was_killed: bool,
    had_begun: bool,
    acknowledged: bool,
}

pub(crate) async fn run(short: bool, tally: &mut Tally) -> Result<()> {
    let mut calls = Vec::new();
    for thread in [Thread::Files, Thread::Turn] {
        let (mock, dir) = begin().await?;
        calls.extend(traced::calls(dir.path(), &mock.url, thread).await?);
    }
    if short {
        // The last one is behind the answer.
        let last = calls.len().saturating_sub(1);
        let mut at = 0..calls.len();
        calls.retain(|_| {
            at.next()
                .is_some_and(|at| at % SHORT_STRIDE == 0 || at == last)
        });
    }
    let mut kills = futures_util::stream::iter(calls)
        .map(kill)
        .buffer_unordered(AT_A_TIME);
    while let Some(kill) = kills.try_next().await? {
        let Call { thread, name, nth } = kill.call;
        tally.judge(&format!("{thread:?} killed at {name} {nth}"), kill.broken);
        let of_thread = match thread {
            Thread::Turn => "kills at calls of the turn",
            Thread::Files => "kills at calls for files",
        };
        tally.count(of_thread, usize::from(kill.was_killed));
        tally.count("turns that had begun", usize::from(kill.had_begun));
        tally.count("answers acknowledged", usize::from(kill.acknowledged));
        if tally.is_found() {
            break;
        }
    }
    Ok(())
}

/// The conversation is there before: what is killed is its turn.
async fn begin() -> Result<(Mock, tempfile::TempDir)> {
    let mock = Mock::start(Plan::Tools).await?;
    let dir = tempfile::tempdir()?;
    run_child("open", dir.path(), &mock.url, &[]).await?;
    Ok((mock, dir))
}

async fn kill(call: Call) -> Result<Kill> {
    let (mock, dir) = begin().await?;
    let ended = traced::run_killed(dir.path(), &mock.url, &call).await?;
    let was_killed = ended.status.signal() == Some(9);
    // How often a thread waits differs from run to run: the call may not have come.
    if !was_killed && !ended.status.success() {
        let (status, lines) = (ended.status, &ended.lines);
        return Err(format!("{call:?} was no kill, but {status}: {lines:?}").into());
    }
    let log = mock.take_log();
    let acknowledged = ended.said("ACK ");
    let found = judge::read(dir.path())?;
    let mut broken = judge_killed(&found, &log, acknowledged);
    broken.extend(recover(dir.path(), &mock, &found, &log).await?);
    Ok(Kill {
        call,
        broken,
        was_killed,
        had_begun: !log.is_empty(),
        acknowledged: acknowledged.is_some(),
    })
}

/// What must be there after a kill, whatever was going on.
pub(crate) fn judge_killed(
    found: &Found,
    log: &[Logged],
    acknowledged: Option<&str>,
) -> Vec<String> {
    let mut broken = found.check();
    broken.extend(found.check_ends());
    // Who was asked has the user's message in the state: it is written first.
    if !log.is_empty() && found.of_role("user").is_empty() {
        broken.push("the model was asked, and the user's message is not there".to_owned());
    }
    // A second request goes out only when the round before it is written.
    let rounds = log.iter().filter(|logged| has_tool_result(logged)).count();
    if rounds > 0 && found.of_role("tool").is_empty() {
        broken.push("the model was sent a result of a tool that is not there".to_owned());
    }
    if let Some(text) = acknowledged
        && found.answer() != text
    {
        broken.push("an answer was acknowledged, and is not there".to_owned());
    }
    broken
}

fn has_tool_result(logged: &Logged) -> bool {
    let messages = logged.body["messages"].as_array();
    messages.is_some_and(|messages| messages.iter().any(|message| message["role"] == "tool"))
}

/// Goes on with the conversation in another process, and judges what it finds. What was found before
/// stays.
pub(crate) async fn recover(
    dir: &Path,
    mock: &Mock,
    before: &Found,
    log: &[Logged],
) -> Result<Vec<String>> {
    let recovered = run_child("recover", dir, &mock.url, &[]).await?;
    let found = judge::read(dir)?;
    let mut broken = found.check_recovered();
    broken.extend(found.check_kept(before));
    if !recovered.status.success() {
        broken.push(format!(
            "the conversation does not go on: {:?}",
            recovered.lines
        ));
    }
    // What was said before the crash goes with the next request.
    let sent = mock.take_log().last().map(|logged| logged.body.to_string());
    if !log.is_empty() && !sent.unwrap_or_default().contains("Look at this") {
        broken.push("the message of before the crash is not sent again".to_owned());
    }
    Ok(broken)
}
