//! What is known of a body before it is stored, and who takes it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use media_http::{
    ResumableUploadService, SharedUploadTarget, SpoolOptions, UploadPolicy, UploadService,
    UploadSpool, UploadTarget,
};
use media_storage::{InMemoryStorage, MediaUpload, StorageError};
use media_types::StorageReference;

use super::site::{Users, answer};
use crate::support::{client, png, serve};

/// A store that notes what was known of the size of its uploads.
#[derive(Clone, Debug, Default)]
struct Noting {
    store: InMemoryStorage,
    sizes: Arc<Mutex<Vec<Option<u64>>>>,
}

#[async_trait]
impl UploadTarget for Noting {
    async fn take(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        self.sizes.lock().unwrap().push(upload.body().len());
        self.store.take(upload).await
    }

    async fn take_back(&self, references: &[StorageReference]) -> Vec<Result<(), StorageError>> {
        self.store.take_back(references).await
    }
}

#[tokio::test]
async fn services_that_share_a_target_and_a_policy_tell_it_the_sizes_that_are_announced() {
    let noting = Noting::default();
    let target = SharedUploadTarget::new(noting.clone());
    let policy: Arc<dyn UploadPolicy> = Arc::new(Users);
    let directory = tempfile::tempdir().unwrap();
    let spool = UploadSpool::open(directory.path(), SpoolOptions::new());
    let spool = spool.await.unwrap();
    let whole = UploadService::new(target.clone(), Arc::clone(&policy));
    let parts = ResumableUploadService::new(target, policy, spool, "/files").unwrap();
    let router = Router::new()
        .nest_service("/upload", whole)
        .nest_service("/files", parts);
    let address = serve(router).await;
    let http = client();
    let post = |path: &str| {
        let request = http.post(format!("{address}{path}"));
        request.header("x-user", "user-1")
    };
    assert_eq!(answer(post("/upload").body(png(300))).await.0, 201);
    let pieces = [Ok::<_, std::io::Error>(png(300))];
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    assert_eq!(answer(post("/upload").body(chunked)).await.0, 201);
    let part = post("/files")
        .header("tus-resumable", "1.0.0")
        .header("upload-length", "400")
        .header("content-type", "application/offset+octet-stream");
    let created = part.body(png(400)).send().await.unwrap();
    assert_eq!(created.status(), 201);
    let sizes = noting.sizes.lock().unwrap().clone();
    assert_eq!(sizes, [Some(300), None, Some(400)]);
}
