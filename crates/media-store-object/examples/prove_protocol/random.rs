//! Schedules by lot, where there are too many to look at all.

use crate::action::{Action, Fate};
use crate::explore::{Violation, rule};
use crate::model::State;
use crate::scenario::Scenario;
use crate::trace;

/// Xorshift: the same seed gives the same schedule everywhere.
struct Lots(u64);

impl Lots {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % n
    }

    /// One of the actions. Mishaps are few, or all would come at the beginning.
    fn action(&mut self, actions: &[Action]) -> Action {
        let is_mishap = |action: &Action| matches!(action, Action::Answer(_, _, fate) if *fate != Fate::Happens);
        let mut action = actions[self.below(actions.len())];
        if is_mishap(&action) && self.below(8) != 0 {
            action = actions[self.below(actions.len())];
            if let Action::Answer(place, number, _) = action {
                action = Action::Answer(place, number, Fate::Happens);
            }
        }
        action
    }
}

pub(crate) struct Outcome {
    pub(crate) steps: u64,
    pub(crate) violation: Option<(u64, Violation)>,
}

/// Runs one schedule for each seed, to its end.
pub(crate) fn run(scenario: &Scenario, seeds: std::ops::Range<u64>) -> Outcome {
    let mut steps = 0;
    for seed in seeds {
        if schedule(scenario, seed, &mut steps, None).is_some() {
            let mut trace = Vec::new();
            let violation = schedule(scenario, seed, &mut steps, Some(&mut trace))
                .map(|rule| (seed, Violation { rule, trace }));
            return Outcome { steps, violation };
        }
    }
    Outcome {
        steps,
        violation: None,
    }
}

/// The rule that this schedule breaks.
fn schedule(
    scenario: &Scenario,
    seed: u64,
    steps: &mut u64,
    mut trace: Option<&mut Vec<String>>,
) -> Option<&'static str> {
    let mut lots = Lots::new(seed);
    let mut actions = Vec::new();
    let mut state = State::first(scenario);
    loop {
        if let Some(rule) = rule(&state, scenario) {
            return Some(rule);
        }
        state.actions(scenario, &mut actions);
        if actions.is_empty() {
            return None;
        }
        let action = lots.action(&actions);
        let next = state.after(action, scenario);
        if let Some(trace) = &mut trace {
            trace.push(trace::line(&state, action, &next));
        }
        *steps += 1;
        state = next;
    }
}
