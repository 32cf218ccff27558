//! Reading a window: one round trip for the record and the slots, one for messages and turns.

use std::collections::BTreeMap;

use conversation_types::{MessageId, RawJson};
use futures_util::future::BoxFuture;
use tokio_postgres::Row;

use crate::clock::ClockOffset;
use crate::error::StateError;
use crate::failures::Failures;
use crate::load::{LoadOptions, LoadedConversation, MessagePosition, StoredMessage, Window};
use crate::postgres::lookup::{branch, place};
use crate::postgres::rows::{
    ConversationRow, FIND, NOW, column, integer, one, text, time, unsigned,
};
use crate::postgres::session::{Mode, Session, Step, values};
use crate::stored::read_message;
use crate::turn::TurnRecord;
use crate::update::PlannerEntry;

const NEWEST_SLOTS: &str = "SELECT slot FROM slots \
    WHERE conversation = (SELECT key FROM conversations WHERE id = $1) AND branch = 0 AND in_context \
    ORDER BY slot DESC LIMIT $2";
const NAMED_TURNS: &str = "SELECT slot, id, turn FROM slots \
    WHERE conversation = (SELECT key FROM conversations WHERE id = $1) AND id IS NOT NULL \
    AND id = ANY (array_append($2, (SELECT current_turn FROM conversations WHERE id = $1)))";
const KEYED: &str = "SELECT turn FROM slots \
    WHERE conversation = (SELECT key FROM conversations WHERE id = $1) AND key IS NOT NULL \
    AND key = $2";
const PLANNER: &str = "SELECT key, value FROM planner \
    WHERE conversation = (SELECT key FROM conversations WHERE id = $1) AND key = ANY ($2)";
const PLACE: &str = "SELECT branch, position FROM messages \
    WHERE conversation = (SELECT key FROM conversations WHERE id = $1) AND id = $2";

// Slot by slot, so that messages and turns are found by their index however many there are, also before
// the server has counted them.
const MESSAGES_OF_SLOTS: &str = "SELECT m.branch, m.position, m.id, m.message \
    FROM unnest($2) AS w (slot) CROSS JOIN LATERAL \
    (SELECT branch, position, id, message FROM messages WHERE conversation = $1 AND slot = w.slot \
    AND ($3 OR branch = 0) OFFSET 0) m ORDER BY m.branch, m.position";
const TURNS_OF_SLOTS: &str = "SELECT slot, turn FROM slots \
    WHERE conversation = $1 AND slot = ANY ($2) AND turn IS NOT NULL";
const BY_POSITION: &str = "m.branch = 0 AND m.position >= $2 AND m.position < $3";
const WITH_BRANCHES: &str = "(m.branch = 0 AND m.position >= $2 AND m.position < $3 \
    OR m.branch > 0 AND m.position >= $4 AND m.position < $5)";

/// What a conversation is read with.
pub(super) struct Loading {
    pub(super) id: String,
    pub(super) options: LoadOptions,
    pub(super) clock_offset: ClockOffset,
}

/// What was read, with messages still to be decoded.
pub(super) struct RawConversation {
    loaded: LoadedConversation,
    messages: Vec<RawMessage>,
}

struct RawMessage {
    place: MessagePosition,
    id: String,
    json: String,
}

impl RawConversation {
    /// Returns the number of bytes of the messages.
    pub(super) fn size(&self) -> usize {
        self.messages.iter().map(|raw| raw.json.len()).sum()
    }

    /// Decodes the messages, which takes time and no connection.
    pub(super) fn decode(self) -> LoadedConversation {
        let mut loaded = self.loaded;
        loaded.messages.reserve_exact(self.messages.len());
        for RawMessage { place, id, json } in self.messages {
            // An id that cannot be one is damage, too; the position still names the message.
            let id = MessageId::new(&id).unwrap_or_else(|_| MessageId::at_position(place.position));
            let message = read_message(&id, json.as_bytes());
            let stored = StoredMessage::new(place.position, place.branch, message);
            loaded.messages.push(stored);
        }
        loaded
    }
}

pub(super) fn load<'s>(
    session: &'s Session,
    input: &'s Loading,
) -> BoxFuture<'s, Result<Option<RawConversation>, StateError>> {
    Box::pin(async move {
        let (failures, options) = (session.failures(), &input.options);
        let id = input.id.as_bytes();
        let newest = match &options.window {
            Window::NewestTurns(turns) => i64::try_from(*turns).unwrap_or(i64::MAX),
            _ => 0,
        };
        let of_window = match &options.window {
            Window::Turn(turn) => Some(turn),
            _ => None,
        };
        let named: Vec<&[u8]> = [of_window, options.turn.as_ref()]
            .into_iter()
            .flatten()
            .map(|turn| turn.as_str().as_bytes())
            .collect();
        let key = options.key.as_ref().map(|key| key.as_bytes());
        let planner: Vec<&[u8]> = options.planner.iter().map(|key| key.as_bytes()).collect();
        let mut steps = vec![
            Step::new(FIND, values![BYTEA id]),
            Step::new(NOW, values![]),
            Step::new(NAMED_TURNS, values![BYTEA id, BYTEA_ARRAY named]),
        ];
        if newest > 0 {
            steps.push(Step::new(NEWEST_SLOTS, values![BYTEA id, INT8 newest]));
        }
        let keyed_at = steps.len();
        if key.is_some() {
            steps.push(Step::new(KEYED, values![BYTEA id, BYTEA key]));
        }
        let planner_at = steps.len();
        if !planner.is_empty() {
            steps.push(Step::new(PLANNER, values![BYTEA id, BYTEA_ARRAY planner]));
        }
        let answers = session.begin(Mode::Read, steps).await?;
        let answer = |index: usize| answers.get(index).map_or(&[][..], Vec::as_slice);
        let Some(row) = ConversationRow::of(answer(0), &input.id, failures)? else {
            session.commit(Vec::new()).await?;
            return Ok(None);
        };
        let now: i64 = column(one(&answers, 1, failures)?, 0, failures)?;
        let now = time(now + input.clock_offset.milliseconds());
        let mut loaded = LoadedConversation::new(row.record, now);
        let mut turns: BTreeMap<i64, Option<TurnRecord>> = BTreeMap::new();
        let mut slots: Vec<i64> = Vec::new();
        for row in answer(2) {
            let slot = column(row, 0, failures)?;
            let id: &[u8] = column(row, 1, failures)?;
            if of_window.is_some_and(|turn| turn.as_str().as_bytes() == id) {
                slots.push(slot);
            }
            turns.insert(slot, turn(row, 2, failures)?);
        }
        if newest > 0 {
            for row in answer(3) {
                slots.push(column(row, 0, failures)?);
            }
        }
        if let (Some(_), Some(row)) = (key, answer(keyed_at).first()) {
            loaded.keyed_turn = turn(row, 0, failures)?;
        }
        for key in &options.planner {
            for row in answer(planner_at) {
                if text(row, 0, failures)? != *key {
                    continue;
                }
                if let Ok(value) = RawJson::from_text(column::<String>(row, 1, failures)?) {
                    loaded.planner.push(PlannerEntry::new(key, value));
                }
            }
        }
        let selection = Selection::of(options, loaded.record.message_count, slots);
        let (messages, more) = selection.read(session, row.key).await?;
        turns.extend(more);
        loaded.turns.extend(turns.into_values().flatten());
        Ok(Some(RawConversation { loaded, messages }))
    })
}

/// Which messages a window means.
enum Selection {
    None,
    Slots {
        slots: Vec<i64>,
        branches: bool,
    },
    Positions {
        from: i64,
        to: i64,
        /// Positions on branches, where those are read as well.
        branches: Option<(i64, i64)>,
    },
}

impl Selection {
    fn of(options: &LoadOptions, count: u64, slots: Vec<i64>) -> Self {
        let Some(range) = options.window.positions(count) else {
            let of_turn = matches!(options.window, Window::Turn(_));
            return match slots.is_empty() {
                true => Self::None,
                false => Self::Slots {
                    slots,
                    branches: of_turn || options.include_branches,
                },
            };
        };
        // A branch may reach beyond the end of the history.
        let beyond = match &options.window {
            Window::Range(asked) => asked.clone(),
            Window::MetadataOnly => 0..0,
            _ => range.start..u64::MAX,
        };
        let branches = options.include_branches && !beyond.is_empty();
        if range.is_empty() && !branches {
            return Self::None;
        }
        Self::Positions {
            from: integer(range.start),
            to: integer(range.end),
            branches: branches.then(|| (integer(beyond.start), integer(beyond.end))),
        }
    }

    /// Reads the messages and the turns that they belong to, and ends the transaction.
    async fn read(
        &self,
        session: &Session,
        key: i64,
    ) -> Result<(Vec<RawMessage>, Vec<(i64, Option<TurnRecord>)>), StateError> {
        let (condition, values) = match self {
            Self::None => {
                session.commit(Vec::new()).await?;
                return Ok((Vec::new(), Vec::new()));
            }
            Self::Slots { slots, branches } => {
                let messages = values![INT8 key, INT8_ARRAY *slots, BOOL *branches];
                let turns = values![INT8 key, INT8_ARRAY *slots];
                let messages = Step::new(MESSAGES_OF_SLOTS, messages);
                return finish(session, [messages, Step::new(TURNS_OF_SLOTS, turns)]).await;
            }
            Self::Positions { from, to, branches } => match branches {
                None => (BY_POSITION, values![INT8 key, INT8 *from, INT8 *to]),
                Some((first, last)) => (
                    WITH_BRANCHES,
                    values![INT8 key, INT8 *from, INT8 *to, INT8 *first, INT8 *last],
                ),
            },
        };
        let messages = format!(
            "SELECT m.branch, m.position, m.id, m.message FROM messages m \
             WHERE m.conversation = $1 AND {condition} ORDER BY m.branch, m.position"
        );
        let turns = format!(
            "SELECT w.slot, s.turn FROM (SELECT DISTINCT m.slot FROM messages m \
             WHERE m.conversation = $1 AND {condition}) w CROSS JOIN LATERAL \
             (SELECT turn FROM slots WHERE conversation = $1 AND slot = w.slot \
             AND turn IS NOT NULL OFFSET 0) s"
        );
        let messages = Step::new(&messages, values.clone());
        finish(session, [messages, Step::new(&turns, values)]).await
    }
}

/// Reads messages and turns, and ends the transaction.
async fn finish(
    session: &Session,
    steps: [Step<'_>; 2],
) -> Result<(Vec<RawMessage>, Vec<(i64, Option<TurnRecord>)>), StateError> {
    let failures = session.failures();
    let answers = session.commit(steps.into()).await?;
    let answer = |index: usize| answers.get(index).map_or(&[][..], Vec::as_slice);
    let messages = answer(0).iter().map(|row| raw(row, failures));
    let turns = answer(1).iter().map(|row| {
        let slot = column(row, 0, failures)?;
        Ok((slot, turn(row, 1, failures)?))
    });
    Ok((
        messages.collect::<Result<_, _>>()?,
        turns.collect::<Result<_, StateError>>()?,
    ))
}

fn raw(row: &Row, failures: &Failures) -> Result<RawMessage, StateError> {
    Ok(RawMessage {
        place: MessagePosition::new(
            branch(column(row, 0, failures)?),
            unsigned(column(row, 1, failures)?),
        ),
        id: text(row, 2, failures)?,
        json: column(row, 3, failures)?,
    })
}

/// A turn whose record is damaged is passed over: its messages are still there.
fn turn(row: &Row, index: usize, failures: &Failures) -> Result<Option<TurnRecord>, StateError> {
    let json: Option<&str> = column(row, index, failures)?;
    Ok(json.and_then(|json| serde_json::from_str(json).ok()))
}

/// What a message is looked for with.
pub(super) struct Finding {
    pub(super) conversation: String,
    pub(super) message: String,
}

pub(super) fn find_message<'s>(
    session: &'s Session,
    input: &'s Finding,
) -> BoxFuture<'s, Result<Option<MessagePosition>, StateError>> {
    Box::pin(async move {
        let (id, message) = (input.conversation.as_bytes(), input.message.as_bytes());
        let step = Step::new(PLACE, values![BYTEA id, BYTEA message]);
        let answers = session.whole(Mode::Read, vec![step]).await?;
        let row = answers.first().and_then(|rows| rows.first());
        row.map(|row| place(row, 0, session.failures())).transpose()
    })
}
