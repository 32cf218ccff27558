//! What managers offer for the end of conversations.

use media_storage::SweepOptions;
use media_types::{ConversationId, UserId};

use super::receipt::{DeletionReceipt, ErasureReceipt, FinishedDeletions};
use super::reconcile_report::{ReconcileOptions, ReconcileReport};
use super::upkeep::{StoreSweep, UpkeepReport};
use super::{delete, erase, finish, reconcile, upkeep};
use crate::error::ConversationError;
use crate::manager::ConversationManager;

impl ConversationManager {
    /// Deletes a conversation, those that were started for it, and their media in every store that
    /// they used. A turn that runs is stopped.
    ///
    /// From the first moment on nothing can go on with it, and its id stays refused for 30 days.
    /// What cannot be removed now (a turn on another node that may still store something, a store
    /// that fails or that this node does not have) is said by the receipt and goes on later, here
    /// or on any other node: see [`finish_deletions`](Self::finish_deletions). Deleting a
    /// conversation that is gone succeeds.
    ///
    /// The deletion goes on when the future is dropped.
    ///
    /// # Errors
    /// `State`, `Closed`. It may be repeated.
    pub async fn delete_conversation(
        &self,
        id: &ConversationId,
    ) -> Result<DeletionReceipt, ConversationError> {
        self.open().await?;
        delete::delete_conversation(&self.core, id).await
    }

    /// Goes on with deletions and ends of conversations that an earlier process or another node
    /// began. A manager does this by itself when it is first used, and with each upkeep.
    ///
    /// # Errors
    /// `Storage`, `State`: the first failure, after everything was tried; `Closed`.
    pub async fn finish_deletions(&self) -> Result<FinishedDeletions, ConversationError> {
        self.open().await?;
        let core = std::sync::Arc::clone(&self.core);
        let steps = async move { finish::finish_deletions(&core).await };
        delete::on_task(&self.core, steps).await
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
        erase::erase_user(&self.core, user).await
    }

    /// Allows a user who was erased to start conversations again.
    ///
    /// # Errors
    /// `State`, `Closed`.
    pub async fn lift_erasure(&self, user: &UserId) -> Result<(), ConversationError> {
        self.open().await?;
        erase::lift_erasure(&self.core, user).await
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
        reconcile::reconcile(&self.core, &options).await
    }

    /// Removes media whose time has come from every store that can list what it holds.
    ///
    /// # Errors
    /// `Storage`: the first failure, after all stores were tried; `Closed`.
    pub async fn sweep(&self, options: SweepOptions) -> Result<Vec<StoreSweep>, ConversationError> {
        self.open().await?;
        upkeep::sweep(&self.core, options).await
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
        Ok(upkeep::run(&self.core, &mut None).await)
    }
}
