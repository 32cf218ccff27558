//! Erasing users.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use conversation_state::{ConversationFilter, ConversationStatus};
use media_types::{ConversationId, UserId};
use tokio::time::Instant;

use crate::core::Core;
use crate::delete::delete;
use crate::error::LifecycleError;
use crate::hexadecimal::hexadecimal;
use crate::on_task::on_task;
use crate::receipt::{DeletionReceipt, DeletionStatus, ErasureReceipt, Obstacle};
use crate::{family, media, upload_slots};

/// How long a user stays fenced off.
const FENCED_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How many conversations are listed at a time.
const PAGE: usize = 100;
/// The time between two looks at leases that have to end, at most.
const LOOK: Duration = Duration::from_millis(500);
/// How often everything is looked for before media counts as still arriving.
const MAX_PASSES: usize = 4;

/// Erases a user: a fence first, then everything that belongs to the user.
pub(crate) async fn erase_user(
    core: &Arc<Core>,
    user: &UserId,
) -> Result<ErasureReceipt, LifecycleError> {
    let (task_core, user) = (Arc::clone(core), user.clone());
    on_task(core, async move { erase(&task_core, &user).await }).await
}

/// Lets a user come back.
pub(crate) async fn lift_erasure(core: &Core, user: &UserId) -> Result<(), LifecycleError> {
    let hash = core.fences.hash(&*core.state, user).await?;
    Ok(core.state.lift_fence(&hash).await?)
}

async fn erase(core: &Arc<Core>, user: &UserId) -> Result<ErasureReceipt, LifecycleError> {
    let hash = core.fences.hash(&*core.state, user).await?;
    core.state.fence_user(&hash, FENCED_FOR).await?;
    let mut receipt = ErasureReceipt {
        user_hash: hexadecimal(&hash),
        status: DeletionStatus::InProgress,
        started_at: core.state.now().await?,
        completed_at: None,
        conversations: 0,
        places: Vec::new(),
        copies: Vec::new(),
        obstacles: Vec::new(),
        providers: core.providers.iter().cloned().collect(),
    };
    // Leases that are older than the fence are over by then, and the fence allows no newer ones.
    let patience = core.options.lease_time().saturating_add(LOOK);
    // None is later than any clock.
    let deadline = Instant::now().checked_add(patience);
    let mut passes = 0;
    loop {
        let pass = Pass::run(core, user, &mut receipt).await?;
        passes += 1;
        if pass.is_empty() {
            receipt.status = DeletionStatus::Complete;
            receipt.completed_at = Some(core.state.now().await?);
            return Ok(receipt);
        }
        let waits = receipt.obstacles.iter().all(Obstacle::passes);
        if !receipt.obstacles.is_empty() {
            let is_late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if !waits || is_late {
                return Ok(receipt);
            }
            let until = receipt.obstacles.iter().filter_map(end_of_lease).max();
            let now = core.state.now().await?;
            let pause = until.and_then(|until| (until - now).to_std().ok());
            tokio::time::sleep(pause.unwrap_or(LOOK).min(LOOK)).await;
            // What was found while a lease was waited for says nothing about what still arrives.
            passes = 0;
        } else if passes >= MAX_PASSES {
            let conversation = None;
            receipt
                .obstacles
                .push(Obstacle::StillArriving { conversation });
            return Ok(receipt);
        }
    }
}

fn end_of_lease(obstacle: &Obstacle) -> Option<DateTime<Utc>> {
    match obstacle {
        Obstacle::TurnLeased { until, .. } => Some(*until),
        _ => None,
    }
}

/// One look at everything that belongs to a user.
struct Pass {
    conversations: usize,
    references: u64,
    obstacles: usize,
}

impl Pass {
    fn is_empty(&self) -> bool {
        self.conversations == 0 && self.references == 0 && self.obstacles == 0
    }

    async fn run(
        core: &Arc<Core>,
        user: &UserId,
        receipt: &mut ErasureReceipt,
    ) -> Result<Self, LifecycleError> {
        receipt.obstacles.clear();
        if !upload_slots::none_running(core, user).await? {
            receipt.obstacles.push(Obstacle::UploadRunning);
        }
        let Found {
            conversations: ids,
            unreadable,
        } = Found::of(core, user).await?;
        // All of them first: nothing new begins in any while others are being deleted.
        for id in &ids {
            family::tombstone(core, id).await?;
        }
        for id in &ids {
            absorb(receipt, delete(core, id).await?);
        }
        let removal = media::remove_of_user(core, user).await?;
        let mut purged = 0;
        // Nothing tells what they name: their media is that of the user, and goes first.
        for conversation in unreadable {
            match core.state.purge(&conversation).await {
                Ok(()) => purged += 1,
                Err(error) => add(
                    &mut receipt.obstacles,
                    Obstacle::Unreadable {
                        conversation,
                        detail: error.to_string(),
                    },
                ),
            }
        }
        receipt.conversations += purged;
        let references = removal.found();
        for place in removal.places {
            place.add_to(&mut receipt.places);
        }
        for place in removal.copies {
            place.add_to(&mut receipt.copies);
        }
        for obstacle in removal.obstacles {
            add(&mut receipt.obstacles, obstacle);
        }
        Ok(Self {
            conversations: ids.len() + usize::try_from(purged).unwrap_or(usize::MAX),
            references,
            obstacles: receipt.obstacles.len(),
        })
    }
}

fn absorb(receipt: &mut ErasureReceipt, deleted: DeletionReceipt) {
    receipt.conversations += deleted.conversations;
    for place in deleted.places {
        place.add_to(&mut receipt.places);
    }
    for place in deleted.copies {
        place.add_to(&mut receipt.copies);
    }
    for obstacle in deleted.obstacles {
        add(&mut receipt.obstacles, obstacle);
    }
}

fn add(obstacles: &mut Vec<Obstacle>, obstacle: Obstacle) {
    if !obstacles.contains(&obstacle) {
        obstacles.push(obstacle);
    }
}

/// The conversations of a user.
#[derive(Default)]
struct Found {
    conversations: Vec<ConversationId>,
    /// Those whose records cannot be read.
    unreadable: Vec<ConversationId>,
}

impl Found {
    async fn of(core: &Core, user: &UserId) -> Result<Self, LifecycleError> {
        let all = ConversationFilter::new()
            .with_user(user.clone())
            .with_limit(PAGE);
        let deleting = all.clone().with_status(ConversationStatus::Deleting);
        let mut found = Self::default();
        for mut filter in [all, deleting] {
            loop {
                let page = core.state.list(&filter).await?;
                let records = page.records.into_iter();
                found.conversations.extend(records.map(|record| record.id));
                found.unreadable.extend(page.unreadable);
                match page.next {
                    Some(next) => filter = filter.with_cursor(Some(next)),
                    None => break,
                }
            }
        }
        Ok(found)
    }
}
