//! A skyline of the future at nightfall, by a river.

use crate::canvas::Canvas;
use crate::color::{Rgb, gradient, lerp, smoothstep};
use crate::noise::{Dice, Noise};
use crate::shape::{Area, Point, area, at, stroke};

const SHORE: f32 = 0.80;
const SKY: [(f32, Rgb); 5] = [
    (0.0, Rgb::hex(0x070a22)),
    (0.25, Rgb::hex(0x131a4a)),
    (0.48, Rgb::hex(0x3a2a78)),
    (0.66, Rgb::hex(0x9a4390)),
    (0.80, Rgb::hex(0xf08a8a)),
];
const NEON: [Rgb; 5] = [
    Rgb::hex(0x36e2ff),
    Rgb::hex(0xff4fb8),
    Rgb::hex(0x8f7bff),
    Rgb::hex(0x4dffc3),
    Rgb::hex(0xffb547),
];
const WARM: [Rgb; 4] = [
    Rgb::hex(0xffd08a),
    Rgb::hex(0xffe7bd),
    Rgb::hex(0xa9e6ff),
    Rgb::hex(0xd8c6ff),
];

pub(super) fn paint(canvas: &mut Canvas, dice: &mut Dice) {
    sky(canvas, dice);
    for layer in 0..4 {
        let depth = layer as f32 / 3.0;
        row_of_towers(canvas, dice, depth);
        haze(canvas, depth);
    }
    landmarks(canvas, dice);
    quay(canvas, dice);
    traffic(canvas, dice);
    river(canvas, dice);
    canvas.bloom(0.55, 0.85);
}

fn sky(canvas: &mut Canvas, dice: &mut Dice) {
    let (stars, clouds) = (dice.noise(), dice.noise());
    let moon = at(
        canvas.aspect() * dice.range(0.66, 0.80),
        dice.range(0.19, 0.25),
    );
    let radius = 0.115;
    canvas.blend(canvas.whole(), |p| {
        let mut color = gradient(&SKY, p.y);
        let (column, row) = ((p.x * 460.0) as i32, (p.y * 460.0) as i32);
        if stars.cell(column, row) > 0.9955 {
            color =
                color + Rgb::WHITE * (stars.cell(row, column).powi(2) * smoothstep(0.55, 0.1, p.y));
        }
        let away = p.distance(moon);
        color = color + Rgb::hex(0x7c8cff) * (0.34 * (-(away - radius).max(0.0) * 9.0).exp());
        let face = (0.5 - (away - radius) * 900.0).clamp(0.0, 1.0);
        if face > 0.0 {
            let bands = clouds.fbm(p.x * 7.0 + p.y * 2.0, p.y * 17.0 - p.x * 3.0, 5);
            let ball = Rgb::hex(0xf4d9e8).mix(Rgb::hex(0xa285c9), smoothstep(0.38, 0.66, bands));
            let lit = smoothstep(
                -1.0,
                0.75,
                ((p.x - moon.x) * -0.75 + (p.y - moon.y) * -0.55) / radius + 0.25,
            );
            color = color.mix(ball * lerp(0.16, 1.0, lit), face);
        }
        let veil = clouds.fbm(p.x * 1.6, p.y * 9.0 + 4.0, 5);
        let veil = smoothstep(0.52, 0.74, veil) * smoothstep(0.1, 0.5, p.y) * 0.5;
        (
            color.mix(
                Rgb::hex(0xc8609c).mix(Rgb::hex(0x352a70), smoothstep(0.7, 0.2, p.y)),
                veil,
            ),
            1.0,
        )
    });
    // A thin ring, tilted, in front of the lower half of the moon only.
    canvas.light(Area::around(moon, 0.26, 0.26), |p| {
        let q = p.turned(moon, -0.38);
        let k = (q.x / 0.235).hypot(q.y / 0.042);
        let hidden = q.y < 0.0 && p.distance(moon) < radius;
        let line = smoothstep(0.045, 0.0, (k - 0.95).abs())
            + 0.6 * smoothstep(0.03, 0.0, (k - 0.82).abs());
        if hidden {
            Rgb::BLACK
        } else {
            Rgb::hex(0xe8c9ff) * (0.42 * line)
        }
    });
}

#[derive(Clone, Copy)]
enum Crown {
    Flat,
    Stepped,
    Slanted,
    Needle,
    Round,
}

struct Tower {
    x: f32,
    top: f32,
    half: f32,
    crown: Crown,
    depth: f32,
    windows: Noise,
    lit: Rgb,
    neon: Option<Rgb>,
    share: f32,
}

impl Tower {
    fn roll(dice: &mut Dice, x: f32, top: f32, half: f32, depth: f32) -> Self {
        let crowns = [
            Crown::Flat,
            Crown::Stepped,
            Crown::Slanted,
            Crown::Needle,
            Crown::Round,
            Crown::Stepped,
        ];
        Self {
            x,
            top,
            half,
            depth,
            crown: dice.pick(&crowns, Crown::Flat),
            windows: dice.noise(),
            lit: dice.pick(&WARM, Rgb::WHITE),
            neon: dice.chance(0.45).then(|| dice.pick(&NEON, Rgb::WHITE)),
            share: dice.range(0.28, 0.62),
        }
    }

    /// Half the width at a height.
    fn reach(&self, p: Point) -> f32 {
        let down = p.y - self.top;
        match self.crown {
            Crown::Flat => self.half,
            Crown::Stepped if down < 0.025 => self.half * 0.42,
            Crown::Stepped if down < 0.065 => self.half * 0.72,
            Crown::Stepped => self.half,
            Crown::Slanted => self.half,
            Crown::Needle => self.half * (down / 0.20).clamp(0.0, 1.0).powf(0.55),
            Crown::Round => {
                let t = (1.0 - down / (self.half * 1.3)).clamp(0.0, 1.0);
                self.half * (1.0 - t * t).max(0.0).sqrt()
            }
        }
    }

    fn distance(&self, p: Point) -> f32 {
        let slant = match self.crown {
            Crown::Slanted => 0.5 * (p.x - self.x + self.half),
            _ => 0.0,
        };
        ((p.x - self.x).abs() - self.reach(p))
            .max(self.top + slant - p.y)
            .max(p.y - SHORE)
    }

    fn color(&self, p: Point) -> Rgb {
        let haze = gradient(&SKY, 0.52 + 0.26 * p.y);
        let wall = Rgb::hex(0x141433).mix(Rgb::hex(0x0b0d20), self.depth);
        let side = (p.x - self.x) / self.half;
        let sheen = lerp(0.82, 1.35, smoothstep(1.0, -1.0, side));
        let wall = (wall * sheen).mix(haze, lerp(0.66, 0.04, self.depth.powf(0.7)));
        wall + self.window(p) + self.edge(p, side)
    }

    fn window(&self, p: Point) -> Rgb {
        let pitch = lerp(0.0058, 0.0100, self.depth);
        let (u, v) = (
            (p.x - self.x + self.half) / pitch,
            (p.y - self.top) / (pitch * 1.15),
        );
        let (column, row) = (u.floor() as i32, v.floor() as i32);
        let inside =
            (0.22..0.80).contains(&(u - u.floor())) && (0.28..0.78).contains(&(v - v.floor()));
        // Whole floors tend to be dark or bright together.
        let floor = self.windows.cell(7, row) * 0.4;
        let glow = self.windows.cell(column, row);
        let margin = self.reach(p) - (p.x - self.x).abs();
        if !inside || margin < pitch * 0.45 || glow + floor > self.share + 0.2 || v < 1.0 {
            return Rgb::BLACK;
        }
        let tone = self.windows.cell(column + 31, row + 17);
        let color = if tone > 0.9 {
            Rgb::hex(0x7fe9ff)
        } else {
            self.lit
        };
        color * (lerp(0.35, 0.95, tone) * lerp(0.42, 1.0, self.depth))
    }

    fn edge(&self, p: Point, side: f32) -> Rgb {
        let Some(neon) = self.neon else {
            return Rgb::BLACK;
        };
        let width = 0.0016 / self.half;
        let line = smoothstep(
            width * 1.6,
            width * 0.5,
            (side.abs() * self.half / self.reach(p).max(1e-4) - 0.96).abs(),
        );
        let spine = smoothstep(width * 1.4, width * 0.4, (side - 0.34).abs());
        let fade = smoothstep(0.55, 0.0, p.y - self.top);
        neon * ((line.max(spine * 0.7)) * fade * lerp(0.35, 1.1, self.depth))
    }

    fn draw(&self, canvas: &mut Canvas) {
        let bound = area(self.x - self.half, self.top, self.x + self.half, SHORE);
        canvas.fill(bound, |p| self.distance(p), |p| self.color(p));
    }
}

fn row_of_towers(canvas: &mut Canvas, dice: &mut Dice, depth: f32) {
    let aspect = canvas.aspect();
    let heights = dice.noise();
    let mut x = -0.02;
    while x < aspect + 0.02 {
        let half = lerp(0.016, 0.038, depth) * dice.range(0.7, 1.35);
        // Taller towards the middle, and lower in front.
        let middle = 1.0 - (2.0 * x / aspect - 1.0).abs();
        let crest = lerp(0.47, 0.64, depth) - 0.20 * middle * (1.0 - depth * 0.55);
        let top = crest + 0.26 * (heights.at(x * 7.0, 2.0) - 0.5) + dice.range(-0.05, 0.06);
        let tower = Tower::roll(dice, x + half, top.min(SHORE - 0.06), half, depth);
        tower.draw(canvas);
        if dice.chance(0.35) {
            mast(canvas, &tower, dice.range(0.02, 0.055));
        }
        x += half * 2.0 + dice.range(-0.004, lerp(0.004, 0.022, depth));
    }
}

fn mast(canvas: &mut Canvas, tower: &Tower, tall: f32) {
    let (foot, tip) = (at(tower.x, tower.top + 0.02), at(tower.x, tower.top - tall));
    let color = gradient(&SKY, 0.6).mix(Rgb::hex(0x0b0d20), tower.depth.max(0.25));
    canvas.fill(
        area(tip.x - 0.002, tip.y, tip.x + 0.002, foot.y),
        |p| stroke(p, foot, tip, 0.0018),
        |_| color,
    );
    canvas.glow(
        tip,
        0.011,
        Rgb::hex(0xff4058),
        1.5 * lerp(0.4, 1.0, tower.depth),
    );
}

/// Bright air between one row of towers and the next.
fn haze(canvas: &mut Canvas, depth: f32) {
    let bound = area(0.0, 0.3, canvas.aspect(), SHORE);
    canvas.blend(bound, |p| {
        let low = smoothstep(0.42, SHORE, p.y);
        (
            Rgb::hex(0xd06aa8).mix(Rgb::hex(0x6a5ad0), 0.35),
            low * lerp(0.34, 0.10, depth),
        )
    });
}

/// Three towers that nobody would mistake for today's.
fn landmarks(canvas: &mut Canvas, dice: &mut Dice) {
    let aspect = canvas.aspect();
    let places = [
        (0.30, 0.165, 0.044),
        (0.475, 0.075, 0.058),
        (0.615, 0.245, 0.040),
    ];
    for (index, (x, top, half)) in places.into_iter().enumerate() {
        let x = aspect * (x + dice.range(-0.02, 0.02));
        let neon = dice.pick(&NEON, Rgb::WHITE);
        let mut tower = Tower::roll(dice, x, top, half, 0.78);
        tower.crown = Crown::Flat;
        tower.neon = None;
        tower.share = 0.5;
        let profile = move |p: Point| {
            let t = ((p.y - top) / (SHORE - top)).clamp(0.0, 1.0);
            match index {
                0 => {
                    half * (0.10 + 0.90 * smoothstep(0.0, 0.55, t))
                        * (1.0 + 0.10 * (t * 19.0).sin())
                }
                1 => half * (0.04 + 0.96 * t.powf(0.72)),
                _ => half * (0.55 + 0.45 * (t * std::f32::consts::PI * 0.9 + 0.35).sin().abs()),
            }
        };
        let bound = area(x - half * 1.1, top, x + half * 1.1, SHORE);
        canvas.fill(
            bound,
            |p| {
                ((p.x - x).abs() - profile(p))
                    .max(top - p.y)
                    .max(p.y - SHORE)
            },
            |p| {
                let inside = (profile(p) - (p.x - x).abs()) / half;
                let body = tower.color(p);
                let rim = smoothstep(0.085, 0.0, inside);
                let spine = smoothstep(0.05, 0.0, (p.x - x).abs() / half);
                let ring = smoothstep(0.0035, 0.0, ((p.y - top - 0.02) % 0.14 - 0.10).abs());
                body + neon * (0.75 * rim + 0.45 * spine + 0.9 * ring)
            },
        );
        if index == 1 {
            mast(canvas, &tower, 0.05);
        }
        canvas.glow(at(x, top + 0.01), 0.07, neon, 0.9);
    }
}

fn quay(canvas: &mut Canvas, dice: &mut Dice) {
    let aspect = canvas.aspect();
    let wall = area(0.0, SHORE - 0.013, aspect, SHORE);
    canvas.blend(wall, |_| (Rgb::hex(0x090a1a), 1.0));
    let mut x = 0.01;
    while x < aspect {
        let color = dice.pick(
            &[Rgb::hex(0xffd9a0), Rgb::hex(0xffc27a), Rgb::hex(0x8feaff)],
            Rgb::WHITE,
        );
        canvas.glow(at(x, SHORE - 0.014), 0.014, color, 1.5);
        x += dice.range(0.017, 0.030);
    }
}

/// Flying cars: short streaks along a few lanes in the air.
fn traffic(canvas: &mut Canvas, dice: &mut Dice) {
    let aspect = canvas.aspect();
    for lane in 0..5 {
        let height = 0.30 + 0.085 * lane as f32 + dice.range(-0.02, 0.02);
        let (rise, bow) = (dice.range(-0.06, 0.06), dice.range(0.01, 0.05));
        let path = |t: f32| {
            at(
                aspect * t,
                height + rise * (t - 0.5) - bow * (1.0 - (2.0 * t - 1.0).powi(2)),
            )
        };
        for _ in 0..9 {
            let t = dice.unit();
            let (from, to) = (path(t), path(t + dice.range(0.010, 0.030)));
            let tail = dice.chance(0.5);
            let color = if tail {
                Rgb::hex(0xff5a6e)
            } else {
                Rgb::hex(0xd9f6ff)
            };
            let bound = area(
                from.x.min(to.x),
                from.y.min(to.y),
                from.x.max(to.x),
                from.y.max(to.y),
            )
            .grown(0.006);
            let length = from.distance(to).max(1e-4);
            canvas.light(bound, |p| {
                let near = smoothstep(0.0028, 0.0, stroke(p, from, to, 0.0));
                let along = if tail {
                    p.distance(to)
                } else {
                    p.distance(from)
                };
                color * (near * (1.0 - along / length).clamp(0.05, 1.0) * 1.1)
            });
            canvas.glow(if tail { to } else { from }, 0.006, color, 0.7);
        }
    }
}

fn river(canvas: &mut Canvas, dice: &mut Dice) {
    let waves = dice.noise();
    canvas.mirror(
        SHORE,
        |p| {
            let near = (p.y - SHORE) / (1.0 - SHORE);
            let fine = lerp(170.0, 46.0, near.sqrt());
            let wave = waves.fbm(p.x * fine * 0.16, p.y * fine * 1.5, 3) - 0.5;
            at(wave * 0.012, wave * lerp(0.03, 0.20, near))
        },
        |p, seen| {
            let near = (p.y - SHORE) / (1.0 - SHORE);
            seen.mix(Rgb::hex(0x0a0d2b), lerp(0.22, 0.55, near))
        },
    );
    let line = area(0.0, SHORE - 0.001, canvas.aspect(), SHORE + 0.004);
    canvas.blend(line, |_| (Rgb::hex(0x05060f), 0.8));
}
