//! Uploads of clients that were never adopted.

use chrono::TimeDelta;
use futures_util::stream::TryStreamExt as _;
use media_storage::StorageError;

use super::state::{Mode, Sweep};

/// How long an upload waits, by the clock of the service.
const MAX_AGE: TimeDelta = TimeDelta::days(1);

impl Sweep<'_> {
    /// Removes uploads that are older than a day.
    pub(super) async fn inbox(&mut self) -> Result<(), StorageError> {
        let inbox = self.shared.keys.inbox()?;
        let mut listed = self.bucket.list(&inbox, None);
        while let Some(meta) = listed.try_next().await? {
            if !self.is_older(meta.last_modified, MAX_AGE) {
                continue;
            }
            let removed = match self.mode {
                Mode::Remove => self.bucket.delete(&meta.location).await,
                Mode::DryRun => Ok(()),
            };
            match removed {
                Ok(()) => {
                    self.failures.succeeded();
                    self.report.staging += 1;
                    self.report.freed_bytes += meta.size;
                }
                Err(error) => self.failures.failed(error)?,
            }
        }
        Ok(())
    }
}
