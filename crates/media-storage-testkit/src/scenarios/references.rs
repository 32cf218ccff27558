//! References: gone, foreign, malformed, altered, out of scope.

use media_storage::{
    DeleteOptions, MediaStorage, MediaStorageExt as _, RetrieveOptions, Scope, Sha256Hasher,
    StorageErrorKind,
};
use media_types::{Sha256, StorageReference, StorageReferenceBuilder};

use crate::backend::AnyBackend;
use crate::fixture::{about, conversation, fails, holds, is_not_found, noise, open, put};

/// A reference like this one with another id.
fn with_id(reference: &StorageReference, id: &str) -> Option<StorageReference> {
    rebuilt(reference, reference.backend(), id).build().ok()
}

fn rebuilt(reference: &StorageReference, backend: &str, id: &str) -> StorageReferenceBuilder {
    let mut builder = StorageReference::builder(backend, id);
    if let Some(name) = reference.store_name() {
        builder = builder.with_store_name(name);
    }
    builder
}

async fn is_invalid(store: &impl MediaStorage, reference: &StorageReference) {
    for options in [
        RetrieveOptions::new(),
        RetrieveOptions::new().with_head(),
        RetrieveOptions::new().with_range(0..1),
    ] {
        let opened = store.retrieve_opts(reference, options).await;
        fails(opened, StorageErrorKind::InvalidRef);
    }
    fails(store.delete(reference).await, StorageErrorKind::InvalidRef);
}

/// Deleting is idempotent, and what was deleted is not found.
pub async fn deletes_are_idempotent(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let reference = put(&store, &noise(1, 100), about("conv-1")).await;
    for _ in 0..3 {
        store.delete(&reference).await.unwrap();
        is_not_found(&store, &reference).await;
    }
    let other = open(backend).await;
    other.delete(&reference).await.unwrap();
}

/// A reference of another backend or another store is refused.
pub async fn foreign_references_are_refused(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 100);
    let reference = put(&store, &bytes, about("conv-1")).await;
    let other_backend = rebuilt(&reference, "elsewhere", reference.id());
    is_invalid(&store, &other_backend.build().unwrap()).await;
    let other_store = rebuilt(&reference, store.backend(), reference.id());
    let other_store = other_store.with_store_name("not-this-one");
    is_invalid(&store, &other_store.build().unwrap()).await;
    holds(&store, &reference, &bytes).await;
}

/// An id that names something other than media is refused, whatever is there.
pub async fn internal_names_are_refused(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 100);
    let reference = put(&store, &bytes, about("conv-1")).await;
    let id = reference.id();
    let (directories, file) = id.rsplit_once('/').unwrap_or(("", id));
    for bad in [
        format!("{id}.meta"),
        format!("{id}/"),
        format!("/{id}"),
        format!("./{id}"),
        format!("{id}/../{file}"),
        format!("../{id}"),
        format!("..\\{id}"),
        format!("a/b/c/d/e/{id}"),
        format!(".store/{file}"),
        format!(".store/tmp/{file}"),
        format!("{directories}//{file}"),
        format!("{directories}/ {file}"),
        format!("{id}\u{2215}"),
        id.to_uppercase(),
        id[..id.len() - 1].replace('.', ""),
        ".".to_owned(),
        "..".to_owned(),
        "/".to_owned(),
        ".dedup-index.json".to_owned(),
        ".store".to_owned(),
        ".store/format.json".to_owned(),
        "/etc/passwd".to_owned(),
        "../../../../etc/passwd".to_owned(),
        "C:\\Windows\\win.ini".to_owned(),
        "file:///etc/passwd".to_owned(),
        "session-1".to_owned(),
        "x".repeat(1024),
    ] {
        let Some(bad) = with_id(&reference, &bad) else {
            continue;
        };
        if bad.id() != id {
            is_invalid(&store, &bad).await;
        }
    }
    holds(&store, &reference, &bytes).await;
}

/// A reference whose size or hash is not that of the media is refused and deletes nothing; what
/// is for display only is not looked at.
pub async fn altered_references_are_refused(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 100);
    let reference = put(&store, &bytes, about("conv-1")).await;
    let (size, hash) = (reference.size().unwrap(), Sha256Hasher::digest(&bytes));
    let same = || rebuilt(&reference, store.backend(), reference.id());
    for altered in [
        same().with_size(size + 1).with_sha256(hash),
        same().with_size(0),
        same().with_size(size).with_sha256(Sha256::EMPTY),
        same().with_sha256(Sha256::EMPTY),
    ] {
        is_invalid(&store, &altered.build().unwrap()).await;
    }
    for harmless in [
        same(),
        same().with_size(size),
        same().with_sha256(hash),
        same()
            .with_created_at(chrono::DateTime::UNIX_EPOCH)
            .with_metadata("path", "/etc/passwd"),
    ] {
        let read = store.retrieve_bytes(&harmless.build().unwrap(), size).await;
        assert!(read.unwrap() == bytes);
    }
}

/// No id that differs from a real one in one character reaches or removes the media.
pub async fn guessed_ids_reach_nothing(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 100);
    let reference = put(&store, &bytes, about("conv-1")).await;
    let every = if backend.is_slow() { 4 } else { 1 };
    for (at, old) in reference.id().char_indices().step_by(every) {
        for new in ['0', 'z', '/', '.', '%', '\u{e9}'] {
            if new == old {
                continue;
            }
            let mut id = reference.id().to_owned();
            id.replace_range(at..at + old.len_utf8(), new.encode_utf8(&mut [0; 4]));
            let Some(guess) = with_id(&reference, &id) else {
                continue;
            };
            let error = store.retrieve(&guess).await.expect_err("a guess is no key");
            assert!(
                matches!(
                    error.kind(),
                    StorageErrorKind::NotFound | StorageErrorKind::InvalidRef
                ),
                "{id}: {error:?}"
            );
            if let Err(error) = store.delete(&guess).await {
                assert_eq!(error.kind(), StorageErrorKind::InvalidRef, "{id}");
            }
        }
    }
    holds(&store, &reference, &bytes).await;
}

fn scopes(run: &str, session: &str, of_conversation: &str, user: &str) -> [Scope; 4] {
    [
        Scope::Run(run.parse().unwrap()),
        Scope::Session(session.parse().unwrap()),
        conversation(of_conversation),
        Scope::User(user.parse().unwrap()),
    ]
}

/// Media is read and deleted within its scopes only; outside them it looks as if it were not
/// there.
pub async fn expected_scopes_are_kept(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 100);
    let metadata = about("conv-1").with_user("user-1".parse().unwrap());
    let reference = put(&store, &bytes, metadata).await;
    let foreign = scopes("run-2", "session-2", "conv-2", "user-2");
    let crossed = scopes("conv-1", "run-1", "session-1", "conv-1");
    let mut texts = Vec::new();
    for scope in foreign.iter().chain(&crossed) {
        for options in [RetrieveOptions::new(), RetrieveOptions::new().with_head()] {
            let options = options.with_expected_scope(scope.clone());
            let opened = store.retrieve_opts(&reference, options).await;
            texts.push(fails(opened, StorageErrorKind::NotFound).to_string());
        }
        let options = DeleteOptions::new().with_expected_scope(scope.clone());
        let deleted = store.delete_opts(&reference, options).await;
        fails(deleted, StorageErrorKind::NotFound);
    }
    let own = scopes("run-1", "session-1", "conv-1", "user-1");
    for scope in own.into_iter().chain([Scope::All]) {
        let options = RetrieveOptions::new().with_expected_scope(scope);
        let stored = store.retrieve_opts(&reference, options).await.unwrap();
        assert!(stored.body.bytes(100).await.unwrap() == bytes);
    }
    let nobodys = put(&store, &bytes, about("conv-1")).await;
    let of_user = Scope::User("user-1".parse().unwrap());
    let options = RetrieveOptions::new().with_expected_scope(of_user);
    let opened = store.retrieve_opts(&nobodys, options).await;
    fails(opened, StorageErrorKind::NotFound);

    let options = DeleteOptions::new().with_expected_scope(conversation("conv-1"));
    store
        .delete_opts(&reference, options.clone())
        .await
        .unwrap();
    let gone = store.retrieve(&reference).await;
    let gone = fails(gone, StorageErrorKind::NotFound).to_string();
    assert!(
        texts.iter().all(|text| *text == gone),
        "errors reveal that foreign media exists: {texts:?}, {gone}"
    );
    let again = store.delete_opts(&reference, options).await;
    fails(again, StorageErrorKind::NotFound);
}
