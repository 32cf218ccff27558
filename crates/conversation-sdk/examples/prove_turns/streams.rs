//! Processes that are killed at random times of a long answer.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt};

use crate::child::LEASE;
use crate::judge;
use crate::mock::{Mock, Plan};
use crate::run::{finish, run as run_child, start};
use crate::{AT_A_TIME, Result, Tally};

/// The pause between two words.
const PAUSE: Duration = Duration::from_millis(10);
/// What a checkpoint of the child may be behind: its interval, and some time for the write.
const BEHIND: Duration = Duration::from_millis(1500);

pub(crate) async fn run(short: bool) -> Result<Tally> {
    let count = if short { 400 } else { 6000 };
    let kills: u32 = if short { 3 } else { 12 };
    let mut tally = Tally::default();
    // Spread over the answer, the last one at its end.
    let mut killed = futures_util::stream::iter(1..=kills)
        .map(|kill| async move {
            let after = PAUSE * count * kill / kills;
            kill_after(count, after).await.map(|found| (after, found))
        })
        .buffer_unordered(AT_A_TIME);
    while let Some((after, (kept, broken))) = killed.try_next().await? {
        tally.judge(&format!("killed after {after:?}"), broken);
        tally.count("bytes kept", kept);
        tally.count("kills", 1);
    }
    Ok(tally)
}

/// Kills a process some time after the beginning of its answer; returns how much of it is kept, and
/// what does not hold.
async fn kill_after(count: u32, after: Duration) -> Result<(usize, Vec<String>)> {
    let count_words = usize::try_from(count)?;
    let mock = Mock::start(Plan::Words {
        count: count_words,
        pause: PAUSE,
    })
    .await?;
    let dir = tempfile::tempdir()?;
    let mut child = start("stream", dir.path(), &mock.url, &[])?;
    child.wait_for("SEEN ").await?;
    let until = Instant::now() + after;
    let mut seen = Vec::new();
    while Instant::now() < until {
        let line = tokio::time::timeout(Duration::from_millis(50), child.wait_for("SEEN "));
        match line.await {
            Ok(Ok(bytes)) => seen.push((Instant::now(), bytes.parse::<usize>()?)),
            Ok(Err(_)) => break,
            Err(_) => {}
        }
    }
    let killed_at = Instant::now();
    child.kill();
    finish(child).await?;
    let found = judge::read(dir.path())?;
    let kept = found.answer();
    let expected: String = (0..count).map(|n| format!("word{n} ")).collect();
    let due = seen
        .iter()
        .rev()
        .find(|(at, _)| killed_at - *at >= BEHIND)
        .map_or(0, |(_, bytes)| *bytes);
    let mut broken = found.check();
    if !expected.starts_with(&kept) {
        broken.push("what is kept is not what was sent".to_owned());
    }
    if kept.len() < due {
        broken.push(format!(
            "{} bytes are kept of {due} that were due",
            kept.len()
        ));
    }
    mock.set(Plan::Tools);
    tokio::time::sleep(LEASE).await;
    let recovered = run_child("recover", dir.path(), &mock.url, &[]).await?;
    broken.extend(judge::read(dir.path())?.check_recovered());
    if !recovered.status.success() {
        broken.push(format!(
            "the conversation does not go on: {:?}",
            recovered.lines
        ));
    }
    Ok((kept.len(), broken))
}
