//! Listing conversations by indexes.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::cursor::{ListPosition, ListRange, Listed};
use crate::error::StateError;
use crate::failures::Failures;
use crate::list::{ConversationFilter, ConversationPage};
use crate::record::ConversationStatus;
use crate::sqlite::rows::{integer, unsigned};

/// A query and its parameters.
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) parameters: Vec<Value>,
}

pub(super) fn list(
    connection: &Connection,
    failures: &Failures,
    filter: &ConversationFilter,
) -> Result<ConversationPage, StateError> {
    let newest = "SELECT changes FROM store WHERE one = 1";
    let newest: i64 = failures.map(
        connection
            .prepare_cached(newest)
            .and_then(|mut query| query.query_row([], |row| row.get(0))),
    )?;
    let newest = unsigned(newest);
    let position = ListPosition::of(filter, newest)?;
    let query = query(filter, &position.range);
    let listed: Vec<Listed> = failures.map((|| {
        let mut statement = connection.prepare_cached(&query.sql)?;
        let rows = statement.query_map(params_from_iter(query.parameters), |row| {
            Ok(Listed {
                change: unsigned(row.get(0)?),
                created_at: row.get(2)?,
                id: row.get(3)?,
                record: serde_json::from_str(row.get_ref(1)?.as_str()?).ok(),
            })
        })?;
        rows.collect()
    })())?;
    Ok(position.page(listed, filter.page_size(), newest))
}

/// Makes the query. The first condition names the columns of an index literally, so that SQLite
/// uses it; the order is that of the index, so that nothing is sorted.
pub(super) fn query(filter: &ConversationFilter, range: &ListRange) -> Query {
    let mut conditions: Vec<String> = Vec::new();
    let mut parameters: Vec<Value> = Vec::new();
    let mut equals = |column: &str, value: Option<&str>| {
        if let Some(value) = value {
            conditions.push(format!("{column} = ?"));
            parameters.push(value.to_owned().into());
        }
    };
    equals("c.user", filter.user.as_ref().map(|user| user.as_str()));
    let session = filter.session.as_ref().map(|session| session.as_str());
    equals("c.session", session);
    let parent = filter.parent.as_ref().map(|parent| parent.as_str());
    equals("c.parent", parent);

    // By the tag alone where nothing else finds fewer conversations.
    let by_tag = filter.tag.is_some() && conditions.is_empty();
    if let Some(tag) = &filter.tag {
        conditions.push(match by_tag {
            true => "t.tag = ?".to_owned(),
            false => "EXISTS (SELECT 1 FROM tags t WHERE t.conversation = c.key AND t.tag = ?)"
                .to_owned(),
        });
        parameters.push(tag.clone().into());
    }
    conditions.push(match filter.status {
        None => format!("c.status <> '{}'", ConversationStatus::Deleting.as_str()),
        Some(ConversationStatus::Active) => "c.status = 'active'".to_owned(),
        Some(status) => format!("c.status <> 'active' AND c.status = '{}'", status.as_str()),
    });

    let (time, id) = match by_tag {
        true => ("t.created_at", "t.id"),
        false => ("c.created_at", "c.id"),
    };
    let order = match range {
        ListRange::Created(after) => {
            conditions.push(format!("{time} <= ? AND ({time} < ? OR {id} > ?)"));
            let (at, after) = after.clone().unwrap_or((i64::MAX, String::new()));
            parameters.extend([at.into(), at.into(), after.into()]);
            format!("{time} DESC, {id}")
        }
        ListRange::ChangedUntil(change) => {
            conditions.push("c.changed <= ?".to_owned());
            parameters.push(integer(*change).into());
            "c.changed DESC".to_owned()
        }
        ListRange::ChangedAfter(change) => {
            conditions.push("c.changed > ?".to_owned());
            parameters.push(integer(*change).into());
            "c.changed".to_owned()
        }
    };
    parameters.push(
        i64::try_from(filter.page_size() + 1)
            .unwrap_or(i64::MAX)
            .into(),
    );
    let from = match by_tag {
        true => "tags t CROSS JOIN conversations c ON c.key = t.conversation",
        false => "conversations c",
    };
    let conditions = conditions.join(" AND ");
    Query {
        sql: format!(
            "SELECT c.changed, c.record, c.created_at, c.id FROM {from} WHERE {conditions} \
             ORDER BY {order} LIMIT ?"
        ),
        parameters,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema::CREATE;

    #[test]
    fn every_list_has_its_index_and_sorts_nothing() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(CREATE).unwrap();
        let all = ConversationFilter::new;
        let user = || all().with_user("u".parse().unwrap());
        let session = || all().with_session("s".parse().unwrap());
        let status = |status| all().with_status(status);
        let created = || ListRange::Created(Some((7, "x".into())));
        for (filter, range, index) in [
            (all(), created(), "conversations_created"),
            (all(), ListRange::ChangedUntil(7), "conversations_changed"),
            (all(), ListRange::ChangedAfter(7), "conversations_changed"),
            (
                status(ConversationStatus::Active),
                created(),
                "conversations_created",
            ),
            (
                status(ConversationStatus::Ended),
                created(),
                "conversations_status_created",
            ),
            (
                status(ConversationStatus::Deleting),
                ListRange::ChangedUntil(7),
                "conversations_status_changed",
            ),
            (user(), created(), "conversations_user_created"),
            (
                user(),
                ListRange::ChangedUntil(7),
                "conversations_user_changed",
            ),
            (
                user().with_tag("t"),
                created(),
                "conversations_user_created",
            ),
            (session(), created(), "conversations_session_created"),
            (
                session(),
                ListRange::ChangedAfter(7),
                "conversations_session_changed",
            ),
            (
                all().with_parent("p".parse().unwrap()),
                created(),
                "conversations_parent",
            ),
            (all().with_tag("t"), created(), "tags_created"),
        ] {
            let query = query(&filter, &range);
            let sql = format!("EXPLAIN QUERY PLAN {}", query.sql);
            let mut plan = connection.prepare(&sql).unwrap();
            let steps: Vec<String> = plan
                .query_map(params_from_iter(query.parameters), |row| row.get(3))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let steps = steps.join("; ");
            assert!(
                steps.contains(&format!("INDEX {index} ")),
                "{filter:?}: {steps}"
            );
            assert!(!steps.contains("TEMP B-TREE"), "{filter:?}: {steps}");
        }
    }
}
