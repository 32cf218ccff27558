//! Turns: what comes back is sent again, unchanged and in order.

use super::*;

#[tokio::test]
async fn the_next_turn_sends_every_block_back_unchanged_and_in_order() {
    let peer = Peer::start([Act::events(STREAM, 50), Act::json(200, &whole())]).await;
    let provider = provider(&peer);
    let messages = [user("x")];
    let done = ask(&provider, &messages, ResponseMode::Streaming)
        .await
        .unwrap();
    let answer = Message::assistant(done.content).with_tool_calls(done.tool_calls);
    let result = Message::tool("toolu_1", vec![Part::from("shot")]);
    let messages = [user("x"), answer, result];
    ask(&provider, &messages, ResponseMode::Complete)
        .await
        .unwrap();
    let sent = peer.received()[1].json();
    assert_eq!(sent["messages"][1]["content"], whole()["content"]);
    assert_eq!(sent["messages"][2]["content"][0]["tool_use_id"], "toolu_1");
}

const RICH_STREAM: &str = include_str!("../../golden/anthropic/rich.answer.sse");

#[tokio::test]
async fn thinking_between_calls_goes_back_in_its_place() {
    let peer = Peer::start([Act::events(RICH_STREAM, 41), Act::json(200, &whole())]).await;
    let provider = provider(&peer);
    let done = ask(&provider, &[user("x")], ResponseMode::Streaming)
        .await
        .unwrap();
    let answer = Message::assistant(done.content).with_tool_calls(done.tool_calls);
    let results = ["toolu_1", "toolu_2"].map(|id| Message::tool(id, vec![Part::from(id)]));
    let mut messages = vec![user("x"), answer];
    messages.extend(results);
    ask(&provider, &messages, ResponseMode::Complete)
        .await
        .unwrap();
    let sent = peer.received()[1].json();
    let kinds: Vec<&str> = sent["messages"][1]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "thinking",
            "tool_use",
            "thinking",
            "redacted_thinking",
            "text",
            "text",
            "server_tool_use",
            "web_search_tool_result",
            "tool_use"
        ]
    );
    assert_eq!(sent["messages"][1]["content"][2]["signature"], "c2lnMg==");
    // Citations come in pieces, and go back with the text that they belong to.
    let citations = RICH_STREAM.lines().filter_map(|line| {
        let event: Value = serde_json::from_str(line.strip_prefix("data: ")?).ok()?;
        event.pointer("/delta/citation").cloned()
    });
    let citations: Vec<Value> = citations.collect();
    assert!(!citations.is_empty());
    let content = sent["messages"][1]["content"].as_array().unwrap();
    let cited = content
        .iter()
        .filter_map(|block| block["citations"].as_array());
    assert_eq!(cited.flatten().cloned().collect::<Vec<_>>(), citations);
    check_rules(&sent);
}
