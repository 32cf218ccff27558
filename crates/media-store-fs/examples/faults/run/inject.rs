//! Errors at the n-th system call, by strace, for every n.
//!
//! All file work of a store goes to the one blocking thread of the runtime, and strace is attached
//! to that thread alone, so that its calls are counted and nobody else's. What strace is told is
//! gone with strace: the same process then shows that the store works again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::run::matrix::{INJECTIONS, Injection};
use crate::run::scenario::{Outcome, Prepared, Scenario, furnish};
use crate::run::world::World;
use crate::run::{Result, Tally};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// Every error at every call.
    Whole,
    /// The first error of each call.
    Short,
}

struct Rig {
    directory: PathBuf,
    runtime: Runtime,
    /// Of the thread that does the file work.
    thread: String,
    worlds: u32,
    world: World,
}

impl Rig {
    fn new(directory: &Path) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .thread_keep_alive(Duration::from_secs(3600))
            .build()?;
        let thread = runtime.block_on(async {
            let link = tokio::task::spawn_blocking(|| fs::read_link("/proc/thread-self"));
            Result::Ok(link.await??)
        })?;
        let thread = thread.file_name().ok_or("no thread")?.to_string_lossy();
        let mut rig = Self {
            directory: directory.to_owned(),
            thread: thread.into_owned(),
            runtime,
            worlds: 0,
            world: World::new(PathBuf::new()),
        };
        rig.renew()?;
        Ok(rig)
    }

    /// Begins in a new directory.
    fn renew(&mut self) -> Result<()> {
        self.worlds += 1;
        self.world = World::new(self.directory.join(format!("media-{}", self.worlds)));
        self.runtime.block_on(furnish(&mut self.world))
    }

    fn attach(&self, options: &[&str]) -> Result<Child> {
        let mut strace = Command::new("strace")
            .args(["-p", &self.thread])
            .args(options)
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = strace.stderr.take().ok_or("strace has no output")?;
        let mut lines = BufReader::new(stderr);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        if !line.contains("attached") {
            let _ = strace.kill();
            let _ = strace.wait();
            return Err(format!("strace did not attach: {line}").into());
        }
        // strace tells at the end that it detached; nobody has to listen.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Ok(strace)
    }

    /// How often each call is made by a scenario.
    fn calls(&mut self, scenario: Scenario) -> Result<BTreeMap<String, u32>> {
        let log = self.directory.join("calls");
        let prepared = self
            .runtime
            .block_on(Prepared::new(scenario, &self.world))?;
        let log_option = log.to_string_lossy().into_owned();
        let mut strace = self.attach(&["-o", &log_option])?;
        let outcome = self.runtime.block_on(prepared.run(&self.world));
        // Ended, not killed: what it has written is in its buffers.
        Command::new("kill").arg(strace.id().to_string()).status()?;
        strace.wait()?;
        let outcome = outcome?;
        if let Outcome::Failed(error) = outcome {
            return Err(format!("{scenario:?} fails without a fault: {error:?}").into());
        }
        let world = &self.world;
        self.runtime.block_on(async {
            let more = prepared.afterwards(outcome, world).await?;
            world.is_right(more.as_ref().map(|(r, b)| (r, b))).await
        })?;

        let mut calls = BTreeMap::new();
        for line in fs::read_to_string(&log)?.lines() {
            if let Some((name, _)) = line.split_once('(') {
                *calls.entry(name.to_owned()).or_default() += 1;
            }
        }
        Ok(calls)
    }

    fn one(
        &self,
        scenario: Scenario,
        injection: Injection,
        when: &str,
    ) -> std::result::Result<(), String> {
        let told = |error: Box<dyn std::error::Error + Send + Sync>| error.to_string();
        let world = &self.world;
        let prepared = self
            .runtime
            .block_on(Prepared::new(scenario, world))
            .map_err(|error| format!("preparing: {error}"))?;
        let Injection {
            call,
            action,
            kinds,
        } = injection;
        let inject = format!("inject={call}:{action}:when={when}");
        let trace = format!("trace={call}");
        let options = ["-o", "/dev/null", "-e", &trace, "-e", &inject];
        let mut strace = self.attach(&options).map_err(told)?;
        let outcome = self.runtime.block_on(prepared.run(world));
        let ended = strace.kill().and_then(|()| strace.wait());
        ended.map_err(|error| error.to_string())?;
        let outcome = outcome.map_err(told)?;
        let wrong = match &outcome {
            Outcome::Failed(error) if !kinds.contains(&error.kind()) => Some(format!("{error:?}")),
            _ => None,
        };
        self.runtime.block_on(async {
            let more = prepared.afterwards(outcome, world).await?;
            world.is_right(more.as_ref().map(|(r, b)| (r, b))).await
        })?;
        wrong.map_or(Ok(()), |wrong| Err(format!("not {kinds:?} but {wrong}")))
    }
}

pub(crate) fn run(directory: &Path, length: Length) -> Result<Tally> {
    fs::create_dir_all(directory)?;
    let mut tally = Tally::default();
    let mut rig = Rig::new(directory)?;
    for scenario in Scenario::ALL {
        let calls = rig.calls(scenario)?;
        let fsyncs = calls.get("fsync").copied().unwrap_or_default();
        let enough = match scenario.fsyncs() {
            due if fsyncs < due => Err(format!("{fsyncs} instead of {due}")),
            _ => Ok(()),
        };
        tally.check(&format!("{scenario:?} fsyncs"), enough);
        let mut seen = "";
        for injection in INJECTIONS {
            let again = std::mem::replace(&mut seen, injection.call) == injection.call;
            if again && length == Length::Short {
                continue;
            }
            let count = calls.get(injection.call).copied().unwrap_or_default();
            // Once at each, and from the first on.
            let mut whens: Vec<String> = (1..=count).map(|n| n.to_string()).collect();
            if count > 0 && injection.action == "error=EPERM" && injection.call == "linkat" {
                whens.push("1+".to_owned());
            }
            for when in whens {
                let outcome = rig.one(scenario, *injection, &when);
                let failed = outcome.is_err() || !rig.world.is_shared()?;
                let what = format!(
                    "{scenario:?} {}:{} at {when}",
                    injection.call, injection.action
                );
                tally.check(&what, outcome);
                if failed {
                    rig.renew()?;
                }
            }
        }
    }
    Ok(tally)
}
