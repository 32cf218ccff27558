//! References, records, markers, sidecars and hints that somebody made up.

use media_storage::{
    DeleteOptions, Inventory as _, MediaBody, MediaMetadata, MediaStorage as _,
    MediaStorageExt as _, MediaUpload, RetentionPolicy, RetrieveOptions, Scope, StorageErrorKind,
};
use media_types::{Mime, Sha256, StorageReference};
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};

use super::{FaultyBucket, about, full, holds, is_clean, listed, noise, open, put};

async fn plant(bucket: &FaultyBucket, key: &str, text: impl Into<PutPayload>) {
    let key = Path::parse(key).unwrap();
    bucket.inner().put(&key, text.into()).await.unwrap();
}

async fn text_of(bucket: &FaultyBucket, key: &Path) -> String {
    let read = bucket.inner().get(key).await.unwrap();
    String::from_utf8(read.bytes().await.unwrap().to_vec()).unwrap()
}

fn naming(id: impl Into<String>) -> Option<StorageReference> {
    StorageReference::builder("object", id.into()).build().ok()
}

#[tokio::test]
async fn ids_reach_nothing_but_media() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let bytes = noise(1, 3000);
        let reference = put(&store, &bytes).await;
        let id = reference.id();
        let file = reference.file_name();
        let mut ids: Vec<String> = bucket.names();
        ids.retain(|name| name != id);
        let (head, tail) = id.split_once('/').unwrap();
        ids.extend([
            format!("{id}.meta"),
            format!("{id}/"),
            format!("/{id}"),
            format!("../{id}"),
            format!("./{id}"),
            format!("{head}//{tail}"),
            format!("{head}/../{id}"),
            format!("{head}/./{tail}"),
            format!("{head}%2F{tail}"),
            format!("%2E%2E/{id}"),
            format!(".store/{file}"),
            format!(".store/v1/{file}"),
            format!("a/b/c/d/{file}"),
            format!("s\0/{file}"),
            format!("s\\{file}"),
            id.to_uppercase(),
            id.replace("conv-1", "conv-2"),
            id.replacen("conv-1", "CONV-1", 1),
            file.to_owned(),
            format!("{}/{file}", "x".repeat(2000)),
            String::new(),
        ]);
        let before = bucket.names();
        for forged in ids.iter().filter_map(naming) {
            let told = store.retrieve(&forged).await.unwrap_err().kind();
            let expected = [StorageErrorKind::InvalidRef, StorageErrorKind::NotFound];
            assert!(expected.contains(&told), "{forged:?}: {told:?}");
            match store.delete(&forged).await {
                Ok(()) => assert_eq!(told, StorageErrorKind::NotFound, "{forged:?}"),
                Err(error) => assert_eq!(error.kind(), StorageErrorKind::InvalidRef),
            }
            assert_eq!(bucket.names(), before, "{forged:?}");
        }
        holds(&store, &reference, &bytes).await;
    }
}

/// Random changes of ids, spliced with other names in the bucket.
#[tokio::test]
async fn none_of_a_hundred_thousand_opens_or_deletes_anything() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let own = open(&bucket, false).await;
    let bytes = noise(1, 300);
    let sound = [put(&store, &bytes).await, put(&own, &bytes).await];
    let before = bucket.names();
    let pieces = [
        "/",
        "//",
        ".",
        "..",
        "../",
        "%2F",
        "%2e",
        "%00",
        "\\",
        "\0",
        ".meta",
        ".store",
        ".store/v1/",
        "~",
        "rec/",
        "ref/",
        "blob/",
        "conv-1",
        "0",
        "Z",
        "\u{202e}",
        "\n",
        ":",
    ];
    let mut state = 7_u64;
    let mut below = |end: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % end
    };
    let mut accepted = 0;
    for n in 0..100_000 {
        let mut id: Vec<char> = match below(4) {
            0 => before[below(before.len())].chars().collect(),
            n => sound[n % 2].id().chars().collect(),
        };
        for _ in 0..=below(3) {
            let at = below(id.len() + 1);
            match below(3) {
                0 => drop(id.drain(at..(at + below(9)).min(id.len()))),
                1 => drop(id.splice(at..at, pieces[below(pieces.len())].chars())),
                _ => {
                    let end = (at + 1).min(id.len());
                    drop(id.splice(at..end, pieces[below(pieces.len())].chars()));
                }
            }
        }
        let id: String = id.into_iter().collect();
        if sound.iter().any(|reference| reference.id() == id) {
            continue;
        }
        let mut forged = StorageReference::builder("object", id);
        if n % 2 == 0 {
            forged = forged.with_sha256(sound[0].sha256().unwrap());
        }
        let Ok(forged) = forged.build() else {
            continue;
        };
        accepted += 1;
        let error = store.retrieve(&forged).await.unwrap_err();
        let expected = [StorageErrorKind::InvalidRef, StorageErrorKind::NotFound];
        assert!(expected.contains(&error.kind()), "{forged:?}: {error:?}");
        if let Err(error) = store.delete(&forged).await {
            assert_eq!(error.kind(), StorageErrorKind::InvalidRef, "{forged:?}");
        }
    }
    assert!(accepted > 50_000, "{accepted} were references at all");
    assert_eq!(bucket.names(), before);
    for reference in &sound {
        holds(&store, reference, &bytes).await;
    }
}

#[tokio::test]
async fn every_field_is_held_against_the_sidecar() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let (bytes, others) = (noise(1, 3000), noise(2, 3000));
        let (reference, other) = (put(&store, &bytes).await, put(&store, &others).await);
        let build = |backend: &str, name: Option<&str>, size: u64, hash: Sha256| {
            let mut builder = StorageReference::builder(backend, reference.id())
                .with_size(size)
                .with_sha256(hash);
            if let Some(name) = name {
                builder = builder.with_store_name(name);
            }
            builder.build().unwrap()
        };
        let hash = reference.sha256().unwrap();
        for forged in [
            build("s3", None, 3000, hash),
            build("object", Some("eu"), 3000, hash),
            build("object", None, 2999, hash),
            build("object", None, 3000, other.sha256().unwrap()),
            build("object", None, 3000, Sha256::EMPTY),
        ] {
            let read = store.retrieve(&forged).await.unwrap_err();
            assert_eq!(read.kind(), StorageErrorKind::InvalidRef, "{forged:?}");
            let deleted = store.delete(&forged).await.unwrap_err();
            assert_eq!(deleted.kind(), StorageErrorKind::InvalidRef, "{forged:?}");
        }
        let foreign = Scope::Conversation("conv-2".parse().unwrap());
        let options = RetrieveOptions::new().with_expected_scope(foreign.clone());
        let read = store.retrieve_opts(&reference, options).await.unwrap_err();
        let options = DeleteOptions::new().with_expected_scope(foreign);
        let deleted = store.delete_opts(&reference, options).await.unwrap_err();
        for error in [read, deleted] {
            assert_eq!(error.kind(), StorageErrorKind::NotFound);
        }
        holds(&store, &reference, &bytes).await;
    }
}

/// What a sidecar says leads to nothing outside of what its reference may have.
#[tokio::test]
async fn sidecars_that_lie_lead_nowhere() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let (bytes, others) = (noise(1, 3000), noise(2, 3000));
    let (victim, other) = (put(&store, &bytes).await, put(&store, &others).await);
    let path = Path::parse(format!("{}.meta", victim.id())).unwrap();
    let sound = text_of(&bucket, &path).await;
    let generation = sound.split("\"generation\": \"").nth(1).unwrap()[..32].to_owned();
    let (hash, others_hash) = (victim.sha256().unwrap(), other.sha256().unwrap());
    let corrupted = StorageErrorKind::Corrupted;
    let invalid = StorageErrorKind::InvalidRef;
    for (lie, expected) in [
        (
            sound.replace("\"size_bytes\": 3000", "\"size_bytes\": 2999"),
            invalid,
        ),
        (
            sound.replace(&hash.to_hex(), &others_hash.to_hex()),
            invalid,
        ),
        (
            sound.replace("\"format_version\": 1", "\"format_version\": 9"),
            corrupted,
        ),
        (sound.replace(&generation, "../../../rec"), corrupted),
        (sound.replace(victim.id(), other.id()), corrupted),
        (format!("{}{sound}", " ".repeat(100_000_000)), corrupted),
        ("[".repeat(60_000), corrupted),
    ] {
        plant(&bucket, path.as_ref(), lie.clone()).await;
        match store.retrieve_bytes(&victim, 5000).await {
            // The marker, which is the truth, told.
            Ok(read) => assert!(read == bytes && expected == corrupted),
            Err(error) => assert_eq!(error.kind(), expected, "{:.200}", lie),
        }
    }
    // A generation that is another's, or nobody's: the record leads to the bytes.
    for wrong in ["0".repeat(32), "f".repeat(32)] {
        plant(&bucket, path.as_ref(), sound.replace(&generation, &wrong)).await;
        holds(&store, &victim, &bytes).await;
    }
    holds(&store, &other, &others).await;
}

/// A marker counts for the reference of its name, and restores nothing else.
#[tokio::test]
async fn markers_that_lie_restore_nothing() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let bytes = noise(1, 3000);
    let (kept, gone) = (put(&store, &bytes).await, put(&store, &bytes).await);
    store.delete(&gone).await.unwrap();
    let marker = bucket.name_with("/ref/");
    let sound = text_of(&bucket, &marker).await;
    let unique = |reference: &StorageReference| reference.file_name()[7..33].to_owned();
    let stranger = "0".repeat(26);
    let beside = marker.as_ref().replace(&unique(&kept), &stranger);
    for lie in [
        sound.clone(),
        sound.replace(kept.id(), gone.id()),
        sound.replace(kept.id(), ".store/v1/rec/x"),
        sound.replace("\"generation\"", "\"generations\""),
        "[".repeat(1000),
        " ".repeat(100_000),
    ] {
        plant(&bucket, &beside, lie).await;
        let report = store.sweep(full()).await.unwrap();
        assert_eq!(report.failed, 1, "{report:?}");
        assert_eq!(listed(&store).await.len(), 1);
        super::is_gone(&store, &gone).await;
        holds(&store, &kept, &bytes).await;
    }
}

/// Whoever damages the record of a hash does not keep others from storing those bytes.
#[tokio::test]
async fn bytes_whose_record_is_damaged_are_stored_on_their_own() {
    let bytes = noise(1, 3000);
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let before = put(&store, &bytes).await;
    let record = bucket.name_with("/rec/");
    let sound = text_of(&bucket, &record).await;
    for lie in [
        String::new(),
        "x".repeat(100_000),
        "[".repeat(4000),
        sound.replace("\"size\":3000", "\"size\":17"),
        sound.replace("\"v\":1", "\"v\":2"),
    ] {
        plant(&bucket, record.as_ref(), lie).await;
        let reference = put(&store, &bytes).await;
        holds(&store, &before, &bytes).await;
        holds(&store, &reference, &bytes).await;
        assert_eq!(store.usage(Scope::All).await.unwrap().copies, 1);
        store.sweep(full()).await.unwrap();
        holds(&store, &before, &bytes).await;
        store.delete(&reference).await.unwrap();
    }
    plant(&bucket, record.as_ref(), sound).await;
    store.delete(&before).await.unwrap();
    is_clean(&store, &bucket).await;
}

/// Hints say where to look, nothing else.
#[tokio::test]
async fn hints_that_lie_delete_nothing() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let bytes = noise(1, 3000);
        let kept = put(&store, &bytes).await;
        let later = about("conv-1").with_retention(RetentionPolicy::RetainHours(1));
        let later = store.store_bytes(Mime::IMAGE_PNG, bytes.clone(), later);
        let later = later.await.unwrap();
        let unique = "0".repeat(26);
        for (hour, body) in [
            ("2020-01-01T00", kept.id().to_owned()),
            ("2020-01-01T00", later.id().to_owned()),
            ("2020-01-01T01", ".store/v1/rec".to_owned()),
            ("2020-01-01T02", "x".repeat(5000)),
            ("0", "../../x".to_owned()),
            ("not an hour", kept.id().to_owned()),
        ] {
            plant(&bucket, &format!(".store/v1/expiry/{hour}/{unique}"), body).await;
            let report = store.sweep(media_storage::SweepOptions::new()).await;
            assert_eq!(report.unwrap().references(), 0);
            holds(&store, &kept, &bytes).await;
            holds(&store, &later, &bytes).await;
        }
        store.sweep(full()).await.unwrap();
        holds(&store, &kept, &bytes).await;
    }
}

/// The caller's ids and names are data: none of them makes a key that means something else.
#[tokio::test]
async fn ids_of_any_form_are_stored_and_found() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let long = "x".repeat(1024);
    for id in [
        "..", ".", ".store", "a/b", "a%2Fb", "~", "CON", "\u{e9}", &long,
    ] {
        let metadata = MediaMetadata::new()
            .with_session(id.parse().unwrap())
            .with_conversation(id.parse().unwrap())
            .with_filename("../../x.meta".to_owned());
        let body = MediaBody::from_bytes(noise(1, 100));
        let upload = MediaUpload::new(Mime::IMAGE_PNG, body, metadata);
        let reference = store.store(upload).await.unwrap();
        holds(&store, &reference, &noise(1, 100)).await;
        let scope = Scope::Session(id.parse().unwrap());
        assert_eq!(
            store.usage(scope.clone()).await.unwrap().references,
            1,
            "{id}"
        );
        assert_eq!(store.delete_scope(scope).await.unwrap().deleted, 1, "{id}");
    }
    is_clean(&store, &bucket).await;
}
