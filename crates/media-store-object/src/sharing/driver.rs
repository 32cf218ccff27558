//! Running a protocol to its end.

use media_storage::{Operation, StorageError, StorageErrorKind};

use super::nonces::NonceSource;
use crate::bucket::{Bucket, Version};
use crate::protocol::{Answer, Nonce, Protocol, Request, Step};

/// Carries out the requests of a protocol.
pub(super) trait Driver: Send {
    /// Carries out a request.
    ///
    /// # Errors
    /// The request failed, or its outcome is unknown. The protocol continues with
    /// [`Answer::Failed`].
    fn answer(
        &mut self,
        request: Request<Version>,
    ) -> impl Future<Output = Result<Answer<Version>, StorageError>> + Send;
}

/// Outcome of a protocol, with the first error of a request.
pub(super) struct Ended<O> {
    pub(super) outcome: O,
    pub(super) failure: Option<StorageError>,
}

impl<O> Ended<O> {
    /// Returns the error of a protocol that failed.
    pub(super) fn into_error(self, bucket: &Bucket) -> StorageError {
        match self.failure {
            Some(error) => bucket.adopt(error),
            None => bucket
                .fail(StorageErrorKind::Unavailable)
                .with_reason("the same bytes were stored or deleted concurrently"),
        }
    }
}

/// Runs a protocol to its end.
pub(super) async fn drive<P, D>(
    mut protocol: P,
    driver: &mut D,
) -> Result<Ended<P::Outcome>, StorageError>
where
    P: Protocol<Version> + Send,
    P::Outcome: Send,
    D: Driver,
{
    let mut nonces = NonceSource::default();
    let mut failure = None;
    let mut answer = None;
    loop {
        nonces.refill()?;
        let mut exhausted = false;
        let step = protocol.step(answer.take(), &mut || {
            nonces.take().unwrap_or_else(|| {
                exhausted = true;
                Nonce::new(0)
            })
        });
        if exhausted {
            // No step takes so many nonces; one that is not fresh must never be used.
            return Err(StorageError::new(StorageErrorKind::Other, Operation::Store)
                .with_reason("a protocol step ran out of nonces"));
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
