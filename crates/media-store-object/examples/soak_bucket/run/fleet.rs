//! The processes: started, paused, killed, ended.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::run::journal::stop;
use crate::run::{Result, Variant};

/// How many there are.
pub(crate) const PROCESSES: usize = 6;

/// How long one may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Process {
    child: Child,
    /// When it goes on, if it is paused.
    paused_until: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct Fleet {
    executable: PathBuf,
    journal: PathBuf,
    seed: u64,
    variant: Variant,
    started: u64,
    processes: Vec<Process>,
    pub(crate) kills: u64,
    pub(crate) pauses: u64,
}

impl Fleet {
    pub(crate) fn start(journal: PathBuf, seed: u64, variant: Variant) -> Result<Self> {
        let mut fleet = Self {
            executable: std::env::current_exe()?,
            journal,
            seed,
            variant,
            started: 0,
            processes: Vec::new(),
            kills: 0,
            pauses: 0,
        };
        for number in 0..PROCESSES {
            let process = fleet.spawn(number)?;
            fleet.processes.push(process);
        }
        Ok(fleet)
    }

    fn spawn(&mut self, number: usize) -> Result<Process> {
        self.started += 1;
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(self.started);
        let child = Command::new(&self.executable)
            .arg("worker")
            .arg(&self.journal)
            .arg(number.to_string())
            .arg(seed.to_string())
            .arg(self.variant.as_str())
            .spawn()?;
        Ok(Process {
            child,
            paused_until: None,
        })
    }

    /// Kills a process wherever it is, and starts it again.
    pub(crate) fn kill(&mut self, number: usize) -> Result<()> {
        if let Some(process) = self.processes.get_mut(number) {
            process.child.kill()?;
            process.child.wait()?;
        }
        let next = self.spawn(number)?;
        if let Some(process) = self.processes.get_mut(number) {
            *process = next;
        }
        self.kills += 1;
        Ok(())
    }

    /// Pauses a process wherever it is.
    pub(crate) fn pause(&mut self, number: usize, pause: Duration) -> Result<()> {
        if let Some(process) = self.processes.get_mut(number)
            && process.paused_until.is_none()
        {
            signal(&process.child, "STOP")?;
            process.paused_until = Some(Instant::now() + pause);
            self.pauses += 1;
        }
        Ok(())
    }

    /// Lets go on what has paused long enough.
    pub(crate) fn go_on(&mut self) -> Result<()> {
        let now = Instant::now();
        for process in &mut self.processes {
            if process.paused_until.is_some_and(|until| until <= now) {
                signal(&process.child, "CONT")?;
                process.paused_until = None;
            }
        }
        Ok(())
    }

    /// Asks all to end; whether they did.
    pub(crate) fn end(&mut self) -> Result<bool> {
        stop(&self.journal)?;
        let asked = Instant::now();
        let mut good = true;
        for process in &mut self.processes {
            if process.paused_until.take().is_some() {
                signal(&process.child, "CONT")?;
            }
        }
        for Process { child, .. } in &mut self.processes {
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
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for Process { child, .. } in &mut self.processes {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn signal(child: &Child, name: &str) -> Result<()> {
    let script = format!("kill -{name} {}", child.id());
    let status = Command::new("sh").args(["-c", &script]).status()?;
    if !status.success() {
        return Err(format!("no signal {name} to a process").into());
    }
    Ok(())
}
