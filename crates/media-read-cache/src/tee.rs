//! A body that is written to the cache while a reader reads it from the store.
//!
//! The reader has priority: it waits for the disk only while a bounded backlog is full, and not
//! longer than [`WRITE_TIMEOUT`]. A failure of the disk ends the writing and nothing else.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use media_storage::{ByteStream, StorageError};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use crate::disk::Disk;
use crate::filling::Filling;
use crate::flight::Flight;
use crate::index::Claim;

/// Maximum number of bytes that wait for the disk.
const BACKLOG: usize = 1024 * 1024;
/// How long a reader waits for the disk before the writing is abandoned.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

type Job = JoinHandle<io::Result<Option<Box<Filling>>>>;

pub(crate) struct Tee {
    stream: ByteStream,
    flight: Arc<Flight>,
    writer: Writer,
    backlog: Vec<Bytes>,
    waiting: usize,
    left: u64,
    stall: Option<Pin<Box<Sleep>>>,
}

enum Writer {
    Idle(Box<Filling>),
    Busy(Job),
    Over,
}

impl Tee {
    /// Creates a tee for a body whose bytes were claimed.
    pub(crate) fn new(
        disk: &Arc<Disk>,
        claim: Claim,
        permit: OwnedSemaphorePermit,
        stream: ByteStream,
    ) -> Self {
        let flight = Arc::clone(claim.flight());
        flight.set_waits_for_reader(true);
        let left = claim.key().size;
        let disk = Arc::clone(disk);
        let begin = move || Ok(Filling::begin(&disk, claim, permit)?.map(Box::new));
        Self {
            stream,
            flight,
            writer: Writer::Busy(tokio::task::spawn_blocking(begin)),
            backlog: Vec::new(),
            waiting: 0,
            left,
            stall: None,
        }
    }

    fn abandon(&mut self) {
        self.backlog = Vec::new();
        self.waiting = 0;
        self.stall = None;
        if let Writer::Idle(filling) = std::mem::replace(&mut self.writer, Writer::Over) {
            drop_blocking(filling);
        }
    }

    /// Continues writing as far as possible without waiting.
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Writer::Busy(job) = &mut self.writer
            && let Poll::Ready(done) = Pin::new(job).poll(cx)
        {
            self.stall = None;
            match done {
                Ok(Ok(Some(filling))) => self.writer = Writer::Idle(filling),
                _ => {
                    self.writer = Writer::Over;
                    self.abandon();
                }
            }
        }
        if !self.backlog.is_empty() {
            match std::mem::replace(&mut self.writer, Writer::Over) {
                Writer::Idle(filling) => {
                    let pieces = self.take_backlog();
                    self.writer = Writer::Busy(tokio::task::spawn_blocking(move || {
                        write(filling, &pieces).map(Some)
                    }));
                }
                other => self.writer = other,
            }
        }
    }

    fn take_backlog(&mut self) -> Vec<Bytes> {
        self.waiting = 0;
        std::mem::take(&mut self.backlog)
    }

    /// Waits while the backlog is full, for [`WRITE_TIMEOUT`] at most.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.drive(cx);
        if self.waiting < BACKLOG || !matches!(self.writer, Writer::Busy(_)) {
            return Poll::Ready(());
        }
        let stall = self
            .stall
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_TIMEOUT)));
        ready!(stall.as_mut().poll(cx));
        tracing::warn!("the read cache is too slow; a body is not cached");
        self.abandon();
        Poll::Ready(())
    }

    fn take(&mut self, piece: &Bytes) {
        let len = piece.len() as u64;
        self.flight.advance(len);
        if matches!(self.writer, Writer::Over) || piece.is_empty() {
            return;
        }
        if len > self.left {
            return self.abandon();
        }
        self.left -= len;
        self.waiting += piece.len();
        self.backlog.push(piece.clone());
        if self.left == 0 {
            self.finish();
        }
    }

    /// Completes the file after all bytes have passed, whether the reader stays or not.
    fn finish(&mut self) {
        let pieces = self.take_backlog();
        let last = move |filling: Box<Filling>| {
            tokio::task::spawn_blocking(move || write(filling, &pieces)?.commit())
        };
        match std::mem::replace(&mut self.writer, Writer::Over) {
            Writer::Idle(filling) => drop(last(filling)),
            Writer::Busy(job) => drop(tokio::spawn(async move {
                if let Ok(Ok(Some(filling))) = job.await {
                    drop(last(filling));
                }
            })),
            Writer::Over => {}
        }
    }
}

fn write(mut filling: Box<Filling>, pieces: &[Bytes]) -> io::Result<Box<Filling>> {
    filling.write(pieces)?;
    Ok(filling)
}

/// Drops a file on a thread that may block, if there is a runtime.
fn drop_blocking(filling: Box<Filling>) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(filling))),
        Err(_) => drop(filling),
    }
}

impl Stream for Tee {
    type Item = Result<Bytes, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        ready!(this.poll_room(cx));
        let item = this.stream.as_mut().poll_next(cx);
        this.flight.set_waits_for_reader(item.is_ready());
        match &item {
            Poll::Ready(Some(Ok(piece))) => {
                this.take(piece);
                this.drive(cx);
            }
            Poll::Ready(_) => this.abandon(),
            Poll::Pending => {}
        }
        item
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        self.abandon();
    }
}
