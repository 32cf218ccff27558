//! Turns: what is sent, what comes back, and that all of it is sent again.

use super::*;
use crate::openai::contract::conforms;

fn pdf(name: &str) -> MediaContent {
    MediaContent::from_base64(Mime::APPLICATION_PDF, "JVBERi0xLjQKJSVFT0Y=")
        .unwrap()
        .with_filename(name)
}

fn first_turn(golden: &Value) -> Message {
    let file = ProviderFile::new("openai", "file-1").unwrap();
    let url = MediaUrl::new("https://example.com/a.pdf").unwrap();
    let image = image_of(&golden["input"][0]["content"][1]["image_url"]);
    Message::user(
        UserMessage::from("x")
            .with_part(image.with_detail(Detail::Original))
            .with_part(MediaContent::new(
                Mime::IMAGE_PNG,
                MediaSource::ProviderFile(file),
            ))
            .with_part(pdf("a.pdf"))
            .with_part(MediaContent::from_url(Mime::APPLICATION_PDF, url)),
    )
}

#[tokio::test]
async fn two_turns_are_those_of_the_official_client() {
    let (one, two) = (
        golden("responses_turn1"),
        golden("responses_turn2_stateless"),
    );
    let output = json!(two["input"].as_array().unwrap()[1..5]);
    let acts = [
        Act::json(200, &answer(&output)),
        Act::json(200, &answer(&output)),
    ];
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    let (tools, hosted) = (tools(), json!([one["tools"][0]]));
    let mut messages = vec![first_turn(&one)];
    let request = ProviderRequest::new(&messages).with_tools(&tools).with_parameters(fields(
        json!({"image": one["image"], "prompt_cache_options": one["prompt_cache_options"], "tools": hosted}),
    ));
    let done = ask_with(&provider, request).await.unwrap();
    assert_eq!(done.finish, FinishReason::ToolCalls);
    assert_eq!(done.text(), "working");
    assert_eq!((done.usage.input_tokens, done.usage.output_tokens), (10, 5));
    assert_eq!(
        (done.usage.cached_input_tokens, done.usage.reasoning_tokens),
        (4, 3)
    );
    let image = done.content.iter().find_map(Part::as_media).unwrap();
    assert_eq!(image.caption(), Some("a cat"));
    messages.push(message_of(done));
    let shown = &two["input"][5]["output"];
    messages.push(Message::tool(
        "call_1",
        vec![
            Part::from("shot"),
            Part::Media(image_of(&shown[1]["image_url"]).with_detail(Detail::High)),
            Part::Media(pdf("b.pdf")),
        ],
    ));
    let request = ProviderRequest::new(&messages)
        .with_tools(&tools)
        .with_parameters(fields(json!({"tools": hosted})));
    ask_with(&provider, request).await.unwrap();
    let sent = peer.received();
    assert_eq!(sent[0].line, "POST /v1/responses HTTP/1.1");
    assert_eq!(
        sent[0].header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
    assert_eq!(sorted_tools(sent[0].json()), sorted_tools(one));
    assert_eq!(sorted_tools(sent[1].json()), sorted_tools(first_form(two)));
    conforms("CreateResponse", &sent[0].json());
    conforms("CreateResponse", &sent[1].json());
}

#[tokio::test]
async fn a_turn_of_the_other_official_client_is_the_same() {
    let golden = golden("js_responses_turn2");
    let output = json!(golden["input"].as_array().unwrap()[1..3]);
    let acts = [
        Act::json(200, &answer(&output)),
        Act::json(200, &answer(&output)),
    ];
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    let image = image_of(&golden["input"][0]["content"][1]["image_url"]);
    let message = UserMessage::from("x").with_part(image.with_detail(Detail::Original));
    let mut messages = vec![Message::user(message)];
    let done = ask(&provider, &messages, ResponseMode::Complete)
        .await
        .unwrap();
    messages.extend([message_of(done), Message::user("go")]);
    ask(&provider, &messages, ResponseMode::Complete)
        .await
        .unwrap();
    let received = peer.received();
    let [mut first, mut sent] = [received[0].json(), received[1].json()];
    // The recorded calls asked for no reasoning, and gave text alone as a string.
    for sent in [&mut first, &mut sent] {
        sent.as_object_mut().unwrap().remove("include");
    }
    assert_eq!(first, self::golden("js_responses_turn1"));
    sent["input"][3]["content"] = sent["input"][3]["content"][0]["text"].take();
    assert_eq!(sent, first_form(golden));
}

#[tokio::test]
async fn a_kept_answer_is_named_in_place_of_what_came_before_it() {
    let golden = golden("responses_turn2_previous_response_id");
    let call = json!([{"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "shot", "arguments": "{}", "status": "completed"}]);
    let gone = json!({"error": {"message": "Previous response with id 'resp_1' not found.", "type": "invalid_request_error", "param": "previous_response_id", "code": "previous_response_not_found"}});
    let peer = Peer::start([
        Act::json(200, &answer(&call)),
        Act::json(200, &answer(&json!([]))),
        Act::json(400, &gone),
        Act::json(200, &answer(&json!([]))),
        Act::json(200, &answer(&json!([]))),
    ])
    .await;
    let provider = provider(&peer).with_stored_responses(true);
    let (tools, hosted) = (tools(), fields(json!({"tools": [golden["tools"][0]]})));
    let ask = async |messages: &[Message]| {
        let request = ProviderRequest::new(messages).with_tools(&tools);
        ask_with(&provider, request.with_parameters(hosted.clone()))
            .await
            .unwrap()
    };
    let image = MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(1, 1000));
    let mut messages = vec![Message::user(UserMessage::from("x").with_part(image))];
    let done = ask(&messages).await;
    messages.extend([
        message_of(done),
        Message::tool("call_1", vec![Part::from("ok")]),
    ]);
    ask(&messages).await;
    let mut sent = peer.received()[1].json();
    conforms("CreateResponse", &sent);
    assert_eq!(
        sent.as_object_mut().unwrap().remove("store"),
        Some(json!(true))
    );
    assert_eq!(sorted_tools(sent), sorted_tools(golden));
    // Forgotten: the whole conversation goes out, at once.
    ask(&messages).await;
    let sent = peer.received();
    assert_eq!(sent[2].json()["previous_response_id"], "resp_1");
    assert_eq!(sent[3].json().get("previous_response_id"), None);
    assert_eq!(sent[3].json()["input"].as_array().unwrap().len(), 3);
    // Another conversation than the provider has: never named.
    messages[0] = Message::user("edited");
    ask(&messages).await;
    assert_eq!(peer.received()[4].json().get("previous_response_id"), None);
    assert_eq!(
        peer.received()[4].json()["input"].as_array().unwrap().len(),
        3
    );
}
