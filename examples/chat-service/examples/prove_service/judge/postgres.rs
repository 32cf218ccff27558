//! Reading PostgreSQL.

use std::collections::BTreeMap;

use tokio_postgres::NoTls;

use super::state::StateFound;
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
    drop(client);
    let _ = driving.await;
    Ok(found)
}
