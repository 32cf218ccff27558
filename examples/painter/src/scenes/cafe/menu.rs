//! The menu on the wall.

use super::wood;
use crate::canvas::Canvas;
use crate::color::{Rgb, smoothstep};
use crate::noise::Dice;
use crate::shape::{Area, Point, area, at, stroke};

/// A blackboard with chalk that looks like writing from afar.
pub(super) fn menu(canvas: &mut Canvas, dice: &mut Dice, frame: Area) {
    let shadow = frame.grown(0.012);
    canvas.blend(shadow, |p| {
        (
            Rgb::BLACK,
            0.4 * smoothstep(0.012, 0.0, frame.rounded(p, 0.004)),
        )
    });
    let (grain, chalk) = (dice.noise(), dice.noise());
    canvas.fill(
        frame,
        |p| frame.rounded(p, 0.003),
        |p| wood(grain, p, Rgb::hex(0x8a5a30), Rgb::hex(0x553219)),
    );
    let slate = frame.grown(-0.009);
    canvas.fill(
        slate,
        |p| slate.rounded(p, 0.001),
        |p| {
            let dust = chalk.fbm(p.x * 22.0, p.y * 30.0, 4);
            Rgb::hex(0x1d2624) + Rgb::WHITE * (0.09 * smoothstep(0.45, 0.8, dust))
        },
    );
    let middle = (slate.left + slate.right) / 2.0;
    let title = slate.top + 0.024;
    scribble(
        canvas,
        dice,
        at(middle - 0.042, title),
        0.084,
        0.0095,
        Rgb::hex(0xffe3a8),
    );
    for side in [-1.0, 1.0] {
        let (from, to) = (
            at(middle, title + 0.017),
            at(middle + side * 0.05, title + 0.017),
        );
        canvas.fill(
            area(from.x.min(to.x), from.y, from.x.max(to.x), from.y).grown(0.002),
            |p| stroke(p, from, to, 0.0013),
            |_| Rgb::hex(0xd8cfb8),
        );
    }
    for line in 0..6 {
        let y = title + 0.040 + 0.0215 * line as f32;
        scribble(
            canvas,
            dice,
            at(slate.left + 0.012, y),
            dice_length(line),
            0.0055,
            Rgb::hex(0xe8e2d4),
        );
        scribble(
            canvas,
            dice,
            at(slate.right - 0.030, y),
            0.018,
            0.0055,
            Rgb::hex(0xf2b56b),
        );
    }
}

fn dice_length(line: usize) -> f32 {
    [0.060, 0.074, 0.052, 0.080, 0.066, 0.058]
        .get(line)
        .copied()
        .unwrap_or(0.06)
}

fn scribble(
    canvas: &mut Canvas,
    dice: &mut Dice,
    start: Point,
    length: f32,
    tall: f32,
    color: Rgb,
) {
    let mut from = start;
    let mut gap = 0;
    while from.x < start.x + length {
        let to = at(
            from.x + tall * dice.range(0.22, 0.5),
            start.y + tall * dice.range(-0.5, 0.5),
        );
        gap += 1;
        if gap % 9 != 0 {
            let (a, b) = (from, to);
            let bound = area(a.x, a.y.min(b.y), b.x, a.y.max(b.y)).grown(0.002);
            canvas.fill(bound, |p| stroke(p, a, b, 0.0014), |_| color * 0.82);
        }
        from = to;
    }
}
