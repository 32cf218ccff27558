//! Scripts, which choose the faults of requests.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;

use super::{Fault, RequestHead};

type Choose = dyn Fn(&RequestHead, u64) -> Fault + Send + Sync;

/// Chooses the fault of each request by the first matching rule, in the order in which rules were
/// added. A request that matches none passes, or is passed to the closure of the script.
#[derive(Clone)]
#[must_use]
pub struct Script {
    rules: Vec<Arc<Rule>>,
    otherwise: Arc<Choose>,
    seen: Arc<AtomicU64>,
}

struct Rule {
    pattern: RequestPattern,
    /// The range of matching requests that the rule applies to, counted from 0.
    from: u64,
    before: u64,
    fault: Fault,
    seen: AtomicU64,
}

impl<F> From<F> for Script
where
    F: Fn(&RequestHead, u64) -> Fault + Send + Sync + 'static,
{
    fn from(choose: F) -> Self {
        Self {
            rules: Vec::new(),
            otherwise: Arc::new(choose),
            seen: Arc::default(),
        }
    }
}

impl Script {
    /// Creates a script without faults, to which rules can be added.
    pub fn pass() -> Self {
        Self::from(|_: &RequestHead, _| Fault::Pass)
    }

    /// Adds a fault for every matching request.
    pub fn always(self, pattern: RequestPattern, fault: Fault) -> Self {
        self.rule(pattern, 0, u64::MAX, fault)
    }

    /// Adds a fault for the first `count` matching requests.
    pub fn first(self, count: u64, pattern: RequestPattern, fault: Fault) -> Self {
        self.rule(pattern, 0, count, fault)
    }

    /// Adds a fault for one matching request, counted from 0.
    pub fn nth(self, nth: u64, pattern: RequestPattern, fault: Fault) -> Self {
        self.rule(pattern, nth, nth.saturating_add(1), fault)
    }

    fn rule(mut self, pattern: RequestPattern, from: u64, before: u64, fault: Fault) -> Self {
        self.rules.push(Arc::new(Rule {
            pattern,
            from,
            before,
            fault,
            seen: AtomicU64::new(0),
        }));
        self
    }

    pub(super) fn choose(&self, request: &RequestHead) -> Fault {
        let nth = self.seen.fetch_add(1, Ordering::Relaxed);
        // Each rule counts all matching requests, including those that an earlier rule applies to.
        let mut chosen = None;
        for rule in self.rules.iter().filter(|rule| rule.pattern.fits(request)) {
            let seen = rule.seen.fetch_add(1, Ordering::Relaxed);
            if chosen.is_none() && (rule.from..rule.before).contains(&seen) {
                chosen = Some(rule.fault.clone());
            }
        }
        chosen.unwrap_or_else(|| (self.otherwise)(request, nth))
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("rules", &self.rules.len())
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

/// Matches requests by method and parts of path, query and headers.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RequestPattern {
    method: Option<Method>,
    path: String,
    query: String,
    header: Option<&'static str>,
}

impl RequestPattern {
    /// Matches every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Matches requests with a method.
    pub fn method(method: Method) -> Self {
        Self {
            method: Some(method),
            ..Self::default()
        }
    }

    /// Matches puts whose decoded path contains `path`.
    pub fn put(path: impl Into<String>) -> Self {
        Self::method(Method::PUT).with_path(path)
    }

    /// Matches gets whose decoded path contains `path`.
    pub fn get(path: impl Into<String>) -> Self {
        Self::method(Method::GET).with_path(path)
    }

    /// Matches deletes whose decoded path contains `path`. On S3, `object_store` deletes in bulk by
    /// default, see [`RequestPattern::s3_bulk_delete`]; on Azure in batches.
    pub fn delete(path: impl Into<String>) -> Self {
        Self::method(Method::DELETE).with_path(path)
    }

    /// Matches bulk deletes of S3, whose keys are in the body.
    pub fn s3_bulk_delete() -> Self {
        Self::method(Method::POST).with_query("delete")
    }

    /// Requires that the decoded path contains this text.
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Requires that the query, as sent, contains this text, such as `uploadId=` or `list-type=2`.
    pub fn with_query(mut self, query: impl Into<String>) -> Self {
        self.query = query.into();
        self
    }

    /// Requires that the request has this header, such as `if-none-match`.
    pub fn with_header(mut self, name: &'static str) -> Self {
        self.header = Some(name);
        self
    }

    fn fits(&self, request: &RequestHead) -> bool {
        self.method.as_ref().is_none_or(|m| m == request.method())
            && request.path().contains(&self.path)
            && request.query().contains(&self.query)
            && self
                .header
                .is_none_or(|name| request.header(name).is_some())
    }
}
