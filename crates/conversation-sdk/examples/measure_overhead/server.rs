//! A server of chat completions that answers at once, in a thread of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

/// Starts the server; returns its base URL.
pub(crate) fn start() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // A client that closes its connection ends this.
                let _ = serve(&socket);
            });
        }
    });
    Ok(url)
}

/// The events of one answer, as OpenAI sends them.
fn answer() -> String {
    let chunk = |delta: &str, finish: &str, usage: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]{usage}}}\n\n"
        )
    };
    let mut events = chunk("{\"role\":\"assistant\",\"content\":\"\"}", "null", "");
    for _ in 0..20 {
        events.push_str(&chunk("{\"content\":\"word \"}", "null", ""));
    }
    let usage = ",\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":20,\"total_tokens\":40}";
    events.push_str(&chunk("{}", "\"stop\"", usage));
    events.push_str("data: [DONE]\n\n");
    events
}

fn serve(socket: &TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let events = answer();
    let response = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{events}",
        events.len()
    );
    let mut reader = BufReader::new(socket);
    loop {
        let mut len = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let header = line.split_once(':');
            if let Some((name, value)) = header
                && name.eq_ignore_ascii_case("content-length")
            {
                len = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; len];
        reader.read_exact(&mut body)?;
        let mut socket = socket;
        socket.write_all(response.as_bytes())?;
    }
}
