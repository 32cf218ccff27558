//! Processes that are killed at each of their system calls.

use std::path::Path;

use futures_util::{StreamExt, TryStreamExt};

use crate::judge::{self, Found};
use crate::mock::{Logged, Mock, Plan};
use crate::run::{run as run_child, run_killed};
use crate::{AT_A_TIME, Result, Tally};

/// The sets of calls at which the child is killed: those that change files, and all there are.
const SETS: [(&str, usize); 2] = [
    (
        "pwrite64,write,fsync,fdatasync,linkat,renameat2,renameat,unlinkat,unlink,ftruncate,mkdirat",
        1,
    ),
    ("all", 7),
];

/// What became of one kill.
#[derive(Debug)]
struct Kill {
    nth: usize,
    broken: Vec<String>,
    /// Whether the turn ended before it was reached.
    is_beyond: bool,
    had_begun: bool,
    acknowledged: bool,
}

pub(crate) async fn run(short: bool, stop_at_first: bool) -> Result<Tally> {
    let mut tally = Tally::default();
    for (calls, stride) in SETS {
        let stride = if short { stride * 11 } else { stride };
        let mut kills = futures_util::stream::iter((1..).step_by(stride))
            .map(|nth| kill(calls, nth))
            .buffered(AT_A_TIME);
        while let Some(kill) = kills.try_next().await? {
            let what = format!("killed at call {} of {calls:.12}", kill.nth);
            tally.judge(&what, kill.broken);
            tally.count("kills", usize::from(!kill.is_beyond));
            tally.count("turns that had begun", usize::from(kill.had_begun));
            tally.count("answers acknowledged", usize::from(kill.acknowledged));
            if kill.is_beyond || (stop_at_first && !tally.broken.is_empty()) {
                break;
            }
        }
    }
    Ok(tally)
}

async fn kill(calls: &str, nth: usize) -> Result<Kill> {
    // The conversation is there before: what is killed is its turn.
    let mock = Mock::start(Plan::Tools).await?;
    let dir = tempfile::tempdir()?;
    run_child("open", dir.path(), &mock.url, &[]).await?;
    let killed = run_killed("turn", dir.path(), &mock.url, calls, nth).await?;
    let log = mock.take_log();
    let acknowledged = killed.said("ACK ");
    let mut broken = judge_killed(&judge::read(dir.path())?, &log, acknowledged);
    broken.extend(recover(dir.path(), &mock, &log).await?);
    Ok(Kill {
        nth,
        broken,
        is_beyond: killed.status.success(),
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

/// Goes on with the conversation in another process, and judges what it finds.
pub(crate) async fn recover(dir: &Path, mock: &Mock, before: &[Logged]) -> Result<Vec<String>> {
    let before = before.len();
    let recovered = run_child("recover", dir, &mock.url, &[]).await?;
    let found = judge::read(dir)?;
    let mut broken = found.check_recovered();
    if !recovered.status.success() {
        broken.push(format!(
            "the conversation does not go on: {:?}",
            recovered.lines
        ));
    }
    let log = mock.take_log();
    // What was said before the crash goes with the next request.
    let said_before = before > 0;
    let sent = log
        .last()
        .map(|logged| logged.body.to_string())
        .unwrap_or_default();
    if said_before && !sent.contains("Look at this") {
        broken.push("the message of before the crash is not sent again".to_owned());
    }
    Ok(broken)
}
