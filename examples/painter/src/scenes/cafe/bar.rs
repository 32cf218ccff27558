//! The counter, and the shelves behind it.

use super::cup::cup_on;
use super::machine::{cake_dome, machine};
use super::menu::menu;
use super::{BRASS, turned, wood};
use crate::canvas::Canvas;
use crate::color::{Rgb, lerp, smoothstep};
use crate::noise::Dice;
use crate::shape::{Area, Point, area, at, taper};

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
        let color = Rgb::hex(dice.pick(&glass, 0xd9cbb0));
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
            jar(canvas, foot, half, tall, color);
        } else if kind < 0.75 {
            bottle(canvas, foot, half, tall, color);
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

fn jar(canvas: &mut Canvas, foot: Point, half: f32, tall: f32, color: Rgb) {
    let body = area(foot.x - half, foot.y - tall, foot.x + half, foot.y);
    canvas.fill(
        body,
        |p| body.rounded(p, 0.004),
        |p| {
            let full = smoothstep(body.top + tall * 0.30, body.top + tall * 0.36, p.y);
            turned(
                Rgb::hex(0xb9b0a0).mix(color * 0.8, full),
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

fn bottle(canvas: &mut Canvas, foot: Point, half: f32, tall: f32, color: Rgb) {
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
                color * 0.62
            };
            turned(base, (p.x - foot.x) / half)
        },
    );
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
            let color = Rgb::hex(0xb8a88f).mix(Rgb::hex(0x7d6c58), smoothstep(0.42, 0.64, stone));
            color * lerp(1.1, 0.55, smoothstep(slab.top + 0.006, slab.bottom, p.y))
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
