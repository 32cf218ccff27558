//! Images that are refused in words that may mean one of them or all.

use conversation_providers::{Capabilities, MemoryPlannerStore};
use conversation_types::UserMessage;

use super::images::answered;
use super::refused::{ask, collect, image, images_of};
use super::*;
use crate::peer::Received;

/// The place of the first image of a request that is refused.
fn refused_place(received: &Received, is_refused: fn(&str) -> bool) -> Option<String> {
    let body = received.json();
    let messages = body["messages"].as_array().unwrap();
    messages.iter().enumerate().find_map(|(at, message)| {
        let mut parts = message["content"].as_array()?.iter();
        let part = parts.position(|part| {
            let mut found = Vec::new();
            collect(part, &mut found);
            found.iter().any(|name| is_refused(name))
        })?;
        Some(format!("messages[{at}].content[{part}].image_url"))
    })
}

/// Refuses images, and says where the first of them is, or does not.
async fn refusing(names_place: bool, is_refused: fn(&str) -> bool) -> Peer {
    Peer::judging(move |received| {
        let Some(place) = refused_place(received, is_refused) else {
            return Act::json(200, &answered(Api::Chat));
        };
        let place = names_place.then_some(place);
        let message = "Image input is not supported by this model";
        let error = json!({"message": message, "code": null, "param": place});
        Act::json(400, &json!({"error": error}))
    })
    .await
}

fn is_bad(name: &str) -> bool {
    name.starts_with("bad")
}

fn message_with(names: &[&str]) -> Message {
    let images = names.iter().map(|name| image(name));
    Message::user(images.fold(UserMessage::from("see"), UserMessage::with_part))
}

#[tokio::test]
async fn an_image_that_is_refused_by_name_or_alone_blocks_no_others() {
    let many = &["bad 1", "bad 2", "bad 3", "good 1", "good 2"][..];
    for (names_place, names, asked, next) in [
        (true, &["bad"][..], 2, &["new"][..]),
        (false, &["bad"], 2, &["new"]),
        (true, &["bad", "good"], 2, &["good", "new"]),
        // The same image twice is one.
        (true, &["bad", "bad"], 3, &["new"]),
        // In the last request all are left out, also those of which nothing is known.
        (true, many, 4, &["good 1", "good 2", "new"]),
    ] {
        let peer = refusing(names_place, is_bad).await;
        let store = Arc::new(MemoryPlannerStore::new());
        let provider = Api::Chat.at(&peer.url());
        let mut messages = vec![message_with(names)];
        let done = ask(&*provider, &messages, &store).await.unwrap();
        assert_eq!(peer.received().len(), asked, "{names:?}");
        messages.push(message_of(done));
        messages.push(message_with(&["new"]));
        // Another process knows it from the state, this one without.
        let another = Api::Chat.at(&peer.url());
        for (turn, (provider, store)) in [(another, store), (provider, Arc::default())]
            .into_iter()
            .enumerate()
        {
            ask(&*provider, &messages, &store).await.unwrap();
            assert_eq!(peer.received().len(), asked + 1 + turn, "{names:?}");
            assert_eq!(images_of(&peer.last()), next, "{names:?}");
        }
    }
}

#[tokio::test]
async fn a_kind_of_which_different_items_were_refused_and_none_was_taken_is_not_sent_again() {
    let peer = refusing(true, |_| true).await;
    let store = Arc::new(MemoryPlannerStore::new());
    let provider = Api::Chat.at(&peer.url());
    let mut messages = vec![message_with(&["one", "two"])];
    let done = ask(&*provider, &messages, &store).await.unwrap();
    assert_eq!(peer.received().len(), 3);
    messages.push(message_of(done));
    messages.push(message_with(&["new"]));
    let another = Api::Chat.at(&peer.url());
    let done = ask(&*another, &messages, &store).await.unwrap();
    assert_eq!((done.omitted_media.len(), peer.received().len()), (3, 4));
}

#[tokio::test]
async fn a_kind_that_was_taken_before_is_sent_though_others_of_it_are_refused() {
    let capabilities = json!({"format_version": 1, "revised": "r", "apis": {"openai.chat":
        {"max_images": 4, "media": [{"mime": ["image/*"], "forms": ["base64"]}]}}});
    let capabilities = Capabilities::from_json(&capabilities.to_string()).unwrap();
    let peer = refusing(true, is_bad).await;
    let store = Arc::new(MemoryPlannerStore::new());
    let provider = || {
        OpenAiProvider::new(KEY, "m")
            .with_base_url(peer.url().as_str())
            .with_capabilities(&capabilities)
    };
    let mut messages = vec![message_with(&["good 1", "good 2", "good 3"])];
    let done = ask(&provider(), &messages, &store).await.unwrap();
    messages.push(message_of(done));
    // Those before leave the request, since there would be too many.
    messages.push(message_with(&["bad 1", "bad 2"]));
    let done = ask(&provider(), &messages, &store).await.unwrap();
    let sent: Vec<_> = peer.received().iter().map(images_of).collect();
    assert_eq!(sent[1..], [vec!["bad 1", "bad 2"], vec!["bad 2"], vec![]]);
    messages.push(message_of(done));
    messages.push(message_with(&["new"]));
    ask(&provider(), &messages, &store).await.unwrap();
    assert_eq!(peer.received().len(), 5);
    assert_eq!(images_of(&peer.last()), ["new"]);
}

#[tokio::test]
async fn words_about_all_images_do_not_drop_those_that_were_taken_before() {
    let peer = refusing(false, is_bad).await;
    let store = Arc::new(MemoryPlannerStore::new());
    let provider = Api::Chat.at(&peer.url());
    let mut messages = vec![message_with(&["good"])];
    let mut done = ask(&*provider, &messages, &store).await.unwrap();
    for (names, asked, sent) in [
        (&["bad", "new"][..], 3, &["good", "new"][..]),
        (&["later"], 4, &["good", "new", "later"]),
    ] {
        messages.push(message_of(done));
        messages.push(message_with(names));
        done = ask(&*provider, &messages, &store).await.unwrap();
        assert_eq!(peer.received().len(), asked, "{names:?}");
        assert_eq!(images_of(&peer.last()), sent, "{names:?}");
    }
}

#[tokio::test]
async fn a_server_that_takes_no_images_any_more_gets_none_from_then_on() {
    for new in [&["new"][..], &["new 1", "new 2"]] {
        let peer = refusing(false, |_| true).await;
        let store = Arc::new(MemoryPlannerStore::new());
        let before = refusing(false, |_| false).await;
        let mut messages = vec![message_with(&["old 1", "old 2"])];
        let done = ask(&*Api::Chat.at(&before.url()), &messages, &store).await;
        messages.push(message_of(done.unwrap()));
        messages.push(message_with(new));
        let provider = Api::Chat.at(&peer.url());
        let done = ask(&*provider, &messages, &store).await.unwrap();
        assert_eq!(done.omitted_media.len(), 2 + new.len());
        assert_eq!(images_of(&peer.last()), [""; 0]);
        let asked = peer.received().len();
        messages.push(message_of(done));
        messages.push(message_with(&["later"]));
        ask(&*provider, &messages, &store).await.unwrap();
        assert_eq!(peer.received().len(), asked + 1, "{new:?}");
    }
}

#[tokio::test]
async fn words_that_name_none_of_several_images_are_no_fact_while_one_of_them_may_be_bad() {
    for (names, asked, sent) in [
        (&["bad", "good 1"][..], 2, &["good 1"][..]),
        (&["good 1", "bad"], 3, &["good 1"]),
        (
            &["good 1", "good 2", "good 3", "bad"],
            3,
            &["good 1", "good 2"],
        ),
        // In each half is one; or the same one, which is not two.
        (&["bad 1", "good 1", "good 2", "bad 2"], 4, &[]),
        (&["bad", "good 1", "good 2", "bad"], 4, &[]),
    ] {
        let peer = refusing(false, is_bad).await;
        let provider = Api::Chat.at(&peer.url());
        let store = Arc::new(MemoryPlannerStore::new());
        let messages = [message_with(names)];
        ask(&*provider, &messages, &store).await.unwrap();
        assert_eq!(peer.received().len(), asked, "{names:?}");
        assert_eq!(images_of(&peer.last()), sent, "{names:?}");
        // Only where two different ones were refused apart from each other is it taken for all.
        let is_fact = names.contains(&"bad 1");
        let other = Arc::new(MemoryPlannerStore::new());
        let done = ask(&*provider, &[message_with(&["other"])], &other).await;
        assert_eq!(
            done.unwrap().omitted_media.is_empty(),
            !is_fact,
            "{names:?}"
        );
    }
}
