//! Answers that call too many tools, or with arguments that are none.

use super::*;

const MANY: usize = 20_000;

/// A complete answer that calls tools with these arguments.
fn calling(api: Api, times: usize, arguments: &str) -> String {
    let text = Value::from(arguments);
    let calls = |one: &dyn Fn(usize) -> String| (0..times).map(one).collect::<Vec<_>>().join(",");
    match api {
        Api::Chat => {
            let calls = calls(&|at| {
                format!(
                    r#"{{"id":"c{at}","type":"function","function":{{"name":"f","arguments":{text}}}}}"#
                )
            });
            format!(
                r#"{{"choices":[{{"finish_reason":"tool_calls","message":{{"tool_calls":[{calls}]}}}}]}}"#
            )
        }
        Api::Responses => {
            let calls = calls(&|at| responses_call(at, &text));
            format!(r#"{{"id":"resp_1","status":"completed","output":[{calls}]}}"#)
        }
        Api::Anthropic => {
            let calls = calls(&|at| {
                format!(r#"{{"type":"tool_use","id":"c{at}","name":"f","input":{arguments}}}"#)
            });
            format!(r#"{{"type":"message","stop_reason":"tool_use","content":[{calls}]}}"#)
        }
        Api::Images => panic!("images call no tools"),
        Api::Gemini => {
            let calls = calls(&|at| {
                format!(r#"{{"functionCall":{{"id":"c{at}","name":"f","args":{arguments}}}}}"#)
            });
            format!(
                r#"{{"candidates":[{{"finishReason":"STOP","content":{{"parts":[{calls}]}}}}]}}"#
            )
        }
    }
}

fn responses_call(at: usize, arguments: &Value) -> String {
    format!(
        r#"{{"type":"function_call","call_id":"c{at}","name":"f","arguments":{arguments},"status":"completed"}}"#
    )
}

/// The same as a stream.
fn calling_in_pieces(api: Api, times: usize, arguments: &str) -> String {
    let text = Value::from(arguments);
    let pieces = |one: &dyn Fn(usize) -> String| (0..times).map(one).collect::<String>();
    match api {
        Api::Chat => {
            let deltas = pieces(&|at| {
                let call = format!(
                    r#"{{"index":{at},"id":"c{at}","function":{{"name":"f","arguments":{text}}}}}"#
                );
                format!("data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{call}]}}}}]}}\n\n")
            });
            deltas + "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
        }
        Api::Responses => {
            let done = pieces(&|at| {
                let call = responses_call(at, &text);
                format!(
                    "data: {{\"type\":\"response.output_item.done\",\"output_index\":{at},\"item\":{call}}}\n\n"
                )
            });
            done + "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[]}}\n\n"
        }
        Api::Anthropic => {
            let blocks = pieces(&|at| {
                let block =
                    format!(r#"{{"type":"tool_use","id":"c{at}","name":"f","input":{{}}}}"#);
                format!(
                    "data: {{\"type\":\"content_block_start\",\"index\":{at},\"content_block\":{block}}}\n\n\
                     data: {{\"type\":\"content_block_delta\",\"index\":{at},\"delta\":\
                     {{\"type\":\"input_json_delta\",\"partial_json\":{text}}}}}\n\n\
                     data: {{\"type\":\"content_block_stop\",\"index\":{at}}}\n\n"
                )
            });
            blocks + "data: {\"type\":\"message_stop\"}\n\n"
        }
        Api::Images => panic!("images call no tools"),
        Api::Gemini => format!("data: {}\n\n", calling(api, times, arguments)),
    }
}

#[tokio::test]
async fn twenty_thousand_tool_calls_are_refused() {
    for api in APIS {
        for mode in MODES {
            let act = match mode {
                ResponseMode::Streaming => {
                    Act::events(&calling_in_pieces(api, MANY, "{}"), 64 * 1024)
                }
                _ => Act::reply(200, &[], &calling(api, MANY, "{}")),
            };
            let (error, asked) = failure(api, mode, [act]).await;
            assert_eq!(
                (error.kind(), asked),
                (Kind::InvalidResponse, 1),
                "{api:?} {mode:?}"
            );
            let reason = error.reason().unwrap_or_default();
            assert!(
                reason.starts_with("the response has too many"),
                "{api:?} {mode:?}: {reason}"
            );
        }
    }
}

/// The arguments of the first call of a request.
fn arguments_of(api: Api, body: &Value) -> Value {
    let text = |value: &Value| serde_json::from_str(value.as_str().unwrap()).unwrap();
    match api {
        Api::Chat => text(&body["messages"][1]["tool_calls"][0]["function"]["arguments"]),
        Api::Responses => text(&body["input"][1]["arguments"]),
        Api::Anthropic => body["messages"][1]["content"][0]["input"].clone(),
        Api::Images => panic!("images call no tools"),
        Api::Gemini => body["contents"][1]["parts"][0]["functionCall"]["args"].clone(),
    }
}

#[tokio::test]
async fn broken_arguments_reach_the_caller_and_can_be_gone_on_from() {
    for api in [Api::Chat, Api::Responses, Api::Anthropic] {
        for broken in ["{\"a\":", "{\"a\":1}}", "a=1", "[1]", "\u{0}"] {
            let peer = Peer::start([
                Act::events(&calling_in_pieces(api, 1, broken), 50),
                Act::reply(200, &[], &calling(api, 1, "{}")),
            ])
            .await;
            let provider = api.at(&peer.url());
            let messages = [Message::user("hi")];
            let done = crate::asking::ask(&*provider, &messages, ResponseMode::Streaming).await;
            let done = done.unwrap_or_else(|error| panic!("{api:?} {broken:?}: {error:?}"));
            // Whoever runs the tool tells the model; nothing is made up here.
            assert_eq!(done.tool_calls[0].arguments, broken, "{api:?}");
            let told = vec!["the arguments are not a JSON object".into()];
            let messages = [
                Message::user("hi"),
                message_of(done),
                Message::tool("c0", told),
            ];
            crate::asking::ask(&*provider, &messages, ResponseMode::Complete)
                .await
                .unwrap();
            let sent = peer.received()[1].json();
            assert!(
                arguments_of(api, &sent).is_object(),
                "{api:?} {broken:?}: {sent}"
            );
        }
    }
}
