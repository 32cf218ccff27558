//! Starts the processes, kills them, and judges what they leave.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use media_storage::{Inventory as _, Scope, SweepDepth, SweepOptions};
use media_store_fs::Durability;

use crate::run::journal::{Finding, Holding, Journal, findings, note, stop};
use crate::run::truth::Truth;
use crate::run::worker::{open, verify};
use crate::run::{Result, Variant};

const PROCESSES: usize = 8;
/// How long a process may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Time(Duration),
    Operations(u64),
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) end: End,
    pub(crate) variant: Variant,
    pub(crate) directory: Option<PathBuf>,
}

struct Fleet {
    executable: PathBuf,
    base: PathBuf,
    journal: PathBuf,
    variant: Variant,
    children: Vec<Child>,
    saboteur: Option<Child>,
    started: u64,
}

impl Fleet {
    fn start(&mut self, number: usize) -> Result<Child> {
        self.started += 1;
        let child = Command::new(&self.executable)
            .arg("worker")
            .arg(&self.base)
            .arg(&self.journal)
            .arg(number.to_string())
            .arg(self.started.to_string())
            .arg(self.variant.as_str())
            .spawn()?;
        Ok(child)
    }

    fn start_all(&mut self) -> Result<()> {
        for number in 0..PROCESSES {
            let child = self.start(number)?;
            self.children.push(child);
        }
        if self.variant == Variant::NoStagingCheck {
            let mut command = Command::new(&self.executable);
            command.arg("saboteur").arg(&self.base).arg(&self.journal);
            self.saboteur = Some(command.spawn()?);
        }
        Ok(())
    }

    /// Kills a process wherever it is, and starts it again.
    fn restart(&mut self, number: usize) -> Result<()> {
        if let Some(child) = self.children.get_mut(number) {
            child.kill()?;
            child.wait()?;
        }
        let next = self.start(number)?;
        if let Some(child) = self.children.get_mut(number) {
            *child = next;
        }
        Ok(())
    }

    /// Asks all to end; whether they did.
    fn end(&mut self) -> Result<bool> {
        stop(&self.journal)?;
        let asked = Instant::now();
        let mut good = true;
        for child in self.children.iter_mut().chain(self.saboteur.as_mut()) {
            loop {
                match child.try_wait()? {
                    Some(status) => {
                        good &= status.success();
                        break;
                    }
                    None if asked.elapsed() > PATIENCE => {
                        child.kill()?;
                        child.wait()?;
                        good = false;
                    }
                    None => std::thread::sleep(Duration::from_millis(5)),
                }
            }
        }
        Ok(good)
    }

    fn operations(&self) -> Result<u64> {
        let mut sum = 0;
        for number in 0..PROCESSES {
            sum += Journal::open(&self.journal, number)?.1.operations;
        }
        Ok(sum)
    }
}

fn count(journal: &Path, finding: Finding) -> Result<usize> {
    Ok(findings(journal, finding)?.len())
}

pub(crate) fn run(plan: &Plan) -> Result<ExitCode> {
    let place = match &plan.directory {
        Some(directory) => tempfile::tempdir_in(directory)?,
        None => tempfile::tempdir()?,
    };
    let (base, journal) = (place.path().join("media"), place.path().join("journal"));
    std::fs::create_dir(&journal)?;
    let mut fleet = Fleet {
        executable: std::env::current_exe()?,
        base: base.clone(),
        journal: journal.clone(),
        variant: plan.variant,
        children: Vec::new(),
        saboteur: None,
        started: 0,
    };
    let began = Instant::now();
    fleet.start_all()?;
    let mut kills = 0_u64;
    let mut chance = 88_172_645_463_325_252_u64;
    let caught = loop {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        std::thread::sleep(Duration::from_millis(50 + chance % 71));
        if count(&journal, Finding::Lost)? > 0 {
            break true;
        }
        let over = match plan.end {
            End::Time(time) => began.elapsed() >= time,
            End::Operations(operations) => fleet.operations()? >= operations,
        };
        if over {
            break false;
        }
        fleet.restart(usize::try_from((chance >> 32) % PROCESSES as u64)?)?;
        kills += 1;
    };
    let took = began.elapsed().as_secs_f64();
    let ended = fleet.end()?;
    if plan.variant != Variant::Sound {
        let lost = findings(&journal, Finding::Lost)?;
        let first = lost.first().map_or("", String::as_str);
        let verdict = if caught { "caught" } else { "NOT CAUGHT" };
        println!(
            "{}: {verdict} after {took:.1} s and {} operations {first}",
            plan.variant.as_str(),
            fleet.operations()?
        );
        return Ok(if caught {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    if !ended {
        note(&journal, Finding::Failed, "a process did not end as asked")?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let equal = runtime.block_on(judge(&base, &journal, kills))?;
    let [lost, dangling, failed] = [Finding::Lost, Finding::Dangling, Finding::Failed];
    for finding in [lost, dangling, failed] {
        for text in findings(&journal, finding)?.iter().take(10) {
            println!("{finding:?}: {text}");
        }
    }
    let (lost, dangling, failed) = (
        count(&journal, lost)?,
        count(&journal, dangling)?,
        count(&journal, failed)?,
    );
    println!(
        "{} operations by {PROCESSES} processes in {took:.0} s, {kills} kills: {lost} lost, \
         {dangling} dangling, {failed} failed, usage {} the truth",
        fleet.operations()?,
        if equal { "equal to" } else { "UNLIKE" },
    );
    let good = lost + dangling + failed == 0 && equal;
    if !good {
        println!("the directory is kept: {}", place.keep().display());
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Looks at what is there when all processes are gone; whether usage is the truth.
async fn judge(base: &PathBuf, journal: &Path, kills: u64) -> Result<bool> {
    let store = open(base, Durability::Synced).await?;
    let full = SweepOptions::new().with_depth(SweepDepth::Full);
    let full = full.with_now(chrono::Utc::now() + chrono::TimeDelta::minutes(2));
    let mut live = HashSet::new();
    for number in 0..PROCESSES {
        if let Holding::Live(reference, which) = Journal::open(journal, number)?.1.holding {
            if let Err(text) = verify(&store, &reference, number, which).await {
                note(journal, Finding::Lost, &text)?;
            }
            live.insert(reference.id().to_owned());
        }
    }
    store.sweep(full).await?;
    let again = store.sweep(full).await?;
    if again != media_storage::SweepReport::default() {
        note(
            journal,
            Finding::Dangling,
            &format!("a second sweep found {again:?}"),
        )?;
    }
    let truth = Truth::count(base)?;
    for path in &truth.leftovers {
        note(
            journal,
            Finding::Dangling,
            &format!("left behind: {}", path.display()),
        )?;
    }
    let listed: Vec<_> = store.list(Scope::All).collect().await;
    let mut ids = HashSet::new();
    for entry in listed {
        match entry {
            Ok(entry) => drop(ids.insert(entry.reference.id().to_owned())),
            Err(error) => note(journal, Finding::Dangling, &format!("{error:?}"))?,
        }
    }
    for id in live.difference(&ids) {
        note(journal, Finding::Lost, &format!("{id} is not listed"))?;
    }
    // A kill between the publishing and its acknowledgement leaves one that nobody knows of; the
    // process's next start removes it.
    if (ids.len() - live.len().min(ids.len())) as u64 > kills.min(PROCESSES as u64) {
        note(
            journal,
            Finding::Dangling,
            &format!("{} listed, {} live", ids.len(), live.len()),
        )?;
    }
    let usage = store.usage(Scope::All).await?;
    let equal = usage.references == truth.media.len() as u64
        && usage.references == ids.len() as u64
        && usage.logical_bytes == truth.logical_bytes
        && usage.blobs == truth.blobs()
        && usage.stored_bytes == truth.stored_bytes();
    if !equal {
        println!("{usage:?}\n{truth:?}");
    }
    store.delete_scope(Scope::All).await?;
    store.sweep(full).await?;
    store.close().await?;
    let rest = Truth::count(base)?;
    for path in rest.leftovers.iter() {
        note(
            journal,
            Finding::Dangling,
            &format!("left at the end: {}", path.display()),
        )?;
    }
    for id in rest.media {
        note(
            journal,
            Finding::Dangling,
            &format!("left at the end: {id}"),
        )?;
    }
    Ok(equal)
}
