//! Limits of the provider, which leave the newest media.

use conversation_providers::{AttemptBudget, Capabilities};
use conversation_types::OmissionReason;

use super::peer::{Act, Peer};
use super::*;

#[tokio::test]
async fn limits_of_the_provider_leave_the_newest_media() {
    let capabilities = Capabilities::from_json(
        r#"{"format_version":1,"revised":"r","apis":{"openai.chat":{
            "max_items": 3, "max_request_bytes": 202000,
            "media":[{"mime":["image/*"],"forms":["base64"],"max_item_bytes":100000}]}}}"#,
    )
    .unwrap();
    // 8 bytes of every image are its signature.
    let at_limit = inline_png(&[1; 99_992]);
    let above = inline_png(&[1; 99_993]);
    let half = inline_png(&[2; 49_992]);
    let peer = Peer::start((0..4).map(|_| Act::json(200, &hello()))).await;
    let provider = provider(&peer).with_capabilities(&capabilities);
    let causes = async |media: Vec<MediaContent>| -> Vec<(usize, OmissionReason)> {
        let messages: Vec<Message> = media.into_iter().map(|m| user_with("see", [m])).collect();
        let done = ask(&provider, &messages, &no_storage()).await.unwrap();
        let sent = peer.last().json();
        let noted =
            (0..messages.len()).filter(|at| sent["messages"][*at]["content"][1]["type"] == "text");
        noted
            .zip(
                done.omitted_media
                    .iter()
                    .map(|omitted| omitted.reason.clone()),
            )
            .collect()
    };
    assert_eq!(
        causes(vec![at_limit.clone(), above]).await,
        [(1, OmissionReason::TooLarge)]
    );
    // Together the three newest are as large as a request may be.
    assert_eq!(
        causes(vec![half.clone(); 4]).await,
        [0, 1, 2].map(|at| (at, OmissionReason::TooLarge))
    );
    assert_eq!(causes(vec![half.clone(); 3]).await, []);
    // The second one was too much beside the first. The third has room beside the second.
    assert_eq!(
        causes(vec![at_limit.clone(), at_limit, half]).await,
        [(0, OmissionReason::TooLarge)]
    );
}

#[tokio::test]
async fn text_counts_for_the_largest_request() {
    let long = "word ".repeat(10_000);
    let messages: Vec<Message> = (0..3)
        .map(|n| user_with(&long, [inline_png(&[n; 5000])]))
        .collect();
    let with_limit = |bytes: usize| {
        let file = json!({"format_version": 1, "revised": "r", "apis": {"openai.chat": {
            "max_request_bytes": bytes, "media": [{"mime": ["image/*"], "forms": ["base64"]}]}}});
        Capabilities::from_json(&file.to_string()).unwrap()
    };
    let send = async |limit: usize| {
        let peer = Peer::start([Act::json(200, &hello())]).await;
        let provider = provider(&peer).with_capabilities(&with_limit(limit));
        let done = ask(&provider, &messages, &no_storage()).await.unwrap();
        let len = peer.only().body.len();
        (len, done.omitted_media.len())
    };
    let (len, omitted) = send(usize::MAX).await;
    assert_eq!(omitted, 0);
    assert_eq!(send(len).await, (len, 0));
    for (limit, omitted) in [(len - 1, 2), (len - 7000, 2), (len - 14_000, 3)] {
        let (sent, found) = send(limit).await;
        assert_eq!(found, omitted, "{limit}");
        assert!(sent <= limit);
    }
    // Text alone is the caller's to shorten.
    assert_eq!(send(10).await.1, 3);
}

#[tokio::test]
async fn a_request_that_is_dropped_before_anything_came_is_counted_by_estimate() {
    let peer = Peer::start([Act::Hang, Act::json(200, &hello())]).await;
    let provider = provider(&peer);
    let text = "x".repeat(4000);
    let messages = [user(&text)];
    let budget = AttemptBudget::new(3);
    let request = || ProviderRequest::new(&messages).with_budget(budget.clone());
    let media = no_storage();
    tokio::select! {
        outcome = answer(&provider, request(), &media) => panic!("{outcome:?}"),
        () = peer.arrival() => {}
    }
    let (usage, cost) = budget.take_abandoned().unwrap();
    assert!((1000..1100).contains(&usage.input_tokens), "{usage:?}");
    assert_eq!(usage.source, conversation_types::UsageSource::Estimated);
    assert!(cost.is_some());
    // One that has an answer says itself what it consumed.
    answer(&provider, request(), &media).await.unwrap();
    assert!(budget.take_abandoned().is_none());
}
