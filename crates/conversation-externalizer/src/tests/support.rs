//! What tests share.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use conversation_types::{Message, Part, Role};
use media_loader::MediaLoader;
use media_storage::{
    InMemoryStorage, Inventory, MediaBody, MediaStorage, MediaStorageExt, Scope, Sha256Hasher,
};
use media_types::{MediaContent, Mime, StorageReference, base64};

use crate::{
    Batch, BatchKind, ExternalizeError, ExternalizeOptions, ExternalizeReport, Externalizer,
    MediaOwner, PendingReferences, ReceivedInfo, ReceivedLookup, SpawnRollback,
};

pub(super) const KIB: usize = 1024;

/// Bytes that start as a PNG does, differ by seed and do not repeat.
pub(super) fn png_bytes(seed: u8, size: usize) -> Bytes {
    typed_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", seed, size)
}

pub(super) fn jpeg_bytes(seed: u8, size: usize) -> Bytes {
    typed_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF\0", seed, size)
}

pub(super) fn typed_bytes(head: &[u8], seed: u8, size: usize) -> Bytes {
    let mut state = u32::from(seed) + 1;
    let mut bytes = head.to_vec();
    while bytes.len() < size {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.push((state >> 24) as u8);
    }
    bytes.truncate(size);
    bytes.into()
}

pub(super) fn png(seed: u8, size: usize) -> MediaContent {
    MediaContent::from_bytes(Mime::IMAGE_PNG, png_bytes(seed, size))
}

pub(super) fn png_base64(seed: u8, size: usize) -> String {
    base64::encode(&png_bytes(seed, size))
}

pub(super) fn owner() -> MediaOwner {
    let mut owner = MediaOwner::new("conv-1".parse().unwrap());
    owner.session = Some("session-1".parse().unwrap());
    owner.run = Some("run-1".parse().unwrap());
    owner.user = Some("user-1".parse().unwrap());
    owner
}

pub(super) fn externalizer(
    storage: impl MediaStorage,
    options: ExternalizeOptions,
) -> Externalizer {
    let storage: Arc<dyn MediaStorage> = Arc::new(storage);
    let loader = MediaLoader::builder()
        .with_storage(Arc::clone(&storage))
        .build();
    Externalizer::new(Some(storage), loader, options)
}

pub(super) fn pending(externalizer: &Externalizer) -> PendingReferences {
    let spawner: Arc<dyn SpawnRollback> = Arc::new(tokio::runtime::Handle::current());
    PendingReferences::new(externalizer.storage().cloned(), spawner)
}

/// Externalizes and commits; panics on errors.
pub(super) async fn run(
    externalizer: &Externalizer,
    kind: BatchKind,
    messages: &mut [Message],
) -> ExternalizeReport {
    let mut pending = pending(externalizer);
    let report = try_run(externalizer, kind, messages, &mut pending)
        .await
        .unwrap();
    pending.commit();
    report
}

pub(super) async fn try_run(
    externalizer: &Externalizer,
    kind: BatchKind,
    messages: &mut [Message],
    pending: &mut PendingReferences,
) -> Result<ExternalizeReport, ExternalizeError> {
    let owner = owner();
    let batch = Batch::new(&owner, 10, kind).with_provider(Some("scripted"));
    externalizer.externalize(&batch, messages, pending).await
}

/// A store, and one message after it was externalized with default options.
pub(super) async fn externalized(role: Role, content: Vec<Part>) -> (InMemoryStorage, Message) {
    let store = InMemoryStorage::new();
    let externalizer = externalizer(store.clone(), ExternalizeOptions::new());
    let kind = if role == Role::User {
        BatchKind::User
    } else {
        BatchKind::Answer
    };
    let mut messages = [Message::new(role, content)];
    let report = run(&externalizer, kind, &mut messages).await;
    assert!(report.omitted.is_empty() && report.inline_fallbacks.is_empty());
    let [message] = messages;
    (store, message)
}

pub(super) async fn count(store: &InMemoryStorage) -> u64 {
    store.usage(Scope::All).await.unwrap().references
}

/// The bytes of a media part, wherever they are.
pub(super) async fn bytes_of(store: &InMemoryStorage, part: &Part) -> Bytes {
    let content = part.as_media().expect("a media part");
    match content.reference() {
        Some(reference) => store.retrieve_bytes(reference, u64::MAX).await.unwrap(),
        None => content.inline().expect("inline or stored").clone(),
    }
}

/// The number of references in the JSON of a message.
pub(super) fn references_in(message: &Message) -> usize {
    let json = serde_json::to_string(message).unwrap();
    json.matches("\"storage_reference\":{").count()
}

/// A message in words: text as it is, media as its type and whether it is stored.
pub(super) fn shown(message: &Message) -> Vec<String> {
    let show = |part: &Part| match part {
        Part::Text(text) => text.text.clone(),
        Part::Media(content) if content.reference().is_some() => {
            format!("<{} stored>", content.mime())
        }
        Part::Media(content) => format!("<{} inline>", content.mime()),
        Part::Omitted(omitted) => format!("<{} {}>", omitted.mime, omitted.reason),
        Part::Unknown(unknown) => format!("?{}", unknown.json().get()),
        other => format!("{other:?}"),
    };
    message.content.iter().map(show).collect()
}

/// Media that a turn has received, by id.
#[derive(Debug, Default)]
pub(super) struct Spools(HashMap<String, Bytes>);

impl Spools {
    pub(super) fn hold(&mut self, id: &str, bytes: Bytes) -> MediaContent {
        let reference = StorageReference::builder("received", id)
            .with_size(bytes.len() as u64)
            .build()
            .unwrap();
        self.0.insert(id.to_owned(), bytes);
        MediaContent::from_reference(Mime::IMAGE_PNG, reference)
    }
}

impl ReceivedLookup for Spools {
    fn find(&self, reference: &StorageReference) -> Option<ReceivedInfo> {
        let bytes = self
            .0
            .get(reference.id())
            .filter(|_| reference.backend() == "received")?;
        Some(ReceivedInfo {
            size: bytes.len() as u64,
            sha256: Sha256Hasher::digest(bytes),
        })
    }

    fn open(&self, reference: &StorageReference) -> Option<MediaBody> {
        self.0
            .get(reference.id())
            .cloned()
            .map(MediaBody::from_bytes)
    }
}

pub(super) fn four(size: usize) -> Message {
    Message::user(
        (1..=4)
            .map(|seed| png(seed, size).into())
            .collect::<Vec<Part>>(),
    )
}
