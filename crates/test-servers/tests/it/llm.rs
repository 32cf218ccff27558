//! Rules of the APIs of language models: what each refuses, and what it takes.

use serde_json::{Value, json};
use test_servers::llm::{Given, LlmApi};

/// Judges bodies: each with a word of the refusal, or `None` where it is taken.
fn judge(api: LlmApi, stream: &str, cases: Vec<(Value, Option<&str>)>) {
    let given = Given::of(stream);
    for (body, refused) in cases {
        let judged = api.check(&body, &given);
        match (&judged, refused) {
            (Ok(()), None) => {}
            (Err(broken), Some(word)) if broken.contains(word) => {}
            _ => panic!("{api:?}: {judged:?}, not {refused:?}: {body}"),
        }
    }
}

fn event(json: Value) -> String {
    format!("data: {json}\n\n")
}

#[test]
fn chat() {
    let call = json!({"id": "a", "type": "function",
        "function": {"name": "f", "arguments": "{}"}});
    let user = json!({"role": "user", "content": "x"});
    let calling = json!({"role": "assistant", "tool_calls": [call]});
    let result = json!({"role": "tool", "tool_call_id": "a", "content": "r"});
    let of = |messages: &[&Value]| json!({"messages": messages});
    let with = |changed: Value| {
        let mut calling = calling.clone();
        calling["tool_calls"][0]["function"]["arguments"] = changed;
        calling
    };
    let long = |len: usize| {
        let mut calling = calling.clone();
        calling["tool_calls"][0]["id"] = "x".repeat(len).into();
        calling
    };
    let long_result =
        |len: usize| json!({"role": "tool", "tool_call_id": "x".repeat(len), "content": "r"});
    let stream = event(json!({"choices": [{"delta": {"audio": {"id": "audio_1"}}}]}));
    let audio = |id: &str| json!({"role": "assistant", "audio": {"id": id}});
    judge(
        LlmApi::OpenAiChat,
        &stream,
        vec![
            (of(&[&user, &calling, &result, &user]), None),
            (of(&[&user, &calling, &user]), Some("response messages")),
            (of(&[&user, &calling]), Some("response messages")),
            (of(&[&user, &result]), Some("must follow")),
            (
                of(&[&user, &calling, &result, &result]),
                Some("must follow"),
            ),
            (
                of(&[&user, &with(json!("{\"a\":")), &result]),
                Some("arguments"),
            ),
            (
                of(&[&json!({"role": "user", "content": ""})]),
                Some("empty"),
            ),
            (
                of(&[&json!({"role": "assistant", "content": ""})]),
                Some("empty"),
            ),
            (of(&[&json!({"role": "assistant"})]), Some("empty")),
            (of(&[&user, &audio("audio_1"), &user]), None),
            (of(&[&user, &audio("audio_2"), &user]), Some("no audio")),
            (of(&[]), Some("too short")),
            (of(&[&user, &long(40), &long_result(40)]), None),
            (of(&[&user, &long(41), &long_result(41)]), Some("too long")),
        ],
    );
}

#[test]
fn responses() {
    let done = |item: &Value| event(json!({"type": "response.output_item.done", "item": item}));
    let reasoning = json!({"type": "reasoning", "id": "rs_1", "summary": [],
        "encrypted_content": "secret"});
    let call = json!({"type": "function_call", "id": "fc_1", "call_id": "a", "name": "f",
        "arguments": "{}"});
    let output = json!({"type": "function_call_output", "call_id": "a", "output": "r"});
    let user = json!({"role": "user", "content": "x"});
    let mut altered = reasoning.clone();
    altered["encrypted_content"] = json!("other");
    let mut plain = reasoning.clone();
    plain.as_object_mut().unwrap().remove("encrypted_content");
    let custom =
        json!({"type": "custom_tool_call", "id": "ct_1", "call_id": "b", "name": "f", "input": ""});
    let long = |len: usize, kind: &str| json!({"type": kind, "call_id": "x".repeat(len), "name": "f", "arguments": "{}"});
    let custom_output = json!({"type": "custom_tool_call_output", "call_id": "b", "output": "r"});
    let of = |items: &[&Value]| json!({"input": items});
    judge(
        LlmApi::OpenAiResponses,
        &[done(&reasoning), done(&call)].concat(),
        vec![
            (of(&[&user, &reasoning, &call, &output, &user]), None),
            (
                of(&[&user, &reasoning, &user]),
                Some("required following item"),
            ),
            (of(&[&user, &reasoning]), Some("required following item")),
            (
                of(&[&user, &call, &output]),
                Some("required 'reasoning' item"),
            ),
            (
                of(&[&user, &altered, &call, &output]),
                Some("could not be verified"),
            ),
            (
                of(&[&user, &plain, &call, &output]),
                Some("nothing is stored"),
            ),
            (
                of(&[&user, &reasoning, &call, &user]),
                Some("No tool output"),
            ),
            (of(&[&user, &output]), Some("No tool call")),
            (of(&[&user, &custom, &user]), Some("No tool output")),
            (of(&[&user, &custom, &custom_output]), None),
            (
                of(&[&user, &reasoning, &custom, &custom_output]),
                Some("required following item"),
            ),
            (
                of(&[
                    &user,
                    &long(64, "function_call"),
                    &long(64, "function_call_output"),
                ]),
                None,
            ),
            (of(&[&user, &long(65, "function_call")]), Some("too long")),
            (
                of(&[&json!({"role": "user", "content": ""})]),
                Some("empty"),
            ),
        ],
    );
}

#[test]
fn anthropic() {
    let delta =
        |delta: Value| event(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    let stream = [
        delta(json!({"type": "thinking_delta", "thinking": "hm"})),
        delta(json!({"type": "signature_delta", "signature": "sig"})),
        event(json!({"type": "content_block_stop", "index": 0})),
        event(
            json!({"type": "content_block_start", "index": 1, "content_block":
            {"type": "redacted_thinking", "data": "red"}}),
        ),
        event(
            json!({"type": "content_block_start", "index": 2, "content_block":
            {"type": "tool_use", "id": "led", "name": "f", "input": {}}}),
        ),
    ]
    .concat();
    let user = json!({"role": "user", "content": "x"});
    let said = json!({"type": "text", "text": "so"});
    let thinking =
        |signature: &str| json!({"type": "thinking", "thinking": "hm", "signature": signature});
    let call = json!({"type": "tool_use", "id": "a", "name": "f", "input": {}});
    let result = json!({"type": "tool_result", "tool_use_id": "a", "content": "r"});
    let search = json!({"type": "server_tool_use", "id": "s", "name": "web", "input": {}});
    let found = json!({"type": "web_tool_result", "tool_use_id": "s", "content": []});
    let with = |role: &str, blocks: &[&Value]| json!({"role": role, "content": blocks});
    let of = |messages: &[&Value]| json!({"messages": messages});
    let answer = |blocks: &[&Value]| of(&[&user, &with("assistant", blocks), &user]);
    let calling =
        |after: &[&Value]| of(&[&user, &with("assistant", &[&call]), &with("user", after)]);
    let redacted = json!({"type": "redacted_thinking", "data": "red"});
    let led = |thoughts: &[&Value]| {
        let call = json!({"type": "tool_use", "id": "led", "name": "f", "input": {}});
        let result = json!({"type": "tool_result", "tool_use_id": "led", "content": "r"});
        let blocks = [thoughts, &[&call]].concat();
        of(&[
            &user,
            &with("assistant", &blocks),
            &with("user", &[&result]),
        ])
    };
    judge(
        LlmApi::AnthropicMessages,
        &stream,
        vec![
            (answer(&[&thinking("sig"), &said]), None),
            (answer(&[&thinking(""), &said]), Some("field required")),
            (
                answer(&[&thinking("other"), &said]),
                Some("invalid signature"),
            ),
            (answer(&[&thinking("sig")]), Some("cannot be thinking")),
            (
                answer(&[&json!({"type": "text", "text": " "})]),
                Some("non-whitespace"),
            ),
            (answer(&[]), Some("non-empty")),
            (calling(&[&result, &said]), None),
            (calling(&[&said]), Some("without tool_result")),
            (calling(&[&said, &result]), Some("without tool_result")),
            (
                of(&[&user, &with("assistant", &[&call])]),
                Some("without tool_result"),
            ),
            (
                of(&[&with("user", &[&result])]),
                Some("unexpected tool_use_id"),
            ),
            (of(&[&with("assistant", &[&said])]), Some("user role")),
            (led(&[&thinking("sig"), &redacted]), None),
            (led(&[]), Some("as it was before")),
            (led(&[&thinking("sig")]), Some("as it was before")),
            (
                led(&[&redacted, &thinking("sig")]),
                Some("as it was before"),
            ),
            (answer(&[&search]), Some("without a corresponding")),
            (answer(&[&search, &found, &said]), None),
            (of(&[&user, &with("assistant", &[&search])]), None),
            (
                of(&[
                    &user,
                    &with("assistant", &[&search, &call]),
                    &with("user", &[&result]),
                ]),
                None,
            ),
            (
                of(&[
                    &user,
                    &with("assistant", &[&search, &call]),
                    &with("user", &[&result, &said]),
                ]),
                Some("without a corresponding"),
            ),
        ],
    );
}

#[test]
fn gemini() {
    let call = json!({"functionCall": {"name": "f", "args": {"a": 1}},
        "thoughtSignature": "sig"});
    let image = json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"},
        "thoughtSignature": "of the image"});
    let signed = json!({"text": "see", "thoughtSignature": "of the text"});
    let stream = event(json!({"candidates": [{"content": {"parts": [call, image, signed]}}]}));
    let response = json!({"functionResponse": {"name": "f", "response": {"output": "r"}}});
    let content = |role: &str, parts: &[&Value]| json!({"role": role, "parts": parts});
    let said = json!({"text": "x"});
    let user = content("user", &[&said]);
    let of = |contents: &[&Value]| json!({"contents": contents});
    let calling = |call: &Value| {
        of(&[
            &user,
            &content("model", &[call]),
            &content("user", &[&response]),
        ])
    };
    let bare = |part: &Value| {
        let mut part = part.clone();
        part.as_object_mut().unwrap().remove("thoughtSignature");
        part
    };
    let unsigned = bare(&call);
    let mut altered = call.clone();
    altered["thoughtSignature"] = json!("other");
    judge(
        LlmApi::Gemini,
        &stream,
        vec![
            (of(&[&user, &content("model", &[&image, &signed])]), None),
            (
                of(&[&user, &content("model", &[&bare(&image), &signed])]),
                Some("missing its thought_signature"),
            ),
            (
                of(&[
                    &user,
                    &content("model", &[&image, &json!({"text": "I see."})]),
                ]),
                Some("missing its thought_signature"),
            ),
            (calling(&call), None),
            (calling(&unsigned), Some("missing a thought_signature")),
            (calling(&altered), Some("Corrupted")),
            (
                of(&[&user, &content("model", &[&call]), &user]),
                Some("number of function"),
            ),
            (
                of(&[&user, &content("user", &[&response])]),
                Some("immediately after"),
            ),
            (
                of(&[&content("user", &[&json!({"text": ""})])]),
                Some("text is empty"),
            ),
            (
                of(&[
                    &user,
                    &content("model", &[&json!({"text": "", "thoughtSignature": "sig"})]),
                ]),
                None,
            ),
            (of(&[&content("user", &[])]), Some("must not be empty")),
            (
                of(&[&content("user", &[&json!({"thought": true})])]),
                Some("oneof"),
            ),
        ],
    );
}
