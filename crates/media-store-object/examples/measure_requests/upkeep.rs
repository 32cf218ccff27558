//! Requests and time of operations on many references.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use media_storage::{
    Inventory as _, MediaMetadata, MediaStorageExt as _, Scope, SweepDepth, SweepOptions,
};
use media_store_object::{ObjectMediaStore, ProtocolVersion};
use media_types::Mime;
use object_store::ObjectStore as _;
use tokio::time::{Duration, Instant};

use crate::bucket::{Counted, SlowBucket};
use crate::{Error, HEAP};

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
    /// What the work of this process took, as if no request took any time.
    own: Duration,
    /// The most memory that was held above what was held before, in bytes. Answers of the bucket, which is
    /// in this process, count.
    memory: usize,
    /// The requests that it may take, if there is a goal.
    goal: Option<f64>,
}

impl Row {
    fn print(&self) -> bool {
        let all = self.counted.all();
        let met = self.goal.is_none_or(|goal| all as f64 <= goal);
        println!(
            "| {} | {} | {} | {} | {:.1} s | {:.1} s | {:.1} MiB | {} |",
            self.what,
            self.found,
            self.counted.pages,
            self.counted.others,
            self.took.as_secs_f64(),
            self.own.as_secs_f64(),
            self.memory as f64 / (1 << 20) as f64,
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
    let mut table = Table {
        bucket: &bucket,
        rows: Vec::new(),
        goals: second,
    };
    let sweep = async { Ok(store.sweep(full).await.map(|_| references)?) };
    table
        .row("full sweep, nothing to do", Some((0.02, 0.0)), sweep)
        .await?;
    let list = async {
        bucket
            .list(None)
            .try_for_each(|_| std::future::ready(Ok(())))
            .await?;
        Ok(references)
    };
    table.row("listing of the bucket", None, list).await?;
    if second {
        shared(&mut table, &store, references, full.with_resume(true)).await?;
    }
    let conversation = Scope::Conversation("conv-3".parse()?);
    let user = Scope::User("user-3".parse()?);
    for (what, scope) in [("conversation", &conversation), ("user", &user)] {
        let goal = Some((2.1, 1.0));
        let list = async { Ok(store.list(scope.clone()).count().await as u64) };
        table.row(&format!("list a {what}"), goal, list).await?;
        let usage = async { Ok(store.usage(scope.clone()).await?.references) };
        table
            .row(&format!("usage of a {what}"), goal, usage)
            .await?;
    }
    let usage = async { Ok(store.usage(Scope::All).await?.references) };
    table.row("usage of everything", None, usage).await?;
    for (what, scope) in [("conversation", conversation), ("user", user)] {
        let delete = async { Ok(store.delete_scope(scope).await?.deleted) };
        let what = format!("delete a {what}, with its bytes");
        table.row(&what, None, delete).await?;
    }
    let records = bucket.contents().await?;
    let dead = records
        .iter()
        .filter(|meta| meta.location.as_ref().contains("/v2/rec/") && meta.size == DEAD_RECORD);
    let dead = dead.count() as u64;
    if second {
        let none = async { Ok(dead) };
        table
            .row("records of dead hashes that stay", None, none)
            .await?;
    }
    Ok(table.rows)
}

/// Sweeps that share their work: one alone, two at once, and one that another node continues.
async fn shared(
    table: &mut Table<'_>,
    store: &ObjectMediaStore,
    references: u64,
    options: SweepOptions,
) -> Result<(), Error> {
    // The objects of the parts are a fixed number, which counts for little in large buckets only.
    let goal = (references > LARGE).then_some((0.02, 0.0));
    let alone = async { Ok(store.sweep(options).await.map(|_| references)?) };
    table
        .row("shared full sweep, of one node", goal, alone)
        .await?;
    let other = store.clone();
    let both = async {
        let (one, two) = tokio::join!(store.sweep(options), other.sweep(options));
        if one?.unfinished > 0 && two?.unfinished > 0 {
            return Err("neither of two sweeps finished".into());
        }
        Ok(references)
    };
    table
        .row("... of two nodes at once, together", goal, both)
        .await?;
    let Some(half) = table.rows.get(2).map(|row| row.took / 2) else {
        return Ok(());
    };
    let cut = async {
        match tokio::time::timeout(half, store.sweep(options)).await {
            Ok(_) => Err("the sweep was not cut".into()),
            Err(_) => Ok(references),
        }
    };
    table.row("... cut in the middle", None, cut).await?;
    // The leases of the node that died have ended: its time went on by `half`, that of the bucket did not.
    table
        .bucket
        .set_clock(Duration::from_secs(6 * 60) + half * 2);
    let rest = async {
        match store.sweep(options).await?.unfinished {
            0 => Ok(references),
            _ => Err("the sweep was not continued".into()),
        }
    };
    table
        .row("... continued by another node", None, rest)
        .await?;
    table.bucket.set_clock(Duration::ZERO);
    Ok(())
}

/// Number of references above which the requests for the parts of a sweep have to meet the goal too, and the
/// first protocol is left out.
const LARGE: u64 = 20_000;

/// Size of the record of a dead hash, in bytes.
const DEAD_RECORD: u64 = 514;

struct Table<'a> {
    bucket: &'a SlowBucket,
    rows: Vec<Row>,
    /// Whether the goals apply.
    goals: bool,
}

impl Table<'_> {
    /// Measures work that returns how many references it concerned. A goal is a number of requests for
    /// each of them, and for each page of a listing.
    async fn row(
        &mut self,
        what: &str,
        goal: Option<(f64, f64)>,
        work: impl Future<Output = Result<u64, Error>>,
    ) -> Result<(), Error> {
        self.bucket.take();
        HEAP.reset_peak_usage();
        let held = HEAP.current_usage();
        let (begin, own) = (Instant::now(), std::time::Instant::now());
        let found = work.await?;
        let (took, own) = (begin.elapsed(), own.elapsed());
        let memory = HEAP.peak_usage().saturating_sub(held);
        let counted = self.bucket.take();
        let goal = goal.filter(|_| self.goals);
        self.rows.push(Row {
            what: what.to_owned(),
            found,
            counted,
            took,
            own,
            memory,
            goal: goal.map(|(each, pages)| each * found as f64 + pages * counted.pages as f64),
        });
        Ok(())
    }
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
            if protocol == ProtocolVersion::First && *references > LARGE {
                continue;
            }
            println!("\n{references} references, {name} protocol:\n");
            println!(
                "| what | references | pages of listings | other requests | time | without latency | memory | goal |"
            );
            println!("|---|---|---|---|---|---|---|---|");
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
