//! What goes wrong between us and the service.

use std::time::Instant;

use conversation_providers::{AttemptBudget, ProviderErrorKind as Kind, TimeoutPhase};
use tokio::sync::Barrier;

use super::peer::{Act, Peer, Received, event_pieces, head};
use super::*;

async fn kind_of(acts: Vec<Act>) -> (Kind, usize) {
    let peer = Peer::start(acts).await;
    let error = ask(&provider(&peer), &[user("hi")], &no_storage())
        .await
        .unwrap_err();
    assert!(!format!("{error:?} {error}").contains(KEY), "{error:?}");
    (error.kind(), peer.received().len())
}

#[tokio::test]
async fn a_status_says_what_kind_of_failure_it_is() {
    let body = error_body("c", "m", None);
    for (status, kind, requests) in [
        (400, Kind::InvalidRequest, 1),
        (401, Kind::Authentication, 1),
        (403, Kind::Authentication, 1),
        (404, Kind::NotFound, 1),
        (413, Kind::TooLarge, 1),
        (422, Kind::InvalidRequest, 1),
        (429, Kind::RateLimited, 3),
        (500, Kind::Server, 3),
        (502, Kind::Server, 3),
        (503, Kind::Overloaded, 3),
        (504, Kind::Server, 3),
        (529, Kind::Overloaded, 3),
        (302, Kind::InvalidResponse, 1),
    ] {
        let acts = (0..3).map(|_| Act::json(status, &body)).collect();
        assert_eq!(kind_of(acts).await, (kind, requests), "{status}");
    }
}

#[tokio::test]
async fn an_error_keeps_what_the_service_said_and_no_secret() {
    let said = format!(
        "Incorrect API key provided: {KEY}. You can find your key at https://x.example/keys?token=abc."
    );
    let peer = Peer::start([Act::json(401, &error_body("invalid_api_key", &said, None))]).await;
    let error = ask(&provider(&peer), &[user("hi")], &no_storage())
        .await
        .unwrap_err();
    assert_eq!(error.status(), Some(401));
    assert_eq!(error.code(), Some("invalid_api_key"));
    let message = error.message().unwrap();
    assert!(message.contains("Incorrect API key provided"));
    assert!(
        !message.contains(KEY) && !message.contains("token=abc"),
        "{message}"
    );
    // What a provider says may quote the user.
    let printed = format!("{error} {error:?}");
    assert!(!printed.contains("Incorrect"), "{printed}");
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_as_long_as_the_service_asks() {
    let busy = |wait: &str| Act::reply(429, &[("retry-after", wait)], "{}");
    let peer = Peer::start([busy("0.3"), Act::json(200, &hello())]).await;
    let start = Instant::now();
    ask(&provider(&peer), &[user("hi")], &no_storage())
        .await
        .unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(peer.received().len(), 2);

    let peer = Peer::start([busy("3600"), Act::json(200, &hello())]).await;
    let error = ask(&provider(&peer), &[user("hi")], &no_storage())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!(peer.received().len(), 1);
}

#[tokio::test]
async fn no_quota_is_not_tried_again() {
    let body = error_body(
        "insufficient_quota",
        "You exceeded your current quota",
        None,
    );
    let acts = vec![Act::json(429, &body), Act::json(200, &hello())];
    assert_eq!(kind_of(acts).await, (Kind::Quota, 1));
}

#[tokio::test]
async fn what_was_not_carried_out_is_sent_again_and_nothing_else_is() {
    let acts = [
        Act::reply(500, &[], "<html>oops</html>"),
        Act::reply(503, &[("retry-after-ms", "1")], ""),
        Act::reply(409, &[], "{}"),
        Act::json(200, &hello()),
    ];
    let peer = Peer::start(acts).await;
    let patient = provider(&peer).with_max_retries(3);
    let done = ask(&patient, &[user("hi")], &no_storage()).await.unwrap();
    assert_eq!(done.content[0].as_text(), Some("hello"));
    let received = peer.received();
    assert_eq!(received.len(), 4);
    assert!(received.windows(2).all(|pair| pair[0].body == pair[1].body));

    // A generation that may be under way is not begun once more.
    for act in [
        Act::Close,
        Act::reply(502, &[("x-should-retry", "false")], "bad gateway"),
        Act::reply(503, &[("x-should-retry", "false")], "{}"),
    ] {
        let (_, requests) = kind_of(vec![act, Act::json(200, &hello())]).await;
        assert_eq!(requests, 1);
    }
}

#[tokio::test]
async fn all_layers_share_one_budget() {
    let peer = Peer::start((0..9).map(|_| Act::json(503, &json!({})))).await;
    let messages = [user("hi")];
    let budget = AttemptBudget::new(4);
    for (kind, requests) in [
        (Kind::Overloaded, 3),
        (Kind::Overloaded, 4),
        (Kind::AttemptsExhausted, 4),
    ] {
        let request = ProviderRequest::new(&messages).with_budget(budget.clone());
        let error = answer(&provider(&peer), request, &no_storage()).await;
        assert_eq!(error.unwrap_err().kind(), kind);
        assert_eq!(peer.received().len(), requests);
    }
}

#[tokio::test]
async fn broken_answers_are_typed() {
    let broken = vec![
        [
            head(200, &[], Some(100), "application/json").as_bytes(),
            b"{\"choices",
        ]
        .concat(),
    ];
    let peer = Peer::start([Act::Send(broken)]).await;
    let once = provider(&peer).with_max_retries(0);
    let error = ask(&once, &[user("hi")], &no_storage()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);

    for body in [
        "",
        "not json",
        "[]",
        "{\"choices\":[]}",
        "{\"choices\":[{}]}",
        "{\"choices\":7}",
    ] {
        let (kind, requests) = kind_of(vec![Act::reply(200, &[], body)]).await;
        assert_eq!((kind, requests), (Kind::InvalidResponse, 1), "{body}");
    }
    // Some gateways hide an error in a success.
    let hidden = json!({"error": {"message": "m", "code": 402}});
    assert_eq!(
        kind_of(vec![Act::json(200, &hidden)]).await,
        (Kind::Quota, 1)
    );
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused_before_it_is_read() {
    let large = Act::Send(vec![
        head(200, &[], Some(1 << 40), "application/json").into_bytes(),
    ]);
    let peer = Peer::start([large]).await;
    let error = ask(&provider(&peer), &[user("hi")], &no_storage())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidResponse);
    let body = hello().to_string();
    for (limit, fits) in [(body.len(), true), (body.len() - 1, false)] {
        let peer = Peer::start([Act::reply(200, &[], &body)]).await;
        let bounded = provider(&peer).with_max_answer_bytes(limit);
        let outcome = ask(&bounded, &[user("hi")], &no_storage()).await;
        assert_eq!(outcome.is_ok(), fits);
    }
}

#[tokio::test]
async fn a_silent_service_is_a_timeout() {
    let peer = Peer::start([Act::Hang, Act::Hang]).await;
    let (patient, messages, media) = (provider(&peer), [user("hi")], no_storage());
    let asked = ask(&patient, &messages, &media);
    let error = peer.outlast(asked, peer::LONG).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout(TimeoutPhase::BeforeFirstByte));
    assert_eq!(peer.received().len(), 1);
    assert!(error.usage().is_some());

    let half = event_pieces("data: {\"choices\":[", 50);
    let peer = Peer::start([Act::SendAndHang(vec![half[0].clone()])]).await;
    let error = ask(
        &provider(&peer).with_first_byte_timeout(Duration::from_millis(100)),
        &[user("hi")],
        &no_storage(),
    )
    .await
    .unwrap_err();
    // A head is not yet an answer.
    assert_eq!(error.kind(), Kind::Timeout(TimeoutPhase::BeforeFirstByte));

    let start = [
        head(200, &[], Some(100), "application/json").as_bytes(),
        b"{\"choices",
    ]
    .concat();
    let peer = Peer::start([Act::SendAndHang(vec![start])]).await;
    let error = ask(
        &provider(&peer).with_idle_timeout(Duration::from_millis(100)),
        &[user("hi")],
        &no_storage(),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout(TimeoutPhase::AfterFirstByte));
}

#[tokio::test]
async fn nobody_there_is_a_failed_connection() {
    let peer = Peer::start([]).await;
    let (_held, url) = peer::nobody();
    let gone = provider(&peer).with_base_url(url).with_max_retries(1);
    let error = ask(&gone, &[user("hi")], &no_storage()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Connect, "{error:?}");
}

#[tokio::test]
async fn a_wrong_configuration_is_an_error_before_anything_is_sent() {
    for url in ["", "not a url", "ftp://example.com"] {
        let wrong = OpenAiProvider::new(KEY, "gpt-4o").with_base_url(url);
        let error = ask(&wrong, &[user("hi")], &no_storage()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{url}");
    }
}

#[tokio::test]
async fn the_deadline_holds_over_all_attempts() {
    let acts = (0..10).map(|_| Act::reply(429, &[("retry-after", "0.2")], "{}"));
    let peer = Peer::start(acts).await;
    let hurried = provider(&peer)
        .with_max_retries(5)
        .with_deadline(Duration::from_millis(500));
    let error = ask(&hurried, &[user("hi")], &no_storage())
        .await
        .unwrap_err();
    assert!(matches!(error.kind(), Kind::RateLimited | Kind::Timeout(_)));
    assert!((1..=3).contains(&peer.received().len()));
}

#[tokio::test]
async fn a_parameter_that_the_model_refuses_is_left_out_and_remembered() {
    let refusal = |name| {
        let message = format!("Unsupported value: '{name}' does not support 0.7 with this model.");
        Act::json(400, &error_body("unsupported_value", &message, Some(name)))
    };
    let acts = [
        refusal("temperature"),
        refusal("max_tokens"),
        Act::json(200, &hello()),
        Act::json(200, &hello()),
    ];
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    let messages = [user("hi")];
    for _ in 0..2 {
        let parameters = json!({"temperature": 0.7, "max_tokens": 5, "top_p": 1});
        let request = ProviderRequest::new(&messages)
            .with_parameters(parameters.as_object().unwrap().clone());
        answer(&provider, request, &no_storage()).await.unwrap();
    }
    let received = peer.received();
    assert_eq!(received.len(), 4);
    for sent in &received[2..] {
        let sent = sent.json();
        assert_eq!(sent.get("temperature"), None);
        assert_eq!(sent.get("max_tokens"), None);
        assert_eq!(sent["max_completion_tokens"], 5);
        assert_eq!(sent["top_p"], 1);
    }
}

#[tokio::test]
async fn requests_that_are_refused_a_parameter_at_the_same_time_all_go_on() {
    const TURNS: usize = 8;
    let name = "temperature";
    let body = error_body("unsupported_value", "Unsupported value.", Some(name)).to_string();
    let refusal = head(400, &[], Some(body.len()), "application/json") + &body;
    let all_sent = Arc::new(Barrier::new(TURNS));
    let refusals =
        (0..TURNS).map(|_| Act::SendTogether(Arc::clone(&all_sent), refusal.clone().into_bytes()));
    let answers = (0..TURNS).map(|_| Act::json(200, &hello()));
    let peer = Peer::start(refusals.chain(answers)).await;
    let provider = provider(&peer);
    let (messages, media) = ([user("hi")], no_storage());
    let parameters = json!({"temperature": 0.7});
    let turns = (0..TURNS).map(|_| {
        let request = ProviderRequest::new(&messages)
            .with_parameters(parameters.as_object().unwrap().clone());
        answer(&provider, request, &media)
    });
    for outcome in futures_util::future::join_all(turns).await {
        outcome.unwrap();
    }
    let received = peer.received();
    assert_eq!(received.len(), 2 * TURNS);
    let without = received.iter().map(Received::json);
    let without = without.filter(|sent| sent.get(name).is_none());
    assert_eq!(without.count(), TURNS);
}

#[tokio::test]
async fn a_parameter_that_is_refused_though_it_was_left_out_ends_the_call() {
    let body = error_body("unknown_parameter", "m", Some("seed"));
    let acts = (0..9).map(|_| Act::json(400, &body)).collect();
    assert_eq!(kind_of(acts).await, (Kind::InvalidRequest, 2));
}

#[tokio::test]
async fn a_parameter_that_is_not_tuning_is_not_left_out() {
    let body = error_body(
        "unknown_parameter",
        "Unknown parameter: 'tools'.",
        Some("tools"),
    );
    assert_eq!(
        kind_of(vec![Act::json(400, &body)]).await,
        (Kind::InvalidRequest, 1)
    );
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_was_sent_counts() {
    let body = error_body("invalid_api_key", "no", None).to_string();
    let early = head(401, &[], Some(body.len()), "application/json") + &body;
    let peer = Peer::start([Act::SendEarly(early.into_bytes())]).await;
    let large = inline_png(&vec![7; 8 << 20]);
    let error = ask(
        &provider(&peer),
        &[user_with("see", [large])],
        &no_storage(),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), Kind::Authentication, "{error:?}");
}

#[tokio::test]
async fn dropping_the_call_ends_the_request() {
    let peer = Peer::start([Act::Hang]).await;
    let provider = provider(&peer);
    let messages = [user("hi")];
    let media = no_storage();
    tokio::select! {
        _ = ask(&provider, &messages, &media) => panic!("nobody answers"),
        () = peer.arrival() => {}
    }
}
