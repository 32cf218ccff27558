//! One run from its start to its verdict.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::http::Browser;
use crate::judge;
use crate::ledger::Entries;
use crate::model::{KEY, Model};
use crate::nodes::{NODES, Nodes};
use crate::page::links;
use crate::plan::{Chance, Kind, Plan, deck};
use crate::scene::Scene;
use crate::servers::{Media, Servers};
use crate::talk::talk;
use crate::trouble::{cut_deletions, kill_nodes, stop_servers};
use crate::{Failure, say};

/// After this the run is ended: something is stuck.
const AT_MOST: Duration = Duration::from_secs(3 * 60 * 60);

/// Deletions that are cut short at the end.
const CUT_SHORT: usize = 4;

/// How much of what is broken is shown.
const SHOWN: usize = 60;

/// Runs everything on one kind of servers and returns whether the service kept its promises.
pub(crate) async fn run(kind: Kind, plan: &Plan, seed: u64) -> Result<bool, Failure> {
    let directory = tempfile::tempdir()?;
    std::fs::create_dir_all(directory.path().join("data"))?;
    let servers = Arc::new(Servers::start(kind, directory.path()).await?);
    let (model, url) = Model::start().await?;
    let mut environment = servers.environment().to_vec();
    environment.extend([
        ("OPENAI_API_KEY", KEY.to_owned()),
        ("OPENAI_BASE_URL", url),
        ("TURN_LEASE", plan.lease.to_string()),
        ("UPKEEP_EVERY", (plan.lease * 2).to_string()),
        // Its few users send more than people do.
        ("USER_QUOTA", "1000000".to_owned()),
        ("RUST_LOG", "warn".to_owned()),
    ]);
    let nodes = Nodes::start(directory.path(), environment).await?;
    let chance = Chance::new(seed);
    let steps = deck(plan, &chance);
    let http = Browser::client()?;
    let scene = Arc::new(Scene::new(nodes, http, steps, chance, plan.conversations));
    say(&format!(
        "{}: {} conversations at once on {NODES} nodes, seed {seed}",
        name(kind),
        plan.conversations
    ));
    let started = Instant::now();
    let mut troubles = JoinSet::new();
    troubles.spawn(kill_nodes(Arc::clone(&scene), plan.clone()));
    let stops = stop_servers(Arc::clone(&scene), Arc::clone(&servers), kind, plan.clone());
    troubles.spawn(stops);
    let mut places = JoinSet::new();
    for place in 0..plan.conversations {
        places.spawn(talk(Arc::clone(&scene), place));
    }
    while let Some(ended) = timeout(AT_MOST, places.join_next()).await? {
        ended??;
    }
    let took = started.elapsed();
    scene.end();
    while let Some(ended) = timeout(AT_MOST, troubles.join_next()).await? {
        ended??;
    }
    settle(&scene, &servers, kind, plan).await?;
    let in_order = scene.nodes.stop().await?;
    let entries = scene.ledger.entries().clone();
    report(&entries, took);
    let mut broken = missing(&entries, kind, plan);
    if in_order != NODES {
        broken.push(format!("{in_order} nodes ended in order"));
    }
    let state = {
        let database = servers.database.lock().await;
        judge::state(&database).await?
    };
    let media = match &servers.media {
        Media::Bucket { server, .. } => judge::bucket(server).await?,
        Media::Directory(path) => judge::directory(path)?,
    };
    let verdict = judge::verdict(&entries, &model.asked(), &state, &media);
    for (what, count) in &verdict.counts {
        say(&format!("  {count:>7} {what}"));
    }
    broken.extend(verdict.broken);
    broken.extend(entries.broken.iter().cloned());
    for what in broken.iter().take(SHOWN) {
        say(&format!("  BROKEN: {what}"));
    }
    if broken.is_empty() {
        say("  nothing is broken");
    } else {
        say(&format!(
            "  {} are BROKEN; see {}",
            broken.len(),
            directory.keep().display()
        ));
    }
    Ok(broken.is_empty())
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => "PostgreSQL and a bucket",
        Kind::Redis => "Redis and a directory",
    }
}

/// What happens after the last turn: every page is loaded again, with all its images, when the last lease is over, and
/// upkeep runs with the time of orphans and leftovers set to two seconds instead of a day, three times so far apart.
/// Deletions that were answered, or that ended early, are not asked for again.
async fn settle(scene: &Scene, servers: &Servers, kind: Kind, plan: &Plan) -> Result<(), Failure> {
    sleep(Duration::from_secs(plan.lease)).await;
    let (owners, users): (Vec<_>, Vec<_>) = {
        let entries = scene.ledger.entries();
        let owned = entries.conversations.iter();
        owned
            .filter(|(id, _)| !entries.is_gone(id))
            .map(|(id, user)| (id.clone(), user.clone()))
            .unzip()
    };
    let unfinished: Vec<String> = {
        let entries = scene.ledger.entries();
        entries
            .erased
            .difference(&entries.erasures)
            .cloned()
            .collect()
    };
    for user in &unfinished {
        scene
            .ledger
            .count("erasures that were asked for again at the end");
        scene.erase(&Browser::of(&scene.http, user), None).await;
    }
    let deleted: Vec<(String, String)> = {
        let entries = scene.ledger.entries();
        let owned = entries.conversations.iter();
        let unanswered =
            |id: &String| entries.deleted.contains(id) && !entries.deletions.contains(id);
        let deleted = owned.filter(|(id, _)| unanswered(id));
        deleted
            .map(|(id, user)| (id.clone(), user.clone()))
            .collect()
    };
    for (id, user) in &deleted {
        scene
            .ledger
            .count("deletions that were asked for again at the end");
        let path = format!("/api/conversations/{id}");
        let browser = Browser::of(&scene.http, user);
        scene.delete(&browser, &path, None).await;
    }
    for (id, user) in owners.iter().zip(&users) {
        let browser = Browser::of(&scene.http, user);
        let path = format!("/api/conversations/{id}");
        let asked = scene.ask(&browser, reqwest::Method::GET, &path, vec![], None, &[200]);
        let Some((_, answer)) = asked.await else {
            continue;
        };
        // Servers are back and nothing is deleted any more: each image has to be there.
        for link in links(&answer) {
            scene.look_at(&browser, id, link).await;
        }
        if let Some(turn) = answer["running"].as_str() {
            scene
                .ledger
                .count("turns without an owner that a page found");
            let path = format!("{path}/turns/{turn}/events");
            scene
                .ask(&browser, reqwest::Method::GET, &path, vec![], None, &[200])
                .await;
        }
    }
    let cut = owners.into_iter().zip(users).take(CUT_SHORT);
    cut_deletions(scene, servers, kind, cut).await?;
    let arguments = "upkeep --orphan-grace 2 --force --full --sweep-grace 2";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    for _ in 0..3 {
        let done = scene.nodes.upkeep(&arguments).await?;
        let stores = done["orphans"]["stores"].as_array().into_iter().flatten();
        let orphans: u64 = stores.filter_map(|store| store["deleted"].as_u64()).sum();
        let orphans = usize::try_from(orphans).unwrap_or_default();
        scene
            .ledger
            .add("orphans of killed nodes, removed", orphans);
        sleep(Duration::from_secs(3)).await;
    }
    Ok(())
}

fn report(entries: &Entries, took: Duration) {
    for (what, count) in &entries.counts {
        say(&format!("  {count:>7} {what}"));
    }
    let turns = entries.turns.values().filter(|turn| turn.turn.is_some());
    let turns = u32::try_from(turns.count()).unwrap_or(u32::MAX);
    say(&format!(
        "  {turns:>7} turns in {:.0} s: {:.1} a second",
        took.as_secs_f64(),
        f64::from(turns) / took.as_secs_f64()
    ));
    let told: Vec<String> = entries
        .refusals
        .iter()
        .map(|(what, count)| format!("{what}: {count}"))
        .collect();
    say(&format!("  refusals that clients met: {}", told.join(", ")));
}

/// What was to happen more often than it did.
fn missing(entries: &Entries, kind: Kind, plan: &Plan) -> Vec<String> {
    let outages = match kind {
        Kind::Postgres => plan.outages,
        Kind::Redis => 0,
    };
    let inline = match kind {
        Kind::Postgres => plan.inline,
        Kind::Redis => 0,
    };
    let turns = entries.turns.values().filter(|turn| turn.turn.is_some());
    let turns = ("turns that began", turns.count(), plan.turns);
    let wanted = [
        ("media kept inline", inline),
        ("deletions that only upkeep could finish", 1),
        ("kills of a node in a running turn", plan.kills),
        ("stops of the database", plan.stops),
        (
            "stops of the database between commit and answer",
            plan.lost_commits,
        ),
        ("outages of the bucket", outages),
        ("deletions of a running turn", plan.deletions),
        ("erasures of a running turn", plan.erasures),
        ("retries under the same key on another node", plan.retries),
        ("reloads on another node", plan.reloads),
        ("cancels from another node", plan.cancels),
        ("turns complete", 1),
        ("turns interrupted", 1),
        ("uploads", 1),
        ("images read by a link", 1),
    ];
    let counted = wanted.map(|(what, count)| {
        let found = entries.counts.get(what).copied().unwrap_or_default();
        (what, found, count)
    });
    let mut missing = Vec::new();
    for (what, found, count) in counted.into_iter().chain([turns]) {
        if found < count {
            missing.push(format!("{what}: {found} of {count}"));
        }
    }
    missing
}
