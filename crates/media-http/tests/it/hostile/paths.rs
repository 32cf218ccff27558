//! Paths that want to lead elsewhere.

use axum::Router;
use media_http::{MediaService, UploadGrant, UploadPolicy, UploadRefusal, UploadService};
use media_store_fs::FileStore;

use crate::support::{keys, owned_by, png, raw, serve};

/// Ways to write a path to a file above.
const ASTRAY: [&str; 18] = [
    "../../secret.txt",
    "..%2f..%2fsecret.txt",
    "..%2F..%2Fsecret.txt",
    "%2e%2e/%2e%2e/secret.txt",
    "%2e%2e%2f%2e%2e%2fsecret.txt",
    ".%2e/.%2e/secret.txt",
    "%252e%252e%252fsecret.txt",
    "..%252f..%252fsecret.txt",
    "..%5c..%5csecret.txt",
    "..\\..\\secret.txt",
    "%c0%ae%c0%ae%c0%afsecret.txt",
    "%uff0e%uff0e%u2215secret.txt",
    "..;/..;/secret.txt",
    "....//....//secret.txt",
    "//secret.txt",
    "/%2fsecret.txt",
    "secret.txt%00.png",
    "secret.txt%zz",
];

struct Anyone;

#[async_trait::async_trait]
impl UploadPolicy for Anyone {
    async fn authorize(&self, _: &http::request::Parts) -> Result<UploadGrant, UploadRefusal> {
        Ok(UploadGrant::new(owned_by("user-1")))
    }
}

/// A store in a directory, beside a file that is nobody's business.
async fn beside_a_secret() -> (tempfile::TempDir, FileStore, String) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("secret.txt"), "secret").unwrap();
    let store = FileStore::open(directory.path().join("media"))
        .await
        .unwrap();
    let router = Router::new()
        .nest_service("/media", MediaService::new(store.clone(), keys()))
        .nest_service("/upload", UploadService::new(store.clone(), Anyone));
    let address = serve(router).await;
    (directory, store, address)
}

fn names(directory: &std::path::Path) -> Vec<String> {
    let files = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn readers_find_nothing_there() {
    let (_directory, _store, address) = beside_a_secret().await;
    for path in ASTRAY {
        for place in ["/media/", "/media/x/", "/media/x/y/", "/"] {
            let head = format!("GET {place}{path}");
            let (status, body) = raw(&address, &head, b"").await;
            assert!([400, 404].contains(&status), "{head}: {status}");
            assert!(body.is_empty() || body == "Not Found", "{head}: {body}");
        }
    }
}

#[tokio::test]
async fn uploads_stay_in_their_store_under_a_name_that_leads_nowhere() {
    let (directory, _store, address) = beside_a_secret().await;
    let bytes = png(300);
    let mut taken = 0;
    for path in ASTRAY {
        let head = format!("PUT /upload/{path}\r\nContent-Length: {}", bytes.len());
        let (status, body) = raw(&address, &head, &bytes).await;
        if status == 201 {
            taken += 1;
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            let name = body["items"][0]["filename"].as_str().unwrap_or_default();
            assert!(!name.contains(['/', '\\', '\0']), "{path}: {name}");
            assert!(
                name.is_empty() || name.contains("secret.txt"),
                "{path}: {name}"
            );
        } else {
            assert!([400, 404].contains(&status), "{path}: {status} {body}");
        }
    }
    assert!(taken > 10, "{taken}");
    assert_eq!(names(directory.path()), ["media", "secret.txt"]);
    let secret = std::fs::read_to_string(directory.path().join("secret.txt"));
    assert_eq!(secret.unwrap(), "secret");
}

#[cfg(feature = "resumable")]
#[tokio::test]
async fn no_upload_in_parts_is_found_there() {
    use media_http::{ResumableUploadService, SpoolOptions, UploadSpool};
    use media_storage::InMemoryStorage;

    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("spool");
    for name in ["secret.txt", "secret.txt.json", "secret.txt.part"] {
        std::fs::write(directory.path().join(name), "secret").unwrap();
    }
    let before = names(directory.path()).len() + 1;
    let opened = UploadSpool::open(&spool, SpoolOptions::new())
        .await
        .unwrap();
    let uploads = ResumableUploadService::new(InMemoryStorage::new(), Anyone, opened, "/files");
    let address = serve(Router::new().nest_service("/files", uploads.unwrap())).await;
    for path in ASTRAY {
        for method in ["HEAD", "GET", "PATCH", "DELETE"] {
            let head = format!(
                "{method} /files/{path}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
                 Content-Type: application/offset+octet-stream\r\nContent-Length: 0"
            );
            let (status, body) = raw(&address, &head, b"").await;
            assert!([400, 404].contains(&status), "{head}: {status} {body}");
        }
    }
    assert_eq!(names(directory.path()).len(), before);
    assert_eq!(names(&spool), ["lock"]);
}
