//! Creating a conversation.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::error::{StateError, StateErrorKind};
use crate::id::WriteId;
use crate::outcome::{Created, NewConversation};
use crate::record::{ConversationRecord, ConversationStatus};
use crate::redis::apply::{confirm, log, record};
use crate::redis::failure::is_wrong_type;
use crate::redis::index;
use crate::redis::keys::RECORD;
use crate::redis::look::{LogEntry, look, time};
use crate::redis::server::{Session, UNCLAIM, WRITE, script};
use crate::redis::steps::Steps;
use crate::transition::{Lookups, creation_known, judge_creation};

/// How often creating begins anew after another writer was faster.
const ATTEMPTS: u32 = 16;
/// How many keys one request looks at.
const SCANNED: usize = 1000;

/// What a user's key stands for: a creation, which whoever finds it carries out first.
#[derive(Debug, Serialize, Deserialize)]
struct Claim {
    write: WriteId,
    record: ConversationRecord,
}

pub(super) fn create<'s>(
    session: &'s Session<'s>,
    new: &'s NewConversation,
) -> BoxFuture<'s, Result<Created, StateError>> {
    Box::pin(async move {
        // What is wrong with it is told before its key is claimed.
        judge_creation(new, time(0))?;
        let Some(key) = &new.key else {
            return carry_out(session, new, "").await;
        };
        let user = new.record.user.as_ref().map_or("", |user| user.as_str());
        let name = session.keys().creation(user, key);
        let own = session.failures().write(&Claim {
            write: new.write,
            record: new.record.clone(),
        })?;
        for _ in 0..ATTEMPTS {
            if let Some(created) = known(session, new).await? {
                return Ok(created);
            }
            let mut claim = redis::cmd("SET");
            claim.arg(&name).arg(&own).arg("NX").arg("GET");
            if let Some(time) = session.options().time_to_live {
                let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                claim.arg("PX").arg(time.max(1));
            }
            let held: Option<Vec<u8>> = session.one(claim).await?;
            let Some(held) = held.filter(|held| *held != own.as_bytes()) else {
                let created = carry_out(session, new, &name).await;
                if created.as_ref().is_err_and(StateError::is_definite) {
                    unclaim(session, &name, own.as_bytes()).await?;
                }
                return created;
            };
            let held_by: Claim = session.failures().read(&held, "the key of a creation")?;
            let other = NewConversation {
                record: held_by.record,
                write: held_by.write,
                key: None,
            };
            match carry_out(session, &other, &name)
                .await
                .map(Created::into_record)
            {
                Ok(record) if record.status != ConversationStatus::Deleting => {
                    return Ok(Created::Existing(record));
                }
                Err(error) if error.kind() != StateErrorKind::Conflict => return Err(error),
                // It was deleted, or is being deleted: the key is free.
                _ => unclaim(session, &name, &held).await?,
            }
        }
        Err(session
            .failures()
            .unavailable("other writers are always faster"))
    })
}

/// The conversation, if this very write has created it.
async fn known(
    session: &Session<'_>,
    new: &NewConversation,
) -> Result<Option<Created>, StateError> {
    let id = new.record.id.as_str();
    let keys = session.keys().conversation(id);
    let seen = look(session, id, &keys, new.write, 0, &Lookups::default()).await?;
    let Some(record) = seen.record else {
        return Ok(None);
    };
    if seen
        .results
        .logged
        .is_some_and(|logged| logged.version == 1)
    {
        confirm(session, &record).await?;
        return Ok(Some(Created::New(record)));
    }
    creation_known(&record)?;
    Ok(None)
}

/// Creates a conversation whose key, if it has one, is its own.
async fn carry_out(
    session: &Session<'_>,
    new: &NewConversation,
    creation: &str,
) -> Result<Created, StateError> {
    let failures = session.failures();
    let id = new.record.id.as_str();
    let keys = session.keys().conversation(id);
    for _ in 0..ATTEMPTS {
        let seen = look(session, id, &keys, new.write, 0, &Lookups::default()).await?;
        let refused = seen.is_refused();
        if let Some(record) = seen.record {
            if seen
                .results
                .logged
                .is_some_and(|logged| logged.version == 1)
            {
                confirm(session, &record).await?;
                return Ok(Created::New(record));
            }
            creation_known(&record)?;
            return Err(in_use(id));
        }
        if refused {
            return Err(in_use(id));
        }
        let (new_record, logged) = judge_creation(new, time(seen.now))?;
        let time_to_live = session.options().time_to_live;
        let mut steps = Steps::new(script(&WRITE, &keys), "", &seen.tombstone, time_to_live);
        record(&mut steps, &new_record, &failures.write(&new_record)?);
        if !creation.is_empty() {
            steps.set(RECORD, "key", creation);
        }
        log(
            &mut steps,
            &logged,
            &failures.write(&LogEntry::from(&logged))?,
        );
        let commands = vec![index::touch(session.keys(), &new_record), steps.finish()];
        let mut answers = session.all(commands).await?;
        let applied: bool = session.read(answers.pop().unwrap_or(redis::Value::Nil))?;
        if applied {
            return Ok(Created::New(new_record));
        }
    }
    Err(failures.unavailable("other writers are always faster"))
}

fn in_use(id: &str) -> StateError {
    let error = StateError::new(StateErrorKind::Conflict, "create conversation");
    error
        .with_subject(id)
        .with_detail("the id is in use, or was deleted lately")
}

/// Frees a key, unless it stands for another creation by now.
pub(super) async fn unclaim(
    session: &Session<'_>,
    name: &str,
    claim: &[u8],
) -> Result<(), StateError> {
    let mut command = script(&UNCLAIM, &[name]);
    command.arg(claim);
    session.one::<Option<i64>>(command).await.map(drop)
}

/// Whose claims a deletion frees: those of one life of a conversation, or of any, where nothing says which.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner<'a> {
    Incarnation(&'a str),
    Conversation(&'a str),
}

impl Owner<'_> {
    fn has(self, claim: &ConversationRecord) -> bool {
        match self {
            Self::Incarnation(incarnation) => claim.incarnation.to_string() == incarnation,
            Self::Conversation(id) => claim.id.as_str() == id,
        }
    }
}

/// Frees the key under which a conversation was created, unless it stands for another one by now. What is no
/// claim, or is of another type, stands for none.
pub(super) async fn free(
    session: &Session<'_>,
    name: &str,
    owner: Owner<'_>,
) -> Result<(), StateError> {
    let mut command = redis::cmd("GET");
    command.arg(name);
    let held: Option<Vec<u8>> = match session.one(command).await {
        Err(error) if is_wrong_type(&error) => {
            let mut command = redis::cmd("UNLINK");
            command.arg(name);
            return session.one::<i64>(command).await.map(drop);
        }
        held => held?,
    };
    let Some(held) = held else { return Ok(()) };
    let claim: Result<Claim, _> = serde_json::from_slice(&held);
    match claim {
        Ok(claim) if !owner.has(&claim.record) => Ok(()),
        _ => unclaim(session, name, &held).await,
    }
}

/// Frees every key that stands for a conversation of which no record says it. Looks at all keys of its user, so
/// it is for what is damaged.
pub(super) async fn free_all(session: &Session<'_>, id: &str) -> Result<(), StateError> {
    let pattern = session.keys().creations(index::user_of(session, id).await?);
    let mut cursor = 0_u64;
    loop {
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(&pattern);
        command.arg("COUNT").arg(SCANNED);
        let (next, names): (u64, Vec<String>) = session.one(command).await?;
        let claims = names.iter().map(|name| {
            let mut command = redis::cmd("GET");
            command.arg(name);
            command
        });
        let claims = match names.is_empty() {
            true => Vec::new(),
            false => session.each(claims.collect()).await?,
        };
        for (name, held) in names.iter().zip(claims) {
            let held: Option<Vec<u8>> = held.map(|held| session.read(held)).transpose()?.flatten();
            let claim = held.as_deref().map(serde_json::from_slice::<Claim>);
            if let (Some(held), Some(Ok(claim))) = (&held, claim)
                && Owner::Conversation(id).has(&claim.record)
            {
                unclaim(session, name, held).await?;
            }
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}
