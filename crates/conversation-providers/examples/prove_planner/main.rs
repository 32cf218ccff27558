//! Prints what requests of a long conversation with images amount to: bytes of each turn, the share
//! of the request before that is still its beginning, and the first item that differs.
//!
//! usage: prove_planner [turns] [images a turn] [bytes of an image]

mod rounds;

use rounds::{DISTURBANCES, Disturbance, FORMATS, Script, Sent, play};

/// The images that the API takes in these conversations.
const CAP: usize = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|number| number.parse().ok());
    let turns = numbers.next().unwrap_or(30);
    let images = numbers.next().unwrap_or(2);
    let image_bytes = numbers.next().unwrap_or(20_000);
    let mut failures = 0;
    for format in FORMATS {
        for disturbance in DISTURBANCES {
            let script = Script {
                format,
                disturbance,
                turns,
                images,
                image_bytes,
                words: 500,
                max_images: Some(CAP),
                max_bytes: Some(8_000_000),
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
            let is_well = changes * 5 <= turns && sent.len() == turns && within(&sent);
            failures += usize::from(!is_well);
            println!(
                "\n{} {disturbance:?}: {} turns, {} images, {changes} changes of the beginning: {}",
                format.capability_name(),
                sent.len(),
                turns * images,
                if is_well { "ok" } else { "FAILED" },
            );
            if disturbance == Disturbance::Nothing {
                print_turns(&sent);
            }
        }
    }
    let all = FORMATS.len() * DISTURBANCES.len();
    println!(
        "\n{} of {all} conversations as they should be",
        all - failures
    );
    std::process::exit(i32::from(failures > 0));
}

fn within(sent: &[Sent]) -> bool {
    sent.iter()
        .all(|sent| sent.images <= CAP && sent.bytes == sent.predicted && sent.state <= 4096)
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
