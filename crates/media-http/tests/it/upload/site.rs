//! A server that takes uploads in one piece.

use std::time::Duration;

use axum::Router;
use http::request::Parts;
use media_http::{
    LinkSigner, MediaService, UploadGrant, UploadPolicy, UploadRefusal, UploadService,
};
use media_storage::{InMemoryStorage, MediaStorage, Scope};
use media_storage_testkit::FaultyStorage;
use serde_json::Value;

use crate::support::{client, keys, owned_by};

/// Takes the user of a request from a header.
pub(crate) struct Users;

#[async_trait::async_trait]
impl UploadPolicy for Users {
    async fn authorize(&self, request: &Parts) -> Result<UploadGrant, UploadRefusal> {
        let user = request
            .headers
            .get("x-user")
            .map(|user| user.to_str().unwrap());
        match user {
            None => Err(UploadRefusal::Unauthorized),
            Some("banned") => Err(UploadRefusal::Forbidden),
            Some("busy") => Err(UploadRefusal::TooManyRequests(Duration::from_secs(7))),
            Some("designer") => Ok(UploadGrant::new(owned_by("designer")).with_types([
                "image/svg+xml",
                "text/html",
                "application/pdf",
            ])),
            Some(user) => Ok(UploadGrant::new(owned_by(user))
                .with_max_bytes(1 << 20)
                .with_max_items(3)
                .with_types(["image/*", "text/plain"])),
        }
    }
}

/// A server that takes uploads and shows what they became.
pub(crate) struct Site {
    pub(crate) store: FaultyStorage<InMemoryStorage>,
    pub(crate) address: String,
    pub(crate) http: reqwest::Client,
}

pub(crate) async fn site() -> Site {
    site_with(|uploads| uploads).await
}

pub(crate) async fn site_with(change: impl FnOnce(UploadService) -> UploadService) -> Site {
    let store = FaultyStorage::new(InMemoryStorage::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let signer = LinkSigner::new(store.clone(), keys(), format!("{address}/media")).unwrap();
    let uploads = change(UploadService::new(store.clone(), Users).with_signer(signer));
    let router = Router::new()
        .nest_service("/media", MediaService::new(store.clone(), keys()))
        .nest_service("/upload", uploads);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Site {
        store,
        address,
        http: client(),
    }
}

impl Site {
    pub(crate) fn post(&self, user: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/upload", self.address);
        self.http.post(url).header("x-user", user)
    }

    pub(crate) async fn stored(&self) -> u64 {
        let inventory = self.store.inventory().unwrap();
        inventory.usage(Scope::All).await.unwrap().references
    }
}

/// Returns status and body of a response.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

/// Returns the code of an error.
pub(crate) fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap()
}

impl Site {
    /// Uploads bytes of a declared type and returns what is answered.
    pub(crate) async fn send(&self, user: &str, mime: &str, bytes: Vec<u8>) -> (u16, Value) {
        let request = self.post(user).header("content-type", mime).body(bytes);
        answer(request).await
    }
}
