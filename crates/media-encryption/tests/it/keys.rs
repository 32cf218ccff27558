//! Keys in files: one for an owner, whoever makes it; rotation; wrong master keys; hands.

use media_encryption::{
    Encrypted, KeyErrorKind, KeyId, KeyOwner, KeyProvider as _, LocalKeys, MasterKey,
};
use media_storage::{InMemoryStorage, MediaStorageExt as _};

use crate::support::{local, master, noise, put};

fn user(name: &str) -> KeyOwner {
    KeyOwner::User(name.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_owner_has_one_key_whoever_asks_first() {
    let directory = tempfile::tempdir().unwrap();
    let mut asking = Vec::new();
    for at in 0..40 {
        let keys = local(directory.path()).await;
        let owner = user(if at % 2 == 0 { "ann" } else { "ben" });
        asking.push(tokio::spawn(async move {
            keys.current_key(&owner).await.unwrap()
        }));
    }
    let mut found = std::collections::BTreeMap::new();
    for task in asking {
        let key = task.await.unwrap();
        let before = found.insert(key.id(), *key.expose_secret());
        assert!(before.is_none_or(|secret| secret == *key.expose_secret()));
    }
    assert_eq!(found.len(), 2);
}

#[tokio::test]
async fn owners_of_other_kinds_are_other_owners() {
    let directory = tempfile::tempdir().unwrap();
    let keys = local(directory.path()).await;
    let owners = [
        user("a"),
        KeyOwner::Session("a".parse().unwrap()),
        KeyOwner::Conversation("a".parse().unwrap()),
        KeyOwner::Shared,
    ];
    let mut ids = std::collections::BTreeSet::new();
    for owner in &owners {
        ids.insert(keys.current_key(owner).await.unwrap().id());
    }
    assert_eq!(ids.len(), owners.len());
}

#[tokio::test]
async fn rotation_rewraps_keys_and_touches_no_media() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    let inner = InMemoryStorage::new();
    let bytes = noise(5000);
    let keys = local(directory.path()).await;
    let store = Encrypted::new(inner.clone(), keys.clone());
    let anns = put(&store, &bytes, "ann").await.unwrap();
    put(&store, &bytes, "ben").await.unwrap();
    keys.forget(&user("ben")).await.unwrap();

    let rotating = LocalKeys::builder(&path, master(8)).with_previous_master_key(master(7));
    let keys = rotating.open().await.unwrap();
    let store = Encrypted::new(inner.clone(), keys.clone());
    let eves = put(&store, &bytes, "eve").await.unwrap();
    let done = keys.rewrap().await.unwrap();
    assert_eq!((done.rewrapped, done.unchanged), (1, 1));
    let done = keys.rewrap().await.unwrap();
    assert_eq!((done.rewrapped, done.unchanged), (0, 2));

    let keys = LocalKeys::builder(&path, master(8)).open().await.unwrap();
    let store = Encrypted::new(inner, keys);
    for reference in [anns, eves] {
        assert_eq!(store.retrieve_bytes(&reference, 5000).await.unwrap(), bytes);
    }
    let old = LocalKeys::builder(&path, master(7))
        .open()
        .await
        .unwrap_err();
    assert_eq!(old.kind(), KeyErrorKind::Config, "{old}");
    assert!(old.to_string().contains("master key"), "{old}");
}

#[tokio::test]
async fn a_mistyped_directory_is_an_error_and_no_set_of_new_keys() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keyz");
    let error = LocalKeys::builder(&path, master(7))
        .open()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), KeyErrorKind::Config);
    assert!(!path.exists());
    for bad in ["", "5a", &"5a".repeat(33), &"xy".repeat(32)] {
        let error = MasterKey::from_hex(bad).unwrap_err();
        assert!(!error.to_string().contains("xyxy"), "{error}");
    }
}

#[tokio::test]
async fn unknown_forgotten_and_damaged_keys_differ() {
    let directory = tempfile::tempdir().unwrap();
    let keys = local(directory.path()).await;
    let id = keys.current_key(&user("ann")).await.unwrap().id();
    assert_eq!(keys.key(id).await.unwrap().id(), id);
    let unknown = keys.key(KeyId::from_bytes([1; KeyId::LEN])).await;
    assert_eq!(unknown.unwrap_err().kind(), KeyErrorKind::Unknown);
    keys.forget(&user("ann")).await.unwrap();
    let forgotten = keys.key(id).await.unwrap_err();
    assert_eq!(forgotten.kind(), KeyErrorKind::Forgotten);
    let tag: String = id.to_string().chars().take(32).collect();
    let file = directory.path().join("keys").join(format!("{tag}.json"));
    for (text, kind) in [
        ("{", KeyErrorKind::Damaged),
        (r#"{"format_version":2}"#, KeyErrorKind::Config),
    ] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(keys.key(id).await.unwrap_err().kind(), kind, "{text}");
    }
}

/// Root may read every file, and write in few places of the kernel.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_directory_that_may_not_be_written_is_no_place_for_keys() {
    let refused = LocalKeys::builder("/sys/kernel/keys-of-media", master(7))
        .with_create(true)
        .open()
        .await;
    assert_eq!(refused.unwrap_err().kind(), KeyErrorKind::Permission);
}
