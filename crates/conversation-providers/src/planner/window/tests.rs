use proptest::prelude::*;

use super::*;
use crate::planner::ManyImages;

fn image(bytes: u64) -> ItemWeight {
    ItemWeight {
        bytes,
        text: 40,
        can_be_sent: true,
        is_image: true,
        is_oversize: false,
    }
}

fn turns(turns: usize, images: usize, bytes: u64) -> Vec<StepWeight> {
    let turn = [
        StepWeight {
            words: 100,
            items: vec![image(bytes); images],
        },
        StepWeight {
            words: 300,
            items: Vec::new(),
        },
    ];
    std::iter::repeat_n(turn, turns).flatten().collect()
}

/// The number of items that are left out in each of the turns.
fn skipped(turns: &[StepWeight], limits: Limits) -> Vec<usize> {
    let ends = (1..=turns.len()).step_by(2);
    ends.map(|end| Window::of(1000, &turns[..end], limits, 0).skipped)
        .collect()
}

fn changes(skipped: &[usize]) -> Vec<usize> {
    let pairs = skipped.windows(2).enumerate();
    pairs
        .filter(|(_, pair)| pair[0] != pair[1])
        .map(|(at, _)| at + 1)
        .collect()
}

#[test]
fn a_step_leaves_room_for_five_turns() {
    let limits = Limits {
        images: Some(20),
        ..Limits::default()
    };
    let skipped = skipped(&turns(30, 2, 1000), limits);
    assert_eq!(changes(&skipped), [10, 16, 22, 28]);
    assert_eq!(skipped[10], 12);
}

#[test]
fn one_image_a_turn_goes_down_to_three_quarters() {
    let limits = Limits {
        items: Some(20),
        ..Limits::default()
    };
    let skipped = skipped(&turns(40, 1, 1000), limits);
    assert_eq!(changes(&skipped), [20, 26, 32, 38]);
    assert_eq!(skipped[20], 6);
}

#[test]
fn the_newest_message_is_cut_only_as_far_as_it_must() {
    let limits = Limits {
        images: Some(20),
        ..Limits::default()
    };
    let of = |images: &[usize]| {
        let steps: Vec<StepWeight> = images.iter().flat_map(|n| turns(1, *n, 10)).collect();
        Window::of(0, &steps, limits, 0).skipped
    };
    assert_eq!(of(&[25]), 5);
    assert_eq!(of(&[3, 20]), 3);
    assert_eq!(of(&[20]), 0);
    let none = Limits {
        images: Some(0),
        ..Limits::default()
    };
    assert_eq!(Window::of(0, &turns(3, 2, 10), none, 0).skipped, 6);
}

#[test]
fn words_count_and_move_nothing_twice() {
    let limits = Limits {
        bytes: Some(100_000),
        ..Limits::default()
    };
    let mut steps = turns(8, 1, 10_000);
    let before = Window::of(1000, &steps, limits, 0);
    assert_eq!(before.skipped, 0);
    steps.push(StepWeight {
        words: 30_000,
        items: Vec::new(),
    });
    let after = Window::of(1000, &steps, limits, 0);
    assert!(after.by_bytes && after.bytes <= 75_000, "{after:?}");
    for _ in 0..5 {
        steps.push(StepWeight {
            words: 1000,
            items: Vec::new(),
        });
        let later = Window::of(1000, &steps, limits, 0);
        assert_eq!(later.skipped, after.skipped);
    }
}

#[test]
fn oversize_images_hold_the_number_down() {
    let limits = Limits {
        images: Some(100),
        many: Some(ManyImages {
            above: 20,
            max_side: 2000,
        }),
        ..Limits::default()
    };
    let mut steps = turns(30, 1, 10);
    assert_eq!(Window::of(0, &steps, limits, 0).skipped, 0);
    steps[40].items[0].is_oversize = true;
    let window = Window::of(0, &steps, limits, 0);
    assert!(window.skipped >= 10, "{window:?}");
}

fn step() -> impl Strategy<Value = StepWeight> {
    let item = (1..50_000_u64, 0..200_u64, any::<[bool; 3]>()).prop_map(|(bytes, text, is)| {
        let [can_be_sent, is_image, is_oversize] = is;
        ItemWeight {
            bytes,
            text: text.min(bytes),
            can_be_sent,
            is_image,
            is_oversize: is_image && is_oversize,
        }
    });
    (0..20_000_u64, prop::collection::vec(item, 0..6))
        .prop_map(|(words, items)| StepWeight { words, items })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_is_above_a_cap_and_steps_are_final(
        steps in prop::collection::vec(step(), 1..40),
        bytes in 0..400_000_u64,
        items in 0..30_usize,
        images in 0..30_usize,
    ) {
        let many = Some(ManyImages { above: 4, max_side: 9 });
        let limits = Limits { bytes: Some(bytes), items: Some(items), images: Some(images), many };
        let mut before = 0;
        for end in 1..=steps.len() {
            let window = Window::of(10, &steps[..end], limits, 0);
            let all: Vec<_> = steps[..end].iter().flat_map(|step| &step.items).collect();
            let sent: Vec<_> = all[window.skipped..].iter().filter(|i| i.can_be_sent).collect();
            let of_images = sent.iter().filter(|item| item.is_image).count();
            prop_assert!(sent.len() <= items && of_images <= images);
            prop_assert!(of_images <= 4 || sent.iter().all(|item| !item.is_oversize));
            let body: u64 = 10
                + steps[..end].iter().map(|step| step.words).sum::<u64>()
                + all.iter().enumerate().map(|(at, item)| {
                    let is_sent = at >= window.skipped && item.can_be_sent;
                    if is_sent { item.bytes } else { item.text }
                }).sum::<u64>();
            prop_assert_eq!(body, window.bytes);
            prop_assert!(body <= bytes || sent.is_empty());
            // What was left out stays out, and is found again where it is known already.
            prop_assert!(window.skipped >= before);
            prop_assert_eq!(
                Window::of(10, &steps[..end], limits, before).skipped,
                window.skipped
            );
            before = window.skipped;
        }
    }
}
