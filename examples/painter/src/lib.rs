//! A painter that needs no model: a scene is chosen by words in the prompt and painted from its hash.
//!
//! Equal prompts give equal bytes on one machine (mathematical functions of the platform may differ between
//! systems). An image of 1024x1024 is a PNG of more than 1 MB, since film grain does not compress.
//!
//! - `scenes`: what can be painted
//! - `repaint`: changes of an image
//! - `canvas`: the image while it is painted, and its finish
//! - `shape`, `color`, `noise`: the tools
//! - `encode`: pixels to PNG, JPEG or WebP
//! - [`decode`]: pixels from the formats that a service takes

mod canvas;
mod color;
pub mod decode;
mod encode;
mod noise;
mod repaint;
mod scenes;
mod shape;

use sha2::{Digest, Sha256};

pub use encode::{EncodeError, OutputFormat};
pub use repaint::repaint;

use canvas::Canvas;
use noise::Dice;
use scenes::Scene;

/// Width and height of an image in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    width: u32,
    height: u32,
}

impl Size {
    /// What is painted when no size is asked for.
    pub const SQUARE: Self = Self {
        width: 1024,
        height: 1024,
    };

    const SIDES: std::ops::RangeInclusive<u32> = 16..=2048;

    /// A size of which both sides are 16 to 2048 pixels.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Option<Self> {
        (Self::SIDES.contains(&width) && Self::SIDES.contains(&height))
            .then_some(Self { width, height })
    }

    /// Reads `1024x1536`, and `auto` as [`Size::SQUARE`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "auto" {
            return Some(Self::SQUARE);
        }
        let (width, height) = text.split_once('x')?;
        Self::new(width.parse().ok()?, height.parse().ok()?)
    }

    /// Pixels from left to right.
    #[must_use]
    pub fn width(self) -> u32 {
        self.width
    }

    /// Pixels from top to bottom.
    #[must_use]
    pub fn height(self) -> u32 {
        self.height
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// Paints what the prompt asks for; `variant` distinguishes the images of one request.
///
/// Takes a good part of a second of one core: not for an async task.
///
/// # Errors
/// When the encoder refuses the image, which its limits on size exclude.
pub fn paint(
    prompt: &str,
    variant: u32,
    size: Size,
    format: OutputFormat,
) -> Result<Vec<u8>, EncodeError> {
    let mut dice = Dice::new(seed(prompt, variant));
    let mut canvas = Canvas::new(size.width as usize, size.height as usize);
    Scene::of(prompt).paint(&mut canvas, &mut dice, prompt);
    let grain = dice.noise();
    encode::encode(&canvas.finish(grain), size, format)
}

/// Returns one sentence that says what is seen in the image of a prompt.
#[must_use]
pub fn describe(prompt: &str) -> &'static str {
    Scene::of(prompt).description()
}

fn seed(prompt: &str, variant: u32) -> u64 {
    let words = prompt.to_lowercase();
    let words: Vec<&str> = words.split_whitespace().collect();
    let digest = Sha256::digest(words.join(" "));
    let start = digest
        .iter()
        .take(8)
        .fold(0, |seed, byte| seed << 8 | u64::from(*byte));
    start.wrapping_add(u64::from(variant).wrapping_mul(0x9e37_79b9))
}

#[cfg(test)]
mod tests;
