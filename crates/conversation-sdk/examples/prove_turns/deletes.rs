//! Deletion and erasure from another process, at every step of a running turn.

use std::collections::HashSet;
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt};
use rustix::process::Signal;

use crate::gate::{GO, steps};
use crate::judge;
use crate::mock::{Mock, Plan};
use crate::run::{Running, run as run_child, start};
use crate::{AT_A_TIME, Result, Tally};

/// What the user said in the turn.
const TEXT: &[u8] = b"Look at this";

/// What the other process does.
#[derive(Clone, Copy, Debug)]
enum Removal {
    Deletion,
    Erasure,
}

/// What holds the owner of the turn meanwhile.
#[derive(Clone, Copy, Debug)]
enum Hold {
    /// The turn waits; its lease is renewed.
    Turn,
    /// The process stands still.
    Process,
}

/// One run: the turn is held at a step while another process removes its conversation.
#[derive(Clone, Debug)]
struct Case {
    at: usize,
    step: String,
    removal: Removal,
    hold: Hold,
}

pub(crate) async fn run(short: bool, tally: &mut Tally) -> Result<()> {
    let steps = steps().await?;
    let mut judged = futures_util::stream::iter(cases(&steps, short))
        .map(|case| async move {
            let broken = held(&case).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((case, broken))
        })
        .buffer_unordered(AT_A_TIME);
    while let Some((case, broken)) = judged.try_next().await? {
        let Case {
            at,
            step,
            removal,
            hold,
        } = &case;
        tally.judge(
            &format!("{removal:?} at step {at} ({step}), {hold:?} held"),
            broken,
        );
        tally.count(
            match removal {
                Removal::Deletion => "deletions",
                Removal::Erasure => "erasures",
            },
            1,
        );
        tally.count(
            match hold {
                Hold::Turn => "turns held",
                Hold::Process => "processes stopped",
            },
            1,
        );
        tally.count(step, 1);
        if tally.is_found() {
            break;
        }
    }
    Ok(())
}

/// Every step in every way; in the short form the first step of each name, in two ways.
fn cases(steps: &[String], short: bool) -> Vec<Case> {
    let mut seen = HashSet::new();
    let mut cases = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let is_first = seen.insert(step);
        if short && !is_first {
            continue;
        }
        for removal in [Removal::Deletion, Removal::Erasure] {
            for hold in [Hold::Turn, Hold::Process] {
                let is_odd = matches!(removal, Removal::Erasure) != matches!(hold, Hold::Process);
                if short && is_odd != (seen.len() % 2 == 1) {
                    continue;
                }
                cases.push(Case {
                    at,
                    step: step.clone(),
                    removal,
                    hold,
                });
            }
        }
    }
    cases
}

async fn held(case: &Case) -> Result<Vec<String>> {
    let mock = Mock::start(Plan::Tools).await?;
    let dir = tempfile::tempdir()?;
    let at = case.at.to_string();
    let mut owner = start("held", dir.path(), &mock.url, &[&at])?;
    owner.wait_for("HELD ").await?;
    if let Hold::Process = case.hold {
        stand_still(&owner, dir.path()).await?;
    }
    let what = match case.removal {
        Removal::Deletion => "delete",
        Removal::Erasure => "erase",
    };
    let mut removed = run_child(what, dir.path(), &mock.url, &[]).await?;
    let before = mock.log().len();
    std::fs::write(dir.path().join(GO), "")?;
    if let Hold::Process = case.hold {
        owner.signal(Signal::CONT)?;
    }
    let ended = crate::run::finish(owner).await?;
    let mut broken = Vec::new();
    // An erasure is not complete while a turn of the user stores media and keeps its lease.
    if !removed.status.success() && matches!(case.hold, Hold::Turn) && what == "erase" {
        removed = run_child(what, dir.path(), &mock.url, &[]).await?;
    }
    if !removed.status.success() {
        broken.push(format!("the removal failed: {:?}", removed.lines));
    }
    let log = mock.take_log();
    let bodies: HashSet<String> = log.iter().map(|logged| logged.body.to_string()).collect();
    if bodies.len() != log.len() {
        broken.push(format!(
            "{} requests, {} of them differ",
            log.len(),
            bodies.len()
        ));
    }
    // A turn that stands directly before a request cannot look again whether it is still there.
    let more = usize::from(case.step == "before a request");
    if log.len() > before + more {
        let paid = log.len() - before;
        broken.push(format!("{paid} requests were paid for what was removed"));
    }
    // The last step may be behind the last write: then the turn was complete.
    if ended.said("ACK ").is_some() && case.step != "after a write" {
        broken.push("the turn ended as if nothing had happened".to_owned());
    }
    let again = run_child("open", dir.path(), &mock.url, &[]).await?;
    if again.status.success() {
        broken.push("the conversation can be opened again".to_owned());
    }
    broken.extend(judge_gone(dir.path())?);
    if let Removal::Erasure = case.removal {
        let other = run_child("begin", dir.path(), &mock.url, &["conv-next"]).await?;
        if other.status.success() {
            broken.push("the erased user begins another conversation".to_owned());
        }
    }
    Ok(broken)
}

/// Stops a process, at a time when it does not hold the database's lock.
async fn stand_still(owner: &Running, dir: &Path) -> Result<()> {
    owner.signal(Signal::STOP)?;
    while judge::is_locked(dir)? {
        owner.signal(Signal::CONT)?;
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        owner.signal(Signal::STOP)?;
    }
    Ok(())
}

/// Nothing of the conversation is left, neither in rows nor in bytes.
fn judge_gone(dir: &Path) -> Result<Vec<String>> {
    let found = judge::read(dir)?;
    let mut broken = Vec::new();
    let (messages, turns, files) = (found.messages.len(), found.turns.len(), found.files.len());
    if messages + turns + files > 0 || !found.record.is_null() {
        broken.push(format!(
            "{messages} messages, {turns} turns and {files} files are left; record: {}",
            !found.record.is_null()
        ));
    }
    for name in ["state.sqlite", "state.sqlite-wal"] {
        let bytes = match std::fs::read(dir.join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        if bytes.windows(TEXT.len()).any(|window| window == TEXT) {
            broken.push(format!("the user's text is in {name}"));
        }
    }
    Ok(broken)
}
