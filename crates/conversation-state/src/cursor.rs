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

/// Position in a list whose changes are numbered: every write of any conversation has a higher
/// number than the writes before.
#[derive(Clone, Debug)]
pub(crate) struct ListPosition {
    pub(crate) range: ListRange,
    /// The number of the newest change when the first page was read.
    start: u64,
    filter: u64,
}

impl ListPosition {
    /// Returns the position that a filter names. `newest` is the number of the newest change.
    pub(crate) fn of(filter: &ConversationFilter, newest: u64) -> Result<Self, StateError> {
        let fingerprint = fingerprint(filter);
        let (start, range) = match &filter.cursor {
            Some(cursor) => decode(cursor, fingerprint).ok_or_else(|| {
                StateError::new(StateErrorKind::InvalidInput, "list conversations")
                    .with_detail("the cursor is damaged or belongs to another list")
            })?,
            None if filter.order == ListOrder::Changed => (newest, ListRange::ChangedUntil(newest)),
            None => (newest, ListRange::Created(None)),
        };
        Ok(Self {
            range,
            start,
            filter: fingerprint,
        })
    }

    /// Makes a page of the records of the range with the numbers of their changes. There is one
    /// record more than fits where there are more.
    pub(crate) fn page(
        &self,
        mut records: Vec<(u64, ConversationRecord)>,
        limit: usize,
        newest: u64,
    ) -> ConversationPage {
        let more = records.len() > limit;
        records.truncate(limit);
        let next = match (&self.range, records.last(), more) {
            (ListRange::Created(_), Some((_, last)), true) => Some(ListRange::Created(Some((
                last.created_at.timestamp_millis(),
                last.id.to_string(),
            )))),
            (ListRange::ChangedUntil(_), Some((change, _)), true) => {
                Some(ListRange::ChangedUntil(change.saturating_sub(1)))
            }
            (ListRange::ChangedUntil(_), _, false) if newest > self.start => {
                Some(ListRange::ChangedAfter(self.start))
            }
            (ListRange::ChangedAfter(_), Some((change, _)), true) => {
                Some(ListRange::ChangedAfter(*change))
            }
            _ => None,
        };
        let next = next.map(|range| encode(self.start, &range, self.filter));
        let records = records.into_iter().map(|(_, record)| record).collect();
        ConversationPage::new(records, next)
    }
}

fn encode(start: u64, range: &ListRange, filter: u64) -> String {
    let json = serde_json::to_string(&(start, range)).unwrap_or_default();
    let sum = checksum(filter, json.as_bytes());
    base64::encode(format!("{sum:016x}{json}").as_bytes())
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_")
}

fn decode(cursor: &str, filter: u64) -> Option<(u64, ListRange)> {
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
