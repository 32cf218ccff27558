//! Images that are none, on their way to a model and from it.

use conversation_providers::MediaContext;
use conversation_types::{OmissionReason, UserMessage};
use media_types::{MediaContent, Mime, base64};

use super::*;

/// What servers give in place of an image.
fn pages() -> Vec<Vec<u8>> {
    let html = "<!DOCTYPE html><html><body>Log in</body></html>";
    let json = "{\"error\": {\"message\": \"no such image\"}}";
    let wide = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    vec![
        html.into(),
        json.into(),
        [b"\xff\xfe", wide(html).as_slice()].concat(),
        wide(html),
        [b"\xff\xfe", wide(json).as_slice()].concat(),
        [b"\0\0\0", html.as_bytes()].concat(),
        [b"\0", json.as_bytes()].concat(),
        [b"\xef\xbb\xbf \n", json.as_bytes()].concat(),
    ]
}

pub(super) fn answered(api: Api) -> Value {
    match api {
        Api::Chat => json!({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]}),
        Api::Responses => {
            json!({"status": "completed", "output": [{"type": "message", "role": "assistant",
            "content": [{"type": "output_text", "text": "ok"}]}]})
        }
        Api::Anthropic => {
            json!({"type": "message", "content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn"})
        }
        Api::Images => json!({"data": [{"b64_json": "iVBORw0KGgo="}]}),
        Api::Gemini => {
            json!({"candidates": [{"content": {"parts": [{"text": "ok"}]}, "finishReason": "STOP"}]})
        }
    }
}

#[tokio::test]
async fn what_is_no_image_is_not_sent_as_one() {
    for api in APIS {
        let peer = Peer::start(pages().iter().map(|_| Act::json(200, &answered(api)))).await;
        let provider = api.at(&peer.url());
        for page in pages() {
            let message = UserMessage::from("see")
                .with_part(MediaContent::from_bytes(Mime::IMAGE_PNG, page.clone()));
            let messages = [Message::user(message)];
            let done = crate::asking::ask(&*provider, &messages, ResponseMode::Complete)
                .await
                .unwrap();
            let omitted = &done.omitted_media;
            assert_eq!(omitted.len(), 1, "{api:?} {page:?}");
            let reason = &omitted[0].reason;
            assert_eq!(*reason, OmissionReason::Unsupported);
            let sent = String::from_utf8(peer.last().body).unwrap();
            assert!(sent.contains("does not match its type"), "{sent}");
            assert!(!sent.contains(&base64::encode(&page)));
        }
        assert_eq!(peer.received().len(), pages().len());
    }
}

#[tokio::test]
async fn what_is_no_image_in_an_answer_is_kept_as_what_it_is() {
    for page in pages() {
        let answer = json!({"candidates": [{"finishReason": "STOP", "content": {"parts": [
            {"text": "here"},
            {"inlineData": {"mimeType": "image/png", "data": base64::encode(&page)}}]}}]});
        let peer = Peer::start([Act::json(200, &answer)]).await;
        let provider = Api::Gemini.at(&peer.url());
        let done = crate::asking::ask(
            &*provider,
            &[Message::user("paint")],
            ResponseMode::Complete,
        )
        .await
        .unwrap();
        let media = done
            .content
            .iter()
            .find_map(|part| part.as_media())
            .unwrap();
        assert!(media.inline().unwrap() == &page);
        let expected = ["text/html", "application/json"];
        assert!(
            expected.contains(&media.mime().as_str()),
            "{media:?} {page:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_base64_in_an_answer_is_typed() {
    for text in ["not base64!", "AAAA=AAA", "\u{1f600}"] {
        let answer = json!({"candidates": [{"finishReason": "STOP", "content": {"parts": [
            {"inlineData": {"mimeType": "image/png", "data": text}}]}}]});
        for mode in MODES {
            let act = match mode {
                ResponseMode::Streaming => Act::events(&format!("data: {answer}\r\n\r\n"), 20),
                _ => Act::json(200, &answer),
            };
            let (error, _) = failure(Api::Gemini, mode, [act]).await;
            assert_eq!(error.kind(), Kind::InvalidResponse, "{mode:?} {text}");
            assert_eq!(error.reason(), Some("media is not base64"));
        }
    }
}

/// Media of the caller that is nowhere is no error of the provider.
#[tokio::test]
async fn an_image_that_is_empty_or_gone_is_omitted() {
    for api in APIS {
        let peer = Peer::start([Act::json(200, &answered(api))]).await;
        let message = UserMessage::from("see")
            .with_part(MediaContent::from_bytes(Mime::IMAGE_PNG, Vec::new()))
            .with_part(MediaContent::from_path(Mime::IMAGE_PNG, "/nowhere/a.png"));
        let messages = [Message::user(message)];
        let request = conversation_providers::ProviderRequest::new(&messages);
        let provider = api.at(&peer.url());
        let answer = provider.complete(request, &MediaContext::default()).await;
        let events: Vec<_> = futures_util::StreamExt::collect(answer.unwrap().into_events()).await;
        let Some(Ok(conversation_providers::ResponseEvent::Done(done))) = events.last() else {
            panic!("{api:?}: {events:?}")
        };
        assert_eq!(done.omitted_media.len(), 2, "{api:?}");
    }
}
