//! Starting a turn as a task.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use conversation_events::{TurnEvents, TurnLog};
use conversation_externalizer::FetchedMedia;
use conversation_state::ConversationRecord;
use conversation_types::TurnId;
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::Instrument;

use super::job::TurnJob;
use super::running::RunningTurn;
use super::stop::{StopOnDrop, StopReason, StopSignal};
use super::turn::TurnScope;
use super::{spans, steps};
use crate::core::Core;
use crate::middleware::panicked;
use crate::options::TurnOptions;
use crate::prompt::ResolvedPrompt;

/// Starts a turn as a task of the manager's runtime and returns its events.
pub(crate) fn start(
    core: &Arc<Core>,
    prompt: ResolvedPrompt,
    record: ConversationRecord,
    job: TurnJob,
    options: TurnOptions,
) -> TurnEvents {
    let id = match &job {
        TurnJob::Retry { turn, .. } => turn.clone(),
        TurnJob::New { .. } | TurnJob::Resume { .. } => TurnId::mint(),
    };
    let log = Arc::new(TurnLog::new(id));
    let stop = StopSignal::new();
    let on_drop = options.on_drop.unwrap_or(core.config.on_drop());
    let timeout = options.timeout.unwrap_or(core.config.turn_timeout());
    let scope = TurnScope {
        core: Arc::clone(core),
        prompt,
        options,
        log: Arc::clone(&log),
        stop: stop.clone(),
        started: Instant::now(),
        fetched: FetchedMedia::default(),
    };
    let span = spans::of_turn(&record.id, log.turn());
    let guard = core.turns.register(RunningTurn {
        conversation: record.id.clone(),
        parent: record.parent.clone(),
        log: Arc::clone(&log),
        stop: stop.clone(),
    });
    let (task_log, timer) = (Arc::clone(&log), stop.clone());
    let task = async move {
        let mut turn = pin!(AssertUnwindSafe(steps::run(scope, record, job)).catch_unwind());
        let outcome = match tokio::time::timeout(timeout, &mut turn).await {
            Ok(outcome) => outcome,
            Err(_) => {
                timer.stop(StopReason::Timeout);
                turn.await
            }
        };
        let end = outcome.unwrap_or_else(|_| Err(panicked("while a turn was running")).into());
        let Some(storing) = end.storing else {
            task_log.end(end.outcome);
            return drop(guard);
        };
        // Before the answer is out: whoever has it finds the next turn waiting.
        guard.begin_storing();
        task_log.end(end.outcome);
        let stored = AssertUnwindSafe(Box::pin(storing.run())).catch_unwind();
        let stored = stored
            .await
            .unwrap_or_else(|_| Err(panicked("while media was stored")));
        guard.end_storing(stored);
    };
    drop(core.tasks.spawn(task.instrument(span)));
    TurnEvents::of_log(log, 0).with_guard(StopOnDrop::new(stop, on_drop))
}
