//! Views of histories.

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_providers::ImageNeeds;
use conversation_state::{LoadOptions, LoadedConversation, StoredMessage, Window};
use conversation_types::{MessageStatus, Part, Role};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use media_storage::{SignedUrl, SignedUrlOptions};
use media_types::{MediaContent, MediaSource, MediaType, Mime, readable::causes};

use super::handle::Conversation;
use super::message_view::{ConversationView, MessageView, PartView, ViewOptions};

/// How many messages are looked at at once: signing may ask a server.
const CONCURRENT: usize = 8;
/// What a cursor begins with.
const CURSOR: &str = "before-";

impl Conversation {
    /// Returns a part of the history for a frontend: text, media with URLs where the store signs
    /// them, tool calls. System messages are not shown, nor answers that a validator rejected unless
    /// asked for.
    ///
    /// # Errors
    /// `NotFound`, `State`. Media whose URL cannot be signed has none.
    pub async fn view(
        &self,
        window: Window,
        options: &ViewOptions,
    ) -> Result<ConversationView, ConversationError> {
        let load = LoadOptions::new(window).with_branches(options.include_branches);
        let loaded = self.read(load).await?;
        // Boxed: a stream of closures over borrowed messages is not `Send` enough for a spawned task.
        let shown: Vec<BoxFuture<'_, MessageView>> = loaded
            .messages
            .iter()
            .filter(|stored| is_shown(stored, options))
            .map(|stored| self.message_view(&loaded, stored, options).boxed())
            .collect();
        let messages: Vec<MessageView> = stream::iter(shown).buffered(CONCURRENT).collect().await;
        let first = loaded.messages.iter().filter(|stored| stored.branch == 0);
        let first = first.map(|stored| stored.position).min();
        Ok(ConversationView {
            conversation: loaded.record.id.clone(),
            title: loaded.record.title.clone(),
            messages,
            cursor: first
                .filter(|position| *position > 0)
                .map(|position| format!("{CURSOR}{position}")),
        })
    }

    /// Returns the messages before those of a view, by its cursor; at most `messages` of them.
    ///
    /// # Errors
    /// `InvalidInput` for a malformed cursor; those of [`view`](Self::view).
    pub async fn view_before(
        &self,
        cursor: &str,
        messages: usize,
        options: &ViewOptions,
    ) -> Result<ConversationView, ConversationError> {
        let end = cursor.strip_prefix(CURSOR);
        let end: u64 = end.and_then(|end| end.parse().ok()).ok_or_else(|| {
            ConversationError::new(Kind::InvalidInput).with_detail("the cursor is malformed")
        })?;
        let start = end.saturating_sub(messages as u64);
        self.view(Window::Range(start..end), options).await
    }

    async fn message_view(
        &self,
        loaded: &LoadedConversation,
        stored: &StoredMessage,
        options: &ViewOptions,
    ) -> MessageView {
        let message = &stored.message;
        let turn = message.turn.as_ref().and_then(|turn| loaded.turn(turn));
        let mut parts = Vec::with_capacity(message.content.len());
        for part in &message.content {
            parts.extend(self.part_view(part, options).await);
        }
        if options.include_tools {
            parts.extend(message.tool_calls.iter().map(|call| PartView::ToolCall {
                id: call.id.clone(),
                name: call.name.clone(),
                arguments: call.arguments.clone(),
            }));
        }
        MessageView {
            id: message.id.clone(),
            turn: message.turn.clone(),
            turn_status: turn.map(|turn| turn.status),
            in_context: turn.map(|turn| turn.in_context),
            role: message.role,
            status: message.status.as_str(),
            created_at: message.created_at,
            branch: (stored.branch > 0).then_some(stored.branch),
            tool_call_id: message.tool_call_id.clone(),
            parts,
        }
    }

    async fn part_view(&self, part: &Part, options: &ViewOptions) -> Option<PartView> {
        Some(match part {
            Part::Text(text) => PartView::Text(text.text.clone()),
            Part::Media(media) => self.media_view(media, options).await,
            Part::Reasoning { text, .. } if options.include_reasoning && !text.is_empty() => {
                PartView::Reasoning(text.clone())
            }
            Part::Reasoning { .. } | Part::Opaque { .. } => return None,
            Part::Omitted(omitted) => PartView::Omitted {
                media_type: omitted.media_type,
                name: omitted.name.clone(),
                reason: omitted.reason.as_str().to_owned(),
            },
            _ => PartView::Unknown,
        })
    }

    async fn media_view(&self, media: &MediaContent, options: &ViewOptions) -> PartView {
        let signed = self.signed_url(media, options).await;
        let (url, url_expires_at) = match (&signed, media.source()) {
            (Some(signed), _) => (Some(signed.url().as_str()), Some(signed.expires_at())),
            (None, MediaSource::Url(url)) => (Some(url.as_str()), None),
            _ => (None, None),
        };
        let thumbnail_url = self.thumbnail_url(media, options).await;
        PartView::Media {
            media_type: media.media_type(),
            mime: media.mime().clone(),
            size: media.size(),
            name: media.filename().map(str::to_owned),
            url: url.map(str::to_owned),
            url_expires_at,
            thumbnail_url,
        }
    }

    /// Returns the URL of a smaller image, of one that is longer than a thumbnail.
    async fn thumbnail_url(&self, media: &MediaContent, options: &ViewOptions) -> Option<String> {
        let side = options.thumbnails?;
        let fitter = self.core.image_fitter.as_ref()?;
        if media.media_type() != MediaType::Image || media.reference().is_none() {
            return None;
        }
        let needs = ImageNeeds::new([Mime::IMAGE_JPEG, Mime::IMAGE_PNG]).with_max_side(Some(side));
        let scope = self.core.reference_scope(&self.known);
        let small = fitter.fit(media, &needs, scope.as_ref()).await?;
        let signed = self.signed_url(&small, options).await?;
        Some(signed.url().as_str().to_owned())
    }

    async fn signed_url(&self, media: &MediaContent, options: &ViewOptions) -> Option<SignedUrl> {
        let reference = media.reference()?;
        let store = self.core.stores.named(&reference.into())?;
        let mut signing = SignedUrlOptions::new().with_validity(options.url_validity);
        if let Some(scope) = self.core.reference_scope(&self.known) {
            signing = signing.with_expected_scope(scope);
        }
        let signed = store.url_signer()?.signed_url(reference, signing).await;
        signed
            .inspect_err(|error| tracing::debug!(error = %causes(&error), "the URL of a media item was not signed"))
            .ok()
    }
}

fn is_shown(stored: &StoredMessage, options: &ViewOptions) -> bool {
    let message = &stored.message;
    let is_rejected = message.status == MessageStatus::Rejected;
    match message.role {
        Role::System => false,
        Role::Tool => options.include_tools,
        _ => !is_rejected || options.include_rejected,
    }
}
