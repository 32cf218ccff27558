//! The image while it is painted, and the finish that makes it look like one.

use super::color::{Rgb, smoothstep};
use super::noise::Noise;
use super::shape::{Area, Point, at};

#[derive(Debug)]
pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Rgb>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![Rgb::BLACK; width * height],
        }
    }

    /// An image of three bytes a pixel, scaled to these sides; black where it has no pixels.
    pub(super) fn of_image(rgb: &[u8], from: (usize, usize), width: usize, height: usize) -> Self {
        let seen = |column: usize, row: usize| {
            let (x, y) = (column * from.0 / width, row * from.1 / height);
            let start = (y * from.0 + x) * 3;
            match rgb.get(start..start + 3) {
                Some(&[red, green, blue]) => {
                    Rgb(red.into(), green.into(), blue.into()) * (1.0 / 255.0)
                }
                _ => Rgb::BLACK,
            }
        };
        let pixels = (0..height).flat_map(|row| (0..width).map(move |column| (column, row)));
        Self {
            width,
            height,
            pixels: pixels.map(|(column, row)| seen(column, row)).collect(),
        }
    }

    /// Width in units of the height.
    pub(super) fn aspect(&self) -> f32 {
        self.width as f32 / self.height as f32
    }

    pub(super) fn whole(&self) -> Area {
        super::shape::area(0.0, 0.0, self.aspect(), 1.0)
    }

    /// Lays a color with an opacity over every pixel of `area`.
    pub(super) fn blend(&mut self, area: Area, paint: impl Fn(Point) -> (Rgb, f32)) {
        self.visit(area, |pixel, p| {
            let (color, opacity) = paint(p);
            if opacity > 0.0 {
                *pixel = pixel.mix(color, opacity.min(1.0));
            }
        });
    }

    /// Adds light to every pixel of `area`.
    pub(super) fn light(&mut self, area: Area, shine: impl Fn(Point) -> Rgb) {
        self.visit(area, |pixel, p| *pixel = *pixel + shine(p));
    }

    /// Fills a shape given by its signed distance, with smooth edges.
    pub(super) fn fill(
        &mut self,
        area: Area,
        distance: impl Fn(Point) -> f32,
        color: impl Fn(Point) -> Rgb,
    ) {
        let scale = self.height as f32;
        self.blend(area.grown(2.0 / scale), |p| {
            let cover = 0.5 - distance(p) * scale;
            if cover <= 0.0 {
                (Rgb::BLACK, 0.0)
            } else {
                (color(p), cover)
            }
        });
    }

    /// A soft round light; it has faded to nothing at `radius`.
    pub(super) fn glow(&mut self, center: Point, radius: f32, color: Rgb, strength: f32) {
        self.light(Area::around(center, radius, radius), |p| {
            let fade = (1.0 - p.distance(center) / radius).max(0.0);
            color * (strength * fade * fade * fade)
        });
    }

    /// The rows below `level` become a mirror of those above it. `change` gets the place and the mirrored color's
    /// offset in rows and columns by `shift`.
    pub(super) fn mirror(
        &mut self,
        level: f32,
        shift: impl Fn(Point) -> Point,
        change: impl Fn(Point, Rgb) -> Rgb,
    ) {
        let first = ((level * self.height as f32) as usize).min(self.height);
        let (width, scale) = (self.width, self.height as f32);
        let (above, below) = self.pixels.split_at_mut(first * width);
        if above.is_empty() {
            return;
        }
        for (index, pixel) in below.iter_mut().enumerate() {
            let (column, row) = (index % width, index / width);
            let p = at(column as f32 / scale, level + row as f32 / scale);
            let moved = shift(p);
            let x = (column as f32 + moved.x * scale).clamp(0.0, width as f32 - 1.0) as usize;
            let y = first as f32 - 1.0 - row as f32 + moved.y * scale;
            let y = y.clamp(0.0, first as f32 - 1.0) as usize;
            let seen = above.get(y * width + x).copied().unwrap_or_default();
            *pixel = change(p, seen);
        }
    }

    /// Lets what is brighter than `threshold` shine over its surroundings.
    pub(super) fn bloom(&mut self, threshold: f32, strength: f32) {
        const STEP: usize = 4;
        let (width, height) = (self.width.div_ceil(STEP), self.height.div_ceil(STEP));
        let mut bright = vec![Rgb::BLACK; width * height];
        for (index, pixel) in self.pixels.iter().enumerate() {
            let excess = smoothstep(threshold, 1.0, pixel.luminance());
            if excess > 0.0 {
                let (x, y) = (index % self.width / STEP, index / self.width / STEP);
                if let Some(cell) = bright.get_mut(y * width + x) {
                    *cell = *cell + *pixel * (excess / (STEP * STEP) as f32);
                }
            }
        }
        for radius in [2, 5, 11] {
            let blurred = blur(&bright, width, height, radius);
            for (index, pixel) in self.pixels.iter_mut().enumerate() {
                let x = (index % self.width) as f32 / STEP as f32 - 0.5;
                let y = (index / self.width) as f32 / STEP as f32 - 0.5;
                *pixel = *pixel + between(&blurred, width, height, x, y) * (strength / 3.0);
            }
        }
    }

    /// Bytes, three a pixel, after a gentle shoulder for highlights, darker corners and film grain.
    pub(super) fn finish(self, grain: Noise) -> Vec<u8> {
        let (width, scale) = (self.width, self.height as f32);
        let middle = at(self.aspect() / 2.0, 0.5);
        let corner = middle.distance(at(0.0, 0.0));
        let mut bytes = Vec::with_capacity(self.pixels.len() * 3);
        for (index, pixel) in self.pixels.into_iter().enumerate() {
            let (column, row) = (index % width, index / width);
            let p = at(column as f32 / scale, row as f32 / scale);
            let vignette = 1.0 - 0.28 * smoothstep(0.45, 1.1, p.distance(middle) / corner);
            let dots = grain.hash(column as i32, row as i32);
            // The sum of four bytes is close to a bell curve.
            let sum = (dots & 0xff) + (dots >> 8 & 0xff) + (dots >> 16 & 0xff) + (dots >> 24);
            let bright = pixel.luminance().clamp(0.0, 1.0);
            let amount = 0.007 + 0.006 * (1.0 - bright);
            let speck = (sum as f32 / 510.0 - 1.0) * amount * 3.46;
            let tint = ((dots >> 4 & 0xff) as f32 / 127.5 - 1.0) * 0.004;
            for (part, tint) in [(pixel.0, tint), (pixel.1, 0.0), (pixel.2, -tint)] {
                let value = shoulder(part * vignette) + speck + tint;
                bytes.push((value * 255.0 + 0.5).clamp(0.0, 255.0) as u8);
            }
        }
        bytes
    }

    fn visit(&mut self, area: Area, mut change: impl FnMut(&mut Rgb, Point)) {
        let scale = self.height as f32;
        let clip = |value: f32, limit: usize| (value * scale).clamp(0.0, limit as f32) as usize;
        let columns = clip(area.left, self.width)..clip(area.right + 1.0 / scale, self.width);
        let rows = clip(area.top, self.height)..clip(area.bottom + 1.0 / scale, self.height);
        for row in rows {
            let start = row * self.width;
            let line = self
                .pixels
                .get_mut(start + columns.start..start + columns.end.max(columns.start));
            for (pixel, column) in line.into_iter().flatten().zip(columns.clone()) {
                change(
                    pixel,
                    at((column as f32 + 0.5) / scale, (row as f32 + 0.5) / scale),
                );
            }
        }
    }
}

/// Linear up to 0.8, then slowly towards 1, so that bright light keeps its hue.
fn shoulder(value: f32) -> f32 {
    if value <= 0.8 {
        value
    } else {
        0.8 + 0.2 * (1.0 - (-(value - 0.8) / 0.2).exp())
    }
}

fn blur(source: &[Rgb], width: usize, height: usize, radius: usize) -> Vec<Rgb> {
    let mut image = source.to_vec();
    for _ in 0..2 {
        image = blur_lines(&image, width, height, radius);
        image = blur_lines(&image, height, width, radius);
    }
    image
}

/// Box blur along lines; the result is transposed, so that a second call does the other direction.
fn blur_lines(source: &[Rgb], width: usize, height: usize, radius: usize) -> Vec<Rgb> {
    let mut turned = vec![Rgb::BLACK; source.len()];
    let share = 1.0 / (2 * radius + 1) as f32;
    for (y, line) in source.chunks_exact(width).enumerate() {
        let pixel = |x: isize| {
            line.get(x.clamp(0, width as isize - 1) as usize)
                .copied()
                .unwrap_or_default()
        };
        let reach = radius as isize;
        let mut sum = (-reach..=reach).fold(Rgb::BLACK, |sum, x| sum + pixel(x));
        for x in 0..width {
            if let Some(cell) = turned.get_mut(x * height + y) {
                *cell = sum * share;
            }
            sum = sum + pixel(x as isize + reach + 1) + pixel(x as isize - reach) * -1.0;
        }
    }
    turned
}

fn between(image: &[Rgb], width: usize, height: usize, x: f32, y: f32) -> Rgb {
    let (x, y) = (
        x.clamp(0.0, width as f32 - 1.0),
        y.clamp(0.0, height as f32 - 1.0),
    );
    let (left, top) = (x as usize, y as usize);
    let pixel = |dx: usize, dy: usize| {
        let (column, row) = ((left + dx).min(width - 1), (top + dy).min(height - 1));
        image.get(row * width + column).copied().unwrap_or_default()
    };
    let (fx, fy) = (x - left as f32, y - top as f32);
    pixel(0, 0)
        .mix(pixel(1, 0), fx)
        .mix(pixel(0, 1).mix(pixel(1, 1), fx), fy)
}
