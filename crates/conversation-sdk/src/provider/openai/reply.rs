//! The answer of chat completions.

use media_types::{MediaContent, MediaType, Mime};
use serde::Deserialize;
use serde_json::Value;

use super::NAME;
use crate::message::{Part, ToolCall};
use crate::provider::answer::intake::{IntakeError, Taken};
use crate::provider::answer::sieve::number_of;
use crate::provider::{Completion, PriceTable, ProviderError, ProviderErrorKind, StopReason};
use crate::usage::TokenUsage;

/// Everything is optional: compatible servers leave out what they do not have.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<Value>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<Call>>,
    #[serde(default)]
    audio: Option<Audio>,
    #[serde(default)]
    images: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
struct Call {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<Function>,
}

#[derive(Debug, Deserialize)]
struct Function {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Audio {
    #[serde(default)]
    /// The number of the sound, put here by the intake.
    data: Option<String>,
    #[serde(default)]
    transcript: Option<String>,
}

/// What an answer cost in tokens; `None` where the server gives no count. However it is written,
/// it is no reason to lose an answer that was paid for.
pub(super) fn usage_of(usage: Option<&Value>) -> Option<TokenUsage> {
    let usage = usage?;
    let input = count_at(usage, "/prompt_tokens");
    let output = count_at(usage, "/completion_tokens");
    let cached = count_at(usage, "/prompt_tokens_details/cached_tokens");
    input.or(output)?;
    Some(
        TokenUsage::new(input.unwrap_or_default(), output.unwrap_or_default())
            .with_cached_input_tokens(cached.unwrap_or_default()),
    )
}

/// The count at a JSON pointer; some servers write it with a fraction, or as `null`.
pub(super) fn count_at(value: &Value, pointer: &str) -> Option<u64> {
    let value = value.pointer(pointer)?;
    let rounded = || {
        let number = value.as_f64()?;
        (number >= 0.0).then(|| number.round() as u64)
    };
    value.as_u64().or_else(rounded)
}

/// An answer that is complete, whether it came whole or in pieces.
#[derive(Debug, Default)]
pub(super) struct Finished {
    pub(super) text: String,
    pub(super) refusal: String,
    pub(super) media: Vec<MediaContent>,
    pub(super) calls: Vec<ToolCall>,
    pub(super) reason: Option<String>,
    pub(super) usage: Option<TokenUsage>,
}

impl Finished {
    /// What an answer says, with the media that was received for it; `None` where it says nothing.
    pub(super) async fn from_answer(
        answer: Answer,
        taken: &mut Taken,
    ) -> Result<Option<Self>, ProviderError> {
        let choice = answer.choices.into_iter().flatten().next();
        let Some((message, reason)) =
            choice.and_then(|choice| Some((choice.message?, choice.finish_reason)))
        else {
            return Ok(None);
        };
        let mut finished = Self {
            text: text_of(message.content.as_ref()),
            refusal: message.refusal.unwrap_or_default(),
            reason,
            usage: usage_of(answer.usage.as_ref()),
            ..Self::default()
        };
        if let Some(audio) = message.audio {
            if finished.text.is_empty() {
                finished.text = audio.transcript.clone().unwrap_or_default();
            }
            finished.media.extend(sound(audio, taken).await?);
        }
        for image in message.images.iter().flatten() {
            finished.media.extend(picture(image, taken).await?);
        }
        let calls = message.tool_calls.unwrap_or_default().into_iter();
        finished.calls = calls.filter_map(Call::read).collect();
        Ok(Some(finished))
    }

    pub(super) fn into_completion(self, model: &str, prices: &PriceTable) -> Completion {
        let refused = !self.refusal.is_empty();
        let words = if refused && self.text.is_empty() {
            self.refusal
        } else {
            self.text
        };
        let mut content = Vec::new();
        if !words.is_empty() {
            content.push(Part::Text(words));
        }
        content.extend(self.media.into_iter().map(Part::Media));
        let stop = match self.reason.as_deref() {
            _ if refused => Some(StopReason::Refused),
            // Servers that end a round of calls with `stop` are many: the calls tell.
            None | Some("stop" | "tool_calls" | "function_call" | "") => None,
            Some("length") => Some(StopReason::Length),
            Some("content_filter") => Some(StopReason::Refused),
            Some(other) => Some(StopReason::Other(other.chars().take(80).collect())),
        };
        let usage = self.usage;
        let cost = usage.and_then(|usage| prices.cost(model, &usage));
        let completion = Completion::new(content)
            .with_tool_calls(self.calls)
            .with_usage(usage, cost);
        match stop {
            Some(stop) => completion.with_stop(stop),
            None => completion,
        }
    }
}

impl Call {
    fn read(self) -> Option<ToolCall> {
        let function = self.function?;
        let arguments = arguments_of(function.arguments);
        let id = self
            .id
            .filter(|id| !id.is_empty())
            .unwrap_or_else(new_call_id);
        Some(ToolCall::new(
            id,
            function.name.unwrap_or_default(),
            arguments,
        ))
    }
}

/// The arguments of a call as text.
pub(super) fn arguments_of(arguments: Option<Value>) -> String {
    match arguments {
        Some(Value::String(text)) => text,
        Some(Value::Null) | None => String::new(),
        // Some servers send the object itself.
        Some(other) => other.to_string(),
    }
}

/// An id for a call that came without one.
pub(super) fn new_call_id() -> String {
    format!("call_{}", uuid::Uuid::new_v4().simple())
}

/// Text, or the texts of an array of parts.
pub(super) fn text_of(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect(),
        _ => String::new(),
    }
}

async fn sound(audio: Audio, taken: &mut Taken) -> Result<Option<MediaContent>, ProviderError> {
    let number = audio.data.unwrap_or_default();
    let content = received(&number, &Mime::AUDIO_PCM, taken).await?;
    Ok(content.map(|content| match audio.transcript {
        Some(words) if !words.is_empty() => content.with_transcript(words),
        _ => content,
    }))
}

/// A picture that a gateway puts beside the words: an object with a `data:` URI or a URL.
pub(super) async fn picture(
    value: &Value,
    taken: &mut Taken,
) -> Result<Option<MediaContent>, ProviderError> {
    let Some(url) = value.pointer("/image_url/url").and_then(Value::as_str) else {
        return Ok(None);
    };
    if let Some((number, mime)) = number_of(url) {
        // What claims to be no picture, and shows nothing else, is not made active content here.
        let mime = mime.filter(|mime| mime.media_type() == MediaType::Image);
        return received(number, &mime.unwrap_or(Mime::IMAGE_PNG), taken).await;
    }
    let url = url.parse().ok();
    Ok(url.map(|url| MediaContent::from_url(Mime::IMAGE_PNG, url)))
}

/// The medium of a number; none where it has no bytes.
async fn received(
    number: &str,
    declared: &Mime,
    taken: &mut Taken,
) -> Result<Option<MediaContent>, ProviderError> {
    let Some(incoming) = taken.media(number) else {
        return Ok(None);
    };
    let content = incoming.finish(declared).await;
    let content = content.map_err(|error| IntakeError::Receive(error).into_error(NAME))?;
    Ok(Some(content))
}

/// Reads a whole answer.
pub(super) fn parse(provider: &'static str, body: &[u8]) -> Result<Answer, ProviderError> {
    serde_json::from_slice(body).map_err(|error| {
        ProviderError::new(ProviderErrorKind::InvalidResponse, provider)
            .with_message("the answer is not a chat completion")
            .with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::answer::form::places;
    use crate::provider::answer::intake::{Form, Intake};
    use crate::provider::wire::WireForm;
    use crate::receive::MediaReceiver;
    use proptest::prelude::*;

    fn completion(json: &str) -> Completion {
        finished(json)
            .unwrap()
            .unwrap()
            .into_completion("gpt-4o", &PriceTable::builtin())
    }

    fn form() -> Form {
        Form {
            places: places(WireForm::OpenAiChat),
            max_rest: 1 << 20,
            max_media: 1 << 20,
        }
    }

    fn finished(json: &str) -> Result<Option<Finished>, ProviderError> {
        use futures_util::FutureExt;
        let read = async {
            let mut intake = Intake::new(form(), &MediaReceiver::in_memory());
            for piece in json.as_bytes().chunks(7) {
                let pushed = intake.push(piece).await;
                pushed.map_err(|error| error.into_error(NAME))?;
            }
            let mut taken = intake.finish().map_err(|error| error.into_error(NAME))?;
            let answer = parse(NAME, &taken.json)?;
            Finished::from_answer(answer, &mut taken).await
        };
        // In memory nothing is waited for.
        read.now_or_never().unwrap()
    }

    #[test]
    fn an_answer_is_read_with_usage_and_cost() {
        let read = completion(
            r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],
               "usage":{"prompt_tokens":1000000,"completion_tokens":100000,"prompt_tokens_details":{"cached_tokens":200000}}}"#,
        );
        assert_eq!(read.content[0].as_text(), Some("hello"));
        assert_eq!(read.stop, StopReason::End);
        assert_eq!(read.usage.unwrap().cached_input_tokens, 200_000);
        assert!((read.cost.unwrap().usd() - (2.0 + 0.25 + 1.0)).abs() < 1e-9);
    }

    #[test]
    fn calls_refusals_and_cut_answers_are_told_apart() {
        let calls = completion(
            r#"{"choices":[{"message":{"content":null,"tool_calls":[
                {"id":"c1","type":"function","function":{"name":"f","arguments":"{not json"}},
                {"function":{"name":"g","arguments":{"a":1}}}]},"finish_reason":"stop"}]}"#,
        );
        assert_eq!(calls.stop, StopReason::ToolCalls);
        assert_eq!(calls.tool_calls[0].arguments, "{not json");
        assert_eq!(calls.tool_calls[1].arguments, r#"{"a":1}"#);
        assert!(calls.tool_calls[1].id.starts_with("call_"));
        let refused = completion(
            r#"{"choices":[{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}]}"#,
        );
        assert_eq!(refused.stop, StopReason::Refused);
        assert_eq!(refused.content[0].as_text(), Some("no"));
        let cut =
            completion(r#"{"choices":[{"message":{"content":"a"},"finish_reason":"length"}]}"#);
        assert_eq!(cut.stop, StopReason::Length);
        let empty =
            completion(r#"{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}"#);
        assert!(empty.content.is_empty());
        assert!(empty.usage.is_none() && empty.cost.is_none());
    }

    #[test]
    fn a_usage_of_any_form_leaves_the_answer_alone() {
        for (usage, counts) in [
            ("null", None),
            ("7", None),
            ("[]", None),
            ("{}", None),
            (r#"{"prompt_tokens":null,"completion_tokens":null}"#, None),
            (r#"{"prompt_tokens":"3","completion_tokens":-1}"#, None),
            (
                r#"{"prompt_tokens":null,"completion_tokens":4}"#,
                Some((0, 4, 0)),
            ),
            (
                r#"{"prompt_tokens":3.0,"completion_tokens":4.6,"prompt_tokens_details":{"cached_tokens":2.0}}"#,
                Some((3, 5, 2)),
            ),
            (
                r#"{"prompt_tokens":3,"completion_tokens":4,"prompt_tokens_details":"none"}"#,
                Some((3, 4, 0)),
            ),
        ] {
            let answer =
                format!(r#"{{"choices":[{{"message":{{"content":"hello"}}}}],"usage":{usage}}}"#);
            let read = completion(&answer);
            assert_eq!(read.content[0].as_text(), Some("hello"), "{usage}");
            let found = read.usage.map(|usage| {
                (
                    usage.input_tokens,
                    usage.output_tokens,
                    usage.cached_input_tokens,
                )
            });
            assert_eq!(found, counts, "{usage}");
        }
    }

    #[test]
    fn an_error_beside_null_choices_is_read() {
        let answer = parse("openai", br#"{"choices":null,"error":{"message":"m"}}"#).unwrap();
        assert!(answer.error.is_some());
        let none = finished(r#"{"choices":null,"error":{"message":"m"}}"#);
        assert!(none.unwrap().is_none());
    }

    #[test]
    fn media_in_an_answer_is_decoded() {
        let read = completion(
            r#"{"choices":[{"message":{"content":[{"type":"text","text":"see"}],
                "images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}},
                          {"image_url":{"url":"https://h/a.png"}}, {"x":1},
                          {"image_url":{"url":"data:text/html;base64,AAAA"}}],
                "audio":{"data":"UklGRgAAAABXQVZF","transcript":"words"}}}]}"#,
        );
        assert_eq!(read.content[0].as_text(), Some("see"));
        let media: Vec<_> = read.content.iter().filter_map(Part::as_media).collect();
        assert_eq!(media.len(), 4);
        assert_eq!(media[3].mime(), &Mime::IMAGE_PNG);
        assert_eq!(media[0].mime(), &Mime::AUDIO_WAV);
        assert_eq!(media[0].transcript(), Some("words"));
        assert_eq!(media[1].size(), Some(8));
    }

    proptest! {
        #[test]
        fn arbitrary_answers_never_panic(text in ".{0,200}") {
            let _ = finished(&text);
        }
    }
}
