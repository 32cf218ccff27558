//! Answers that the provider keeps and of which nothing came.

use futures_util::stream::{self, StreamExt};
use tokio::runtime::Handle;

use super::super::names::NAME;
use crate::http::HttpClient;
use crate::response::{ProviderResponse, ResponseEvent};

/// Where answers are kept.
pub(super) const PATH: &str = "responses";

/// An answer that is arriving and that the provider keeps. One that ends before anything of it came is
/// deleted by a task: no message names it, so nobody else could.
struct Arriving {
    http: HttpClient,
    /// `None` until it is known, and once something came.
    unwanted: Option<String>,
}

impl Arriving {
    fn note(&mut self, event: &ResponseEvent) {
        match event {
            ResponseEvent::ResponseId(id) => self.unwanted = Some(id.clone()),
            // No part of the answer.
            ResponseEvent::Usage(_) | ResponseEvent::PartialImage(_) => {}
            _ => self.unwanted = None,
        }
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.unwanted.take(), Handle::try_current()) else {
            return;
        };
        let http = self.http.clone();
        drop(runtime.spawn(async move {
            if let Err(error) = http.delete(&[PATH, &id]).await {
                tracing::warn!(provider = NAME, %error, "an interrupted answer is kept until it expires");
            }
        }));
    }
}

/// Returns an answer that the provider forgets where nothing of it came.
pub(super) fn wanted(answer: ProviderResponse, http: &HttpClient) -> ProviderResponse {
    let arriving = Arriving {
        http: http.clone(),
        unwanted: None,
    };
    let events = stream::unfold((answer.into_events(), arriving), |state| async move {
        let (mut events, mut arriving) = state;
        let event = events.next().await?;
        if let Ok(event) = &event {
            arriving.note(event);
        }
        Some((event, (events, arriving)))
    });
    ProviderResponse::from_events(events.boxed())
}
