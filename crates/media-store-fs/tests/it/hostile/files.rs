//! What stands in the place of one file.

use super::*;

#[tokio::test]
async fn a_special_file_as_media_or_sidecar_is_corrupted() {
    for wrong in Wrong::ALL {
        if wrong == Wrong::Nothing {
            continue;
        }
        let place = Place::new();
        let outside = place.root().join("outside");
        fs::create_dir(&outside).unwrap();
        let store = place.store().await;
        let media = put(&store, BYTES, of("s", "c")).await;
        wrong.put(&place.media().join(media.id()), &outside);
        let error = store.retrieve(&media).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{wrong:?}");
        assert_eq!(error.key(), Some(media.id()));
        if wrong != Wrong::File {
            let error = store.delete(&media).await.unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{wrong:?}");
        }

        let outside = place.root().join("outside-2");
        fs::create_dir(&outside).unwrap();
        let described = put(&store, BYTES, of("s", "c")).await;
        let sidecar = place.media().join(format!("{}.meta", described.id()));
        wrong.put(&sidecar, &outside);
        // The reference has size and hash, but only the sidecar knows scope and expiry.
        let error = store.retrieve(&described).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{wrong:?}");
        let scope = Scope::Session("s".parse().unwrap());
        let options = RetrieveOptions::new().with_expected_scope(scope);
        let error = store.retrieve_opts(&described, options).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{wrong:?}");
        let unknown = StorageReference::builder("file", described.id());
        let error = store.retrieve(&unknown.build().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_blob_that_is_no_file_is_replaced() {
    for wrong in [
        Wrong::LinkOut,
        Wrong::LinkToItself,
        Wrong::Fifo,
        Wrong::Socket,
        Wrong::File,
    ] {
        let place = Place::new();
        let outside = place.root().join("outside");
        fs::create_dir(&outside).unwrap();
        let first = place.store().await;
        let one = put(&first, BYTES, of("s", "c")).await;
        let hash = one.sha256().unwrap().to_hex();
        let blob = format!(".store/blobs/sha256/{}/{hash}", &hash[..2]);
        wrong.put(&place.media().join(&blob), &outside);
        let store = place.store().await;
        let two = put(&store, BYTES, of("s", "c")).await;
        let three = put(&store, BYTES, of("s", "c")).await;
        for reference in [&one, &two, &three] {
            assert_eq!(get(&store, reference).await, BYTES, "{wrong:?}");
        }
        let inode = |id: &str| fs::metadata(place.media().join(id)).unwrap().ino();
        assert_eq!(inode(two.id()), inode(three.id()), "{wrong:?}");
        assert_eq!(inode(two.id()), inode(&blob), "{wrong:?}");
    }
}

#[tokio::test]
async fn huge_and_bottomless_sidecars_cost_nothing() {
    let place = Place::new();
    let store = place.store().await;
    let good = fs::read(place.media().join(format!(
        "{}.meta",
        put(&store, BYTES, of("s", "c")).await.id()
    )))
    .unwrap();
    let deep = [
        b"{\"a\":".repeat(13_000),
        b"1".to_vec(),
        b"}".repeat(13_000),
    ]
    .concat();
    let big_number = String::from_utf8(good.clone()).unwrap().replace(
        &format!("\"size_bytes\": {}", BYTES.len()),
        "\"size_bytes\": 1e999",
    );
    let sidecars: [(&str, Vec<u8>); 8] = [
        ("empty", Vec::new()),
        ("bottomless", b"[".repeat(64 * 1024)),
        ("bottomless and huge", b"[".repeat(10 * 1024 * 1024)),
        ("deep", deep),
        ("of another", good),
        ("numbers", big_number.into_bytes()),
        ("not text", vec![0xff; 4000]),
        ("null", b"null".to_vec()),
    ];
    for (what, json) in sidecars {
        let reference = put(&store, BYTES, of("s", "c")).await;
        let path = place.media().join(format!("{}.meta", reference.id()));
        fs::write(&path, json).unwrap();
        let error = store.retrieve(&reference).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{what}");
        let id = StorageReference::builder("file", reference.id())
            .build()
            .unwrap();
        let error = in_time(what, store.retrieve(&id)).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{what}");
        // Ten gigabytes that take no room.
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(10 << 30)
            .unwrap();
        let error = in_time(what, store.retrieve(&id)).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{what}");
    }
    let listed = store.list(Scope::All).collect::<Vec<_>>();
    let listed = in_time("list", listed).await;
    let failed = listed.iter().filter(|entry| entry.is_err()).count();
    assert_eq!((listed.len(), failed), (9, 8));
    let full = SweepOptions::new().with_depth(SweepDepth::Full);
    in_time("sweep", store.sweep(full)).await.unwrap();
    let usage = in_time("usage", store.usage(Scope::All)).await.unwrap();
    assert_eq!((usage.references, usage.blobs), (9, 1));
}

#[tokio::test]
async fn names_that_no_store_writes_are_passed_over() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, BYTES, of("s", "c")).await;
    let not_text = std::ffi::OsStr::from_bytes(b"\xff\xfe\x80");
    let long = "x".repeat(255);
    let hash = reference.sha256().unwrap().to_hex();
    let shelf = format!(".store/blobs/sha256/{}", &hash[..2]);
    for directory in [
        "",
        "s",
        "s/c",
        ".store",
        ".store/tmp",
        ".store/blobs",
        &shelf,
        ".store/expiry",
    ] {
        let directory = place.media().join(directory);
        fs::create_dir(directory.join(not_text)).unwrap();
        fs::create_dir(directory.join("lost+found")).unwrap();
        fs::write(directory.join(&long), "x").unwrap();
        fs::write(
            directory.join(std::ffi::OsStr::from_bytes(b"\x80.png")),
            "x",
        )
        .unwrap();
    }
    let listed = store.list(Scope::All).collect::<Vec<_>>();
    let listed: Vec<_> = in_time("list", listed).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(store.usage(Scope::All).await.unwrap().references, 1);
    store.export_dedup_index().await.unwrap();
    let full = SweepOptions::new().with_depth(SweepDepth::Full);
    store.sweep(full).await.unwrap();
    assert_eq!(get(&store, &reference).await, BYTES);
    for segment in [
        "x".repeat(300),
        "y".repeat(1000),
        "a b".to_owned(),
        "\u{202e}".to_owned(),
    ] {
        let id = format!("{segment}/c/{}", reference.file_name());
        let Ok(forged) = StorageReference::builder("file", &id).build() else {
            continue;
        };
        let error = store.retrieve(&forged).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::InvalidRef, "{id}");
    }
}

#[tokio::test]
async fn lost_hints_keep_nothing_alive() {
    let place = Place::new();
    let store = place.store().await;
    let metadata = of("s", "c").with_retention(media_storage::RetentionPolicy::RetainHours(1));
    put(&store, BYTES, metadata).await;
    fs::remove_dir_all(place.media().join(".store/expiry")).unwrap();
    let later = chrono::Utc::now() + chrono::TimeDelta::hours(2);
    let sweep = SweepOptions::new()
        .with_depth(SweepDepth::Full)
        .with_now(later);
    let store = place.store().await;
    let planned = store.sweep(sweep.with_dry_run()).await.unwrap();
    let done = store.sweep(sweep).await.unwrap();
    assert_eq!(planned, done);
    assert_eq!((done.expired, done.failed), (1, 0));
    assert_eq!(store.usage(Scope::All).await.unwrap().references, 0);
}
