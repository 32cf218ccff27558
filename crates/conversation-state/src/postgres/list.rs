//! Listing conversations by indexes.

use futures_util::future::BoxFuture;

use crate::cursor::{ListPosition, ListRange, Listed};
use crate::error::StateError;
use crate::list::{ConversationFilter, ConversationPage, ListOrder};
use crate::postgres::rows::{column, integer, one, unsigned};
use crate::postgres::session::{Mode, Session, Step, values};
use crate::record::ConversationStatus;
use tokio_postgres::types::{ToSql, Type};

/// Changes up to the first of these have all appeared; none beyond the second has.
const CHANGES: &str = "SELECT base + pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1, \
    base + pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1, \
    pg_current_snapshot()::text FROM store WHERE one = 1";
/// What had not appeared yet when a snapshot was taken.
const UNSEEN: &str = "NOT pg_visible_in_snapshot(\
    greatest(h.changed - (SELECT base FROM store WHERE one = 1), 0)::text::xid8, \
    SNAPSHOT::text::pg_snapshot)";

pub(super) fn list<'s>(
    session: &'s Session,
    filter: &'s ConversationFilter,
) -> BoxFuture<'s, Result<ConversationPage, StateError>> {
    Box::pin(async move {
        let failures = session.failures();
        let (settled, newest, snapshot) = match filter.order {
            ListOrder::Created => (0, 0, None),
            ListOrder::Changed => {
                let step = Step::new(CHANGES, values![]);
                let changes = session.begin(Mode::Read, vec![step]).await?;
                let row = one(&changes, 0, failures)?;
                let (settled, newest): (i64, i64) =
                    (column(row, 0, failures)?, column(row, 1, failures)?);
                let snapshot: String = column(row, 2, failures)?;
                (unsigned(settled), unsigned(newest), Some(snapshot))
            }
        };
        let position = ListPosition::between(filter, settled, newest, snapshot)?;
        let query = Query::new(filter, &position);
        let steps = vec![Step::new(&query.sql, query.values())];
        let answers = match filter.order {
            ListOrder::Created => session.whole(Mode::Read, steps).await?,
            ListOrder::Changed => session.commit(steps).await?,
        };
        let mut listed = Vec::new();
        for row in answers.iter().flatten() {
            let json: &str = column(row, 1, failures)?;
            let id: &[u8] = column(row, 3, failures)?;
            listed.push(Listed {
                change: unsigned(column(row, 0, failures)?),
                created_at: column(row, 2, failures)?,
                id: String::from_utf8_lossy(id).into_owned(),
                record: serde_json::from_str(json).ok(),
            });
        }
        Ok(position.page(listed, filter.page_size(), newest))
    })
}

/// A query and its parameters.
struct Query {
    sql: String,
    parameters: Vec<(Box<dyn ToSql + Send + Sync>, Type)>,
}

impl Query {
    /// Makes the query. The first conditions name the columns of an index and the order is that of
    /// the index, so that nothing is sorted.
    fn new(filter: &ConversationFilter, position: &ListPosition) -> Self {
        let mut query = Self {
            sql: String::new(),
            parameters: Vec::new(),
        };
        let by_change = filter.order == ListOrder::Changed;
        // What both tables have is asked of the one that the order is of.
        let table = if by_change { "h" } else { "c" };
        let mut conditions: Vec<String> = Vec::new();
        let user = filter.user.as_ref().map(|user| user.as_str());
        let session = filter.session.as_ref().map(|session| session.as_str());
        let parent = filter.parent.as_ref().map(|parent| parent.as_str());
        for (column, value) in [
            (format!("{table}.\"user\""), user),
            (format!("{table}.session"), session),
            ("c.parent".to_owned(), parent),
        ] {
            if let Some(value) = value {
                let parameter = query.bytes(value);
                conditions.push(format!("{column} = {parameter}"));
            }
        }
        // By the tag alone where nothing else finds fewer conversations.
        let by_tag = filter.tag.is_some() && conditions.is_empty() && !by_change;
        if let Some(tag) = &filter.tag {
            let tag = query.bytes(tag);
            conditions.push(match by_tag {
                true => format!("t.tag = {tag}"),
                false => format!(
                    "EXISTS (SELECT 1 FROM tags t WHERE t.conversation = c.key AND t.tag = {tag})"
                ),
            });
        }
        conditions.push(match filter.status {
            None => format!(
                "{table}.status <> '{}'",
                ConversationStatus::Deleting.as_str()
            ),
            Some(ConversationStatus::Active) => format!("{table}.status = 'active'"),
            Some(status) => format!(
                "{table}.status <> 'active' AND {table}.status = '{}'",
                status.as_str()
            ),
        });
        let order = match &position.range {
            ListRange::Created(after) => {
                let (time, id) = match by_tag {
                    true => ("t.created_at", "t.id"),
                    false => ("c.created_at", "c.id"),
                };
                if let Some((at, after)) = after {
                    let (at, after) = (query.number(*at), query.bytes(after));
                    conditions.push(format!(
                        "{time} <= {at} AND ({time} < {at} OR {id} > {after})"
                    ));
                }
                format!("{time} DESC, {id}")
            }
            ListRange::ChangedUntil(change) => {
                let change = query.number(integer(*change));
                conditions.push(format!("h.changed <= {change}"));
                "h.changed DESC".to_owned()
            }
            ListRange::ChangedAfter(change) => {
                let change = query.number(integer(*change));
                conditions.push(format!("h.changed > {change}"));
                if let Some(snapshot) = &position.snapshot {
                    let snapshot = query.parameter(Box::new(snapshot.clone()), Type::TEXT);
                    conditions.push(UNSEEN.replace("SNAPSHOT", &snapshot));
                }
                "h.changed".to_owned()
            }
        };
        let (change, from) = match (by_change, by_tag) {
            (true, _) => (
                "h.changed",
                "changes h JOIN conversations c ON c.key = h.conversation",
            ),
            (false, true) => (
                "0::bigint",
                "tags t JOIN conversations c ON c.key = t.conversation",
            ),
            (false, false) => ("0::bigint", "conversations c"),
        };
        let limit = query.number(i64::try_from(filter.page_size() + 1).unwrap_or(i64::MAX));
        let conditions = conditions.join(" AND ");
        query.sql = format!(
            "SELECT {change}, c.record, c.created_at, c.id FROM {from} WHERE {conditions} \
             ORDER BY {order} LIMIT {limit}"
        );
        query
    }

    fn bytes(&mut self, value: &str) -> String {
        self.parameter(Box::new(value.as_bytes().to_vec()), Type::BYTEA)
    }

    fn number(&mut self, value: i64) -> String {
        self.parameter(Box::new(value), Type::INT8)
    }

    fn parameter(&mut self, value: Box<dyn ToSql + Send + Sync>, of_type: Type) -> String {
        self.parameters.push((value, of_type));
        format!("${}", self.parameters.len())
    }

    fn values(&self) -> Vec<crate::postgres::session::Value<'_>> {
        let parameters = self.parameters.iter();
        parameters
            .map(|(value, of_type)| (&**value as &(dyn ToSql + Sync), of_type.clone()))
            .collect()
    }
}
