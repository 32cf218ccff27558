//! Keys, file names, and the directory names of ids: nothing accepted leads out of its directory.
#![no_main]

use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use media_storage::layout::{
    CaseRule, FileName, MediaToken, decode_segment, encode_segment, parse_media_key,
};
use media_types::{Mime, StorageKey};

fn stays_inside(path: &str) {
    let normal = |component| matches!(component, Component::Normal(_));
    assert!(Path::new(path).components().all(normal), "{path:?}");
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(key) = StorageKey::new(text) {
        stays_inside(key.as_str());
        assert_eq!(key.segments().collect::<Vec<_>>().join("/"), text);
    }
    if let Some((directories, file)) = parse_media_key(text) {
        stays_inside(text);
        assert!(directories.iter().all(|name| !name.starts_with('.')));
        assert!(!file.as_str().ends_with(".meta"));
        assert!(MediaToken::parse(file.id()).is_some());
        assert_eq!(FileName::parse(file.as_str()), Some(file));
    }
    for case in [CaseRule::Sensitive, CaseRule::Folding] {
        if text.is_empty() {
            continue;
        }
        let name = encode_segment(text, case);
        stays_inside(&name);
        assert!(!name.starts_with('.') && name.len() <= 120 && !name.contains('/'));
        if let Some(id) = decode_segment(&name) {
            assert_eq!(id, text);
        } else {
            assert!(name.starts_with('~'), "{name}");
        }
    }
    let _ = decode_segment(text);
    if let Ok(mime) = text.parse::<Mime>() {
        assert_eq!(mime.to_string().parse::<Mime>().as_ref(), Ok(&mime));
        let extension = mime.extension();
        assert!(extension.bytes().all(|b| b.is_ascii_alphanumeric()) && !extension.is_empty());
    }
});
