//! How an image is turned before it is shown.

/// The turn and flip that bring stored pixels into the orientation in which they are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Orientation {
    /// The pixels are stored as they are shown.
    #[default]
    Normal,
    /// Flipped left to right.
    FlipHorizontal,
    /// Turned by 180 degrees.
    Rotate180,
    /// Flipped top to bottom.
    FlipVertical,
    /// Turned by 90 degrees clockwise, then flipped left to right.
    Transpose,
    /// Turned by 90 degrees clockwise.
    Rotate90,
    /// Turned by 270 degrees clockwise, then flipped left to right.
    Transverse,
    /// Turned by 270 degrees clockwise.
    Rotate270,
}

impl Orientation {
    /// Returns the orientation of a value of the EXIF tag 274, 1 to 8.
    pub fn from_exif(value: u16) -> Option<Self> {
        Some(match value {
            1 => Self::Normal,
            2 => Self::FlipHorizontal,
            3 => Self::Rotate180,
            4 => Self::FlipVertical,
            5 => Self::Transpose,
            6 => Self::Rotate90,
            7 => Self::Transverse,
            8 => Self::Rotate270,
            _ => return None,
        })
    }

    /// Whether width and height change places.
    pub fn swaps_sides(self) -> bool {
        matches!(
            self,
            Self::Transpose | Self::Rotate90 | Self::Transverse | Self::Rotate270
        )
    }
}
