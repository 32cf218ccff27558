//! What is proven, in which order, and how much of it is enough.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use media_storage_testkit::crash::{CrashKit, CrashReport, FileSystem, Scenario};

/// Crash points that the whole proof has at least.
const ENOUGH_KILLS: usize = 375;
/// Power cuts that the whole proof has at least.
const ENOUGH_CUTS: usize = 180;

/// Children at once: most of their time is waiting for the disk.
const WORKERS: usize = 3;

/// Both ways to keep bytes.
const WAYS: [&str; 2] = ["dedup", "plain"];
const FILE_SYSTEMS: [FileSystem; 2] = [FileSystem::Ext4, FileSystem::Xfs];

struct Options {
    child: PathBuf,
    work: PathBuf,
    mutants: Vec<(String, PathBuf)>,
    /// What the names of the scenarios to run contain.
    only: String,
    /// How many points of each series are looked at.
    most: Most,
}

/// How many points of a series are looked at.
#[derive(Clone, Copy)]
struct Most {
    kills: usize,
    cuts: usize,
    mutant_kills: usize,
}

const WHOLE: Most = Most {
    kills: usize::MAX,
    cuts: usize::MAX,
    mutant_kills: usize::MAX,
};
const SHORT: Most = Most {
    kills: 60,
    cuts: 12,
    mutant_kills: usize::MAX,
};

fn options() -> io::Result<Options> {
    let usage = || {
        io::Error::other(
            "--child <program> --work <directory> [--short] [--only <scenario>] [--mutant ..]",
        )
    };
    let (mut child, mut work, mut mutants) = (None, None, Vec::new());
    let (mut only, mut most) = (String::new(), WHOLE);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--short" => most = SHORT,
            "--only" => only = arguments.next().ok_or_else(usage)?,
            "--child" => child = arguments.next().map(PathBuf::from),
            "--work" => work = arguments.next().map(PathBuf::from),
            "--mutant" => {
                let mutant = arguments.next().ok_or_else(usage)?;
                let (name, program) = mutant.split_once('=').ok_or_else(usage)?;
                mutants.push((name.to_owned(), program.into()));
            }
            _ => return Err(usage()),
        }
    }
    Ok(Options {
        child: child.ok_or_else(usage)?,
        work: work.ok_or_else(usage)?,
        mutants,
        only,
        most,
    })
}

/// What came of it all.
#[derive(Default)]
struct Verdict {
    figures: Vec<String>,
    failed: bool,
}

impl Verdict {
    fn add(&mut self, good: bool, figure: String) {
        println!("  => {figure}{}", if good { "" } else { "  FALLS SHORT" });
        self.failed |= !good;
        self.figures.push(figure);
    }
}

pub(crate) fn run() -> io::Result<ExitCode> {
    let options = options()?;
    let mut verdict = Verdict::default();
    kills(&options, &mut verdict)?;
    fsyncs(&options, &mut verdict)?;
    if let Err(error) = images(&options) {
        let banner = "!".repeat(72);
        println!("{banner}\nPOWER CUTS WERE NOT MADE: {error}\n{banner}");
        verdict.figures.push("power cuts NOT RUN".to_owned());
    } else {
        cuts(&options, &mut verdict)?;
        dropped_fsyncs(&options, &mut verdict)?;
    }
    source_mutants(&options, &mut verdict)?;
    println!("{}", verdict.figures.join("; "));
    Ok(if verdict.failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn kit(options: &Options, way: &str) -> CrashKit {
    let command: [OsString; 2] = [options.child.clone().into(), way.into()];
    CrashKit::new(command, &options.work).with_workers(WORKERS)
}

fn kills(options: &Options, verdict: &mut Verdict) -> io::Result<()> {
    println!("kill -9 at every system call");
    let most = options.most.kills;
    let all = each(WAYS, |way| {
        one_by_one(way, &options.only, most, |scenario, most| {
            kit(options, way).kills(scenario, most)
        })
    })?;
    let enough = is_enough(options, &all, ENOUGH_KILLS.min(most));
    verdict.add(all.is_clean() && enough, all.to_string());
    Ok(())
}

fn cuts(options: &Options, verdict: &mut Verdict) -> io::Result<()> {
    let most = options.most.cuts;
    let all = each(FILE_SYSTEMS, |file_system| {
        each(WAYS, |way| {
            println!(
                "power cut at every call that changes the disk, {}",
                file_system.as_str()
            );
            one_by_one(way, &options.only, most, |scenario, most| {
                kit(options, way).power_cuts(file_system, scenario, most)
            })
        })
    })?;
    let enough = is_enough(options, &all, ENOUGH_CUTS.min(most));
    let figure = format!(
        "{} of {} power cuts lost nothing",
        all.consistent(),
        all.points
    );
    verdict.add(all.is_clean() && enough, figure);
    Ok(())
}

/// Enough points were looked at, and hardly any was not reached.
fn is_enough(options: &Options, figures: &CrashReport, least: usize) -> bool {
    let many = figures.points + figures.missed >= least || !options.only.is_empty();
    many && figures.missed * 20 <= figures.points
}

fn each<T>(
    of: impl IntoIterator<Item = T>,
    mut run: impl FnMut(T) -> io::Result<CrashReport>,
) -> io::Result<CrashReport> {
    let mut all = CrashReport::default();
    for one in of {
        all.add(run(one)?);
    }
    Ok(all)
}

/// Runs scenario by scenario and says how it goes; all at once where only some points are wanted.
fn one_by_one(
    way: &str,
    only: &str,
    most: usize,
    mut run: impl FnMut(&[Scenario], usize) -> io::Result<CrashReport>,
) -> io::Result<CrashReport> {
    let mut scenarios = Scenario::all();
    scenarios.retain(|scenario| scenario.name().contains(only));
    let pieces: Vec<&[Scenario]> = if most == usize::MAX {
        scenarios.chunks(1).collect()
    } else {
        vec![&scenarios]
    };
    each(pieces, |piece| {
        let start = Instant::now();
        let figures = run(piece, most)?;
        let name = match piece {
            [scenario] => scenario.name(),
            _ => "all",
        };
        let seconds = start.elapsed().as_secs_f32();
        println!("  {way}, {name}: {figures} ({seconds:.1} s)");
        Ok(figures)
    })
}

/// The price of durability, exactly.
fn fsyncs(options: &Options, verdict: &mut Verdict) -> io::Result<()> {
    println!("fsyncs of one call in a warm process");
    let mut seen = Vec::new();
    for (way, expected) in WAYS.into_iter().zip([[3, 2, 1], [3, 3, 1]]) {
        let kit = kit(options, way);
        let mut counts = Vec::new();
        for scenario in [
            Scenario::store_new(),
            Scenario::store_duplicate(),
            Scenario::delete(),
        ] {
            counts.push(kit.reference(&scenario)?.syncs());
        }
        println!("  {way}: new, duplicate, delete: {counts:?}");
        seen.push(counts == expected);
    }
    let good = seen == [true, true];
    verdict.add(
        good,
        format!("fsyncs {}", if good { "3/2/1" } else { "not 3/2/1" }),
    );
    Ok(())
}

/// Whether images can be mounted here at all.
fn images(options: &Options) -> io::Result<()> {
    for file_system in FILE_SYSTEMS {
        let nothing = Scenario::new("nothing", vec![], vec![]);
        kit(options, "plain").power_cuts(file_system, &[nothing], 1)?;
    }
    Ok(())
}

/// The check is alive: without any one of the fsyncs it finds a loss.
fn dropped_fsyncs(options: &Options, verdict: &mut Verdict) -> io::Result<()> {
    let (mut all, mut caught) = (0, 0);
    for file_system in FILE_SYSTEMS {
        for way in WAYS {
            println!(
                "each fsync dropped in turn, {}, {way}",
                file_system.as_str()
            );
            for scenario in [
                Scenario::store_new(),
                Scenario::store_duplicate(),
                Scenario::delete(),
            ] {
                for (tamper, found) in kit(options, way).without_syncs(file_system, &scenario)? {
                    all += 1;
                    caught += usize::from(!found.is_empty());
                    let first = found.first().map_or("NOT CAUGHT", String::as_str);
                    println!(
                        "  {}, {} {}: {first}",
                        scenario.name(),
                        tamper.name,
                        tamper.number
                    );
                }
            }
        }
    }
    verdict.add(
        all > 0 && all == caught,
        format!("{caught} of {all} dropped fsyncs caught"),
    );
    Ok(())
}

/// Programs that are wrong on purpose must be found out.
fn source_mutants(options: &Options, verdict: &mut Verdict) -> io::Result<()> {
    if options.mutants.is_empty() {
        return Ok(());
    }
    let scenarios = [Scenario::store_new(), Scenario::delete()];
    let mut caught = 0;
    for (name, child) in &options.mutants {
        let command: [OsString; 2] = [child.into(), "dedup".into()];
        let kit = CrashKit::new(command, &options.work).with_workers(WORKERS);
        let mut figures = kit.kills(&scenarios, options.most.mutant_kills)?;
        let mut by = "kills";
        if figures.failures.is_empty() {
            by = "power cuts";
            figures = kit.power_cuts(FileSystem::Ext4, &scenarios, usize::MAX)?;
        }
        let first = figures
            .failures
            .first()
            .and_then(|failure| failure.found.first());
        caught += usize::from(first.is_some());
        match first {
            Some(found) => println!("  {name}, by {by}: {found}"),
            None => println!("  {name}: NOT CAUGHT"),
        }
    }
    let all = options.mutants.len();
    verdict.add(
        caught == all,
        format!("{caught} of {all} wrong programs caught"),
    );
    Ok(())
}
