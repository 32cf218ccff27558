//! Counter, espresso machine, cakes under glass, shelves and the board with the menu.

use super::{BRASS, LAMPLIGHT, turned, wood};
use crate::peer::painter::canvas::Canvas;
use crate::peer::painter::colour::{Rgb, lerp, smoothstep};
use crate::peer::painter::noise::Dice;
use crate::peer::painter::shape::{Area, Point, area, at, ellipse, stroke, taper};

const TOP: f32 = 0.535;
const FOOT: f32 = 0.80;

pub(super) fn paint(canvas: &mut Canvas, dice: &mut Dice, wide: f32) {
    let right = canvas.aspect();
    for (level, y) in [0.255, 0.365].into_iter().enumerate() {
        shelf(
            canvas,
            dice,
            area(0.665 * wide, y, 0.965 * wide, y + 0.013),
            level,
        );
    }
    menu(canvas, dice, area(0.445 * wide, 0.215, 0.615 * wide, 0.435));
    counter(canvas, dice, area(0.47 * wide, TOP, right + 0.02, FOOT));
    machine(canvas, at(0.815 * wide, TOP));
    cake_dome(canvas, dice, at(0.575 * wide, TOP));
    for cup in 0..3 {
        let foot = at(0.672 * wide + 0.021 * cup as f32, TOP);
        cup_on(canvas, foot, 0.0105, Rgb::hex(0xe9dfcf));
    }
}

fn shelf(canvas: &mut Canvas, dice: &mut Dice, board: Area, level: usize) {
    let shadow = area(board.left, board.bottom, board.right, board.bottom + 0.03);
    canvas.blend(shadow, |p| {
        (
            Rgb::BLACK,
            0.45 * smoothstep(shadow.bottom, shadow.top, p.y),
        )
    });
    let glass = [0x6f8f5a, 0xb98a4a, 0x9a4f3a, 0x5c7f8d, 0xd9cbb0, 0x8b6b4f];
    let mut x = board.left + 0.012;
    while x < board.right - 0.02 {
        let colour = Rgb::hex(dice.pick(&glass, 0xd9cbb0));
        let kind = dice.unit();
        let (half, tall) = if kind < 0.45 {
            (dice.range(0.010, 0.014), dice.range(0.026, 0.042))
        } else if kind < 0.75 {
            (dice.range(0.007, 0.010), dice.range(0.050, 0.070))
        } else {
            (0.011, 0.020)
        };
        let foot = at(x + half, board.top);
        if kind < 0.45 {
            jar(canvas, foot, half, tall, colour);
        } else if kind < 0.75 {
            bottle(canvas, foot, half, tall, colour);
        } else {
            cup_on(
                canvas,
                foot,
                half,
                Rgb::hex(if level == 0 { 0xe6dccb } else { 0xc9563f }),
            );
        }
        x += 2.0 * half + dice.range(0.004, 0.012);
    }
    let grain = dice.noise();
    canvas.fill(
        board.grown(0.002),
        |p| board.rounded(p, 0.002),
        |p| {
            wood(grain, p, Rgb::hex(0xa06a3a), Rgb::hex(0x633b1e))
                * lerp(1.2, 0.65, smoothstep(board.top, board.bottom, p.y))
        },
    );
    for x in [board.left + 0.03, board.right - 0.03] {
        let bracket = area(x - 0.003, board.bottom, x + 0.003, board.bottom + 0.022);
        canvas.fill(
            bracket,
            |p| bracket.rounded(p, 0.001),
            |_| Rgb::hex(0x15100d),
        );
    }
}

fn jar(canvas: &mut Canvas, foot: Point, half: f32, tall: f32, colour: Rgb) {
    let body = area(foot.x - half, foot.y - tall, foot.x + half, foot.y);
    canvas.fill(
        body,
        |p| body.rounded(p, 0.004),
        |p| {
            let full = smoothstep(body.top + tall * 0.30, body.top + tall * 0.36, p.y);
            turned(
                Rgb::hex(0xb9b0a0).mix(colour * 0.8, full),
                (p.x - foot.x) / half,
            )
        },
    );
    let lid = area(
        foot.x - half * 0.85,
        body.top - 0.006,
        foot.x + half * 0.85,
        body.top + 0.002,
    );
    canvas.fill(
        lid,
        |p| lid.rounded(p, 0.002),
        |p| turned(BRASS, (p.x - foot.x) / half),
    );
}

fn bottle(canvas: &mut Canvas, foot: Point, half: f32, tall: f32, colour: Rgb) {
    let bound = area(foot.x - half, foot.y - tall, foot.x + half, foot.y);
    let shoulder = foot.y - tall * 0.58;
    canvas.fill(
        bound,
        |p| {
            let body = area(bound.left, shoulder, bound.right, foot.y).rounded(p, half * 0.45);
            let neck = taper(
                p,
                foot.x,
                (bound.top, half * 0.34),
                (shoulder + half, half * 0.5),
            );
            body.min(neck)
        },
        |p| {
            let label = p.y > foot.y - tall * 0.38 && p.y < foot.y - tall * 0.14;
            let base = if label {
                Rgb::hex(0xd8c49a)
            } else {
                colour * 0.62
            };
            turned(base, (p.x - foot.x) / half)
        },
    );
}

pub(super) fn cup_on(canvas: &mut Canvas, foot: Point, half: f32, colour: Rgb) {
    let tall = half * 1.75;
    let handle = at(foot.x + half * 1.05, foot.y - tall * 0.55);
    canvas.fill(
        Area::around(handle, half, half),
        |p| (p.distance(handle) - half * 0.42).abs() - half * 0.12,
        |_| colour * 0.62,
    );
    let bound = area(foot.x - half, foot.y - tall, foot.x + half, foot.y);
    canvas.fill(
        bound,
        |p| taper(p, foot.x, (foot.y - tall, half), (foot.y, half * 0.68)),
        |p| turned(colour, (p.x - foot.x) / half),
    );
}

/// A blackboard with chalk that looks like writing from afar.
fn menu(canvas: &mut Canvas, dice: &mut Dice, frame: Area) {
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
    colour: Rgb,
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
            canvas.fill(bound, |p| stroke(p, a, b, 0.0014), |_| colour * 0.82);
        }
        from = to;
    }
}

fn counter(canvas: &mut Canvas, dice: &mut Dice, front: Area) {
    let (grain, boards) = (dice.noise(), dice.noise());
    canvas.blend(
        area(front.left - 0.03, FOOT - 0.01, front.right, FOOT + 0.045),
        |p| {
            let fade = smoothstep(FOOT + 0.045, FOOT, p.y)
                * smoothstep(front.left - 0.03, front.left + 0.02, p.x);
            (Rgb::BLACK, 0.6 * fade)
        },
    );
    canvas.fill(
        front,
        |p| front.rounded(p, 0.003),
        |p| {
            let plank = (p.x - front.left) / 0.052;
            let id = plank.floor() as i32;
            let seam = smoothstep(0.5, 0.465, (plank - plank.floor() - 0.5).abs());
            // The grain of the front runs upwards.
            let board = wood(
                grain,
                at(p.y + boards.cell(id, 0) * 9.0, p.x),
                Rgb::hex(0x8f5a2e),
                Rgb::hex(0x4f2d16),
            );
            let light = lerp(0.95, 0.42, smoothstep(TOP + 0.02, FOOT, p.y));
            board * (lerp(0.8, 1.12, boards.cell(id, 1)) * light * lerp(0.4, 1.0, seam))
        },
    );
    let kick = area(front.left + 0.01, FOOT - 0.03, front.right, FOOT);
    canvas.fill(kick, |p| kick.rounded(p, 0.0), |_| Rgb::hex(0x160e0a));
    let rail = FOOT - 0.062;
    canvas.fill(
        area(front.left, rail - 0.006, front.right, rail + 0.006),
        |p| (p.y - rail).abs() - 0.0032,
        |p| BRASS * lerp(1.5, 0.5, smoothstep(rail - 0.003, rail + 0.004, p.y)),
    );
    let slab = area(front.left - 0.022, TOP, front.right, TOP + 0.024);
    canvas.fill(
        slab.grown(0.003),
        |p| slab.rounded(p, 0.005),
        |p| {
            let stone = grain.fbm(p.x * 12.0, p.y * 18.0, 5);
            let colour = Rgb::hex(0xb8a88f).mix(Rgb::hex(0x7d6c58), smoothstep(0.42, 0.64, stone));
            colour * lerp(1.1, 0.55, smoothstep(slab.top + 0.006, slab.bottom, p.y))
        },
    );
    canvas.blend(
        area(front.left, slab.bottom, front.right, slab.bottom + 0.03),
        |p| {
            (
                Rgb::BLACK,
                0.5 * smoothstep(slab.bottom + 0.03, slab.bottom, p.y),
            )
        },
    );
}

fn machine(canvas: &mut Canvas, foot: Point) {
    let steel = |p: Point, half: f32| {
        let side = (p.x - foot.x) / half;
        let shine = smoothstep(0.22, 0.0, (side + 0.55).abs())
            + 0.5 * smoothstep(0.12, 0.0, (side - 0.42).abs());
        Rgb::hex(0x77706a) * lerp(1.0, 0.62, smoothstep(-1.0, 1.0, side))
            + Rgb::hex(0xffe4bd) * (0.42 * shine)
    };
    let base = area(foot.x - 0.100, foot.y - 0.022, foot.x + 0.100, foot.y);
    canvas.fill(base, |p| base.rounded(p, 0.005), |p| steel(p, 0.1) * 0.75);
    let back = area(
        foot.x - 0.088,
        foot.y - 0.085,
        foot.x + 0.088,
        foot.y - 0.02,
    );
    canvas.fill(back, |p| back.rounded(p, 0.003), |p| steel(p, 0.09) * 0.36);
    for x in [-0.045, 0.045] {
        let group = at(foot.x + x, foot.y - 0.070);
        let head = area(
            group.x - 0.014,
            group.y - 0.010,
            group.x + 0.014,
            group.y + 0.010,
        );
        canvas.fill(
            head,
            |p| head.rounded(p, 0.004),
            |p| turned(Rgb::hex(0xb5aaa0), (p.x - group.x) / 0.014),
        );
        let (from, to) = (
            at(group.x, group.y + 0.008),
            at(group.x - 0.030, group.y + 0.016),
        );
        canvas.fill(
            area(to.x - 0.01, from.y - 0.01, from.x + 0.01, to.y + 0.01),
            |p| stroke(p, from, to, 0.008),
            |_| Rgb::hex(0x17100c),
        );
        cup_on(
            canvas,
            at(group.x, foot.y - 0.021),
            0.011,
            Rgb::hex(0xf0e8da),
        );
    }
    let hood = area(
        foot.x - 0.106,
        foot.y - 0.142,
        foot.x + 0.106,
        foot.y - 0.080,
    );
    canvas.fill(
        hood,
        |p| hood.rounded(p, 0.014),
        |p| {
            let red = Rgb::hex(0x9d2a22);
            let side = (p.x - foot.x) / 0.106;
            let band = smoothstep(hood.top + 0.020, hood.top, p.y);
            turned(red, side * 0.9) * lerp(0.85, 1.05, band) + Rgb::hex(0xffd9b0) * (0.25 * band)
        },
    );
    let badge = area(
        foot.x - 0.030,
        foot.y - 0.120,
        foot.x + 0.030,
        foot.y - 0.102,
    );
    canvas.fill(
        badge,
        |p| badge.rounded(p, 0.008),
        |p| turned(BRASS * 1.25, (p.x - foot.x) / 0.03),
    );
    for x in [-0.075, 0.075] {
        let dial = at(foot.x + x, foot.y - 0.110);
        canvas.fill(
            Area::around(dial, 0.013, 0.013),
            |p| p.distance(dial) - 0.012,
            |p| {
                if p.distance(dial) > 0.0095 {
                    BRASS
                } else {
                    Rgb::hex(0xf4eddc)
                }
            },
        );
        let tip = at(dial.x + 0.005, dial.y - 0.005);
        canvas.fill(
            Area::around(dial, 0.012, 0.012),
            |p| stroke(p, dial, tip, 0.0014),
            |_| Rgb::hex(0x8a1f18),
        );
    }
    for cup in 0..5 {
        cup_on(
            canvas,
            at(foot.x - 0.066 + 0.033 * cup as f32, foot.y - 0.141),
            0.0115,
            Rgb::hex(0xefe5d3),
        );
    }
    let (from, to) = (
        at(foot.x + 0.098, foot.y - 0.075),
        at(foot.x + 0.116, foot.y - 0.018),
    );
    canvas.fill(
        area(from.x, from.y, to.x, to.y).grown(0.004),
        |p| stroke(p, from, to, 0.0035),
        |_| Rgb::hex(0xcfc3b4),
    );
    canvas.glow(at(foot.x, foot.y - 0.05), 0.12, LAMPLIGHT, 0.14);
}

fn cake_dome(canvas: &mut Canvas, dice: &mut Dice, foot: Point) {
    let stand = at(foot.x, foot.y - 0.026);
    let stem = area(foot.x - 0.008, stand.y, foot.x + 0.008, foot.y);
    canvas.fill(
        stem,
        |p| taper(p, foot.x, (stand.y, 0.005), (foot.y, 0.017)),
        |p| turned(Rgb::hex(0xe3d7c3), (p.x - foot.x) / 0.017),
    );
    for (dx, dy) in [
        (-0.030, 0.0),
        (0.0, 0.0),
        (0.030, 0.0),
        (-0.015, -0.015),
        (0.015, -0.015),
        (0.0, -0.029),
    ] {
        let bun = at(stand.x + dx, stand.y - 0.011 + dy);
        let crust = dice.noise();
        canvas.fill(
            Area::around(bun, 0.020, 0.015),
            |p| ellipse(p, bun, 0.0185, 0.0115),
            |p| {
                let baked = crust.fbm(p.x * 130.0, p.y * 130.0, 3);
                let side = (p.x - bun.x) / 0.0185;
                turned(
                    Rgb::hex(0xd08a3c).mix(Rgb::hex(0x8f4f1c), smoothstep(0.4, 0.65, baked)),
                    side,
                ) * lerp(1.15, 0.6, smoothstep(bun.y - 0.011, bun.y + 0.011, p.y))
            },
        );
    }
    let plate = area(
        foot.x - 0.062,
        stand.y - 0.004,
        foot.x + 0.062,
        stand.y + 0.004,
    );
    canvas.fill(
        plate,
        |p| plate.rounded(p, 0.004),
        |p| turned(Rgb::hex(0xefe6d6), (p.x - foot.x) / 0.062),
    );
    let middle = at(foot.x, stand.y - 0.004);
    canvas.blend(Area::around(middle, 0.07, 0.09), |p| {
        let d = ellipse(p, middle, 0.058, 0.076).max(p.y - middle.y);
        let rim = smoothstep(0.004, 0.0, d.abs());
        let gleam = smoothstep(0.010, 0.0, (ellipse(p, middle, 0.045, 0.060)).abs())
            * smoothstep(-0.01, -0.04, p.x - middle.x);
        let inside = if d < 0.0 { 0.07 } else { 0.0 };
        (
            Rgb::hex(0xf6ead8),
            (0.42 * rim + 0.38 * gleam * f32::from(u8::from(d < 0.0)) + inside).min(0.6),
        )
    });
    let knob = at(middle.x, middle.y - 0.081);
    canvas.fill(
        Area::around(knob, 0.008, 0.008),
        |p| p.distance(knob) - 0.0062,
        |_| BRASS * 1.2,
    );
}
