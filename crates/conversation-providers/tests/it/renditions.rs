//! Images in a store that are made to fit.

use bytes::Bytes;
use conversation_providers::{ImageFitter as _, ImageNeeds, RenditionFitter};
use media_image::{ImageWorkers, PROBE_LEN, Renditions};
use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt as _};
use media_types::{MediaContent, Mime};

async fn stored(mime: Mime, bytes: Bytes) -> (RenditionFitter<InMemoryStorage>, MediaContent) {
    let images = Renditions::new(InMemoryStorage::new(), ImageWorkers::default());
    let metadata = MediaMetadata::new().with_conversation("c".parse().unwrap());
    let stored = images.store_bytes(mime.clone(), bytes, metadata);
    let content = MediaContent::from_reference(mime, stored.await.unwrap());
    (RenditionFitter::new(images), content)
}

/// A JPEG of 200 pixels whose dimensions stand behind metadata, as in photos with a depth map.
fn photo_behind_metadata() -> Bytes {
    let mut bytes = b"\xff\xd8".to_vec();
    for _ in 0..7 {
        bytes.extend(b"\xff\xe1\xff\xfe");
        bytes.extend([0; 0xfffc]);
    }
    assert!(bytes.len() > PROBE_LEN);
    bytes.extend(b"\xff\xc0\0\x0b\x08\0\xc8\0\xc8\x01\x01\x11\0");
    bytes.extend(b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\0\xff\xd9");
    bytes.into()
}

#[tokio::test]
async fn a_photo_whose_dimensions_come_late_is_made_to_fit() {
    let (fitter, photo) = stored(Mime::IMAGE_JPEG, photo_behind_metadata()).await;
    let needs = ImageNeeds::new([Mime::IMAGE_JPEG]).with_max_side(Some(500));
    let needs = needs.with_max_bytes(Some(100_000));
    let fitted = fitter.fit(&photo, &needs, None).await.unwrap();
    assert_eq!((fitted.width(), fitted.height()), (Some(200), Some(200)));
    assert!(fitted.reference().unwrap().size().unwrap() < 100);
    let again = fitter.fit(&photo, &needs, None).await.unwrap();
    assert_eq!(again.reference(), fitted.reference());
}

#[tokio::test]
async fn an_image_that_cannot_fit_one_model_is_made_to_fit_another() {
    // Two pixels, and a comment.
    let mut gif = b"GIF89a\x02\0\x01\0\x80\0\0\xff\xff\xff\0\0\0!\xfe\xff".to_vec();
    gif.extend([b'x'; 255]);
    gif.extend(b"\0,\0\0\0\0\x02\0\x01\0\0\x02\x02\x04\x0a\0;");
    let (fitter, image) = stored(Mime::IMAGE_GIF, gif.into()).await;
    let needs = |mime| ImageNeeds::new([mime]).with_max_side(Some(1));
    for _ in 0..2 {
        let fitted = fitter.fit(&image, &needs(Mime::IMAGE_GIF), None).await;
        assert!(fitted.is_none(), "GIF is never written");
    }
    let fitted = fitter.fit(&image, &needs(Mime::IMAGE_PNG), None).await;
    let fitted = fitted.unwrap();
    assert_eq!(fitted.mime(), &Mime::IMAGE_PNG);
    assert_eq!((fitted.width(), fitted.height()), (Some(1), Some(1)));
}
