//! Random values that are used once.

use media_storage::{Operation, StorageError, StorageErrorKind};

use crate::protocol::Token;

/// The most that one step of a protocol takes.
const AHEAD: usize = 4;

/// Tokens that were drawn from the operating system and not used yet.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    ready: Vec<Token>,
}

impl Tokens {
    /// Draws as many as a step can take.
    pub(crate) fn refill(&mut self) -> Result<(), StorageError> {
        while self.ready.len() < AHEAD {
            let mut bytes = [0; 16];
            getrandom::fill(&mut bytes).map_err(|error| {
                StorageError::new(StorageErrorKind::Unavailable, Operation::Store)
                    .with_reason("the operating system gives no random bytes")
                    .with_source(error)
            })?;
            self.ready.push(Token::new(u128::from_le_bytes(bytes)));
        }
        Ok(())
    }

    /// The next one; `None` when more were taken than a step can take.
    pub(crate) fn take(&mut self) -> Option<Token> {
        self.ready.pop()
    }
}
