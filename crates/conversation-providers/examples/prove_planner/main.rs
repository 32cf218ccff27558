//! Prints what requests of a long conversation with images amount to: bytes of each turn, the share
//! of the request before that is still its beginning, and the first item that differs.
//!
//! usage: prove_planner [turns] [images a turn] [bytes of an image] [--all]
//!
//! With `--all` also for the conversations that are disturbed.

mod rounds;

use rounds::{DISTURBANCES, Disturbance, FORMATS, Script, Sent, play};

/// The images that the API takes in these conversations, and how many its bytes have room for where those
/// are the cap.
const CAP: usize = 20;
const IN_BYTES: usize = 18;

/// Bytes of words of a turn, and of what stands around them.
const WORDS: usize = 500;
const AROUND: usize = 300;

/// What a conversation comes up against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cap {
    Images,
    Bytes,
}

const CAPS: [Cap; 2] = [Cap::Images, Cap::Bytes];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let is_all = std::env::args().any(|option| option == "--all");
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|number| number.parse().ok());
    let turns = numbers.next().unwrap_or(30);
    let images = numbers.next().unwrap_or(2);
    let image_bytes = numbers.next().unwrap_or(20_000);
    let mut failures = 0;
    for format in FORMATS {
        for (disturbance, cap) in both() {
            let script = Script {
                format,
                disturbance,
                turns,
                images,
                image_bytes,
                words: WORDS,
                max_images: (cap == Cap::Images).then_some(CAP),
                max_bytes: Some(match cap {
                    Cap::Images => 8_000_000,
                    Cap::Bytes => {
                        (turns * (WORDS + AROUND) + IN_BYTES * text_len(image_bytes)) as u64
                    }
                }),
            };
            let sent = play(script).await;
            // Each model has a cache of its own.
            let models = match disturbance {
                Disturbance::TwoModels => 2,
                _ => 1,
            };
            let changes = (0..models).map(|model| {
                let of_model = sent.iter().skip(model).step_by(models);
                of_model.filter(|sent| sent.changed()).count()
            });
            let changes = changes.max().unwrap_or_default();
            let is_well = changes * 5 <= turns && sent.len() == turns && within(script, cap, &sent);
            failures += usize::from(!is_well);
            println!(
                "\n{} {disturbance:?}, cap of {cap:?}: {} turns, {} images, {changes} changes of the beginning: {}",
                format.capability_name(),
                sent.len(),
                turns * images,
                if is_well { "ok" } else { "FAILED" },
            );
            if is_all || disturbance == Disturbance::Nothing {
                print_turns(&sent);
            }
        }
    }
    let all = FORMATS.len() * both().count();
    println!(
        "\n{} of {all} conversations as they should be",
        all - failures
    );
    std::process::exit(i32::from(failures > 0));
}

fn both() -> impl Iterator<Item = (Disturbance, Cap)> {
    let of = |disturbance| CAPS.into_iter().map(move |cap| (disturbance, cap));
    DISTURBANCES.into_iter().flat_map(of)
}

/// The length of base64.
fn text_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Whether no request is above a cap, and the one that the conversation comes up against was reached.
fn within(script: Script, cap: Cap, sent: &[Sent]) -> bool {
    let most_bytes = script.max_bytes.unwrap_or(u64::MAX);
    let most_images = script.max_images.unwrap_or(usize::MAX);
    let are_within = sent.iter().all(|sent| {
        sent.images <= most_images
            && sent.bytes <= most_bytes
            && sent.bytes == sent.predicted
            && sent.state <= 4096
    });
    let all = script.turns * script.images;
    let is_left_out = sent.last().is_some_and(|last| last.images < all);
    let images = sent.iter().map(|sent| sent.images).max();
    let bytes = sent.iter().map(|sent| sent.bytes).max();
    // The next turn would have been too much.
    let turn = script.words + AROUND + script.images * (text_len(script.image_bytes) + AROUND);
    let is_reached = match cap {
        Cap::Images => images.unwrap_or_default() + script.images > most_images,
        Cap::Bytes => bytes.unwrap_or_default() + turn as u64 > most_bytes,
    };
    are_within && (all <= CAP || is_left_out && is_reached)
}

fn print_turns(sent: &[Sent]) {
    println!("turn   images      bytes   kept beginning   first difference");
    for (turn, sent) in sent.iter().enumerate() {
        let share = match sent.before {
            0 => "-".to_owned(),
            before => format!("{:.0} %", sent.shared as f64 * 100.0 / before as f64),
        };
        let first = match sent.first_difference {
            Some(index) => format!("item {index}"),
            None => "none".to_owned(),
        };
        println!(
            "{:4} {:8} {:10} {share:>16} {first:>18}",
            turn + 1,
            sent.images,
            sent.bytes
        );
    }
}
