//! What the disk shows: no plaintext, no hash, no file name.

use futures_util::{StreamExt as _, stream};
use media_encryption::{KeyId, LocalKeys};
use media_storage::{MediaBody, MediaStorage, MediaStorageExt as _, MediaUpload, Scope};
use media_storage_testkit::{Secrets, for_each_file};
use media_types::Mime;

use crate::support::{master, of, process};

#[tokio::test]
async fn a_raw_scan_finds_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let store = process(directory.path()).await;
    let secrets = Secrets::new("holiday-in-rome.png");
    let bytes = secrets.media(100_000);
    let metadata = of("ann").with_filename(secrets.filename().to_owned());
    let pieces: Vec<_> = bytes
        .chunks(99_991)
        .map(|part| Ok(bytes.slice_ref(part)))
        .collect();
    let (sent, mut pieces) = (pieces.len(), pieces.into_iter());
    // While it is spooled, every open file is looked at too.
    let mut spools = 0;
    let spooled_secrets = secrets.clone();
    let look = stream::iter((0..sent).map(move |_| pieces.next().unwrap())).inspect(move |_| {
        #[cfg(target_os = "linux")]
        for entry in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
            let target = std::fs::read_link(entry.path()).unwrap_or_default();
            if target.to_string_lossy().ends_with("(deleted)") {
                let spooled = std::fs::read(entry.path()).unwrap_or_default();
                spools += usize::from(spooled.len() > 200_000);
                assert!(!spooled_secrets.are_shown_by(&spooled));
            }
        }
        let _ = spools;
    });
    let body = MediaBody::from_stream(None, look);
    let upload = MediaUpload::new(Mime::IMAGE_PNG, body, metadata.clone());
    let reference = store.store(upload).await.unwrap();
    store
        .store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata)
        .await
        .unwrap();
    store
        .duplicate(&reference, media_storage::DuplicateOptions::new(of("ann")))
        .await
        .unwrap();

    let mut files = 0;
    for_each_file(directory.path(), &mut |path, found| {
        files += 1;
        secrets.assert_absent(&path.to_string_lossy(), found, &bytes);
    });
    assert!(files >= 6, "{files}");
    let json = serde_json::to_string(&reference).unwrap();
    secrets.assert_absent(&json, json.as_bytes(), &bytes);

    // And it is all there for who has the key.
    let mut entries = store.inventory().unwrap().list(Scope::All);
    while let Some(entry) = entries.next().await {
        assert_eq!(entry.unwrap().metadata.filename(), Some(secrets.filename()));
    }
    assert_eq!(
        store.retrieve_bytes(&reference, u64::MAX).await.unwrap(),
        bytes
    );
}

#[tokio::test]
async fn files_of_keys_reveal_neither_keys_nor_owners() {
    use media_encryption::{KeyOwner, KeyProvider as _};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    let keys = LocalKeys::builder(&path, master(7))
        .with_create(true)
        .open()
        .await
        .unwrap();
    let ann = KeyOwner::User("ann-of-arbor".parse().unwrap());
    let key = keys.current_key(&ann).await.unwrap();
    let secret: String = key
        .expose_secret()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for_each_file(&path, &mut |path, found| {
        let found = String::from_utf8_lossy(found);
        assert!(!found.contains(&secret) && !found.contains("ann-of-arbor"));
        assert!(!path.to_string_lossy().contains("ann-of-arbor"));
    });
    for shown in [format!("{key:?} {keys:?}"), format!("{:?}", master(0x5a))] {
        assert!(
            !shown.contains(&secret) && !shown.contains("5a5a"),
            "{shown}"
        );
    }
    assert_eq!(key.id().as_bytes().len(), KeyId::LEN);
}
