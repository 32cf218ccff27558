//! Proves what a turn promises: processes are killed, turns cancelled, answers cut, readers stand still,
//! nodes compete; a judge reads the database, the media directory and the log of the model's server
//! without the library.
//!
//! ```text
//! prove_turns cuts|readers|faults|nodes|deletes|cancels|streams|kills [--short] [--expect-failure]
//! ```
//!
//! Run it by `scripts/prove-turns.sh`. With `--expect-failure` a part must find that a promise is
//! broken: that is how programs with a guard removed are run.

mod cancels;
mod child;
mod cuts;
mod deletes;
mod faults;
mod gate;
mod judge;
mod kills;
mod mock;
mod nodes;
mod readers;
mod run;
mod streams;
mod watched;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How many runs of a part go on at a time: they mostly wait for leases and pauses.
const AT_A_TIME: usize = 6;

/// What a part came to.
#[derive(Debug, Default)]
struct Tally {
    /// Runs that were judged.
    judged: usize,
    /// What does not hold, a line each.
    broken: Vec<String>,
    /// Counts by name; none may be zero.
    counts: Vec<(String, usize)>,
}

impl Tally {
    fn count(&mut self, name: &str, more: usize) {
        match self.counts.iter_mut().find(|(held, _)| held == name) {
            Some((_, count)) => *count += more,
            None => self.counts.push((name.to_owned(), more)),
        }
    }

    fn judge(&mut self, what: &str, found: Vec<String>) {
        self.judged += 1;
        self.broken
            .extend(found.into_iter().map(|broken| format!("{what}: {broken}")));
    }
}

fn main() -> std::process::ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let ["child", rest @ ..] = words.as_slice() {
        return child::main(rest);
    }
    let short = words.contains(&"--short");
    let expect_failure = words.contains(&"--expect-failure");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let part = words.first().copied().unwrap_or_default();
    let tally = runtime.map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            match part {
                "kills" => kills::run(short, expect_failure).await,
                "streams" => streams::run(short).await,
                "cuts" => cuts::run(short, expect_failure).await,
                "readers" => readers::run(short).await,
                "nodes" => nodes::run(short).await,
                "faults" => faults::run(short, expect_failure).await,
                "deletes" => deletes::run(short, expect_failure).await,
                "cancels" => cancels::run(short, expect_failure).await,
                _ => Err("unknown part".into()),
            }
        })
    });
    report(part, tally, expect_failure)
}

fn report(part: &str, tally: Result<Tally>, expect_failure: bool) -> std::process::ExitCode {
    use std::process::ExitCode;
    let tally = match tally {
        Ok(tally) => tally,
        Err(error) => {
            eprintln!("{part}: {error}");
            return ExitCode::from(2);
        }
    };
    for broken in tally.broken.iter().take(10) {
        println!("  {broken}");
    }
    let counts: Vec<String> = tally
        .counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let held = tally.judged - tally.broken.len().min(tally.judged);
    println!(
        "{part}: {held} of {} held; {}",
        tally.judged,
        counts.join(", ")
    );
    let empty = tally.judged == 0 || tally.counts.iter().any(|(_, count)| *count == 0);
    let ok = match expect_failure {
        true => !tally.broken.is_empty(),
        false => tally.broken.is_empty() && !empty,
    };
    match ok {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
