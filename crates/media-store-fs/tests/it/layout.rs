//! Where things lie and what they look like.

use std::collections::BTreeMap;

use media_storage::{
    MediaMetadata, MediaStorageExt as _, Organization, RetentionPolicy, StorageErrorKind,
};
use media_store_fs::{FilePermissions, FileStore, IndexExport};
use media_types::{Mime, RunId};

use crate::support::{Place, get, internals, of, put, tree};

fn complete() -> MediaMetadata {
    of("session-1", "conv-1").with_run(RunId::new("run-1").unwrap())
}

#[tokio::test]
async fn each_organisation_lays_files_out_as_documented() {
    for (organization, directory) in [
        (Organization::Flat, ""),
        (Organization::ByConversation, "conv-1/"),
        (Organization::BySession, "session-1/conv-1/"),
        (Organization::ByRun, "run-1/session-1/conv-1/"),
    ] {
        let place = Place::new();
        let store = place
            .builder()
            .with_organization(organization)
            .build()
            .await
            .unwrap();
        let reference = put(&store, "bytes", complete()).await;
        let name = reference.id().strip_prefix(directory).unwrap();
        let (stem, extension) = name.split_once('.').unwrap();
        assert_eq!(extension, "png");
        let hash = reference.sha256().unwrap().to_hex();
        assert_eq!(stem.split_once('-').unwrap().0, &hash[..6]);
        assert_eq!(stem.len(), 6 + 1 + 26);
        let files: Vec<String> = tree(&place.media())
            .into_iter()
            .filter(|path| !path.starts_with(".store") && !path.ends_with('/'))
            .collect();
        assert_eq!(
            files,
            [
                reference.id().to_owned(),
                format!("{}.meta", reference.id())
            ]
        );
    }
}

#[tokio::test]
async fn a_missing_id_is_named() {
    for (organization, metadata, id) in [
        (
            Organization::ByConversation,
            MediaMetadata::new(),
            "conversation",
        ),
        (
            Organization::BySession,
            MediaMetadata::new().with_conversation("c".parse().unwrap()),
            "session",
        ),
        (Organization::ByRun, of("s", "c"), "run"),
    ] {
        let place = Place::new();
        let store = place
            .builder()
            .with_organization(organization)
            .build()
            .await
            .unwrap();
        let error = store
            .store_bytes(Mime::IMAGE_PNG, "x", metadata)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::InvalidInput);
        assert!(error.to_string().contains(id), "{error}");
        assert!(internals(&place.media()).is_empty());
    }
}

#[tokio::test]
async fn a_changed_organisation_hides_nothing() {
    let place = Place::new();
    let mut references = Vec::new();
    for organization in Organization::ALL {
        let store = place
            .builder()
            .with_organization(organization)
            .build()
            .await
            .unwrap();
        references.push(put(&store, "bytes", complete()).await);
    }
    let store = place.store().await;
    for reference in &references {
        assert_eq!(get(&store, reference).await, "bytes");
    }
    let inventory = media_storage::MediaStorage::inventory(&store).unwrap();
    for scope in [
        media_storage::Scope::All,
        media_storage::Scope::Run(RunId::new("run-1").unwrap()),
        media_storage::Scope::Session("session-1".parse().unwrap()),
        media_storage::Scope::Conversation("conv-1".parse().unwrap()),
    ] {
        let usage = inventory.usage(scope.clone()).await.unwrap();
        assert_eq!((usage.references, usage.blobs), (4, 1), "{scope:?}");
    }
}

#[tokio::test]
async fn an_organisation_that_another_process_adds_is_seen() {
    let place = Place::new();
    let before = place.store().await;
    let other = place
        .builder()
        .with_organization(Organization::ByRun)
        .build()
        .await
        .unwrap();
    let reference = put(&other, "bytes", complete()).await;
    let inventory = media_storage::MediaStorage::inventory(&before).unwrap();
    let scope = media_storage::Scope::Session("session-1".parse().unwrap());
    assert_eq!(inventory.usage(scope.clone()).await.unwrap().references, 1);
    assert_eq!(inventory.delete_scope(scope).await.unwrap().deleted, 1);
    let error = other.retrieve(&reference).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
}

#[tokio::test]
async fn a_file_in_place_of_a_directory_holds_no_media() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "bytes", complete()).await;
    std::fs::remove_dir_all(place.media().join("session-1")).unwrap();
    std::fs::write(place.media().join("session-1"), "in the way").unwrap();
    let error = store.retrieve(&reference).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
    store.delete(&reference).await.unwrap();
}

#[tokio::test]
async fn the_sidecar_tells_everything_in_plain_json() {
    let place = Place::new();
    let store = place.store().await;
    let metadata = complete()
        .with_user("user123".parse().unwrap())
        .with_message_index(4)
        .with_content_index(1)
        .with_filename("holiday.png".to_owned())
        .with_provider("openai".to_owned())
        .with_retention(RetentionPolicy::RetainDays(30));
    let reference = put(&store, "bytes", metadata).await;
    let text =
        std::fs::read_to_string(place.media().join(format!("{}.meta", reference.id()))).unwrap();
    let json: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    let expected = [
        ("format_version", "1"),
        ("mime_type", "\"image/png\""),
        ("size_bytes", "5"),
        ("conversation_id", "\"conv-1\""),
        ("session_id", "\"session-1\""),
        ("run_id", "\"run-1\""),
        ("user_id", "\"user123\""),
        ("message_index", "4"),
        ("content_index", "1"),
        ("filename", "\"holiday.png\""),
        ("provider", "\"openai\""),
        ("retention", "\"retain-30days\""),
    ];
    for (field, value) in expected {
        assert_eq!(json[field].to_string(), value, "{field}");
    }
    for field in ["id", "sha256", "stored_at", "expires_at"] {
        assert!(json.contains_key(field), "{field}");
    }
    assert!(text.starts_with("{\n  \""), "{text}");
}

#[tokio::test]
async fn the_index_counts_references_by_hash() {
    let place = Place::new();
    let store = place
        .builder()
        .with_index_export(IndexExport::AtClose)
        .build()
        .await
        .unwrap();
    let one = put(&store, "same", of("s", "c1")).await;
    put(&store, "same", of("s", "c2")).await;
    put(&store, "other", of("s", "c2")).await;
    store.close().await.unwrap();
    let read = || -> BTreeMap<String, serde_json::Value> {
        serde_json::from_slice(&std::fs::read(place.media().join(".dedup-index.json")).unwrap())
            .unwrap()
    };
    let index = read();
    assert_eq!(index.len(), 2);
    let hash = one.sha256().unwrap().to_hex();
    let row = &index[&format!("sha256:{hash}")];
    assert_eq!(row["hash"], hash.as_str());
    assert_eq!(row["path"], one.id());
    assert_eq!(
        (row["size"].as_u64(), row["ref_count"].as_u64()),
        (Some(4), Some(2))
    );
    assert_eq!(row["mime_type"], "image/png");
    assert!(row["created_at"].is_string() && row["last_accessed"].is_string());
    store.delete(&one).await.unwrap();
    store.export_dedup_index().await.unwrap();
    assert_eq!(read()[&format!("sha256:{hash}")]["ref_count"], 1);
    store.close().await.unwrap();
    assert!(tree(&place.media().join(".store/tmp")).is_empty());
}

#[tokio::test]
async fn shared_bytes_are_one_inode_and_go_with_the_last_reference() {
    let place = Place::new();
    let store = place.store().await;
    let mut references = Vec::new();
    for conversation in ["c1", "c2", "c3"] {
        references.push(put(&store, "shared", of("s", conversation)).await);
    }
    assert_eq!(internals(&place.media()).len(), 1, "one blob");
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let inodes: std::collections::HashSet<u64> = references
            .iter()
            .map(|r| std::fs::metadata(place.media().join(r.id())).unwrap().ino())
            .collect();
        assert_eq!(inodes.len(), 1);
    }
    for reference in &references {
        store.delete(reference).await.unwrap();
    }
    assert!(internals(&place.media()).is_empty());
    let left: Vec<String> = tree(&place.media())
        .into_iter()
        .filter(|path| !path.starts_with(".store"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_session_removed_by_hand_harms_no_other() {
    let place = Place::new();
    let store = place.store().await;
    let gone = put(&store, "shared", of("owner", "c")).await;
    let kept = put(&store, "shared", of("other", "c")).await;
    std::fs::remove_dir_all(place.media().join("owner")).unwrap();
    assert_eq!(get(&store, &kept).await, "shared");
    let error = store.retrieve(&gone).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
    let inventory = media_storage::MediaStorage::inventory(&store).unwrap();
    let usage = inventory.usage(media_storage::Scope::All).await.unwrap();
    assert_eq!((usage.references, usage.blobs), (1, 1));
    // The directory whose handle the store holds is gone; the next store makes it anew.
    let again = put(&store, "shared", of("owner", "c")).await;
    assert_eq!(get(&store, &again).await, "shared");
}

#[tokio::test]
async fn a_moved_directory_keeps_every_reference() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "bytes", of("s", "c")).await;
    let moved = place.root().join("elsewhere");
    std::fs::rename(place.media(), &moved).unwrap();
    assert_eq!(get(&store, &reference).await, "bytes");
    let reopened = FileStore::open(&moved).await.unwrap();
    assert_eq!(get(&reopened, &reference).await, "bytes");
}

#[tokio::test]
async fn bytes_without_deduplication_are_files_of_their_own() {
    let place = Place::new();
    let store = place
        .builder()
        .with_deduplication(false)
        .build()
        .await
        .unwrap();
    let one = put(&store, "same", of("s", "c")).await;
    let two = put(&store, "same", of("s", "c")).await;
    assert!(internals(&place.media()).is_empty());
    let inventory = media_storage::MediaStorage::inventory(&store).unwrap();
    let usage = inventory.usage(media_storage::Scope::All).await.unwrap();
    assert_eq!((usage.references, usage.blobs, usage.copies), (2, 2, 0));
    store.delete(&one).await.unwrap();
    assert_eq!(get(&store, &two).await, "same");
}

#[cfg(unix)]
#[tokio::test]
async fn modes_are_those_that_were_asked_for() {
    use std::os::unix::fs::PermissionsExt as _;
    for (permissions, media, sidecar, directory) in [
        (FilePermissions::Private, 0o400, 0o600, 0o700),
        (FilePermissions::GroupReadable, 0o440, 0o640, 0o750),
        (FilePermissions::GroupShared, 0o440, 0o660, 0o2770),
    ] {
        let place = Place::new();
        let store = place
            .builder()
            .with_permissions(permissions)
            .build()
            .await
            .unwrap();
        let reference = put(&store, "bytes", of("s", "c")).await;
        let mode = |path: &str| {
            let metadata = std::fs::metadata(place.media().join(path)).unwrap();
            metadata.permissions().mode() & 0o7777
        };
        assert_eq!(mode(reference.id()), media);
        assert_eq!(mode(&format!("{}.meta", reference.id())), sidecar);
        for path in ["", "s", "s/c"] {
            assert_eq!(mode(path), directory, "{permissions:?} {path}");
        }
        for path in [".store", ".store/tmp", ".store/blobs/sha256"] {
            assert_eq!(mode(path), directory, "{permissions:?} {path}");
        }
        assert_eq!(mode(".store/format.json"), sidecar);
    }
}

#[tokio::test]
async fn a_format_of_a_later_version_is_refused() {
    let place = Place::new();
    drop(place.store().await);
    let format = place.media().join(".store/format.json");
    let text = std::fs::read_to_string(&format).unwrap();
    std::fs::write(
        &format,
        text.replace("\"format_version\": 1", "\"format_version\": 2"),
    )
    .unwrap();
    let error = place.builder().build().await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Config);
    std::fs::write(&format, "{").unwrap();
    let error = place.builder().build().await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Config);
}
