//! The inside of a coffee shop in the evening.
//!
//! - `room`: walls, window, floor
//! - `bar`: counter and shelves
//! - `machine`, `menu`: what stands on the bar and hangs behind it
//! - `table`: what stands in front
//! - this file: lamps, and the order in which all of it is painted

mod bar;
mod cup;
mod machine;
mod menu;
mod room;
mod table;

use crate::canvas::Canvas;
use crate::color::{Rgb, lerp, smoothstep};
use crate::noise::{Dice, Noise};
use crate::shape::{Point, area, at, ellipse, stroke, taper};

const LAMPLIGHT: Rgb = Rgb::hex(0xffb866);
const BRASS: Rgb = Rgb::hex(0xb9823a);
const DARK_WOOD: Rgb = Rgb::hex(0x3b2115);

pub(super) fn paint(canvas: &mut Canvas, dice: &mut Dice) {
    // The room is drawn for a square and stretched to the image's width.
    let wide = canvas.aspect();
    room::paint(canvas, dice, wide);
    bar::paint(canvas, dice, wide);
    table::paint(canvas, dice, wide);
    for (x, y) in [(0.235, 0.175), (0.53, 0.125), (0.77, 0.165)] {
        lamp(canvas, at(x * wide, y + dice.range(-0.012, 0.012)));
    }
    string_of_lights(canvas, dice, wide);
    canvas.bloom(0.70, 0.42);
}

fn lamp(canvas: &mut Canvas, bulb: Point) {
    let cord = area(bulb.x - 0.002, 0.0, bulb.x + 0.002, bulb.y - 0.04);
    canvas.fill(
        cord,
        |p| (p.x - bulb.x).abs() - 0.0016,
        |_| Rgb::hex(0x120b08),
    );
    // The cone of light under the shade.
    canvas.light(area(bulb.x - 0.40, bulb.y, bulb.x + 0.40, 0.95), |p| {
        let down = p.y - bulb.y;
        let wide = 0.05 + down * 0.62;
        let inside = smoothstep(1.0, 0.25, (p.x - bulb.x).abs() / wide);
        LAMPLIGHT * (0.17 * inside * smoothstep(0.0, 0.03, down) * (-down * 2.6).exp())
    });
    let shade = area(bulb.x - 0.06, bulb.y - 0.06, bulb.x + 0.06, bulb.y + 0.006);
    canvas.fill(
        shade,
        |p| {
            let dome = ellipse(p, at(bulb.x, bulb.y), 0.056, 0.052).max(p.y - bulb.y);
            dome.min(taper(
                p,
                bulb.x,
                (bulb.y - 0.066, 0.008),
                (bulb.y - 0.045, 0.014),
            ))
        },
        |p| {
            let side = (p.x - bulb.x) / 0.056;
            let sheen = smoothstep(0.35, 0.0, (side + 0.38).abs());
            Rgb::hex(0x6b4218).mix(BRASS, smoothstep(1.0, -0.6, side))
                + Rgb::hex(0xffdf9e) * (0.55 * sheen)
        },
    );
    let mouth = at(bulb.x, bulb.y + 0.001);
    canvas.fill(
        area(
            bulb.x - 0.056,
            bulb.y - 0.012,
            bulb.x + 0.056,
            bulb.y + 0.014,
        ),
        |p| ellipse(p, mouth, 0.055, 0.010),
        |p| Rgb::hex(0xfff0c8).mix(LAMPLIGHT, smoothstep(0.0, 0.055, (p.x - bulb.x).abs())) * 1.15,
    );
    let glass = at(bulb.x, bulb.y + 0.012);
    canvas.fill(
        area(
            glass.x - 0.02,
            glass.y - 0.02,
            glass.x + 0.02,
            glass.y + 0.02,
        ),
        |p| p.distance(glass) - 0.014,
        |_| Rgb::hex(0xfff6dd) * 1.4,
    );
    canvas.glow(glass, 0.15, LAMPLIGHT, 0.42);
}

/// Small bulbs on a slack wire along the top of the wall.
fn string_of_lights(canvas: &mut Canvas, dice: &mut Dice, wide: f32) {
    let hang = |t: f32| {
        at(
            t * wide,
            0.050 + 0.050 * (1.0 - (2.0 * (t * 2.5).fract() - 1.0).powi(2)),
        )
    };
    let mut before = hang(0.0);
    for step in 1..=120 {
        let here = hang(step as f32 / 120.0);
        let from = before;
        let bound = area(from.x, from.y.min(here.y), here.x, from.y.max(here.y)).grown(0.003);
        canvas.fill(
            bound,
            |p| stroke(p, from, here, 0.0014),
            |_| Rgb::hex(0x1a100b),
        );
        before = here;
    }
    for bulb in 0..26 {
        let place = hang((bulb as f32 + 0.5) / 26.0);
        let bulb = at(place.x, place.y + 0.008);
        let bright = dice.range(0.75, 1.1);
        canvas.fill(
            area(bulb.x - 0.01, bulb.y - 0.01, bulb.x + 0.01, bulb.y + 0.01),
            |p| p.distance(bulb) - 0.0045,
            |_| Rgb::hex(0xffe9b0) * (1.25 * bright),
        );
        canvas.glow(bulb, 0.032, LAMPLIGHT, 0.65 * bright);
    }
}

/// Grain that runs along `x`.
fn wood(noise: Noise, p: Point, light: Rgb, dark: Rgb) -> Rgb {
    let wave = noise.fbm(p.x * 3.0, p.y * 26.0, 4);
    let fine = noise.at(p.x * 22.0, p.y * 320.0);
    let rings = ((wave * 9.0).fract() - 0.5).abs() * 2.0;
    light.mix(
        dark,
        (0.25 + 0.5 * rings * rings + 0.28 * (fine - 0.5)).clamp(0.0, 1.0),
    )
}

/// Color of something round that is lit from the upper left; `side` runs from -1 to 1.
fn turned(color: Rgb, side: f32) -> Rgb {
    let shade = lerp(1.12, 0.42, smoothstep(-0.35, 1.0, side))
        * lerp(0.72, 1.0, smoothstep(-1.0, -0.55, side));
    let gloss = smoothstep(0.16, 0.0, (side + 0.42).abs());
    color * shade + Rgb::hex(0xffe6c0) * (0.22 * gloss)
}
