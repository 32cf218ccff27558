//! Media that goes by the id of a file which the provider keeps.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use media_types::readable::causes;
use media_types::{MediaContent, ProviderFile};
use tokio::time::Instant;

use crate::error::ProviderError;
use crate::media::{MediaContext, MediaForm, MediaPlan, MediaUploads};

/// Uploads at a time.
const AT_ONCE: usize = 4;
/// Longest time for which a turn waits until refused files are deleted.
const DELETE_TIME: Duration = Duration::from_secs(5);

/// The uploads of one request.
#[derive(Debug)]
pub(super) struct Uploads {
    files: Option<Arc<dyn MediaUploads>>,
    /// Items that the model made: they go back by their bytes.
    answers: BTreeSet<usize>,
    /// Whether lost files were uploaded again already.
    renewed: bool,
    /// Whether files were refused, whichever they are.
    are_refused: bool,
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
            are_refused: false,
        }
    }

    /// Returns whether files were refused, whichever they are.
    pub(super) fn are_refused(&self) -> bool {
        self.are_refused
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
                Err(error) => {
                    tracing::warn!(error = %causes(&error), "an upload failed; sending the bytes")
                }
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
        let Some((refused, are_lost)) = refused_files(error, plan) else {
            return false;
        };
        self.renewed = true;
        self.are_refused = !are_lost;
        for (index, ..) in &refused {
            plan.replace_url_by_bytes(*index);
        }
        if are_lost {
            let lost = refused.iter();
            let lost = lost.map(|(_, content, file)| files.lost(content, file.id()));
            let until = deadline.min(Instant::now() + DELETE_TIME);
            if tokio::time::timeout_at(until, join_all(lost))
                .await
                .is_err()
            {
                tracing::warn!("refused files could not be deleted in time");
            }
            self.prepare(plan, media, deadline).await;
        }
        true
    }
}

/// An uploaded file, with the index and the media of it.
type Uploaded = (usize, MediaContent, ProviderFile);

/// The uploaded files that an error is about: those whose id it names, or all if it names none. Also returns
/// whether they are lost: what names none may mean this request, this key, or one of several, and others use
/// the files.
fn refused_files(error: &ProviderError, plan: &MediaPlan) -> Option<(Vec<Uploaded>, bool)> {
    let status = error
        .status()
        .filter(|status| matches!(status, 400 | 403 | 404))?;
    let message = error.message().unwrap_or_default().to_lowercase();
    let code = error.code().unwrap_or_default().to_lowercase();
    let uploaded: Vec<Uploaded> = (0..plan.len())
        .filter(|index| plan.has_fallback(*index))
        .filter_map(|index| match plan.get(index)? {
            (content, MediaForm::ProviderFile(file)) => {
                Some((index, content.clone(), file.clone()))
            }
            _ => None,
        })
        .collect();
    let short = |id: &str| id.rsplit('/').next().unwrap_or(id).to_lowercase();
    let is_named = |(_, _, file): &&Uploaded| message.contains(&short(file.id()));
    let named: Vec<Uploaded> = uploaded.iter().filter(is_named).cloned().collect();
    if !named.is_empty() && message.contains("file") {
        return Some((named, true));
    }
    let has_file = |text: &str| {
        let mut words = text.split(|letter: char| !letter.is_alphanumeric());
        words.any(|word| matches!(word, "file" | "files"))
    };
    if uploaded.is_empty() || !has_file(&message) && !has_file(&code) {
        return None;
    }
    let is_not_found = has_file(&code) || code.contains("not_found") && !code.contains("model");
    let ids: BTreeSet<&str> = uploaded.iter().map(|(_, _, file)| file.id()).collect();
    let is_only = ids.len() == 1;
    match status {
        404 if is_not_found => Some((uploaded, is_only)),
        403 => Some((uploaded, false)),
        _ => None,
    }
}
