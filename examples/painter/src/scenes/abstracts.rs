//! Flowing bands of color, for whatever the painter has no scene for.

use crate::canvas::Canvas;
use crate::color::{Rgb, gradient, lerp, smoothstep};
use crate::noise::Dice;
use crate::shape::{Area, at};

/// Colors that a prompt can ask for by name.
const NAMED: [(&str, u32); 14] = [
    ("red", 0xd8262f),
    ("apple", 0xd8262f),
    ("orange", 0xf28a2e),
    ("gold", 0xe8b33a),
    ("yellow", 0xf5d442),
    ("green", 0x3f9e57),
    ("teal", 0x1d9a9a),
    ("blue", 0x2d5fd0),
    ("purple", 0x7a3fb8),
    ("violet", 0x7a3fb8),
    ("pink", 0xf07aa8),
    ("brown", 0x7d4f30),
    ("robot", 0x7f93ab),
    ("black", 0x14141c),
];

pub(super) fn paint(canvas: &mut Canvas, dice: &mut Dice, prompt: &str) {
    let stops = palette(dice, prompt);
    let (flow, fold, line) = (dice.noise(), dice.noise(), dice.noise());
    let scale = dice.range(1.1, 1.7);
    let tilt = dice.range(-0.7, 0.7);
    canvas.blend(canvas.whole(), |p| {
        let (x, y) = ((p.x + tilt * p.y) * scale, p.y * scale);
        let (wx, wy) = (flow.fbm(x, y, 4), flow.fbm(x + 5.2, y + 1.3, 4));
        let field = fold.fbm(x + 2.6 * wx, y + 2.6 * wy, 5);
        let bands = field * 5.0 + wx;
        let step = bands - bands.floor();
        let color = gradient(&stops, (field * 1.9 - 0.45 + 0.12 * wy).clamp(0.0, 1.0));
        let fold_light = lerp(0.70, 1.20, smoothstep(0.0, 1.0, step)) * lerp(0.85, 1.15, wy);
        let edge = smoothstep(0.045, 0.0, step.min(1.0 - step));
        let fiber = 0.08 * (line.fbm(x * 3.0 + wx * 30.0, y * 3.0 + wy * 30.0, 3) - 0.5);
        let spark = stops
            .last()
            .map_or(Rgb::WHITE, |stop| stop.1)
            .mix(Rgb::WHITE, 0.45);
        (color * (fold_light + fiber) + spark * (edge * 0.6), 1.0)
    });
    for _ in 0..26 {
        let center = at(canvas.aspect() * dice.unit(), dice.unit());
        let radius = dice.range(0.004, 0.022);
        let color = gradient(&stops, dice.unit()).mix(Rgb::WHITE, 0.4);
        canvas.light(Area::around(center, radius, radius), |p| {
            color * (0.5 * smoothstep(radius, radius * 0.8, p.distance(center)))
        });
        canvas.glow(center, radius * 3.0, color, 0.25);
    }
    canvas.bloom(0.6, 0.55);
}

fn palette(dice: &mut Dice, prompt: &str) -> [(f32, Rgb); 6] {
    let prompt = prompt.to_lowercase();
    let words: Vec<&str> = prompt.split(|c: char| !c.is_alphanumeric()).collect();
    let asked: Vec<Rgb> = NAMED
        .iter()
        .filter(|(name, _)| words.contains(name))
        .map(|(_, value)| Rgb::hex(*value))
        .collect();
    let hue = dice.unit();
    let spread = dice.pick(&[0.08, 0.17, 0.33, 0.42], 0.17);
    let main = |index: usize| {
        let rolled = Rgb::hsl(hue + spread * index as f32, 0.74, 0.50);
        match asked.get(index % asked.len().max(1)) {
            Some(color) if index < 2 * asked.len() => *color,
            _ => rolled,
        }
    };
    [
        (0.0, main(0) * 0.14),
        (0.22, main(0) * 0.62),
        (0.42, main(0)),
        (0.60, main(1)),
        (0.80, main(2).mix(Rgb::WHITE, 0.15)),
        (1.0, main(2).mix(Rgb::WHITE, 0.72)),
    ]
}
