//! Processes that are killed at random times of a long answer.

use std::time::{Duration, Instant};

use crate::child::LEASE;
use crate::judge;
use crate::mock::{Mock, Plan};
use crate::run::{finish, run as run_child, start};
use crate::{Result, Tally};

/// What a checkpoint of the child may be behind: its interval, and some time for the write.
const BEHIND: Duration = Duration::from_millis(1500);

pub(crate) async fn run(short: bool) -> Result<Tally> {
    let pause = Duration::from_millis(10);
    let count = if short { 400 } else { 6000 };
    let kills = if short { 3 } else { 12 };
    let mock = Mock::start(Plan::Words { count, pause }).await?;
    let mut tally = Tally::default();
    for kill in 0..kills {
        mock.set(Plan::Words { count, pause });
        let dir = tempfile::tempdir()?;
        let mut child = start("stream", dir.path(), &mock.url, &[])?;
        child.wait_for("SEEN ").await?;
        // Spread over the answer, the last ones after its end.
        let total = pause * u32::try_from(count)?;
        let until = Instant::now() + total * (kill + 1) / kills;
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
        let _ = child.child.kill();
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
        tally.count("bytes kept", kept.len());
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
        tally.judge(&format!("kill {kill}"), broken);
        tally.count("kills", 1);
    }
    Ok(tally)
}
