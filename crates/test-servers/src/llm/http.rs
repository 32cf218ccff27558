//! Requests and responses, as far as these servers need them.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;

/// Largest request, in bytes.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// A request.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path without the query.
    pub(super) path: String,
    /// Names in small letters.
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads a request; `None` where the client went away.
    pub(super) async fn read(socket: &mut BufReader<TcpStream>) -> std::io::Result<Option<Self>> {
        let mut request = Self::default();
        loop {
            let mut line = String::new();
            if socket.read_line(&mut line).await? == 0 {
                return Ok(None);
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if request.method.is_empty() {
                let mut words = line.split(' ');
                words
                    .next()
                    .unwrap_or_default()
                    .clone_into(&mut request.method);
                let path = words.next().unwrap_or_default().split('?').next();
                path.unwrap_or_default().clone_into(&mut request.path);
            } else if let Some((name, value)) = line.split_once(':') {
                let header = (name.to_ascii_lowercase(), value.trim().to_owned());
                request.headers.push(header);
            }
        }
        let len = request.header("content-length").parse().unwrap_or(0);
        request.body = vec![0; MAX_BODY.min(len)];
        socket.read_exact(&mut request.body).await?;
        Ok(Some(request))
    }

    /// Returns the value of a header; empty where there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// Returns a response; one without a length ends with the connection.
pub(super) fn response(
    status: u16,
    headers: &[(&str, &str)],
    len: Option<usize>,
    body: &[u8],
) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(len) = len {
        head.push_str(&format!("content-length: {len}\r\n"));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// Returns a response of JSON.
pub(super) fn json_response(
    status: u16,
    headers: &[(&str, &str)],
    json: &serde_json::Value,
) -> Vec<u8> {
    let body = json.to_string();
    let headers: Vec<_> = [("content-type", "application/json")]
        .iter()
        .chain(headers)
        .copied()
        .collect();
    response(status, &headers, Some(body.len()), body.as_bytes())
}
