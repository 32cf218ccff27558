//! Every state that can be reached.

use std::collections::{HashMap, VecDeque};

use crate::action::{Action, Fate};
use crate::fingerprint::{self, ByFingerprint};
use crate::model::State;
use crate::scenario::Scenario;
use crate::{janitor, trace};

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) states: usize,
    /// Whether nothing was left out.
    pub(crate) exhaustive: bool,
    /// How many states were ends, with all processes through.
    pub(crate) ends: usize,
    pub(crate) violation: Option<Violation>,
}

#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    /// A shortest way there.
    pub(crate) trace: Vec<String>,
}

/// Looks at every state, until one breaks a rule.
pub(crate) fn explore(scenario: &Scenario) -> Report {
    let report = walk(scenario, Order::LastFound);
    if report.violation.is_some() {
        return walk(scenario, Order::Nearest);
    }
    report
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Few states wait at any time.
    LastFound,
    /// The way to a state is a shortest one.
    Nearest,
}

fn walk(scenario: &Scenario, order: Order) -> Report {
    let first = State::first(scenario);
    let root = fingerprint::of(&first);
    // Each state with the one it was reached from.
    let mut seen: HashMap<u64, u64, ByFingerprint> = HashMap::default();
    seen.insert(root, root);
    let mut queue = VecDeque::from([first]);
    let mut actions = Vec::new();
    let mut report = Report {
        states: 1,
        exhaustive: true,
        ends: 0,
        violation: None,
    };
    while let Some(state) = match order {
        Order::LastFound => queue.pop_back(),
        Order::Nearest => queue.pop_front(),
    } {
        let here = fingerprint::of(&state);
        if state.is_quiet() {
            report.ends += 1;
        }
        if let Some(rule) = rule(&state, scenario) {
            let trace = trace::of(scenario, &path(&seen, root, here));
            report.violation = Some(Violation { rule, trace });
            break;
        }
        state.actions(scenario, &mut actions);
        for action in &actions {
            let next = state.after(*action, scenario);
            let there = fingerprint::of(&next);
            if seen.contains_key(&there) {
                continue;
            }
            if seen.len() >= scenario.cap {
                report.exhaustive = false;
                continue;
            }
            seen.insert(there, here);
            queue.push_back(next);
        }
    }
    report.states = seen.len();
    report
}

/// The rule that this state breaks.
pub(crate) fn rule(state: &State, scenario: &Scenario) -> Option<&'static str> {
    if let Some(rule) = state.broken(scenario) {
        return Some(rule);
    }
    let orderly = scenario.leaves_no_bytes() && state.is_quiet() && state.went_well(scenario);
    if orderly && state.world.has_unnamed_bytes() {
        return Some("a writer that lost a race left its bytes");
    }
    let quiet = state.is_quiet();
    if let Some(home) = scenario.imported().filter(|_| quiet)
        && let Some(rule) = janitor::broken_import(state.abandoned(), home)
    {
        return Some(rule);
    }
    if scenario.is_naive() || scenario.weakness.is_some() {
        return None;
    }
    if scenario.is_second() {
        if !quiet && !scenario.all_die {
            return None;
        }
        let second = janitor::broken_second(state.abandoned());
        if second.is_some() || !scenario.is_mixed() {
            return second;
        }
        let mut first = state.abandoned();
        first.swap_spaces();
        return janitor::broken(first, quiet && state.went_well(scenario));
    }
    if quiet || scenario.all_die {
        return janitor::broken(state.abandoned(), quiet && state.went_well(scenario));
    }
    None
}

fn path(seen: &HashMap<u64, u64, ByFingerprint>, root: u64, mut here: u64) -> Vec<u64> {
    let mut path = vec![here];
    while here != root {
        match seen.get(&here) {
            Some(before) => here = *before,
            None => break,
        }
        path.push(here);
    }
    path.reverse();
    path
}

/// The action that leads from a state to the one of this fingerprint.
pub(crate) fn step_to(state: &State, scenario: &Scenario, there: u64) -> Option<(Action, State)> {
    let mut actions = Vec::new();
    state.actions(scenario, &mut actions);
    // Where several lead there, the one without a mishap tells it best.
    actions.sort_by_key(|action| !matches!(action, Action::Answer(_, _, Fate::Happens)));
    actions.into_iter().find_map(|action| {
        let next = state.after(action, scenario);
        (fingerprint::of(&next) == there).then_some((action, next))
    })
}
