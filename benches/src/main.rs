//! `media-bench`: measures, prints tables, and says which targets were met.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use media_benches::report::Report;
use media_benches::{Result, fs, object, wire};

const USAGE: &str = "\
usage: media-bench fs DIR [--quick] [--docs DIR] [--references N] [--rounds N] [--only PART,PART]
       media-bench wire DIR [--quick] [--docs DIR] [--rounds N]
       media-bench object DIR [--quick] [--docs DIR] [--rounds N] [--only PART,PART]

DIR is made on the disk that is to be measured and must not be there yet.
PARTs of fs: store, load, tasks, memory, links, contents, growth.
PARTs of object: requests, speed, memory.";

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ended = match words.as_slice() {
        ["fs", dir, options @ ..] => files(dir, options).await,
        ["wire", dir, options @ ..] => requests(dir, options).await,
        ["object", dir, options @ ..] => objects(dir, options).await,
        ["memory", work, size, dir] => memory(work, size, dir).await,
        ["object-server", dir] => done(object::serve(Path::new(dir)).await),
        ["object-memory", work, kind, what, dir, words @ ..] => {
            done(object::memory_child(work, kind, what, Path::new(dir), words).await)
        }
        _ => Err(USAGE.into()),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::from(2)
    })
}

fn done(ended: Result<()>) -> Result<ExitCode> {
    ended.map(|()| ExitCode::SUCCESS)
}

async fn memory(work: &str, size: &str, dir: &str) -> Result<ExitCode> {
    done(fs::memory_child(work, size.parse()?, Path::new(dir)).await)
}

async fn files(dir: &str, options: &[&str]) -> Result<ExitCode> {
    std::fs::create_dir(dir)?;
    let held = Removed(std::fs::canonicalize(dir)?);
    let mut plan = fs::Plan::full(held.0.clone());
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let mut value = || rest.next().copied().ok_or(USAGE);
        match *option {
            "--quick" => {
                plan = fs::Plan {
                    docs: plan.docs,
                    only: plan.only,
                    ..fs::Plan::quick(plan.dir)
                };
            }
            "--docs" => plan.docs = Some(value()?.into()),
            "--rounds" => plan.rounds = value()?.parse()?,
            "--references" => {
                let most: usize = value()?.parse()?;
                plan.references = [0, 10_000, 100_000, 1_000_000]
                    .into_iter()
                    .filter(|n| *n < most)
                    .chain([most])
                    .collect();
            }
            "--only" => plan.only = value()?.split(',').map(str::to_owned).collect(),
            _ => return Err(USAGE.into()),
        }
    }
    let report = fs::run(&plan).await?;
    if let Some(docs) = &plan.docs {
        report.write_into(&docs.join("benchmarks.md"), "fs", "File store")?;
    }
    drop(held);
    Ok(verdict(&report))
}

async fn requests(dir: &str, options: &[&str]) -> Result<ExitCode> {
    std::fs::create_dir(dir)?;
    let held = Removed(std::fs::canonicalize(dir)?);
    let mut plan = wire::Plan::full(held.0.clone());
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let mut value = || rest.next().copied().ok_or(USAGE);
        match *option {
            "--quick" => plan.rounds = wire::Plan::quick(plan.dir.clone()).rounds,
            "--docs" => plan.docs = Some(value()?.into()),
            "--rounds" => plan.rounds = value()?.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    let report = wire::run(&plan).await?;
    if let Some(docs) = &plan.docs {
        report.write_into(&docs.join("benchmarks.md"), "wire", "Request bodies")?;
    }
    drop(held);
    Ok(verdict(&report))
}

async fn objects(dir: &str, options: &[&str]) -> Result<ExitCode> {
    std::fs::create_dir(dir)?;
    let held = Removed(std::fs::canonicalize(dir)?);
    let mut plan = object::Plan::full(held.0.clone());
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let mut value = || rest.next().copied().ok_or(USAGE);
        match *option {
            "--quick" => {
                plan = object::Plan {
                    docs: plan.docs,
                    only: plan.only,
                    ..object::Plan::quick(plan.dir)
                };
            }
            "--docs" => plan.docs = Some(value()?.into()),
            "--rounds" => plan.rounds = value()?.parse()?,
            "--only" => plan.only = value()?.split(',').map(str::to_owned).collect(),
            _ => return Err(USAGE.into()),
        }
    }
    let report = object::run(&plan).await?;
    if let Some(docs) = &plan.docs {
        report.write_into(&docs.join("benchmarks.md"), "object", "Object store")?;
    }
    drop(held);
    Ok(verdict(&report))
}

/// Says how many targets were met, and fails unless all were.
fn verdict(report: &Report) -> ExitCode {
    for missed in report.missed() {
        println!("not met: {missed}");
    }
    println!("{}", report.score());
    if report.missed().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A directory that goes with this value.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}
