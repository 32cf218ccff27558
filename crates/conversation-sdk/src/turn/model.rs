//! One request to the model of a turn, and its answer as it arrives.

use std::panic::AssertUnwindSafe;

use conversation_events::{ConversationError, ConversationErrorKind as Kind, EventKind, TurnEvent};
use conversation_externalizer::BatchKind;
use conversation_providers::{
    Completion, PlannerStore, ProviderError, ProviderErrorKind, ProviderResponse, ResponseEvent,
    ResponseMode, StreamAccumulator,
};
use conversation_types::{MessageId, Part, ToolChoice};
use futures_util::{FutureExt, StreamExt};
use tokio::time::Instant;
use tracing::Instrument;

use super::provider_events::{self, provider_error};
use super::save::{Save, save};
use super::spans;
use super::turn::Turn;
use crate::middleware::{ModelRequest, Next, panicked};

/// Asks the model once. The answer is a message of the turn's progress that is not written yet;
/// what had arrived of an answer that broke is there too.
///
/// # Errors
/// Whatever ended the answer.
pub(super) async fn ask(
    turn: &mut Turn,
    round: u64,
    choice: ToolChoice,
) -> Result<(), ConversationError> {
    may_begin(turn)?;
    let started = Instant::now();
    let id = MessageId::mint();
    let accumulator = StreamAccumulator::new()
        .with_id(id.clone())
        .with_turn(turn.id().clone());
    turn.progress.open = Some(accumulator);
    turn.progress.checkpointed = None;
    turn.scope.log.begin_message();
    let (provider, model) = chosen_model(turn);
    let span = spans::of_request(&turn.record.id, &provider, &model);
    let attempts = turn.budget.remaining();
    let asked = exchange(turn, round, choice).instrument(span.clone()).await;
    spans::note_answer(&span, &asked);
    let mut usage = match &asked {
        Ok(completion) => completion.usage,
        Err(error) => failed_usage(turn, error),
    };
    if let Some((abandoned, cost)) = turn.budget.take_abandoned() {
        turn.progress.spend(Some(abandoned), cost);
        usage += abandoned;
    }
    let request = provider_events::Request {
        provider,
        model,
        round,
        attempts: attempts.saturating_sub(turn.budget.remaining()),
    };
    let events = provider_events::of_request(request, &asked, usage, started.elapsed());
    let subject = turn.subject();
    let tell = |turn: &Turn, event| turn.core().listeners.emit(&subject, event);
    match asked {
        Ok(completion) => {
            let turn_id = turn.id().clone();
            let omitted = completion.omitted_media.clone();
            turn.progress.complete(id, &turn_id, completion);
            for media in &omitted {
                tell(turn, EventKind::omitted(media));
            }
            events.into_iter().for_each(|event| tell(turn, event));
            Ok(())
        }
        Err(error) => {
            events.into_iter().for_each(|event| tell(turn, event));
            let kind = provider_error(&error).map(ProviderError::kind);
            match kind {
                // A provider is not told why nothing more may be sent.
                Some(ProviderErrorKind::AttemptsExhausted) => may_begin(turn).and(Err(error)),
                _ => Err(error),
            }
        }
    }
}

/// What a request that failed consumed, where the provider or the answer so far says it.
fn failed_usage(turn: &mut Turn, error: &ConversationError) -> conversation_types::TokenUsage {
    let reported = provider_error(error).and_then(|error| Some((error.usage()?, error.cost())));
    match (&mut turn.progress.open, reported) {
        (Some(open), Some((usage, cost))) if open.usage().is_zero() => {
            open.push(&ResponseEvent::Usage(usage));
            let usage = open.usage();
            turn.progress.spend(None, cost);
            usage
        }
        (Some(open), _) => open.usage(),
        (None, reported) => reported.map(|(usage, _)| usage).unwrap_or_default(),
    }
}

/// Refuses new work of a turn that is to end, that could not renew its lease, or whose budget is
/// used up.
///
/// # Errors
/// `Cancelled`, `Timeout`, `LeaseLost`, `State`, `BudgetExceeded`.
pub(super) fn may_begin(turn: &Turn) -> Result<(), ConversationError> {
    if let Some(reason) = turn.scope.stop.reason() {
        return Err(reason.error());
    }
    if !turn.lease.is_fresh() {
        return Err(not_renewed());
    }
    let limit = turn.scope.options.max_cost;
    match (limit, turn.total_cost()) {
        (Some(limit), Some(cost)) if cost >= limit => {
            Err(ConversationError::new(Kind::BudgetExceeded)
                .with_detail(format!("{cost} of {limit} is spent")))
        }
        _ => Ok(()),
    }
}

/// The error of a turn whose owner may begin nothing more.
pub(super) fn not_renewed() -> ConversationError {
    ConversationError::new(Kind::State).with_detail("the lease of the turn could not be renewed")
}

/// The names of the provider and the model that are asked, unless middleware chooses others.
fn chosen_model(turn: &Turn) -> (String, String) {
    let (scope, options) = (&turn.scope, &turn.scope.options);
    let name = options.provider.as_deref().or(scope.prompt.provider());
    let provider = scope.core.providers.get(name);
    let own = provider.map(|provider| provider.model());
    let model = options.model.as_deref().or(scope.prompt.model()).or(own);
    let name = provider.map(|provider| provider.name()).or(name);
    let text = |name: Option<&str>| name.unwrap_or_default().to_owned();
    (text(name), text(model))
}

fn request(turn: &Turn, round: u64, tool_choice: ToolChoice) -> ModelRequest {
    let (scope, options) = (&turn.scope, &turn.scope.options);
    let mut messages = Vec::with_capacity(turn.history.len() + turn.progress.saved.len());
    messages.extend_from_slice(&turn.history);
    messages.extend(turn.progress.messages().cloned());
    scope.prompt.set_default_detail(&mut messages);
    let mut parameters = scope.prompt.parameters().clone();
    parameters.extend(options.parameters.clone());
    if let Some(schema) = &options.response_format {
        parameters.insert("response_format".to_owned(), schema.clone());
    }
    let prefer = |option: &Option<String>, prompt: Option<&str>| {
        option.clone().or_else(|| prompt.map(str::to_owned))
    };
    ModelRequest {
        conversation: turn.record.id.clone(),
        session: turn.record.session.clone(),
        user: turn.record.user.clone(),
        turn: turn.id().clone(),
        round,
        provider: prefer(&options.provider, scope.prompt.provider()),
        model: prefer(&options.model, scope.prompt.model()),
        system: scope.prompt.system().map(str::to_owned),
        messages,
        tools: scope.prompt.definitions(options.tools.as_deref()),
        tool_choice,
        parameters,
        mode: ResponseMode::Streaming,
        budget: turn.budget.clone(),
    }
}

/// Sends the request and reads the answer to its end.
async fn exchange(
    turn: &mut Turn,
    round: u64,
    choice: ToolChoice,
) -> Result<Completion, ConversationError> {
    let core = std::sync::Arc::clone(&turn.scope.core);
    let stop = turn.scope.stop.clone();
    let request = request(turn, round, choice);
    let planner = std::sync::Arc::clone(&turn.planner) as std::sync::Arc<dyn PlannerStore>;
    let media = core
        .media_context(&turn.record, &turn.received)
        .with_planner_store(planner)
        .with_provider_files(core.files.recorded_in(&turn.files));
    let next = Next::new(&core.middleware, &core.providers, &media);
    let response: ProviderResponse = tokio::select! {
        biased;
        reason = stop.stopped() => return Err(reason.error()),
        response = next.run(request) => response?,
    };
    let mut events = response.into_events();
    let mut checkpoint = CheckpointClock::new();
    let mut seen = Seen::default();
    loop {
        let event = tokio::select! {
            biased;
            reason = stop.stopped() => return Err(reason.error()),
            event = AssertUnwindSafe(events.next()).catch_unwind() => {
                let (provider, _) = chosen_model(turn);
                event.map_err(|_| panicked(format!("the answer of the provider {provider}")))?
            }
        };
        match event {
            None => {
                let name = turn.progress.provider.clone().unwrap_or_default();
                return Err(ProviderError::new(ProviderErrorKind::Interrupted, name).into());
            }
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(ResponseEvent::Done(completion))) => {
                seen.pass_on_rest(turn, &completion);
                return Ok(*completion);
            }
            Some(Ok(event)) => seen.pass_on(turn, event),
        }
        if checkpoint.is_due(turn) {
            write_checkpoint(turn).await?;
            checkpoint.restart(turn);
        }
    }
}

/// What of an answer was passed on to readers, so that an answer that comes at once is passed on
/// as if it had come in pieces.
#[derive(Default)]
struct Seen {
    text: bool,
    media: usize,
}

impl Seen {
    fn pass_on(&mut self, turn: &mut Turn, event: ResponseEvent) {
        match &event {
            ResponseEvent::TextDelta(text) => {
                self.text = true;
                turn.scope.log.text(text);
            }
            ResponseEvent::ReasoningDelta(text) => turn.scope.log.reasoning(text),
            ResponseEvent::PartialImage(image) => {
                turn.scope.log.event(TurnEvent::PartialImage(image.clone()));
            }
            ResponseEvent::Media(media) => {
                self.media += 1;
                turn.scope.log.event(TurnEvent::Media(media.clone()));
            }
            _ => {}
        }
        if let Some(open) = &mut turn.progress.open {
            open.push(&event);
        }
    }

    fn pass_on_rest(&self, turn: &mut Turn, completion: &Completion) {
        if !self.text {
            for text in completion.content.iter().filter_map(Part::as_text) {
                turn.scope.log.text(text);
            }
        }
        let media = completion.content.iter().filter_map(Part::as_media);
        for media in media.skip(self.media) {
            turn.scope.log.event(TurnEvent::Media(media.clone()));
        }
    }
}

/// Decides when the partial answer is to be written.
struct CheckpointClock {
    written_at: Instant,
    written_bytes: u64,
}

impl CheckpointClock {
    fn new() -> Self {
        Self {
            written_at: Instant::now(),
            written_bytes: 0,
        }
    }

    fn is_due(&self, turn: &Turn) -> bool {
        let Some(checkpoint) = turn.core().config.checkpoint() else {
            return false;
        };
        self.written_at.elapsed() >= checkpoint.interval()
            && arrived(turn).saturating_sub(self.written_bytes) >= checkpoint.bytes()
    }

    fn restart(&mut self, turn: &Turn) {
        self.written_at = Instant::now();
        self.written_bytes = arrived(turn);
    }
}

/// How many bytes of the answer have arrived, media included.
fn arrived(turn: &Turn) -> u64 {
    let Some(open) = &turn.progress.open else {
        return 0;
    };
    let media = open.content().iter().filter_map(Part::as_media);
    open.output_bytes() + media.filter_map(|media| media.size()).sum::<u64>()
}

/// Writes the partial answer.
async fn write_checkpoint(turn: &mut Turn) -> Result<(), ConversationError> {
    let Some(open) = &turn.progress.open else {
        return Ok(());
    };
    if open.is_empty() {
        return Ok(());
    }
    let message = open.message();
    let mut record = turn.turn.clone();
    record.usage = turn.total_usage();
    record.cost = turn.total_cost();
    save(
        turn,
        Save {
            messages: vec![message],
            turn: record,
            release: false,
            kind: BatchKind::Checkpoint,
        },
    )
    .await
}
