//! Changes of an image: night falls, a boat is added, or the light turns.

use super::canvas::Canvas;
use super::color::Rgb;
use super::noise::Dice;
use super::shape::{Area, area, at, taper};
use super::{EncodeError, OutputFormat, Size, encode, seed};
use crate::decode::decode;

/// Changes an image as the prompt asks, scaled to `size` or as large as it is; `None` for bytes that are no image.
///
/// Equal images and prompts give equal bytes on one machine. Takes a good part of a second of one core: not for an
/// async task.
///
/// # Errors
/// When the encoder refuses the image, which its limits on size exclude.
pub fn repaint(
    image: &[u8],
    prompt: &str,
    size: Option<Size>,
    format: OutputFormat,
) -> Result<Option<Vec<u8>>, EncodeError> {
    let Some(image) = decode(image) else {
        return Ok(None);
    };
    let own = Size::new(image.width, image.height);
    let size = size.or(own).unwrap_or(Size::SQUARE);
    let from = (image.width as usize, image.height as usize);
    let (width, height) = (size.width() as usize, size.height() as usize);
    let mut canvas = Canvas::of_image(&image.rgb(), from, width, height);
    let mut dice = Dice::new(seed(prompt, 0));
    Change::of(prompt).apply(&mut canvas, &mut dice);
    let grain = dice.noise();
    encode::encode(&canvas.finish(grain), size, format).map(Some)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Night,
    Boat,
    Light,
}

impl Change {
    fn of(prompt: &str) -> Self {
        let prompt = prompt.to_lowercase();
        let asks_for = |words: &[&str]| words.iter().any(|word| prompt.contains(word));
        if asks_for(&["night", "dark", "moon"]) {
            Self::Night
        } else if asks_for(&["boat", "ship", "sail"]) {
            Self::Boat
        } else {
            Self::Light
        }
    }

    fn apply(self, canvas: &mut Canvas, dice: &mut Dice) {
        match self {
            Self::Night => night(canvas),
            Self::Boat => boat(canvas, dice),
            Self::Light => {
                let light = Rgb::hsl(dice.unit(), 0.6, 0.5);
                canvas.blend(canvas.whole(), |_| (light, 0.3));
            }
        }
    }
}

fn night(canvas: &mut Canvas) {
    const SKY: Rgb = Rgb::hex(0x0a_1433);
    const MOON: Rgb = Rgb::hex(0xff_f4d8);
    canvas.blend(canvas.whole(), |_| (SKY, 0.68));
    let moon = at(canvas.aspect() * 0.78, 0.16);
    canvas.glow(moon, 0.4, MOON, 0.5);
    let disc = Area::around(moon, 0.05, 0.05);
    canvas.fill(disc, |p| p.distance(moon) - 0.05, |_| MOON);
}

fn boat(canvas: &mut Canvas, dice: &mut Dice) {
    const HULL: Rgb = Rgb::hex(0x7a_3b1e);
    const SAIL: Rgb = Rgb::hex(0xf2_efe4);
    let x = canvas.aspect() * dice.range(0.3, 0.7);
    let sail = area(x - 0.1, 0.6, x + 0.1, 0.79);
    canvas.fill(sail, |p| taper(p, x, (0.6, 0.0), (0.79, 0.09)), |_| SAIL);
    let hull = area(x - 0.14, 0.8, x + 0.14, 0.86);
    canvas.fill(hull, |p| taper(p, x, (0.8, 0.14), (0.86, 0.09)), |_| HULL);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paint;

    #[test]
    fn changes_build_on_the_image_that_was_given() {
        let size = Size::new(96, 64).unwrap();
        let first = paint("coffee", 0, size, OutputFormat::Png).unwrap();
        let other = paint("a city", 0, size, OutputFormat::Jpeg).unwrap();
        let change = |image: &[u8], prompt: &str| {
            let changed = repaint(image, prompt, None, OutputFormat::Png).unwrap();
            changed.unwrap()
        };
        let night = change(&first, "now at night");
        assert_eq!(night, change(&first, "now at night"));
        assert_ne!(night, change(&other, "now at night"));
        assert_ne!(night, change(&first, "add a boat"));
        assert_ne!(change(&night, "warmer"), change(&first, "warmer"));
        let changed = decode(&night).unwrap();
        assert_eq!((changed.width, changed.height), (96, 64));
        let none = repaint(b"this is no image", "x", None, OutputFormat::Png);
        assert!(none.unwrap().is_none());
    }
}
