//! Images that are made to fit, before they are sent and for views.

use std::io::Cursor;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_providers::{Capabilities, MediaForm, Provider, RequestOutline, RequestPlanner};
use conversation_sdk::{
    ConversationManager, MediaContext, Message, Owner, PartView, ProviderError, ProviderRequest,
    ProviderResponse, RenditionFitter, Start, ViewOptions, Window,
};
use futures_util::TryStreamExt;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use media_image::{ImageWorkers, Renditions, parent_of};
use media_storage::{InMemoryStorage, MediaStorage, MediaStorageExt as _, Scope};
use media_types::{MediaContent, MediaType, Mime};

use crate::view::Signing;

fn photo(seed: u32, width: u32, height: u32) -> MediaContent {
    let image = RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x + seed) as u8, (y / 3) as u8, (x / 7 + y / 5) as u8])
    });
    let mut png = Cursor::new(Vec::new());
    DynamicImage::from(image)
        .write_to(&mut png, ImageFormat::Png)
        .unwrap();
    MediaContent::from_bytes(Mime::IMAGE_PNG, png.into_inner())
}

/// The longest side and the type of each image of a request.
type SentImages = Vec<(u32, Mime)>;

/// Plans each request as a provider does, and notes the sides and types of the images that go out.
#[derive(Debug)]
struct Planning {
    inner: ScriptedProvider,
    sent: Arc<Mutex<Vec<SentImages>>>,
}

#[async_trait]
impl Provider for Planning {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn model(&self) -> &str {
        self.inner.model()
    }
    async fn complete(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        let api = Capabilities::builtin()
            .api("anthropic.messages")
            .unwrap_or_default();
        let mut outline = RequestOutline::new(100);
        for message in request.messages {
            outline.push(10, Message::media(message));
        }
        let plan = RequestPlanner::new("anthropic", api)
            .plan(&outline, media)
            .await;
        let mut sent = Vec::new();
        for index in 0..plan.media().len() {
            let (content, form) = plan.media().get(index).unwrap();
            if let MediaForm::Base64 { mime, .. } = form {
                let loaded = media.loader().open(content).await.unwrap();
                let bytes = loaded.body.bytes(64 << 20).await.unwrap();
                let image = image::load_from_memory(&bytes).unwrap();
                sent.push((image.width().max(image.height()), mime.clone()));
            }
        }
        self.sent.lock().unwrap().push(sent);
        self.inner.complete(request, media).await
    }
}

#[tokio::test]
async fn long_sides_are_scaled_once_there_are_many_and_all_goes_with_the_conversation() {
    let store = InMemoryStorage::new();
    let images = Renditions::new(store.clone(), ImageWorkers::default());
    let sent = Arc::new(Mutex::new(Vec::new()));
    let provider = Planning {
        inner: ScriptedProvider::new()
            .with_answer(ScriptedAnswer::new().text("one"))
            .with_answer(ScriptedAnswer::new().text("two"))
            .with_answer(ScriptedAnswer::new().text("three")),
        sent: Arc::clone(&sent),
    };
    let config = conversation_sdk::ManagerConfig::new().with_media_size_threshold_kb(0);
    let manager = ConversationManager::builder()
        .with_provider(provider)
        .with_image_fitter(RenditionFitter::new(images.clone()))
        .with_media_storage(images)
        .with_config(config)
        .build()
        .unwrap();
    let conversation = manager.start(Start::new().with_user("ann")).await.unwrap();
    let ask = |images: Vec<MediaContent>| {
        let mut conversation = conversation.clone();
        async move {
            conversation.send_with_media("look", images).await.unwrap();
        }
    };
    let mut first: Vec<_> = (0..19).map(|seed| photo(seed, 30, 20)).collect();
    first.push(photo(99, 2400, 40));
    ask(first).await;
    assert_eq!(sent.lock().unwrap()[0][19], (2400, Mime::IMAGE_PNG));
    ask(vec![photo(100, 30, 20)]).await;
    let second = sent.lock().unwrap()[1].clone();
    assert_eq!((second.len(), second[19].0), (21, 2000));
    // The others go out as they are.
    assert!(
        second
            .iter()
            .enumerate()
            .all(|(index, (side, _))| index == 19 || *side == 30)
    );
    ask(Vec::new()).await;
    assert_eq!(sent.lock().unwrap()[2], second);

    let list = || async {
        let entries = store.inventory().unwrap().list(Scope::All);
        entries.try_collect::<Vec<_>>().await.unwrap()
    };
    let children = list()
        .await
        .iter()
        .filter(|e| parent_of(&e.metadata).is_some())
        .count();
    assert_eq!(children, 1);

    // Views have thumbnails of what is longer than they ask for.
    let options = ViewOptions::new().with_thumbnails(320);
    let view = conversation.view(Window::All, &options).await.unwrap();
    let shown = view.messages.iter().flat_map(|message| &message.parts);
    let shown = shown.filter(|part| {
        matches!(
            part,
            PartView::Media {
                media_type: MediaType::Image,
                ..
            }
        )
    });
    assert_eq!(shown.count(), 21);
    assert_eq!(
        list()
            .await
            .iter()
            .filter(|e| parent_of(&e.metadata).is_some())
            .count(),
        2
    );

    manager
        .delete_conversation(conversation.id(), Owner::any())
        .await
        .unwrap();
    assert!(list().await.is_empty());
}

#[tokio::test]
async fn a_thumbnail_has_a_url_where_the_store_signs() {
    let store = InMemoryStorage::new();
    let images = Renditions::new(Signing(store.clone()), ImageWorkers::default());
    let config = conversation_sdk::ManagerConfig::new().with_media_size_threshold_kb(0);
    let manager = ConversationManager::builder()
        .with_provider(ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("one")))
        .with_image_fitter(RenditionFitter::new(images.clone()))
        .with_media_storage(images)
        .with_config(config)
        .build()
        .unwrap();
    let mut conversation = manager.start(Start::new().with_user("ann")).await.unwrap();
    let sent = [photo(1, 900, 300), photo(2, 60, 50)];
    conversation.send_with_media("look", sent).await.unwrap();
    let options = ViewOptions::new().with_thumbnails(320);
    let view = conversation.view(Window::All, &options).await.unwrap();
    let links: Vec<_> = view.messages[0]
        .parts
        .iter()
        .filter_map(|part| match part {
            PartView::Media {
                url, thumbnail_url, ..
            } => Some((url.clone().unwrap(), thumbnail_url.clone())),
            _ => None,
        })
        .collect();
    let [(large, thumbnail), (_, small)] = links.as_slice() else {
        panic!("{links:?}");
    };
    // An image that is small enough needs no other.
    assert_eq!(small, &None);
    let thumbnail = thumbnail.clone().unwrap();
    assert_ne!(&thumbnail, large);
    let id = thumbnail.strip_prefix("https://media.example/").unwrap();
    let id = id.strip_suffix("?sig=x").unwrap();
    let entries = store.inventory().unwrap().list(Scope::All);
    let entries: Vec<_> = entries.try_collect().await.unwrap();
    let child = entries.iter().find(|entry| entry.reference.id() == id);
    let child = child.unwrap();
    assert!(large.contains(parent_of(&child.metadata).unwrap()));
    let bytes = store
        .retrieve_bytes(&child.reference, 1 << 20)
        .await
        .unwrap();
    let image = image::load_from_memory(&bytes).unwrap();
    assert_eq!((image.width(), image.height()), (320, 107));
}
