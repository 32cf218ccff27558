//! What spans and events of `Instrumented` say.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};

use media_storage::layers::Instrumented;
use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt as _};
use media_types::{Mime, StorageReference};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes down every field.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<String>>);

impl Visit for Recorder {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = self.0.lock().unwrap();
        write!(text, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn spans_name_media_but_no_session_conversation_or_user() {
    let recorder = Recorder::default();
    let _recording = tracing::subscriber::set_default(recorder.clone());
    let store = Instrumented::new(InMemoryStorage::new());
    let metadata = MediaMetadata::new()
        .with_session("session-of-will".parse().unwrap())
        .with_conversation("diagnosis".parse().unwrap())
        .with_user("will".parse().unwrap())
        .with_filename("results-of-will.png".to_owned());
    let stored = store.store_bytes(Mime::IMAGE_PNG, "bytes", metadata).await;
    let stored = stored.unwrap();
    let id = format!("session-of-will/diagnosis/{}", stored.file_name());
    let elsewhere = StorageReference::builder("memory", id).build().unwrap();
    for reference in [&stored, &elsewhere] {
        let _ = store.retrieve(reference).await;
        let _ = store.delete(reference).await;
    }
    let text = recorder.0.lock().unwrap().clone();
    assert!(text.contains(stored.file_name()), "{text}");
    assert!(text.contains("outcome=InvalidRef"), "{text}");
    assert!(
        !text.contains("will") && !text.contains("diagnosis"),
        "{text}"
    );
}
