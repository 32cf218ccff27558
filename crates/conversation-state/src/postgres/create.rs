//! Creating a conversation.

use std::sync::LazyLock;

use futures_util::future::BoxFuture;

use crate::clock::ClockOffset;
use crate::error::{StateError, StateErrorKind};
use crate::outcome::{Created, NewConversation};
use crate::postgres::rows::{CHANGE, ConversationRow, LOCK, NOW, column, one, time};
use crate::postgres::session::{Mode, Session, Step, values};
use crate::postgres::upkeep::{LOCK_ID, lock_number};
use crate::record::ConversationRecord;
use crate::transition::{creation_known, judge_creation};

/// How often creating begins anew after another writer created the conversation first.
const ATTEMPTS: u32 = 3;

const CREATED_BY: &str = "SELECT 1 FROM writes \
    WHERE conversation = (SELECT key FROM conversations WHERE id = $1) AND version = 1 AND id = $2";
/// No user has an empty id, so it stands for none.
const KEYED: &str = "SELECT key, record FROM conversations \
    WHERE coalesce(\"user\", '') = $1 AND creation_key = $2 AND creation_key IS NOT NULL";
const REFUSED_UNTIL: &str = "SELECT until FROM tombstones WHERE id = $1";
/// Everything in one statement: nothing is added where the id or the key was taken first.
static CREATE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH c AS (INSERT INTO conversations (id, \"user\", session, parent, status, creation_key, \
         created_at, version, current_turn, record) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, NULL, $8) \
         ON CONFLICT DO NOTHING RETURNING key), \
         h AS (INSERT INTO changes (conversation, changed, \"user\", session, status) \
         SELECT key, {CHANGE}, $2, $3, $5 FROM c), \
         t AS (INSERT INTO tags (conversation, tag, created_at, id) \
         SELECT key, tag, $7, $1 FROM c, unnest($9) AS tag), \
         w AS (INSERT INTO writes (conversation, version, id, head, epoch, at) \
         SELECT key, 1, $10, 0, NULL, $7 FROM c) \
         SELECT key FROM c"
    )
});

/// What a conversation is created with.
pub(super) struct Creating {
    pub(super) new: NewConversation,
    pub(super) schema: String,
    pub(super) clock_offset: ClockOffset,
}

pub(super) fn create<'s>(
    session: &'s Session,
    input: &'s Creating,
) -> BoxFuture<'s, Result<Created, StateError>> {
    Box::pin(async move {
        for _ in 0..ATTEMPTS {
            if let Some(created) = attempt(session, input).await? {
                return Ok(created);
            }
        }
        let detail = "other writers keep creating it and deleting it";
        Err(session.failures().unavailable(detail))
    })
}

/// Returns nothing if another writer was faster.
async fn attempt(session: &Session, input: &Creating) -> Result<Option<Created>, StateError> {
    let failures = session.failures();
    let new = &input.new;
    let given = new.record.id.as_str();
    let id = given.as_bytes();
    let write = new.write.as_bytes().as_slice();
    let user = new
        .record
        .user
        .as_ref()
        .map(|user| user.as_str().as_bytes());
    let owner = user.unwrap_or_default();
    let key = new.key.as_ref().map(|key| key.as_bytes());
    let lock = lock_number(&input.schema, given);
    let answers = session
        .begin(
            Mode::Write,
            vec![
                Step::new(LOCK_ID, values![INT8 lock]),
                Step::new(LOCK, values![BYTEA id]),
                Step::new(CREATED_BY, values![BYTEA id, BYTEA write]),
                Step::new(KEYED, values![BYTEA owner, BYTEA key]),
                Step::new(REFUSED_UNTIL, values![BYTEA id]),
                Step::new(NOW, values![]),
            ],
        )
        .await?;
    let answer = |index: usize| answers.get(index).map_or(&[][..], Vec::as_slice);
    let now: i64 = column(one(&answers, 5, failures)?, 0, failures)?;
    let now = now + input.clock_offset.milliseconds();
    let (record, log) = judge_creation(new, time(now))?;
    let held = ConversationRow::of(answer(1), given, failures)?;
    if let Some(row) = &held {
        if !answer(2).is_empty() {
            return Ok(Some(Created::New(row.record.clone())));
        }
        creation_known(&row.record)?;
    }
    if let Some(row) = answer(3).first() {
        let record: ConversationRecord = failures.read(
            column::<&str>(row, 1, failures)?,
            "the record of a conversation",
        )?;
        return Ok(Some(Created::Existing(record)));
    }
    let until: Option<i64> = match answer(4).first() {
        Some(row) => Some(column(row, 0, failures)?),
        None => None,
    };
    if held.is_some() || until.is_some_and(|until| now < until) {
        let error = StateError::new(StateErrorKind::Conflict, "create conversation");
        return Err(error
            .with_subject(given)
            .with_detail("the id is in use, or was deleted lately"));
    }
    let session_id = record
        .session
        .as_ref()
        .map(|session| session.as_str().as_bytes());
    let parent = record
        .parent
        .as_ref()
        .map(|parent| parent.as_str().as_bytes());
    let (status, json) = (record.status.as_str(), failures.write(&record)?);
    let created_at = record.created_at.timestamp_millis();
    let tags: Vec<&[u8]> = record.tags.iter().map(|tag| tag.as_bytes()).collect();
    let log_id = log.id.as_bytes().as_slice();
    let row = values![
        BYTEA id, BYTEA user, BYTEA session_id, BYTEA parent, TEXT status, BYTEA key,
        INT8 created_at, TEXT json, BYTEA_ARRAY tags, BYTEA log_id
    ];
    let added = session.commit(vec![Step::new(&CREATE, row)]).await?;
    let is_added = added.first().is_some_and(|rows| !rows.is_empty());
    Ok(is_added.then_some(Created::New(record)))
}
