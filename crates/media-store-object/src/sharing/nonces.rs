//! Nonces from the operating system.

use media_storage::{Operation, StorageError, StorageErrorKind};

use crate::protocol::Nonce;

/// Maximum number of nonces that one step of a protocol takes.
const AHEAD: usize = 4;

/// Draws a nonce.
pub(crate) fn fresh_nonce() -> Result<Nonce, StorageError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        StorageError::new(StorageErrorKind::Unavailable, Operation::Store)
            .with_reason("the operating system provides no random bytes")
            .with_source(error)
    })?;
    Ok(Nonce::new(u128::from_le_bytes(bytes)))
}

/// Nonces that were drawn from the operating system and not used yet.
#[derive(Debug, Default)]
pub(super) struct NonceSource {
    ready: Vec<Nonce>,
}

impl NonceSource {
    /// Draws as many nonces as a step can take.
    pub(super) fn refill(&mut self) -> Result<(), StorageError> {
        while self.ready.len() < AHEAD {
            self.ready.push(fresh_nonce()?);
        }
        Ok(())
    }

    /// Returns the next nonce; `None` if more were taken than a step can take.
    pub(super) fn take(&mut self) -> Option<Nonce> {
        self.ready.pop()
    }
}
