//! Servers that take no images, or fewer, each in its own words, at every API.

use conversation_providers::{
    Completion, MediaContext, MemoryPlannerStore, PlannerStore, ProviderRequest, ResponseEvent,
};
use conversation_types::{OmissionReason, OmittedMedia, Part, UserMessage};
use futures_util::StreamExt;
use media_types::{MediaContent, Mime, base64};

use std::sync::atomic::{AtomicBool, Ordering};

use super::images::answered;
use super::*;
use crate::peer::Received;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

pub(super) fn image(name: &str) -> Part {
    let bytes = [SIGNATURE, name.as_bytes()].concat();
    Part::Media(MediaContent::from_bytes(Mime::IMAGE_PNG, bytes))
}

/// The images of a request, by what follows their signature.
pub(super) fn images_of(received: &Received) -> Vec<String> {
    let mut found = Vec::new();
    collect(&received.json(), &mut found);
    found
}

pub(super) fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, found)),
        Value::String(text) => {
            let text = text.rsplit(',').next().unwrap();
            let text = text.replace('-', "+").replace('_', "/");
            let bytes = base64::decode(text.as_bytes()).unwrap_or_default();
            let name = bytes.strip_prefix(SIGNATURE);
            found.extend(name.map(|name| String::from_utf8(name.to_vec()).unwrap()));
        }
        _ => {}
    }
}

/// Takes so many images and refuses others in these words.
async fn refusing(api: Api, most: usize, status: u16, body: &str) -> Peer {
    let body = body.to_owned();
    Peer::judging(move |received| match images_of(received).len() > most {
        true => Act::reply(status, &[], &body),
        false => Act::json(200, &answered(api)),
    })
    .await
}

pub(super) async fn ask(
    provider: &dyn Provider,
    messages: &[Message],
    store: &Arc<MemoryPlannerStore>,
) -> Result<Completion, ProviderError> {
    let store = Arc::clone(store) as Arc<dyn PlannerStore>;
    let media = MediaContext::default().with_planner_store(store);
    let answer = provider.complete(ProviderRequest::new(messages), &media);
    let events: Vec<_> = answer.await?.into_events().collect().await;
    match events.into_iter().last() {
        Some(Ok(ResponseEvent::Done(done))) => Ok(*done),
        other => panic!("{other:?}"),
    }
}

/// So many images as are taken, a status, and the words for it.
fn ways() -> Vec<(usize, u16, String)> {
    let message = |text: &str| json!({"error": {"message": text}}).to_string();
    vec![
        (
            0,
            404,
            message("No endpoints found that support image input"),
        ),
        (
            0,
            400,
            message("Invalid content type. image_url is only supported by certain models."),
        ),
        (
            0,
            422,
            json!({"detail": [{"loc": ["body", "messages"],
            "msg": "This model does not support image input"}]})
            .to_string(),
        ),
        (
            0,
            500,
            message("image input is not supported - hint: provide the mmproj"),
        ),
        (0, 415, "Images are not supported here".to_owned()),
        (
            0,
            501,
            json!({"message": "vision is not enabled for this model"}).to_string(),
        ),
        (
            0,
            400,
            json!({"error": "llama3 is a text-only model and takes no images"}).to_string(),
        ),
        (
            1,
            400,
            message("At most 1 image(s) may be provided in one request."),
        ),
        (
            2,
            400,
            message("You sent 5 images; the maximum number of images is 2"),
        ),
        (
            3,
            422,
            json!({"object": "error", "message": "more than 3 images are refused"}).to_string(),
        ),
    ]
}

#[tokio::test]
async fn ten_ways_of_taking_no_images_or_fewer_end_with_an_answer_and_are_remembered() {
    for api in APIS {
        for (most, status, body) in ways() {
            taken(api, most, status, &body).await;
        }
    }
}

async fn taken(api: Api, most: usize, status: u16, body: &str) {
    let peer = refusing(api, most, status, body).await;
    let kept = || Arc::new(MemoryPlannerStore::new());
    let store = kept();
    let old = (0..4).map(|n| image(&format!("old {n}")));
    let old = old.fold(UserMessage::from("see"), UserMessage::with_part);
    let new = UserMessage::from("and").with_part(image("new"));
    let mut messages = vec![Message::user(old), Message::user(new)];
    let first = api.at(&peer.url());
    let done = ask(&*first, &messages, &store).await;
    let done = done.unwrap_or_else(|error| panic!("{api:?} {status} {body}: {error:?}"));
    assert!(!done.omitted_media.is_empty(), "{api:?} {body}");
    // Words that may mean one of them are believed once each half was refused by itself.
    let may_mean_one = body.contains("not supported here") || body.contains("not enabled");
    let asked = if may_mean_one { 4 } else { 2 };
    assert_eq!(peer.received().len(), asked, "{api:?} {body}");
    let sent = images_of(&peer.last());
    assert!(sent.len() <= most, "{api:?} {body}");
    let has_newest = sent.contains(&"new".to_owned());
    assert_eq!(has_newest, most > 0, "{api:?} {body} {sent:?}");

    messages.push(message_of(done));
    messages.push(Message::user("go on"));
    // Another process knows it from the state, this one without.
    let another = api.at(&peer.url());
    ask(&*another, &messages, &store).await.unwrap();
    assert_eq!(peer.received().len(), asked + 1, "{api:?} {body}");
    ask(&*first, &messages, &kept()).await.unwrap();
    assert_eq!(peer.received().len(), asked + 2, "{api:?} {body}");
}

/// A server, or a proxy before it, that takes bodies up to a size. Gemini says it by its words.
async fn limited(api: Api, most: usize) -> Peer {
    Peer::judging(move |received| match received.body.len() > most {
        true if api == Api::Gemini => {
            let message = "Request payload size exceeds the limit: 20000 bytes.";
            let status = "INVALID_ARGUMENT";
            let error = json!({"code": 400, "status": status, "message": message});
            Act::json(400, &json!({"error": error}))
        }
        true => Act::reply(413, &[], "<html>Request Entity Too Large</html>"),
        false => Act::json(200, &answered(api)),
    })
    .await
}

fn large(name: &str, bytes: usize) -> Part {
    image(&format!("{name} {}", "x".repeat(bytes)))
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused_once_and_its_size_is_remembered() {
    // Most of it is the newest image, which is too large by itself or fits alone; or each is a fifth of it.
    for (sizes, left, asked) in [
        ([1000, 1000, 1000, 1000, 20_000], 4, 3),
        ([1000, 1000, 1000, 1000, 12_000], 1, 2),
        ([4000; 5], 1, 2),
    ] {
        for api in APIS {
            let peer = limited(api, 20_000).await;
            let kept = || Arc::new(MemoryPlannerStore::new());
            let store = kept();
            let [old @ .., new] = sizes;
            let old = old
                .iter()
                .enumerate()
                .map(|(n, size)| large(&format!("{n}"), *size));
            let old = old.fold(UserMessage::from("see"), UserMessage::with_part);
            let new = UserMessage::from("and").with_part(large("new", new));
            let mut messages = vec![Message::user(old), Message::user(new)];
            let first = api.at(&peer.url());
            let done = ask(&*first, &messages, &store).await.unwrap();
            assert_eq!(done.omitted_media.len(), 5 - left, "{api:?}");
            let is_large = |one: &OmittedMedia| one.reason == OmissionReason::TooLarge;
            assert!(done.omitted_media.iter().all(is_large), "{api:?}");
            assert_eq!(peer.received().len(), asked, "{api:?}");
            let images = images_of(&peer.last());
            assert_eq!(images.len(), left, "{api:?}");
            let has_newest = images.iter().any(|image| image.starts_with("new"));
            assert_eq!(has_newest, left == 1, "{api:?}");

            // This process and another one know it, and images still go.
            messages.push(message_of(done));
            let another = api.at(&peer.url());
            for (turn, provider) in [&first, &another, &first].into_iter().enumerate() {
                messages.push(Message::user("go on"));
                let done = ask(&**provider, &messages, &store).await.unwrap();
                assert_eq!(peer.received().len(), asked + 1 + turn, "{api:?} {turn}");
                assert!(!images_of(&peer.last()).is_empty(), "{api:?} {turn}");
                messages.push(message_of(done));
            }
            // One more image would be too much for the server, and is less than what it refused.
            let more = UserMessage::from("and").with_part(large("more", 3000));
            messages.push(Message::user(more));
            ask(&*another, &messages, &store).await.unwrap();
            assert_eq!(peer.received().len(), asked + 4, "{api:?} {sizes:?}");
            let images = images_of(&peer.last());
            let has_more = images.iter().any(|image| image.starts_with("more"));
            assert!(has_more, "{api:?} {sizes:?}");
            // What was not refused is not left out of other conversations.
            let other = UserMessage::from("see").with_part(large("other", 12_000));
            let done = ask(&*first, &[Message::user(other)], &kept())
                .await
                .unwrap();
            assert!(done.omitted_media.is_empty(), "{api:?}");
        }
    }
}

#[tokio::test]
async fn a_413_about_rates_or_the_context_drops_no_media_and_is_not_remembered() {
    for (code, message) in [
        (
            "rate_limit_exceeded",
            "Request too large for m on tokens per minute (TPM): Limit 30000, Requested 40000",
        ),
        (
            "request_too_large",
            "The maximum context length is 8192 tokens",
        ),
        (
            "INVALID_ARGUMENT",
            "The input token count (40000) exceeds the maximum number of tokens allowed",
        ),
    ] {
        for api in APIS {
            let is_busy = Arc::new(AtomicBool::new(true));
            let refuses = Arc::clone(&is_busy);
            let mut refusal = api.error(413, code);
            refusal["error"]["message"] = message.into();
            let peer = Peer::judging(move |_| match refuses.load(Ordering::SeqCst) {
                true => Act::json(413, &refusal),
                false => Act::json(200, &answered(api)),
            })
            .await;
            let kept = || Arc::new(MemoryPlannerStore::new());
            let (provider, store) = (api.at(&peer.url()), kept());
            let parts = (0..4).map(|n| large(&format!("{n}"), 1000));
            let message = parts.fold(UserMessage::from("see"), UserMessage::with_part);
            let messages = [Message::user(message)];
            assert!(ask(&*provider, &messages, &store).await.is_err());
            is_busy.store(false, Ordering::SeqCst);
            // In this conversation and in another one.
            for store in [store, kept()] {
                let done = ask(&*provider, &messages, &store).await.unwrap();
                assert!(done.omitted_media.is_empty(), "{api:?} {code}");
            }
            let received = peer.received();
            let sent = received.iter().map(|one| images_of(one).len());
            assert!(sent.into_iter().all(|images| images == 4), "{api:?} {code}");
        }
    }
}
