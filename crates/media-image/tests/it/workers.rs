use futures_util::FutureExt as _;
use futures_util::future::join_all;
use image::ImageFormat as Encoder;
use media_image::{ImageErrorKind, ImageLimits, ImageWorkers, Profile};

use crate::samples;

#[tokio::test]
async fn jobs_wait_for_memory_and_all_end() {
    // A job needs more than half of the memory.
    let workers = ImageWorkers::new(4, 16 << 20);
    let photo = samples::encoded(&samples::photo(900, 700), Encoder::Png);
    let jobs = (0..6).map(|_| workers.fit(photo.clone(), Profile::thumbnail(64)));
    for result in join_all(jobs).await {
        assert_eq!(result.unwrap().width, 64);
    }
}

#[test]
fn a_job_that_is_dropped_gives_back_what_it_had() {
    // One thread, which waits for a signal before it works on images.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let held = tokio::task::spawn_blocking(move || released.recv());
        let workers = ImageWorkers::new(4, 16 << 20);
        let photo = samples::encoded(&samples::photo(900, 700), Encoder::Png);
        let fit = || Box::pin(workers.fit(photo.clone(), Profile::thumbnail(64)));
        let (mut running, mut waiting, mut last) = (fit(), fit(), fit());
        for job in [&mut running, &mut waiting, &mut last] {
            assert!(job.now_or_never().is_none());
        }
        // One that runs keeps its memory until its end, and one that waits has none.
        drop(running);
        drop(waiting);
        assert!((&mut last).now_or_never().is_none());
        release.send(()).unwrap();
        held.await.unwrap().unwrap();
        assert_eq!(last.await.unwrap().width, 64);
    });
}

#[tokio::test]
async fn an_image_that_needs_more_than_the_pool_is_refused() {
    let workers = ImageWorkers::new(1, 16 << 20);
    let header = samples::png_header(2_000, 2_000);
    let error = workers
        .fit(header, Profile::thumbnail(64))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ImageErrorKind::TooLarge);
    let workers = workers.with_limits(ImageLimits::new().with_max_bytes(10));
    let error = workers
        .fit(vec![0; 11].into(), Profile::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ImageErrorKind::TooLarge);
}

#[test]
fn a_job_that_the_runtime_does_not_begin_any_more_was_stopped() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let handle = runtime.unwrap().handle().clone();
    let workers = ImageWorkers::new(4, 64 << 20);
    let photo = samples::encoded(&samples::photo(90, 70), Encoder::Png);
    // The runtime has ended.
    let _entered = handle.enter();
    let stopped = workers.fit(photo, Profile::thumbnail(64)).now_or_never();
    let error = stopped.unwrap().unwrap_err();
    assert_eq!(error.kind(), ImageErrorKind::Stopped);
}
