//! What stands on the counter: the espresso machine and the cakes.

use super::cup::cup_on;
use super::{BRASS, LAMPLIGHT, turned};
use crate::canvas::Canvas;
use crate::color::{Rgb, lerp, smoothstep};
use crate::noise::Dice;
use crate::shape::{Area, Point, area, at, ellipse, stroke, taper};

pub(super) fn machine(canvas: &mut Canvas, foot: Point) {
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

pub(super) fn cake_dome(canvas: &mut Canvas, dice: &mut Dice, foot: Point) {
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
