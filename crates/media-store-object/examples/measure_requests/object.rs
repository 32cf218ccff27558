//! Round trips and requests of operations on one reference.

use std::sync::Arc;

use media_storage::{MediaMetadata, MediaStorageExt as _};
use media_store_object::{ObjectMediaStore, ProtocolVersion};
use media_types::Mime;
use tokio::time::Instant;

use crate::Error;
use crate::bucket::SlowBucket;

/// Operations, and the round trips that each may take.
const GOALS: [(&str, u64); 4] = [
    ("store new, shared", 3),
    ("store duplicate", 2),
    ("retrieve", 1),
    ("delete", 3),
];

struct Meter<'a> {
    bucket: &'a SlowBucket,
    latency: u64,
}

/// Round trips and requests.
type Cost = (u64, u64);

impl Meter<'_> {
    async fn measure<T>(
        &self,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<(T, Cost), Error> {
        self.bucket.take();
        let begin = Instant::now();
        let value = operation.await?;
        let millis = u64::try_from(begin.elapsed().as_millis())?;
        let cost = (millis.div_euclid(self.latency), self.bucket.take().all());
        Ok((value, cost))
    }
}

async fn costs(protocol: ProtocolVersion, latency: u64) -> Result<[Cost; 4], Error> {
    let bucket = SlowBucket::new();
    let store = ObjectMediaStore::builder()
        .with_object_store(Arc::new(bucket.clone()))
        .with_deduplication(true)
        .with_protocol(protocol)
        .build()
        .await?;
    bucket.set_latency(latency, latency);
    let meter = Meter {
        bucket: &bucket,
        latency,
    };
    let metadata = || -> Result<MediaMetadata, Error> {
        Ok(MediaMetadata::new()
            .with_session("session-1".parse()?)
            .with_conversation("conv-1".parse()?))
    };
    let put = async || -> Result<_, Error> {
        let bytes = vec![7; 10_000];
        Ok(store
            .store_bytes(Mime::IMAGE_PNG, bytes, metadata()?)
            .await?)
    };
    let (reference, new) = meter.measure(put()).await?;
    let (_, duplicate) = meter.measure(put()).await?;
    let read = async { Ok(store.retrieve_bytes(&reference, 10_000).await?) };
    let (_, retrieve) = meter.measure(read).await?;
    let remove = async { Ok(store.delete(&reference).await?) };
    let ((), delete) = meter.measure(remove).await?;
    Ok([new, duplicate, retrieve, delete])
}

/// Prints a table; returns whether all goals were met.
pub(crate) async fn measure(latency: u64) -> Result<bool, Error> {
    let first = costs(ProtocolVersion::First, latency).await?;
    let second = costs(ProtocolVersion::Second, latency).await?;
    println!("| operation | first protocol | second protocol | goal | |");
    println!("|---|---|---|---|---|");
    let mut met = 0;
    for (((name, goal), first), second) in GOALS.iter().zip(first).zip(second) {
        let hit = second.0 <= *goal;
        met += usize::from(hit);
        println!(
            "| {name} | {} round trips, {} requests | {} round trips, {} requests | <= {goal} | {} |",
            first.0,
            first.1,
            second.0,
            second.1,
            if hit { "met" } else { "**missed**" }
        );
    }
    println!(
        "object: {met} of {} goals met at {latency} ms a request",
        GOALS.len()
    );
    Ok(met == GOALS.len())
}
