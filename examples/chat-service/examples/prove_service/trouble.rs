//! Kills, stops and outages, spread over the turns.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::Method;
use tokio::time::sleep;

use crate::Failure;
use crate::http::Browser;
use crate::judge::{self, StateFound, text_of};
use crate::nodes::NODES;
use crate::plan::{Kind, Plan};
use crate::scene::Scene;
use crate::servers::{Media, Servers};

/// Something that happens to a server.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Stop,
    LostCommit,
    Outage,
}

/// Kills nodes, one after the other, until all kills are done.
pub(crate) async fn kill_nodes(scene: Arc<Scene>, plan: Plan) -> Result<(), Failure> {
    for number in 0..plan.kills {
        reach(&scene, &plan, number, plan.kills).await;
        let node = scene.chance.below(NODES);
        while scene.nodes.running(node) == 0 {
            if scene.is_over() {
                return Ok(());
            }
            sleep(Duration::from_millis(5)).await;
        }
        let running = scene.nodes.running(node);
        scene.nodes.kill(node).await?;
        scene.ledger.count("kills of a node in a running turn");
        scene.ledger.add("turns that ran there", running);
    }
    Ok(())
}

/// Ends servers and starts them again.
pub(crate) async fn stop_servers(
    scene: Arc<Scene>,
    servers: Arc<Servers>,
    kind: Kind,
    plan: Plan,
) -> Result<(), Failure> {
    let outages = match servers.media {
        Media::Bucket { .. } => plan.outages,
        Media::Directory(_) => 0,
    };
    let mut troubles = vec![Trouble::Stop; plan.stops];
    troubles.extend(vec![Trouble::LostCommit; plan.lost_commits]);
    troubles.extend(vec![Trouble::Outage; outages]);
    for last in (1..troubles.len()).rev() {
        troubles.swap(last, scene.chance.below(last + 1));
    }
    for (number, trouble) in troubles.iter().enumerate() {
        reach(&scene, &plan, number, troubles.len()).await;
        match trouble {
            Trouble::Stop => {
                restart(&scene, &servers).await?;
                scene.ledger.count("stops of the database");
            }
            Trouble::LostCommit => loop {
                let Some(mark) = lose_commit(&scene, &servers, kind).await else {
                    return Ok(());
                };
                let state = restart(&scene, &servers).await?;
                let mut conversations = state.conversations.values();
                let name = format!("[{mark} ");
                let says = |message| text_of(message).contains(&name);
                if conversations.any(|one| one.messages.iter().any(says)) {
                    scene
                        .ledger
                        .count("stops of the database between commit and answer");
                    break;
                }
            },
            Trouble::Outage => {
                if let Media::Bucket { proxy, .. } = &servers.media {
                    proxy.refuse(true);
                    proxy.cut();
                    sleep(pause(&scene, 4000)).await;
                    proxy.refuse(false);
                    scene.ledger.count("outages of the bucket");
                }
            }
        }
    }
    Ok(())
}

/// Waits for the turn at which a trouble is due. The last ones are due before the last turns.
async fn reach(scene: &Scene, plan: &Plan, number: usize, of: usize) {
    let due = plan.turns * (number + 1) / (of + 2);
    let mut turns = scene.turns.subscribe();
    // The sender lives in the scene, so the channel cannot be closed.
    let _ = turns.wait_for(|turns| *turns >= due).await;
}

/// Waits for a write that begins a turn and whose answer is lost. Returns the mark of the turn; none if there was no such
/// write before the last turn ended.
async fn lose_commit(scene: &Scene, servers: &Servers, kind: Kind) -> Option<String> {
    let answer = lost_answer(kind);
    loop {
        // A turn that nobody has sent yet: one write holds its text.
        let number = scene.number.load(Ordering::Acquire) + 2;
        let mark = format!("m{number}");
        let text = format!("[{mark} ");
        servers.proxy.lose_answer_to(text.as_bytes(), answer);
        // Some never get so far, for they show an upload that was refused.
        while scene.number.load(Ordering::Acquire) < number + 20 {
            if !servers.proxy.has_fault() {
                return Some(mark);
            }
            if scene.is_over() {
                return None;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Cuts some deletions short: the database is away as soon as it holds that they have begun. Nobody asks for them again.
pub(crate) async fn cut_deletions(
    scene: &Scene,
    servers: &Servers,
    kind: Kind,
    conversations: impl Iterator<Item = (String, String)>,
) -> Result<(), Failure> {
    let database = servers.database.lock().await;
    for (id, user) in conversations {
        let Some((_, address)) = scene.nodes.pick(&scene.chance, None) else {
            continue;
        };
        servers
            .proxy
            .stop_at_answer_to(b"\"deleting\"", lost_answer(kind));
        let url = format!("{address}/api/conversations/{id}");
        let browser = Browser::of(&scene.http, &user);
        let answered = browser.answer(Method::DELETE, &url, Vec::new()).await;
        let found = judge::state(&database).await;
        servers.proxy.refuse(false);
        let cut_short = answered.is_ok_and(|(status, _)| status >= 500);
        let found = found?;
        let held = found.conversations.get(&id);
        if held.is_none_or(|held| held.record["status"] == "deleting") {
            scene.ledger.entries().deleted.insert(id);
            if cut_short && held.is_some() {
                scene
                    .ledger
                    .count("deletions that only upkeep could finish");
            }
        }
    }
    Ok(())
}

/// What the answer to a write holds.
fn lost_answer(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::Postgres => b"COMMIT\0",
        Kind::Redis => b":1\r\n",
    }
}

/// Ends the database and starts it again, and returns what it holds before anybody else reaches it.
async fn restart(scene: &Scene, servers: &Servers) -> Result<StateFound, Failure> {
    let mut database = servers.database.lock().await;
    servers.proxy.refuse(true);
    tokio::task::block_in_place(|| database.stop());
    servers.proxy.cut();
    sleep(pause(scene, 1500)).await;
    database.restart().await;
    let found = judge::state(&database).await;
    servers.proxy.refuse(false);
    found
}

fn pause(scene: &Scene, up_to: usize) -> Duration {
    let ms = u64::try_from(scene.chance.below(up_to)).unwrap_or_default();
    Duration::from_millis(100 + ms)
}
