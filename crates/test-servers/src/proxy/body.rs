//! A body that passes the proxy: counted, and truncated or throttled if requested.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::record::Entry;

/// Direction of a body, for the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Towards {
    Upstream,
    Client,
    /// To the server, counted when it arrives.
    UpstreamLate,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    /// The connection breaks after this number of bytes.
    pub(super) cut_after: Option<u64>,
    /// This number of bytes passes in a second.
    pub(super) per_second: Option<u64>,
}

/// Interval at which bytes of a throttled body pass.
const TICKS_PER_SECOND: u64 = 20;

#[derive(Debug)]
pub(super) struct Passing {
    source: Source,
    towards: Towards,
    limits: Limits,
    passed: u64,
    waiting: Bytes,
    tick: Option<Pin<Box<Sleep>>>,
    entry: Arc<Entry>,
}

#[derive(Debug)]
enum Source {
    Stream(Incoming),
    Whole(Full<Bytes>),
}

impl Passing {
    pub(super) fn new(
        body: Incoming,
        towards: Towards,
        limits: Limits,
        entry: &Arc<Entry>,
    ) -> Self {
        Self::from_source(Source::Stream(body), towards, limits, entry)
    }

    pub(super) fn whole(bytes: Bytes, towards: Towards, entry: &Arc<Entry>) -> Self {
        let source = Source::Whole(Full::new(bytes));
        Self::from_source(source, towards, Limits::default(), entry)
    }

    fn from_source(source: Source, towards: Towards, limits: Limits, entry: &Arc<Entry>) -> Self {
        Self {
            source,
            towards,
            limits,
            passed: 0,
            waiting: Bytes::new(),
            tick: None,
            entry: Arc::clone(entry),
        }
    }

    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.source {
            Source::Stream(body) => Pin::new(body).poll_frame(context).map_err(io::Error::other),
            Source::Whole(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(|never| match never {}),
        }
    }

    /// Returns how many of the next bytes may pass now.
    fn portion(&self) -> io::Result<usize> {
        let mut portion = self.waiting.len() as u64;
        if let Some(rate) = self.limits.per_second {
            portion = portion.min((rate / TICKS_PER_SECOND).max(1));
        }
        if let Some(cut) = self.limits.cut_after {
            if self.passed >= cut {
                return Err(io::Error::other("truncated by the proxy"));
            }
            portion = portion.min(cut - self.passed);
        }
        usize::try_from(portion).map_err(io::Error::other)
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(tick) = &mut self.tick {
            ready!(tick.as_mut().poll(context));
            self.tick = None;
        }
        if self.waiting.is_empty() {
            let Some(frame) = ready!(self.poll_source(context)) else {
                return Poll::Ready(None);
            };
            match frame?.into_data() {
                Ok(data) => {
                    if self.towards == Towards::Upstream {
                        self.entry.received(data.len() as u64);
                    }
                    self.waiting = data;
                }
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let portion = match self.portion() {
            Ok(portion) => portion,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        let data = self.waiting.split_to(portion);
        self.passed += data.len() as u64;
        if self.towards == Towards::Client {
            self.entry.sent(data.len() as u64);
        }
        if let Some(rate) = self.limits.per_second {
            let pause = Duration::from_secs_f64(data.len() as f64 / rate.max(1) as f64);
            self.tick = Some(Box::pin(tokio::time::sleep(pause)));
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.waiting.is_empty()
            && match &self.source {
                Source::Stream(body) => body.is_end_stream(),
                Source::Whole(body) => body.is_end_stream(),
            }
    }

    fn size_hint(&self) -> SizeHint {
        let source = match &self.source {
            Source::Stream(body) => body.size_hint(),
            Source::Whole(body) => body.size_hint(),
        };
        let waiting = self.waiting.len() as u64;
        let mut hint = SizeHint::new();
        hint.set_lower(source.lower() + waiting);
        if let Some(upper) = source.upper() {
            hint.set_upper(upper + waiting);
        }
        hint
    }
}
