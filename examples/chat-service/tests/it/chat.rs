//! What a user does.

use http::Method;
use serde_json::Value;

use crate::service::{Browser, Service, answer, events};

/// A PNG of one pixel.
fn png() -> Vec<u8> {
    let text = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    media_types::base64::decode(text.as_bytes()).unwrap()
}

fn media(view: &Value) -> Vec<&Value> {
    view["view"]["messages"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|message| message["parts"].as_array().unwrap())
        .filter(|part| part["type"] == "media")
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_is_uploaded_described_and_shown_again() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path());
    let browser = Browser::open(&service).await;
    let id = browser.start().await;
    let photo = browser.upload(png()).await;
    let told = browser.send(&id, "What is in this photo?", &[&photo]).await;
    assert!(told[0].is("started"), "{told:?}");
    assert!(told.iter().any(|event| event.is("text_delta")));
    assert!(told.last().unwrap().is("done"), "{told:?}");

    // The history has a link that serves the very bytes.
    let path = format!("/api/conversations/{id}");
    let (status, view) = browser.get(&path).await;
    assert_eq!(status, 200);
    let shown = media(&view);
    assert_eq!(shown.len(), 1, "{view}");
    assert_eq!(shown[0]["name"], "photo.png");
    let link = shown[0]["url"].as_str().unwrap();
    let read = reqwest::Client::builder().no_proxy().build().unwrap();
    let read = read.get(link).send().await.unwrap();
    assert_eq!(read.bytes().await.unwrap(), png());

    let told_to_owner = told[told.len() - 2].id.clone();
    // Whoever asks for a turn again gets it from the place that they had seen.
    let turn = told[0].data["data"]["turn"].as_str().unwrap();
    let again = browser
        .request(Method::GET, &format!("{path}/turns/{turn}/events"))
        .header("last-event-id", &told[told.len() - 2].id)
        .send()
        .await
        .unwrap();
    let again = events(again).await;
    assert!(again.last().unwrap().is("done"), "{again:?}");

    // Others see nothing of it.
    let other = Browser::open(&service).await;
    assert_eq!(other.get(&path).await.0, 404);
    assert_eq!(other.delete(&path).await.0, 404);
    let stolen = other.start().await;
    let stolen_turn = format!("/api/conversations/{stolen}/turns/{turn}/events");
    let stolen_turn = other.request(Method::GET, &stolen_turn);
    let told = events(stolen_turn.send().await.unwrap()).await;
    assert!(told.last().unwrap().is("error"), "{told:?}");
    // A position names the turn that it is of.
    let foreign = format!("/api/conversations/{stolen}/turns/another/events");
    let foreign = other.request(Method::GET, &foreign);
    let foreign = foreign.header("last-event-id", &told_to_owner);
    assert_eq!(answer(foreign).await.0, 400);
    let told = other.send(&stolen, "What is this?", &[&photo]).await;
    assert!(told.last().unwrap().is("error"), "{told:?}");
    let (_, list) = other.get("/api/conversations").await;
    assert_eq!(list["conversations"].as_array().unwrap().len(), 0);
    let (_, list) = browser.get("/api/conversations").await;
    assert_eq!(list["conversations"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_generated_and_everything_is_erased() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path());
    let browser = Browser::open(&service).await;
    let id = browser.start().await;
    let told = browser
        .send(&id, "Generate a beautiful sunset over mountains", &[])
        .await;
    assert!(
        told.iter().any(|event| event.is("tool_finished")),
        "{told:?}"
    );
    assert!(told.last().unwrap().is("done"), "{told:?}");
    let (_, view) = browser.get(&format!("/api/conversations/{id}")).await;
    let link = media(&view)[0]["url"].as_str().unwrap().to_owned();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(http.get(&link).send().await.unwrap().status(), 200);

    let (status, receipt) = browser.delete("/api/me").await;
    assert_eq!(status, 200, "{receipt}");
    assert_eq!(http.get(&link).send().await.unwrap().status(), 404);
    assert_eq!(
        browser.get(&format!("/api/conversations/{id}")).await.0,
        404
    );
    let request = browser
        .request(Method::PUT, "/upload/photo.png")
        .body(png());
    assert_eq!(answer(request).await.0, 403, "an erased user uploaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_get_an_answer() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path());
    let browser = Browser::open(&service).await;
    let id = browser.start().await;
    let path = format!("/api/conversations/{id}/turns");
    for body in ["", "{", "[]", "{\"text\": 1}", "{\"words\": \"x\"}", "{}"] {
        let request = browser.request(Method::POST, &path).body(body);
        let response = request.send().await.unwrap();
        if response.status() == 200 {
            let told = events(response).await;
            assert!(told.last().unwrap().is("error"), "{body}: {told:?}");
            continue;
        }
        assert_eq!(response.status(), 400, "{body}");
    }
    assert_eq!(browser.get("/api/conversations/none").await.0, 404);
    assert_eq!(browser.get("/api/nothing").await.0, 404);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let nobody = http.get(format!("{}/api/conversations", service.address));
    assert_eq!(nobody.send().await.unwrap().status(), 401);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(browser.get(path).await.0, 200);
    }
}
