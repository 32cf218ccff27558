//! Runs: a child, what it acknowledges, where it dies, what is left.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use super::power::{FileSystem, Image};
use super::script::{Event, Order, Scenario};
use super::trace::{Call, Injection, Point, Trace, attach};

/// How long a child may take for all it has to do.
const DEADLINE: Duration = Duration::from_secs(60);

/// How often a point is tried for. Names are random, and so is the order in which directories list
/// them: a call that was the last of its name in one run may not be made in the next.
const ATTEMPTS: usize = 3;

/// Runs children, kills them, and has what is left checked.
#[derive(Clone, Debug)]
#[must_use]
pub struct CrashKit {
    command: Vec<OsString>,
    work: PathBuf,
    workers: usize,
}

/// A call that is not made, while its caller is told that it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tamper {
    /// The name of the call.
    pub name: String,
    /// Which of this name in its thread, from 1.
    pub number: u32,
}

/// A crash after which a promise did not hold.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The scenario.
    pub scenario: String,
    /// Where the child was killed.
    pub point: Point,
    /// What does not hold.
    pub found: Vec<String>,
}

/// What a series of crashes came to.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Figures {
    /// Crashes after which everything was checked.
    pub points: usize,
    /// Points that a run did not come by; they are not counted above.
    pub missed: usize,
    /// Crashes after which something did not hold.
    pub failures: Vec<Failure>,
}

impl Figures {
    /// Crashes after which everything held.
    pub fn consistent(&self) -> usize {
        self.points - self.failures.len()
    }

    /// Whether there were crashes and everything held after each.
    pub fn is_clean(&self) -> bool {
        self.points > 0 && self.failures.is_empty()
    }

    /// Counts a crash by what was found after it; `None` where it did not come to it.
    fn count(&mut self, scenario: &Scenario, point: &Point, found: Option<Vec<String>>) {
        let Some(found) = found else {
            self.missed += 1;
            return;
        };
        self.points += 1;
        if !found.is_empty() {
            self.failures.push(Failure {
                scenario: scenario.name().to_owned(),
                point: point.clone(),
                found,
            });
        }
    }

    /// Adds those of another series.
    pub fn add(&mut self, other: Self) {
        self.points += other.points;
        self.missed += other.missed;
        self.failures.extend(other.failures);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failures {
            writeln!(f, "{}, killed at {}:", failure.scenario, failure.point)?;
            for found in &failure.found {
                writeln!(f, "  {found}")?;
            }
        }
        let (consistent, points) = (self.consistent(), self.points);
        write!(f, "{consistent} of {points} crash points consistent")?;
        if self.missed > 0 {
            write!(f, " ({} were not reached)", self.missed)?;
        }
        Ok(())
    }
}

/// How a run ended.
struct Ended {
    events: Vec<Event>,
    trace: Trace,
    killed: bool,
}

impl CrashKit {
    /// The command that starts a child, and a directory to work in: on a disk, and on one file
    /// system with nothing else of value. It is made where it is missing.
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

    /// How many children run at once; most of their time is waiting for the disk. Default: 1.
    pub fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// The calls of a scenario that nothing happens to.
    ///
    /// # Errors
    /// When `strace` does not attach or the child does not behave.
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
                "{} does not run: {event:?}",
                scenario.name()
            ))),
        }
    }

    /// Kills a child at every call of every scenario, or at `most` of them, evenly chosen, and has
    /// each checked by a fresh process.
    ///
    /// # Errors
    /// When `strace` does not attach or a child does not behave.
    pub fn kills(&self, scenarios: &[Scenario], most: usize) -> io::Result<Figures> {
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

    /// Cuts the power at every call that changes the disk and after the last acknowledgement, or
    /// at `most` of them, evenly chosen.
    ///
    /// # Errors
    /// When images cannot be made or mounted, `strace` does not attach or a child does not behave.
    pub fn power_cuts(
        &self,
        file_system: FileSystem,
        scenarios: &[Scenario],
        most: usize,
    ) -> io::Result<Figures> {
        let image = Image::make(file_system, &self.work)?;
        // Where directories list otherwise, other calls are made.
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

    /// Drops each request for durability of a scenario in turn and cuts the power after the last
    /// acknowledgement. Returns for each what was found then; one for which nothing was found was
    /// not needed, or the check is blind.
    ///
    /// # Errors
    /// As [`power_cuts`](Self::power_cuts).
    pub fn without_syncs(
        &self,
        file_system: FileSystem,
        scenario: &Scenario,
    ) -> io::Result<Vec<(Tamper, Vec<String>)>> {
        let image = Image::make(file_system, &self.work)?;
        let reference = self.reference(scenario)?;
        let mut outcomes = Vec::new();
        for call in reference.calls().iter().filter(|call| call.is_sync()) {
            let injection = Injection::Drop(&call.name, call.number);
            let (_, found) = self.cut(&image, scenario, injection)?;
            let tamper = Tamper {
                name: call.name.clone(),
                number: call.number,
            };
            outcomes.push((tamper, found));
        }
        Ok(outcomes)
    }

    /// Shares points among workers. Each has a directory of its own, and is made where it runs.
    fn each<W>(
        &self,
        points: &[(&Scenario, Point)],
        work: impl Fn(&Self) -> io::Result<W> + Sync,
    ) -> io::Result<Figures>
    where
        W: Fn(&Scenario, &Point) -> io::Result<Option<Vec<String>>>,
    {
        let next = AtomicUsize::new(0);
        let one = |number: usize| -> io::Result<Figures> {
            let mut worker = self.clone();
            worker.work = self.work.join(format!("worker-{number}"));
            fs::create_dir_all(&worker.work)?;
            let run = work(&worker)?;
            let mut figures = Figures::default();
            while let Some((scenario, point)) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                figures.count(scenario, point, run(scenario, point)?);
            }
            Ok(figures)
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.workers)
                .map(|number| scope.spawn(move || one(number)))
                .collect();
            let mut all = Figures::default();
            for worker in workers {
                all.add(worker.join().expect("workers do not panic")?);
            }
            Ok(all)
        })
    }

    /// What is found after a kill; `None` where no run came by the point.
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

    /// One run on an image whose power is cut when the child is dead.
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

    /// An empty directory on the disk.
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
            .ok_or_else(|| io::Error::other("no command for the child"))?;
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
        // However it went, nothing stays behind.
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
            return Err(io::Error::other("the child ended before it was ready"));
        }
        let log = self.work.join("strace.log");
        let mut strace = attach(child.id(), &log, injection)?;
        let mut input = child.stdin.take().expect("it is piped");
        input.write_all(b"\n")?;
        let collected = collect(lines, &mut events, |event| *event == Event::End);
        // One that waits at its end is killed there; one that is dead already does not mind.
        child.kill()?;
        let status = child.wait()?;
        strace.wait()?;
        collected?;
        if status.signal() != Some(9) {
            return Err(io::Error::other(format!(
                "the child ended by itself: {status}"
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

    /// Has a fresh process look at what is left.
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
            return Ok(vec![format!("the check does not end well: {status}")]);
        }
        Ok(serde_json::from_str(text.trim())?)
    }
}

/// Takes events until one is the last of interest, or there are no more.
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

/// Whether the child died where it should.
fn is_hit(ended: &Ended, point: &Point) -> bool {
    match point {
        Point::End => !ended.killed,
        Point::Call { .. } => ended.killed && ended.trace.ends_at(point),
    }
}

/// The points of all scenarios, or so many of them, evenly chosen.
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
        // Those at which the count of chosen ones grows.
        total <= most || (at + 1) * most / total > at * most / total
    });
    Ok(chosen.map(|(_, point)| point).collect())
}
