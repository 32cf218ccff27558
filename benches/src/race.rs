//! Contenders take turns: A, B, C, then B, C, A, and so on. Whatever slows the machine for a while
//! slows all of them.

use std::time::Duration;

use async_trait::async_trait;

use crate::Result;
use crate::stats::Samples;

/// One contender in a race.
#[async_trait]
pub trait Lane: Send {
    /// Prepares, does the work once, cleans up; how long the work alone took.
    async fn run(&mut self) -> Result<Duration>;
}

/// Lets each lane run once a round; the times in microseconds, by lane. The first tenth of the
/// rounds, one at least, is run in addition and not counted.
///
/// # Errors
/// The first of a lane.
pub async fn race(lanes: &mut [Box<dyn Lane>], rounds: usize) -> Result<Vec<Samples>> {
    let mut times = vec![Samples::default(); lanes.len()];
    let warmup = (rounds / 10).max(1);
    for round in 0..warmup + rounds {
        for turn in 0..lanes.len() {
            let at = (round + turn) % lanes.len();
            let (Some(lane), Some(samples)) = (lanes.get_mut(at), times.get_mut(at)) else {
                continue;
            };
            let took = lane.run().await?;
            if round >= warmup {
                samples.push(took.as_secs_f64() * 1e6);
            }
        }
    }
    Ok(times)
}
