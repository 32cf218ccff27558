//! Counters and durations of events, for the `metrics` crate.

use std::time::Duration;

use conversation_types::TokenUsage;

use crate::event::{Event, EventKind};
use crate::listener::Listener;

/// A listener that counts events with the [`metrics`](https://docs.rs/metrics) crate, for whichever
/// exporter the program installs.
///
/// | metric | labels | counts |
/// |---|---|---|
/// | `conversation_turns_total` | `outcome` | turns: `started`, `complete`, `interrupted`, `failed`, `retried`, `suspended` |
/// | `conversation_turn_seconds` (histogram) | `outcome` | how long turns took |
/// | `conversation_provider_requests_total` | `provider`, `model`, `outcome` | requests to models: `ok`, `error` |
/// | `conversation_provider_seconds` (histogram) | `provider`, `model` | how long they took |
/// | `conversation_provider_retries_total` | `provider`, `model` | requests that were sent again |
/// | `conversation_provider_refusals_total` | `provider`, `model` | requests that were refused |
/// | `conversation_tokens_total` | `provider`, `model`, `direction` | tokens: `input`, `output` |
/// | `conversation_tool_calls_total` | `outcome` | calls of tools: `ok`, `error` |
/// | `conversation_media_total` | `event` | media: `stored`, `duplicated`, `read`, `missing`, `deleted`, `expired`, `inline`, `omitted` |
/// | `conversation_media_bytes_total` | `event` | bytes of media: `stored`, `read`, `freed` |
/// | `conversation_failed_saves_total` | | saves that failed after their caller had gone |
/// | `conversation_warnings_total` | | warnings |
///
/// No label holds a user, a conversation or a name that a model wrote, so their number is bounded.
///
/// ```
/// use conversation_events::{Listeners, MetricsListener};
///
/// let listeners = Listeners::new(vec![Box::new(MetricsListener)]);
/// # let _ = listeners;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetricsListener;

impl Listener for MetricsListener {
    fn on_event(&self, event: &Event) {
        count(&event.kind);
    }
}

fn count(kind: &EventKind) {
    match kind {
        EventKind::TurnStarted => turn("started", None),
        EventKind::TurnFinished { duration, .. } => turn("complete", Some(*duration)),
        EventKind::TurnInterrupted { duration, .. } => turn("interrupted", Some(*duration)),
        EventKind::TurnFailed { duration, .. } => turn("failed", Some(*duration)),
        EventKind::TurnRetried => turn("retried", None),
        EventKind::TurnSuspended => turn("suspended", None),
        EventKind::ProviderCalled {
            provider,
            model,
            is_error,
            usage,
            duration,
            ..
        } => request(&Model(provider, model), *is_error, *usage, *duration),
        EventKind::ProviderRetried {
            provider,
            model,
            retries,
            ..
        } => {
            Model(provider, model).counter("conversation_provider_retries_total", (*retries).into())
        }
        EventKind::ProviderRefused {
            provider, model, ..
        } => Model(provider, model).counter("conversation_provider_refusals_total", 1),
        EventKind::ToolStarted { .. } => {}
        EventKind::ToolFinished { is_error, .. } => {
            metrics::counter!("conversation_tool_calls_total", "outcome" => outcome(*is_error))
                .increment(1);
        }
        EventKind::MediaStored { bytes, .. } => media("stored", 1, Some(("stored", *bytes))),
        EventKind::MediaDuplicated { .. } => media("duplicated", 1, None),
        EventKind::MediaRead { bytes, .. } => media("read", 1, Some(("read", *bytes))),
        EventKind::MediaMissing { .. } => media("missing", 1, None),
        EventKind::MediaDeleted { .. } => media("deleted", 1, None),
        EventKind::MediaScopeDeleted {
            references,
            freed_bytes,
        } => media("deleted", *references, Some(("freed", *freed_bytes))),
        EventKind::MediaExpired {
            references,
            freed_bytes,
        } => media("expired", *references, Some(("freed", *freed_bytes))),
        EventKind::MediaKeptInline(_) => media("inline", 1, None),
        EventKind::MediaOmitted { .. } => media("omitted", 1, None),
        EventKind::SaveFailed { .. } => {
            metrics::counter!("conversation_failed_saves_total").increment(1);
        }
        EventKind::Warning { .. } => metrics::counter!("conversation_warnings_total").increment(1),
    }
}

fn outcome(is_error: bool) -> &'static str {
    if is_error { "error" } else { "ok" }
}

fn turn(outcome: &'static str, duration: Option<Duration>) {
    metrics::counter!("conversation_turns_total", "outcome" => outcome).increment(1);
    if let Some(duration) = duration {
        metrics::histogram!("conversation_turn_seconds", "outcome" => outcome).record(duration);
    }
}

fn media(event: &'static str, items: u64, bytes: Option<(&'static str, u64)>) {
    metrics::counter!("conversation_media_total", "event" => event).increment(items);
    if let Some((event, bytes)) = bytes {
        metrics::counter!("conversation_media_bytes_total", "event" => event).increment(bytes);
    }
}

/// A provider and its model.
struct Model<'a>(&'a str, &'a str);

impl Model<'_> {
    fn counter(&self, name: &'static str, by: u64) {
        let (provider, model) = (self.0.to_owned(), self.1.to_owned());
        metrics::counter!(name, "provider" => provider, "model" => model).increment(by);
    }

    fn tokens(&self, direction: &'static str, tokens: u64) {
        let (provider, model) = (self.0.to_owned(), self.1.to_owned());
        metrics::counter!(
            "conversation_tokens_total",
            "provider" => provider,
            "model" => model,
            "direction" => direction,
        )
        .increment(tokens);
    }
}

fn request(model: &Model<'_>, is_error: bool, usage: TokenUsage, duration: Duration) {
    let (provider, name) = (model.0.to_owned(), model.1.to_owned());
    metrics::counter!(
        "conversation_provider_requests_total",
        "provider" => provider.clone(),
        "model" => name.clone(),
        "outcome" => outcome(is_error),
    )
    .increment(1);
    metrics::histogram!(
        "conversation_provider_seconds",
        "provider" => provider,
        "model" => name,
    )
    .record(duration);
    model.tokens("input", usage.input_tokens);
    model.tokens("output", usage.output_tokens);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use super::*;

    /// The counters that events lead to, by their name and labels.
    fn counted(events: &[EventKind]) -> BTreeMap<String, u64> {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        metrics::with_local_recorder(&recorder, || events.iter().for_each(count));
        let metrics = snapshotter.snapshot().into_vec().into_iter();
        metrics
            .filter_map(|(key, _, _, value)| {
                let DebugValue::Counter(value) = value else {
                    return None;
                };
                let labels: Vec<&str> = key.key().labels().map(metrics::Label::value).collect();
                Some((format!("{} {}", key.key().name(), labels.join(" ")), value))
            })
            .collect()
    }

    #[test]
    fn requests_are_counted_by_model() {
        let usage = TokenUsage::new(10, 5);
        let called = |is_error| {
            EventKind::provider_called("openai", "m", 0, is_error, usage, Duration::from_secs(1))
        };
        let counted = counted(&[
            EventKind::provider_retried("openai", "m", 0, 2),
            called(false),
            called(true),
        ]);
        let of = |name: &str| counted.get(name).copied();
        assert_eq!(
            of("conversation_provider_requests_total openai m ok"),
            Some(1)
        );
        assert_eq!(
            of("conversation_provider_requests_total openai m error"),
            Some(1)
        );
        assert_eq!(of("conversation_provider_retries_total openai m"), Some(2));
        assert_eq!(of("conversation_tokens_total openai m input"), Some(20));
        assert_eq!(of("conversation_tokens_total openai m output"), Some(10));
    }

    #[test]
    fn media_is_counted_in_items_and_bytes() {
        let counted = counted(&[
            EventKind::MediaScopeDeleted {
                references: 3,
                freed_bytes: 700,
            },
            EventKind::MediaExpired {
                references: 2,
                freed_bytes: 50,
            },
        ]);
        let of = |name: &str| counted.get(name).copied();
        assert_eq!(of("conversation_media_total deleted"), Some(3));
        assert_eq!(of("conversation_media_total expired"), Some(2));
        assert_eq!(of("conversation_media_bytes_total freed"), Some(750));
    }
}
