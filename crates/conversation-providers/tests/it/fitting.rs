//! Images that are made to fit before they are sent.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use conversation_providers::{
    Capabilities, ImageFitter, ImageNeeds, MediaContext, MediaForm, RequestOutline, RequestPlan,
    RequestPlanner,
};
use media_storage::Scope;
use media_types::{MediaContent, Mime};

use crate::support::picture_bytes;

/// Makes a JPEG of a fixed length of everything, with the longest side that is needed.
#[derive(Debug, Default)]
struct Fitter {
    asked: Mutex<Vec<ImageNeeds>>,
    gives_up: bool,
}

impl Fitter {
    fn asked(&self) -> Vec<ImageNeeds> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl ImageFitter for Fitter {
    async fn fit(
        &self,
        _image: &MediaContent,
        needs: &ImageNeeds,
        _scope: Option<&Scope>,
    ) -> Option<MediaContent> {
        self.asked.lock().unwrap().push(needs.clone());
        if self.gives_up {
            return None;
        }
        let mut bytes = b"\xff\xd8\xff\xe0".to_vec();
        bytes.resize(1000, 0);
        let side = needs.max_side().unwrap_or(4000);
        Some(
            MediaContent::from_bytes(Mime::IMAGE_JPEG, bytes)
                .with_width(side)
                .with_height(side),
        )
    }
}

async fn plan(images: &[MediaContent], fitter: &Arc<Fitter>) -> RequestPlan {
    let api = Capabilities::builtin()
        .api("anthropic.messages")
        .unwrap_or_default();
    let mut outline = RequestOutline::new(100);
    for image in images {
        outline.push(10, [image]);
    }
    // As a program gives one that it has chosen at run time.
    let fitter: Arc<dyn ImageFitter> = Arc::clone(fitter) as Arc<dyn ImageFitter>;
    let media = MediaContext::default().with_image_fitter(Arc::new(fitter));
    RequestPlanner::new("anthropic", api)
        .plan(&outline, &media)
        .await
}

fn png(seed: u64, side: Option<u32>) -> MediaContent {
    let image = MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(seed, 500));
    match side {
        Some(side) => image.with_width(side).with_height(10),
        None => image,
    }
}

#[tokio::test]
async fn images_that_fit_are_not_touched() {
    let fitter = Arc::default();
    let plan = plan(&[png(1, Some(8000)), png(2, Some(10))], &fitter).await;
    assert_eq!((fitter.asked().len(), plan.sent_items()), (0, 2));
}

#[tokio::test]
async fn images_of_unknown_size_too_large_or_of_another_type_are_made_to_fit() {
    let fitter = Arc::default();
    let large = MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(1, 8_000_000));
    let mut heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec();
    heic.resize(600, 0);
    let heic = MediaContent::from_bytes(Mime::IMAGE_HEIC, heic);
    let images = [
        png(1, None),
        png(2, Some(9000)),
        large.with_width(10).with_height(10),
        heic,
    ];
    let plan = plan(&images, &fitter).await;
    let asked = fitter.asked();
    assert_eq!((asked.len(), plan.sent_items()), (4, 4));
    for needs in asked {
        assert_eq!(
            (needs.max_side(), needs.max_bytes()),
            (Some(8000), Some(7_500_000))
        );
        assert!(
            needs.mimes().contains(&Mime::IMAGE_JPEG) && !needs.mimes().contains(&Mime::IMAGE_HEIC)
        );
    }
    for index in 0..4 {
        let (_, form) = plan.media().get(index).unwrap();
        let is_fitted =
            matches!(form, MediaForm::Base64 { mime, size: 1000 } if *mime == Mime::IMAGE_JPEG);
        assert!(is_fitted, "{form:?}");
    }
}

#[tokio::test]
async fn beyond_twenty_images_long_sides_are_scaled_and_all_are_sent() {
    let fitter = Arc::default();
    let mut images: Vec<_> = (0..20).map(|seed| png(seed, Some(3000))).collect();
    let few = plan(&images, &fitter).await;
    assert_eq!((fitter.asked().len(), few.sent_items()), (0, 20));
    images.push(png(20, Some(100)));
    let many = plan(&images, &fitter).await;
    let asked = fitter.asked();
    // The small one stays as it is.
    assert_eq!((asked.len(), many.sent_items()), (20, 21));
    assert!(asked.iter().all(|needs| needs.max_side() == Some(2000)));
    // Without that, the long ones would have been left out.
    let none = Arc::new(Fitter {
        gives_up: true,
        ..Fitter::default()
    });
    let without = plan(&images, &none).await;
    assert!(without.sent_items() <= 20);
}

#[tokio::test]
async fn what_cannot_be_made_to_fit_is_left_out_as_before() {
    let fitter = Arc::new(Fitter {
        gives_up: true,
        ..Fitter::default()
    });
    let plan = plan(&[png(1, Some(9000)), png(2, None)], &fitter).await;
    assert!(!plan.media().is_sent(0) && plan.media().is_sent(1));
}
