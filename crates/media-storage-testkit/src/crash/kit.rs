//! Running children, killing them, and having the result checked.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use super::power::{FileSystem, Image};
use super::report::{CrashReport, SkippedSyscall};
use super::script::{Event, Order, Scenario};
use super::trace::{Call, Injection, Point, Trace, attach};

/// Time that a child may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Number of runs that try to reach a point. Names are random, and so is the order of directory entries:
/// a call that was the last of its name in one run may not be made in the next.
const ATTEMPTS: usize = 3;

/// Runs children, kills them, and has the result checked.
#[derive(Clone, Debug)]
#[must_use]
pub struct CrashKit {
    command: Vec<OsString>,
    work: PathBuf,
    workers: usize,
}

/// How a run ended.
struct Ended {
    events: Vec<Event>,
    trace: Trace,
    killed: bool,
}

impl CrashKit {
    /// Creates a kit from the command that starts a child and a working directory. The directory must
    /// be on a disk, on one file system, and contain nothing of value. It is created if it does not
    /// exist.
    pub fn new<C>(command: impl IntoIterator<Item = C>, work: impl Into<PathBuf>) -> Self
    where
        C: Into<OsString>,
    {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            work: work.into(),
            workers: 1,
        }
    }

    /// Sets the number of children that run at once. They mostly wait for the disk. Defaults to 1.
    pub fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// Returns the system calls of a scenario that is not interrupted.
    ///
    /// # Errors
    /// If `strace` cannot attach, or the child fails.
    pub fn reference(&self, scenario: &Scenario) -> io::Result<Trace> {
        self.reference_in(&self.fresh()?, scenario)
    }

    fn reference_in(&self, directory: &Path, scenario: &Scenario) -> io::Result<Trace> {
        let ended = self.run(directory, scenario, Injection::Nothing)?;
        let failed = ended
            .events
            .iter()
            .find(|event| matches!(event, Event::Failed(..)));
        match (failed, ended.events.last()) {
            (None, Some(Event::End)) => Ok(ended.trace),
            (event, _) => Err(io::Error::other(format!(
                "scenario {} fails: {event:?}",
                scenario.name()
            ))),
        }
    }

    /// Kills a child at every call of every scenario, or at `most` of them, evenly chosen, and has a new
    /// process check each result.
    ///
    /// # Errors
    /// If `strace` cannot attach, or a child fails.
    pub fn kills(&self, scenarios: &[Scenario], most: usize) -> io::Result<CrashReport> {
        let points = points(
            scenarios,
            |scenario| self.reference(scenario),
            |_| true,
            most,
        )?;
        self.each(&points, |worker| {
            let worker = worker.clone();
            Ok(move |scenario: &Scenario, point: &Point| worker.kill(scenario, point))
        })
    }

    /// Cuts the power at every call that changes the disk, and after the last acknowledgement, or at
    /// `most` of these points, evenly chosen.
    ///
    /// # Errors
    /// If images cannot be created or mounted, `strace` cannot attach, or a child fails.
    pub fn power_cuts(
        &self,
        file_system: FileSystem,
        scenarios: &[Scenario],
        most: usize,
    ) -> io::Result<CrashReport> {
        let image = Image::make(file_system, &self.work)?;
        // The order of directory entries depends on the file system, and the calls depend on it.
        let reference = |scenario: &Scenario| {
            let mounted = image.mount()?;
            self.reference_in(&mounted.path().join("media"), scenario)
        };
        let points = points(scenarios, reference, Call::is_mutating, most)?;
        self.each(&points, |worker| {
            let image = Image::make(file_system, &worker.work)?;
            let worker = worker.clone();
            Ok(move |scenario: &Scenario, point: &Point| {
                for _ in 0..ATTEMPTS {
                    let (ended, found) = worker.cut(&image, scenario, Injection::Kill(point))?;
                    if is_hit(&ended, point) {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            })
        })
    }

    /// Skips each fsync of a scenario in turn, and cuts the power after the last acknowledgement.
    /// Returns what was found for each. If nothing was found, the fsync is not needed or the check is
    /// not good enough.
    ///
    /// # Errors
    /// As [`power_cuts`](Self::power_cuts).
    pub fn without_syncs(
        &self,
        file_system: FileSystem,
        scenario: &Scenario,
    ) -> io::Result<Vec<(SkippedSyscall, Vec<String>)>> {
        let image = Image::make(file_system, &self.work)?;
        let reference = self.reference(scenario)?;
        let mut outcomes = Vec::new();
        for call in reference.calls().iter().filter(|call| call.is_sync()) {
            let injection = Injection::Drop(&call.name, call.number);
            let (_, found) = self.cut(&image, scenario, injection)?;
            let skipped = SkippedSyscall {
                name: call.name.clone(),
                number: call.number,
            };
            outcomes.push((skipped, found));
        }
        Ok(outcomes)
    }

    /// Distributes points over workers, each with its own directory.
    fn each<W>(
        &self,
        points: &[(&Scenario, Point)],
        work: impl Fn(&Self) -> io::Result<W> + Sync,
    ) -> io::Result<CrashReport>
    where
        W: Fn(&Scenario, &Point) -> io::Result<Option<Vec<String>>>,
    {
        let next = AtomicUsize::new(0);
        let one = |number: usize| -> io::Result<CrashReport> {
            let mut worker = self.clone();
            worker.work = self.work.join(format!("worker-{number}"));
            fs::create_dir_all(&worker.work)?;
            let run = work(&worker)?;
            let mut report = CrashReport::default();
            while let Some((scenario, point)) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                report.count(scenario, point, run(scenario, point)?);
            }
            Ok(report)
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.workers)
                .map(|number| scope.spawn(move || one(number)))
                .collect();
            let mut all = CrashReport::default();
            for worker in workers {
                all.add(worker.join().expect("workers do not panic")?);
            }
            Ok(all)
        })
    }

    /// Returns what is found after a kill, or `None` if no run reached the point.
    fn kill(&self, scenario: &Scenario, point: &Point) -> io::Result<Option<Vec<String>>> {
        for _ in 0..ATTEMPTS {
            let directory = self.fresh()?;
            let ended = self.run(&directory, scenario, Injection::Kill(point))?;
            if is_hit(&ended, point) {
                return Ok(Some(self.check(&directory, scenario, &ended.events)?));
            }
        }
        Ok(None)
    }

    /// Runs once on an image whose power is cut when the child is dead.
    fn cut(
        &self,
        image: &Image,
        scenario: &Scenario,
        injection: Injection<'_>,
    ) -> io::Result<(Ended, Vec<String>)> {
        let mounted = image.mount()?;
        let directory = mounted.path().join("media");
        let ended = self.run(&directory, scenario, injection)?;
        let after = mounted.cut()?;
        let found = self.check(&after.path().join("media"), scenario, &ended.events)?;
        Ok((ended, found))
    }

    /// Returns an empty directory on the disk.
    fn fresh(&self) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.work)?;
        let directory = self.work.join("media");
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(directory)
    }

    fn child(&self, directory: &Path, order: &Order) -> io::Result<Command> {
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or_else(|| io::Error::other("the command of the child is empty"))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(directory)
            .arg(serde_json::to_string(order)?);
        Ok(command)
    }

    /// Runs a scenario until the child is dead.
    fn run(
        &self,
        directory: &Path,
        scenario: &Scenario,
        injection: Injection<'_>,
    ) -> io::Result<Ended> {
        let mut child = self
            .child(directory, &Order::Run(scenario.clone()))?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let ended = self.attend(&mut child, &lines, injection);
        // No process is left behind in any case.
        let _ = child.kill();
        let _ = child.wait();
        ended
    }

    fn attend(
        &self,
        child: &mut Child,
        lines: &mpsc::Receiver<String>,
        injection: Injection<'_>,
    ) -> io::Result<Ended> {
        let mut events = Vec::new();
        collect(lines, &mut events, |event| *event == Event::Ready)?;
        if events.last() != Some(&Event::Ready) {
            return Err(io::Error::other("the child exited before it was ready"));
        }
        let log = self.work.join("strace.log");
        let mut strace = attach(child.id(), &log, injection)?;
        let mut input = child.stdin.take().expect("it is piped");
        input.write_all(b"\n")?;
        let collected = collect(lines, &mut events, |event| *event == Event::End);
        // A child that waits at its end is killed there. Killing a dead one does no harm.
        child.kill()?;
        let status = child.wait()?;
        strace.wait()?;
        collected?;
        if status.signal() != Some(9) {
            return Err(io::Error::other(format!(
                "the child exited without being killed: {status}"
            )));
        }
        let trace = Trace::parse(&fs::read_to_string(&log)?);
        let killed = events.last() != Some(&Event::End);
        Ok(Ended {
            events,
            trace,
            killed,
        })
    }

    /// Has a new process check the result.
    fn check(
        &self,
        directory: &Path,
        scenario: &Scenario,
        events: &[Event],
    ) -> io::Result<Vec<String>> {
        let order = Order::Check(scenario.clone(), events.to_vec());
        let mut child = self
            .child(directory, &order)?
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut text = String::new();
        let mut output = child.stdout.take().expect("it is piped");
        output.read_to_string(&mut text)?;
        let status = child.wait()?;
        if !status.success() {
            return Ok(vec![format!("the checking process failed: {status}")]);
        }
        Ok(serde_json::from_str(text.trim())?)
    }
}

/// Receives events until the last one of interest, or until there are no more.
fn collect(
    lines: &mpsc::Receiver<String>,
    events: &mut Vec<Event>,
    is_last: impl Fn(&Event) -> bool,
) -> io::Result<()> {
    loop {
        match lines.recv_timeout(DEADLINE) {
            Ok(line) => {
                let event = serde_json::from_str(&line)?;
                let last = is_last(&event);
                events.push(event);
                if last {
                    return Ok(());
                }
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the child hangs"));
            }
        }
    }
}

/// Whether the child died at the point.
fn is_hit(ended: &Ended, point: &Point) -> bool {
    match point {
        Point::End => !ended.killed,
        Point::Call { .. } => ended.killed && ended.trace.ends_at(point),
    }
}

/// Returns the points of all scenarios, or at most a number of them, evenly chosen.
fn points(
    scenarios: &[Scenario],
    reference: impl Fn(&Scenario) -> io::Result<Trace>,
    concerns: impl Fn(&Call) -> bool,
    most: usize,
) -> io::Result<Vec<(&Scenario, Point)>> {
    let mut all = Vec::new();
    for scenario in scenarios {
        let points = reference(scenario)?.points(&concerns);
        all.extend(points.into_iter().map(|point| (scenario, point)));
        all.push((scenario, Point::End));
    }
    let total = all.len();
    let chosen = all.into_iter().enumerate().filter(|(at, _)| {
        // A point is chosen where the number of chosen points has to grow.
        total <= most || (at + 1) * most / total > at * most / total
    });
    Ok(chosen.map(|(_, point)| point).collect())
}
