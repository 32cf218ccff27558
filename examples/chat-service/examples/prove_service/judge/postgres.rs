//! Reading PostgreSQL.

use std::collections::BTreeMap;

use tokio_postgres::{Client, NoTls};

use super::state::{StateFound, has_base64};
use crate::Failure;

/// Where the tables are.
const SCHEMA: &str = "SET search_path TO conversation_media";
/// Tables whose rows belong to a conversation by its number.
const PARTS: [&str; 8] = [
    "messages", "slots", "refs", "writes", "planner", "tags", "changes", "refs",
];

pub(super) async fn read(url: &str) -> Result<StateFound, Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let driving = tokio::spawn(connection);
    client.batch_execute(SCHEMA).await?;
    let mut found = StateFound::default();
    let mut ids: BTreeMap<i64, String> = BTreeMap::new();
    for row in client
        .query("SELECT key, id, record FROM conversations", &[])
        .await?
    {
        let id = String::from_utf8(row.get::<_, Vec<u8>>(1))?;
        ids.insert(row.get(0), id.clone());
        let conversation = found.conversations.entry(id).or_default();
        conversation.record = serde_json::from_str(row.get(2))?;
    }
    let messages = "SELECT conversation, message FROM messages ORDER BY branch, position";
    for row in client.query(messages, &[]).await? {
        let text: &str = row.get(1);
        found.message_bytes += text.len();
        if let Some(id) = ids.get(&row.get(0)) {
            let conversation = found.conversations.entry(id.clone()).or_default();
            conversation.messages.push(serde_json::from_str(text)?);
        }
    }
    let turns = "SELECT conversation, turn FROM slots WHERE turn IS NOT NULL ORDER BY slot";
    for row in client.query(turns, &[]).await? {
        if let Some(id) = ids.get(&row.get(0)) {
            let conversation = found.conversations.entry(id.clone()).or_default();
            conversation.turns.push(serde_json::from_str(row.get(1))?);
        }
    }
    let leases = "SELECT convert_from(name, 'UTF8') FROM leases \
                  WHERE until > extract(epoch FROM clock_timestamp()) * 1000";
    for row in client.query(leases, &[]).await? {
        found.leases.push(row.get(0));
    }
    for table in PARTS {
        let query = format!(
            "SELECT count(*) FROM {table} WHERE conversation NOT IN (SELECT key FROM conversations)"
        );
        let rows: i64 = client.query_one(&query, &[]).await?.get(0);
        if rows > 0 {
            found.stray.push(format!("{rows} rows of {table}"));
        }
    }
    found.base64 = base64(&client).await?;
    drop(client);
    let _ = driving.await;
    Ok(found)
}

/// Looks at every value of every column that can hold text.
async fn base64(client: &Client) -> Result<Vec<String>, Failure> {
    let columns = "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns \
                   WHERE table_schema = 'conversation_media'";
    let mut with = Vec::new();
    let mut looked_at = 0;
    for row in client.query(columns, &[]).await? {
        let (table, column, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        // Some have names that mean something else without quotes.
        let column = format!("\"{column}\"");
        let read = match kind.as_str() {
            "text" | "character varying" | "json" | "jsonb" => {
                format!("convert_to({column}::text, 'UTF8')")
            }
            "bytea" => column.clone(),
            "ARRAY" => format!("convert_to(array_to_string({column}, ','), 'UTF8')"),
            _ => continue,
        };
        looked_at += 1;
        let query = format!("SELECT {read} FROM {table} WHERE {column} IS NOT NULL");
        for row in client.query(&query, &[]).await? {
            let value: Option<&[u8]> = row.get(0);
            if value.is_some_and(has_base64) {
                with.push(format!("{table}, {column}"));
            }
        }
    }
    match looked_at {
        0 => Err("no column was looked at".into()),
        _ => Ok(with),
    }
}
