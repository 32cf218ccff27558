use std::collections::HashMap;

use media_types::{Mime, Sha256};
use proptest::prelude::*;

use super::base32::{CROCKFORD, crockford, is_crockford};
use super::segment::{MAX_SEGMENT, is_device};
use super::*;

#[test]
fn plain_ids_stay_and_others_are_encoded() {
    fn encode(id: &str) -> String {
        encode_segment(id, CaseRule::Sensitive)
    }
    let longest = "x".repeat(120);
    for plain in ["conv-1", "A.b_C", "0", &longest] {
        assert_eq!(encode(plain), plain);
    }
    for (id, name) in [
        ("..", "%2E%2E"),
        (".", "%2E"),
        (".store", "%2Estore"),
        ("a.", "a%2E"),
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ("50%", "50%25"),
        ("\0", "%00"),
        ("CON", "%43ON"),
        ("nul.txt", "%6Eul.txt"),
        ("com1", "%63om1"),
        ("com10", "com10"),
        ("\u{e9}", "%C3%A9"),
    ] {
        assert_eq!(encode(id), name);
    }
    assert_eq!(encode_segment("Ab", CaseRule::Folding), "%41b");
    let long = encode(&"x".repeat(121));
    assert!(long.starts_with('~') && long.len() == 53, "{long}");
    assert_ne!(long, encode(&"x".repeat(122)));
}

#[test]
fn base32_is_big_endian() {
    assert_eq!(crockford(&[0; 16]), "0".repeat(26));
    assert_eq!(crockford(&[0xff; 16]), format!("7{}", "z".repeat(25)));
    let mut one = [0; 16];
    one[15] = 33;
    assert_eq!(crockford(&one), format!("{}11", "0".repeat(24)));
}

#[test]
fn only_media_names_are_media_keys() {
    let id = MediaToken::mint().unwrap();
    let file = FileName::new(Sha256::EMPTY, &id, &Mime::IMAGE_PNG);
    let name = file.as_str();
    assert_eq!(FileName::parse(name).unwrap().id(), id.as_str());
    assert_eq!(file.extension(), "png");
    assert!(parse_media_key(name).is_some());
    assert!(parse_media_key(&format!("r/s/%2E%2E/{name}")).is_some());
    for bad in [
        format!("{name}.meta"),
        format!(".store/{name}"),
        format!("../{name}"),
        format!("/{name}"),
        format!("a//{name}"),
        format!("a/b/c/d/{name}"),
        format!("a b/{name}"),
        format!("caf\u{e9}/{name}"),
        ".dedup-index.json".to_owned(),
        name.to_uppercase(),
        name.replace(".png", ""),
        name.replace(".png", ".meta"),
        String::new(),
    ] {
        assert!(parse_media_key(&bad).is_none(), "{bad}");
    }
}

#[test]
fn digits_are_told_from_other_characters() {
    for byte in 0..=u8::MAX {
        assert_eq!(is_crockford(byte), CROCKFORD.contains(&byte), "{byte}");
    }
}

proptest! {
    #[test]
    fn different_ids_get_different_harmless_names(ids in proptest::collection::vec("\\PC{1,50}|[.]{1,3}|(?i:con|nul|com1)(\\.[a-z]{0,2})?|[a-z%~]{1,200}", 1..40)) {
        for case in [CaseRule::Sensitive, CaseRule::Folding] {
            let mut seen: HashMap<String, &str> = HashMap::new();
            for id in &ids {
                let mut name = encode_segment(id, case);
                prop_assert!(name.len() <= MAX_SEGMENT && !name.is_empty());
                prop_assert!(!name.starts_with('.') && !name.ends_with('.'));
                prop_assert!(!is_device(&name));
                if !name.starts_with('~') {
                    prop_assert_eq!(decode_segment(&name), Some(id.clone()));
                }
                prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-%~".contains(&b)));
                if case == CaseRule::Folding {
                    name = name.to_ascii_lowercase();
                }
                if let Some(other) = seen.insert(name, id) {
                    prop_assert_eq!(other, id.as_str());
                }
            }
        }
    }
}

#[test]
fn a_seed_always_gives_the_same_token() {
    let token = MediaToken::derive(b"a seed");
    assert_eq!(token, MediaToken::derive(b"a seed"));
    assert_ne!(token, MediaToken::derive(b"another"));
    assert_eq!(MediaToken::parse(token.as_str()), Some(token));
}
