//! References that nobody was given.

use std::fs;

use media_storage::{
    DeleteOptions, MediaStorage as _, MediaStorageExt as _, RetrieveOptions, Scope,
    StorageErrorKind,
};
use media_types::{Sha256, StorageReference};

use crate::support::{Place, get, of, put, tree};

const COUNT: u32 = 100_000;

/// Random numbers of a seed (SplitMix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const SEGMENTS: [&str; 24] = [
    "..",
    ".",
    "",
    ".store",
    "tmp",
    "blobs",
    "sha256",
    "expiry",
    "%2E%2E",
    "%2e%2e",
    "~",
    "s\\c",
    "C:",
    "CON",
    "\u{ff0e}\u{ff0e}",
    "session-a",
    "session-b",
    "conv",
    "etc",
    "passwd",
    ".dedup-index.json",
    "format.json",
    "lock",
    "/",
];

/// Changes an id so that it is no longer the one that was given.
fn mutate_id(numbers: &mut Numbers, id: &str) -> String {
    let mut parts: Vec<String> = id.split('/').map(str::to_owned).collect();
    if parts.len() < 2 || parts.iter().any(String::is_empty) {
        return format!("{id}{}", numbers.pick(&["/", "x", "/.."]));
    }
    match numbers.below(9) {
        0 => parts.insert(
            numbers.below(parts.len()),
            numbers.pick(&SEGMENTS).to_owned(),
        ),
        1 => {
            let at = numbers.below(parts.len());
            parts[at] = numbers.pick(&SEGMENTS).to_owned();
        }
        2 => drop(parts.remove(numbers.below(parts.len()))),
        3 => {
            let at = numbers.below(parts.len());
            let mut bytes = parts[at].clone().into_bytes();
            let byte = numbers.below(bytes.len());
            bytes[byte] = b"abcxyz0189.-_%~/"[numbers.below(16)];
            parts[at] = String::from_utf8_lossy(&bytes).into_owned();
        }
        4 => {
            let at = numbers.below(parts.len());
            parts[at].push_str(numbers.pick(&[".meta", ".png", "\0", " ", "%00", ".", "/", "x"]));
        }
        5 => {
            let at = numbers.below(parts.len());
            parts[at] = parts[at].to_uppercase();
        }
        6 => parts.swap(0, 1),
        7 => {
            let last = parts.len() - 1;
            parts[last] = parts[last].replace(".png", numbers.pick(&[".jpg", ".svg", "", ".meta"]));
        }
        _ => {
            let up = "../".repeat(1 + numbers.below(6));
            return format!(
                "{up}{}",
                numbers.pick(&["etc/passwd", id, "media/.store/format.json"])
            );
        }
    }
    parts.join("/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_a_hundred_thousand_opens_or_deletes_anything() {
    let place = Place::new();
    let store = place.builder().with_name("eu").build().await.unwrap();
    let own = put(&store, "bytes of a", of("session-a", "conv")).await;
    let foreign = put(&store, "bytes of b", of("session-b", "conv")).await;
    fs::write(place.media().join("file.png"), "x").unwrap();
    let deleted = put(&store, "bytes", of("session-c", "conv")).await;
    store.delete(&deleted).await.unwrap();
    let before = tree(&place.media());
    let scope = || Scope::Session("session-a".parse().unwrap());
    let mut numbers = Numbers(1);
    let mut made = 0;
    let mut kinds = std::collections::BTreeMap::new();
    while made < COUNT {
        let from = if numbers.below(2) == 0 {
            &own
        } else {
            &foreign
        };
        let (mut backend, mut name) = ("file".to_owned(), Some("eu".to_owned()));
        let (mut id, mut size, mut sha256) = (from.id().to_owned(), from.size(), from.sha256());
        // A foreign reference needs no change to be one.
        let mut changed = std::ptr::eq(from, &foreign);
        for _ in 0..=numbers.below(2) {
            match numbers.below(5) {
                0 => {
                    backend = numbers
                        .pick(&["s3", "memory", "FILE", "file.", "gcs"])
                        .to_owned();
                    changed = true;
                }
                1 => {
                    name = Some(numbers.pick(&["us", "EU", "e", "eu2"]).to_owned());
                    changed = true;
                }
                2 => {
                    size = size.map(|size| size ^ (1 << numbers.below(63)));
                    changed = true;
                }
                3 => {
                    let mut bytes = *sha256.unwrap_or(Sha256::EMPTY).as_bytes();
                    bytes[numbers.below(32)] ^= 1 << numbers.below(8);
                    sha256 = Some(Sha256::from_bytes(bytes));
                    changed = true;
                }
                _ => {
                    let mutated = mutate_id(&mut numbers, &id);
                    changed |= mutated != own.id();
                    id = mutated;
                }
            }
        }
        if !changed
            || (id == own.id()
                && size == own.size()
                && sha256 == own.sha256()
                && backend == "file"
                && name.as_deref() == Some("eu"))
        {
            continue;
        }
        let mut builder = StorageReference::builder(backend, id)
            .with_metadata("path", "/etc/passwd")
            .with_metadata("bucket", "other");
        if let Some(name) = name {
            builder = builder.with_store_name(name);
        }
        if let Some(size) = size {
            builder = builder.with_size(size);
        }
        if let Some(sha256) = sha256 {
            builder = builder.with_sha256(sha256);
        }
        made += 1;
        // What does not even build is refused earlier still.
        let Ok(forged) = builder.build() else {
            *kinds.entry("not a reference".to_owned()).or_insert(0) += 1;
            continue;
        };
        let options = RetrieveOptions::new().with_expected_scope(scope());
        let error = match store.retrieve_opts(&forged, options).await {
            Err(error) => error,
            Ok(_) => panic!("{forged:?} opened something"),
        };
        assert!(
            matches!(
                error.kind(),
                StorageErrorKind::InvalidRef | StorageErrorKind::NotFound
            ),
            "{forged:?}: {error:?}"
        );
        *kinds.entry(format!("{:?}", error.kind())).or_insert(0) += 1;
        // Delete takes the same way in; a fourth of them tells as much.
        if made % 4 == 0 {
            let options = DeleteOptions::new().with_expected_scope(scope());
            let _ = store.delete_opts(&forged, options).await;
        }
    }
    assert_eq!(kinds.values().sum::<u32>(), COUNT);
    assert_eq!(before, tree(&place.media()), "{kinds:?}");
    assert_eq!(get(&store, &own).await, "bytes of a");
    assert_eq!(get(&store, &foreign).await, "bytes of b");
    // Delete with what is said about other media deletes nothing either.
    let wrong = StorageReference::builder("file", own.id())
        .with_store_name("eu")
        .with_size(1)
        .build()
        .unwrap();
    let error = store.delete(&wrong).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::InvalidRef);
}
