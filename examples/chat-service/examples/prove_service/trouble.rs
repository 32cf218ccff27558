//! Kills, stops and outages, spread over the turns.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::Failure;
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
                restart(&scene, &servers).await;
                scene.ledger.count("stops of the database");
            }
            Trouble::LostCommit => {
                if !lose_commit(&scene, &servers, kind).await {
                    return Ok(());
                }
                restart(&scene, &servers).await;
                scene
                    .ledger
                    .count("stops of the database between commit and answer");
            }
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

/// Waits for a commit whose answer is lost. Returns whether there was one before the last turn ended.
async fn lose_commit(scene: &Scene, servers: &Servers, kind: Kind) -> bool {
    match kind {
        Kind::Postgres => servers.proxy.lose_answer_to(b"COMMIT\0", b"COMMIT\0"),
        // A script that writes has the new record among its arguments, and answers 1.
        Kind::Redis => servers.proxy.lose_answer_to(b"\"incarnation\":", b":1\r\n"),
    }
    while servers.proxy.has_fault() {
        if scene.is_over() {
            return false;
        }
        sleep(Duration::from_millis(1)).await;
    }
    true
}

async fn restart(scene: &Scene, servers: &Servers) {
    let mut database = servers.database.lock().await;
    tokio::task::block_in_place(|| database.stop());
    sleep(pause(scene, 1500)).await;
    database.restart().await;
}

fn pause(scene: &Scene, up_to: usize) -> Duration {
    let ms = u64::try_from(scene.chance.below(up_to)).unwrap_or_default();
    Duration::from_millis(100 + ms)
}
