//! Files that Anthropic and Gemini keep, and requests that name them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::LlmApi;
use super::http::{Request, json_response};
use super::json::{Broken, ensure, list, text};

/// The first version of Anthropic that knows files without a beta header.
const VERSION: &str = "2026-10-21";
const BETA: &str = "files-api-2025-04-14";

/// The files of one account.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// By what names them: `file_1`, `files/1`.
    kept: BTreeMap<String, File>,
    /// Uploads of Gemini that have begun.
    begun: BTreeMap<String, File>,
    made: usize,
}

#[derive(Clone, Debug, Default)]
struct File {
    name: String,
    mime: String,
    announced: usize,
    len: usize,
    /// Whether the provider has made it ready.
    is_ready: bool,
}

impl Files {
    /// Returns the number of files.
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Answers a request about files; `None` for one about something else.
    pub(super) fn answer(&mut self, api: LlmApi, request: &Request) -> Option<Vec<u8>> {
        let path = request.path.trim_matches('/');
        let steps: Vec<&str> = path.split('/').collect();
        let method = request.method.as_str();
        match (api, method, steps.as_slice()) {
            (LlmApi::AnthropicMessages, method, [_, "files", rest @ ..]) => {
                Some(self.anthropic(method, rest, request))
            }
            (LlmApi::Gemini, "POST", ["upload", _, "files"]) => Some(self.begin(request)),
            (LlmApi::Gemini, "POST", ["upload", "session", id]) => Some(self.take(id, request)),
            (LlmApi::Gemini, method, [_, "files", id]) => Some(self.gemini(method, id, request)),
            _ => None,
        }
    }

    fn new_id(&mut self) -> usize {
        self.made += 1;
        self.made
    }

    fn anthropic(&mut self, method: &str, rest: &[&str], request: &Request) -> Vec<u8> {
        let error = |status, kind: &str, message: String| {
            let error = json!({"type": kind, "message": message});
            json_response(status, &[], &json!({"type": "error", "error": error}))
        };
        if let Err(broken) = knows_files(request) {
            return error(400, "invalid_request_error", broken);
        }
        let gone = |id: &str| error(404, "not_found_error", format!("File not found: {id}"));
        match (method, rest) {
            ("POST", []) => match form(request) {
                Ok(file) => {
                    let id = format!("file_{}", self.new_id());
                    let answer = described(&id, &file);
                    self.kept.insert(id, file);
                    json_response(200, &[], &answer)
                }
                Err(broken) => error(400, "invalid_request_error", broken),
            },
            ("GET", []) => {
                let files: Vec<Value> = self
                    .kept
                    .iter()
                    .map(|(id, file)| described(id, file))
                    .collect();
                let answer = json!({"data": files, "has_more": false});
                json_response(200, &[], &answer)
            }
            ("GET", [id]) => match self.kept.get(*id) {
                Some(file) => json_response(200, &[], &described(id, file)),
                None => gone(id),
            },
            ("DELETE", [id]) => match self.kept.remove(*id) {
                Some(_) => json_response(200, &[], &json!({"id": id, "type": "file_deleted"})),
                None => gone(id),
            },
            _ => error(404, "not_found_error", "Not Found".to_owned()),
        }
    }

    /// Begins an upload of Gemini.
    fn begin(&mut self, request: &Request) -> Vec<u8> {
        let about: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let about = about.get("file").cloned().unwrap_or_default();
        let announced = request.header("x-goog-upload-header-content-length");
        let is_start = request.header("x-goog-upload-protocol") == "resumable"
            && request.header("x-goog-upload-command") == "start";
        let Some(announced) = announced.parse().ok().filter(|_| is_start) else {
            return refused(400, "the upload is not begun as a resumable one");
        };
        let id = self.new_id().to_string();
        // The clients of Python and JavaScript spell it each in its own way.
        let name = ["display_name", "displayName"].map(|key| text(&about[key]));
        let file = File {
            name: name.concat(),
            mime: request
                .header("x-goog-upload-header-content-type")
                .to_owned(),
            announced,
            ..File::default()
        };
        self.begun.insert(id.clone(), file);
        let url = format!("http://{}/upload/session/{id}", request.header("host"));
        let headers = [
            ("x-goog-upload-url", &*url),
            ("x-goog-upload-status", "active"),
        ];
        json_response(200, &headers, &json!({}))
    }

    /// Takes a piece of an upload of Gemini.
    fn take(&mut self, id: &str, request: &Request) -> Vec<u8> {
        let Some(file) = self.begun.get_mut(id) else {
            return refused(404, "no such upload");
        };
        let offset = request.header("x-goog-upload-offset").parse().ok();
        if offset != Some(file.len) {
            return refused(400, "the offset is not that of the bytes that came");
        }
        file.len += request.body.len();
        match request.header("x-goog-upload-command") {
            "upload" => json_response(200, &[("x-goog-upload-status", "active")], &json!({})),
            "upload, finalize" if file.len == file.announced => {
                let file = self.begun.remove(id).unwrap_or_default();
                let answer = json!({"file": uploaded(id, &file, request)});
                self.kept.insert(format!("files/{id}"), file);
                json_response(200, &[("x-goog-upload-status", "final")], &answer)
            }
            _ => refused(400, "the upload has another length than was announced"),
        }
    }

    fn gemini(&mut self, method: &str, id: &str, request: &Request) -> Vec<u8> {
        let name = format!("files/{id}");
        let Some(file) = self.kept.get_mut(&name) else {
            let message =
                format!("You do not have permission to access the File {id} or it may not exist.");
            return refused(403, &message);
        };
        match method {
            "GET" => {
                file.is_ready = true;
                json_response(200, &[], &uploaded(id, file, request))
            }
            "DELETE" => {
                self.kept.remove(&name);
                json_response(200, &[], &json!({}))
            }
            _ => refused(404, "Not Found"),
        }
    }

    /// Judges the files that a body names.
    pub(super) fn check(&self, api: LlmApi, request: &Request, body: &Value) -> Result<(), Broken> {
        let names = match api {
            LlmApi::AnthropicMessages => named(body, &["file_id"]),
            LlmApi::Gemini => named(body, &["fileUri", "file_uri"]),
            _ => Vec::new(),
        };
        if api == LlmApi::AnthropicMessages && !names.is_empty() {
            knows_files(request)?;
        }
        for name in names {
            let key = match name.rfind("files/") {
                Some(at) => &name[at..],
                None => name,
            };
            let file = self.kept.get(key);
            let is_usable =
                file.is_some_and(|file| file.is_ready || api == LlmApi::AnthropicMessages);
            ensure(is_usable, || format!("File not found or not ready: {name}"))?;
        }
        Ok(())
    }
}

/// Whether a request to Anthropic is of a version that has files.
fn knows_files(request: &Request) -> Result<(), Broken> {
    let is_new = request.header("anthropic-version") >= VERSION;
    ensure(
        is_new || request.header("anthropic-beta").contains(BETA),
        || "files need another anthropic-version, or a beta header".to_owned(),
    )
}

/// The file of a form.
fn form(request: &Request) -> Result<File, Broken> {
    let boundary = request.header("content-type").split_once("boundary=");
    let (_, boundary) = boundary.ok_or("the body is no form")?;
    let boundary = format!("--{}", boundary.trim_matches('"'));
    // Bytes as letters, so that lengths stay.
    let body: String = request.body.iter().map(|byte| char::from(*byte)).collect();
    for part in body.split(&boundary) {
        let Some((head, content)) = part.split_once("\r\n\r\n") else {
            continue;
        };
        if !head.contains("name=\"file\"") {
            continue;
        }
        let quoted = |name: &str| {
            let (_, rest) = head.split_once(&format!("{name}=\""))?;
            rest.split('"').next().map(str::to_owned)
        };
        let mime = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-type").then_some(value)
        });
        return Ok(File {
            name: quoted("filename").ok_or("file: a filename is required")?,
            mime: mime.unwrap_or("application/octet-stream").to_owned(),
            len: content
                .strip_suffix("\r\n")
                .unwrap_or(content)
                .chars()
                .count(),
            ..File::default()
        });
    }
    Err("file: Field required".to_owned())
}

/// A file as Anthropic describes it.
fn described(id: &str, file: &File) -> Value {
    json!({"id": id, "type": "file", "filename": file.name, "mime_type": file.mime,
        "size_bytes": file.len, "created_at": "2026-11-30T00:00:00Z", "downloadable": false})
}

/// A file as Gemini describes it.
fn uploaded(id: &str, file: &File, request: &Request) -> Value {
    let uri = format!("http://{}/v1beta/files/{id}", request.header("host"));
    json!({"name": format!("files/{id}"), "displayName": file.name, "mimeType": file.mime,
        "sizeBytes": file.len.to_string(), "createTime": "2026-11-30T00:00:00Z",
        "uri": uri, "state": if file.is_ready { "ACTIVE" } else { "PROCESSING" }})
}

fn refused(status: u16, message: &str) -> Vec<u8> {
    let error = json!({"code": status, "message": message, "status": "FAILED_PRECONDITION"});
    json_response(status, &[], &json!({"error": error}))
}

/// The values of fields, wherever they stand.
fn named<'b>(value: &'b Value, fields: &[&str]) -> Vec<&'b str> {
    match value {
        Value::Object(object) => {
            let own = object
                .iter()
                .filter(|(name, _)| fields.contains(&name.as_str()));
            let own = own.filter_map(|(_, value)| value.as_str());
            let below = object.values().flat_map(|value| named(value, fields));
            own.chain(below).collect()
        }
        value => list(value)
            .iter()
            .flat_map(|value| named(value, fields))
            .collect(),
    }
}
