//! Many good images and one or two bad ones that no error names, at every API.

use conversation_providers::MemoryPlannerStore;
use conversation_types::UserMessage;

use super::images::answered;
use super::refused::{ask, image, images_of};
use super::*;

/// The good images beside the bad ones.
const GOOD: usize = 59;

/// The places of bad images, and how many good ones have to arrive in the first turn: one bad image costs at most
/// half of the others, and two that stand in both halves cost all of them.
const BAD: [(&[usize], usize); 4] = [(&[57], 29), (&[3], 29), (&[5, 20], 29), (&[10, 50], 0)];

fn is_bad(name: &str) -> bool {
    name.starts_with("bad")
}

/// Takes good images only, and does not say which are bad.
async fn particular(api: Api) -> Peer {
    Peer::judging(move |received| {
        let images = images_of(received);
        match images.iter().any(|name| is_bad(name)) {
            true => {
                let mut error = api.error(400, "invalid_request_error");
                error["error"]["message"] = "Could not process image".into();
                Act::json(400, &error)
            }
            false => Act::json(200, &answered(api)),
        }
    })
    .await
}

#[tokio::test]
async fn among_many_good_images_the_bad_ones_are_found_within_three_more_requests() {
    for api in APIS {
        for (bad, least) in BAD {
            let peer = particular(api).await;
            let all = (0..GOOD + bad.len()).map(|at| match bad.contains(&at) {
                true => image(&format!("bad {at}")),
                false => image(&format!("good {at}")),
            });
            let message = all.fold(UserMessage::from("see"), UserMessage::with_part);
            let mut messages = vec![Message::user(message)];
            let store = Arc::new(MemoryPlannerStore::new());
            let provider = api.at(&peer.url());
            let done = ask(&*provider, &messages, &store).await.unwrap();
            let first = peer.received().len();
            assert!(first <= 4, "{api:?} {bad:?}: {first} requests");
            let arrived = images_of(&peer.last()).len();
            assert!(arrived >= least, "{api:?} {bad:?}: {arrived}");
            messages.push(message_of(done));
            // The turns after it go on searching, and end with all good ones.
            let mut before = first;
            for _ in 0..16 {
                messages.push(Message::user("go on"));
                let done = ask(&*provider, &messages, &store).await.unwrap();
                messages.push(message_of(done));
                let now = peer.received().len();
                assert!(now - before <= 4, "{api:?} {bad:?}");
                before = now;
            }
            let last = images_of(&peer.last());
            assert!(!last.iter().any(|name| is_bad(name)), "{api:?} {bad:?}");
            assert!(last.len() >= 50, "{api:?} {bad:?}: {}", last.len());
            println!(
                "| {GOOD} good images and {} bad, {api:?}: {} more requests, {arrived} good arrived; later {}",
                bad.len(),
                first - 1,
                last.len()
            );
        }
    }
}
