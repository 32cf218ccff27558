//! The table of one store.

use std::fmt::Write as _;
use std::time::Duration;

use crate::place::{Place, Work};
use crate::{Cost, Failure, MEASURED};

/// The largest ratio that is good.
pub(crate) const GOAL: f64 = 1.10;

/// Returns the table of a store, and whether all of its ratios are good.
pub(crate) fn of(
    place: &Place,
    turns: &[usize; 3],
    costs: &[Cost; 3],
) -> Result<(String, bool), Failure> {
    let mut text = format!("| a turn in {} |", place.name());
    for turns in turns {
        write!(text, " after {turns} |")?;
    }
    writeln!(text, " ratio |\n|---|---:|---:|---:|---:|")?;
    let is_remote = !matches!(place, Place::Sqlite { .. });
    let mut rows: Vec<(&str, [f64; 3])> = vec![
        ("messages read", costs.each_ref().map(messages)),
        (
            place.unit(),
            costs.each_ref().map(|cost| each(cost, |work| work.steps)),
        ),
    ];
    if is_remote {
        let trips = |cost| each(cost, |work: &Work| work.round_trips);
        let carried = |cost| each(cost, |work: &Work| work.carried);
        rows.push(("round trips to the server", costs.each_ref().map(trips)));
        rows.push(("bytes over the wire", costs.each_ref().map(carried)));
    }
    let written = |cost| each(cost, |work: &Work| work.written);
    rows.push(("bytes written to the disk", costs.each_ref().map(written)));
    rows.push((
        "time, median, in microseconds",
        costs.each_ref().map(median),
    ));
    let mut good = true;
    for (name, [short, middle, long]) in rows {
        let ratio = long / short;
        good &= ratio <= GOAL;
        let digits = usize::from(short < 100.0);
        writeln!(
            text,
            "| {name} | {short:.digits$} | {middle:.digits$} | {long:.digits$} | {ratio:.2} |"
        )?;
    }
    text.push('\n');
    Ok((text, good))
}

fn messages(cost: &Cost) -> f64 {
    cost.messages as f64 / cost.times.len() as f64
}

/// Returns the median over the rounds of what each turn took: a checkpoint falls into some of them.
fn each(cost: &Cost, of: impl Fn(&Work) -> u64) -> f64 {
    let mut counts: Vec<u64> = cost.work.iter().map(of).collect();
    counts.sort_unstable();
    counts[counts.len() / 2] as f64 / MEASURED as f64
}

fn median(cost: &Cost) -> f64 {
    let mut times: Vec<Duration> = cost.times.clone();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}
