//! Requests and time of operations on many references.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use media_storage::{
    Inventory as _, MediaMetadata, MediaStorageExt as _, Scope, SweepDepth, SweepOptions,
};
use media_store_object::{ObjectMediaStore, ProtocolVersion};
use media_types::Mime;
use tokio::time::{Duration, Instant};

use crate::Error;
use crate::bucket::{Counted, SlowBucket};

/// References of a conversation, and of a user.
const OF_CONVERSATION: u64 = 10;
const OF_USER: u64 = 50;

/// Milliseconds of a request and of a page of a listing.
const LATENCY: (u64, u64) = (25, 200);

async fn fill(store: &ObjectMediaStore, references: u64) -> Result<(), Error> {
    let mut stores = stream::iter(0..references)
        .map(|n| async move {
            let metadata = MediaMetadata::new()
                .with_session(format!("session-{}", n / (2 * OF_CONVERSATION)).parse()?)
                .with_conversation(format!("conv-{}", n / OF_CONVERSATION).parse()?)
                .with_user(format!("user-{}", n / OF_USER).parse()?);
            // Two references share the bytes of each.
            let bytes = (n / 2).to_le_bytes().to_vec();
            store.store_bytes(Mime::IMAGE_PNG, bytes, metadata).await?;
            Ok::<_, Error>(())
        })
        .buffer_unordered(16);
    while let Some(stored) = stores.next().await {
        stored?;
    }
    Ok(())
}

struct Row {
    what: String,
    found: u64,
    counted: Counted,
    took: Duration,
    /// The requests that it may take, if there is a goal.
    goal: Option<f64>,
}

impl Row {
    fn print(&self) -> bool {
        let all = self.counted.all();
        let met = self.goal.is_none_or(|goal| all as f64 <= goal);
        println!(
            "| {} | {} | {} | {} | {:.1} s | {} |",
            self.what,
            self.found,
            self.counted.pages,
            self.counted.others,
            self.took.as_secs_f64(),
            match self.goal {
                None => String::new(),
                Some(goal) if met => format!("<= {goal:.0}: met"),
                Some(goal) => format!("<= {goal:.0}: **missed**"),
            }
        );
        met
    }
}

async fn rows(protocol: ProtocolVersion, references: u64) -> Result<Vec<Row>, Error> {
    let bucket = SlowBucket::new();
    let store = ObjectMediaStore::builder()
        .with_object_store(Arc::new(bucket.clone()))
        .with_deduplication(true)
        .with_protocol(protocol)
        .build()
        .await?;
    fill(&store, references).await?;
    let full = SweepOptions::new()
        .with_depth(SweepDepth::Full)
        .with_grace(Duration::ZERO);
    store.sweep(full).await?;
    bucket.set_latency(LATENCY.0, LATENCY.1);
    let second = protocol == ProtocolVersion::Second;
    let mut rows = Vec::new();
    let mut row = |what: &str, found: u64, begin: Instant, goal: Option<(f64, f64)>| {
        let counted = bucket.take();
        rows.push(Row {
            what: what.to_owned(),
            found,
            counted,
            took: begin.elapsed(),
            goal: goal.map(|(each, pages)| each * found as f64 + pages * counted.pages as f64),
        });
    };
    bucket.take();
    let begin = Instant::now();
    store.sweep(full).await?;
    row(
        "full sweep, nothing to do",
        references,
        begin,
        second.then_some((0.02, 0.0)),
    );
    let conversation = Scope::Conversation("conv-3".parse()?);
    let user = Scope::User("user-3".parse()?);
    for (what, scope) in [("conversation", &conversation), ("user", &user)] {
        bucket.take();
        let begin = Instant::now();
        let found = store.list(scope.clone()).count().await as u64;
        row(
            &format!("list a {what}"),
            found,
            begin,
            second.then_some((2.1, 1.0)),
        );
        let begin = Instant::now();
        store.usage(scope.clone()).await?;
        row(
            &format!("usage of a {what}"),
            found,
            begin,
            second.then_some((2.1, 1.0)),
        );
    }
    let begin = Instant::now();
    store.usage(Scope::All).await?;
    row("usage of everything", references, begin, None);
    for (what, scope) in [("conversation", conversation), ("user", user)] {
        bucket.take();
        let begin = Instant::now();
        let found = store.delete_scope(scope).await?.deleted;
        row(
            &format!("delete a {what}, with its bytes"),
            found,
            begin,
            None,
        );
    }
    Ok(rows)
}

/// References for which requests are computed from those that were measured.
const COMPUTED: f64 = 1e8;

/// Prints what a full sweep with nothing to do costs for many more references.
fn compute(row: &Row) {
    let all = row.counted.all() as f64;
    let each = all / row.found as f64;
    let seconds = row.took.as_secs_f64() / row.found as f64 * COMPUTED;
    println!(
        "\ncomputed for {COMPUTED:.0e}: {each:.4} requests a reference, {:.0} in all, {:.1} h",
        each * COMPUTED,
        seconds / 3600.0
    );
}

/// Prints a table for each number of references; returns whether all goals were met.
pub(crate) async fn measure(all: &[u64]) -> Result<bool, Error> {
    let (mut met, mut goals) = (0, 0);
    for references in all {
        for (protocol, name) in [
            (ProtocolVersion::First, "first"),
            (ProtocolVersion::Second, "second"),
        ] {
            println!("\n{references} references, {name} protocol:\n");
            println!("| what | references | pages of listings | other requests | time | goal |");
            println!("|---|---|---|---|---|---|");
            let rows = rows(protocol, *references).await?;
            for row in &rows {
                let hit = row.print();
                if row.goal.is_some() {
                    goals += 1;
                    met += u32::from(hit);
                }
            }
            if let Some(sweep) = rows.first() {
                compute(sweep);
            }
        }
    }
    println!("\nupkeep: {met} of {goals} goals met");
    Ok(met == goals)
}
