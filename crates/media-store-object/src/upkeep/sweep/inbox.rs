//! Uploads of clients that were never adopted.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::TryStreamExt as _;
use media_storage::StorageError;

use super::state::{Mode, Sweep};
use crate::reference::layout;

/// How long an upload waits, by the clock of the service.
const MAX_AGE: TimeDelta = TimeDelta::days(1);

impl Sweep<'_> {
    /// Removes uploads that are older than a day by the clock of the service, which is asked only if there are some
    /// by the clock of the node. Removes none where the service does not say its time.
    pub(super) async fn due_inbox(&mut self) -> Result<(), StorageError> {
        let inbox = self.shared.keys.inbox()?;
        let mut listed = self.bucket.list(&inbox, None);
        while let Some(meta) = listed.try_next().await? {
            if self.service_time() - meta.last_modified > MAX_AGE {
                drop(listed);
                let now = match self.mode {
                    Mode::Remove => self.time_of_service().await?,
                    Mode::DryRun => Some(self.service_time()),
                };
                return match now {
                    Some(now) => self.remove_uploads(now).await,
                    None => Ok(()),
                };
            }
        }
        Ok(())
    }

    /// Removes uploads that are older than a day.
    pub(super) async fn inbox(&mut self) -> Result<(), StorageError> {
        self.remove_uploads(self.service_time()).await
    }

    async fn time_of_service(&self) -> Result<Option<DateTime<Utc>>, StorageError> {
        let organization = self.shared.options.organization;
        layout::service_time(&self.bucket, &self.shared.keys, organization).await
    }

    async fn remove_uploads(&mut self, now: DateTime<Utc>) -> Result<(), StorageError> {
        let inbox = self.shared.keys.inbox()?;
        let mut listed = self.bucket.list(&inbox, None);
        while let Some(meta) = listed.try_next().await? {
            if now - meta.last_modified <= MAX_AGE {
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
