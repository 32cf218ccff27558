use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;
use crate::accumulator::StreamAccumulator;
use crate::answer::{DecodeLimits, EventDecoder, ResponseDecoder};
use crate::error::ProviderErrorKind as Kind;
use crate::format::ApiFormat;
use crate::sink::MediaSink;
use conversation_types::{Part, UsageSource};

fn settings() -> HttpSettings {
    HttpSettings::new("openai", "key", "https://h")
}

fn limits() -> DecodeLimits {
    DecodeLimits {
        paths: ApiFormat::OPENAI_CHAT.spec().media,
        max_json: 1 << 20,
        max_media: 1 << 20,
    }
}

fn estimate() -> TokenUsage {
    TokenUsage::new(40, 0).with_source(UsageSource::Estimated)
}

/// Reads a complete answer; `None` where it says nothing.
fn read(json: &str) -> Result<Option<Completion>, ProviderError> {
    let read = async {
        let mut decoder = ResponseDecoder::new(limits(), &MediaSink::in_memory());
        for chunk in json.as_bytes().chunks(7) {
            let pushed = decoder.push(chunk).await;
            pushed.map_err(|error| error.into_error(NAME))?;
        }
        let mut decoded = decoder.finish().map_err(|error| error.into_error(NAME))?;
        let mut answer = ChatDecoder::new(estimate(), &MediaSink::in_memory());
        let mut events = Events::new();
        answer
            .push(&settings(), usize::MAX, &mut decoded, &mut events)
            .await?;
        let is_complete = answer.is_complete();
        let completion = answer.finish("gpt-4o", &PriceTable::builtin(), vec![], &mut events);
        Ok(is_complete.then_some(completion))
    };
    // In memory nothing is waited for.
    read.now_or_never().unwrap()
}

fn completion(json: &str) -> Completion {
    read(json).unwrap().unwrap()
}

fn push(
    answer: &mut ChatDecoder,
    limit: usize,
    chunk: &str,
    events: &mut Events,
) -> Result<(), ProviderError> {
    let event = format!("data: {chunk}\n\n");
    let read = async {
        let mut decoder = EventDecoder::new(limits(), &MediaSink::in_memory());
        let decoded = decoder.next(&mut event.as_bytes()).await;
        let mut decoded = decoded.map_err(|error| error.into_error(NAME))?.unwrap();
        answer.push(&settings(), limit, &mut decoded, events).await
    };
    read.now_or_never().unwrap()
}

/// Reads an answer in pieces.
fn gather(chunks: &[&str]) -> Result<(Vec<ResponseEvent>, Completion), ProviderError> {
    let mut answer = ChatDecoder::new(estimate(), &MediaSink::in_memory());
    let mut events = Events::new();
    for chunk in chunks {
        push(&mut answer, 1 << 20, chunk, &mut events)?;
    }
    assert!(answer.is_complete());
    let completion = answer.finish("gpt-4o", &PriceTable::builtin(), vec![], &mut events);
    // Whoever keeps the events has the answer.
    let mut gathered = StreamAccumulator::new();
    events.iter().for_each(|event| gathered.push(event));
    assert_eq!(gathered.content(), completion.content);
    Ok((events.into(), completion))
}

fn calls(completion: &Completion) -> Vec<(&str, &str, &str)> {
    let calls = completion.tool_calls.iter();
    calls
        .map(|call| {
            let (id, name) = (call.id.as_str(), call.name.as_str());
            (id, name, call.arguments.as_str())
        })
        .collect()
}

#[test]
fn an_answer_is_read_with_usage_and_cost() {
    let read = completion(
        r#"{"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],
           "usage":{"prompt_tokens":1000000,"completion_tokens":100000,"prompt_tokens_details":{"cached_tokens":200000},"completion_tokens_details":{"reasoning_tokens":7}}}"#,
    );
    assert_eq!(read.content, [Part::text("hello")]);
    assert_eq!(read.finish, FinishReason::Stop);
    assert_eq!(read.usage.cached_input_tokens, 200_000);
    assert_eq!(read.usage.reasoning_tokens, 7);
    assert_eq!(read.usage.source, UsageSource::Reported);
    assert!((read.cost.unwrap().usd() - (2.0 + 0.25 + 1.0)).abs() < 1e-9);
    assert_eq!(read.provider, "openai");
    assert_eq!(read.model, "gpt-4o-2024-08-06");
    assert_eq!(read.response_id.as_deref(), Some("chatcmpl-1"));
}

#[test]
fn calls_refusals_and_cut_answers_differ() {
    let with_calls = completion(
        r#"{"choices":[{"message":{"content":null,"tool_calls":[
            {"id":"c1","type":"function","function":{"name":"f","arguments":"{not json"}},
            {"function":{"name":"g","arguments":{"a":1}}}]},"finish_reason":"stop"}]}"#,
    );
    assert_eq!(with_calls.finish, FinishReason::ToolCalls);
    assert_eq!(with_calls.tool_calls[0].arguments, "{not json");
    assert_eq!(with_calls.tool_calls[1].arguments, r#"{"a":1}"#);
    assert!(with_calls.tool_calls[1].id.starts_with("call_"));
    let refused = completion(
        r#"{"choices":[{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}]}"#,
    );
    assert_eq!(refused.finish, FinishReason::Refusal);
    assert_eq!(refused.text(), "no");
    let cut = completion(r#"{"choices":[{"message":{"content":"a"},"finish_reason":"length"}]}"#);
    assert_eq!(cut.finish, FinishReason::Length);
    let empty = completion(r#"{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}"#);
    assert!(empty.content.is_empty());
    // Nothing was reported: the input is estimated.
    assert_eq!(empty.usage, estimate());
}

#[test]
fn a_usage_of_any_shape_leaves_the_answer_alone() {
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
        (
            r#"{"prompt_tokens":1e300,"completion_tokens":18446744073709551615}"#,
            Some((u64::MAX, u64::MAX, 0)),
        ),
    ] {
        let answer =
            format!(r#"{{"choices":[{{"message":{{"content":"hello"}}}}],"usage":{usage}}}"#);
        let read = completion(&answer);
        assert_eq!(read.text(), "hello", "{usage}");
        let found = (
            read.usage.input_tokens,
            read.usage.output_tokens,
            read.usage.cached_input_tokens,
        );
        assert_eq!(found, counts.unwrap_or((40, 2, 0)), "{usage}");
        let source = match counts {
            Some(_) => UsageSource::Reported,
            None => UsageSource::Estimated,
        };
        assert_eq!(read.usage.source, source, "{usage}");
    }
}

#[test]
fn an_error_beside_null_choices_is_an_error() {
    let error = read(r#"{"choices":null,"error":{"message":"m","code":429}}"#).unwrap_err();
    assert_eq!(error.kind(), Kind::RateLimited);
    assert_eq!(read(r#"{"choices":null}"#).unwrap(), None);
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
    assert_eq!(read.text(), "see");
    let media: Vec<_> = read.content.iter().filter_map(Part::as_media).collect();
    assert_eq!(media.len(), 4);
    assert_eq!(media[0].mime(), &Mime::AUDIO_WAV);
    assert_eq!(media[0].transcript(), Some("words"));
    assert_eq!(media[1].size(), Some(8));
    assert_eq!(media[3].mime(), &Mime::IMAGE_PNG);
}

#[test]
fn images_among_the_parts_keep_their_place() {
    let read = completion(
        r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}},
            {"type":"text","text":"b"},{"type":"image_url","image_url":"https://h/a.png"},7]}}]}"#,
    );
    assert_eq!(
        read.content.len(),
        0,
        "a part that is no object spoils the array"
    );
    let read = completion(
        r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}},
            {"type":"text","text":"b"},{"type":"image_url","image_url":"https://h/a.png"}]}}]}"#,
    );
    let kinds: Vec<_> = read.content.iter().map(|part| part.as_text()).collect();
    assert_eq!(kinds, [Some("a"), None, Some("b"), None]);
}

#[test]
fn pieces_of_calls_are_put_together() {
    let (events, completion) = gather(&[
        r#"{"choices":[{"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"c2","function":{"name":"g","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]},"finish_reason":null}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}],"usage":null}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
        "[DONE]",
    ])
    .unwrap();
    let kinds: Vec<String> = events
        .iter()
        .map(|event| match event {
            ResponseEvent::ToolCallStarted { index, id, name } => format!("{index} {id} {name}"),
            ResponseEvent::ToolCallDelta { index, arguments } => format!("{index} {arguments}"),
            ResponseEvent::Usage(usage) => format!("usage {}", usage.output_tokens),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        kinds,
        ["0 c1 f", "0 {\"a\"", "1 c2 g", "1 {}", "0 :1}", "usage 4"]
    );
    assert_eq!(completion.finish, FinishReason::ToolCalls);
    assert_eq!(
        calls(&completion),
        [("c1", "f", "{\"a\":1}"), ("c2", "g", "{}")]
    );
    assert_eq!(completion.usage.output_tokens, 4);
}

#[test]
fn servers_without_indexes_are_understood() {
    let (_, completion) = gather(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"id":"b","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]}"#,
    ])
    .unwrap();
    assert_eq!(calls(&completion), [("a", "f", "{}"), ("b", "f", "{}")]);
}

#[test]
fn a_name_in_pieces_and_an_id_that_comes_late_are_known_in_the_end() {
    let (events, completion) = gather(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"wea","arguments":"{"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c9","function":{"name":"ther","arguments":"}"}}]},"finish_reason":"tool_calls"}]}"#,
    ])
    .unwrap();
    assert_eq!(calls(&completion), [("c9", "weather", "{}")]);
    let mut gathered = StreamAccumulator::new();
    events.iter().for_each(|event| gathered.push(event));
    assert_eq!(gathered.tool_calls(), completion.tool_calls);
}

#[test]
fn missing_values_may_be_null() {
    let (events, completion) = gather(&[
        r#"{"choices":[{"delta":{"content":"hello","tool_calls":null},"finish_reason":null}],"usage":{"prompt_tokens":null,"completion_tokens":null}}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":null,"id":"a","function":{"name":"f","arguments":{"a":1}}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":null,"arguments":null}}]},"finish_reason":"stop"}]}"#,
        r#"{"choices":null,"usage":{"prompt_tokens":3.0,"completion_tokens":4}}"#,
        r#"{"choices":null,"usage":{"prompt_tokens":null},"error":null}"#,
    ])
    .unwrap();
    assert_eq!(events.len(), 4);
    assert_eq!(completion.text(), "hello");
    assert_eq!(completion.tool_calls[0].arguments, r#"{"a":1}"#);
    let usage = completion.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens), (3, 4));
}

#[test]
fn reasoning_is_told_apart_from_text() {
    let (_, completion) = gather(&[
        r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
        r#"{"choices":[{"delta":{"reasoning":"m","reasoning_details":[]}}]}"#,
        r#"{"choices":[{"delta":{"content":"yes"},"finish_reason":"stop"}]}"#,
    ])
    .unwrap();
    assert_eq!(
        completion.content,
        [Part::reasoning("hmm", None), Part::text("yes")]
    );
}

#[test]
fn images_beside_the_text_are_events() {
    let (events, completion) = gather(&[
        r#"{"choices":[{"delta":{"content":"see","images":[{"image_url":{"url":"data:image\/webp;base64,iVBORw0K\u0047go="}},{"image_url":{"url":"https://h/a.png"}},{"image_url":{"url":"data:image/png,0"}}]}}]}"#,
        r#"{"choices":[{"delta":{"images":[{"image_url":{"url":"data:;base64,AAAA"}}]},"finish_reason":"stop"}]}"#,
    ])
    .unwrap();
    assert_eq!(events.len(), 4);
    let media: Vec<_> = completion
        .content
        .iter()
        .filter_map(|p| p.as_media())
        .collect();
    let sizes: Vec<_> = media.iter().map(|content| content.size()).collect();
    assert_eq!(sizes, [Some(8), None, Some(3)]);
    assert_eq!(media[0].mime(), &Mime::IMAGE_PNG);
    let broken = r#"{"choices":[{"delta":{"images":[{"image_url":{"url":"data:;base64,A*"}}]}}]}"#;
    let error = gather(&[broken]).unwrap_err();
    assert_eq!(error.reason(), Some("media is not base64"));
}

#[test]
fn an_error_in_the_stream_is_an_error() {
    let error =
        gather(&[r#"{"error":{"message":"overloaded","type":"server_error","code":null}}"#])
            .unwrap_err();
    assert_eq!(error.kind(), Kind::Server);
    assert_eq!(error.message(), Some("overloaded"));
    // Without a status nobody knows whether the model was at work.
    assert!(!error.is_not_processed());
    let error = gather(&[r#"{"error":{"message":"slow down","code":429}}"#]).unwrap_err();
    assert_eq!(error.kind(), Kind::RateLimited);
    assert!(error.is_not_processed());
    let error = gather(&["{"]).unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidResponse);
}

#[test]
fn a_flood_is_cut_off() {
    let mut answer = ChatDecoder::new(estimate(), &MediaSink::in_memory());
    let chunk = r#"{"choices":[{"delta":{"content":"aaaaaaaaaaaaaaaa"}}]}"#;
    let mut events = Events::new();
    let outcome = (0..100).try_for_each(|_| push(&mut answer, 1000, chunk, &mut events));
    assert_eq!(outcome.unwrap_err().kind(), Kind::InvalidResponse);
    let call = r#"{"choices":[{"delta":{"tool_calls":[{"index":4000000000}]}}]}"#;
    let mut answer = ChatDecoder::new(estimate(), &MediaSink::in_memory());
    assert!(push(&mut answer, 1000, call, &mut events).is_err());
}

proptest! {
    #[test]
    fn arbitrary_answers_never_panic(text in ".{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn text_is_the_same_however_it_is_cut(text in "[a-z\u{e9}\u{1f600}\u{1f601}]{0,12}", cut in 0usize..24) {
        // Both halves of a pair are cut apart, as servers that count UTF-16 units do.
        let units: Vec<u16> = text.encode_utf16().collect();
        let cut = cut.min(units.len());
        let spelled = |units: &[u16]| units.iter().map(|u| format!("\\u{u:04x}")).collect::<String>();
        let piece = |units: &[u16], end: &str| {
            format!(r#"{{"choices":[{{"delta":{{"content":"{}"}}{end}}}]}}"#, spelled(units))
        };
        let first = piece(&units[..cut], "");
        let second = piece(&units[cut..], r#","finish_reason":"stop""#);
        let (_, completion) = gather(&[&first, &second]).unwrap();
        prop_assert_eq!(completion.text(), text);
    }
}
