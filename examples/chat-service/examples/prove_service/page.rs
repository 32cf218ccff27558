//! What a page shows of a conversation: its images, by their links.

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::http::Browser;
use crate::scene::{PATIENCE, PAUSE, Scene};

/// Returns the links of the images of a history.
pub(crate) fn links(answer: &Value) -> Vec<&str> {
    let messages = answer["view"]["messages"].as_array().into_iter().flatten();
    let parts = messages.flat_map(|message| message["parts"].as_array().into_iter().flatten());
    parts.filter_map(|part| part["url"].as_str()).collect()
}

impl Scene {
    /// Reads an image of a conversation by its link. The node that signed it may be gone; any other serves it.
    pub(crate) async fn look_at(&self, browser: &Browser, conversation: &str, link: &str) {
        let Some(path) = link.find("/media/").map(|at| &link[at..]) else {
            self.ledger.broken(format!("no link to media: {link}"));
            return;
        };
        let is_gone = || self.ledger.entries().is_gone(conversation);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && !is_gone() {
            if let Some((_, address)) = self.nodes.pick(&self.chance, None) {
                match browser.fetch(&format!("{address}{path}")).await {
                    Ok((200, bytes)) if !bytes.is_empty() => {
                        self.ledger.count("images read by a link");
                        return;
                    }
                    Ok((status, _)) if status < 500 => {
                        if !is_gone() {
                            self.ledger.broken(format!("GET {path}: {status}"));
                        }
                        return;
                    }
                    _ => {}
                }
            }
            sleep(PAUSE).await;
        }
        if !is_gone() {
            self.ledger.broken(format!("GET {path}: no answer in time"));
        }
    }
}
