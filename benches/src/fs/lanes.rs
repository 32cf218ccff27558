//! What contenders do in a race.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;

use crate::Result;
use crate::bodies::Bodies;
use crate::contender::{self, Contender, Manner, Receipt, Seat};
use crate::race::Lane;

/// Stores media that was not there.
///
/// Nothing is removed: on ext4, creating a file near others that were deleted within the last
/// minutes takes up to ten times as long, which would be measured instead.
pub(super) struct New {
    pub(super) contender: Contender,
    pub(super) bodies: Bodies,
    pub(super) turn: usize,
    pub(super) conversations: usize,
}

impl New {
    pub(super) fn lane(contender: Contender, len: usize) -> Box<dyn Lane> {
        Self::among(8, contender, len)
    }

    /// Creates a lane in which a number of conversations take turns.
    pub(super) fn among(conversations: usize, contender: Contender, len: usize) -> Box<dyn Lane> {
        Box::new(Self {
            contender,
            bodies: Bodies::new(len),
            turn: 0,
            conversations,
        })
    }
}

#[async_trait]
impl Lane for New {
    async fn run(&mut self) -> Result<Duration> {
        let text = self.bodies.base64();
        self.turn += 1;
        let start = Instant::now();
        let seat = Seat::among(self.conversations, self.turn);
        self.contender.put(text, seat).await?;
        Ok(start.elapsed())
    }
}

/// Stores media that is there already.
pub(super) struct Again {
    pub(super) contender: Contender,
    pub(super) text: Bytes,
    pub(super) turn: usize,
}

#[async_trait]
impl Lane for Again {
    async fn run(&mut self) -> Result<Duration> {
        let text = self.text.clone();
        self.turn += 1;
        let start = Instant::now();
        self.contender.put(text, Seat::active(self.turn)).await?;
        Ok(start.elapsed())
    }
}

/// Deletes a reference to media that has others.
pub(super) struct Delete {
    pub(super) contender: Contender,
    pub(super) text: Bytes,
}

#[async_trait]
impl Lane for Delete {
    async fn run(&mut self) -> Result<Duration> {
        let receipt = self
            .contender
            .put(self.text.clone(), Seat::active(0))
            .await?;
        let start = Instant::now();
        self.contender.remove(&receipt).await?;
        Ok(start.elapsed())
    }
}

/// What is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Bytes,
    Base64,
}

/// Loads media.
pub(super) struct Load {
    pub(super) contender: Contender,
    pub(super) receipt: Receipt,
    pub(super) form: Form,
}

#[async_trait]
impl Lane for Load {
    async fn run(&mut self) -> Result<Duration> {
        let start = Instant::now();
        let len = match self.form {
            Form::Bytes => self.contender.bytes(&self.receipt).await?.len(),
            Form::Base64 => self.contender.base64(&self.receipt).await?.len(),
        };
        let took = start.elapsed();
        std::hint::black_box(len);
        Ok(took)
    }
}

/// Decodes and hashes by hand; then, where there is a directory, writes and syncs as much as a
/// duplicate has to.
pub(super) struct DecodeAndHash {
    pub(super) text: Bytes,
    pub(super) manner: Manner,
    pub(super) sync_in: Option<PathBuf>,
    /// Whether a blocking thread of the runtime does it, as it must be in a service.
    pub(super) off_runtime: bool,
}

#[async_trait]
impl Lane for DecodeAndHash {
    async fn run(&mut self) -> Result<Duration> {
        let (text, manner, dir) = (self.text.clone(), self.manner, self.sync_in.clone());
        let work = move || {
            std::hint::black_box(contender::decode_and_hash(&text, manner)?);
            dir.map_or(Ok(()), |dir| contender::two_fsyncs(&dir))
        };
        let start = Instant::now();
        if self.off_runtime {
            tokio::task::spawn_blocking(work).await??;
        } else {
            work()?;
        }
        Ok(start.elapsed())
    }
}
