//! Proves what a turn promises: processes are killed, turns cancelled, answers cut, readers stand still,
//! nodes compete; a judge reads the database, the media directory and the log of the model's server
//! without the library.
//!
//! ```text
//! prove_turns cuts|readers|faults|nodes|deletes|cancels|streams|kills
//!     [--short] [--seed=N] [--expect-failure WORDS]
//! ```
//!
//! Run it by `scripts/prove-turns.sh`. With `--expect-failure` a part must find that a promise is
//! broken, and say so with these words: that is how programs with a guard removed are run. A seed
//! repeats the random times of `streams`.

mod cancels;
mod child;
mod cuts;
mod deletes;
mod faults;
mod gate;
mod judge;
mod kills;
mod mock;
mod moved;
mod nodes;
mod readers;
mod run;
mod streams;
mod traced;
mod watched;

use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How many runs of a part go on at a time: they mostly wait for leases and pauses.
const AT_A_TIME: usize = 6;

/// What a part came to.
#[derive(Debug, Default)]
struct Tally {
    /// Runs that were judged.
    judged: usize,
    /// Those of them in which everything holds.
    held: usize,
    /// What does not hold, a line each.
    broken: Vec<String>,
    /// Counts by name; none may be zero.
    counts: Vec<(String, usize)>,
    /// Words that one of the lines of `broken` must have.
    expected: Option<String>,
}

impl Tally {
    /// Whether what is looked for was found, so that nothing more needs to be run.
    fn is_found(&self) -> bool {
        let Some(expected) = &self.expected else {
            return false;
        };
        self.broken.iter().any(|line| line.contains(expected))
    }

    fn count(&mut self, name: &str, more: usize) {
        match self.counts.iter_mut().find(|(held, _)| held == name) {
            Some((_, count)) => *count += more,
            None => self.counts.push((name.to_owned(), more)),
        }
    }

    fn judge(&mut self, what: &str, found: Vec<String>) {
        self.judged += 1;
        self.held += usize::from(found.is_empty());
        self.broken
            .extend(found.into_iter().map(|broken| format!("{what}: {broken}")));
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let ["child", rest @ ..] = words.as_slice() {
        return child::main(rest);
    }
    match run(&words) {
        Ok(ok) if ok => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}: {error}", words.join(" "));
            ExitCode::from(2)
        }
    }
}

/// Runs a part; returns whether it came to what it must come to.
fn run(words: &[&str]) -> Result<bool> {
    let (part, options) = words.split_first().ok_or("which part?")?;
    let mut tally = Tally::default();
    let mut short = false;
    let mut seed = streams::new_seed()?;
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match (*option, option.strip_prefix("--seed=")) {
            ("--short", _) => short = true,
            ("--expect-failure", _) => {
                let words = options.next().filter(|words| !words.is_empty());
                tally.expected = Some((*words.ok_or("which failure?")?).to_owned());
            }
            (_, Some(number)) => seed = number.parse()?,
            _ => return Err(format!("unknown option {option}").into()),
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        match *part {
            "kills" => kills::run(short, &mut tally).await,
            "streams" => streams::run(short, seed, &mut tally).await,
            "cuts" => cuts::run(short, &mut tally).await,
            "readers" => readers::run(short, &mut tally).await,
            "nodes" => nodes::run(short, &mut tally).await,
            "faults" => faults::run(short, &mut tally).await,
            "deletes" => deletes::run(short, &mut tally).await,
            "cancels" => cancels::run(short, &mut tally).await,
            _ => Err("unknown part".into()),
        }
    });
    let ok = report(part, &tally);
    ended.map(|()| ok)
}

/// Prints what a part came to; returns whether that is what it must come to.
fn report(part: &str, tally: &Tally) -> bool {
    let is_expected = |line: &&String| {
        let expected = tally.expected.as_ref();
        expected.is_none_or(|words| line.contains(words.as_str()))
    };
    let (expected, others): (Vec<&String>, Vec<&String>) =
        tally.broken.iter().partition(is_expected);
    for broken in expected.into_iter().chain(others).take(10) {
        println!("  {broken}");
    }
    let counts: Vec<String> = tally
        .counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    println!(
        "{part}: {} of {} held; {}",
        tally.held,
        tally.judged,
        counts.join(", ")
    );
    let empty = tally.judged == 0 || tally.counts.iter().any(|(_, count)| *count == 0);
    match tally.expected {
        Some(_) => tally.is_found(),
        None => tally.broken.is_empty() && !empty,
    }
}
