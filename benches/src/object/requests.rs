//! Requests and bytes of each operation, counted at the wire.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use futures_util::{TryStreamExt as _, stream};
use media_storage::{
    Inventory as _, MediaBody, MediaMetadata, MediaStorage as _, MediaStorageExt as _, MediaUpload,
    RetentionPolicy, RetrieveOptions, SweepDepth, SweepOptions,
};
use media_store_object::ObjectMediaStore;
use media_types::{Mime, StorageReference};
use test_servers::proxy::{Exchange, RequestHead};

use super::Plan;
use super::service::Service;
use crate::Result;
use crate::bodies::Bodies;
use crate::report::{Line, Report, grouped};

const SMALL: usize = 100_000;
const LARGE: usize = 20_000_000;

/// What one operation did.
struct Cost {
    requests: usize,
    methods: String,
    media_sent: u64,
    other_sent: u64,
    media_received: u64,
}

impl Cost {
    fn of(exchanges: &[Exchange]) -> Self {
        let mut methods = BTreeMap::<&str, usize>::new();
        let (mut media_sent, mut other_sent, mut media_received) = (0, 0, 0);
        for exchange in exchanges {
            *methods
                .entry(exchange.request.method().as_str())
                .or_default() += 1;
            if is_media(&exchange.request) {
                media_sent += exchange.request_bytes;
                media_received += exchange.response_bytes;
            } else {
                other_sent += exchange.request_bytes;
            }
        }
        let methods = methods
            .iter()
            .map(|(name, count)| format!("{count} {name}"));
        Self {
            requests: exchanges.len(),
            methods: methods.collect::<Vec<_>>().join(", "),
            media_sent,
            other_sent,
            media_received,
        }
    }

    fn line(&self, what: &str) -> Line {
        Line::new([
            what.to_owned(),
            self.requests.to_string(),
            self.methods.clone(),
            grouped(self.media_sent),
            grouped(self.other_sent),
            grouped(self.media_received),
        ])
    }
}

/// Media, shared or not; the rest is sidecars, markers, records, hints and listings.
fn is_media(request: &RequestHead) -> bool {
    let path = request.path();
    let about_media = path.contains("/blob/") || path.ends_with(".png");
    // What begins and completes an upload in parts carries lists of parts.
    let lists = request.method().as_str() == "POST" || request.query().contains("comp=blocklist");
    about_media && !lists
}

/// One table for each service.
pub(super) async fn requests(plan: &Plan, report: &mut Report) -> Result<()> {
    for service in &Service::all(&plan.dir).await? {
        let mut counted = Counted {
            service,
            lines: Vec::new(),
        };
        counted.shared().await?;
        counted.single().await?;
        counted.swept().await?;
        report.lines(
            &format!("Requests, {}", service.name),
            "Counted by a proxy between the store and the server, retries included. Several go out at the same time: the [round trips](#both-protocols-of-the-object-store) of an operation are fewer, and the targets here only keep the number of requests from growing. Media bytes are those of the media itself; other bytes those of sidecars, markers, records, hints and lists of parts.",
            &[
                "what",
                "requests",
                "which",
                "media bytes sent",
                "other bytes sent",
                "media bytes received",
            ],
            &counted.lines,
        );
    }
    Ok(())
}

struct Counted<'a> {
    service: &'a Service,
    lines: Vec<Line>,
}

impl Counted<'_> {
    async fn open(&self, prefix: &str, shares: bool) -> Result<ObjectMediaStore> {
        let builder = self.service.builder(prefix).with_deduplication(shares);
        let store = builder.build().await?;
        if store.is_deduplicating() != shares {
            return Err("the service cannot share bytes".into());
        }
        self.service.exchanges().await?;
        Ok(store)
    }

    /// Notes what went over the wire since the last call.
    async fn note(&mut self, what: &str, most: Option<usize>, media_sent: u64) -> Result<()> {
        let cost = Cost::of(&self.service.exchanges().await?);
        let mut line = cost.line(what);
        if let Some(most) = most {
            let met = cost.requests <= most && cost.media_sent == media_sent;
            let media = match media_sent {
                0 => "no media bytes sent",
                _ => "media sent once",
            };
            line = line.with_target(format!("≤ {most}, {media}"), met);
        }
        self.lines.push(line);
        Ok(())
    }

    async fn shared(&mut self) -> Result<()> {
        let store = self.open("shared", true).await?;
        let (small, large) = (Bodies::new(SMALL).bytes(), Bodies::new(LARGE).bytes());
        let first = put(&store, small.clone(), None).await?;
        self.note("store 100 KB, shared, new", Some(7), SMALL as u64)
            .await?;
        let second = put(&store, small.clone(), None).await?;
        self.note("store 100 KB, shared, duplicate", Some(5), 0)
            .await?;
        let other = self.open("shared", true).await?;
        put(&other, small.clone(), None).await?;
        self.note(
            "... duplicate, for the first time on another node",
            Some(7),
            0,
        )
        .await?;
        let hour = Some(RetentionPolicy::RetainHours(1));
        put(&store, Bodies::new(SMALL).bytes(), hour).await?;
        self.note("... new, expires", Some(8), SMALL as u64).await?;
        put(&store, small, hour).await?;
        self.note("... duplicate, expires", Some(6), 0).await?;
        put(&store, large.clone(), None).await?;
        // Three parts, with a request before and one after in place of a single put.
        self.note("store 20 MB, shared, new", Some(11), LARGE as u64)
            .await?;
        let pieces = stream::iter([Ok(large)]);
        let upload = upload(MediaBody::from_stream(None, pieces), None)?;
        store.store(upload).await?;
        self.note("store 20 MB, shared, duplicate, a stream", Some(5), 0)
            .await?;
        self.read(&store, &first, "shared").await?;
        store.delete(&first).await?;
        self.note("delete, others hold the bytes", Some(4), 0)
            .await?;
        store.delete(&second).await?;
        Ok(())
    }

    async fn single(&mut self) -> Result<()> {
        let store = self.open("single", false).await?;
        let first = put(&store, Bodies::new(SMALL).bytes(), None).await?;
        self.note("store 100 KB, not shared", Some(2), SMALL as u64)
            .await?;
        let hour = Some(RetentionPolicy::RetainHours(1));
        put(&store, Bodies::new(SMALL).bytes(), hour).await?;
        self.note("... expires", Some(3), SMALL as u64).await?;
        let large = Bodies::new(LARGE).bytes();
        let pieces = stream::iter([Ok(large)]);
        let upload = upload(MediaBody::from_stream(None, pieces), None)?;
        store.store(upload).await?;
        self.note("store 20 MB, not shared, a stream", Some(6), LARGE as u64)
            .await?;
        self.read(&store, &first, "not shared").await?;
        store.delete(&first).await?;
        self.note("delete, not shared", Some(4), 0).await
    }

    async fn read(
        &mut self,
        store: &ObjectMediaStore,
        reference: &StorageReference,
        kind: &str,
    ) -> Result<()> {
        // Marker, sidecar and bytes at once; without deduplication there is no marker.
        let body = 2 + usize::from(store.is_deduplicating());
        store.retrieve_bytes(reference, u64::MAX).await?;
        self.note(&format!("retrieve, {kind}"), Some(body), 0)
            .await?;
        let range = RetrieveOptions::new().with_range(1000..11_000);
        let part = store.retrieve_opts(reference, range).await?;
        part.body
            .into_stream()
            .try_for_each(async |_| Ok(()))
            .await?;
        self.note(&format!("retrieve 10 KB of it, {kind}"), Some(body), 0)
            .await?;
        let head = RetrieveOptions::new().with_head();
        store.retrieve_opts(reference, head).await?;
        self.note(&format!("head, {kind}"), Some(body - 1), 0).await
    }

    /// What it costs until the bytes are gone, in a prefix with one media item.
    async fn swept(&mut self) -> Result<()> {
        let store = self.open("swept", true).await?;
        let last = put(&store, Bodies::new(SMALL).bytes(), None).await?;
        self.service.exchanges().await?;
        store.delete(&last).await?;
        self.note("delete, the last that holds the bytes", Some(4), 0)
            .await?;
        let full = SweepOptions::new()
            .with_depth(SweepDepth::Full)
            .with_grace(std::time::Duration::ZERO);
        let report = store.sweep(full).await?;
        if report.freed_bytes != SMALL as u64 {
            return Err("the sweep left the bytes".into());
        }
        self.note("... and the full sweep that removes them", None, 0)
            .await?;
        let hour = Some(RetentionPolicy::RetainHours(1));
        put(&store, Bodies::new(SMALL).bytes(), hour).await?;
        self.service.exchanges().await?;
        store.sweep(SweepOptions::new()).await?;
        self.note("sweep, nothing is due", None, 0).await?;
        let later = SweepOptions::new().with_now(Utc::now() + TimeDelta::hours(2));
        let report = store.sweep(later).await?;
        if report.freed_bytes != SMALL as u64 {
            return Err("the sweep left the bytes".into());
        }
        self.note("sweep, one is due and the last of its bytes", None, 0)
            .await
    }
}

fn about(retention: Option<RetentionPolicy>) -> Result<MediaMetadata> {
    let metadata = MediaMetadata::new()
        .with_session("session-1".parse()?)
        .with_conversation("conv-1".parse()?);
    Ok(match retention {
        Some(retention) => metadata.with_retention(retention),
        None => metadata,
    })
}

fn upload(body: MediaBody, retention: Option<RetentionPolicy>) -> Result<MediaUpload> {
    Ok(MediaUpload::new(Mime::IMAGE_PNG, body, about(retention)?))
}

async fn put(
    store: &ObjectMediaStore,
    bytes: bytes::Bytes,
    retention: Option<RetentionPolicy>,
) -> Result<StorageReference> {
    let upload = upload(MediaBody::from_bytes(bytes), retention)?;
    Ok(store.store(upload).await?)
}
