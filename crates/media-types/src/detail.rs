//! The level of detail of images.

use std::str::FromStr;

use crate::error::{ValueError, ValueKind};

/// The level of detail at which a model processes an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Detail {
    /// Low detail, which costs fewer tokens.
    Low,
    /// High detail, which costs more tokens.
    High,
    /// The model decides.
    Auto,
    /// The image as it is, without scaling.
    Original,
}

impl Detail {
    /// Returns the name in JSON: `low`, `high`, `auto` or `original`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::High => "high",
            Self::Auto => "auto",
            Self::Original => "original",
        }
    }
}

impl FromStr for Detail {
    type Err = ValueError;
    fn from_str(s: &str) -> Result<Self, ValueError> {
        match s {
            "low" => Ok(Self::Low),
            "high" => Ok(Self::High),
            "auto" => Ok(Self::Auto),
            "original" => Ok(Self::Original),
            _ => Err(ValueError::new(
                ValueKind::Content,
                "expected low, high, auto or original",
            )),
        }
    }
}
