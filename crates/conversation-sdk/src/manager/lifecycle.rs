//! What managers offer for the end of conversations, and for uploads.

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_lifecycle::{
    DeletionReceipt, ErasureReceipt, FinishedDeletions, ReconcileOptions, ReconcileReport,
    StoreSweep, UpkeepReport, Upload,
};
use media_storage::{MediaMetadata, StorageError, SweepOptions};
use media_types::{ConversationId, MediaContent, StorageReference, UserId};

use super::manager::ConversationManager;
use crate::owner::Owner;

impl ConversationManager {
    /// Deletes a conversation, those that were started for it, and their media in every store that
    /// they used. A turn that runs is stopped.
    ///
    /// From the first moment on nothing can go on with it, and its id stays refused for 30 days.
    /// What cannot be removed now (a turn on another node that may still store something, a store
    /// that fails or that this node does not have) is said by the receipt and goes on later, here
    /// or on any other node: see [`finish_deletions`](Self::finish_deletions). Deleting a
    /// conversation that is gone succeeds for [`Owner::any`]; for a user it fails as not found, as
    /// for a conversation of another user.
    ///
    /// The deletion goes on when the future is dropped.
    ///
    /// # Errors
    /// `NotFound` where the conversation is not the owner's; `State`, `Closed`. It may be repeated.
    pub async fn delete_conversation(
        &self,
        id: &ConversationId,
        owner: Owner,
    ) -> Result<DeletionReceipt, ConversationError> {
        self.open().await?;
        if owner.as_user()?.is_some() {
            self.owned_or_deleted(id, &owner).await?;
        }
        Ok(self.core.lifecycle.delete_conversation(id).await?)
    }

    /// Goes on with deletions and ends of conversations that an earlier process or another node
    /// began. A manager does this by itself when it is first used, and with each upkeep.
    ///
    /// # Errors
    /// `Storage`, `State`: the first failure, after everything was tried; `Closed`.
    pub async fn finish_deletions(&self) -> Result<FinishedDeletions, ConversationError> {
        self.open().await?;
        Ok(self.core.lifecycle.finish_deletions().await?)
    }

    /// Erases a user: nothing new of the user begins from now on, and all conversations, uploads and
    /// other media of the user are deleted. Waits for turns and uploads on other nodes, at most for
    /// the time of a lease.
    ///
    /// The receipt says whether everything is gone; where it is not, call this again later. The user
    /// stays refused for 30 days, or until [`lift_erasure`](Self::lift_erasure). The erasure goes on
    /// when the future is dropped.
    ///
    /// # Errors
    /// `State`, `Closed`.
    pub async fn erase_user(&self, user: &UserId) -> Result<ErasureReceipt, ConversationError> {
        self.open().await?;
        Ok(self.core.lifecycle.erase_user(user).await?)
    }

    /// Allows a user who was erased to start conversations again.
    ///
    /// Nodes that ask [`is_erased`](Self::is_erased) for what they keep beside the stores must have asked before,
    /// and what the user may still hand in must have expired, such as tickets of uploads: the user is as any other
    /// from now on.
    ///
    /// # Errors
    /// `State`, `Closed`.
    pub async fn lift_erasure(&self, user: &UserId) -> Result<(), ConversationError> {
        self.open().await?;
        Ok(self.core.lifecycle.lift_erasure(user).await?)
    }

    /// Compares what the media stores hold with what the state names, and deletes media of this
    /// state store's conversations that no message has named for long: what turns of killed
    /// processes leave behind.
    ///
    /// Media goes only if an earlier pass, at least [`grace`](ReconcileOptions::with_grace) ago,
    /// found it unnamed too, no turn runs in its conversation, and the state, read again, still does
    /// not name it. Media of other state stores and media without a conversation stays. The future
    /// may be dropped; the next pass goes on.
    ///
    /// # Errors
    /// `State`: nothing more is deleted; `Closed`.
    pub async fn reconcile(
        &self,
        options: ReconcileOptions,
    ) -> Result<ReconcileReport, ConversationError> {
        self.open().await?;
        Ok(self.core.lifecycle.reconcile(&options).await?)
    }

    /// Removes media whose time has come from every store that can list what it holds.
    ///
    /// # Errors
    /// `Storage`: the first failure, after all stores were tried; `Closed`.
    pub async fn sweep(&self, options: SweepOptions) -> Result<Vec<StoreSweep>, ConversationError> {
        self.open().await?;
        Ok(self.core.lifecycle.sweep(options).await?)
    }

    /// Does everything that is due, once: unfinished deletions, branches that were never finished,
    /// reconciliation, media that was kept inline, expired media.
    /// [`with_background_upkeep`](crate::ManagerConfig::with_background_upkeep) does the same by
    /// itself, on one node at a time.
    ///
    /// # Errors
    /// `Closed`. Steps that fail are in the report.
    pub async fn run_upkeep_once(&self) -> Result<UpkeepReport, ConversationError> {
        self.open().await?;
        Ok(self.core.lifecycle.run_upkeep().await)
    }

    /// Stores media for a user and returns what a message of the same user names it by. The turn
    /// that names it copies it into its conversation, so that it can be sent again after a turn that
    /// failed, and in several conversations; the upload itself goes by its retention.
    ///
    /// At most 32 uploads of a user run at once; another one waits. Goes on when the future is
    /// dropped, as long as the body gives bytes.
    ///
    /// # Errors
    /// `InvalidInput` for an owner that is not a user, `Config` without a media store, `NotFound` while
    /// the user is being erased, `Busy`, `Storage`, `State`, `Closed`.
    pub async fn upload(
        &self,
        owner: Owner,
        upload: Upload,
    ) -> Result<MediaContent, ConversationError> {
        self.open().await?;
        let user = uploader(&owner)?;
        Ok(self.core.lifecycle.upload(user, upload).await?)
    }

    /// Runs a function that stores media for a user elsewhere than through this manager, under the rules
    /// of [`upload`](Self::upload): an erasure of the user waits for it, and what it stored after one had
    /// begun is deleted. This is for what a client sent straight to a bucket.
    ///
    /// The function gets the metadata that its media must have: owner, and a retention of 24 hours, which
    /// it may change. The media must lie in the store of the manager; its head is read, to see whose it is.
    ///
    /// The function is dropped if its lease cannot be renewed, as when the state cannot be reached. What it has
    /// stored by then is not known here: it stays until its retention is over, and an erasure that began in the
    /// meantime has not waited for it.
    ///
    /// # Errors
    /// As [`upload`](Self::upload); `LeaseLost`; `InvalidInput` for media that was not stored with the user of the
    /// metadata, which is deleted if it has the other ids of the metadata.
    pub async fn upload_with<F, Storing>(
        &self,
        owner: Owner,
        store: F,
    ) -> Result<StorageReference, ConversationError>
    where
        F: FnOnce(MediaMetadata) -> Storing + Send + 'static,
        Storing: Future<Output = Result<StorageReference, StorageError>> + Send + 'static,
    {
        self.open().await?;
        let user = uploader(&owner)?;
        Ok(self.core.lifecycle.upload_with(user, store).await?)
    }

    /// Returns whether a user is being erased, or was erased on any node and may not come back yet. Who
    /// keeps data of users beside the stores of the manager removes it by this.
    ///
    /// # Errors
    /// `State`, `Closed`.
    pub async fn is_erased(&self, user: &UserId) -> Result<bool, ConversationError> {
        self.open().await?;
        Ok(self.core.lifecycle.is_fenced(Some(user)).await?)
    }
}

fn uploader(owner: &Owner) -> Result<UserId, ConversationError> {
    owner.as_user()?.ok_or_else(|| {
        ConversationError::new(Kind::InvalidInput).with_detail("an upload needs a user")
    })
}
