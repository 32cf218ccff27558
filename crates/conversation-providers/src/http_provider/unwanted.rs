//! Answers that a provider keeps and of which nothing came.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::http::HttpClient;
use crate::response::ResponseEvent;

/// Forgets the answer with an id at its provider.
pub(crate) type Forget = Arc<dyn Fn(String) + Send + Sync>;

type Rule = dyn Fn(&HttpClient, &Map<String, Value>) -> Option<Forget> + Send + Sync;

/// Says by the parameters of a request what forgets its answer. Defaults to nothing: the provider keeps none.
#[derive(Clone, Default)]
pub(crate) struct ForgetRule(Option<Arc<Rule>>);

impl ForgetRule {
    pub(crate) fn new(
        rule: impl Fn(&HttpClient, &Map<String, Value>) -> Option<Forget> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(rule)))
    }

    pub(super) fn of(&self, http: &HttpClient, parameters: &Map<String, Value>) -> Option<Forget> {
        self.0.as_ref().and_then(|rule| rule(http, parameters))
    }
}

impl fmt::Debug for ForgetRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ForgetRule").finish_non_exhaustive()
    }
}

/// An answer that is arriving. If the provider keeps it and it ends before anybody has seen a part of it, it is
/// forgotten: no message has its id, so nobody else could find it.
pub(super) struct Unwanted {
    /// `None` where the provider keeps nothing, and once something was seen.
    forget: Option<Forget>,
    /// `None` until it is known.
    id: Option<String>,
}

impl Unwanted {
    pub(super) fn new(forget: Option<Forget>) -> Self {
        Self { forget, id: None }
    }

    /// Notes what has arrived.
    pub(super) fn arrived(&mut self, events: &VecDeque<ResponseEvent>) {
        let id = events.iter().find_map(|event| match event {
            ResponseEvent::ResponseId(id) => Some(id.clone()),
            _ => None,
        });
        self.id = id.or(self.id.take());
    }

    /// Notes what is seen.
    pub(super) fn seen(&mut self, event: &ResponseEvent) {
        if is_of_answer(event) {
            self.forget = None;
        }
    }
}

/// Whether an event is a part of the answer.
pub(super) fn is_of_answer(event: &ResponseEvent) -> bool {
    use ResponseEvent as E;
    !matches!(
        event,
        E::ResponseId(_) | E::Usage(_) | E::Price(_) | E::PartialImage(_)
    )
}

impl fmt::Debug for Unwanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unwanted")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Drop for Unwanted {
    fn drop(&mut self) {
        if let (Some(forget), Some(id)) = (self.forget.take(), self.id.take()) {
            forget(id);
        }
    }
}
