//! In front: a round table with a steaming cup, two chairs and a plant.

use super::{LAMPLIGHT, turned, wood};
use crate::canvas::Canvas;
use crate::color::{Rgb, lerp, smoothstep};
use crate::noise::Dice;
use crate::shape::{Area, Point, area, at, ellipse, stroke, taper};

pub(super) fn paint(canvas: &mut Canvas, dice: &mut Dice, wide: f32) {
    plant(canvas, dice, at(0.055 * wide, 0.80));
    let middle = at(0.325 * wide, 0.775);
    chair(canvas, at(middle.x - 0.185, 0.725), 1.0);
    chair(canvas, at(middle.x + 0.195, 0.735), -1.0);
    table(canvas, dice, middle);
    let cup = at(middle.x + 0.035, middle.y + 0.006);
    saucer_and_cup(canvas, cup);
    book(canvas, at(middle.x - 0.10, middle.y + 0.010));
    candle(canvas, at(middle.x - 0.012, middle.y - 0.022));
    steam(canvas, dice, at(cup.x, cup.y - 0.062));
}

/// A bentwood chair, turned to the table; `facing` is 1 for the one on the left.
fn chair(canvas: &mut Canvas, seat: Point, facing: f32) {
    let shadow = at(seat.x, seat.y + 0.185);
    canvas.blend(Area::around(shadow, 0.13, 0.03), |p| {
        (
            Rgb::BLACK,
            0.45 * smoothstep(
                1.0,
                0.0,
                ((p.x - shadow.x) / 0.13).hypot((p.y - shadow.y) / 0.03),
            ),
        )
    });
    let tone = |p: Point| {
        Rgb::hex(0x4a2817) * lerp(1.35, 0.65, smoothstep(seat.y - 0.18, seat.y + 0.19, p.y))
    };
    let lean = -facing * 0.022;
    let back = at(seat.x - facing * 0.052 + lean, seat.y - 0.085);
    let bound = area(seat.x - 0.13, seat.y - 0.20, seat.x + 0.13, seat.y + 0.20);
    canvas.fill(
        bound,
        |p| {
            let hoop = (ellipse(p, back, 0.050, 0.098)).abs() - 0.0062;
            let inner = (ellipse(p, at(back.x, back.y + 0.012), 0.024, 0.066)).abs() - 0.0036;
            let below = p.y - seat.y;
            let legs = [-0.068, -0.045, 0.050, 0.070]
                .iter()
                .enumerate()
                .map(|(index, x)| {
                    let far = index == 1 || index == 2;
                    let foot = at(seat.x + x * 1.22, seat.y + if far { 0.150 } else { 0.186 });
                    stroke(
                        p,
                        at(seat.x + x, seat.y),
                        foot,
                        if far { 0.009 } else { 0.011 },
                    )
                })
                .fold(f32::MAX, f32::min);
            hoop.min(inner).max(below).min(legs)
        },
        tone,
    );
    canvas.fill(
        Area::around(seat, 0.09, 0.03),
        |p| ellipse(p, seat, 0.083, 0.021),
        |p| {
            let k = ellipse(p, seat, 0.083, 0.021);
            let cane = if k < -0.006 {
                Rgb::hex(0xa87a45)
            } else {
                Rgb::hex(0x5a311b)
            };
            cane * lerp(1.05, 0.7, smoothstep(seat.y - 0.02, seat.y + 0.02, p.y))
        },
    );
}

fn table(canvas: &mut Canvas, dice: &mut Dice, middle: Point) {
    let foot = at(middle.x, 0.955);
    canvas.blend(Area::around(foot, 0.22, 0.05), |p| {
        (
            Rgb::BLACK,
            0.55 * smoothstep(
                1.0,
                0.1,
                ((p.x - foot.x) / 0.22).hypot((p.y - foot.y) / 0.05),
            ),
        )
    });
    canvas.fill(
        area(middle.x - 0.1, middle.y, middle.x + 0.1, 0.97),
        |p| {
            let stem = taper(p, middle.x, (middle.y, 0.016), (0.945, 0.012));
            stem.min(ellipse(p, foot, 0.085, 0.016))
        },
        |p| turned(Rgb::hex(0x2b211c), (p.x - middle.x) / 0.05),
    );
    let grain = dice.noise();
    let under = at(middle.x, middle.y + 0.016);
    canvas.fill(
        Area::around(under, 0.20, 0.07),
        |p| ellipse(p, under, 0.192, 0.053),
        |p| turned(Rgb::hex(0x5d371c), (p.x - middle.x) / 0.19),
    );
    canvas.fill(
        Area::around(middle, 0.20, 0.07),
        |p| ellipse(p, middle, 0.192, 0.053),
        |p| {
            let color = wood(
                grain,
                at(p.x * 1.2, (p.y - middle.y) * 2.6 + 3.0),
                Rgb::hex(0xb9793c),
                Rgb::hex(0x7a4722),
            );
            let k = ((p.x - middle.x + 0.05) / 0.21).hypot((p.y - middle.y + 0.005) / 0.06);
            let rim = smoothstep(-0.0045, -0.001, ellipse(p, middle, 0.192, 0.053));
            color * lerp(1.15, 0.72, smoothstep(0.1, 1.1, k))
                + LAMPLIGHT * (0.10 * smoothstep(0.8, 0.0, k) + 0.16 * rim)
        },
    );
}

fn saucer_and_cup(canvas: &mut Canvas, foot: Point) {
    let china = Rgb::hex(0xf3ece0);
    let shade = at(foot.x + 0.008, foot.y + 0.006);
    canvas.blend(Area::around(shade, 0.075, 0.02), |p| {
        (
            Rgb::BLACK,
            0.4 * smoothstep(
                1.0,
                0.5,
                ((p.x - shade.x) / 0.075).hypot((p.y - shade.y) / 0.02),
            ),
        )
    });
    canvas.fill(
        Area::around(foot, 0.066, 0.02),
        |p| ellipse(p, foot, 0.062, 0.0155),
        |p| {
            turned(china, (p.x - foot.x) / 0.075)
                * lerp(0.95, 0.8, smoothstep(foot.y - 0.015, foot.y + 0.015, p.y))
        },
    );
    canvas.fill(
        Area::around(foot, 0.04, 0.012),
        |p| ellipse(p, foot, 0.036, 0.0085),
        |_| china * 0.70,
    );
    let rim = at(foot.x, foot.y - 0.052);
    let handle = at(foot.x + 0.046, foot.y - 0.030);
    canvas.fill(
        Area::around(handle, 0.03, 0.03),
        |p| (ellipse(p, handle, 0.015, 0.0145)).abs() - 0.0032,
        |_| china * 0.68,
    );
    canvas.fill(
        area(foot.x - 0.05, rim.y, foot.x + 0.05, foot.y + 0.004),
        |p| {
            let t = ((p.y - rim.y) / 0.054).clamp(0.0, 1.0);
            let half = lerp(0.042, 0.020, t.powf(2.2));
            ((p.x - foot.x).abs() - half)
                .max(rim.y - p.y)
                .max(p.y - foot.y - 0.001)
        },
        |p| turned(china, (p.x - foot.x) / 0.043),
    );
    canvas.fill(
        Area::around(rim, 0.045, 0.014),
        |p| ellipse(p, rim, 0.042, 0.0115),
        |_| china,
    );
    let coffee = at(rim.x, rim.y + 0.001);
    canvas.fill(
        Area::around(coffee, 0.04, 0.012),
        |p| ellipse(p, coffee, 0.0375, 0.0092),
        |p| {
            // A heart of milk foam.
            let (x, y) = ((p.x - coffee.x) / 0.0375, (p.y - coffee.y) / 0.0092);
            let heart = (x * x * 2.6 + (y * 1.15 + 0.25 - 0.62 * x.abs().sqrt()).powi(2)) - 0.42;
            Rgb::hex(0xf0d9b5).mix(Rgb::hex(0x7a4522), smoothstep(-0.05, 0.10, heart))
        },
    );
}

fn book(canvas: &mut Canvas, place: Point) {
    let bound = Area::around(place, 0.075, 0.04);
    let cover = area(-0.052, -0.014, 0.052, 0.014);
    let slanted = |p: Point, lift: f32| {
        let y = p.y - place.y + lift;
        // Sheared, so that the book lies flat on the table.
        at(p.x - place.x + y * 0.9, y)
    };
    canvas.fill(
        bound,
        |p| cover.rounded(slanted(p, -0.010), 0.002),
        |_| Rgb::hex(0x3a1414),
    );
    canvas.fill(
        bound,
        |p| cover.grown(-0.002).rounded(slanted(p, -0.006), 0.001),
        |_| Rgb::hex(0xe9dcc0),
    );
    canvas.fill(
        bound,
        |p| cover.rounded(slanted(p, 0.0), 0.002),
        |p| {
            let q = slanted(p, 0.0);
            let gilt = smoothstep(0.0012, 0.0004, cover.grown(-0.005).rounded(q, 0.001).abs());
            Rgb::hex(0x2f5b66) * lerp(1.2, 0.85, smoothstep(-0.05, 0.05, q.x))
                + Rgb::hex(0xd9a857) * (0.55 * gilt)
        },
    );
}

fn candle(canvas: &mut Canvas, foot: Point) {
    let glass = area(foot.x - 0.014, foot.y - 0.034, foot.x + 0.014, foot.y);
    canvas.fill(
        glass,
        |p| glass.rounded(p, 0.004),
        |p| {
            let warm = smoothstep(foot.y, foot.y - 0.03, p.y);
            turned(Rgb::hex(0xb85a2a), (p.x - foot.x) / 0.014).mix(Rgb::hex(0xffc06a), 0.55 * warm)
        },
    );
    let flame = at(foot.x, foot.y - 0.026);
    canvas.fill(
        Area::around(flame, 0.006, 0.012),
        |p| ellipse(p, flame, 0.0034, 0.0082),
        |_| Rgb::hex(0xfff3cf) * 1.5,
    );
    canvas.glow(flame, 0.085, LAMPLIGHT, 0.75);
}

fn steam(canvas: &mut Canvas, dice: &mut Dice, from: Point) {
    let drift = dice.noise();
    let tall = 0.17;
    canvas.blend(
        area(from.x - 0.07, from.y - tall, from.x + 0.07, from.y + 0.01),
        |p| {
            let up = (from.y - p.y) / tall;
            let sway = 0.030 * up.max(0.0) * (drift.at(p.y * 13.0, 1.0) - 0.5) * 2.4;
            let mut veil: f32 = 0.0;
            for (strand, offset) in [-0.014, 0.003, 0.017].into_iter().enumerate() {
                let curl = 0.011 * ((p.y * 62.0) + strand as f32 * 2.1).sin() * up.max(0.0).sqrt();
                let away = (p.x - from.x - offset - sway - curl).abs();
                veil = veil.max(smoothstep(
                    lerp(0.005, 0.015, up.clamp(0.0, 1.0)),
                    0.0,
                    away,
                ));
            }
            let fade = smoothstep(-0.05, 0.12, up) * smoothstep(1.0, 0.25, up);
            (Rgb::hex(0xfff1df), 0.36 * veil * fade)
        },
    );
}

fn plant(canvas: &mut Canvas, dice: &mut Dice, foot: Point) {
    let shadow = at(foot.x, foot.y + 0.002);
    canvas.blend(Area::around(shadow, 0.10, 0.025), |p| {
        (
            Rgb::BLACK,
            0.5 * smoothstep(
                1.0,
                0.1,
                ((p.x - shadow.x) / 0.10).hypot((p.y - shadow.y) / 0.025),
            ),
        )
    });
    let rim = foot.y - 0.105;
    let soil = at(foot.x, rim + 0.004);
    for leaf in 0..15 {
        let spread = leaf as f32 / 14.0 * 2.0 - 1.0;
        let angle = spread * 1.15 + dice.range(-0.16, 0.16);
        let length = dice.range(0.15, 0.25) * (1.0 - 0.25 * spread.abs());
        let tip = at(soil.x + length * angle.sin(), soil.y - length * angle.cos());
        let heart = at(lerp(soil.x, tip.x, 0.66), lerp(soil.y, tip.y, 0.66));
        let green = Rgb::hex(0x2f6b3c).mix(Rgb::hex(0x6fa04c), dice.unit()) * dice.range(0.55, 1.0);
        let stem_box = area(soil.x.min(tip.x), tip.y, soil.x.max(tip.x), soil.y).grown(0.004);
        canvas.fill(
            stem_box,
            |p| stroke(p, soil, heart, 0.0032),
            |_| green * 0.6,
        );
        canvas.fill(
            Area::around(heart, length * 0.5, length * 0.5),
            |p| {
                let q = p.turned(heart, angle);
                let t = (q.y / (length * 0.40) + 1.0) / 2.0;
                let half = length
                    * 0.155
                    * (t.clamp(0.0, 1.0) * std::f32::consts::PI)
                        .sin()
                        .max(0.0)
                        .powf(0.8);
                (q.x.abs() - half).max(-t * 0.02).max((t - 1.0) * 0.02)
            },
            |p| {
                let q = p.turned(heart, angle);
                let vein = smoothstep(0.0016, 0.0004, q.x.abs());
                green * (if q.x < 0.0 { 1.15 } else { 0.85 }) + Rgb::hex(0xa8c880) * (0.25 * vein)
            },
        );
    }
    canvas.fill(
        area(foot.x - 0.07, rim, foot.x + 0.07, foot.y),
        |p| taper(p, foot.x, (rim, 0.062), (foot.y, 0.043)),
        |p| turned(Rgb::hex(0xb5623c), (p.x - foot.x) / 0.062),
    );
    let lip = area(foot.x - 0.067, rim - 0.008, foot.x + 0.067, rim + 0.014);
    canvas.fill(
        lip,
        |p| lip.rounded(p, 0.004),
        |p| turned(Rgb::hex(0xc06c44), (p.x - foot.x) / 0.067),
    );
}
