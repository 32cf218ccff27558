//! Verification with repair and quarantine over a directory that four processes churn.
//!
//! `scripts/prove-deletes.sh` runs it. Nothing in the directory is damaged, so a verification must move
//! nothing. The variant `by-inode` remembers hashes by inode number for a whole walk, as the first
//! version did. File systems reuse the numbers, so it must move sound media, or the proof proves nothing.

mod by_inode;
mod worker;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use media_store_fs::{DamagedMedia, FileStore, VerifyOptions};

type Error = Box<dyn std::error::Error + Send + Sync>;

const WORKERS: u64 = 4;

/// What the verifications of one run came to.
#[derive(Debug, Default)]
struct Verified {
    walks: u64,
    references: u64,
    moved: u64,
    issues: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["worker", directory, seed, operations] => match (seed.parse(), operations.parse()) {
            (Ok(seed), Ok(operations)) => worker::run(Path::new(directory), seed, operations).await,
            _ => Err("a seed and a number of operations are required".into()),
        },
        ["run", operations] => run(operations, false).await,
        ["run", operations, "by-inode"] => run(operations, true).await,
        _ => Err("usage: prove_deletes run OPERATIONS [by-inode]".into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

async fn run(operations: &str, by_inode: bool) -> Result<bool, Error> {
    let each = operations.parse::<u64>()?.div_ceil(WORKERS);
    // Not under /tmp, which may be a file system that does not reuse inode numbers.
    let root = tempfile::tempdir_in(std::env::current_exe()?.parent().unwrap_or(Path::new(".")))?;
    let directory = root.path().join("media");
    let store = worker::open(&directory).await?;
    let mut workers = Vec::new();
    for seed in 0..WORKERS {
        workers.push(start(&directory, seed, each)?);
    }
    let mut verified = Verified::default();
    while workers
        .iter_mut()
        .any(|worker| matches!(worker.try_wait(), Ok(None)))
    {
        verified.walks += 1;
        if by_inode {
            verified.moved += by_inode::verify(&directory, &mut verified.references)?;
        } else {
            verify(&store, &mut verified).await?;
        }
    }
    let lost = lost(workers)?;
    let Verified {
        walks,
        references,
        moved,
        issues,
    } = verified;
    let name = if by_inode { "by-inode" } else { "this version" };
    println!(
        "{name}: {moved} sound files moved, {lost} live references lost, {issues} false reports \
         in {} operations, {walks} walks, {references} references verified",
        each * WORKERS
    );
    Ok(if by_inode {
        moved > 0
    } else {
        moved == 0 && lost == 0 && issues == 0 && references > 0
    })
}

fn start(directory: &Path, seed: u64, operations: u64) -> Result<Child, Error> {
    let program: PathBuf = std::env::current_exe()?;
    let child = Command::new(program)
        .arg("worker")
        .arg(directory)
        .args([seed.to_string(), operations.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    Ok(child)
}

async fn verify(store: &FileStore, verified: &mut Verified) -> Result<(), Error> {
    let options = VerifyOptions::new()
        .with_damaged(DamagedMedia::Quarantine)
        .with_repair(true);
    let report = store.verify(options).await?;
    verified.references += report.references;
    verified.moved += report.quarantined;
    // A sidecar without its media is a store or a delete that is running.
    let of_races = media_store_fs::VerifyIssueKind::OrphanSidecar;
    for issue in report.issues.iter().filter(|issue| issue.kind != of_races) {
        eprintln!("{issue:?}");
        verified.issues += 1;
    }
    Ok(())
}

/// Returns the number of references that the workers could no longer read.
fn lost(workers: Vec<Child>) -> Result<u64, Error> {
    let mut lost = 0;
    for mut worker in workers {
        let output = worker.stdout.take().ok_or("the output is piped")?;
        for line in BufReader::new(output).lines() {
            lost += line?.parse::<u64>()?;
        }
        if !worker.wait()?.success() {
            return Err("a worker failed".into());
        }
    }
    Ok(lost)
}
