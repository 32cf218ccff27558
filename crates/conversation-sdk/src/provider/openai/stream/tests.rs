use super::*;
use crate::provider::answer::form::places;
use crate::provider::wire::WireForm;
use crate::provider::{Completion, StopReason};
use futures_util::FutureExt;

fn settings() -> Settings {
    Settings::new("openai", "key", "https://h")
}

fn gather(chunks: &[&str]) -> Result<(Vec<ReplyEvent>, Completion), ProviderError> {
    let mut gathered = Gathered::default();
    let mut events = VecDeque::new();
    for chunk in chunks {
        take(&mut gathered, 1 << 20, chunk, &mut events)?;
    }
    assert!(gathered.is_complete());
    let completion = gathered
        .finish()
        .into_completion("gpt-4o", &PriceTable::builtin());
    Ok((events.into(), completion))
}

fn take(
    gathered: &mut Gathered,
    limit: usize,
    chunk: &str,
    events: &mut VecDeque<ReplyEvent>,
) -> Result<(), ProviderError> {
    let form = Form {
        places: places(WireForm::OpenAiChat),
        max_rest: 1 << 20,
        max_media: 1 << 20,
    };
    let event = format!("data: {chunk}\n\n");
    let read = async {
        let mut intake = EventIntake::new(form, &MediaReceiver::in_memory());
        let taken = intake.next(&mut event.as_bytes()).await;
        let mut taken = taken.map_err(|error| error.into_error("openai"))?.unwrap();
        gathered.take(&settings(), limit, &mut taken, events).await
    };
    // In memory nothing is waited for.
    read.now_or_never().unwrap()
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
    assert!(events.is_empty());
    assert_eq!(completion.stop, StopReason::ToolCalls);
    let calls: Vec<_> = completion
        .tool_calls
        .iter()
        .map(|call| {
            (
                call.id.as_str(),
                call.name.as_str(),
                call.arguments.as_str(),
            )
        })
        .collect();
    assert_eq!(calls, [("c1", "f", "{\"a\":1}"), ("c2", "g", "{}")]);
    assert_eq!(completion.usage.unwrap().output_tokens, 4);
}

#[test]
fn servers_without_indexes_are_understood() {
    let (_, completion) = gather(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"id":"b","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]}"#,
    ])
    .unwrap();
    let calls: Vec<_> = completion
        .tool_calls
        .iter()
        .map(|call| {
            (
                call.id.as_str(),
                call.name.as_str(),
                call.arguments.as_str(),
            )
        })
        .collect();
    assert_eq!(calls, [("a", "f", "{}"), ("b", "f", "{}")]);
}

#[test]
fn what_a_server_has_nothing_to_say_about_may_be_null() {
    let (events, completion) = gather(&[
        r#"{"choices":[{"delta":{"content":"hello","tool_calls":null},"finish_reason":null}],"usage":{"prompt_tokens":null,"completion_tokens":null}}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":null,"id":"a","function":{"name":"f","arguments":{"a":1}}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":null,"arguments":null}}]},"finish_reason":"stop"}]}"#,
        r#"{"choices":null,"usage":{"prompt_tokens":3.0,"completion_tokens":4}}"#,
        r#"{"choices":null,"usage":{"prompt_tokens":null},"error":null}"#,
    ])
    .unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(completion.content[0].as_text(), Some("hello"));
    assert_eq!(completion.tool_calls[0].arguments, r#"{"a":1}"#);
    let usage = completion.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (3, 4));
}

#[test]
fn pictures_beside_the_words_are_events() {
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
    assert_eq!(media[0].mime(), &media_types::Mime::IMAGE_PNG);
    let broken = r#"{"choices":[{"delta":{"images":[{"image_url":{"url":"data:;base64,A*"}}]}}]}"#;
    let error = gather(&[broken]).unwrap_err();
    assert_eq!(error.message(), Some("media is not base64"));
}

#[test]
fn an_error_in_the_stream_is_an_error() {
    let error =
        gather(&[r#"{"error":{"message":"overloaded","type":"server_error","code":null}}"#])
            .unwrap_err();
    assert_eq!(error.kind(), Kind::Server);
    assert_eq!(error.message(), Some("overloaded"));
    let error = gather(&[r#"{"error":{"message":"slow down","code":429}}"#]).unwrap_err();
    assert_eq!(error.kind(), Kind::RateLimited);
    let error = gather(&["{"]).unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidResponse);
}

#[test]
fn a_flood_is_cut_off() {
    let mut gathered = Gathered::default();
    let chunk = r#"{"choices":[{"delta":{"content":"aaaaaaaaaaaaaaaa"}}]}"#;
    let mut events = VecDeque::new();
    let outcome = (0..100).try_for_each(|_| take(&mut gathered, 1000, chunk, &mut events));
    assert_eq!(outcome.unwrap_err().kind(), Kind::InvalidResponse);
    let call = r#"{"choices":[{"delta":{"tool_calls":[{"index":4000000000}]}}]}"#;
    let mut gathered = Gathered::default();
    assert!(take(&mut gathered, 1000, call, &mut events).is_err());
}
