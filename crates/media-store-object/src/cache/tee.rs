//! A body on its way from the store to a reader, written to the cache as it passes.
//!
//! The reader comes first: it waits for the disk only while a bounded backlog is full, and not
//! longer than [`STALL`]; whatever fails on the disk ends the writing and nothing else.

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
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use super::disk::Disk;
use super::filling::Filling;
use super::flight::{Claim, Flight};
use tokio::sync::OwnedSemaphorePermit;

/// How many bytes may wait for the disk.
const BACKLOG: usize = 1024 * 1024;
/// How long a reader waits for the disk before the disk is given up.
const STALL: Duration = Duration::from_secs(2);

type Job = JoinHandle<io::Result<Option<Box<Filling>>>>;

pub(super) struct Tee {
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
    /// Watches a body that was claimed.
    pub(super) fn new(
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

    fn give_up(&mut self) {
        self.backlog = Vec::new();
        self.waiting = 0;
        self.stall = None;
        if let Writer::Idle(filling) = std::mem::replace(&mut self.writer, Writer::Over) {
            drop_blocking(filling);
        }
    }

    /// Goes on with writing as far as that needs no waiting.
    fn turn(&mut self, cx: &mut Context<'_>) {
        if let Writer::Busy(job) = &mut self.writer
            && let Poll::Ready(done) = Pin::new(job).poll(cx)
        {
            self.stall = None;
            match done {
                Ok(Ok(Some(filling))) => self.writer = Writer::Idle(filling),
                _ => {
                    self.writer = Writer::Over;
                    self.give_up();
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

    /// Waits, for a while, until the disk has taken some of a backlog that is full.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.turn(cx);
        if self.waiting < BACKLOG || !matches!(self.writer, Writer::Busy(_)) {
            return Poll::Ready(());
        }
        let stall = self
            .stall
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL)));
        ready!(stall.as_mut().poll(cx));
        tracing::warn!("the read cache is too slow; a body goes on without it");
        self.give_up();
        Poll::Ready(())
    }

    fn take(&mut self, piece: &Bytes) {
        let len = piece.len() as u64;
        self.flight.advance(len);
        if matches!(self.writer, Writer::Over) || piece.is_empty() {
            return;
        }
        if len > self.left {
            return self.give_up();
        }
        self.left -= len;
        self.waiting += piece.len();
        self.backlog.push(piece.clone());
        if self.left == 0 {
            self.finish();
        }
    }

    /// All bytes have passed: the rest is done whether the reader stays or not.
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

/// Drops a file on a thread that may block, where there is one.
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
                this.turn(cx);
            }
            Poll::Ready(_) => this.give_up(),
            Poll::Pending => {}
        }
        item
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        self.give_up();
    }
}
