//! Finishing what other nodes, or an earlier process, have begun.

use std::sync::Arc;

use conversation_state::{ConversationFilter, ConversationRecord, ConversationStatus};

use crate::core::Core;
use crate::delete::delete;
use crate::end;
use crate::error::LifecycleError;
use crate::receipt::FinishedDeletions;

/// How many conversations are listed at a time.
const PAGE: usize = 100;
/// How many receipts of unfinished deletions are reported.
const MAX_RECEIPTS: usize = 100;

/// Goes on with every deletion and every end of a conversation that was begun.
///
/// # Errors
/// The first failure, after everything else was tried.
pub(crate) async fn finish_deletions(
    core: &Arc<Core>,
) -> Result<FinishedDeletions, LifecycleError> {
    let mut report = FinishedDeletions::default();
    let mut failure = None;
    for status in [ConversationStatus::Deleting, ConversationStatus::Ending] {
        let mut filter = ConversationFilter::new()
            .with_status(status)
            .with_limit(PAGE);
        loop {
            let page = core.state.list(&filter).await?;
            for record in &page.records {
                if let Err(error) = finish_one(core, record, &mut report).await {
                    report.unfinished += 1;
                    failure.get_or_insert(error);
                }
            }
            match page.next {
                Some(next) => filter = filter.with_cursor(Some(next)),
                None => break,
            }
        }
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(report),
    }
}

async fn finish_one(
    core: &Arc<Core>,
    record: &ConversationRecord,
    report: &mut FinishedDeletions,
) -> Result<(), LifecycleError> {
    let finished = match record.status {
        ConversationStatus::Deleting => {
            let receipt = delete(core, &record.id).await?;
            let is_complete = receipt.is_complete();
            if !is_complete && report.receipts.len() < MAX_RECEIPTS {
                report.receipts.push(receipt);
            }
            is_complete
        }
        _ => end::finish(core, record).await?,
    };
    match finished {
        true => report.finished += 1,
        false => report.unfinished += 1,
    }
    Ok(())
}
