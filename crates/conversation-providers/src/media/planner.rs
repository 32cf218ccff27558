//! The choice of a form for each media item of a request.

use std::sync::Arc;
use std::time::Duration;

use conversation_types::OmissionReason;
use futures_util::stream::{self, StreamExt};
use media_storage::SignedUrlOptions;
use media_types::{MediaContent, MediaSource, MediaUrl};

use super::context::{MediaContext, SignedUrls};
use super::form::MediaForm;
use super::host;
use super::lookup::{FetchBudget, look_up};
use super::plan::{MediaPlan, PlannedItem, REQUEST_TOO_LARGE};
use crate::capability::{AcceptedForm, ApiCapabilities};

/// Items that are looked up at once.
const LOOKUPS: usize = 16;

/// Bytes of fetched media of a request that are held until they are sent.
const FETCH_BUDGET: u64 = 4 * 1024 * 1024;

/// How long a provider has to fetch a signed URL.
const VALIDITY: Duration = Duration::from_secs(15 * 60);

impl MediaContext {
    /// Decides the form of each media item, oldest first. Where a limit of the request is reached,
    /// the oldest items are omitted.
    ///
    /// Type, size and presence of every item are looked up, sixteen at a time, so that the length
    /// of the request is known before it starts; no bytes are read but those of remote media that
    /// the provider does not fetch itself. Of these up to 4 MiB are kept until they are sent; the
    /// rest is fetched once more then.
    pub async fn plan<'a>(
        &self,
        provider: &str,
        api: &Arc<ApiCapabilities>,
        media: impl IntoIterator<Item = &'a MediaContent>,
    ) -> MediaPlan {
        let budget = FetchBudget::new(FETCH_BUDGET);
        let lookups: Vec<_> = media
            .into_iter()
            .map(|content| {
                let (context, content) = (self.clone(), content.clone());
                context.plan_item(
                    provider.to_owned(),
                    Arc::clone(api),
                    content,
                    budget.clone(),
                )
            })
            .collect();
        let items: Vec<PlannedItem> = stream::iter(lookups).buffered(LOOKUPS).collect().await;
        let mut plan = MediaPlan::new(items);
        keep_limits(&mut plan, api);
        plan
    }

    async fn plan_item(
        self,
        provider: String,
        api: Arc<ApiCapabilities>,
        content: MediaContent,
        budget: FetchBudget,
    ) -> PlannedItem {
        use OmissionReason as R;
        let omit = |reason, detail: String| PlannedItem::omitted(content.clone(), reason, detail);
        let declared = api.rule_for(content.mime(), content.media_type());
        match content.source() {
            MediaSource::ProviderFile(file) => {
                let is_accepted =
                    declared.is_some_and(|rule| rule.accepts(AcceptedForm::ProviderFile));
                return if file.provider() == provider && is_accepted {
                    let form = MediaForm::ProviderFile(file.clone());
                    PlannedItem::new(content, form)
                } else {
                    let detail = format!("it is kept at {} and cannot be sent", file.provider());
                    omit(R::Unsupported, detail)
                };
            }
            MediaSource::Url(url)
                if declared.is_some_and(|rule| rule.accepts(AcceptedForm::Url)) =>
            {
                let form = MediaForm::Url(url.clone());
                return PlannedItem::new(content, form);
            }
            _ => {}
        }
        let found = match look_up(self.loader(), &content, &budget).await {
            Ok(found) => found,
            Err(missing) => return omit(missing.reason, missing.detail.to_owned()),
        };
        let (mime, size) = (found.mime, found.size);
        let rule = api.rule_for(&mime, mime.media_type());
        let Some(rule) = rule.filter(|rule| !rule.accepts_nothing()) else {
            let detail = format!("{provider} does not accept {mime}");
            return omit(R::Unsupported, detail);
        };
        if size == 0 {
            return omit(R::Unavailable, "it is empty".to_owned());
        }
        if rule.max_item_bytes.is_some_and(|limit| size > limit) {
            let detail = format!("it is too large for {provider}");
            return omit(R::TooLarge, detail);
        }
        let bytes = if rule.accepts(AcceptedForm::Base64) {
            Some(MediaForm::Base64 { mime, size })
        } else if rule.accepts(AcceptedForm::Upload) {
            Some(MediaForm::Upload { mime, size })
        } else {
            None
        };
        if rule.accepts(AcceptedForm::Url)
            && let Some(url) = self.signed_url(&content).await
        {
            return PlannedItem::new(content, MediaForm::Url(url)).with_fallback(bytes);
        }
        match bytes {
            Some(form) => PlannedItem::new(found.fetched.unwrap_or(content), form),
            None => {
                let detail = format!("{provider} does not accept it in this form");
                omit(R::Unsupported, detail)
            }
        }
    }

    async fn signed_url(&self, content: &MediaContent) -> Option<MediaUrl> {
        if self.signed_urls() == SignedUrls::Never || content.reference().is_none() {
            return None;
        }
        let options = SignedUrlOptions::new().with_validity(VALIDITY);
        // A URL that cannot be signed is no failure: the bytes can be sent.
        let signed = self.loader().url(content, options).await.ok()??;
        host::is_public(signed.url()).then(|| signed.url().clone())
    }
}

/// Newest first: what the user just sent matters more than what was sent long ago.
fn keep_limits(plan: &mut MediaPlan, api: &ApiCapabilities) {
    let mut items = 0_usize;
    let mut bytes = 0_u64;
    for index in (0..plan.len()).rev() {
        if !plan.is_sent(index) {
            continue;
        }
        let size = plan.len_in_body(index);
        if api.max_items().is_some_and(|limit| items >= limit) {
            plan.omit(
                index,
                OmissionReason::TooMany,
                "there is more media than this provider accepts",
            );
        } else if api
            .max_request_bytes()
            .is_some_and(|limit| bytes.saturating_add(size) > limit)
        {
            plan.omit(index, OmissionReason::TooLarge, REQUEST_TOO_LARGE);
        } else {
            items += 1;
            bytes = bytes.saturating_add(size);
        }
    }
}
