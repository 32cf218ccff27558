//! A running service, and a browser that keeps its cookie.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use futures_util::StreamExt as _;
use serde_json::{Value, json};

/// The service as a process.
pub(crate) struct Service {
    pub(crate) address: String,
    pub(crate) process: Child,
}

impl Service {
    pub(crate) fn start(data: &Path) -> Self {
        Self::spawn(data, data.join("uploads"), &[])
    }

    /// Starts a node with settings of its own.
    pub(crate) fn start_with(data: &Path, node: &str, settings: &[(&str, String)]) -> Self {
        Self::spawn(data, data.join(node), settings)
    }

    /// Starts a node whose conversations are in a database.
    pub(crate) fn start_on(data: &Path, node: &str, database: &str) -> Self {
        let settings = [("DATABASE_URL", database.to_owned())];
        Self::spawn(data, data.join(node), &settings)
    }

    /// Does what is due, in a process of its own. Returns what it says was done.
    pub(crate) fn upkeep(data: &Path, settings: &[(&str, String)]) -> Value {
        let done = Self::command(data, settings).arg("upkeep").output();
        let done = done.unwrap();
        assert!(done.status.success(), "{done:?}");
        serde_json::from_slice(&done.stdout).unwrap()
    }

    fn command(data: &Path, settings: &[(&str, String)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chat-service"));
        command
            .arg("--data")
            .arg(data)
            .env_remove("OPENAI_API_KEY")
            .env_remove("DATABASE_URL")
            .env_remove("MEDIA_BUCKET")
            .env_remove("BUCKET_UPLOADS")
            .env_remove("PUBLIC_URL")
            .env_remove("METRICS_LISTEN")
            .env_remove("USER_QUOTA")
            .env_remove("IMAGE_MEMORY")
            .envs(settings.iter().cloned())
            .env("LINK_SECRET", "a secret of the tests with thirty-two bytes");
        command
    }

    fn spawn(data: &Path, spool: PathBuf, settings: &[(&str, String)]) -> Self {
        let mut process = Self::command(data, settings)
            .args(["--listen", "127.0.0.1:0", "--spool"])
            .arg(spool)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let stdout = process.stdout.take().unwrap();
        std::io::BufReader::new(stdout)
            .read_line(&mut address)
            .unwrap();
        let address = address.trim().to_owned();
        assert!(address.starts_with("http://"), "{address}");
        Self { address, process }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A browser.
#[derive(Clone)]
pub(crate) struct Browser {
    http: reqwest::Client,
    address: String,
    cookie: String,
}

impl Browser {
    /// Opens the page and keeps its cookie.
    pub(crate) async fn open(service: &Service) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let page = http.get(&service.address).send().await.unwrap();
        let cookie = page.headers()["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("HttpOnly"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        assert!(page.text().await.unwrap().contains("<title>"));
        Self {
            http,
            address: service.address.clone(),
            cookie,
        }
    }

    /// Goes on with the same cookie at a service that was started anew.
    pub(crate) fn at(&self, service: &Service) -> Self {
        Self {
            address: service.address.clone(),
            ..self.clone()
        }
    }

    pub(crate) fn request(&self, method: http::Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.address);
        self.http
            .request(method, url)
            .header("cookie", &self.cookie)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(http::Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        answer(self.request(http::Method::DELETE, path)).await
    }

    pub(crate) async fn start(&self) -> String {
        let request = self.request(http::Method::POST, "/api/conversations");
        let (status, body) = answer(request).await;
        assert_eq!(status, 200, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn upload(&self, bytes: Vec<u8>) -> Value {
        let request = self.request(http::Method::PUT, "/upload/photo.png");
        let (status, body) = answer(request.body(bytes)).await;
        assert_eq!(status, 201, "{body}");
        body["items"][0].clone()
    }

    /// Sends a message with uploads and returns its events.
    pub(crate) async fn send(&self, id: &str, text: &str, uploads: &[&Value]) -> Vec<SentEvent> {
        let path = format!("/api/conversations/{id}/turns");
        let media: Vec<_> = uploads
            .iter()
            .map(|item| {
                let (reference, mime_type) = (&item["reference"], &item["mime_type"]);
                json!({"reference": reference, "mime_type": mime_type, "filename": item["filename"]})
            })
            .collect();
        let body = json!({"text": text, "media": media});
        let request = self
            .request(http::Method::POST, &path)
            .body(body.to_string());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        events(response).await
    }
}

/// An event of a turn.
#[derive(Clone, Debug)]
pub(crate) struct SentEvent {
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl SentEvent {
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.data["type"] == kind
    }
}

/// Returns status and JSON; `Null` for a body that is none.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

/// Reads the events of a response to their end.
pub(crate) async fn events(response: reqwest::Response) -> Vec<SentEvent> {
    let mut text = Vec::new();
    let mut body = response.bytes_stream();
    while let Some(piece) = body.next().await {
        text.extend_from_slice(&piece.unwrap());
    }
    String::from_utf8(text)
        .unwrap()
        .split_terminator("\n\n")
        .map(|block| {
            let (id, data) = block.split_once('\n').unwrap();
            SentEvent {
                id: id.strip_prefix("id: ").unwrap().to_owned(),
                data: serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap(),
            }
        })
        .collect()
}
