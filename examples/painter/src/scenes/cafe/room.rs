//! Brick wall, window to the street, floor.

use super::{DARK_WOOD, LAMPLIGHT, wood};
use crate::canvas::Canvas;
use crate::color::{Rgb, gradient, lerp, smoothstep};
use crate::noise::{Dice, Noise};
use crate::shape::{Area, Point, area, at};

const SKIRTING: f32 = 0.665;

pub(super) fn paint(canvas: &mut Canvas, dice: &mut Dice, wide: f32) {
    wall(canvas, dice);
    floor(canvas, dice, wide);
    window(canvas, dice, area(0.055 * wide, 0.17, 0.40 * wide, 0.535));
}

fn wall(canvas: &mut Canvas, dice: &mut Dice) {
    let (bricks, plaster) = (dice.noise(), dice.noise());
    let bound = area(0.0, 0.0, canvas.aspect(), SKIRTING);
    canvas.blend(bound, |p| {
        let light = lerp(0.42, 0.80, smoothstep(0.0, 0.35, p.y))
            * lerp(1.0, 0.70, smoothstep(0.45, SKIRTING, p.y));
        let warm = brick(bricks, plaster, p) * light;
        (warm, 1.0)
    });
    // Paneling below, up to the height of a chair's back.
    let panel = dice.noise();
    let rail = 0.555;
    canvas.blend(area(0.0, rail, canvas.aspect(), SKIRTING), |p| {
        let board = p.x / 0.045;
        let gap = smoothstep(0.06, 0.0, (board.fract() - 0.5).abs() - 0.44);
        let grain = panel.fbm(p.x * 60.0, p.y * 5.0, 3) - 0.5;
        let tone = lerp(0.85, 1.1, panel.cell(board as i32, 3)) + grain * 0.25;
        let color = Rgb::hex(0x274a45)
            * (tone * lerp(0.5, 1.0, gap) * lerp(0.95, 0.6, smoothstep(rail, SKIRTING, p.y)));
        (color, 1.0)
    });
    let strip = area(0.0, rail - 0.008, canvas.aspect(), rail + 0.004);
    canvas.blend(strip, |p| {
        (
            Rgb::hex(0x4b2b1a) * lerp(1.5, 0.7, smoothstep(rail - 0.008, rail + 0.004, p.y)),
            1.0,
        )
    });
}

fn brick(bricks: Noise, plaster: Noise, p: Point) -> Rgb {
    let (tall, long) = (0.0225, 0.060);
    let row = (p.y / tall).floor();
    let shift = if row as i32 % 2 == 0 { 0.0 } else { 0.5 };
    let column = (p.x / long + shift).floor();
    let wobble = 0.0012 * (plaster.at(p.x * 70.0, p.y * 70.0) - 0.5);
    let u = (p.x / long + shift - column - 0.5).abs() * long;
    let v = (p.y / tall - row - 0.5).abs() * tall;
    let edge = (long / 2.0 - u).min(tall / 2.0 - v) + wobble;
    let id = bricks.cell(column as i32, row as i32);
    let face = gradient(
        &[
            (0.0, Rgb::hex(0x6f3427)),
            (0.4, Rgb::hex(0x8e4630)),
            (0.75, Rgb::hex(0xa65a3c)),
            (1.0, Rgb::hex(0x7a4a3c)),
        ],
        id,
    );
    let rough = plaster.fbm(p.x * 55.0, p.y * 55.0, 4) - 0.5;
    let face = face * (1.0 + rough * 0.55);
    let mortar = Rgb::hex(0x8a7463) * (0.62 + rough * 0.4);
    mortar.mix(face, smoothstep(0.0012, 0.0034, edge))
}

fn floor(canvas: &mut Canvas, dice: &mut Dice, wide: f32) {
    let (grain, boards) = (dice.noise(), dice.noise());
    let vanish = at(0.52 * wide, 0.40);
    canvas.blend(area(0.0, SKIRTING, canvas.aspect(), 1.0), |p| {
        let depth = (SKIRTING - vanish.y) / (p.y - vanish.y);
        let across = (p.x - vanish.x) * depth;
        let plank = across / 0.040;
        let id = plank.floor() as i32;
        let along = 1.0 / (p.y - vanish.y) * 2.4 + boards.cell(id, 1) * 5.0;
        let piece = along.floor() as i32;
        let tone = lerp(0.72, 1.14, boards.cell(id, piece));
        let gap = smoothstep(0.5, 0.465, (plank - plank.floor() - 0.5).abs());
        let joint = smoothstep(0.5, 0.485, (along - along.floor() - 0.5).abs());
        let color = wood(
            grain,
            at(along * 0.35, across * 0.9),
            Rgb::hex(0x94602f),
            Rgb::hex(0x5b3419),
        );
        let light = lerp(0.70, 0.92, smoothstep(SKIRTING, 0.82, p.y))
            * lerp(1.0, 0.6, smoothstep(0.86, 1.02, p.y));
        (
            color * (tone * light * lerp(0.35, 1.0, gap) * lerp(0.5, 1.0, joint)),
            1.0,
        )
    });
    // Lamps on the polish.
    for x in [0.235, 0.53, 0.77] {
        let spot = at(x * wide, 0.775);
        canvas.light(Area::around(spot, 0.22, 0.11), |p| {
            let k = ((p.x - spot.x) / 0.22).hypot((p.y - spot.y) / 0.11);
            LAMPLIGHT * (0.17 * smoothstep(1.0, 0.0, k))
        });
    }
    canvas.blend(
        area(0.0, SKIRTING - 0.014, canvas.aspect(), SKIRTING + 0.012),
        |p| {
            let board = p.y < SKIRTING;
            (
                if board { DARK_WOOD * 0.8 } else { Rgb::BLACK },
                if board {
                    1.0
                } else {
                    0.4 * smoothstep(SKIRTING + 0.012, SKIRTING, p.y)
                },
            )
        },
    );
}

/// A street at dusk out of focus, behind a frame of dark wood.
fn window(canvas: &mut Canvas, dice: &mut Dice, frame: Area) {
    let inner = frame.grown(-0.014);
    let street = dice.noise();
    let dusk = [
        (0.0, Rgb::hex(0x1b2752)),
        (0.45, Rgb::hex(0x3f4a7d)),
        (0.75, Rgb::hex(0x8a6480)),
        (1.0, Rgb::hex(0x3a2f45)),
    ];
    canvas.fill(
        frame.grown(0.004),
        |p| frame.rounded(p, 0.004),
        |_| DARK_WOOD * 0.75,
    );
    canvas.blend(inner, |p| {
        let t = (p.y - inner.top) / (inner.bottom - inner.top);
        let roofs = 0.36 + 0.30 * street.at(p.x * 9.0, 4.0);
        let house = smoothstep(roofs, roofs + 0.06, t) * 0.72;
        let color = gradient(&dusk, t).mix(Rgb::hex(0x1d1a33), house);
        (
            color + LAMPLIGHT * (0.14 * smoothstep(0.4, 0.9, t) * street.at(p.x * 14.0, p.y * 5.0)),
            1.0,
        )
    });
    let lights = [0xffb45e, 0xffd28a, 0xff7a59, 0x8fd0ff, 0xff9ecb, 0xffe3b3];
    for _ in 0..46 {
        let radius = dice.range(0.007, 0.021);
        let center = at(
            dice.range(inner.left, inner.right),
            lerp(
                inner.top,
                inner.bottom,
                dice.range(0.35, 0.98).max(dice.range(0.3, 0.9)),
            ),
        );
        let color = Rgb::hex(dice.pick(&lights, 0xffffff));
        let strength = dice.range(0.12, 0.42);
        canvas.light(Area::around(center, radius, radius), |p| {
            let inside = inner.rounded(p, 0.0) < 0.0;
            let away = p.distance(center);
            let disc = smoothstep(radius, radius * 0.86, away) * lerp(0.7, 1.0, away / radius);
            if inside {
                color * (disc * strength)
            } else {
                Rgb::BLACK
            }
        });
    }
    let bars_x = [
        lerp(frame.left, frame.right, 1.0 / 3.0),
        lerp(frame.left, frame.right, 2.0 / 3.0),
    ];
    let bar_y = lerp(frame.top, frame.bottom, 0.34);
    canvas.fill(
        frame,
        |p| {
            let upright = bars_x
                .iter()
                .map(|x| (p.x - x).abs() - 0.0042)
                .fold(f32::MAX, f32::min);
            upright.min((p.y - bar_y).abs() - 0.0042)
        },
        |p| DARK_WOOD * lerp(1.25, 0.7, ((p.x + p.y) * 300.0).sin().abs() * 0.3),
    );
    let sill = area(
        frame.left - 0.022,
        frame.bottom - 0.004,
        frame.right + 0.022,
        frame.bottom + 0.020,
    );
    let grain = dice.noise();
    canvas.fill(
        sill.grown(0.003),
        |p| sill.rounded(p, 0.004),
        |p| {
            wood(grain, p, Rgb::hex(0x80502c), Rgb::hex(0x4a2c18))
                * lerp(1.15, 0.6, smoothstep(sill.top, sill.bottom, p.y))
        },
    );
}
