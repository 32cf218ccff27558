//! What rig-memory does with the images of typed messages: each is decoded and kept in a file by its hash,
//! which the message names in its place; on the way back the file is read and encoded, and not verified.

use std::path::Path;

use media_storage::Sha256Hasher;
use media_types::base64;
use serde::{Deserialize, Serialize};

use crate::Result;

/// How a message names an image.
const BLOB: &str = "blob:";

/// What stands before the data of an image in the history.
const PREFIX: &str = "data:image/png;base64,";

#[derive(Clone, Serialize, Deserialize)]
struct History {
    messages: Vec<Message>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Message {
    role: String,
    content: Vec<Content>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Content {
    ImageUrl { image_url: Image },
}

#[derive(Clone, Serialize, Deserialize)]
struct Image {
    url: String,
}

impl History {
    fn images_mut(&mut self) -> impl Iterator<Item = &mut Image> {
        let contents = self.messages.iter_mut().flat_map(|one| &mut one.content);
        contents.map(|Content::ImageUrl { image_url }| image_url)
    }
}

/// The history with the names of its images, which are in a new directory.
pub(crate) fn store_images(whole: &[u8], place: &Path) -> Result<Vec<u8>> {
    std::fs::create_dir(place)?;
    let typed: History = serde_json::from_slice(whole)?;
    // The messages stay with the caller; what is saved is a copy.
    let mut saved = typed.clone();
    for image in saved.images_mut() {
        let data = image.url.strip_prefix(PREFIX).ok_or("no image")?;
        let bytes = base64::decode(data.as_bytes())?;
        let name = format!("{}.png", Sha256Hasher::digest(&bytes).to_hex());
        let draft = place.join("draft");
        std::fs::write(&draft, &bytes)?;
        std::fs::rename(&draft, place.join(&name))?;
        image.url = format!("{BLOB}{name}");
    }
    Ok(serde_json::to_vec(&saved)?)
}

/// The history with its images again.
pub(crate) fn load_images(named: &[u8], place: &Path) -> Result<Vec<u8>> {
    let mut typed: History = serde_json::from_slice(named)?;
    for image in typed.images_mut() {
        let name = image.url.strip_prefix(BLOB).ok_or("no name")?;
        let bytes = std::fs::read(place.join(name))?;
        image.url = format!("{PREFIX}{}", base64::encode(&bytes));
    }
    Ok(serde_json::to_vec(&typed)?)
}
