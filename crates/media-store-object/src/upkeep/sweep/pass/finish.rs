//! What a shared sweep does with all that its listings found.

use media_storage::StorageError;

use super::super::super::first_media::any_first;
use super::super::second_join::Join;
use super::super::state::Sweep;
use super::found::Found;
use crate::bucket::SecondKeys;
use crate::protocol::Nonce;

impl Sweep<'_> {
    /// Repairs what the listings disagree about. Lists again what differs: listings of others only say where
    /// to look.
    pub(super) async fn finish(
        &mut self,
        keys: &SecondKeys,
        pass: Nonce,
        found: Found,
    ) -> Result<(), StorageError> {
        let mut join = Join {
            markers: found.markers,
            hints: found.hints,
            users: found.users,
            ..Join::new(pass)
        };
        let complete = self.repair(keys, &mut join).await?;
        let first = found.first > 0 || any_first(&self.bucket, &self.shared.keys).await?;
        if first {
            self.first().await?;
        }
        // Deletions of a user rely on the note. Without it, they look at everything; what other sweeps have
        // listed is enough to remove it, and not to write it.
        if first || !complete {
            self.note_users(false).await?;
        }
        Ok(())
    }
}
