//! What the stores above rely on, asked of a server through `object_store`.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, MultipartUpload as _, ObjectStore, ObjectStoreExt as _, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, UpdateVersion,
};

pub(crate) async fn holds(store: impl ObjectStore) {
    let store: Arc<dyn ObjectStore> = Arc::new(store);
    one_of_many_creates(&store).await;
    a_stale_update_fails(&store).await;
    a_listing_shows_what_was_put(&store).await;
    parts_become_one_object(&store).await;
    ranges_and_attributes_come_back(&store).await;
    what_was_deleted_is_gone(&store).await;
}

async fn one_of_many_creates(store: &Arc<dyn ObjectStore>) {
    for round in 0..5 {
        let key = Path::from(format!("race/{round}"));
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8_u8 {
            let (store, key) = (Arc::clone(store), key.clone());
            tasks.spawn(async move {
                let body = PutPayload::from(vec![task; 1000]);
                let outcome = store.put_opts(&key, body, PutMode::Create.into()).await;
                match outcome {
                    Ok(_) => Some(task),
                    Err(Error::AlreadyExists { .. }) => None,
                    Err(other) => panic!("{other:?}"),
                }
            });
        }
        let winners: Vec<u8> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        let bytes = read(store, &key).await;
        assert_eq!(bytes, vec![winners[0]; 1000]);
    }
}

async fn a_stale_update_fails(store: &Arc<dyn ObjectStore>) {
    let key = Path::from("versions");
    let first: UpdateVersion = store.put(&key, "first".into()).await.unwrap().into();
    let update = |version: &UpdateVersion| PutOptions::from(PutMode::Update(version.clone()));
    let second: UpdateVersion = store
        .put_opts(&key, "second".into(), update(&first))
        .await
        .unwrap()
        .into();
    let stale = store.put_opts(&key, "third".into(), update(&first)).await;
    assert!(
        matches!(stale, Err(Error::Precondition { .. })),
        "{stale:?}"
    );
    assert_eq!(read(store, &key).await, "second");
    let meta = store.head(&key).await.unwrap();
    let seen = UpdateVersion {
        e_tag: meta.e_tag,
        version: meta.version,
    };
    assert_eq!(seen.e_tag, second.e_tag);
    store
        .put_opts(&key, "third".into(), update(&seen))
        .await
        .unwrap();
    assert_eq!(read(store, &key).await, "third");
}

async fn a_listing_shows_what_was_put(store: &Arc<dyn ObjectStore>) {
    let prefix = Path::from("list");
    let keys: BTreeSet<Path> = (0..60)
        .map(|n| Path::from(format!("list/{}/{n:03} ü+%", n % 3)))
        .chain([Path::from("list/above")])
        .collect();
    for key in &keys {
        store.put(key, "abc".into()).await.unwrap();
    }
    let listed: Vec<_> = store.list(Some(&prefix)).try_collect().await.unwrap();
    let listed_keys: BTreeSet<Path> = listed.iter().map(|meta| meta.location.clone()).collect();
    assert_eq!(listed_keys, keys);
    assert!(
        listed
            .iter()
            .all(|meta| meta.size == 3 && meta.e_tag.is_some())
    );
    let level = store.list_with_delimiter(Some(&prefix)).await.unwrap();
    assert_eq!(level.objects.len(), 1);
    let groups: Vec<_> = level.common_prefixes.iter().map(Path::as_ref).collect();
    assert_eq!(groups, ["list/0", "list/1", "list/2"]);
}

async fn parts_become_one_object(store: &Arc<dyn ObjectStore>) {
    const PART: usize = 5 * 1024 * 1024;
    let key = Path::from("parts");
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, "video/mp4".into());
    let options = PutMultipartOptions {
        attributes,
        ..PutMultipartOptions::default()
    };
    let mut upload = store.put_multipart_opts(&key, options).await.unwrap();
    let pieces = [vec![1; PART], vec![2; PART], vec![3; 1000]];
    for piece in &pieces {
        upload.put_part(piece.clone().into()).await.unwrap();
    }
    let missing = store.head(&key).await;
    assert!(
        matches!(missing, Err(Error::NotFound { .. })),
        "{missing:?}"
    );
    upload.complete().await.unwrap();
    assert_eq!(read(store, &key).await, pieces.concat());
    let edge = PART as u64 - 2..PART as u64 + 2;
    let bytes = store.get_range(&key, edge).await.unwrap();
    assert_eq!(&bytes[..], [1, 1, 2, 2]);
    let got = store.get(&key).await.unwrap();
    let content_type = got.attributes.get(&Attribute::ContentType).unwrap();
    assert_eq!(content_type.as_ref(), "video/mp4");

    let key = Path::from("aborted");
    let mut upload = store.put_multipart(&key).await.unwrap();
    upload.put_part(vec![1; PART].into()).await.unwrap();
    upload.abort().await.unwrap();
    let missing = store.head(&key).await;
    assert!(
        matches!(missing, Err(Error::NotFound { .. })),
        "{missing:?}"
    );
}

async fn ranges_and_attributes_come_back(store: &Arc<dyn ObjectStore>) {
    // Beyond what servers keep in memory.
    let bytes: Vec<u8> = (0..600_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    let key = Path::from("ranges");
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, "image/png".into());
    attributes.insert(Attribute::ContentDisposition, "inline".into());
    attributes.insert(Attribute::CacheControl, "no-store".into());
    attributes.insert(Attribute::Metadata("nonce".into()), "abc".into());
    let options = PutOptions {
        attributes: attributes.clone(),
        ..PutOptions::default()
    };
    store
        .put_opts(&key, bytes.clone().into(), options)
        .await
        .unwrap();
    let got = store.get(&key).await.unwrap();
    assert_eq!(got.attributes, attributes);
    assert_eq!(got.bytes().await.unwrap(), bytes);
    for range in [0..1, 299_990..300_010, 599_999..600_000] {
        let part = store
            .get_range(&key, range.start as u64..range.end as u64)
            .await
            .unwrap();
        assert_eq!(part, bytes[range]);
    }
    let beyond = store.get_range(&key, 600_000..600_001).await;
    assert!(beyond.is_err());
}

async fn what_was_deleted_is_gone(store: &Arc<dyn ObjectStore>) {
    let key = Path::from("deleted");
    store.put(&key, "x".into()).await.unwrap();
    store.delete(&key).await.unwrap();
    let gone = store.get(&key).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    match store.delete(&key).await {
        Ok(()) | Err(Error::NotFound { .. }) => {}
        Err(other) => panic!("{other:?}"),
    }
    store
        .put_opts(&key, "again".into(), PutMode::Create.into())
        .await
        .unwrap();
}

async fn read(store: &Arc<dyn ObjectStore>, key: &Path) -> Bytes {
    store.get(key).await.unwrap().bytes().await.unwrap()
}
