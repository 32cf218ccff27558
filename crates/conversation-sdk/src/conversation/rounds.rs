//! Asking the model, and running its tools, until it answers.

use std::future::poll_fn;

use serde_json::Value;

use super::context;
use super::events::{Events, TurnEvent};
use super::prepared::Prepared;
use super::response::Spent;
use super::tools::{self, Calls};
use crate::error::{ConversationError, ConversationErrorKind};
use crate::manager::Core;
use crate::message::{Message, Part, Role};
use crate::middleware::{ModelRequest, Next};
use crate::pack::ToolChoice;
use crate::provider::{
    Completion, Delivery, MediaContext, ProviderError, ProviderErrorKind, Reply, ReplyEvent,
    StopReason,
};
use crate::receive::ReceivedMedia;
use crate::state::ConversationRecord;

/// What every question of a turn and every tool that it calls is given.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) core: &'a Core,
    pub(super) prepared: &'a Prepared,
    pub(super) record: &'a ConversationRecord,
    pub(super) received: &'a ReceivedMedia,
    pub(super) events: &'a Events,
}

/// Asks until the model answers without calling tools; the new messages are added to `turn`.
pub(super) async fn run(
    setting: Setting<'_>,
    history: &[Message],
    turn: &mut Vec<Message>,
) -> Result<Spent, ConversationError> {
    let Setting {
        core,
        prepared,
        record,
        received,
        events,
    } = setting;
    let media = core.media_context(record, received);
    let policy = prepared.prompt.tool_policy();
    let mut calls = Calls::new(policy.max_calls_per_turn());
    let mut spent = Spent::default();
    for round in 0.. {
        let is_last = round >= policy.max_rounds() || calls.are_used_up();
        let mut request = request(prepared, record, history, turn);
        request.round = round;
        request.delivery = match events.are_wanted() {
            true => Delivery::Deltas,
            false => Delivery::Whole,
        };
        request.tool_choice = match policy.choice() {
            // A model that has to call a tool each time would never come to an answer.
            ToolChoice::Required if round == 0 => ToolChoice::Required,
            ToolChoice::None => ToolChoice::None,
            _ if is_last => ToolChoice::None,
            _ => ToolChoice::Auto,
        };
        let completion = ask(core, request, &media, events).await?;
        spent.add(completion.usage, completion.cost);
        for note in &completion.notes {
            if !spent.notes.contains(note) {
                spent.notes.push(note.clone());
            }
        }
        spent.stop = completion.stop.clone();
        let tool_calls = completion.tool_calls.clone();
        turn.push(message(core, completion));
        if tool_calls.is_empty() {
            return Ok(spent);
        }
        if is_last {
            break;
        }
        let answered = tools::run(setting, &tool_calls, &mut calls, &mut spent);
        turn.extend(answered.await);
    }
    Err(
        ConversationError::new(ConversationErrorKind::ToolLimit).with_detail(format!(
            "{} rounds and {} calls are allowed",
            policy.max_rounds(),
            policy.max_calls_per_turn()
        )),
    )
}

fn request(
    prepared: &Prepared,
    record: &ConversationRecord,
    history: &[Message],
    turn: &[Message],
) -> ModelRequest {
    let mut messages = Vec::with_capacity(history.len() + turn.len());
    messages.extend_from_slice(history);
    messages.extend_from_slice(turn);
    context::with_default_detail(&prepared.prompt, &mut messages);
    let mut request = ModelRequest::new(record.id.clone(), messages);
    request.session.clone_from(&record.session);
    request.user.clone_from(&record.user);
    request.system = Some(prepared.system.clone());
    request.tools = prepared.definitions();
    request.parameters = prepared.parameters.clone();
    request
}

async fn ask(
    core: &Core,
    request: ModelRequest,
    media: &MediaContext,
    events: &Events,
) -> Result<Completion, ConversationError> {
    let next = Next::new(&core.middleware, &*core.provider, media);
    let reply = next.run(request).await?;
    collect(core, reply, events).await
}

/// Reads a reply to its end and passes on what comes before.
async fn collect(
    core: &Core,
    reply: Reply,
    events: &Events,
) -> Result<Completion, ConversationError> {
    let mut reply = reply.into_events();
    let (mut seen_text, mut seen_media) = (false, 0);
    while let Some(event) = poll_fn(|cx| reply.as_mut().poll_next(cx)).await {
        match event? {
            ReplyEvent::TextDelta(text) => {
                seen_text = true;
                events.send(TurnEvent::TextDelta(text)).await;
            }
            ReplyEvent::Media(content) => {
                seen_media += 1;
                events.send(TurnEvent::Media(content)).await;
            }
            ReplyEvent::Done(completion) => {
                // What came at once is passed on as if it had come in pieces.
                let parts = completion.content.iter();
                for text in parts
                    .clone()
                    .filter_map(Part::as_text)
                    .filter(|_| !seen_text)
                {
                    events.send(TurnEvent::TextDelta(text.to_owned())).await;
                }
                for content in parts.filter_map(Part::as_media).skip(seen_media) {
                    events.send(TurnEvent::Media(content.clone())).await;
                }
                return Ok(*completion);
            }
        }
    }
    let cut_off = ProviderError::new(ProviderErrorKind::Interrupted, core.provider.name());
    Err(cut_off.into())
}

fn message(core: &Core, completion: Completion) -> Message {
    let mut message = Message::new(Role::Assistant, completion.content);
    message.tool_calls = completion.tool_calls;
    message.usage = completion.usage;
    let metadata = &mut message.metadata;
    metadata.insert("provider".into(), core.provider.name().into());
    metadata.insert("model".into(), core.provider.model().into());
    if let Some(cost) = completion.cost {
        metadata.insert("cost_usd".into(), cost.usd().into());
    }
    let stop: Option<Value> = match completion.stop {
        StopReason::Length => Some("length".into()),
        StopReason::Refused => Some("refused".into()),
        StopReason::Other(word) => Some(word.into()),
        _ => None,
    };
    if let Some(stop) = stop {
        metadata.insert("stop".into(), stop);
    }
    message
}
