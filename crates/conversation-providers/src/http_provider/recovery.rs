//! Changes to a request that was refused.

use std::collections::BTreeSet;

use conversation_types::OmissionReason;
use media_types::MediaContent;

use super::refusal::Refusal;
use super::rejections::RejectionCache;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::media::{MediaContext, MediaPlan};

/// Most changes to one request because of what the server said.
const MAX_CHANGES: u32 = 6;

/// Returns the detail of media that a provider refuses.
pub(super) fn refused_by(provider: &str) -> String {
    format!("it was refused by {provider}")
}

/// What was changed about a request so far.
#[derive(Debug)]
pub(super) struct RecoveryState {
    provider: &'static str,
    model: String,
    changes: u32,
    unreadable: u32,
    refused: u32,
    /// Parameters that were left out.
    parameters: BTreeSet<String>,
    /// Media without which the request may succeed: if it does, that media is remembered.
    suspects: Vec<MediaContent>,
}

impl RecoveryState {
    pub(super) fn new(provider: &'static str, model: &str) -> Self {
        Self {
            provider,
            model: model.to_owned(),
            changes: 0,
            unreadable: 0,
            refused: 0,
            parameters: BTreeSet::new(),
            suspects: Vec::new(),
        }
    }

    /// Changes the request so that the next attempt may succeed.
    ///
    /// # Errors
    /// The error of the attempt, where there is nothing to change.
    pub(super) async fn repair_request(
        &mut self,
        refusal: Refusal,
        plan: &mut MediaPlan,
        media: &MediaContext,
        rejections: &RejectionCache,
    ) -> Result<(), ProviderError> {
        self.changes += 1;
        if self.changes > MAX_CHANGES {
            return Err(refusal.into_error(self.provider));
        }
        match refusal {
            Refusal::Unreadable(failed) => {
                self.unreadable += 1;
                tracing::warn!(provider = self.provider, %failed, "media failed while it was sent");
                match self.unreadable {
                    1 => plan.amend(&failed),
                    // One after the other would send the same again and again.
                    2 => plan.check(media).await,
                    _ => return Err(Refusal::Unreadable(failed).into_error(self.provider)),
                }
                Ok(())
            }
            Refusal::Media {
                suspects,
                certain,
                error,
            } => {
                tracing::warn!(provider = self.provider, %error, "media was refused; sending without it");
                // A URL that the provider could not fetch is no bad image.
                let by_url = suspects.iter().filter(|i| plan.replace_url_by_bytes(**i));
                if by_url.count() == 0 {
                    self.refused += 1;
                    self.omit_media(&suspects, certain, &error, plan)
                        .ok_or(error)?;
                }
                Ok(())
            }
            Refusal::Parameter { name, error } => {
                // Whether another request has learned it in the meantime says nothing about this
                // one.
                if !self.parameters.insert(name.clone()) {
                    return Err(error);
                }
                tracing::warn!(
                    provider = self.provider,
                    name,
                    "the model does not accept this parameter; sending without it"
                );
                rejections.add_parameter(&self.model, &name);
                Ok(())
            }
            Refusal::Final(error) | Refusal::Signatures(error) => Err(error),
        }
    }

    /// Omits refused media: first what was named, then all; `None` where that was done already.
    fn omit_media(
        &mut self,
        suspects: &[usize],
        certain: bool,
        error: &ProviderError,
        plan: &mut MediaPlan,
    ) -> Option<()> {
        let (reason, detail) = match error.kind() {
            ProviderErrorKind::TooLarge => (
                OmissionReason::TooLarge,
                format!("it is too large for {}", self.provider),
            ),
            _ => (OmissionReason::Refused, refused_by(self.provider)),
        };
        let all: Vec<usize>;
        let suspects = match self.refused {
            1 => suspects,
            2 => {
                all = (0..plan.len()).filter(|i| plan.is_sent(*i)).collect();
                &all
            }
            _ => return None,
        };
        for index in suspects {
            if let Some((content, _)) = plan.get(*index)
                && certain
                && self.refused == 1
                && reason == OmissionReason::Refused
            {
                self.suspects.push(content.clone());
            }
            plan.omit(*index, reason.clone(), detail.clone());
        }
        Some(())
    }

    /// Remembers the media without which the request has succeeded.
    pub(super) fn remember(&self, rejections: &RejectionCache) {
        for content in &self.suspects {
            rejections.add_media(&self.model, content);
        }
    }
}
