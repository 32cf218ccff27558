//! Requests of conversations with many images, turn by turn.

#[path = "../../examples/prove_planner/rounds.rs"]
mod rounds;

use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use conversation_providers::{Capabilities, MediaContext, RequestOutline, RequestPlanner};
use media_storage::Sha256Hasher;
use media_types::{MediaContent, Mime};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::picture_bytes;
use rounds::{DISTURBANCES, Disturbance, FORMATS, Script, Sent, play, state_of};

fn script(disturbance: Disturbance) -> Script {
    Script {
        format: conversation_providers::ApiFormat::ANTHROPIC_MESSAGES,
        disturbance,
        turns: 30,
        images: 2,
        image_bytes: 2000,
        words: 100,
        max_images: Some(20),
        max_bytes: None,
    }
}

fn changes(sent: &[Sent]) -> Vec<usize> {
    let changed = sent.iter().enumerate().filter(|(_, sent)| sent.changed());
    changed.map(|(turn, _)| turn).collect()
}

#[tokio::test]
async fn sixty_images_under_a_cap_of_twenty_change_the_beginning_once_in_five_turns() {
    for format in FORMATS {
        for disturbance in DISTURBANCES {
            let sent = play(Script {
                format,
                ..script(disturbance)
            })
            .await;
            assert_eq!(sent.len(), 30);
            // Each model has a cache of its own.
            let models = match disturbance {
                Disturbance::TwoModels => 2,
                _ => 1,
            };
            for model in 0..models {
                let mut changes = changes(&sent);
                changes.retain(|turn| turn % models == model);
                let gaps = changes.windows(2).map(|pair| pair[1] - pair[0]);
                assert!(
                    changes.len() <= 6 && gaps.min().is_none_or(|gap| gap >= 5),
                    "{format:?} {disturbance:?} {changes:?}"
                );
            }
            for (turn, sent) in sent.iter().enumerate() {
                assert!(
                    sent.images <= 20 && sent.images >= 2,
                    "{disturbance:?} {turn} {sent:?}"
                );
                assert_eq!(sent.bytes, sent.predicted, "{disturbance:?} {turn}");
                assert!(sent.state <= 4096);
                // What is told to differ does, and what differs is told.
                assert_eq!(
                    sent.first_difference.is_some(),
                    sent.changed(),
                    "{format:?} {disturbance:?} {turn} {sent:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_same_conversation_gives_the_same_requests() {
    for disturbance in DISTURBANCES {
        let script = Script {
            turns: 14,
            ..script(disturbance)
        };
        let (one, other) = (play(script).await, play(script).await);
        let of = |sent: &[Sent]| -> Vec<(u64, usize)> {
            sent.iter().map(|sent| (sent.bytes, sent.images)).collect()
        };
        assert_eq!(of(&one), of(&other), "{disturbance:?}");
    }
}

#[test]
fn no_request_is_above_a_cap() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 40,
        ..Config::default()
    });
    let scripts = (
        0..FORMATS.len(),
        0..DISTURBANCES.len(),
        0..6_usize,
        20..3000_usize,
        0..3000_usize,
        0..12_usize,
        2000..60_000_u64,
    );
    runner
        .run(
            &scripts,
            |(format, disturbance, images, bytes, words, cap, limit)| {
                let script = Script {
                    format: FORMATS[format],
                    disturbance: DISTURBANCES[disturbance],
                    turns: 12,
                    images,
                    image_bytes: bytes,
                    words,
                    max_images: Some(cap),
                    max_bytes: Some(limit),
                };
                for sent in runtime.block_on(play(script)) {
                    prop_assert!(sent.images <= cap);
                    prop_assert!(sent.bytes <= limit || sent.images == 0, "{sent:?}");
                    prop_assert_eq!(sent.bytes, sent.predicted);
                }
                Ok(())
            },
        )
        .unwrap();
}

#[test]
fn much_inline_media_is_hashed_once_and_beside_the_tasks_of_the_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    // While this is held, nothing else is done beside the tasks.
    let hold = || {
        let (release, held) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || held.recv().is_ok());
        release
    };
    let image = |seed| {
        let bytes = picture_bytes(seed, 512 * 1024);
        MediaContent::from_bytes(Mime::IMAGE_PNG, bytes)
    };
    let images: Vec<MediaContent> = (0..3).map(image).collect();
    let clones = images.clone();
    let outline_of = |images| {
        let mut outline = RequestOutline::new(500);
        outline.push(100, images);
        outline
    };
    let api = Capabilities::builtin().api("anthropic.messages").unwrap();
    let planner = RequestPlanner::new("anthropic", api);
    let media = MediaContext::default();
    let mut context = Context::from_waker(Waker::noop());
    runtime.block_on(async {
        let release = hold();
        let outline = outline_of(&images);
        let mut plan = pin!(planner.plan(&outline, &media));
        assert!(plan.as_mut().poll(&mut context).is_pending());
        let mut known = images.iter().map(MediaContent::known_inline_sha256);
        assert!(known.all(|hash| hash.is_none()));
        drop(release);
        let state = plan.await.state();
        for image in &clones {
            let hash = Sha256Hasher::digest(image.inline().unwrap());
            assert_eq!(image.known_inline_sha256(), Some(hash));
        }
        // The next round has nothing to wait for.
        let _release = hold();
        let outline = outline_of(&clones);
        let mut again = pin!(planner.plan(&outline, &media));
        let Poll::Ready(again) = again.as_mut().poll(&mut context) else {
            panic!("media is hashed again");
        };
        assert_eq!(again.state(), state);
    });
}

#[test]
fn a_row_of_another_version_is_as_none() {
    for text in ["{}", r#"{"v":7,"sent":"AAAA"}"#, r#"{"v":1,"sent":7}"#] {
        let state = state_of(text).unwrap();
        assert_eq!(state, conversation_providers::PlannerState::default());
    }
}
