//! Tools of the example that return images.

use examples::chart;
use media_storage::Sha256Hasher;
use tempfile::tempdir;

use crate::run::{files, run};

#[test]
fn the_model_looks_at_what_its_tool_drew() {
    let place = tempdir().unwrap();
    let out = run("tools_with_images", place.path(), &[]).ok();
    let chart = chart::bars(&[3.0, 9.0, 4.0, 12.0, 7.0]).unwrap();
    let hash = Sha256Hasher::digest(&chart).to_hex();
    assert!(
        out.contains("The tool draw_bar_chart answered: The chart is drawn; here it is."),
        "{out}"
    );
    // In the answer to the call, and in the next turn.
    assert_eq!(out.matches(&hash[..16]).count(), 2, "{out}");
    assert_eq!(out.matches("(sent again, from turn 1)").count(), 1, "{out}");
    let stored = files(&place.path().join("media"));
    let images: Vec<&String> = stored
        .iter()
        .filter(|file| file.ends_with(".png"))
        .collect();
    assert_eq!(images.len(), 1, "{stored:?}");
    let image = std::fs::read(place.path().join("media").join(images[0])).unwrap();
    assert_eq!(image, chart);
}

#[test]
fn what_cannot_be_drawn_is_told_to_the_model() {
    let place = tempdir().unwrap();
    let ask = ["--ask", "Draw -5 and 2"];
    let out = run("tools_with_images", place.path(), &ask).ok();
    assert!(out.contains("'values' has to be 1 to 40 numbers"), "{out}");
    assert!(
        files(&place.path().join("media"))
            .iter()
            .all(|file| !file.ends_with(".png"))
    );
}
