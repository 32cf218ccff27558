//! Images from an image and words.

use painter::Size;

use super::order::Order;
use crate::peer::form::{Form, FormFile};
use crate::peer::photos::Photo;
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
    "input_fidelity",
    "user",
    "stream",
    "partial_images",
];

/// The types of images that can be changed.
const TYPES: [&str; 3] = ["image/png", "image/jpeg", "image/webp"];

/// The answer's body, as JSON, to a request's form. What is painted starts from the image that was sent.
///
/// # Errors
/// As for generations; and when the form has no image, several, a mask, or one that is not what it is declared as.
pub fn edit(form: &Form) -> Result<Vec<u8>, Refusal> {
    let order = Order::read(&form.fields, &FIELDS)?;
    if order.count != 1 {
        return Err(
            Refusal::invalid("This local peer makes one change at a time.").with_param("n"),
        );
    }
    let file = the_image(form)?;
    let (image, format) = (&file.bytes, order.format);
    let photo = Photo::look(image, &file.mime).ok_or_else(unreadable)?;
    let changed = painter::repaint(image, &order.prompt, order.size, format)
        .map_err(|error| Refusal::internal(error.to_string()))?
        .ok_or_else(unreadable)?;
    let (width, height) = photo.sides();
    let size = order.size.or(Size::new(width, height));
    order.answer([Ok(changed)], size.unwrap_or(Size::SQUARE), 1)
}

fn the_image(form: &Form) -> Result<&FormFile, Refusal> {
    if let Some(other) = form
        .files
        .iter()
        .find(|file| !["image", "image[]"].contains(&file.field.as_str()))
    {
        let message = "This local peer takes an image, and no mask or other file.";
        return Err(Refusal::invalid(message).with_param(other.field.clone()));
    }
    let file = match form.files.as_slice() {
        [] => return Err(Refusal::missing("image")),
        [file] => file,
        [..] => {
            let message = "This local peer changes one image at a time.";
            return Err(Refusal::invalid(message).with_param("image"));
        }
    };
    if !TYPES.contains(&file.mime.as_str()) {
        let message = format!(
            "Invalid file 'image': unsupported mimetype ('{}'). Supported file formats are '{}'.",
            file.mime.chars().take(40).collect::<String>(),
            TYPES.join("', '")
        );
        return Err(Refusal::invalid(message)
            .with_code("unsupported_file_mimetype")
            .with_param("image"));
    }
    Ok(file)
}

fn unreadable() -> Refusal {
    Refusal::invalid("Invalid image file or mode for image 1, please check your image file.")
        .with_code("invalid_image_file")
        .with_param("image")
}
