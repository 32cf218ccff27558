//! Answers of every API whose media is received as it arrives.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use async_trait::async_trait;
use conversation_sdk::provider::answer::{Answer, AnswerReader, EventReader};
use conversation_sdk::provider::wire::WireForm;
use conversation_sdk::provider::{Completion, Delivery, ProviderRequest, Reply};
use conversation_sdk::receive::MediaReceiver;
use conversation_sdk::{
    ConversationError, ConversationErrorKind, ConversationManager, MediaContext, Part, Provider,
    ProviderError, ProviderErrorKind, Response,
};
use media_storage::{InMemoryStorage, MediaStorageExt};
use media_types::{Mime, base64};
use serde_json::{Value, json};

use crate::receive::Spools;
use crate::support::{KIB, config, count, pack, picture_bytes};

/// A provider of its own transport: what it "receives" is this text, cut into pieces.
#[derive(Clone, Debug)]
struct Replays {
    form: WireForm,
    delivery: Delivery,
    text: String,
    size: usize,
}

#[async_trait]
impl Provider for Replays {
    fn name(&self) -> &str {
        self.form.provider()
    }
    fn model(&self) -> &str {
        "m"
    }
    async fn respond(
        &self,
        _: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<Reply, ProviderError> {
        let answers = match self.delivery {
            Delivery::Deltas => events(self, media.receiver()).await?,
            _ => vec![whole(self, media.receiver()).await?],
        };
        let media = answers.iter().flat_map(Answer::media);
        let parts = media.map(|(_, content)| Part::Media(content.clone()));
        Ok(Reply::whole(Completion::new(parts.collect())))
    }
}

async fn whole(replays: &Replays, receiver: &MediaReceiver) -> Result<Answer, ProviderError> {
    let mut reader = AnswerReader::new(replays.form, receiver);
    for piece in replays.text.as_bytes().chunks(replays.size) {
        reader.push(piece).await?;
    }
    reader.finish().await
}

async fn events(replays: &Replays, receiver: &MediaReceiver) -> Result<Vec<Answer>, ProviderError> {
    let mut reader = EventReader::new(replays.form, receiver);
    let mut answers = Vec::new();
    for mut piece in replays.text.as_bytes().chunks(replays.size) {
        while let Some(answer) = reader.next(&mut piece).await? {
            answers.push(answer);
        }
    }
    match reader.is_between_events() {
        true => Ok(answers),
        false => Err(ProviderError::new(
            ProviderErrorKind::Interrupted,
            replays.form.provider(),
        )),
    }
}

fn replays(form: WireForm, delivery: Delivery, text: impl Into<String>, size: usize) -> Replays {
    Replays {
        form,
        delivery,
        text: text.into(),
        size,
    }
}

fn gemini(media: &[&[u8]]) -> Value {
    let mut parts = vec![json!({"text": "here", "thoughtSignature": "c2lnbmF0dXJl"})];
    parts.extend(media.iter().map(
        |bytes| json!({"inlineData": {"mimeType": "image/png", "data": base64::encode(bytes)}}),
    ));
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1290, "totalTokenCount": 1291}})
}

fn responses(bytes: &[u8]) -> Value {
    json!({"id": "resp_1", "object": "response", "status": "completed", "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VjcmV0"},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "output_format": "webp",
            "result": base64::encode(bytes)},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "here"}]}]})
}

fn stream(events: &[Value]) -> String {
    let mut text: String = events
        .iter()
        .map(|event| format!("data: {event}\r\n\r\n"))
        .collect();
    text.push_str("data: [DONE]\n\n");
    text
}

async fn turn(
    provider: Replays,
    spools: &Spools,
    store: &InMemoryStorage,
) -> Result<Response, ConversationError> {
    let manager = ConversationManager::builder()
        .with_provider(provider)
        .with_media_storage(store.clone())
        .with_config(spools.config())
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    conversation.send("paint").await
}

#[tokio::test]
async fn pictures_of_every_api_go_into_the_store_byte_for_byte() {
    let (one, two) = (picture_bytes(1, 700 * KIB + 1), picture_bytes(2, 300 * KIB));
    for (form, delivery, text, expected) in [
        (
            WireForm::GeminiContents,
            Delivery::Whole,
            gemini(&[&one, &two]).to_string(),
            vec![&one, &two],
        ),
        (
            WireForm::GeminiContents,
            Delivery::Whole,
            json!([gemini(&[&one]), gemini(&[&two])]).to_string(),
            vec![&one, &two],
        ),
        (
            WireForm::GeminiContents,
            Delivery::Deltas,
            stream(&[gemini(&[]), gemini(&[&one]), gemini(&[&two])]),
            vec![&one, &two],
        ),
        (
            WireForm::OpenAiResponses,
            Delivery::Whole,
            responses(&one).to_string(),
            vec![&one],
        ),
        (
            WireForm::OpenAiResponses,
            Delivery::Deltas,
            stream(&[
                json!({"type": "response.image_generation_call.partial_image", "partial_image_b64": base64::encode(&two)}),
                json!({"type": "response.completed", "response": responses(&one)}),
            ]),
            vec![&two, &one],
        ),
        (
            WireForm::OpenAiChat,
            Delivery::Whole,
            json!({"choices": [{"message": {"audio": {"id": "a", "data": base64::encode(&one), "transcript": "t"}}}]})
                .to_string(),
            vec![&one],
        ),
    ] {
        for size in [997, 64 * KIB, text.len()] {
            let (spools, store) = (Spools::new(), InMemoryStorage::new());
            let replays = replays(form, delivery, text.clone(), size);
            let response = turn(replays, &spools, &store).await.unwrap();
            let mut found = Vec::new();
            for content in response.media() {
                let reference = content.reference().unwrap();
                found.push(store.retrieve_bytes(reference, u64::MAX).await.unwrap());
            }
            assert!(found.iter().eq(expected.iter().copied()), "{form:?} {size}");
            spools.assert_empty();
        }
    }
}

#[tokio::test]
async fn what_stands_around_the_media_is_kept_and_its_place_is_told() {
    let receiver = MediaReceiver::in_memory();
    let text = responses(b"RIFF").to_string();
    let answer = replays(WireForm::OpenAiResponses, Delivery::Whole, text, 10);
    let answer = whole(&answer, &receiver).await.unwrap();
    let picture = answer.media_at("/output/1/result").unwrap();
    assert_eq!(picture.mime(), &Mime::IMAGE_WEBP);
    assert_eq!(answer.media().count(), 1);
    let mut expected = responses(b"");
    expected["output"][1]["result"] = Value::Null;
    assert_eq!(answer.json(), &expected);
    assert!(!format!("{answer:?}").contains("here"));
    // No media in any answer: it is text, whatever it looks like.
    let text = json!({"content": [{"type": "image", "source": {"data": "aGk="}}]});
    let answer = replays(
        WireForm::AnthropicMessages,
        Delivery::Whole,
        text.to_string(),
        10,
    );
    assert_eq!(
        whole(&answer, &receiver).await.unwrap().into_parts(),
        (text, vec![])
    );
}

#[tokio::test]
async fn a_broken_answer_is_one_typed_error_and_leaves_nothing() {
    let text = gemini(&[&picture_bytes(1, 500 * KIB), &picture_bytes(2, 500 * KIB)]).to_string();
    let half = text.len() / 2;
    let events = stream(&[gemini(&[&picture_bytes(1, 500 * KIB)])]);
    for (delivery, text, kind) in [
        (
            Delivery::Whole,
            text[..half].to_owned(),
            ProviderErrorKind::InvalidResponse,
        ),
        (
            Delivery::Whole,
            format!("{}*{}", &text[..half], &text[half + 1..]),
            ProviderErrorKind::InvalidResponse,
        ),
        (
            Delivery::Whole,
            format!("{text}}}"),
            ProviderErrorKind::InvalidResponse,
        ),
        (
            Delivery::Whole,
            String::new(),
            ProviderErrorKind::InvalidResponse,
        ),
        (
            Delivery::Deltas,
            events[..half].to_owned(),
            ProviderErrorKind::Interrupted,
        ),
        (
            Delivery::Deltas,
            format!("{events}data: {{\n\n"),
            ProviderErrorKind::InvalidResponse,
        ),
    ] {
        let (spools, store) = (Spools::new(), InMemoryStorage::new());
        let replays = replays(WireForm::GeminiContents, delivery, text, 5000);
        let error = turn(replays, &spools, &store).await.unwrap_err();
        assert_eq!(error.kind(), ConversationErrorKind::Provider);
        assert_eq!(error.provider_error().unwrap().kind(), kind, "{error:?}");
        assert_eq!(count(&store).await, 0);
        spools.assert_empty();
    }
}

#[tokio::test]
async fn pictures_in_data_uris_are_media_and_addresses_are_not() {
    let answer = json!({"choices": [{"message": {"content": "look", "images": [
        {"image_url": {"url": "https://h/a.png"}},
        {"image_url": {"url": format!("data:image/webp;base64,{}", base64::encode(&[7; 300]))}},
        {"image_url": {"url": "data:image/png,0"}},
        {"image_url": {"url": ""}},
    ]}}]});
    let text = answer.to_string();
    for size in [1, 10, 1000] {
        let mut reader = AnswerReader::new(WireForm::OpenAiChat, &MediaReceiver::in_memory());
        for piece in text.as_bytes().chunks(size) {
            reader.push(piece).await.unwrap();
        }
        let read = reader.finish().await.unwrap();
        let place = "/choices/0/message/images/1/image_url/url";
        let media: Vec<_> = read.media().collect();
        assert_eq!(media.len(), 1);
        assert_eq!(media[0].0, place);
        assert_eq!(media[0].1.mime(), &Mime::IMAGE_WEBP);
        assert!(media[0].1.inline().unwrap()[..] == [7; 300]);
        let mut rest = answer.clone();
        *rest.pointer_mut(place).unwrap() = Value::Null;
        assert_eq!(*read.json(), rest);
    }
}
