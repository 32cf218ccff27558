//! Media that goes by the id of a file which the provider keeps.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use media_types::{MediaContent, ProviderFile};
use tokio::time::Instant;

use crate::error::ProviderError;
use crate::media::{MediaContext, MediaForm, MediaPlan, MediaUploads};

/// Uploads at a time.
const AT_ONCE: usize = 4;

/// The uploads of one request.
#[derive(Debug)]
pub(super) struct Uploads {
    files: Option<Arc<dyn MediaUploads>>,
    /// Items that the model made: they go back by their bytes.
    answers: BTreeSet<usize>,
    /// Whether lost files were uploaded again already.
    renewed: bool,
}

impl Uploads {
    pub(super) fn new(
        files: Option<Arc<dyn MediaUploads>>,
        answers: impl IntoIterator<Item = usize>,
    ) -> Self {
        Self {
            files,
            answers: answers.into_iter().collect(),
            renewed: false,
        }
    }

    /// Replaces bytes by ids, where the policy asks for it and the API takes them. What cannot be
    /// uploaded, or not before the deadline, goes by its bytes.
    pub(super) async fn prepare(
        &self,
        plan: &mut MediaPlan,
        media: &MediaContext,
        deadline: Instant,
    ) {
        let Some(files) = &self.files else {
            return;
        };
        let wanted: Vec<(usize, MediaContent, u64)> = (0..plan.len())
            .filter(|index| plan.takes_file(*index) && !self.answers.contains(index))
            .filter_map(|index| match plan.get(index)? {
                (content, MediaForm::Base64 { size, .. }) => Some((index, content.clone(), *size)),
                _ => None,
            })
            .collect();
        let found = wanted.into_iter().map(|(index, content, size)| async move {
            (index, files.file_of(&content, size, media).await)
        });
        let found = stream::iter(found).buffered(AT_ONCE).collect::<Vec<_>>();
        let Ok(found) = tokio::time::timeout_at(deadline, found).await else {
            tracing::warn!("the time for uploads is over; sending the bytes");
            return;
        };
        for (index, file) in found {
            match file {
                Ok(Some(file)) => plan.use_file(index, file),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "an upload failed; sending the bytes"),
            }
        }
    }

    /// Uploads again what the provider no longer has, if that is what an error says; returns
    /// whether it did.
    pub(super) async fn renew(
        &mut self,
        error: Option<&ProviderError>,
        plan: &mut MediaPlan,
        media: &MediaContext,
        deadline: Instant,
    ) -> bool {
        let Some(error) = error else {
            return false;
        };
        let Some(files) = self.files.clone().filter(|_| !self.renewed) else {
            return false;
        };
        let lost = lost_files(error, plan);
        if lost.is_empty() {
            return false;
        }
        self.renewed = true;
        for (index, content, file) in lost {
            // Without the time to delete it, it stays known as it is.
            let _ = tokio::time::timeout_at(deadline, files.lost(&content, file.id())).await;
            plan.replace_url_by_bytes(index);
        }
        self.prepare(plan, media, deadline).await;
        true
    }
}

/// The uploaded files that an error is about: those whose id it names, or all if it names none.
fn lost_files(error: &ProviderError, plan: &MediaPlan) -> Vec<(usize, MediaContent, ProviderFile)> {
    let message = error.message().unwrap_or_default().to_lowercase();
    let is_about_files =
        matches!(error.status(), Some(400 | 403 | 404)) && message.contains("file");
    if !is_about_files {
        return Vec::new();
    }
    let uploaded: Vec<_> = (0..plan.len())
        .filter(|index| plan.has_fallback(*index))
        .filter_map(|index| match plan.get(index)? {
            (content, MediaForm::ProviderFile(file)) => {
                Some((index, content.clone(), file.clone()))
            }
            _ => None,
        })
        .collect();
    let short = |id: &str| id.rsplit('/').next().unwrap_or(id).to_lowercase();
    let is_named =
        |(_, _, file): &&(usize, MediaContent, ProviderFile)| message.contains(&short(file.id()));
    let named: Vec<_> = uploaded.iter().filter(is_named).cloned().collect();
    match error.status() {
        _ if !named.is_empty() => named,
        Some(400) => Vec::new(),
        _ => uploaded,
    }
}
