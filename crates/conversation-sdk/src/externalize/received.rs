//! Putting received media back where no store takes it.

use media_storage::StorageError;
use media_types::MediaSource;

use super::scan::{self, Candidate, Wanted};
use crate::message::Message;
use crate::receive::ReceivedMedia;

/// Puts the bytes of received media in its place, since its spool is gone after the turn.
///
/// # Errors
/// The first that cannot be read; it stays a reference to nothing, and the others are done.
pub(super) async fn take_in(
    messages: &mut [Message],
    candidates: &[Candidate],
) -> Result<(), StorageError> {
    let mut taken_in = Vec::new();
    let mut failure = None;
    for candidate in candidates {
        if let Some(spool) = &candidate.spool {
            match spool.bytes().await {
                Ok(bytes) => taken_in.push((candidate.place, MediaSource::Inline(bytes))),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
    }
    scan::apply(messages, &taken_in);
    failure.map_or(Ok(()), Err)
}

/// The same for all received media of messages that are to outlive their turn; what is lost is
/// logged.
pub(crate) async fn take_in_all(messages: &mut [Message], received: &ReceivedMedia) {
    let wanted = Wanted {
        threshold: u64::MAX,
        received: Some(received),
    };
    let candidates = scan::scan(messages, wanted, |_| true);
    if let Err(error) = take_in(messages, &candidates).await {
        tracing::warn!(kind = %error.kind(), "received media of a turn is lost");
    }
}
