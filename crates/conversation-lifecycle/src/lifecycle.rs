//! The handle of everything here.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use conversation_externalizer::PendingReferences;
use conversation_state::{ConversationRecord, ReferenceKey};
use conversation_types::{Message, OmittedMedia};
use media_storage::{MediaMetadata, Scope, StorageError, SweepOptions};
use media_types::{ConversationId, MediaContent, StorageReference, UserId};

use crate::core::Core;
use crate::error::LifecycleError;
use crate::lease::WorkLease;
use crate::media_slot::MediaSlot;
use crate::on_task::on_task;
use crate::receipt::{DeletionReceipt, ErasureReceipt, FinishedDeletions};
use crate::reconcile_report::{ReconcileOptions, ReconcileReport};
use crate::upkeep::{StoreSweep, UpkeepReport};
use crate::upload::Upload;
use crate::user_check::UserCheck;
use crate::{
    adopt, delete, end, erase, finish, reconcile, recovery, unnamed, upkeep, upload, upload_slots,
};

/// Deletion, erasure, reconciliation, upkeep and uploads over one state store and its media stores.
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    core: Arc<Core>,
}

impl Lifecycle {
    pub(crate) fn new(core: Core) -> Self {
        Self {
            core: Arc::new(core),
        }
    }

    /// Begins, once, to finish deletions that were begun before, and upkeep where the options have
    /// it run in the background. Both end with the lifecycle.
    pub fn start(&self) {
        recovery::begin_recovery(&self.core);
    }

    /// Deletes a conversation, those that were started for it, and their media in every store that
    /// they used. A turn that runs is stopped.
    ///
    /// From the first moment on nothing can go on with it, and its id stays refused for 30 days.
    /// What cannot be removed now is said by the receipt and goes on later, here or on any other
    /// node: see [`finish_deletions`](Self::finish_deletions). Deleting a conversation that is gone
    /// succeeds. The deletion goes on when the future is dropped.
    ///
    /// # Errors
    /// `State`. It may be repeated.
    pub async fn delete_conversation(
        &self,
        id: &ConversationId,
    ) -> Result<DeletionReceipt, LifecycleError> {
        delete::delete_conversation(&self.core, id).await
    }

    /// Ends a conversation: its history stays, media that is to go with it is deleted. Goes on when
    /// the future is dropped.
    ///
    /// # Errors
    /// `Busy` while a turn runs, `NotFound`, `Conflict`, `Storage`, `State`.
    pub async fn end_conversation(&self, known: &ConversationRecord) -> Result<(), LifecycleError> {
        end::end_conversation(&self.core, known).await
    }

    /// Removes a conversation from the list of its parent, where that is still there.
    ///
    /// # Errors
    /// `State`.
    pub async fn forget_child(
        &self,
        parent: &ConversationId,
        child: &ConversationId,
    ) -> Result<(), LifecycleError> {
        delete::forget_child(&self.core, parent, child).await
    }

    /// Deletes media of a conversation that no message names any more. What cannot be deleted now
    /// is found by reconciliation.
    ///
    /// # Errors
    /// `State`.
    pub async fn delete_unnamed(
        &self,
        record: &ConversationRecord,
        keys: BTreeSet<ReferenceKey>,
    ) -> Result<(), LifecycleError> {
        unnamed::delete_unnamed(&self.core, record, keys).await
    }

    /// Goes on with deletions and ends of conversations that an earlier process or another node
    /// began. Goes on when the future is dropped.
    ///
    /// # Errors
    /// `Storage`, `State`: the first failure, after everything was tried.
    pub async fn finish_deletions(&self) -> Result<FinishedDeletions, LifecycleError> {
        let core = Arc::clone(&self.core);
        self.run(async move { finish::finish_deletions(&core).await })
            .await
    }

    /// Erases a user: a fence first, so that nothing new of the user begins, then all conversations,
    /// uploads and other media of the user. Waits for turns and uploads on other nodes, at most for
    /// the time of a lease. Goes on when the future is dropped.
    ///
    /// # Errors
    /// `State`.
    pub async fn erase_user(&self, user: &UserId) -> Result<ErasureReceipt, LifecycleError> {
        erase::erase_user(&self.core, user).await
    }

    /// Allows a user who was erased to start conversations again.
    ///
    /// # Errors
    /// `State`.
    pub async fn lift_erasure(&self, user: &UserId) -> Result<(), LifecycleError> {
        erase::lift_erasure(&self.core, user).await
    }

    /// Returns whether a user is being erased, or was erased lately. Nobody is not.
    ///
    /// # Errors
    /// `State`.
    pub async fn is_fenced(&self, user: Option<&UserId>) -> Result<bool, LifecycleError> {
        self.core.fences.is_fenced(&*self.core.state, user).await
    }

    /// Returns the look at a user's fence that goes before media is stored.
    pub fn user_check(&self, user: Option<&UserId>) -> UserCheck {
        UserCheck::new(Arc::clone(&self.core), user.cloned())
    }

    /// Compares what the media stores hold with what the state names, and deletes media of this
    /// state store's conversations that no message has named for long. The future may be dropped;
    /// the next pass goes on.
    ///
    /// # Errors
    /// `State`: nothing more is deleted.
    pub async fn reconcile(
        &self,
        options: &ReconcileOptions,
    ) -> Result<ReconcileReport, LifecycleError> {
        reconcile::reconcile(&self.core, options).await
    }

    /// Removes media whose time has come from every store that can list what it holds.
    ///
    /// # Errors
    /// `Storage`: the first failure, after all stores were tried.
    pub async fn sweep(&self, options: SweepOptions) -> Result<Vec<StoreSweep>, LifecycleError> {
        upkeep::sweep(&self.core, options).await
    }

    /// Does everything that is due, once: unfinished deletions, branches that were never finished,
    /// reconciliation, inline media, expired media. Steps that fail are in the report.
    pub async fn run_upkeep(&self) -> UpkeepReport {
        upkeep::run(&self.core, &mut None).await
    }

    /// Takes one of the slots of a user for work that stores media of the user without a turn, and
    /// waits for one where all are taken. An erasure waits for those who hold one.
    ///
    /// # Errors
    /// `Busy` where none becomes free, `NotFound` where the user is being erased, `State`.
    pub async fn take_upload_slot(&self, user: &UserId) -> Result<WorkLease, LifecycleError> {
        upload_slots::take(&self.core, user).await
    }

    /// Takes a slot for a turn that stores the media of its message before it has begun, and waits for one
    /// where the user has 64 of them. An erasure of the user waits until it is given up. Nobody has none.
    ///
    /// # Errors
    /// `Busy` after a minute, `NotFound` where the user is being erased, `State`.
    pub async fn take_turn_slot(&self, user: Option<&UserId>) -> Result<MediaSlot, LifecycleError> {
        match user {
            Some(user) => Ok(upload_slots::take_for_turn(&self.core, user).await?.into()),
            None => Ok(MediaSlot::default()),
        }
    }

    /// Stores media for a user and returns what a message of the same user names it by. Goes on when
    /// the future is dropped, as long as the body gives bytes.
    ///
    /// # Errors
    /// `Config` without a media store, `NotFound` while the user is being erased, `Busy`,
    /// `LeaseLost`, `Storage`, `State`.
    pub async fn upload(
        &self,
        user: UserId,
        upload: Upload,
    ) -> Result<MediaContent, LifecycleError> {
        upload::upload(&self.core, user, upload).await
    }

    /// Runs a function that stores media for a user elsewhere than through this value, such as from what
    /// a client sent straight to a bucket, under the rules of [`upload`](Self::upload): an erasure of the
    /// user waits for it, and what it stored after one had begun is deleted. The function gets the
    /// metadata that its media must have: owner, and a retention of 24 hours, which it may change. The
    /// media must lie in the primary store; its head is read, to see whose it is.
    ///
    /// The function is dropped if its lease cannot be renewed, as when the state cannot be reached. What it has
    /// stored by then is not known here: it stays until its retention is over, and an erasure that began in the
    /// meantime has not waited for it.
    ///
    /// # Errors
    /// As [`upload`](Self::upload); `InvalidInput` for media that was not stored with the user of the metadata,
    /// which is deleted if it has the other ids of the metadata.
    pub async fn upload_with<F, Storing>(
        &self,
        user: UserId,
        store: F,
    ) -> Result<StorageReference, LifecycleError>
    where
        F: FnOnce(MediaMetadata) -> Storing + Send + 'static,
        Storing: Future<Output = Result<StorageReference, StorageError>> + Send + 'static,
    {
        upload::upload_with(&self.core, user, store).await
    }

    /// Checks the references of a user's message: those in the scope stay, which is what the
    /// conversation may read; media of the same user, as uploads are, and of the conversation's parent
    /// is copied into the conversation; everything else is refused. Without a scope everything stays.
    ///
    /// # Errors
    /// `Media`: the message names media of another owner, media that is gone, or a file id of a
    /// provider. `Storage` where that cannot be found out. `Config` without an externalizer.
    pub async fn adopt_uploads(
        &self,
        record: &ConversationRecord,
        scope: Option<&Scope>,
        message: &mut Message,
        pending: &mut PendingReferences,
    ) -> Result<(), LifecycleError> {
        adopt::adopt_uploads(&self.core, record, scope, message, pending).await
    }

    /// Replaces references to media of other conversations in what tools answered, since the state
    /// names none: media of the same user, and of the conversation's parent and children, is copied
    /// into the conversation. Other media, and media that is gone, becomes an omitted part. References
    /// in the scope stay, and without a scope all of them.
    ///
    /// Where the stores do not say whose media it is, also when they are asked again, it stays if
    /// earlier messages name it, and is omitted else: such items are returned.
    ///
    /// # Errors
    /// `Config` without an externalizer.
    pub async fn adopt_results(
        &self,
        record: &ConversationRecord,
        scope: Option<&Scope>,
        earlier: &[&Message],
        messages: &mut [Message],
        pending: &mut PendingReferences,
    ) -> Result<Vec<OmittedMedia>, LifecycleError> {
        adopt::adopt_results(&self.core, record, scope, earlier, messages, pending).await
    }

    /// Runs steps to their end, also when the future is dropped.
    ///
    /// # Errors
    /// Those of the steps; `Panicked` where they panic.
    async fn run<T: Send + 'static>(
        &self,
        steps: impl Future<Output = Result<T, LifecycleError>> + Send + 'static,
    ) -> Result<T, LifecycleError> {
        on_task(&self.core, steps).await
    }
}
