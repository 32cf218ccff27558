//! Where the states of planners are kept.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::state::PlannerState;

/// The key of a planner's state within a conversation: family of the API, base URL and model.
///
/// Its text is at most 1,024 bytes and holds no secrets: of a URL neither credentials nor a query.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlannerKey(String);

/// What keys begin with, and the most bytes of each of their parts.
const PREFIX: &str = "planner";
const MAX_PART: usize = 300;

impl PlannerKey {
    /// Creates a key.
    pub fn new(family: &str, base_url: &str, model: &str) -> Self {
        let url = base_url.split(['?', '#']).next().unwrap_or_default();
        let url = match url.split_once("://") {
            Some((scheme, rest)) => {
                let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                let host = host.rsplit('@').next().unwrap_or_default();
                format!("{scheme}://{host}{}", path.trim_end_matches('/'))
            }
            None => url.to_owned(),
        };
        Self(format!(
            "{PREFIX} {} {} {}",
            part(family),
            part(&url),
            part(model)
        ))
    }

    /// Returns the text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlannerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The start of a text, without white space.
fn part(text: &str) -> String {
    let mut short = String::new();
    for letter in text.chars().filter(|letter| !letter.is_whitespace()) {
        if short.len() + letter.len_utf8() > MAX_PART {
            break;
        }
        short.push(letter);
    }
    short
}

/// Where the planner states of one conversation are kept.
///
/// A provider loads the state before it plans a request with media, and hands over the next one
/// when a server has accepted the request. Neither may fail: a state that cannot be loaded is an
/// empty one.
#[async_trait]
pub trait PlannerStore: fmt::Debug + Send + Sync + 'static {
    /// Returns the state of a key; an empty one where there is none.
    async fn load(&self, key: &PlannerKey) -> PlannerState;

    /// Takes the state after a request that was accepted. It is to be written with the answer.
    fn accepted(&self, key: &PlannerKey, state: PlannerState);
}

/// A planner store in memory, for custom agent loops that keep the conversation in memory too.
#[derive(Debug, Default)]
pub struct MemoryPlannerStore(Mutex<BTreeMap<PlannerKey, PlannerState>>);

impl MemoryPlannerStore {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl PlannerStore for MemoryPlannerStore {
    async fn load(&self, key: &PlannerKey) -> PlannerState {
        let states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        states.get(key).cloned().unwrap_or_default()
    }

    fn accepted(&self, key: &PlannerKey, state: PlannerState) {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        states.insert(key.clone(), state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_models_and_servers_apart_and_hold_no_secrets() {
        let key = |url, model| PlannerKey::new("openai", url, model);
        let one = key("https://user:secret@a.example/v1/?key=secret", "m");
        assert_eq!(one, key("https://a.example/v1", "m"));
        assert_eq!(one.as_str(), "planner openai https://a.example/v1 m");
        assert_ne!(one, key("https://b.example/v1", "m"));
        assert_ne!(one, key("https://a.example/v1", "n"));
        let long = "ä".repeat(5000);
        assert!(PlannerKey::new(&long, &long, &long).as_str().len() <= 1024);
    }
}
