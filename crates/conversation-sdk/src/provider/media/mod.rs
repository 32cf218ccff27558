//! The media of a request: in which form each goes to the provider, and how its bytes get there.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use media_loader::MediaLoader;
use media_storage::{Scope, SignedUrlOptions};
use media_types::{MediaContent, MediaSource, MediaUrl};

use super::capability::{ApiCapabilities, Form};
use super::note::NoteCause;
use crate::receive::MediaReceiver;

mod failure;
mod form;
mod host;
mod source;

pub use failure::{MediaSendError, MediaSendErrorKind};
pub use form::{MediaForm, MediaPlan};

/// How many media are looked up at once.
const LOOKUPS: usize = 16;

/// How much remote media of a request is held between its fetching and its sending, in bytes.
const FETCHED: u64 = 4 * 1024 * 1024;

/// What a provider may do with the media of a request.
///
/// [`plan`](Self::plan) decides for each medium how it goes: under the file id that the provider
/// gave, as an address that the provider fetches, as base64, or as a note. Bytes are read while the
/// request body is sent and kept by nobody. Media that is missing, expired, too large or of a type
/// that the provider does not take becomes a note and never an error.
#[derive(Clone, Debug)]
pub struct MediaContext {
    loader: MediaLoader,
    scope: Option<Scope>,
    signed_urls: SignedUrls,
    receiver: MediaReceiver,
}

/// Whether stored media may go to a provider as a signed URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignedUrls {
    /// Where the provider fetches URLs and the store signs them for a public host.
    #[default]
    Prefer,
    /// Never: always the bytes.
    Never,
}

impl MediaContext {
    /// Media as the loader finds it; references must lie in the scope, where one is given, and
    /// count as missing else.
    pub fn new(loader: MediaLoader, scope: Option<Scope>) -> Self {
        let loader = match &scope {
            Some(scope) => {
                let options = loader.options().clone();
                loader.with_options(options.with_expected_scope(scope.clone()))
            }
            None => loader,
        };
        Self {
            loader,
            scope,
            signed_urls: SignedUrls::default(),
            receiver: MediaReceiver::in_memory(),
        }
    }

    /// Whether signed URLs may be used. Default: [`SignedUrls::Prefer`].
    #[must_use]
    pub fn with_signed_urls(mut self, signed_urls: SignedUrls) -> Self {
        self.signed_urls = signed_urls;
        self
    }

    /// Where media of the answer goes. Default: into memory, as inline content.
    #[must_use]
    pub fn with_receiver(mut self, receiver: MediaReceiver) -> Self {
        self.receiver = receiver;
        self
    }

    /// Where media of the answer goes.
    pub fn receiver(&self) -> &MediaReceiver {
        &self.receiver
    }

    /// The scope that references must lie in, if one is enforced.
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// Decides the form of each medium, oldest first. Where a limit of the request is reached, the
    /// oldest media become notes.
    ///
    /// Type, size and presence of every medium are asked for, sixteen at a time, so that the length
    /// of the request is known before it starts; no bytes are read but those of remote media that
    /// the provider does not fetch itself. Of these up to 4 MiB are kept until they are sent; what
    /// is beyond is fetched once more then.
    pub async fn plan<'a>(
        &self,
        provider: &str,
        api: &Arc<ApiCapabilities>,
        media: impl IntoIterator<Item = &'a MediaContent>,
    ) -> MediaPlan {
        let room = source::Room::new(FETCHED);
        let lookups: Vec<_> = media
            .into_iter()
            .map(|content| {
                let (context, content) = (self.clone(), content.clone());
                context.item(provider.to_owned(), Arc::clone(api), content, room.clone())
            })
            .collect();
        let items: Vec<form::Item> = stream::iter(lookups).buffered(LOOKUPS).collect().await;
        let mut plan = MediaPlan::new(items);
        keep_limits(&mut plan, api);
        plan
    }

    async fn item(
        self,
        provider: String,
        api: Arc<ApiCapabilities>,
        content: MediaContent,
        room: source::Room,
    ) -> form::Item {
        let refuse = |cause, reason: String| form::Item::note(content.clone(), cause, reason);
        let declared = api.rule_for(content.mime(), content.media_type());
        match content.source() {
            MediaSource::ProviderFile(file) => {
                let takes = declared.is_some_and(|rule| rule.takes(Form::ProviderFile));
                return if file.provider() == provider && takes {
                    let form = MediaForm::ProviderFile(file.clone());
                    form::Item::new(content, form)
                } else {
                    let reason = format!("it is kept at {} and cannot be sent", file.provider());
                    refuse(NoteCause::Unsupported, reason)
                };
            }
            MediaSource::Url(url) if declared.is_some_and(|rule| rule.takes(Form::Url)) => {
                let form = MediaForm::Url(url.clone());
                return form::Item::new(content, form);
            }
            _ => {}
        }
        let found = match source::look_up(&self.loader, &content, &room).await {
            Ok(found) => found,
            Err(missing) => return refuse(missing.cause, missing.reason.to_owned()),
        };
        let (mime, size) = (found.mime, found.size);
        let rule = api.rule_for(&mime, mime.media_type());
        let Some(rule) = rule.filter(|rule| !rule.takes_nothing()) else {
            let reason = format!("{provider} does not take {mime}");
            return refuse(NoteCause::Unsupported, reason);
        };
        if size == 0 {
            return refuse(NoteCause::Unavailable, "it is empty".to_owned());
        }
        if rule.max_item_bytes.is_some_and(|most| size > most) {
            let reason = format!("it is too large for {provider}");
            return refuse(NoteCause::TooLarge, reason);
        }
        let bytes = if rule.takes(Form::Base64) {
            Some(MediaForm::Base64 { mime, size })
        } else if rule.takes(Form::Upload) {
            Some(MediaForm::Upload { mime, size })
        } else {
            None
        };
        if rule.takes(Form::Url)
            && let Some(url) = self.signed_url(&content).await
        {
            return form::Item::new(content, MediaForm::Url(url)).or(bytes);
        }
        match bytes {
            Some(form) => form::Item::new(found.fetched.unwrap_or(content), form),
            None => {
                let reason = format!("{provider} does not take it in this form");
                refuse(NoteCause::Unsupported, reason)
            }
        }
    }

    async fn signed_url(&self, content: &MediaContent) -> Option<MediaUrl> {
        if self.signed_urls == SignedUrls::Never || content.reference().is_none() {
            return None;
        }
        let options = SignedUrlOptions::new().with_validity(VALIDITY);
        // Failing to sign is no failure: the bytes can be sent.
        let signed = self.loader.url(content, options).await.ok()??;
        host::is_public(signed.url()).then(|| signed.url().clone())
    }
}

/// How long a provider has to fetch a signed URL.
const VALIDITY: Duration = Duration::from_secs(15 * 60);

/// Newest first: what the user just sent matters more than what was sent long ago.
fn keep_limits(plan: &mut MediaPlan, api: &ApiCapabilities) {
    let mut items = 0_usize;
    let mut bytes = 0_u64;
    for index in (0..plan.len()).rev() {
        if !plan.is_sent(index) {
            continue;
        }
        let size = plan.len_in_body(index);
        if api.max_items().is_some_and(|most| items >= most) {
            plan.note(
                index,
                NoteCause::TooMany,
                "there is more media than this provider takes",
            );
        } else if api
            .max_request_bytes()
            .is_some_and(|most| bytes.saturating_add(size) > most)
        {
            plan.note(
                index,
                NoteCause::TooLarge,
                "the media together is too large for this provider",
            );
        } else {
            items += 1;
            bytes = bytes.saturating_add(size);
        }
    }
}
