//! A way through the states, in words.

use crate::action::{Action, Fate};
use crate::explore::step_to;
use crate::model::State;
use crate::scenario::Scenario;

/// Tells the way from the first state along these fingerprints.
pub(crate) fn of(scenario: &Scenario, path: &[u64]) -> Vec<String> {
    let mut state = State::first(scenario);
    let mut lines = Vec::new();
    for there in path.iter().skip(1) {
        let Some((action, next)) = step_to(&state, scenario, *there) else {
            lines.push("the way is lost: two states have one fingerprint".to_owned());
            break;
        };
        lines.push(line(&state, action, &next));
        state = next;
    }
    lines
}

pub(crate) fn line(before: &State, action: Action, after: &State) -> String {
    let record = match &after.world.record {
        Some(record) => format!("{:?} {}", record.state, short(&record.generation)),
        None => "none".to_owned(),
    };
    let what = match action {
        Action::Land(_) => "a late request happens".to_owned(),
        Action::Die(place, fate) => {
            let late = if fate == Fate::Late {
                ", its request is late"
            } else {
                ""
            };
            format!("process {place} dies{late}")
        }
        Action::Answer(place, number, fate) => {
            let ask = before.actors[place]
                .asked()
                .nth(usize::from(number))
                .map_or_else(String::new, |ask| shorten(&format!("{ask:?}")));
            let fate = match fate {
                Fate::Happens => "",
                Fate::Lost => " is lost",
                Fate::Unheard => " happens unheard",
                Fate::Late => " counts as failed and is late",
                Fate::Copied => " happens, and a copy is late",
            };
            format!("process {place}: {ask}{fate}")
        }
    };
    format!("{what}  [record: {record}]")
}

fn short(token: &media_store_object::protocol::Nonce) -> String {
    format!("g{}", token.value())
}

/// Debug output with short tokens.
fn shorten(text: &str) -> String {
    let text = text.replace("Protocol(", "(");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("Nonce(") {
        out.push_str(&rest[..at]);
        let digits = &rest[at + 6..];
        let end = digits.find(')').unwrap_or(digits.len());
        let value = u128::from_str_radix(&digits[..end], 16).unwrap_or_default();
        out.push_str(&format!("#{value}"));
        rest = digits.get(end + 1..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}
