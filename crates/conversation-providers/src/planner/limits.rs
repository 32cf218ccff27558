//! The caps of one request.

use serde::Deserialize;

/// The caps of one request. `None` is no cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of the whole body.
    pub(crate) bytes: Option<u64>,
    /// Media items of any kind.
    pub(crate) items: Option<usize>,
    /// Images.
    pub(crate) images: Option<usize>,
    /// The rule for many images.
    pub(crate) many: Option<ManyImages>,
}

/// A limit on the dimensions of all images of a request that has more than some number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManyImages {
    /// The number of images up to which the limit does not hold.
    pub(crate) above: usize,
    /// The longest side in pixels.
    pub(crate) max_side: u32,
}

/// The smaller of two caps.
pub(crate) fn lower<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl Limits {
    /// Returns the caps that hold where both hold.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            bytes: lower(self.bytes, other.bytes),
            items: lower(self.items, other.items),
            images: lower(self.images, other.images),
            many: self.many.or(other.many),
        }
    }
}
