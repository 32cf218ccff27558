//! Running a protocol to its end.

use futures_util::future::join_all;
use media_storage::{Operation, StorageError, StorageErrorKind};

use super::nonces::NonceSource;
use crate::bucket::{Bucket, Version};
use crate::protocol::{Answer, Nonce, Protocol, Request, Step};

/// Carries out the requests of a protocol.
pub(crate) trait Driver: Send + Sync {
    /// Carries out a request.
    ///
    /// # Errors
    /// The request failed, or its outcome is unknown. The protocol continues with
    /// [`Answer::Failed`].
    fn answer(
        &self,
        request: Request<Version>,
    ) -> impl Future<Output = Result<Answer<Version>, StorageError>> + Send;
}

/// Outcome of a protocol, with the first error of a request.
pub(crate) struct Ended<O> {
    pub(crate) outcome: O,
    pub(crate) failure: Option<StorageError>,
}

impl<O> Ended<O> {
    /// Returns the error of a protocol that failed.
    pub(crate) fn into_error(self, bucket: &Bucket) -> StorageError {
        match self.failure {
            Some(error) => bucket.adopt(error),
            None => bucket
                .fail(StorageErrorKind::Unavailable)
                .with_reason("the same bytes were stored or deleted concurrently"),
        }
    }
}

/// Runs a protocol to its end.
pub(crate) async fn drive<P, D>(
    mut protocol: P,
    driver: &D,
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
        let mut heard = |answer: Result<Answer<Version>, StorageError>| match answer {
            Ok(answer) => answer,
            Err(error) => {
                failure.get_or_insert(error);
                Answer::Failed
            }
        };
        answer = Some(match step {
            Step::Ask(request) => heard(driver.answer(request).await),
            Step::AskAll(requests) => {
                let asked = requests.into_iter().map(|request| driver.answer(request));
                let answers = join_all(asked).await;
                Answer::All(answers.into_iter().map(heard).collect())
            }
            Step::End(outcome) => return Ok(Ended { outcome, failure }),
        });
    }
}
