//! What can be painted, and which words ask for it.

mod abstracts;
mod cafe;
mod city;
mod landscape;

use super::canvas::Canvas;
use super::noise::Dice;
use landscape::{Hour, Landscape};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scene {
    Landscape(Landscape),
    City,
    Cafe,
    Abstract,
}

impl Scene {
    /// The first scene of which a word occurs in the prompt.
    pub(super) fn of(prompt: &str) -> Self {
        let prompt = prompt.to_lowercase();
        let words: Vec<&str> = prompt.split(|c: char| !c.is_alphanumeric()).collect();
        let any = |names: &[&str]| {
            names.iter().any(|name| {
                words
                    .iter()
                    .any(|word| word.strip_suffix('s') == Some(name) || word == name)
            })
        };
        if any(&[
            "city",
            "cities",
            "skyline",
            "skyscraper",
            "metropolis",
            "cyberpunk",
            "futuristic",
            "downtown",
        ]) {
            return Self::City;
        }
        if any(&["coffee", "cafe", "café", "espresso", "bakery", "bistro"]) {
            return Self::Cafe;
        }
        let water = any(&[
            "lake", "sea", "ocean", "river", "water", "fjord", "beach", "coast",
        ]);
        let hour = if any(&["night", "moon", "moonlight", "midnight", "star", "stars"]) {
            Some(Hour::Night)
        } else if any(&["dawn", "sunrise", "morning", "serene"]) {
            Some(Hour::Dawn)
        } else if any(&["sunset", "dusk", "evening", "sun"]) {
            Some(Hour::Sunset)
        } else {
            None
        };
        let land = any(&[
            "mountain",
            "landscape",
            "valley",
            "hill",
            "forest",
            "alp",
            "nature",
            "sky",
            "horizon",
        ]);
        if abstracted(&words) || !(water || land || hour.is_some()) {
            return Self::Abstract;
        }
        Self::Landscape(Landscape {
            hour: hour.unwrap_or(Hour::Sunset),
            water,
        })
    }

    pub(super) fn paint(self, canvas: &mut Canvas, dice: &mut Dice, prompt: &str) {
        match self {
            Self::Landscape(landscape) => landscape::paint(canvas, dice, landscape),
            Self::City => city::paint(canvas, dice),
            Self::Cafe => cafe::paint(canvas, dice),
            Self::Abstract => abstracts::paint(canvas, dice, prompt),
        }
    }

    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Landscape(landscape) => landscape.description(),
            Self::City => {
                "towers of glass and neon rise in blue haze under a large moon, and the river below carries their lights"
            }
            Self::Cafe => {
                "brass lamps warm a brick wall, an espresso machine waits on the wooden counter, \
                 and a cup steams on the table by the window"
            }
            Self::Abstract => {
                "bands of color flow and fold into each other, with glowing lines along their edges"
            }
        }
    }
}

fn abstracted(words: &[&str]) -> bool {
    words
        .iter()
        .any(|word| word.starts_with("abstract") || *word == "pattern")
}
