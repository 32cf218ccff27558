//! Values of serde types, by way of their JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::history::History;
use crate::lifetime;

impl History {
    /// Replaces the media in a value of any serde type that keeps it as strings.
    ///
    /// # Errors
    /// As [`History::externalize`]; `Typed` when the type cannot be read from its own slim form.
    pub async fn externalize_typed<T>(&self, value: &T) -> Result<T, HistoryError>
    where
        T: Serialize + DeserializeOwned + Sync,
    {
        const OPERATION: HistoryOperation = HistoryOperation::Externalize;
        let text = to_json(value, OPERATION)?;
        let slim = self.externalize(&text).await?;
        match from_json(slim.bytes(), OPERATION) {
            Ok(value) => Ok(value),
            Err(error) => {
                let new = slim.report().values.iter().filter(|value| value.new);
                // A list, not an iterator: the future is `Send` in every context then.
                let stored: Vec<_> = new.map(|value| value.reference.clone()).collect();
                lifetime::discard(&self.settings, stored).await;
                Err(error)
            }
        }
    }

    /// Puts the media back in a value of any serde type.
    ///
    /// # Errors
    /// As [`History::restore`]; `Typed` when the value does not convert.
    pub async fn restore_typed<T>(&self, value: &T) -> Result<T, HistoryError>
    where
        T: Serialize + DeserializeOwned + Sync,
    {
        const OPERATION: HistoryOperation = HistoryOperation::Restore;
        let text = to_json(value, OPERATION)?;
        from_json(&self.restore(&text).await?, OPERATION)
    }
}

fn to_json<T: Serialize>(value: &T, operation: HistoryOperation) -> Result<Vec<u8>, HistoryError> {
    serde_json::to_vec(value)
        .map_err(|error| HistoryError::new(HistoryErrorKind::Typed, operation).with_source(error))
}

fn from_json<T: DeserializeOwned>(
    text: &[u8],
    operation: HistoryOperation,
) -> Result<T, HistoryError> {
    serde_json::from_slice(text)
        .map_err(|error| HistoryError::new(HistoryErrorKind::Typed, operation).with_source(error))
}
