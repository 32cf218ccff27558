//! What all three examples show, once the store is set up.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use media_storage::{
    Inventory as _, MediaMetadata, MediaStorage as _, MediaStorageExt as _, Scope,
    SignedUrlOptions, SweepOptions, Usage,
};
use media_store_object::ObjectMediaStoreBuilder;
use media_types::{Mime, SessionId};

/// Stores a picture twice, reads it, hands out a URL, deletes, and cleans up.
pub(crate) async fn show(
    builder: ObjectMediaStoreBuilder,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let store = builder.with_deduplication(true).build().await?;
    println!("opened          {store:?}");
    println!("deduplicates    {}", store.is_deduplicating());

    // A session of its own, so that the example finds and removes what it wrote.
    let session = SessionId::mint();
    let picture = Bytes::from(b"\x89PNG\r\n\x1a\n of a sunset".repeat(20_000));
    let about = |conversation: &str| -> Result<MediaMetadata, Box<dyn Error + Send + Sync>> {
        Ok(MediaMetadata::new()
            .with_session(session.clone())
            .with_conversation(conversation.parse()?)
            .with_filename("sunset.png".to_owned()))
    };
    let first = store
        .store_bytes(Mime::IMAGE_PNG, picture.clone(), about("conv-1")?)
        .await?;
    let second = store
        .store_bytes(Mime::IMAGE_PNG, picture.clone(), about("conv-2")?)
        .await?;
    println!("stored          {}", first.id());
    println!("stored again    {}", second.id());
    let mine = Scope::Session(session.clone());
    tell("in the session", &store.usage(mine.clone()).await?);

    let read = store.retrieve_bytes(&first, 1 << 20).await?;
    println!(
        "read back       {} bytes, verified: {}",
        read.len(),
        read == picture
    );

    match store.url_signer() {
        Some(signer) => {
            let options = SignedUrlOptions::new().with_validity(Duration::from_secs(600));
            let url = signer.signed_url(&first, options).await?;
            // What prints it shows no signature.
            println!("signed          {url}");
            let answer = reqwest::get(url.url().as_str()).await?;
            let header = |name: &str| {
                let value = answer
                    .headers()
                    .get(name)
                    .and_then(|value| value.to_str().ok());
                value.unwrap_or("-").to_owned()
            };
            let (status, kind) = (answer.status(), header("content-type"));
            let disposition = header("content-disposition");
            let fetched = answer.bytes().await?;
            println!(
                "fetched         {status}, {kind}, {disposition}, {} bytes",
                fetched.len()
            );
        }
        None => println!("signed          not with this credential"),
    }

    store.delete(&first).await?;
    let other = store.retrieve_bytes(&second, 1 << 20).await?;
    println!("deleted one     the other is whole: {}", other == picture);
    let report = store.delete_scope(mine.clone()).await?;
    println!("deleted session {report:?}");
    let report = store.sweep(SweepOptions::new()).await?;
    println!("swept           {report:?}");
    tell("in the session", &store.usage(mine).await?);
    Ok(())
}

fn tell(what: &str, usage: &Usage) {
    println!("{what}  {usage:?}");
}
