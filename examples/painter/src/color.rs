//! Colors as three numbers from 0 to 1, and what a painter does with them.

use std::ops::{Add, Mul};

/// A color in display space; parts above 1 are kept until the image is finished, so that light can add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rgb(pub(super) f32, pub(super) f32, pub(super) f32);

impl Rgb {
    pub(super) const BLACK: Self = Self(0.0, 0.0, 0.0);
    pub(super) const WHITE: Self = Self(1.0, 1.0, 1.0);

    /// The color written as in a style sheet: `Rgb::hex(0xff8800)`.
    pub(super) const fn hex(value: u32) -> Self {
        Self(
            ((value >> 16) & 0xff) as f32 / 255.0,
            ((value >> 8) & 0xff) as f32 / 255.0,
            (value & 0xff) as f32 / 255.0,
        )
    }

    /// `self` at 0, `other` at 1.
    pub(super) fn mix(self, other: Self, amount: f32) -> Self {
        self * (1.0 - amount) + other * amount
    }

    pub(super) fn luminance(self) -> f32 {
        0.299 * self.0 + 0.587 * self.1 + 0.114 * self.2
    }

    /// Full hue circle from 0 to 1.
    pub(super) fn hsl(hue: f32, saturation: f32, lightness: f32) -> Self {
        let part = |offset: f32| {
            let k = (offset + hue.rem_euclid(1.0) * 12.0) % 12.0;
            let reach = saturation * lightness.min(1.0 - lightness);
            lightness - reach * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0)
        };
        Self(part(0.0), part(8.0), part(4.0))
    }
}

impl Add for Rgb {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1, self.2 + other.2)
    }
}

impl Mul<f32> for Rgb {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        Self(self.0 * factor, self.1 * factor, self.2 * factor)
    }
}

/// The color at `at` of a gradient whose stops are ordered by position.
pub(super) fn gradient(stops: &[(f32, Rgb)], at: f32) -> Rgb {
    let mut previous: Option<(f32, Rgb)> = None;
    for &(position, color) in stops {
        if at <= position {
            return match previous {
                Some((from, start)) => {
                    start.mix(color, smoothstep(0.0, 1.0, (at - from) / (position - from)))
                }
                None => color,
            };
        }
        previous = Some((position, color));
    }
    previous.map_or(Rgb::BLACK, |(_, color)| color)
}

/// 0 below `from`, 1 above `to`, smooth between; `from` may be the larger one.
pub(super) fn smoothstep(from: f32, to: f32, value: f32) -> f32 {
    let t = ((value - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

pub(super) fn lerp(from: f32, to: f32, amount: f32) -> f32 {
    from + (to - from) * amount
}
