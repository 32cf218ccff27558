//! The program.

mod broken;
mod driver;
mod journal;
mod truth;
mod worker;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use driver::{End, Plan};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Which store the processes use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    /// The file store as it is.
    Sound,
    /// Duplicates trust that a blob is there instead of pinning it, and deletes drop the blob's
    /// name without a look at its link count.
    NoPin,
    /// A sweeper beside the others removes sidecars whose media is absent without asking whether
    /// somebody is about to publish it.
    NoStagingCheck,
}

impl Variant {
    const ALL: [Self; 3] = [Self::Sound, Self::NoPin, Self::NoStagingCheck];

    fn as_str(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::NoPin => "no-pin",
            Self::NoStagingCheck => "no-staging-check",
        }
    }

    fn parse(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == word);
        found.ok_or_else(|| format!("no variant: {word}").into())
    }
}

const USAGE: &str = "usage: soak run <seconds | operations with the suffix ops> \
                     [sound | no-pin | no-staging-check] [directory]";

fn run(arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        ["worker", directory, journal, number, seed, variant] => {
            worker::run(&worker::Setup {
                directory: PathBuf::from(directory),
                journal: PathBuf::from(journal),
                number: number.parse()?,
                seed: seed.parse()?,
                variant: Variant::parse(variant)?,
            })?;
            Ok(ExitCode::SUCCESS)
        }
        ["saboteur", directory, journal] => {
            broken::sweep_without_asking(directory.as_ref(), journal.as_ref())?;
            Ok(ExitCode::SUCCESS)
        }
        ["run", end, rest @ ..] => {
            let end = match end.strip_suffix("ops") {
                Some(operations) => End::Operations(operations.parse()?),
                None => End::Time(Duration::from_secs(end.parse()?)),
            };
            let (variant, directory) = match rest {
                [] => (Variant::Sound, None),
                [variant] => (Variant::parse(variant)?, None),
                [variant, directory] => (Variant::parse(variant)?, Some(PathBuf::from(directory))),
                _ => return Err(USAGE.into()),
            };
            driver::run(&Plan {
                end,
                variant,
                directory,
            })
        }
        _ => Err(USAGE.into()),
    }
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::from(2)
        }
    }
}
