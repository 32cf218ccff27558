//! Processes that are killed at random times of a long answer.

use std::time::{Duration, Instant, SystemTime};

use futures_util::{StreamExt, TryStreamExt};

use crate::child::{LEASE, STORY};
use crate::judge::{self, text_of};
use crate::mock::{Mock, Plan};
use crate::run::{finish, run as run_child, start};
use crate::{AT_A_TIME, Result, Tally};

/// The pause between two words.
const PAUSE: Duration = Duration::from_millis(10);
/// What a checkpoint of the child may be behind: its interval, and some time for the write.
const BEHIND: Duration = Duration::from_millis(1500);

/// Returns a seed that is another one each time.
pub(crate) fn new_seed() -> Result<u64> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(u64::from(now.subsec_nanos()))
}

pub(crate) async fn run(short: bool, seed: u64, tally: &mut Tally) -> Result<()> {
    println!("streams: --seed={seed}");
    let count = if short { 400 } else { 6000 };
    let kills: u32 = if short { 3 } else { 12 };
    // At a random time of each part of the answer, as many parts as there are kills.
    let part = PAUSE * count / kills;
    let mut random = seed;
    let times = (0..kills).map(|kill| part * kill + part.mul_f64(next_random(&mut random)));
    let mut killed = futures_util::stream::iter(times)
        .map(|after| async move { kill_after(count, after).await.map(|found| (after, found)) })
        .buffer_unordered(AT_A_TIME);
    while let Some((after, (kept, broken))) = killed.try_next().await? {
        tally.judge(&format!("killed after {after:?}"), broken);
        tally.count("bytes kept", kept);
        tally.count("kills", 1);
        if tally.is_found() {
            break;
        }
    }
    Ok(())
}

/// The next number of a sequence, at least 0 and less than 1.
fn next_random(state: &mut u64) -> f64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    let upper = u32::try_from(*state >> 32).unwrap_or_default();
    f64::from(upper) / (f64::from(u32::MAX) + 1.0)
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
    let users = found.of_role("user");
    if users.len() != 1 || text_of(users[0]) != STORY {
        broken.push("the user's message is not there".to_owned());
    }
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
    let later = judge::read(dir.path())?;
    broken.extend(later.check_recovered());
    broken.extend(later.check_kept(&found));
    if !recovered.status.success() {
        broken.push(format!(
            "the conversation does not go on: {:?}",
            recovered.lines
        ));
    }
    Ok((kept.len(), broken))
}
