//! A coffee cup.

use super::turned;
use crate::canvas::Canvas;
use crate::color::Rgb;
use crate::shape::{Area, Point, area, at, taper};

pub(super) fn cup_on(canvas: &mut Canvas, foot: Point, half: f32, color: Rgb) {
    let tall = half * 1.75;
    let handle = at(foot.x + half * 1.05, foot.y - tall * 0.55);
    canvas.fill(
        Area::around(handle, half, half),
        |p| (p.distance(handle) - half * 0.42).abs() - half * 0.12,
        |_| color * 0.62,
    );
    let bound = area(foot.x - half, foot.y - tall, foot.x + half, foot.y);
    canvas.fill(
        bound,
        |p| taper(p, foot.x, (foot.y - tall, half), (foot.y, half * 0.68)),
        |p| turned(color, (p.x - foot.x) / half),
    );
}
