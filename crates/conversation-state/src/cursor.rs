//! Cursors of lists: where a page ended, as text that cannot be edited by chance.

use media_types::base64;
use serde::{Deserialize, Serialize};

use crate::error::{StateError, StateErrorKind};
use crate::list::{ConversationFilter, ConversationPage, ListOrder};
use crate::record::ConversationRecord;

/// The part of a list that a page is read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ListRange {
    /// Created before this time and id, newest first; from the newest where there is none.
    #[serde(rename = "n")]
    Created(Option<(i64, String)>),
    /// Changed at or before this number of a change, newest change first.
    #[serde(rename = "c")]
    ChangedUntil(u64),
    /// Changed after this number of a change, oldest change first.
    #[serde(rename = "s")]
    ChangedAfter(u64),
}

/// A conversation in a list.
#[derive(Debug)]
pub(crate) struct Listed {
    /// The number of its last change.
    pub(crate) change: u64,
    pub(crate) created_at: i64,
    pub(crate) id: String,
    /// The record, if it can be read.
    pub(crate) record: Option<ConversationRecord>,
}

/// Position in a list whose changes are numbered: every write of any conversation has a higher
/// number than the writes before.
#[derive(Clone, Debug)]
pub(crate) struct ListPosition {
    pub(crate) range: ListRange,
    /// The number up to which all changes had appeared when the first page was read.
    start: u64,
    /// Which changes beyond it had appeared by then, in the store's own words.
    pub(crate) snapshot: Option<String>,
    filter: u64,
}

impl ListPosition {
    /// Returns the position that a filter names. `newest` is the number of the newest change.
    pub(crate) fn of(filter: &ConversationFilter, newest: u64) -> Result<Self, StateError> {
        Self::between(filter, newest, newest, None)
    }

    /// Returns the position that a filter names, in a store whose changes do not appear in the order
    /// of their numbers: all up to `settled` have appeared, and none beyond `newest`. `snapshot` says
    /// which of those between them have, in the store's own words.
    pub(crate) fn between(
        filter: &ConversationFilter,
        settled: u64,
        newest: u64,
        snapshot: Option<String>,
    ) -> Result<Self, StateError> {
        let fingerprint = fingerprint(filter);
        let (start, range, snapshot) = match &filter.cursor {
            Some(cursor) => decode(cursor, fingerprint).ok_or_else(|| {
                StateError::new(StateErrorKind::InvalidInput, "list conversations")
                    .with_detail("the cursor is damaged or belongs to another list")
            })?,
            None if filter.order == ListOrder::Changed => {
                (settled, ListRange::ChangedUntil(newest), snapshot)
            }
            None => (settled, ListRange::Created(None), None),
        };
        Ok(Self {
            range,
            start,
            snapshot,
            filter: fingerprint,
        })
    }

    /// Makes a page of what is listed in the range. There is one entry more than fits where there are
    /// more.
    pub(crate) fn page(
        &self,
        mut listed: Vec<Listed>,
        limit: usize,
        newest: u64,
    ) -> ConversationPage {
        let more = listed.len() > limit;
        listed.truncate(limit);
        let last = listed
            .last()
            .map(|last| self.after(last.change, last.created_at, &last.id));
        let (mut records, mut unreadable) = (Vec::new(), Vec::new());
        for listed in listed {
            match listed.record {
                Some(record) => records.push(record),
                None => unreadable.extend(listed.id.parse()),
            }
        }
        self.page_until(records, last, more, newest)
            .with_unreadable(unreadable)
    }

    /// Returns the part of the range that follows an entry of it.
    pub(crate) fn after(&self, change: u64, created_at: i64, id: &str) -> ListRange {
        match self.range {
            ListRange::Created(_) => ListRange::Created(Some((created_at, id.to_owned()))),
            ListRange::ChangedUntil(_) => ListRange::ChangedUntil(change.saturating_sub(1)),
            ListRange::ChangedAfter(_) => ListRange::ChangedAfter(change),
        }
    }

    /// Makes a page of records, of a range that goes on with `rest` if there is more of it.
    pub(crate) fn page_until(
        &self,
        records: Vec<ConversationRecord>,
        rest: Option<ListRange>,
        more: bool,
        newest: u64,
    ) -> ConversationPage {
        let next = match (&self.range, more) {
            (_, true) => rest,
            (ListRange::ChangedUntil(_), false) if newest > self.start => {
                Some(ListRange::ChangedAfter(self.start))
            }
            _ => None,
        };
        let next =
            next.map(|range| encode(self.start, &range, self.snapshot.as_ref(), self.filter));
        ConversationPage::new(records, next)
    }
}

fn encode(start: u64, range: &ListRange, snapshot: Option<&String>, filter: u64) -> String {
    let json = serde_json::to_string(&(start, range, snapshot)).unwrap_or_default();
    let sum = checksum(filter, json.as_bytes());
    base64::encode(format!("{sum:016x}{json}").as_bytes())
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_")
}

fn decode(cursor: &str, filter: u64) -> Option<(u64, ListRange, Option<String>)> {
    let bytes = base64::decode(cursor.replace('-', "+").replace('_', "/").as_bytes()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (sum, json) = text.split_at_checked(16)?;
    let sum = u64::from_str_radix(sum, 16).ok()?;
    (sum == checksum(filter, json.as_bytes())).then_some(())?;
    serde_json::from_str(json).ok()
}

/// Changes with every field of a filter that says what is listed.
fn fingerprint(filter: &ConversationFilter) -> u64 {
    let what = (
        &filter.user,
        &filter.session,
        filter.status,
        &filter.tag,
        &filter.parent,
        filter.order,
    );
    checksum(0, format!("{what:?}").as_bytes())
}

/// FNV-1a. It finds mistakes; a cursor gives no right that its holder lacks.
fn checksum(seed: u64, bytes: &[u8]) -> u64 {
    seed.to_le_bytes()
        .iter()
        .chain(bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}
