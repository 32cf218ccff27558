//! What users do.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use crate::Failure;
use crate::exchange::{End, Exchange, Message};
use crate::http::{Browser, noise};
use crate::ledger::TurnEntry;
use crate::model::hex;
use crate::page::links;
use crate::plan::Step;
use crate::scene::{PAUSE, Scene};

/// One place: a user that has one conversation after the other.
pub(crate) async fn talk(scene: Arc<Scene>, place: usize) -> Result<(), Failure> {
    let mut held: Option<(Browser, String)> = None;
    while let Some(step) = scene.draw() {
        let is_gone = |held: &(Browser, String)| scene.ledger.entries().is_gone(&held.1);
        if held.as_ref().is_none_or(is_gone) {
            held = start(&scene, place).await?;
        }
        let Some((browser, conversation)) = &held else {
            scene.put_back(step);
            continue;
        };
        let place = Place {
            scene: &scene,
            browser,
            conversation,
        };
        if !place.perform(step).await {
            scene.put_back(step);
            sleep(PAUSE).await;
        }
    }
    Ok(())
}

/// Starts a conversation; none where the user was erased in between.
async fn start(scene: &Scene, place: usize) -> Result<Option<(Browser, String)>, Failure> {
    let browser = scene.user(place).await?;
    let wanted = [200, 404];
    let started = scene.ask(
        &browser,
        Method::POST,
        "/api/conversations",
        vec![],
        None,
        &wanted,
    );
    let Some((200, answer)) = started.await else {
        return Ok(None);
    };
    let id = answer["id"].as_str().ok_or("no id")?.to_owned();
    let mut entries = scene.ledger.entries();
    entries
        .conversations
        .insert(id.clone(), browser.user.clone());
    Ok(Some((browser, id)))
}

struct Place<'a> {
    scene: &'a Scene,
    browser: &'a Browser,
    conversation: &'a str,
}

impl Place<'_> {
    /// Returns whether the step came to what it is for.
    async fn perform(&self, step: Step) -> bool {
        let ledger = &self.scene.ledger;
        match step {
            Step::Read => return self.read().await,
            Step::Ask | Step::Show | Step::Paint => {
                let Some(message) = self.message(step, 12, 8).await else {
                    return false;
                };
                let mut exchange = Exchange::new(self.scene, self.browser, &message);
                let end = exchange.finish().await;
                self.ended(&message, &end);
                return exchange.turn.is_some();
            }
            _ => {}
        }
        // Long enough that its end does not come first.
        let Some(message) = self.message(step, 60, 30).await else {
            return false;
        };
        let mut exchange = Exchange::new(self.scene, self.browser, &message);
        if let Some(end) = exchange.begin().await {
            self.ended(&message, &end);
            return false;
        }
        let node = exchange.node;
        let path = format!("/api/conversations/{}", self.conversation);
        let mut done = None;
        match step {
            Step::Retry => exchange.leave(true),
            Step::Reload => exchange.leave(false),
            Step::Cancel => {
                let turn = exchange.turn.clone().unwrap_or_default();
                let path = format!("{path}/turns/{turn}");
                if self.ask_to_delete(&path, node, &[202, 404]).await == Some(202) {
                    done = Some("cancels from another node");
                }
            }
            Step::Delete => {
                let id = self.conversation.to_owned();
                ledger.entries().deleted.insert(id.clone());
                let answered = self.ask_to_delete(&path, node, &[200, 404]).await;
                if answered.is_some() {
                    ledger.entries().deletions.insert(id);
                }
                if answered == Some(200) {
                    done = Some("deletions of a running turn");
                }
            }
            _ => {
                if self.scene.erase(self.browser, node).await {
                    done = Some("erasures of a running turn");
                }
            }
        }
        exchange.wait_on();
        let end = exchange.finish().await;
        self.ended(&message, &end);
        match step {
            _ if !exchange.is_elsewhere => {}
            Step::Retry => done = Some("retries under the same key on another node"),
            Step::Reload => done = Some("reloads on another node"),
            _ => {}
        }
        if let Some(what) = done {
            ledger.count(what);
        }
        done.is_some()
    }

    /// Asks another node to stop or to delete something, and returns the status of its answer.
    async fn ask_to_delete(&self, path: &str, avoid: Option<usize>, wanted: &[u16]) -> Option<u16> {
        let method = Method::DELETE;
        let asked = self
            .scene
            .ask(self.browser, method, path, vec![], avoid, wanted);
        asked.await.map(|(status, _)| status)
    }

    fn is_gone(&self) -> bool {
        self.scene.ledger.entries().is_gone(self.conversation)
    }

    fn ended(&self, message: &Message, end: &End) {
        let ledger = &self.scene.ledger;
        match end {
            End::Done => ledger.count("turns complete"),
            End::Failed(_) => ledger.count("turns interrupted"),
            End::Gone(_) if self.is_gone() => ledger.count("turns of what was deleted"),
            End::Gone(answer) => ledger.broken(format!("{}: {answer}", message.mark)),
            End::Stuck => ledger.broken(format!("{}: no end in time", message.mark)),
        }
    }

    /// Makes a message, with what it shows uploaded before.
    async fn message(&self, step: Step, words: usize, pause: usize) -> Option<Message> {
        let scene = self.scene;
        let number = scene.number.fetch_add(1, Ordering::AcqRel);
        let mark = format!("m{number}");
        let mut entry = TurnEntry {
            conversation: self.conversation.to_owned(),
            words,
            paints: step == Step::Paint,
            ..TurnEntry::default()
        };
        let mut media = Vec::new();
        if matches!(step, Step::Show | Step::Delete | Step::Erase) {
            let (item, sum) = self.upload(number).await?;
            media.push(
                json!({"reference": item["reference"], "mime_type": item["mime_type"],
                "filename": item["filename"]}),
            );
            entry.shown.push(sum);
        }
        let paint = if entry.paints { " paint" } else { "" };
        let text = format!("Go on, please. [{mark} words={words} pause={pause}{paint}]");
        scene.ledger.entries().turns.insert(mark.clone(), entry);
        scene.turns.send_modify(|turns| *turns += 1);
        Some(Message {
            conversation: self.conversation.to_owned(),
            mark,
            body: json!({"text": text, "media": media}).to_string(),
        })
    }

    /// Uploads an image. Every eighth is one that many have: its bytes are shared.
    async fn upload(&self, number: usize) -> Option<(Value, String)> {
        let is_common = number.is_multiple_of(8);
        let seed = if is_common { 1 } else { number + 1000 };
        let side = if is_common { 120 } else { 60 };
        let image = noise(u64::try_from(seed).unwrap_or_default(), side);
        let sum = hex(&Sha256::digest(&image));
        if !is_common {
            let mut entries = self.scene.ledger.entries();
            let user = self.browser.user.clone();
            entries.uploads.entry(user).or_default().insert(sum.clone());
        }
        let wanted = [201, 403];
        let asked = self.scene.ask(
            self.browser,
            Method::PUT,
            "/upload/photo.png",
            image,
            None,
            &wanted,
        );
        let (status, answer) = asked.await?;
        (status == 201).then(|| {
            self.scene.ledger.count("uploads");
            (answer["items"][0].clone(), sum)
        })
    }

    /// Reads the history, and the bytes of one of its images.
    async fn read(&self) -> bool {
        let path = format!("/api/conversations/{}", self.conversation);
        let asked = self
            .scene
            .ask(self.browser, Method::GET, &path, vec![], None, &[200, 404]);
        let Some((200, answer)) = asked.await else {
            return true;
        };
        self.scene.ledger.count("histories read");
        let links = links(&answer);
        if let Some(link) = links.get(self.scene.chance.below(links.len())) {
            self.scene
                .look_at(self.browser, self.conversation, link)
                .await;
        }
        true
    }
}
