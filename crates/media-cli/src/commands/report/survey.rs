//! What a report says, collected in one walk.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures_util::StreamExt as _;
use media_storage::{Entry, Scope, StorageErrorKind, Usage};
use media_types::{MediaType, Sha256};

use crate::failure::Outcome;
use crate::output::Progress;
use crate::shares::{Grouping, Share, Shares};
use crate::store::OpenStore;

/// How many days of expiry are reported one by one.
const EXPIRY_DAYS: i64 = 30;

/// What was stored on one day.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Day {
    /// Bytes as callers see them.
    pub(crate) seen: u64,
    /// Bytes that were not there before.
    pub(crate) new: u64,
    /// Number of references.
    pub(crate) references: u64,
}

/// What a report says.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) location: String,
    pub(crate) backend: String,
    pub(crate) taken_at: DateTime<Utc>,
    pub(crate) usage: Usage,
    pub(crate) days: BTreeMap<NaiveDate, Day>,
    pub(crate) users: Vec<(String, Share)>,
    pub(crate) types: Vec<(String, Share)>,
    /// References and bytes that expire, by day; for the next 30 days.
    pub(crate) expiring: BTreeMap<NaiveDate, (u64, u64)>,
    /// References that expired and that no sweep has removed yet.
    pub(crate) expired: u64,
    /// References that expire later than the days reported.
    pub(crate) expiring_later: u64,
    pub(crate) unreadable: u64,
    /// The newest images.
    pub(crate) newest: Vec<Entry>,
}

/// An entry ordered by the time it was stored.
struct ByTime(Entry);

impl PartialEq for ByTime {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for ByTime {}
impl PartialOrd for ByTime {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for ByTime {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |one: &Self| (one.0.stored_at, one.0.reference.id().to_owned());
        key(self).cmp(&key(other))
    }
}

impl Survey {
    /// Walks the store once and keeps the newest images, this many.
    pub(crate) async fn take(
        store: &OpenStore,
        images: usize,
        progress: &Progress,
    ) -> Outcome<Self> {
        let now = Utc::now();
        let mut survey = Self {
            location: store.location().to_string(),
            backend: store.storage().backend().to_owned(),
            taken_at: now,
            usage: store.inventory()?.usage(Scope::All).await?,
            days: BTreeMap::new(),
            users: Vec::new(),
            types: Vec::new(),
            expiring: BTreeMap::new(),
            expired: 0,
            expiring_later: 0,
            unreadable: 0,
            newest: Vec::new(),
        };
        let mut users = Shares::new(store.shares_bytes());
        let mut types = Shares::new(store.shares_bytes());
        // The day on which bytes count as new is that of the first reference to them, which may
        // come late in the walk.
        let mut first: std::collections::HashMap<Sha256, (NaiveDate, u64)> =
            std::collections::HashMap::new();
        let mut newest: BinaryHeap<Reverse<ByTime>> = BinaryHeap::new();
        let mut shown: HashSet<Sha256> = HashSet::new();
        let mut entries = store.list(Scope::All)?;
        while let Some(entry) = entries.next().await {
            progress.add(1);
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if error.kind() == StorageErrorKind::Corrupted => {
                    survey.unreadable += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            users.add(Grouping::User.of(&entry), &entry);
            types.add(Grouping::Type.of(&entry), &entry);
            survey.count_expiry(&entry, now);
            let date = entry.stored_at.date_naive();
            let size = entry.reference.size().unwrap_or_default();
            let day = survey.days.entry(date).or_default();
            day.references += 1;
            day.seen += size;
            match entry.reference.sha256().filter(|_| store.shares_bytes()) {
                None => day.new += size,
                Some(sha256) => {
                    let known = first.entry(sha256).or_insert((date, size));
                    known.0 = known.0.min(date);
                }
            }
            let is_image = entry.mime.media_type() == MediaType::Image;
            let is_due = entry.expires_at.is_some_and(|at| at <= now);
            if images > 0 && is_image && !is_due {
                newest.push(Reverse(ByTime(entry)));
                // Some room for images that turn out to be the same.
                if newest.len() > images * 4 {
                    newest.pop();
                }
            }
        }
        for (date, size) in first.into_values() {
            survey.days.entry(date).or_default().new += size;
        }
        survey.users = users.finish();
        survey.types = types.finish();
        let sorted = newest
            .into_sorted_vec()
            .into_iter()
            .map(|Reverse(ByTime(entry))| entry);
        survey.newest = sorted
            .filter(|entry| {
                entry
                    .reference
                    .sha256()
                    .is_none_or(|sha256| shown.insert(sha256))
            })
            .take(images)
            .collect();
        Ok(survey)
    }

    fn count_expiry(&mut self, entry: &Entry, now: DateTime<Utc>) {
        let Some(at) = entry.expires_at else { return };
        if at <= now {
            self.expired += 1;
        } else if at <= now + TimeDelta::days(EXPIRY_DAYS) {
            let (count, bytes) = self.expiring.entry(at.date_naive()).or_default();
            *count += 1;
            *bytes += entry.reference.size().unwrap_or_default();
        } else {
            self.expiring_later += 1;
        }
    }
}
