//! Chance that repeats: every number follows from a seed and a place, so that equal prompts give equal bytes.

use super::color::smoothstep;

/// A stream of numbers for choices that are made one after the other.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0, below 1.
    pub(super) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    pub(super) fn range(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.unit()
    }

    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// One of the given things; `fallback` when there are none.
    pub(super) fn pick<T: Copy>(&mut self, things: &[T], fallback: T) -> T {
        let index = (self.unit() * things.len() as f32) as usize;
        things.get(index).copied().unwrap_or(fallback)
    }

    pub(super) fn noise(&mut self) -> Noise {
        Noise(self.next() as u32)
    }
}

/// Smooth noise over the plane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise(u32);

impl Noise {
    /// A number for a place on the integer grid, all 32 bits of it random.
    pub(super) fn hash(self, x: i32, y: i32) -> u32 {
        let mut h = self.0
            ^ (x as u32).wrapping_mul(0x85eb_ca6b)
            ^ (y as u32).wrapping_mul(0xc2b2_ae35).rotate_left(13);
        h ^= h >> 16;
        h = h.wrapping_mul(0x7feb_352d);
        h ^= h >> 15;
        h = h.wrapping_mul(0x846c_a68b);
        h ^ (h >> 16)
    }

    /// As [`Noise::hash`], from 0, below 1.
    pub(super) fn cell(self, x: i32, y: i32) -> f32 {
        (self.hash(x, y) >> 8) as f32 / (1u32 << 24) as f32
    }

    /// Gradient noise, from 0 to 1 with its middle at 0.5.
    pub(super) fn at(self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = (x - left, y - top);
        let (ix, iy) = (left as i32, top as i32);
        let corner = |dx: i32, dy: i32| {
            let (gx, gy) = DIRECTIONS[(self.hash(ix + dx, iy + dy) & 7) as usize];
            gx * (fx - dx as f32) + gy * (fy - dy as f32)
        };
        let (sx, sy) = (smoothstep(0.0, 1.0, fx), smoothstep(0.0, 1.0, fy));
        let upper = corner(0, 0) * (1.0 - sx) + corner(1, 0) * sx;
        let lower = corner(0, 1) * (1.0 - sx) + corner(1, 1) * sx;
        0.5 + 0.75 * (upper * (1.0 - sy) + lower * sy)
    }

    /// Several octaves of [`Noise::at`], each twice as fine and half as strong.
    pub(super) fn fbm(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut sum, mut weight, mut total, mut scale) = (0.0, 0.5, 0.0, 1.0);
        for octave in 0..octaves {
            let shift = octave as f32 * 17.3;
            sum += weight * self.at(x * scale + shift, y * scale - shift);
            total += weight;
            weight *= 0.5;
            scale *= 2.03;
        }
        if total > 0.0 { sum / total } else { 0.5 }
    }

    /// Noise with sharp crests, as mountains have them; from 0 to 1.
    pub(super) fn ridged(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut sum, mut weight, mut total, mut scale) = (0.0, 0.5, 0.0, 1.0);
        for octave in 0..octaves {
            let shift = octave as f32 * 31.7;
            let crest = 1.0 - (2.0 * self.at(x * scale + shift, y * scale + shift) - 1.0).abs();
            sum += weight * crest * crest;
            total += weight;
            weight *= 0.45;
            scale *= 2.1;
        }
        if total > 0.0 { sum / total } else { 0.5 }
    }
}

const DIAGONAL: f32 = std::f32::consts::FRAC_1_SQRT_2;
const DIRECTIONS: [(f32, f32); 8] = [
    (1.0, 0.0),
    (-1.0, 0.0),
    (0.0, 1.0),
    (0.0, -1.0),
    (DIAGONAL, DIAGONAL),
    (-DIAGONAL, DIAGONAL),
    (DIAGONAL, -DIAGONAL),
    (-DIAGONAL, -DIAGONAL),
];
