//! Forgetting answers that the provider keeps and of which nothing came.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::super::names::NAME;
use crate::http::HttpClient;
use crate::http_provider::Forget;

/// Where answers are kept.
pub(super) const PATH: &str = "responses";

/// Returns what deletes an answer by a task.
pub(super) fn forgetting(http: &HttpClient) -> Forget {
    let http = http.clone();
    Arc::new(move |id| {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let http = http.clone();
        drop(runtime.spawn(async move {
            if let Err(error) = http.delete(&[PATH, &id]).await {
                tracing::warn!(provider = NAME, %error, "an interrupted answer is kept until it expires");
            }
        }));
    })
}
