//! Turns that are cancelled at each point where they wait for anything.
//!
//! The runtime has one thread and looks at the test after each task that it has run, so that the test can cancel after
//! the first time that anything of the turn waited, after the second, and so on until the turn is faster.

use std::time::Duration;

use async_trait::async_trait;
use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::providers::ProviderResponse;
use conversation_sdk::{
    ConversationError, ConversationErrorKind as Kind, ConversationManager, Middleware,
    ModelRequest, Next, ReconcileOptions, Role, Start, StateStore, TurnEvent, TurnOptions,
    TurnStatus, UserMessage, Window,
};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use media_storage::{InMemoryStorage, MediaStorage, MediaStorageExt, Scope};
use media_types::Mime;

use crate::cut::{Cut, CutState, CutStorage, MovedClock};
use crate::support::{KIB, image, image_bytes};
use crate::tools::Obedient;

const TWO_DAYS: Duration = Duration::from_secs(2 * 24 * 3600);

/// Who ends the turn.
#[derive(Clone, Copy, Debug)]
enum Ender {
    /// Its reader, who drops the events.
    Reader,
    /// Somebody who asks for its end.
    Request,
    /// Its process, which is to end at once.
    Shutdown,
}

/// How the turn of a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Before it was cancelled.
    Faster,
    /// In spite of it: all that could be lost was stored.
    Complete,
    /// Before anything of it was stored.
    NeverBegun,
    Interrupted,
}

/// A model whose every event comes after a wait.
#[derive(Debug)]
struct Yielding;

#[async_trait]
impl Middleware for Yielding {
    async fn handle(
        &self,
        request: ModelRequest,
        next: Next<'_>,
    ) -> Result<ProviderResponse, ConversationError> {
        tokio::task::yield_now().await;
        let response = next.run(request).await?;
        let events = response.into_events().then(async |event| {
            tokio::task::yield_now().await;
            event
        });
        Ok(ProviderResponse::from_events(events.boxed()))
    }
}

/// A turn with media in, a tool that makes media, and media out.
fn provider() -> ScriptedProvider {
    let painted = ScriptedAnswer::new()
        .text("Done, ")
        .media(Mime::IMAGE_PNG, image_bytes(9, 200 * KIB))
        .text("and more.");
    ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().text("I paint. ").tool_call(
            "c1",
            "obey",
            r#"{"do":"paint"}"#,
        ))
        .with_answer(painted)
}

/// Cancels the turn after so many waits and judges what is left.
async fn cancelled_after(waits: usize, ender: Ender) -> End {
    let clock = MovedClock::default();
    let (state, store) = (clock.state(), InMemoryStorage::new());
    let provider = provider();
    let builder = ConversationManager::builder()
        .with_provider(provider.clone())
        .with_tool(Obedient::default());
    let manager = builder
        .with_media_storage(CutStorage {
            inner: store.clone(),
            cut: Cut::never(),
        })
        .with_state_store(CutState {
            inner: state.clone(),
            cut: Cut::never(),
        })
        .with_middleware(Yielding)
        .build()
        .unwrap();
    let start = Start::new().with_user("u1");
    let mut conversation = manager.start(start).await.unwrap();
    let id = conversation.id().clone();
    let message = UserMessage::from("Look").with_part(image(3, 150 * KIB));
    let mut events = conversation.stream_with(message, TurnOptions::new());
    let turn = events.turn().clone();
    let attached = conversation.attach(&turn);
    let mut seen = String::new();
    let mut is_over = false;
    for _ in 0..waits {
        tokio::task::yield_now().await;
        while let Some(event) = events.next().now_or_never() {
            match event {
                Some(Ok(TurnEvent::TextDelta(text))) => seen.push_str(&text),
                Some(_) => {}
                None => {
                    is_over = true;
                    break;
                }
            }
        }
    }
    match ender {
        Ender::Reader => drop(events),
        Ender::Request => {
            // Before its beginning is stored there is no turn to end.
            let asked = manager
                .cancel_turn(&id, conversation_sdk::Owner::any(), &turn)
                .await;
            assert!(
                asked.is_ok() || asked.is_err_and(|error| error.kind() == Kind::NotFound),
                "{ender:?} after {waits}"
            );
        }
        Ender::Shutdown => {
            let _ = manager.shutdown(Duration::ZERO).await;
        }
    }
    let told = attached.response().await;
    let loaded = state.load(&id, Window::All.into()).await.unwrap().unwrap();
    let case = format!("{ender:?} after {waits}: {told:?}");
    assert_eq!(loaded.record.current_turn, None, "{case}");
    let kept: String = loaded
        .messages
        .iter()
        .filter(|stored| stored.message.role == Role::Assistant)
        .map(|stored| stored.message.text())
        .collect();
    // Parts of different calls are joined by line breaks.
    let plain = |text: &str| text.replace('\n', "");
    assert!(
        plain(&kept).starts_with(&plain(&seen)),
        "{case}: saw {seen:?}, and {kept:?} is kept"
    );
    let end = match (&told, loaded.turns.as_slice()) {
        (Ok(response), [turn]) => {
            assert_eq!(response.status(), TurnStatus::Complete, "{case}");
            assert_eq!(turn.status, TurnStatus::Complete, "{case}");
            if is_over { End::Faster } else { End::Complete }
        }
        (Err(error), turns) => {
            assert!(
                matches!(error.kind(), Kind::Cancelled | Kind::Closed),
                "{case}"
            );
            match turns {
                [] => End::NeverBegun,
                turns => {
                    let ended = matches!(
                        turns,
                        [turn] if matches!(turn.status, TurnStatus::Interrupted | TurnStatus::Failed)
                    );
                    assert!(ended, "{case}: {turns:?}");
                    assert_eq!(loaded.messages[0].message.text(), "Look", "{case}");
                    End::Interrupted
                }
            }
        }
        (Ok(_), turns) => panic!("{case}: {turns:?}"),
    };
    judge_media(&loaded, &state, &store, &clock, &case).await;
    end
}

/// All media that is named can be read, and after two graces there is no other. The conversation goes on.
async fn judge_media(
    loaded: &conversation_sdk::state::LoadedConversation,
    state: &conversation_sdk::InMemoryStateStore,
    store: &InMemoryStorage,
    clock: &MovedClock,
    case: &str,
) {
    let mut named = 0;
    for stored in &loaded.messages {
        for reference in stored.message.media().filter_map(|media| media.reference()) {
            let read = store.retrieve_bytes(reference, 1 << 20).await;
            assert!(read.is_ok(), "{case}: dangling: {read:?}");
            named += 1;
        }
    }
    let manager = ConversationManager::builder()
        .with_provider(ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("Yes.")))
        .with_media_storage(store.clone())
        .with_state_store(state.clone())
        .with_tool(Obedient::default())
        .build()
        .unwrap();
    for _ in 0..2 {
        manager.reconcile(ReconcileOptions::new()).await.unwrap();
        clock.forward(TWO_DAYS);
    }
    manager.reconcile(ReconcileOptions::new()).await.unwrap();
    let inventory = store.inventory().unwrap();
    let entries: Vec<_> = inventory.list(Scope::All).try_collect().await.unwrap();
    assert_eq!(entries.len(), named, "{case}: orphans");
    let mut conversation = manager
        .resume(&loaded.record.id, conversation_sdk::Owner::any())
        .await
        .unwrap();
    let again = conversation.send("And now?").await;
    assert!(again.is_ok(), "{case}: {again:?}");
}

#[test]
fn a_turn_may_be_cancelled_wherever_it_waits() {
    for ender in [Ender::Reader, Ender::Request, Ender::Shutdown] {
        let mut ends = Vec::new();
        loop {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .event_interval(1)
                .enable_all()
                .start_paused(true)
                .build()
                .unwrap();
            let end = runtime.block_on(cancelled_after(ends.len(), ender));
            ends.push(end);
            // How often a turn waits for other threads differs: it may have been faster once.
            let faster = ends.iter().filter(|end| **end == End::Faster);
            if faster.count() == 3 {
                break;
            }
        }
        let count = |wanted| ends.iter().filter(|end| **end == wanted).count();
        eprintln!(
            "{ender:?}: {} waits, {} before it began, {} interrupted, {} complete all the same",
            ends.len() - 3,
            count(End::NeverBegun),
            count(End::Interrupted),
            count(End::Complete),
        );
        assert!(count(End::Interrupted) > 20, "{ender:?}: {ends:?}");
        assert!(
            count(End::Complete) < count(End::Interrupted),
            "{ender:?}: {ends:?}"
        );
    }
}
