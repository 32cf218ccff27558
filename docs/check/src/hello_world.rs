//! The shortest program of README, run against a server on the loopback interface.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;

#[allow(clippy::print_stdout, reason = "documentation shows the essential")]
mod program {
    include!(concat!(env!("OUT_DIR"), "/hello.rs"));
}

const ANSWER: &str = "Hello from the server.";
/// Set in the process that is the program.
const ADDRESS: &str = "OPENAI_BASE_URL";
const NAME: &str = "hello_world::the_shortest_program_of_readme_runs";

#[test]
fn the_shortest_program_of_readme_has_at_most_twelve_lines() {
    let readme = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let blocks = text.split("```rust\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let programs = blocks.filter(|block| block.contains("async fn main()"));
    let lines = programs
        .map(|program| program.lines().count())
        .min()
        .unwrap();
    assert!((5..=12).contains(&lines), "{lines}");
}

/// Runs itself once more, as the program.
#[test]
fn the_shortest_program_of_readme_runs() {
    if std::env::var_os(ADDRESS).is_some() {
        return program::main().unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || answer(listener.accept().unwrap().0));
    let ended = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(ADDRESS, address)
        .env("OPENAI_API_KEY", "sk-test")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains(ANSWER), "{ended:?}");
    let request = server.join().unwrap();
    assert_eq!(request["messages"][0]["content"], "Be exact.");
    assert_eq!(request["messages"][1]["content"], "Hello!");
}

/// Answers one request, and returns its body.
fn answer(mut socket: TcpStream) -> serde_json::Value {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let event = serde_json::json!({"id": "1", "object": "chat.completion.chunk", "created": 1,
        "model": "gpt-5.4", "choices": [{"index": 0, "delta": {"content": ANSWER},
        "finish_reason": "stop"}]});
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    write!(socket, "{head}data: {event}\n\ndata: [DONE]\n\n").unwrap();
    serde_json::from_slice(&body).unwrap()
}
