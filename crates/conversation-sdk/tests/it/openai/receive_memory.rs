//! Memory does not depend on the size of a picture that is received.

use std::process::Command;

use conversation_sdk::provider::Reply;
use conversation_sdk::{ConversationManager, ImageGenerationTool, ToolCall};
use media_store_fs::FileStore;
use media_types::base64;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::memory::{MIB, peak};
use super::peer::{head, read_head};
use super::*;
use crate::receive::Spools;
use crate::support::{config, pack, says};

const PIECE: usize = 48 * 1024;
const SMALL: usize = 20 * PIECE;
const LARGE: usize = (50 * 1024 * 1024_usize).next_multiple_of(PIECE);
/// Growth that is allowed.
const ALLOWED: u64 = 8 * MIB;
const CHILD: &str = "openai::receive_memory::the_measured_part";
const CHILD_OF_CHAT: &str = "openai::receive_memory::the_measured_part_of_chat";
const PAINTER: &str = "PAINTER_OF_THE_MEASURED_PART";

/// A model that has a picture made and does not look at it, as the models of other tests do.
#[derive(Debug)]
struct Orders;

#[async_trait::async_trait]
impl Provider for Orders {
    fn name(&self) -> &str {
        "orders"
    }
    fn model(&self) -> &str {
        "m"
    }
    async fn respond(
        &self,
        request: ProviderRequest<'_>,
        _: &MediaContext,
    ) -> Result<Reply, ProviderError> {
        let is_asked = request.messages.last().unwrap().role == Role::User;
        let call = ToolCall::new("call-1", "generate_image", r#"{"prompt":"x"}"#);
        Ok(Reply::whole(match is_asked {
            true => Completion::new(vec![]).with_tool_calls(vec![call]),
            false => says("done"),
        }))
    }
}

/// Answers with a small picture and then with a large one.
async fn paint(listener: TcpListener, before: &'static str, after: &'static str) {
    let piece = base64::encode(&[7; PIECE]);
    for size in [SMALL, LARGE] {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_head(&mut socket).await.unwrap();
        let len = before.len() + piece.len() * (size / PIECE) + after.len();
        let head = head(200, &[], Some(len), "application/json") + before;
        socket.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..size / PIECE {
            socket.write_all(piece.as_bytes()).await.unwrap();
        }
        socket.write_all(after.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        // Closing with the request half read would reset the connection.
        let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
    }
}

/// The painter is here and the measured part in a process of its own, so that neither the painter
/// nor any other test is measured.
#[tokio::test]
async fn a_picture_of_50_mib_is_received_in_constant_memory() {
    measure(CHILD, r#"{"data":[{"b64_json":""#, r#""}]}"#).await;
}

#[tokio::test]
async fn a_picture_of_50_mib_beside_words_is_received_in_constant_memory() {
    let before = r#"{"choices":[{"finish_reason":"stop","message":{"content":"look","images":[{"image_url":{"url":"data:image/png;base64,"#;
    measure(CHILD_OF_CHAT, before, r#""}}]}}]}"#).await;
}

async fn measure(child: &'static str, before: &'static str, after: &'static str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let painter = tokio::spawn(paint(listener, before, after));
    let child = tokio::task::spawn_blocking(move || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", child, "--ignored", "--nocapture"])
            .env(PAINTER, url)
            .output()
            .unwrap()
    });
    let output = child.await.unwrap();
    painter.abort();
    let shown = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}{error}");
    assert!(shown.contains("1 passed"), "{shown}");
    print!(
        "{}",
        shown.lines().find(|line| line.contains("MiB")).unwrap()
    );
}

#[tokio::test]
#[ignore = "run by the test above in a process of its own"]
async fn the_measured_part() {
    let url = std::env::var(PAINTER).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let spools = Spools::new();
    let images = OpenAiImages::new(KEY, "gpt-image-1-mini").with_base_url(url);
    let manager = ConversationManager::builder()
        .with_provider(Orders)
        .with_media_storage(FileStore::open(directory.path()).await.unwrap())
        .with_tool(ImageGenerationTool::new(Arc::new(images)))
        .with_config(spools.config())
        .build()
        .unwrap();
    send_both(&manager, &spools).await;
}

#[tokio::test]
#[ignore = "run by a test above in a process of its own"]
async fn the_measured_part_of_chat() {
    let url = std::env::var(PAINTER).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let spools = Spools::new();
    let manager = ConversationManager::builder()
        .with_provider(OpenAiProvider::new(KEY, "gpt-4o").with_base_url(url))
        .with_media_storage(FileStore::open(directory.path()).await.unwrap())
        .with_config(spools.config())
        .build()
        .unwrap();
    send_both(&manager, &spools).await;
}

async fn send_both(manager: &ConversationManager, spools: &Spools) {
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    conversation.send("a small one").await.unwrap();
    // Forgets the largest so far.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = peak();
    let response = conversation.send("a large one").await.unwrap();
    let grown = peak() - before;
    let reference = response.media()[0].reference().unwrap();
    assert_eq!(reference.size(), Some(LARGE as u64));
    spools.assert_empty();
    println!(
        "received {} MiB, memory grew by {} KiB",
        LARGE as u64 / MIB,
        grown / 1024
    );
    assert!(grown < ALLOWED, "memory grew by {} KiB", grown / 1024);
}
