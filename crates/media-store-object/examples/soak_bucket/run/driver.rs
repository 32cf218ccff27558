//! Starts everything, disturbs it, and tells what came of it.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::run::content::Numbers;
use crate::run::fleet::{Fleet, PROCESSES};
use crate::run::journal::{Account, Act, Finding, account, findings, note};
use crate::run::judge::{Verified, judge};
use crate::run::services::{Kind, Proxy, Server};
use crate::run::{Protocol, Result, Variant};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) time: Duration,
    pub(crate) variant: Variant,
    pub(crate) server: Kind,
    pub(crate) seed: u64,
    /// How many of a thousand requests meet a fault.
    pub(crate) faults: u64,
}

/// How the time went.
struct Disturbed {
    /// Whether something was lost before the time was over.
    caught: bool,
    took: f64,
    kills: u64,
    pauses: u64,
    requests: String,
}

pub(crate) fn run(plan: &Plan) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(soak(plan))
}

async fn soak(plan: &Plan) -> Result<ExitCode> {
    println!(
        "{}: seed {}, {} of 1000 requests meet a fault",
        plan.variant.as_str(),
        plan.seed,
        plan.faults
    );
    let place = tempfile::tempdir()?;
    let journal = place.path().join("journal");
    std::fs::create_dir(&journal)?;
    let server = Server::start(plan.server, &place.path().join("objects")).await?;
    let access = server.access();
    let disturbed = disturb(plan, &journal, &server)?;
    let mut all = Account::default();
    for number in 0..PROCESSES {
        all.add(&account(&journal, number)?);
    }
    if plan.variant != Variant::Sound {
        return caught(plan, &disturbed, &all, &journal);
    }
    let verified = judge(&access, &journal).await?;
    let good = tell(&disturbed, &all, &verified, &journal)?;
    if !good {
        println!("the journal is kept: {}", place.keep().display());
    }
    Ok(code(good))
}

fn disturb(plan: &Plan, journal: &Path, server: &Server) -> Result<Disturbed> {
    let access = server.access();
    let [proxy, first_proxy] = [Protocol::Second, Protocol::First].map(|protocol| {
        let proxy = Proxy::start(&access, plan.faults, plan.seed, protocol)?;
        proxy.access(&access).save(journal, protocol)?;
        Ok::<_, Box<dyn Error + Send + Sync>>(proxy)
    });
    let (proxy, first_proxy) = (proxy?, first_proxy?);
    let mut fleet = Fleet::start(journal.to_owned(), plan.seed, plan.variant)?;
    let mut numbers = Numbers::new(plan.seed);
    let began = Instant::now();
    let caught = loop {
        std::thread::sleep(Duration::from_millis(20 + numbers.below(80)));
        fleet.go_on()?;
        if count(journal, Finding::Lost)? > 0 {
            break true;
        }
        if began.elapsed() >= plan.time {
            break false;
        }
        let number = usize::try_from(numbers.below(PROCESSES as u64))?;
        match numbers.below(8) {
            0 => fleet.kill(number)?,
            1..3 => fleet.pause(number, Duration::from_millis(50 + numbers.below(450)))?,
            // Longer than any request waits.
            3 if numbers.below(8) == 0 => fleet.pause(number, Duration::from_secs(3))?,
            _ => {}
        }
    };
    let took = began.elapsed().as_secs_f64();
    if !fleet.end()? {
        let text = "a process did not end well when it was asked to";
        note(journal, Finding::Failed, text)?;
    }
    Ok(Disturbed {
        caught,
        took,
        kills: fleet.kills,
        pauses: fleet.pauses,
        requests: format!(
            "{} and by the first protocol {}",
            proxy.end()?,
            first_proxy.end()?
        ),
    })
}

fn code(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn count(journal: &Path, finding: Finding) -> Result<usize> {
    Ok(findings(journal, finding)?.len())
}

fn caught(plan: &Plan, how: &Disturbed, all: &Account, journal: &Path) -> Result<ExitCode> {
    let lost = findings(journal, Finding::Lost)?;
    let operations: u64 = all.did.values().sum();
    println!(
        "{}: {} after {:.1} s and {operations} operations: {}",
        plan.variant.as_str(),
        if how.caught { "caught" } else { "NOT CAUGHT" },
        how.took,
        lost.first().map_or("", String::as_str)
    );
    Ok(code(how.caught))
}

fn tell(how: &Disturbed, all: &Account, verified: &Verified, journal: &Path) -> Result<bool> {
    let mut counts = Vec::new();
    for finding in [Finding::Lost, Finding::Dangling, Finding::Failed] {
        let found = findings(journal, finding)?;
        for text in found.iter().take(10) {
            println!("{finding:?}: {text}");
        }
        counts.push(found.len());
    }
    let operations: u64 = all.did.values().sum();
    let failures: u64 = all.failed.values().sum();
    println!(
        "{} stores, {} reads, {} deletes, {} deletes of scopes, {} sweeps, {} openings; {failures} \
         calls failed; removed while others wrote: {} contents that nothing held, {} that never came \
         into use",
        all.done(Act::Store),
        all.done(Act::Read),
        all.done(Act::Delete),
        all.done(Act::DeleteScope),
        all.done(Act::Sweep),
        all.done(Act::Open),
        all.unheld,
        all.unused,
    );
    println!(
        "garbage before the last sweeps: {} stray markers and sidecars, {} stray contents; {} \
         references that nobody was told of, {} deleted ones of the first protocol that came back late; \
         after: {} objects of openings that were cut short, {} records of what is gone, and {} \
         tombstones",
        verified.strays,
        verified.unnamed,
        verified.strangers,
        all.came_back,
        verified.probes,
        verified.records,
        verified.tombstones,
    );
    // Each kill and each call that failed may leave one store whose outcome nobody knows.
    let bound = usize::try_from(how.kills + failures)?;
    let bounded = verified.strangers <= bound
        && verified.strays <= 2 * bound
        && verified.probes <= how.kills + failures;
    if !bounded {
        println!(
            "more garbage than {} calls without an answer can leave",
            bound
        );
    }
    let protocols = (0..PROCESSES).map(|number| Protocol::of(number, Variant::Sound));
    let updates = all.done(Act::Update);
    let first = protocols.filter(|one| *one == Protocol::First).count();
    println!(
        "soak: {operations} operations, {updates} of them updates, by {PROCESSES} processes, {first} of them by the first protocol, in {:.0} s, {} kills, {} pauses, {}; \
         {} references read at the end: {} lost, {} dangling, {} failed, {} left as garbage",
        how.took,
        how.kills,
        how.pauses,
        how.requests,
        verified.live,
        counts.first().copied().unwrap_or_default(),
        counts.get(1).copied().unwrap_or_default(),
        counts.get(2).copied().unwrap_or_default(),
        verified.left,
    );
    Ok(counts.iter().sum::<usize>() == 0 && bounded && verified.left == 0 && updates > 0)
}
