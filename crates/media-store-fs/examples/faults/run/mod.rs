//! The program.

mod around;
mod inject;
mod matrix;
mod scenario;
mod world;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How many checks were made, and what was wrong with those that failed.
#[derive(Clone, Debug, Default)]
struct Tally {
    good: usize,
    all: usize,
}

impl Tally {
    /// Counts one check; a failure is printed.
    fn check(&mut self, what: &str, outcome: std::result::Result<(), String>) {
        self.all += 1;
        match outcome {
            Ok(()) => self.good += 1,
            Err(error) => println!("FAILED {what}: {error}"),
        }
    }
}

const USAGE: &str = "usage: faults inject <directory> <whole | short>\n       \
                     faults around <directory> <fault> <command that makes it> <command that ends it>";

fn run(arguments: &[&str]) -> Result<Tally> {
    match arguments {
        ["inject", directory, "whole"] => inject::run(Path::new(directory), inject::Length::Whole),
        ["inject", directory, "short"] => inject::run(Path::new(directory), inject::Length::Short),
        ["around", directory, fault, make, end] => around::run(&around::Plan {
            directory: Path::new(directory),
            fault: around::Fault::parse(fault)?,
            make,
            end,
        }),
        _ => Err(USAGE.into()),
    }
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(tally) => {
            println!("{} of {}", tally.good, tally.all);
            if tally.good == tally.all && tally.all > 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            println!("FAILED {error}\n0 of 1");
            ExitCode::from(2)
        }
    }
}
