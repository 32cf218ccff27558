//! Two processes on one conversation.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt};
use rustix::process::Signal;

use crate::child::LEASE;
use crate::judge;
use crate::mock::{Mock, Plan};
use crate::run::{finish, run as run_child, start};
use crate::{AT_A_TIME, Result, Tally};

/// What two processes do to each other.
#[derive(Clone, Copy, Debug)]
enum Case {
    StopAndAttach { after: Duration },
    Title,
    TakeOver,
    SameKey,
    Deletion { after: Duration },
}

pub(crate) async fn run(short: bool, tally: &mut Tally) -> Result<()> {
    let rounds: u32 = if short { 1 } else { 10 };
    let cases = (0..rounds).flat_map(|round| {
        let after = Duration::from_millis(60) * round;
        [
            Case::TakeOver,
            Case::Title,
            Case::StopAndAttach { after },
            Case::SameKey,
            Case::Deletion { after },
        ]
    });
    let mut judged = futures_util::stream::iter(cases)
        .map(run_case)
        .buffer_unordered(AT_A_TIME);
    while let Some((case, found)) = judged.try_next().await? {
        tally.judge(&format!("{case:?}"), found.broken);
        for (name, count) in found.counts {
            tally.count(name, count);
        }
        if tally.is_found() {
            break;
        }
    }
    Ok(())
}

/// What does not hold in a case, and what is counted.
#[derive(Debug)]
struct Found {
    broken: Vec<String>,
    counts: Vec<(&'static str, usize)>,
}

impl Found {
    fn new(broken: Vec<String>, name: &'static str) -> Self {
        let counts = vec![(name, 1)];
        Self { broken, counts }
    }
}

async fn run_case(case: Case) -> Result<(Case, Found)> {
    let mock = Mock::start(Plan::Words {
        count: 200,
        pause: Duration::from_millis(20),
    })
    .await?;
    let found = match case {
        Case::StopAndAttach { after } => stop_and_attach(&mock, after).await,
        Case::Title => title(&mock).await,
        Case::TakeOver => take_over(&mock).await,
        Case::SameKey => same_key(&mock).await,
        Case::Deletion { after } => deletion(&mock, after).await,
    };
    Ok((case, found?))
}

/// A turn is ended by another process, and read by a third.
async fn stop_and_attach(mock: &Mock, after: Duration) -> Result<Found> {
    let dir = tempfile::tempdir()?;
    let mut owner = start("stream", dir.path(), &mock.url, &[])?;
    let turn = owner.wait_for("TURN ").await?;
    owner.wait_for("SEEN ").await?;
    let reader = start("attach", dir.path(), &mock.url, &[&turn])?;
    tokio::time::sleep(Duration::from_millis(200) + after).await;
    run_child("cancel", dir.path(), &mock.url, &[&turn]).await?;
    // The start of a process is not the turn's time.
    let asked = Instant::now();
    let mut broken = Vec::new();
    // A turn that is not stopped comes to its end.
    let failed = owner.wait_for("FAILED ").await.unwrap_or_default();
    let took = asked.elapsed();
    if failed != "Cancelled" || took > Duration::from_secs(2) {
        broken.push(format!("the owner ended with `{failed}` after {took:?}"));
    }
    let read = finish(reader).await?;
    let kept = judge::read(dir.path())?.answer().len();
    let told = read.said("FAILED Cancelled ").unwrap_or_default();
    let seen = read.said("SEEN ").unwrap_or_default();
    if told != kept.to_string() || seen != told {
        broken.push(format!(
            "the reader saw {seen} bytes and was told {told}, {kept} are kept"
        ));
    }
    finish(owner).await?;
    let mut found = Found::new(broken, "stops by another process");
    found.counts.push(("bytes read by another process", kept));
    Ok(found)
}

/// A title that is set while an answer streams disturbs nothing.
async fn title(mock: &Mock) -> Result<Found> {
    let dir = tempfile::tempdir()?;
    let mut owner = start("stream", dir.path(), &mock.url, &[])?;
    owner.wait_for("SEEN ").await?;
    let set = run_child("title", dir.path(), &mock.url, &["A story"]).await?;
    let ended = finish(owner).await?;
    let found = judge::read(dir.path())?;
    let mut broken = found.check();
    if !set.status.success() || found.record["title"] != "A story" {
        broken.push(format!("the title was not set: {:?}", set.lines));
    }
    if ended.said("ACK ").is_none() {
        broken.push(format!("the turn was disturbed: {:?}", ended.lines.last()));
    }
    Ok(Found::new(broken, "titles set in a running turn"))
}

/// A process that stands still loses its turn, and does no harm when it goes on.
async fn take_over(mock: &Mock) -> Result<Found> {
    let dir = tempfile::tempdir()?;
    let mut owner = start("stream", dir.path(), &mock.url, &[])?;
    owner.wait_for("SEEN ").await?;
    tokio::time::sleep(Duration::from_millis(600)).await;
    owner.signal(Signal::STOP)?;
    // A process that stands still in the middle of a write blocks every writer of a SQLite file.
    while judge::is_locked(dir.path())? {
        owner.signal(Signal::CONT)?;
        tokio::time::sleep(Duration::from_millis(30)).await;
        owner.signal(Signal::STOP)?;
    }
    tokio::time::sleep(LEASE * 2).await;
    mock.set(Plan::Tools);
    let next = run_child("send", dir.path(), &mock.url, &["", "Next"]).await?;
    let before = judge::read(dir.path())?;
    owner.signal(Signal::CONT)?;
    let ended = finish(owner).await?;
    let found = judge::read(dir.path())?;
    let mut broken = found.check();
    if next.said("ACK ").is_none() {
        broken.push(format!("the conversation does not go on: {:?}", next.lines));
    }
    if ended.said("FAILED LeaseLost").is_none() {
        broken.push(format!(
            "the stopped owner ended with {:?}",
            ended.lines.last()
        ));
    }
    let users = found.of_role("user").len();
    if users != 2 || !found.record["current_turn"].is_null() {
        broken.push(format!(
            "{users} messages of the user, or a turn is current"
        ));
    }
    if found.messages != before.messages || found.turns != before.turns {
        broken.push("the stopped owner wrote after the next turn".to_owned());
    }
    broken.extend(found.check_ends());
    Ok(Found::new(broken, "leases taken over"))
}

/// The same message under the same key from two processes is paid once.
async fn same_key(mock: &Mock) -> Result<Found> {
    let dir = tempfile::tempdir()?;
    let first = start("send", dir.path(), &mock.url, &["key-1", "Once"])?;
    let second = start("send", dir.path(), &mock.url, &["key-1", "Once"])?;
    let (first, second) = (finish(first).await?, finish(second).await?);
    let paid = mock.take_log().len();
    let found = judge::read(dir.path())?;
    let mut broken = found.check_recovered();
    if paid != 1 || found.of_role("user").len() != 1 {
        broken.push(format!("{paid} requests were paid"));
    }
    if first.said("ACK ").is_none() || first.said("ACK ") != second.said("ACK ") {
        let (first, second) = (first.lines.first(), second.lines.first());
        broken.push(format!("{first:.60?} and {second:.60?}"));
    }
    Ok(Found::new(broken, "keys used twice"))
}

/// A conversation that is deleted in its first turn stays deleted.
async fn deletion(mock: &Mock, after: Duration) -> Result<Found> {
    let dir = tempfile::tempdir()?;
    let mut owner = start("stream", dir.path(), &mock.url, &[])?;
    owner.wait_for("SEEN ").await?;
    tokio::time::sleep(after).await;
    let deleted = run_child("delete", dir.path(), &mock.url, &[]).await?;
    let ended = finish(owner).await?;
    let found = judge::read(dir.path())?;
    let mut broken = Vec::new();
    if !deleted.status.success() {
        broken.push(format!("the deletion failed: {:?}", deleted.lines));
    }
    if ended.said("ACK ").is_some() {
        broken.push("the turn ended as if nothing had happened".to_owned());
    }
    if !found.messages.is_empty() || !found.files.is_empty() {
        let (messages, files) = (found.messages.len(), found.files.len());
        broken.push(format!("{messages} messages and {files} files came back"));
    }
    Ok(Found::new(broken, "deletions against a running turn"))
}
