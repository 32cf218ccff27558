//! Faults of a whole place: full, read-only, without links, out of handles. A shell command makes
//! the fault, another ends it; in between every operation is tried.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use media_storage::StorageErrorKind as Kind;
use media_storage::{Inventory as _, MediaStorage as _, MediaStorageExt as _};

use crate::run::scenario::{Outcome, Prepared, Scenario, furnish};
use crate::run::world::{World, about, full_sweep, noise, png};
use crate::run::{Result, Tally};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No room for bytes or names: nothing can be stored, everything can be deleted.
    Full,
    /// As full, for whatever is larger than a limit.
    TooBig,
    /// Nothing may change.
    Denied,
    /// No handles left.
    Handles,
    /// No hard links: everything works.
    NoLinks,
}

impl Fault {
    pub(crate) fn parse(word: &str) -> Result<Self> {
        Ok(match word {
            "full" => Self::Full,
            "too-big" => Self::TooBig,
            "denied" => Self::Denied,
            "handles" => Self::Handles,
            "no-links" => Self::NoLinks,
            _ => return Err(format!("no fault: {word}").into()),
        })
    }

    /// What a scenario must come to: `None` where it must succeed.
    fn expects(self, scenario: Scenario) -> Option<Kind> {
        use Scenario as S;
        let reads = matches!(
            scenario,
            S::Open | S::RetrieveSmall | S::RetrieveLarge | S::Usage | S::List
        );
        let removes = matches!(
            scenario,
            S::DeleteLast | S::DeleteShared | S::DeleteGone | S::DeleteScope | S::Sweep
        );
        match self {
            Self::NoLinks => None,
            Self::Handles => Some(Kind::Unavailable),
            _ if reads => None,
            Self::Full | Self::TooBig if removes => None,
            Self::Full => Some(Kind::DiskSpace),
            // Only what writes more than the limit.
            Self::TooBig if scenario == S::StoreDuplicate => None,
            Self::TooBig if scenario == S::Export => None,
            Self::TooBig => Some(Kind::DiskSpace),
            Self::Denied => Some(Kind::Permission),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) fault: Fault,
    pub(crate) make: &'a str,
    pub(crate) end: &'a str,
}

/// A shell that is there before the fault, because nothing may start under it.
struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    fn new() -> Result<Self> {
        let mut child = Command::new("sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().ok_or("no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self {
            child,
            input,
            output,
        })
    }

    fn run(&mut self, command: &str) -> Result<()> {
        writeln!(self.input, "{{ {command}\n}} >/dev/null; echo $?")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        match line.trim() {
            "0" => Ok(()),
            other => Err(format!("`{command}` ended with {other:?}").into()),
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One scenario under the fault.
async fn attempt(
    world: &World,
    plan: &Plan<'_>,
    shell: &mut Shell,
    scenario: Scenario,
) -> std::result::Result<(), String> {
    let told = |error: Box<dyn std::error::Error + Send + Sync>| error.to_string();
    let prepared = Prepared::new(scenario, world)
        .await
        .map_err(|error| format!("preparing: {error}"))?;
    shell.run(plan.make).map_err(told)?;
    let outcome = prepared.run(world).await;
    shell.run(plan.end).map_err(told)?;
    let outcome = outcome.map_err(told)?;
    let verdict = match (&outcome, plan.fault.expects(scenario)) {
        (Outcome::Failed(error), Some(kind)) if error.kind() == kind => Ok(()),
        (Outcome::Failed(error), expected) => Err(format!("not {expected:?} but {error:?}")),
        (_, None) => Ok(()),
        // What needs nothing that the fault takes away may succeed.
        (_, Some(_)) if plan.fault != Fault::Full => Ok(()),
        (_, Some(kind)) => Err(format!("succeeded where {kind:?} was due")),
    };
    let more = prepared.afterwards(outcome, world).await?;
    world.is_right(more.as_ref().map(|(r, b)| (r, b))).await?;
    verdict
}

/// A full place gives back what deletes free, and a store makes room for itself.
async fn makes_room(
    world: &World,
    plan: &Plan<'_>,
    shell: &mut Shell,
) -> std::result::Result<(), String> {
    let told = |error: media_storage::StorageError| format!("{error:?}");
    let other = |error: Box<dyn std::error::Error + Send + Sync>| error.to_string();
    let store = world.open().await.map_err(told)?;
    let metadata = || about("room").map_err(other);
    let mut held = Vec::new();
    for seed in 100..112 {
        let upload = png(noise(seed, 40_000), metadata()?);
        held.push(store.store(upload).await.map_err(told)?);
    }
    // Removed by hand: the bytes are held by their blobs alone.
    for reference in &held {
        let path = world.base.join(reference.id());
        std::fs::remove_file(path).map_err(|error| error.to_string())?;
    }
    shell.run(plan.make).map_err(other)?;
    let stored = store.store(png(noise(60, 40_000), metadata()?)).await;
    let swept = store.sweep(full_sweep()).await;
    shell.run(plan.end).map_err(other)?;
    let stored = stored.map_err(|error| format!("no room was made: {error:?}"))?;
    swept.map_err(|error| format!("a sweep on a full disk: {error:?}"))?;
    store.close().await.map_err(told)?;
    world.is_right(Some((&stored, &noise(60, 40_000)))).await
}

/// Everything is deleted and swept while the place is full.
async fn retention(
    world: &World,
    plan: &Plan<'_>,
    shell: &mut Shell,
) -> std::result::Result<(), String> {
    let told = |error: media_storage::StorageError| format!("{error:?}");
    let other = |error: Box<dyn std::error::Error + Send + Sync>| error.to_string();
    let store = world.open().await.map_err(told)?;
    let one = png(noise(70, 9000), about("due").map_err(other)?);
    let one = store.store(one).await.map_err(told)?;
    let due = about("due")
        .map_err(other)?
        .with_retention(media_storage::RetentionPolicy::DeleteAfterMinutes(1));
    store.store(png(noise(71, 9000), due)).await.map_err(told)?;
    shell.run(plan.make).map_err(other)?;
    let deleted = store.delete(&one).await;
    let later = chrono::Utc::now() + chrono::TimeDelta::minutes(2);
    let swept = store
        .sweep(media_storage::SweepOptions::new().with_now(later))
        .await;
    shell.run(plan.end).map_err(other)?;
    deleted.map_err(told)?;
    let swept = swept.map_err(told)?;
    if swept.expired != 1 {
        return Err(format!("{swept:?}"));
    }
    store.close().await.map_err(told)?;
    world.is_right(None).await
}

pub(crate) fn run(plan: &Plan<'_>) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut shell = Shell::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let mut world = World::new(plan.directory.join("media"));
        furnish(&mut world).await?;
        for scenario in Scenario::ALL {
            let outcome = attempt(&world, plan, &mut shell, scenario).await;
            let what = format!("{:?} {scenario:?}", plan.fault);
            let failed = outcome.is_err();
            tally.check(&what, outcome);
            if failed {
                let store = world.open().await?;
                store.delete_scope(media_storage::Scope::All).await?;
                store.sweep(full_sweep()).await?;
                world = World::new(world.base.clone());
                furnish(&mut world).await?;
            }
        }
        if plan.fault == Fault::Full {
            let room = makes_room(&world, plan, &mut shell).await;
            tally.check("Full, a store makes room", room);
            let kept = retention(&world, plan, &mut shell).await;
            tally.check("Full, retention works", kept);
        }
        Ok(tally)
    })
}
