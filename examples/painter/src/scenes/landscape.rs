//! Mountains in haze, with a low sun or a moon.

use crate::canvas::Canvas;
use crate::color::{Rgb, gradient, lerp, smoothstep};
use crate::noise::{Dice, Noise};
use crate::shape::{Point, area, at, stroke};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hour {
    Sunset,
    Dawn,
    Night,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Landscape {
    pub(super) hour: Hour,
    pub(super) water: bool,
}

impl Landscape {
    pub(super) fn description(self) -> &'static str {
        match (self.hour, self.water) {
            (Hour::Sunset, false) => {
                "the sun sinks behind hazy ridges, streaked clouds glow from below, and dark pines stand in front"
            }
            (Hour::Sunset, true) => {
                "the sun sinks behind hazy ridges, and still water doubles the glowing sky"
            }
            (Hour::Dawn, false) => {
                "first light over misty ridges, pale rose and blue, with pines in front"
            }
            (Hour::Dawn, true) => {
                "first light over misty ridges, pale rose and blue, mirrored in still water"
            }
            (Hour::Night, false) => {
                "a full moon over blue ridges under many stars, with black pines in front"
            }
            (Hour::Night, true) => "a full moon over blue ridges, its light a path on the water",
        }
    }
}

struct Palette {
    sky: [(f32, Rgb); 6],
    light: Rgb,
    glow: Rgb,
    cloud_lit: Rgb,
    cloud_dark: Rgb,
    far: Rgb,
    near: Rgb,
    mist: Rgb,
    /// How strongly the light spreads over the sky.
    shine: f32,
}

fn palette(hour: Hour) -> Palette {
    match hour {
        Hour::Sunset => Palette {
            sky: [
                (0.0, Rgb::hex(0x1d1c47)),
                (0.18, Rgb::hex(0x47296b)),
                (0.34, Rgb::hex(0x9c3f78)),
                (0.47, Rgb::hex(0xe2644f)),
                (0.57, Rgb::hex(0xf99a45)),
                (0.68, Rgb::hex(0xffd27a)),
            ],
            light: Rgb::hex(0xffeeb4),
            glow: Rgb::hex(0xff9b4a),
            cloud_lit: Rgb::hex(0xff8a56),
            cloud_dark: Rgb::hex(0x4a2a61),
            far: Rgb::hex(0xc9697a),
            near: Rgb::hex(0x140d22),
            mist: Rgb::hex(0xf5a168),
            shine: 1.0,
        },
        Hour::Dawn => Palette {
            sky: [
                (0.0, Rgb::hex(0x4f76ad)),
                (0.2, Rgb::hex(0x809bc6)),
                (0.36, Rgb::hex(0xb3a9c9)),
                (0.48, Rgb::hex(0xdfa6a8)),
                (0.58, Rgb::hex(0xf2b98f)),
                (0.68, Rgb::hex(0xf9d8a8)),
            ],
            light: Rgb::hex(0xfffbe8),
            glow: Rgb::hex(0xffc9a0),
            cloud_lit: Rgb::hex(0xffdfcf),
            cloud_dark: Rgb::hex(0x8f9cc0),
            far: Rgb::hex(0x9ba3c4),
            near: Rgb::hex(0x1d2c3f),
            mist: Rgb::hex(0xe6cfd2),
            shine: 0.42,
        },
        Hour::Night => Palette {
            sky: [
                (0.0, Rgb::hex(0x040716)),
                (0.2, Rgb::hex(0x0a1230)),
                (0.36, Rgb::hex(0x13224c)),
                (0.48, Rgb::hex(0x20386b)),
                (0.58, Rgb::hex(0x34538a)),
                (0.68, Rgb::hex(0x5878a8)),
            ],
            light: Rgb::hex(0xf4f4e6),
            glow: Rgb::hex(0x5d86c9),
            cloud_lit: Rgb::hex(0x6f8fc4),
            cloud_dark: Rgb::hex(0x101a3a),
            far: Rgb::hex(0x3d5a8c),
            near: Rgb::hex(0x04060f),
            mist: Rgb::hex(0x5b7cae),
            shine: 1.0,
        },
    }
}

pub(super) fn paint(canvas: &mut Canvas, dice: &mut Dice, landscape: Landscape) {
    let colors = palette(landscape.hour);
    let sun = match landscape.hour {
        Hour::Night => at(
            canvas.aspect() * dice.range(0.62, 0.78),
            dice.range(0.17, 0.24),
        ),
        _ => at(
            canvas.aspect() * dice.range(0.40, 0.60),
            dice.range(0.465, 0.495),
        ),
    };
    sky(canvas, dice, &colors, sun, landscape.hour);
    let shore = if landscape.water { 0.66 } else { 1.0 };
    mountains(canvas, dice, &colors, sun, shore);
    if landscape.water {
        lake(canvas, dice, &colors, sun, shore);
    }
    pines(canvas, dice, &colors, landscape.water);
    if landscape.hour != Hour::Night {
        birds(canvas, dice, colors.near.mix(colors.far, 0.25), sun);
    }
    canvas.bloom(0.72, 0.34 * colors.shine);
}

fn sky(canvas: &mut Canvas, dice: &mut Dice, colors: &Palette, sun: Point, hour: Hour) {
    let clouds = dice.noise();
    let stars = dice.noise();
    let disc = if hour == Hour::Night { 0.042 } else { 0.058 };
    let starlight = match hour {
        Hour::Night => 0.9,
        Hour::Sunset => 0.45,
        Hour::Dawn => 0.0,
    };
    canvas.blend(canvas.whole(), |p| {
        let away = p.distance(sun);
        let flat = at((p.x - sun.x) * 0.42, (p.y - sun.y) * 1.25);
        let halo = (-flat.distance(at(0.0, 0.0)) * 6.5).exp();
        let mut color = gradient(&colors.sky, p.y) + colors.glow * (0.55 * colors.shine * halo);
        color = color + colors.light * (0.50 * colors.shine * (-away * 15.0).exp());
        if starlight > 0.0 && p.y < 0.5 {
            let (column, row) = ((p.x * 420.0) as i32, (p.y * 420.0) as i32);
            let chance = stars.cell(column, row);
            if chance > 0.9955 {
                let twinkle = stars.cell(row, column);
                let fade = smoothstep(0.5, 0.05, p.y);
                color = color + Rgb::WHITE * (starlight * fade * twinkle * twinkle);
            }
        }
        let edge = (0.5 - (away - disc) * 700.0).clamp(0.0, 1.0);
        let face = if hour == Hour::Night {
            let seas = stars.fbm(p.x * 30.0, p.y * 30.0, 4);
            colors.light * lerp(1.0, 0.72, smoothstep(0.45, 0.62, seas))
        } else {
            colors.light * 1.12
        };
        color = color.mix(face, edge);
        let (cover, lit) = cloud(clouds, p, sun);
        let shade = colors.cloud_dark.mix(gradient(&colors.sky, p.y), 0.35);
        let warm = colors.cloud_lit + colors.light * (0.35 * (-away * 5.0).exp());
        (color.mix(shade.mix(warm, lit), cover), 1.0)
    });
}

/// How much of the sky a cloud covers at a place, and how much of the low light it catches.
fn cloud(noise: Noise, p: Point, sun: Point) -> (f32, f32) {
    let band = smoothstep(0.02, 0.16, p.y) * smoothstep(0.56, 0.36, p.y);
    if band <= 0.0 {
        return (0.0, 0.0);
    }
    let stretch = |p: Point| {
        let bend = 0.35 * noise.at(p.x * 1.3 + 9.0, p.y * 2.0);
        noise.fbm(p.x * 1.7 + bend, p.y * 6.2 + bend * 1.5, 5)
    };
    let here = stretch(p);
    let cover = band * smoothstep(0.50, 0.66, here);
    if cover <= 0.0 {
        return (0.0, 0.0);
    }
    // Thinner towards the light means that the light reaches this place.
    let step = 0.035 / p.distance(sun).max(0.05);
    let there = stretch(at(p.x + (sun.x - p.x) * step, p.y + (sun.y - p.y) * step));
    let near = (-p.distance(sun) * 1.6).exp();
    let lit = (0.30 + (here - there) * 5.5 + 0.55 * near).clamp(0.0, 1.0);
    (cover * 0.92, lit)
}

const RIDGES: usize = 7;

fn mountains(canvas: &mut Canvas, dice: &mut Dice, colors: &Palette, sun: Point, shore: f32) {
    let low = if shore < 1.0 { shore - 0.005 } else { 0.93 };
    for ridge in 0..RIDGES {
        let depth = ridge as f32 / (RIDGES - 1) as f32;
        let (noise, rock) = (dice.noise(), dice.noise());
        let foot = lerp(0.565, low, depth.powf(1.15));
        let tall = lerp(0.125, 0.10, depth)
            * if shore < 1.0 {
                lerp(1.25, 0.35, depth)
            } else {
                1.25
            };
        let wide = lerp(1.7, 2.6, depth);
        let crest = move |x: f32| {
            let massif = noise.fbm(x * wide * 0.7 + 3.0, 7.7, 2);
            let peaks = noise.ridged(x * wide, 0.5, 5);
            foot - tall * (0.35 * massif + 1.05 * peaks - 0.45) - 0.004 * noise.at(x * 90.0, 3.0)
        };
        let base = colors.far.mix(colors.near, 0.86 * depth.powf(0.8));
        let haze = colors.mist.mix(base, depth * 0.75);
        let near_sun = 1.0 - depth;
        let pixel = 1.0 / 1024.0;
        // Nearer ridges paint over what lies lower.
        let covered = if ridge + 1 == RIDGES {
            1.0
        } else {
            foot + 0.19
        };
        let bound = area(
            0.0,
            (foot - tall * 1.2).max(0.0),
            canvas.aspect(),
            covered.min(shore),
        );
        canvas.blend(bound, |p| {
            let below = p.y - crest(p.x);
            if below < -pixel {
                return (base, 0.0);
            }
            let slope = rock.fbm(p.x * 9.0 + below * 5.0, p.y * 7.0 - below * 9.0, 4) - 0.5;
            let toward = (-(p.x - sun.x).abs() * 3.2).exp() * near_sun;
            let mut color = base * (1.0 + slope * lerp(0.28, 0.75, depth));
            color = color + colors.glow * (toward * 0.35 * (-below.max(0.0) * 26.0).exp());
            let fog = smoothstep(0.0, lerp(0.11, 0.30, depth), below) * lerp(0.85, 0.30, depth);
            (color.mix(haze, fog), 0.5 + below / (2.0 * pixel))
        });
    }
}

fn lake(canvas: &mut Canvas, dice: &mut Dice, colors: &Palette, sun: Point, shore: f32) {
    let waves = dice.noise();
    let ripple = move |p: Point| {
        let near = (p.y - shore) / (1.0 - shore);
        let fine = lerp(120.0, 26.0, near.sqrt());
        waves.fbm(p.x * fine * 0.22, p.y * fine * 1.9, 3) - 0.5
    };
    canvas.mirror(
        shore,
        |p| {
            let near = (p.y - shore) / (1.0 - shore);
            let bend = ripple(p) * lerp(0.01, 0.09, near);
            at(bend * 0.5, bend)
        },
        |p, seen| {
            let near = (p.y - shore) / (1.0 - shore);
            let deep = colors.near.mix(colors.far, 0.35);
            let path = (-((p.x - sun.x) / lerp(0.035, 0.13, near)).powi(2)).exp();
            let spark = smoothstep(0.06, 0.22, ripple(p)) * path;
            seen.mix(deep, lerp(0.12, 0.5, near)) + colors.light * (spark * 0.7)
        },
    );
    let line = area(0.0, shore - 0.002, canvas.aspect(), shore + 0.006);
    canvas.blend(line, |p| {
        (
            colors.mist,
            0.32 * smoothstep(0.006, 0.0, (p.y - shore).abs()),
        )
    });
}

/// Dark trees at the lower edge; at a lake only on both sides.
fn pines(canvas: &mut Canvas, dice: &mut Dice, colors: &Palette, water: bool) {
    let ground_noise = dice.noise();
    let aspect = canvas.aspect();
    let ground = move |x: f32| {
        let side = (2.0 * x / aspect - 1.0).abs();
        let hill = if water {
            lerp(1.06, 0.90, smoothstep(0.45, 1.0, side))
        } else {
            lerp(0.985, 0.925, side * side)
        };
        hill + 0.030 * (ground_noise.fbm(x * 3.5, 1.0, 4) - 0.5)
    };
    let dark = colors.near;
    canvas.fill(
        area(0.0, 0.86, aspect, 1.0),
        |p| ground(p.x) - p.y,
        |p| dark * lerp(1.0, 0.7, p.y),
    );
    for row in 0..2 {
        let count = (aspect * 74.0) as usize;
        for tree in 0..count {
            let x = aspect * (tree as f32 + dice.range(-0.4, 0.9)) / count as f32;
            let side = (2.0 * x / aspect - 1.0).abs();
            let tall = dice.range(0.030, 0.066)
                * lerp(0.85, 2.6, side * side)
                * if row == 0 { 1.0 } else { 0.75 };
            let kept = dice.chance(if water {
                smoothstep(0.4, 0.75, side)
            } else {
                0.82
            });
            let foot = ground(x) + 0.012;
            let (lean, tone) = (dice.range(-0.06, 0.06), dice.range(0.55, 1.0));
            let ragged = dice.noise();
            if kept {
                let top = foot - tall;
                let box_ = area(x - tall * 0.3, top, x + tall * 0.3, foot);
                canvas.fill(
                    box_,
                    |p| {
                        let down = (p.y - top) / tall;
                        let tier = (down * 9.0).fract();
                        let wide = tall * (0.015 + 0.19 * down) * (0.58 + 0.42 * tier);
                        let rough = tall * 0.035 * (ragged.at(p.x * 260.0, p.y * 260.0) - 0.5);
                        let axis = x + lean * (foot - p.y) * 0.4;
                        ((p.x - axis).abs() - wide + rough)
                            .max(top - p.y)
                            .max(p.y - foot)
                    },
                    |_| dark * tone,
                );
            }
        }
    }
}

fn birds(canvas: &mut Canvas, dice: &mut Dice, color: Rgb, sun: Point) {
    let flock = at(
        sun.x + dice.range(-0.28, 0.18),
        sun.y - dice.range(0.13, 0.18),
    );
    for _ in 0..7 {
        let body = at(
            flock.x + dice.range(-0.07, 0.09),
            flock.y + dice.range(-0.035, 0.035),
        );
        let span = dice.range(0.007, 0.013);
        let lift = dice.range(0.25, 0.6);
        for side in [-1.0, 1.0] {
            let elbow = at(body.x + side * span * 0.5, body.y - span * lift);
            let tip = at(body.x + side * span, body.y - span * lift * 0.75);
            let reach = area(body.x - span, body.y - span, body.x + span, body.y + span);
            canvas.fill(
                reach,
                |p| stroke(p, body, elbow, 0.0022).min(stroke(p, elbow, tip, 0.0015)),
                |_| color,
            );
        }
    }
}
