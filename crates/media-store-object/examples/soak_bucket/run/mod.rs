//! The program.

mod beneath;
mod broken;
mod client;
mod content;
mod driver;
mod fleet;
mod journal;
mod judge;
mod services;
mod worker;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use driver::Plan;
use services::Kind;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How bytes are collected that nothing holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    /// As the store does.
    Sound,
    /// Lists the markers, removes the bytes when there are none, and then makes the record dead.
    ListThenDelete,
    /// Lists the markers, makes the record dead in one step if it has not changed, and then removes
    /// the bytes.
    OneStep,
}

impl Variant {
    const ALL: [Self; 3] = [Self::Sound, Self::ListThenDelete, Self::OneStep];

    fn as_str(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::ListThenDelete => "list-then-delete",
            Self::OneStep => "one-step",
        }
    }

    fn parse(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == word);
        found.ok_or_else(|| format!("no variant: {word}").into())
    }
}

/// The protocol that a process uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    First,
    Second,
}

impl Protocol {
    /// The protocol of a process: one of three uses the first. The broken collectors are such of the
    /// first.
    fn of(number: usize, variant: Variant) -> Self {
        match variant {
            Variant::Sound if number % 3 != 1 => Self::Second,
            _ => Self::First,
        }
    }
}

const USAGE: &str = "usage: soak_bucket SECONDS [--variant sound | list-then-delete | one-step] \
                     [--server s3 | moto] [--seed N] [--faults PER_MILLE]";

fn plan(seconds: &str, options: &[&str]) -> Result<Plan> {
    let mut plan = Plan {
        time: Duration::from_secs(seconds.parse().map_err(|_| USAGE)?),
        variant: Variant::Sound,
        server: Kind::S3,
        seed: 1,
        faults: 30,
    };
    for option in options.chunks(2) {
        match option {
            ["--variant", word] => plan.variant = Variant::parse(word)?,
            ["--server", "s3"] => plan.server = Kind::S3,
            ["--server", "moto"] => plan.server = Kind::Moto,
            ["--seed", number] => plan.seed = number.parse()?,
            ["--faults", number] => plan.faults = number.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(plan)
}

fn run(arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        ["worker", journal, number, seed, variant] => {
            worker::run(&worker::Setup {
                journal: PathBuf::from(journal),
                number: number.parse()?,
                seed: seed.parse()?,
                variant: Variant::parse(variant)?,
            })?;
            Ok(ExitCode::SUCCESS)
        }
        [seconds, options @ ..] => driver::run(&plan(seconds, options)?),
        [] => Err(USAGE.into()),
    }
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("soak_bucket: {error}");
            ExitCode::from(2)
        }
    }
}
