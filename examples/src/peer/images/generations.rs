//! Images from prompts.

use painter::Size;
use serde_json::{Map, Value};

use super::order::Order;
use crate::peer::refusal::Refusal;

const FIELDS: [&str; 13] = [
    "model",
    "prompt",
    "n",
    "size",
    "quality",
    "output_format",
    "output_compression",
    "background",
    "moderation",
    "style",
    "user",
    "stream",
    "partial_images",
];

/// The answer's body, as JSON, to a request's body.
///
/// # Errors
/// What the service refuses: unknown fields and models, empty prompts, sizes and counts out of range.
pub fn generate(request: &Map<String, Value>) -> Result<Vec<u8>, Refusal> {
    let order = Order::read(request, &FIELDS)?;
    let size = order.size.unwrap_or(Size::SQUARE);
    let images =
        (0..order.count).map(|variant| painter::paint(&order.prompt, variant, size, order.format));
    order.answer(images, size, 0)
}
