//! Deleting media by tags, which only the encrypted store can read.

use std::fs;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use media_encryption::Encrypted;
use media_storage::{
    DamagedMedia, Entry, InMemoryStorage, Inventory, MediaMetadata, MediaStorage,
    MediaStorageExt as _, MetadataPatch, Operation, Scope, StorageError, StorageErrorKind,
    SweepOptions, SweepReport, Usage, VerifyOptions,
};
use media_types::{Mime, StorageReference, UserId};
use tokio::sync::oneshot;

use crate::support::{Watched, local, of, process};

fn tagged(user: &str) -> MediaMetadata {
    of(user).with_tag("purpose", "avatar")
}

fn avatars() -> Scope {
    Scope::tag("purpose", "avatar")
}

async fn put(
    store: &impl MediaStorage,
    bytes: &'static str,
    metadata: MediaMetadata,
) -> StorageReference {
    let stored = store.store_bytes(Mime::IMAGE_PNG, bytes, metadata);
    stored.await.unwrap()
}

fn media(directory: &Path, reference: &StorageReference) -> PathBuf {
    directory.join("media").join(reference.id())
}

/// Changes the envelope that stands in the place of the file name.
fn reseal(
    directory: &Path,
    reference: &StorageReference,
    change: impl FnOnce(String) -> Option<String>,
) {
    let mut path = media(directory, reference).into_os_string();
    path.push(".meta");
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let fields = json.as_object_mut().unwrap();
    let (name, envelope) = fields
        .iter()
        .find(|(_, value)| {
            value
                .as_str()
                .is_some_and(|text| text.starts_with("menc1."))
        })
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .unwrap();
    match change(envelope) {
        Some(envelope) => fields.insert(name, envelope.into()),
        None => fields.remove(&name),
    };
    fs::remove_file(&path).unwrap();
    fs::write(&path, json.to_string()).unwrap();
}

fn outcome(report: SweepReport) -> (u64, u64, u64) {
    (report.deleted, report.failed, report.unattributed)
}

#[tokio::test]
async fn media_whose_tags_cannot_be_read_is_not_passed_over_in_silence() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let store = process(directory).await;
    put(&store, "sound", tagged("ann")).await;
    let other = put(&store, "other", of("ann").with_tag("purpose", "page")).await;
    let swapped = put(&store, "swapped", tagged("ann")).await;
    let cut = put(&store, "cut", tagged("ann")).await;
    let lost = put(&store, "lost", tagged("ann")).await;
    let forgotten = put(&store, "forgotten", tagged("ben")).await;
    let quarantined = put(&store, "quarantined", tagged("ann")).await;
    reseal(directory, &swapped, |envelope| {
        let (head, last) = envelope.split_at(envelope.len() - 1);
        Some(format!("{head}{}", if last == "0" { "1" } else { "0" }))
    });
    reseal(directory, &cut, |envelope| Some(envelope[..20].to_owned()));
    reseal(directory, &lost, |_| None);
    store
        .forget_key("ben".parse::<UserId>().unwrap())
        .await
        .unwrap();
    let path = media(directory, &quarantined);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "other bytes").unwrap();
    let options = VerifyOptions::new().with_damaged(DamagedMedia::Quarantine);
    let report = store.verifier().unwrap().verify(options).await.unwrap();
    assert_eq!(report.quarantined, 2, "{report:?}");

    // Whose this is cannot be read any more.
    let unreadable = put(&store, "unreadable", tagged("eve")).await;
    let path = media(directory, &unreadable);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "other bytes").unwrap();
    let report = store.verifier().unwrap().verify(options).await.unwrap();
    assert_eq!(report.quarantined, 2, "{report:?}");
    let meta = format!("{}.meta", unreadable.file_name());
    let meta = find(&directory.join("media/.store/quarantine"), &meta).unwrap();
    fs::write(&meta, "{").unwrap();

    let report = store.delete_scope(avatars()).await.unwrap();
    assert_eq!(outcome(report), (1, 4, 2), "{report:?}");
    // Also with an id, by which the inner store chooses.
    let anns = Scope::all_of([avatars(), Scope::User("ann".parse().unwrap())]);
    let report = store.delete_scope(anns).await.unwrap();
    assert_eq!(outcome(report), (0, 4, 1), "{report:?}");
    let nobodys = Scope::all_of([avatars(), Scope::User("eve".parse().unwrap())]);
    let report = store.delete_scope(nobodys).await.unwrap();
    assert_eq!(outcome(report), (0, 1, 0), "{report:?}");
    for reference in [&other, &swapped, &cut, &lost, &forgotten] {
        assert!(media(directory, reference).exists());
    }
    assert_eq!(store.retrieve_bytes(&other, 10).await.unwrap(), "other");
    // What is left goes with its user.
    for (user, deleted) in [("ann", 5), ("ben", 1)] {
        let scope = Scope::User(user.parse().unwrap());
        let report = store.delete_scope(scope).await.unwrap();
        assert_eq!(outcome(report), (deleted, 1, 0), "{report:?}");
    }
    store.delete(&unreadable).await.unwrap();
    let report = store.delete_scope(avatars()).await.unwrap();
    assert_eq!(outcome(report), (0, 0, 0), "{report:?}");
}

/// Finds a file by the end of its name.
fn find(directory: &Path, end: &str) -> Option<PathBuf> {
    fs::read_dir(directory).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => find(&path, end),
            false => path.to_string_lossy().ends_with(end).then_some(path),
        }
    })
}

/// A store whose quarantine cannot be counted, and that is not walked for it.
#[derive(Clone, Debug)]
struct Uncounted(InMemoryStorage);

#[async_trait]
impl MediaStorage for Uncounted {
    media_storage::forward_storage!(
        self => self.0;
        backend, name, store, retrieve_opts, delete_opts, duplicate, update, delete_many,
        url_signer, verifier, importer,
    );

    fn inventory(&self) -> Option<&dyn Inventory> {
        Some(self)
    }
}

#[async_trait]
impl Inventory for Uncounted {
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        self.0.list(scope)
    }

    async fn usage(&self, _: Scope) -> Result<Usage, StorageError> {
        panic!("a deletion walks over the store once")
    }

    async fn quarantined(&self, _: Scope) -> Result<u64, StorageError> {
        let (kind, operation) = (StorageErrorKind::Unavailable, Operation::Usage);
        Err(StorageError::new(kind, operation))
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        self.0.delete_scope(scope).await
    }

    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        self.0.sweep(options).await
    }
}

#[tokio::test]
async fn a_deletion_by_tag_reports_what_it_deleted_if_the_quarantine_cannot_be_counted() {
    let directory = tempfile::tempdir().unwrap();
    let inner = Uncounted(InMemoryStorage::new());
    let store = Encrypted::new(inner, local(directory.path()).await);
    put(&store, "bytes", tagged("ann")).await;
    let report = store.delete_scope(avatars()).await.unwrap();
    assert_eq!(outcome(report), (1, 1, 0), "{report:?}");
}

/// The key of media is asked for between its listing and its deletion.
#[tokio::test]
async fn media_that_was_given_to_another_user_since_it_was_listed_stays() {
    let directory = tempfile::tempdir().unwrap();
    let inner = InMemoryStorage::new();
    let keys = local(directory.path()).await;
    let reference = put(&Encrypted::new(inner.clone(), keys), "bytes", tagged("ann")).await;
    let provider = Watched::new(local(directory.path()).await);
    let store = Encrypted::new(inner.clone(), provider.clone());
    let (there, arrived) = oneshot::channel();
    let (go, gone) = oneshot::channel();
    *provider.hold.lock().unwrap() = Some((there, gone));
    let deleting = async {
        let anns = Scope::all_of([avatars(), Scope::User("ann".parse().unwrap())]);
        store.delete_scope(anns).await.unwrap()
    };
    let changing = async {
        arrived.await.unwrap();
        let plain = StorageReference::builder("memory", reference.id()).build();
        let patch = MetadataPatch::new().with_user(Some("ben".parse().unwrap()));
        inner.update(&plain.unwrap(), patch).await.unwrap();
        go.send(()).unwrap();
    };
    let (report, ()) = tokio::join!(deleting, changing);
    assert_eq!(outcome(report), (0, 0, 0), "{report:?}");
    assert_eq!(store.retrieve_bytes(&reference, 10).await.unwrap(), "bytes");
}
