//! Media that is not, when it is sent, what it was when the request was planned.

use async_trait::async_trait;
use bytes::Bytes;
use conversation_providers::MediaSendErrorKind as Kind;
use conversation_providers::body::Multipart;
use conversation_providers::{MediaSendError, ProviderErrorKind};
use conversation_types::OmissionReason;
use futures_util::{StreamExt, stream};
use media_storage::{
    DeleteOptions, MediaBody, MediaUpload, Operation, RetrieveOptions, StorageError,
    StorageErrorKind, StoredMedia,
};
use media_types::StorageReference;
use tokio::net::TcpListener;

use super::recorder::{record, send};
use super::*;

/// What happens to media once it is planned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    Vanishes,
    Grows,
    Shrinks,
    /// It is another type.
    Turns,
    /// Its last byte shows that it is damaged.
    IsDamaged,
    /// The store fails in the middle.
    BreaksOff,
    /// The store ends early without a word.
    EndsEarly,
}

pub(crate) const FATES: [Fate; 7] = [
    Fate::Vanishes,
    Fate::Grows,
    Fate::Shrinks,
    Fate::Turns,
    Fate::IsDamaged,
    Fate::BreaksOff,
    Fate::EndsEarly,
];

const SIZE: usize = 200_000;

/// A store of one picture.
#[derive(Debug)]
pub(crate) struct Fated(pub(crate) Fate);

impl Fated {
    pub(crate) fn content() -> MediaContent {
        let reference = StorageReference::builder("fated", "one.png").build();
        MediaContent::from_reference(Mime::IMAGE_PNG, reference.unwrap())
    }
}

fn failure(kind: StorageErrorKind) -> StorageError {
    StorageError::new(kind, Operation::Retrieve)
}

#[async_trait]
impl MediaStorage for Fated {
    fn backend(&self) -> &str {
        "fated"
    }

    async fn store(&self, _: MediaUpload) -> Result<StorageReference, StorageError> {
        Err(failure(StorageErrorKind::Unsupported))
    }

    async fn retrieve_opts(
        &self,
        _: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let planned = crate::support::picture_bytes(1, SIZE);
        let now = |bytes: Bytes, end: Option<StorageErrorKind>| {
            let len = bytes.len() as u64;
            let sent = match self.0 {
                Fate::BreaksOff | Fate::EndsEarly => bytes.slice(..SIZE / 2),
                _ => bytes,
            };
            let pieces = stream::iter([Ok(sent)]).chain(stream::iter(end.map(failure).map(Err)));
            let body = MediaBody::from_stream(Some(len), pieces);
            Ok(StoredMedia::new(Mime::IMAGE_PNG, len, body))
        };
        if options.head() {
            let body = MediaBody::from_bytes(Bytes::new());
            return Ok(StoredMedia::new(Mime::IMAGE_PNG, SIZE as u64, body));
        }
        match self.0 {
            Fate::Vanishes => Err(failure(StorageErrorKind::NotFound)),
            // By one byte, which does not always change the length of the text.
            Fate::Grows => now(crate::support::picture_bytes(1, SIZE + 1), None),
            Fate::Shrinks => now(planned.slice(..SIZE - 1), None),
            Fate::Turns => {
                let jpeg = [b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01", &planned[12..]].concat();
                now(jpeg.into(), None)
            }
            Fate::IsDamaged => now(planned, Some(StorageErrorKind::Corrupted)),
            Fate::BreaksOff => now(planned, Some(StorageErrorKind::Unavailable)),
            Fate::EndsEarly => now(planned, None),
        }
    }

    async fn delete_opts(
        &self,
        _: &StorageReference,
        _: DeleteOptions,
    ) -> Result<(), StorageError> {
        Ok(())
    }
}

fn is_expected(fate: Fate, kind: &Kind) -> bool {
    match fate {
        Fate::Vanishes => *kind == Kind::Missing,
        Fate::Grows | Fate::Shrinks => matches!(kind, Kind::Resized { .. }),
        Fate::Turns => matches!(kind, Kind::Retyped { .. }),
        Fate::IsDamaged => *kind == Kind::Corrupted,
        Fate::BreaksOff | Fate::EndsEarly => *kind == Kind::Unreadable,
    }
}

#[tokio::test]
async fn each_is_one_typed_error_and_the_request_is_never_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let messages = [user_with("see", [Fated::content()])];
    let request = ProviderRequest::new(&messages);
    for format in FORMS {
        for fate in FATES {
            let media = over(Arc::new(Fated(fate)));
            let capabilities = without_limits();
            let body = body_by(&capabilities, format, &request, &media).await;
            assert!(body.omitted_media().is_empty(), "{fate:?}");
            let (recorded, sent) = tokio::join!(record(&listener), send(address, "/", &body));
            assert!((recorded.body.len() as u64) < body.len(), "{fate:?}");
            let failed = sent.unwrap_err().downcast::<MediaSendError>().unwrap();
            assert!(is_expected(fate, failed.kind()), "{fate:?} {failed}");
            assert_eq!(failed.index(), 0);
            assert!(!format!("{failed:?}{failed}").contains("iVBOR"));

            let mut plan = body.plan().clone();
            plan.amend(&failed);
            let api = capabilities.api(format.capability_name()).unwrap();
            let next = body.with_plan(format, "model-1", &request, &api, plan);
            let next = next.unwrap();
            let sent = String::from_utf8(text(&next).await).unwrap();
            if fate == Fate::Turns {
                assert!(next.omitted_media().is_empty());
                assert!(sent.contains("image/jpeg"), "{format:?}");
            } else {
                assert_eq!(
                    next.omitted_media()[0].reason,
                    OmissionReason::ReadFailed,
                    "{fate:?}"
                );
                assert!(sent.contains("is not attached"), "{format:?} {sent}");
            }
        }
    }
}

#[tokio::test]
async fn a_check_finds_all_that_fails() {
    let messages = [user_with("see", vec![Fated::content(); 3])];
    let request = ProviderRequest::new(&messages);
    for fate in FATES {
        let media = over(Arc::new(Fated(fate)));
        let body = body_by(&without_limits(), ApiFormat::OPENAI_CHAT, &request, &media).await;
        let mut plan = body.plan().clone();
        plan.check(&media).await;
        let expected = if fate == Fate::Turns { 0 } else { 3 };
        assert_eq!(plan.omitted_media().len(), expected, "{fate:?}");
    }
}

#[tokio::test]
async fn an_upload_fails_in_the_same_way() {
    let api = Capabilities::builtin().api("openai.files").unwrap();
    for fate in FATES {
        let media = over(Arc::new(Fated(fate)));
        let multipart = Multipart::new().with_file("file", Fated::content());
        let body = multipart.into_body("openai", &api, &media).await.unwrap();
        let mut sent = 0;
        let mut pieces = body.stream();
        let failed = loop {
            match pieces.next().await.unwrap() {
                Ok(piece) => sent += piece.len() as u64,
                Err(failed) => break failed,
            }
        };
        assert!(pieces.next().await.is_none());
        assert!(sent < body.len());
        assert!(is_expected(fate, failed.kind()), "{fate:?} {failed}");
    }
}

#[tokio::test]
async fn an_upload_of_what_is_not_there_is_an_error_at_once() {
    let api = Capabilities::builtin().api("openai.files").unwrap();
    let file = MediaContent::from_path(Mime::IMAGE_PNG, "/nowhere/a.png");
    let multipart = Multipart::new().with_file("file", file);
    let error = multipart.into_body("openai", &api, &no_storage()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::MediaRead);
    assert!(!error.to_string().contains("/nowhere"));
}
