//! Links that nobody signed, and links that are good no more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{TimeDelta, Utc};
use media_storage::{
    MediaMetadata, MediaStorage as _, MediaStorageExt as _, MetadataPatch, Scope, SignedUrlOptions,
};
use media_types::Mime;

use crate::noise::{noise, step};
use crate::server::{DROPPED, RETIRED, Server};
use crate::{Result, judge};

/// Links of each kind that were good once.
const ENDED: usize = 20;

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
    let rotated = rotate(server).await?;
    let ended = ended(server).await?;
    let mut refused_ended = 0;
    for url in &ended {
        let response = server.http.get(url).send().await?;
        refused_ended += usize::from(response.status() == 404);
        bodies.insert(response.bytes().await?);
    }
    let what = "expired and foreign links, and links of a dropped key, refused";
    let over = judge(what, refused_ended, ended.len());
    let what = "answers to links that are not good, which are alike";
    let alike = judge(what, bodies.len(), 1);
    let forged = judge("forged links refused", refused, count);
    Ok(forged && over && alike && rotated && sound)
}

/// Whether links of the key before are still served.
async fn rotate(server: &Server) -> Result<bool> {
    let signer = server.signer_with(RETIRED)?;
    let mut served = 0;
    for seed in 0..ENDED as u64 {
        let bytes = noise(seed + 100, 1000);
        let stored = server
            .store
            .store_bytes(Mime::IMAGE_PNG, bytes.clone(), MediaMetadata::new());
        let link = signer.sign(&stored.await?, SignedUrlOptions::new()).await?;
        let response = server.http.get(link.url().as_str()).send().await?;
        served += usize::from(response.status() == 200 && response.bytes().await? == bytes);
    }
    Ok(judge("links of a retired key served", served, ENDED))
}

/// Returns links that were good once: of a key that was dropped, of an hour that is over, and to media that has
/// another owner now.
async fn ended(server: &Server) -> Result<Vec<String>> {
    let dropped = server.signer_with(DROPPED)?;
    let signer = server.signer_with(RETIRED)?;
    let yesterday = signer
        .clone()
        .with_clock(|| Utc::now() - TimeDelta::days(1));
    let ann = Scope::User("ann".parse()?);
    let mut links = Vec::new();
    for seed in 0..ENDED as u64 {
        let metadata = MediaMetadata::new().with_user("ann".parse()?);
        let stored = server
            .store
            .store_bytes(Mime::IMAGE_PNG, noise(seed + 200, 1000), metadata);
        let photo = stored.await?;
        let hers = SignedUrlOptions::new().with_expected_scope(ann.clone());
        let options = SignedUrlOptions::new;
        for link in [
            dropped.sign(&photo, options()).await?,
            yesterday.sign(&photo, options()).await?,
        ] {
            links.push(link.url().as_str().to_owned());
        }
        let link = signer.sign(&photo, hers).await?;
        let url = link.url().as_str();
        if server.http.get(url).send().await?.status() != 200 {
            return Err("a link to media of its user is not served".into());
        }
        links.push(url.to_owned());
        let patch = MetadataPatch::new().with_user(Some("ben".parse()?));
        server.store.update(&photo, patch).await?;
    }
    Ok(links)
}
