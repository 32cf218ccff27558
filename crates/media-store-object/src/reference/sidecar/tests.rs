use super::*;
use media_storage::{MediaMetadata, RetentionPolicy};
use media_types::{Mime, Sha256};

#[test]
fn the_generation_is_kept_in_the_sidecar() {
    let id = "ab12cd-0f3c9a7e51b2k4m8n1p6r9t2vw.png";
    let sidecar = Sidecar::new(
        id,
        Mime::IMAGE_PNG,
        3,
        Sha256::EMPTY,
        MediaMetadata::new(),
        RetentionPolicy::Retain,
        chrono::DateTime::UNIX_EPOCH,
    );
    let key = MediaKey::parse(id).unwrap();
    let read = |json: &[u8]| Descriptor::from_json(json, &key, 1).map(Option::unwrap);
    let own = read(&sidecar.to_json().unwrap()).unwrap();
    assert_eq!(own.location, ByteLocation::Own);
    let json = shared_json(&sidecar, Nonce::new(5)).unwrap();
    let shared = read(&json).unwrap();
    assert_eq!(shared.location, ByteLocation::Shared(Nonce::new(5)));
    let bad = String::from_utf8(json).unwrap().replace("00005", "0000x");
    assert!(read(bad.as_bytes()).is_err());
}

#[test]
fn the_size_of_a_sidecar_shows_its_flags() {
    let id = "ab12cd-0f3c9a7e51b2k4m8n1p6r9t2vw.png";
    let key = MediaKey::parse(id).unwrap();
    for (user, retention, location) in [
        (None, RetentionPolicy::Retain, ByteLocation::Own),
        (Some("user-1"), RetentionPolicy::Retain, ByteLocation::Own),
        (
            None,
            RetentionPolicy::RetainHours(1),
            ByteLocation::Shared(Nonce::new(5)),
        ),
        (
            Some("user-1"),
            RetentionPolicy::RetainHours(1),
            ByteLocation::Shared(Nonce::new(5)),
        ),
    ] {
        let mut metadata = MediaMetadata::new();
        if let Some(user) = user {
            metadata = metadata.with_user(user.parse().unwrap());
        }
        let epoch = chrono::DateTime::UNIX_EPOCH;
        let sidecar = Sidecar::new(
            id,
            Mime::IMAGE_PNG,
            3,
            Sha256::EMPTY,
            metadata,
            retention,
            epoch,
        );
        for restored in [false, true] {
            let json = second_json(&sidecar, location, restored).unwrap();
            let flags = SidecarFlags::of_size(json.len() as u64).unwrap();
            assert_eq!(flags.expires, sidecar.expires_at.is_some());
            assert_eq!(flags.has_user, user.is_some());
            assert_eq!(flags.shared, location != ByteLocation::Own);
            let read = Descriptor::from_json(&json, &key, 2).unwrap().unwrap();
            assert_eq!((read.protocol, read.location), (Protocol::Second, location));
            assert_eq!(read.restored, restored);
            let first = Descriptor::from_json(&json, &key, 1).unwrap_err();
            assert_eq!(first.kind(), StorageErrorKind::Corrupted);
            assert!(is_of_later_version(&first));
        }
    }
}
