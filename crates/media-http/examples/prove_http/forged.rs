//! Links that nobody signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use media_storage::{MediaMetadata, MediaStorageExt as _};
use media_types::Mime;

use crate::noise::{noise, step};
use crate::server::Server;
use crate::{Result, judge};

pub(crate) async fn prove(server: &Server, count: usize) -> Result<bool> {
    let metadata = MediaMetadata::new();
    let photo = server
        .store
        .store_bytes(Mime::IMAGE_PNG, noise(2, 1000), metadata)
        .await?;
    let link = server.link(&photo).await?;
    let sound = server.http.get(&link).send().await?.status() == 200;
    let path = link
        .strip_prefix(&server.address)
        .and_then(|path| path.strip_prefix("/media/"))
        .ok_or("not a link")?;
    let (token, name) = path.split_once('/').ok_or("a link without a name")?;
    let signed = URL_SAFE_NO_PAD.decode(token)?;
    let mut seed = 11;
    let mut refused = 0;
    let mut bodies = std::collections::HashSet::new();
    for number in 0..count {
        seed = step(seed);
        let mut forged = signed.clone();
        let at = usize::try_from(seed % forged.len() as u64)?;
        let last = forged.len() - 16;
        match number % 5 {
            0 => forged[at] ^= 1 << (seed >> 61),
            1 => forged.truncate(at),
            2 => forged.insert(at, u8::try_from(seed >> 56)?),
            // A new payload under the old code, and a code of chance.
            3 => forged[2..10].copy_from_slice(&i64::MAX.to_be_bytes()),
            _ => forged[last..].copy_from_slice(&noise(seed, 16)),
        }
        let url = format!(
            "{}/media/{}/{name}",
            server.address,
            URL_SAFE_NO_PAD.encode(forged)
        );
        let response = server.http.get(url).send().await?;
        refused += usize::from(response.status() == 404);
        bodies.insert(response.bytes().await?);
    }
    let alike = judge("answers to forged links that are alike", bodies.len(), 1);
    Ok(judge("forged links refused", refused, count) && alike && sound)
}
