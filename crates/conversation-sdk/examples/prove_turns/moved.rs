//! A clock that is moved, so that what waits for a day is seen at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use conversation_sdk::state::{Clock, SqliteOptions};
use conversation_sdk::{ConversationManager, ReconcileOptions};

use crate::Result;

/// The clock of a state store, which is ahead by some seconds. Clones move together.
#[derive(Clone, Debug, Default)]
pub(crate) struct MovedClock(Arc<AtomicI64>);

impl MovedClock {
    /// Returns the options of a state store with the clock.
    pub(crate) fn options(&self) -> SqliteOptions {
        let ahead = Arc::clone(&self.0);
        SqliteOptions::new().with_clock(Clock::from_fn(move || {
            Utc::now() + TimeDelta::seconds(ahead.load(Ordering::Acquire))
        }))
    }

    /// Reconciles with the options that a service has, after one grace and after another. Returns what it
    /// reported, as text.
    pub(crate) async fn reconcile(&self, manager: &ConversationManager) -> Result<Vec<String>> {
        let options = ReconcileOptions::new();
        let grace = options.grace() + Duration::from_secs(60);
        let mut reports = Vec::new();
        for _ in 0..2 {
            let seconds = i64::try_from(grace.as_secs())?;
            self.0.fetch_add(seconds, Ordering::AcqRel);
            let report = manager.reconcile(options.clone()).await?;
            reports.push(format!("{report:?}"));
        }
        Ok(reports)
    }
}
