//! An image that is changed over several turns.

use painter::{OutputFormat, Size, paint, repaint};
use tempfile::tempdir;

use crate::run::run;

#[test]
fn each_turn_changes_the_image_of_the_turn_before() {
    let place = tempdir().unwrap();
    let out = run("image_edit", place.path(), &["--size", "320x240"]).ok();
    let images: Vec<Vec<u8>> = out
        .lines()
        .filter_map(|line| line.trim().strip_prefix("stored:"))
        .map(|id| std::fs::read(place.path().join("media").join(id.trim())).unwrap())
        .collect();
    // What the peer makes of the bytes of the turn before, and of no others.
    let (png, size) = (OutputFormat::Png, Size::new(320, 240).unwrap());
    let first = paint("a serene lake at dawn", 0, size, png).unwrap();
    let night = repaint(&first, "Now at night", None, png).unwrap().unwrap();
    let boat = repaint(&night, "Add a boat", None, png).unwrap().unwrap();
    assert!(images == [first, night, boat], "{out}");
    assert!(
        out.contains("Image 1 with this change: Now at night."),
        "{out}"
    );
    assert!(
        out.contains("Image 2 with this change: Add a boat."),
        "{out}"
    );
}
