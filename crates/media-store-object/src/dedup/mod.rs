//! What drives the protocol against a bucket.

mod collect;
mod delete;
mod known;
mod store;

pub(crate) use collect::{collect, fence};
pub(crate) use delete::delete;
pub(crate) use known::Known;
pub(crate) use store::{Attempt, ToShare, store};

use media_storage::{StorageError, StorageErrorKind};
use media_types::Sha256;

use crate::bucket::{Bucket, Swap, Version};
use crate::keys::Keys;
use crate::protocol::{Answer, Protocol, Record, Request, Step, Token, Versioned};
use crate::tokens::Tokens;

/// Largest record that is read, in bytes.
const MAX_RECORD: u64 = 4096;

/// The objects of one hash.
#[derive(Clone, Debug)]
pub(crate) struct Hash {
    pub(crate) bucket: Bucket,
    pub(crate) keys: Keys,
    pub(crate) sha256: Sha256,
}

impl Hash {
    pub(crate) fn new(bucket: &Bucket, keys: &Keys, sha256: Sha256) -> Self {
        Self {
            bucket: bucket.clone(),
            keys: keys.clone(),
            sha256,
        }
    }

    /// Reads the record.
    pub(crate) async fn record(&self) -> Result<Option<Versioned<Version>>, StorageError> {
        let key = self.keys.record(self.sha256)?;
        let Some((json, version)) = self.bucket.get(&key, MAX_RECORD).await? else {
            return Ok(None);
        };
        let record = Record::from_json(&json).map_err(|error| {
            self.bucket
                .fail(StorageErrorKind::Corrupted)
                .with_reason("the record of shared bytes does not read")
                .with_source(error)
        })?;
        Ok(Some(Versioned { record, version }))
    }

    /// Whether the bytes of a generation are there, as far as their size tells.
    pub(crate) async fn has_bytes(
        &self,
        generation: Token,
        len: u64,
    ) -> Result<bool, StorageError> {
        let blob = self.keys.blob(self.sha256, generation)?;
        let found = self.bucket.head(&blob).await?;
        Ok(found.is_some_and(|meta| meta.size == len))
    }

    /// Does what all protocols may ask; requests that belong to one reference fail.
    async fn answer(&self, request: Request<Version>) -> Result<Answer<Version>, StorageError> {
        let Self {
            bucket,
            keys,
            sha256,
        } = self;
        Ok(match request {
            Request::ReadRecord => Answer::Record(self.record().await?),
            Request::SwapRecord { expected, record } => {
                let (key, body) = (keys.record(*sha256)?, record.to_json());
                match bucket.swap(&key, expected.as_ref(), body.into()).await {
                    Swap::Done(version) => Answer::Swapped(version),
                    Swap::Unclear(error) => {
                        tracing::debug!(%error, "whether a record was written is unclear");
                        Answer::Unclear
                    }
                }
            }
            Request::FindMarker(generation) => {
                let markers = keys.markers(*sha256, generation)?;
                Answer::Found(bucket.any(&markers).await?)
            }
            Request::DeleteBlob(generation) => {
                bucket.delete(&keys.blob(*sha256, generation)?).await?;
                Answer::Done
            }
            Request::DeleteMarkers(generation) => {
                let markers = keys.markers(*sha256, generation)?;
                bucket.delete_under(&markers).await?;
                Answer::Done
            }
            _ => Answer::Failed,
        })
    }
}

/// Does what one protocol asks.
trait Driver: Send {
    /// Does it.
    ///
    /// # Errors
    /// The request failed or nobody knows; the protocol is told so.
    fn answer(
        &mut self,
        request: Request<Version>,
    ) -> impl Future<Output = Result<Answer<Version>, StorageError>> + Send;
}

/// How a protocol ended, and the first failure on the way.
struct Ended<O> {
    outcome: O,
    failure: Option<StorageError>,
}

/// Runs a protocol to its end.
async fn drive<P, D>(mut protocol: P, driver: &mut D) -> Result<Ended<P::Outcome>, StorageError>
where
    P: Protocol<Version> + Send,
    P::Outcome: Send,
    D: Driver,
{
    let mut tokens = Tokens::default();
    let mut failure = None;
    let mut answer = None;
    loop {
        tokens.refill()?;
        let mut lacking = false;
        let step = protocol.step(answer.take(), &mut || {
            tokens.take().unwrap_or_else(|| {
                lacking = true;
                Token::new(0)
            })
        });
        if lacking {
            // Never reached: no step takes so many. A token that is not fresh must not be used.
            return Err(StorageError::new(
                StorageErrorKind::Other,
                media_storage::Operation::Store,
            ));
        }
        let request = match step {
            Step::Ask(request) => request,
            Step::End(outcome) => return Ok(Ended { outcome, failure }),
        };
        answer = Some(match driver.answer(request).await {
            Ok(answer) => answer,
            Err(error) => {
                failure.get_or_insert(error);
                Answer::Failed
            }
        });
    }
}

impl<O> Ended<O> {
    /// The failure that made it fail.
    fn failure(self, bucket: &Bucket) -> StorageError {
        match self.failure {
            Some(error) => bucket.adopt(error),
            None => bucket
                .fail(StorageErrorKind::Unavailable)
                .with_reason("others were at the same bytes at the same time"),
        }
    }
}
