//! Files that a message names.

use std::sync::Arc;

use conversation_types::Message;
use media_loader::{FileAccess, MediaLoader};
use media_storage::{InMemoryStorage, MediaStorage, MediaStorageExt};
use media_types::{MediaContent, Mime};

use super::support::{pending, png_bytes, run, shown, try_run};
use crate::{BatchKind, ExternalizeOptions, Externalizer};

fn with_files(
    dir: &std::path::Path,
    store: &InMemoryStorage,
    options: ExternalizeOptions,
) -> Externalizer {
    let storage: Arc<dyn MediaStorage> = Arc::new(store.clone());
    let loader = MediaLoader::builder()
        .with_file_access(FileAccess::Under(dir.to_owned()))
        .build();
    Externalizer::new(Some(storage), loader, options)
}

#[tokio::test]
async fn files_are_stored_under_the_type_of_their_bytes() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("photo.png"),
        super::support::jpeg_bytes(1, 5000),
    )
    .unwrap();
    std::fs::write(dir.path().join("report.png"), b"%PDF-1.7\n....").unwrap();
    let store = InMemoryStorage::new();
    let externalizer = with_files(dir.path(), &store, ExternalizeOptions::new());
    let mut messages = [Message::user(vec![
        MediaContent::from_path(Mime::IMAGE_PNG, "photo.png")
            .with_caption("c")
            .into(),
        MediaContent::from_path(Mime::IMAGE_PNG, "report.png").into(),
    ])];
    let report = run(&externalizer, BatchKind::User, &mut messages).await;
    assert_eq!(
        shown(&messages[0]),
        ["<image/jpeg stored>", "<application/pdf stored>"]
    );
    assert_eq!(report.corrections.len(), 2);
    let content = messages[0].media().next().unwrap();
    assert_eq!(
        (content.caption(), content.filename()),
        (Some("c"), Some("photo.png"))
    );
    let media = store.retrieve(content.reference().unwrap()).await.unwrap();
    assert_eq!(
        (media.mime, media.metadata.filename()),
        (Mime::IMAGE_JPEG, Some("photo.png"))
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_path_that_is_not_utf8_is_kept_or_refused() {
    use crate::ExternalizeErrorKind;
    use std::os::unix::ffi::OsStrExt;

    let dir = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"a\xff.png");
    std::fs::write(dir.path().join(name), png_bytes(1, 5000)).unwrap();
    let readable = with_files(
        dir.path(),
        &InMemoryStorage::new(),
        ExternalizeOptions::new(),
    );
    let without = Externalizer::new(None, readable.loader.clone(), ExternalizeOptions::new());
    let denied = Externalizer::new(
        None,
        MediaLoader::builder().build(),
        ExternalizeOptions::new(),
    );
    for (externalizer, expected) in [(readable, "stored"), (without, "inline")] {
        let content = MediaContent::from_path(Mime::IMAGE_PNG, name);
        let mut messages = [Message::user(vec![content.into()])];
        run(&externalizer, BatchKind::User, &mut messages).await;
        assert_eq!(shown(&messages[0]), [format!("<image/png {expected}>")]);
        serde_json::to_string(&messages[0]).unwrap();
    }
    let before = Message::user(vec![MediaContent::from_path(Mime::IMAGE_PNG, name).into()]);
    let mut messages = [before.clone()];
    let error = try_run(
        &denied,
        BatchKind::User,
        &mut messages,
        &mut pending(&denied),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ExternalizeErrorKind::PathNotUtf8);
    assert_eq!(messages[0], before);
}
