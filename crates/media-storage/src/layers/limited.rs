//! [`Limited`].

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use async_trait::async_trait;
use media_types::{StorageReference, UserId};

use super::capped::{Cap, capped};
use super::permits::{Permit, Permits};
use super::quota::{Account, Ledger, QuotaLimits, Reservation};
use super::quota_ledger::{QuotaLedger, QuotaReservation};
use crate::body::MediaBody;
use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::inventory::Inventory;
use crate::options::{DeleteOptions, DuplicateOptions, MetadataPatch, RetrieveOptions};
use crate::scope::Scope;
use crate::storage::{MediaStorage, MediaUpload, StoredMedia};

/// A store with limits: of operations that run at once, and of what each user may store.
///
/// The limits of users hold for this process. What a user stores is asked of the
/// [inventory](MediaStorage::inventory), again every 5 minutes, and corrected by what this process
/// stores in between. So several processes together may exceed a limit by what the others store in 5
/// minutes: `n` processes store at most `n` times the limit. Before a store is refused, the usage is asked
/// again if this process deleted anything, or after 10 seconds. A question that fails refuses the stores that waited
/// for it. With a [`QuotaLedger`], limits are exact
/// for all processes that share it. Media without a user is not limited, and importing media is not
/// limited either.
///
/// Streams of unknown length count as their bytes arrive, and are stopped when they exceed what the user may
/// still store; with a ledger, at the whole limit, and their media is deleted if it does not fit at the end.
#[derive(Clone)]
pub struct Limited<S> {
    inner: S,
    permits: Option<Arc<Permits>>,
    limits: QuotaLimits,
    ledger: Arc<Ledger>,
    exact: Option<Arc<dyn QuotaLedger>>,
}

/// A part of the quota of a user, in this process or in the ledger of all.
enum Reserved {
    Nothing,
    Here(Arc<Reservation>),
    Exact(Arc<dyn QuotaLedger>, QuotaReservation),
}

impl<S: MediaStorage> Limited<S> {
    /// Wraps a store, without limits.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            permits: None,
            limits: QuotaLimits::default(),
            ledger: Arc::default(),
            exact: None,
        }
    }

    /// Sets the number of operations that run at once, and of questions for the usage of users; at least 1.
    /// Others wait in their order. An open body does not count. Defaults to no limit.
    #[must_use]
    pub fn with_max_concurrent_operations(mut self, count: usize) -> Self {
        self.permits = Some(Permits::new(count));
        self
    }

    /// Sets the number of bytes that each user may store, where a blob counts for each
    /// reference. Requires an inventory. Defaults to no limit.
    #[must_use]
    pub fn with_max_bytes_per_user(mut self, bytes: u64) -> Self {
        self.limits.bytes = Some(bytes);
        self
    }

    /// Sets the number of references that each user may store. Requires an inventory. Defaults to no
    /// limit.
    #[must_use]
    pub fn with_max_references_per_user(mut self, references: u64) -> Self {
        self.limits.references = Some(references);
        self
    }

    /// Sets the ledger that counts what users store, so that limits are exact across processes. What is
    /// deleted through this layer is counted at once; what sweeps and scope deletions remove, at the next
    /// [`recount`](Self::recount). Defaults to counting in this process.
    #[must_use]
    pub fn with_quota_ledger(mut self, ledger: impl QuotaLedger) -> Self {
        self.exact = Some(Arc::new(ledger));
        self
    }

    /// Counts anew what a user stores: in the ledger of [`with_quota_ledger`](Self::with_quota_ledger),
    /// or in this process. Needs memory for the ids of the user's references.
    ///
    /// # Errors
    /// `Config` if the store has no inventory; `Permission`, `Unavailable`.
    pub async fn recount(&self, user: &UserId) -> Result<(), StorageError> {
        let Some(exact) = &self.exact else {
            let account = self.ledger.account(user);
            return self.refresh(user, &account, || true).await;
        };
        let now = chrono::Utc::now();
        let mut entries = self.inventory_for_limits()?.list(Scope::User(user.clone()));
        let mut stored = Vec::new();
        while let Some(entry) = poll_fn(|cx| entries.as_mut().poll_next(cx)).await {
            let reference = entry?.reference;
            let bytes = reference.size().unwrap_or(0);
            stored.push((reference.id().to_owned(), bytes));
        }
        exact.recount(user, stored, now).await
    }

    /// Returns the wrapped store.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    async fn permit(&self) -> Option<Permit> {
        match &self.permits {
            Some(permits) => Some(permits.acquire().await),
            None => None,
        }
    }

    fn inventory_for_limits(&self) -> Result<&dyn Inventory, StorageError> {
        self.inner.inventory().ok_or_else(|| {
            StorageError::new(StorageErrorKind::Config, Operation::Store)
                .with_backend(self.inner.backend().to_owned())
                .with_reason("limits of users require a store with an inventory")
        })
    }

    /// Asks what a user stores, one call at a time for each user, unless that is not needed any more. Whoever
    /// waited for a call that fails fails with it.
    async fn refresh(
        &self,
        user: &UserId,
        account: &Account,
        needed: impl Fn() -> bool,
    ) -> Result<(), StorageError> {
        let inventory = self.inventory_for_limits()?;
        let failures = account.failures();
        let _turn = account.turn().await;
        if !needed() {
            return Ok(());
        }
        if let Some(failure) = account.failure_since(failures) {
            return Err(failure);
        }
        let _permit = self.permit().await;
        let question = account.ask(self.ledger.deletions());
        match inventory.usage(Scope::User(user.clone())).await {
            Ok(usage) => account.answer(question, usage),
            Err(error) => {
                account.fail(&error);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Reserves what a store needs of the quota of its user, of a body whose length may be unknown.
    async fn reserve(
        &self,
        user: Option<&UserId>,
        len: Option<u64>,
    ) -> Result<Reserved, StorageError> {
        let Some(user) = user.filter(|_| self.limits != QuotaLimits::default()) else {
            return Ok(Reserved::Nothing);
        };
        let bytes = len.unwrap_or(0);
        let adopt = |error: StorageError| error.with_backend(self.inner.backend().to_owned());
        if let Some(exact) = &self.exact {
            let reserved = exact.reserve(user, bytes, self.limits).await;
            return reserved
                .map(|reserved| Reserved::Exact(Arc::clone(exact), reserved))
                .map_err(adopt);
        }
        let account = self.ledger.account(user);
        let stale = || account.is_stale();
        let may_have_room = || account.may_have_room(self.ledger.deletions());
        if stale() {
            self.refresh(user, &account, stale).await?;
        } else if len.is_none() && account.is_scarce(self.limits) && may_have_room() {
            // Its bytes are refused one by one, when it is too late to ask.
            self.refresh(user, &account, may_have_room).await?;
        }
        let reserved = match account.reserve(bytes, self.limits) {
            Err(_) if may_have_room() => {
                self.refresh(user, &account, may_have_room).await?;
                account.reserve(bytes, self.limits)
            }
            reserved => reserved,
        };
        reserved
            .map(|reserved| Reserved::Here(Arc::new(reserved)))
            .map_err(adopt)
    }

    /// Waits until a store may run, with a reservation.
    async fn admit(
        &self,
        user: Option<&UserId>,
        len: Option<u64>,
    ) -> Result<(Option<Permit>, Reserved), StorageError> {
        if self.exact.is_some() {
            // Reservations in a ledger lapse: none is made before the store can run.
            let permit = self.permit().await;
            return Ok((permit, self.reserve(user, len).await?));
        }
        // Nobody else is held up while this one waits for what others ask about its user.
        let reserved = self.reserve(user, len).await?;
        Ok((self.permit().await, reserved))
    }

    /// Caps a body of unknown length.
    fn cap(&self, reserved: &Reserved, body: MediaBody) -> MediaBody {
        let Some(limit) = self.limits.bytes else {
            return body;
        };
        let cap = match reserved {
            Reserved::Nothing => return body,
            Reserved::Here(reserved) => Cap::Reserved(Arc::clone(reserved)),
            Reserved::Exact(..) => Cap::Limit {
                limit,
                remaining: limit,
            },
        };
        capped(body, cap)
    }

    /// Runs a store with a reservation, and counts what it stored.
    async fn counted(
        &self,
        reserved: Reserved,
        bytes: Option<u64>,
        store: impl Future<Output = Result<StorageReference, StorageError>>,
    ) -> Result<StorageReference, StorageError> {
        let stored = store.await;
        let bytes = |reference: &StorageReference| reference.size().or(bytes).unwrap_or(0);
        let refused = match (&reserved, &stored) {
            (Reserved::Nothing, _) | (Reserved::Here(_), Err(_)) => None,
            (Reserved::Here(reserved), Ok(reference)) => reserved.commit(bytes(reference)).err(),
            (Reserved::Exact(exact, reserved), Ok(reference)) => {
                let (id, bytes) = (reference.id(), bytes(reference));
                let committed = exact.commit(reserved, id, bytes, self.limits).await;
                committed.err()
            }
            (Reserved::Exact(exact, reserved), Err(_)) => {
                let _ = exact.release(reserved).await;
                None
            }
        };
        let (Some(refused), Ok(reference)) = (refused, &stored) else {
            return stored;
        };
        // Whatever fails here is found by a recount, or lapses.
        let _ = self
            .inner
            .delete_opts(reference, DeleteOptions::new())
            .await;
        if let Reserved::Exact(exact, reserved) = &reserved {
            let _ = exact.release(reserved).await;
        }
        Err(refused.with_backend(self.inner.backend().to_owned()))
    }

    /// Counts references that were deleted. They count until the next recount if the ledger fails.
    async fn note_deletions(&self, ids: &[&str]) {
        self.ledger.note_deletion();
        if let Some(exact) = &self.exact {
            let _ = exact.remove(ids).await;
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Limited<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limited")
            .field("inner", &self.inner)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> MediaStorage for Limited<S> {
    forward_storage!(self => self.inner; backend, name, url_signer, inventory, verifier, importer);

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let user = upload.metadata().user().cloned();
        let len = upload.body().len();
        let (_permit, reserved) = self.admit(user.as_ref(), len).await?;
        let upload = match len {
            Some(_) => upload,
            None => upload.map_body(|body| self.cap(&reserved, body)),
        };
        self.counted(reserved, len, self.inner.store(upload)).await
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let _permit = self.permit().await;
        self.inner.retrieve_opts(reference, options).await
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        let _permit = self.permit().await;
        self.inner.delete_opts(reference, options).await?;
        self.note_deletions(&[reference.id()]).await;
        Ok(())
    }

    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        let user = options.metadata().user().cloned();
        let bytes = match (&user, reference.size()) {
            (None, _) => 0,
            (_, Some(size)) => size,
            (_, None) => {
                let mut head = RetrieveOptions::new().with_head();
                if let Some(scope) = options.expected_scope() {
                    head = head.with_expected_scope(scope.clone());
                }
                let _permit = self.permit().await;
                self.inner.retrieve_opts(reference, head).await?.size
            }
        };
        let (_permit, reserved) = self.admit(user.as_ref(), Some(bytes)).await?;
        let copy = self.inner.duplicate(reference, options);
        self.counted(reserved, Some(bytes), copy).await
    }

    async fn update(
        &self,
        reference: &StorageReference,
        patch: MetadataPatch,
    ) -> Result<(), StorageError> {
        let _permit = self.permit().await;
        self.inner.update(reference, patch).await
    }

    async fn delete_many(
        &self,
        references: &[StorageReference],
        options: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        let _permit = self.permit().await;
        let results = self.inner.delete_many(references, options).await;
        let both = references.iter().zip(&results);
        let deleted = both.filter(|(_, result)| result.is_ok());
        let ids: Vec<_> = deleted.map(|(reference, _)| reference.id()).collect();
        if !ids.is_empty() {
            self.note_deletions(&ids).await;
        }
        results
    }
}
