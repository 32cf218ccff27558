//! The result of crashes.

use std::fmt;

use super::script::Scenario;
use super::trace::Point;

/// A system call that was skipped and reported to its caller as successful.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedSyscall {
    /// Name of the call.
    pub name: String,
    /// Number of the call among those of its name and thread, from 1.
    pub number: u32,
}

/// A crash after which a promise was broken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Name of the scenario.
    pub scenario: String,
    /// Point at which the child was killed.
    pub point: Point,
    /// What was found.
    pub found: Vec<String>,
}

/// The result of a series of crashes.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CrashReport {
    /// Number of crashes after which everything was checked.
    pub points: usize,
    /// Number of points that no run reached. They do not count as crashes.
    pub missed: usize,
    /// Crashes after which a promise was broken.
    pub failures: Vec<Failure>,
}

impl CrashReport {
    /// Returns the number of crashes after which every promise held.
    pub fn consistent(&self) -> usize {
        self.points - self.failures.len()
    }

    /// Whether there were crashes, and every promise held after each of them.
    pub fn is_clean(&self) -> bool {
        self.points > 0 && self.failures.is_empty()
    }

    /// Counts a crash by what was found after it, which is `None` if the point was not reached.
    pub(super) fn count(&mut self, scenario: &Scenario, point: &Point, found: Option<Vec<String>>) {
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

    /// Adds the result of another series.
    pub fn add(&mut self, other: Self) {
        self.points += other.points;
        self.missed += other.missed;
        self.failures.extend(other.failures);
    }
}

impl fmt::Display for CrashReport {
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
            write!(f, " ({} not reached)", self.missed)?;
        }
        Ok(())
    }
}
