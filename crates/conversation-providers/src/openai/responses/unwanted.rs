//! Forgetting answers that the provider keeps and of which nothing came.

use std::sync::Arc;

use media_types::readable::causes;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::super::names::NAME;
use crate::http::HttpClient;
use crate::http_provider::Forget;

/// Where answers are kept.
pub(super) const PATH: &str = "responses";

/// How many answers are deleted at once.
const CONCURRENT_DELETES: usize = 4;

/// Returns what bounds the deletions of a provider.
pub(super) fn deletions() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(CONCURRENT_DELETES))
}

/// Returns what deletes an answer by a task, as soon as `at_once` has room for it. Nobody waits for the task:
/// where the runtime ends first, the provider keeps the answer until it expires.
pub(super) fn forgetting(http: &HttpClient, at_once: &Arc<Semaphore>) -> Forget {
    let (http, at_once) = (http.clone(), Arc::clone(at_once));
    Arc::new(move |id| {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (http, at_once) = (http.clone(), Arc::clone(&at_once));
        drop(runtime.spawn(async move {
            let _permit = at_once.acquire().await;
            if let Err(error) = http.delete(&[PATH, &id]).await {
                tracing::warn!(provider = NAME, error = %causes(&error), "an interrupted answer is kept until it expires");
            }
        }));
    })
}
