//! A body that can be sent, and sent again.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt};

use super::{Options, Transcript, WireForm};
use crate::provider::capability::ApiCapabilities;
use crate::provider::media::{MediaContext, MediaPlan, MediaSendError};
use crate::provider::note::MediaNote;
use crate::provider::skeleton::{Piece, Skeleton};
use crate::provider::{ProviderError, ProviderErrorKind, ProviderRequest};

/// The body of a request, its media still where it is. Cheap to clone.
#[derive(Clone)]
pub struct RequestBody {
    skeleton: Skeleton,
    plan: MediaPlan,
    media: MediaContext,
    content_type: String,
}

impl RequestBody {
    /// Writes a request: decides the form of its media by what the API takes, and writes the JSON
    /// around it.
    ///
    /// # Errors
    /// `InvalidRequest` for what JSON cannot say. Media is never an error here but a note in the
    /// request ([`notes`](Self::notes)).
    pub async fn new(
        form: WireForm,
        model: &str,
        request: &ProviderRequest<'_>,
        api: &Arc<ApiCapabilities>,
        media: &MediaContext,
    ) -> Result<Self, ProviderError> {
        let transcript = Transcript::of(form, request);
        let contents = transcript.media.iter().copied();
        let of_model = Arc::new(api.for_model(model));
        let plan = media.plan(form.provider(), &of_model, contents).await;
        Self::write(form, model, request, &transcript, api, plan, media)
    }

    /// Writes the same request by another plan: the one of the first attempt, after
    /// [`MediaPlan::amend`] or [`MediaPlan::note`].
    ///
    /// # Errors
    /// `InvalidRequest` for what JSON cannot say.
    pub fn replanned(
        &self,
        form: WireForm,
        model: &str,
        request: &ProviderRequest<'_>,
        api: &Arc<ApiCapabilities>,
        plan: MediaPlan,
    ) -> Result<Self, ProviderError> {
        let transcript = Transcript::of(form, request);
        Self::write(form, model, request, &transcript, api, plan, &self.media)
    }

    fn write(
        form: WireForm,
        model: &str,
        request: &ProviderRequest<'_>,
        transcript: &Transcript<'_>,
        api: &ApiCapabilities,
        plan: MediaPlan,
        media: &MediaContext,
    ) -> Result<Self, ProviderError> {
        let options = Options {
            model,
            capabilities: api,
            stream_usage: true,
            refused: &[],
        };
        let json = form.render(request, transcript, &plan, &options);
        let skeleton = Skeleton::write(&json).map_err(|error| {
            ProviderError::new(ProviderErrorKind::InvalidRequest, form.provider())
                .with_source(error)
        })?;
        Ok(Self::of_parts(
            skeleton,
            plan,
            media.clone(),
            "application/json".to_owned(),
        ))
    }

    pub(super) fn of_parts(
        skeleton: Skeleton,
        plan: MediaPlan,
        media: MediaContext,
        content_type: String,
    ) -> Self {
        Self {
            skeleton,
            plan,
            media,
            content_type,
        }
    }

    /// The `content-type` that belongs to the body.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The `content-length` of the body.
    pub fn len(&self) -> u64 {
        self.skeleton.len(|index| self.plan.size(index))
    }

    /// Whether the body is empty; it never is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The forms of the media.
    pub fn plan(&self) -> &MediaPlan {
        &self.plan
    }

    /// Media that goes out as a note, and why.
    pub fn notes(&self) -> Vec<MediaNote> {
        self.plan.notes()
    }

    /// The body, read from its start. It yields exactly [`len`](Self::len) bytes, or its last item
    /// is an error and the request must be cut off: what was sent of it is not whole.
    pub fn stream(&self) -> BodyPieces {
        BodyPieces(pieces(self.skeleton.clone(), &self.plan, &self.media))
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("content_type", &self.content_type)
            .field("len", &self.len())
            .field("media", &self.plan.len())
            .finish_non_exhaustive()
    }
}

/// A body on its way, in pieces of any size. Dropping it at any time is safe.
pub struct BodyPieces(BoxStream<'static, Result<Bytes, MediaSendError>>);

impl Stream for BodyPieces {
    type Item = Result<Bytes, MediaSendError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for BodyPieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyPieces").finish_non_exhaustive()
    }
}

/// The pieces of a body, its media read when its turn comes, one medium at a time. An error is the
/// last item.
pub(crate) fn pieces(
    skeleton: Skeleton,
    plan: &MediaPlan,
    context: &MediaContext,
) -> BoxStream<'static, Result<Bytes, MediaSendError>> {
    let (plan, context) = (plan.clone(), context.clone());
    let mut failed = false;
    stream::iter(skeleton.into_pieces())
        .map(move |piece| match piece {
            Piece::Text(text) => stream::once(std::future::ready(Ok(text))).boxed(),
            Piece::Media(index, encoding) => plan.encoded(index, encoding, &context),
        })
        .flatten()
        .take_while(move |piece| {
            let go_on = !failed;
            failed |= piece.is_err();
            std::future::ready(go_on)
        })
        .boxed()
}
