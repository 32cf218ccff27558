//! The targets of the fuzzer, over its checked-in seeds and what is a few changes away from them.

use std::path::Path;

use proptest::prelude::*;

use crate::targets::{externalize, restore};

/// The seeds of a target; there is no test without them.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let mut paths: Vec<_> = std::fs::read_dir(directory.join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{target}");
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

#[test]
fn seeds_come_back() {
    for seed in seeds("externalize") {
        externalize(&seed);
    }
    for seed in seeds("restore") {
        restore(&seed);
    }
}

/// A change of a text at a place.
#[derive(Clone, Debug)]
enum Change {
    Set(u8),
    Insert(Vec<u8>),
    Cut(usize),
    Repeat(usize),
}

fn change() -> impl Strategy<Value = (prop::sample::Index, Change)> {
    let pieces = prop::sample::select(vec![
        "\"",
        "\\",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\n",
        "\\u002b",
        "=",
        "data:;base64,",
        "media-ref:v1:",
        "137,",
        "\"0\":",
        "\u{1e}",
    ]);
    let change = prop_oneof![
        any::<u8>().prop_map(Change::Set),
        pieces.prop_map(|piece| Change::Insert(piece.as_bytes().to_vec())),
        (1_usize..200).prop_map(Change::Cut),
        (1_usize..200).prop_map(Change::Repeat),
    ];
    (any::<prop::sample::Index>(), change)
}

fn changed(mut text: Vec<u8>, changes: Vec<(prop::sample::Index, Change)>) -> Vec<u8> {
    for (at, change) in changes {
        if text.is_empty() {
            break;
        }
        let at = at.index(text.len());
        match change {
            Change::Set(byte) => text[at] = byte,
            Change::Insert(piece) => drop(text.splice(at..at, piece)),
            Change::Cut(len) => drop(text.drain(at..(at + len).min(text.len()))),
            Change::Repeat(len) => {
                let piece = text[at..(at + len).min(text.len())].to_vec();
                text.splice(at..at, piece);
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn changed_seeds_come_back(
        seed in prop::sample::select(seeds("externalize")),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        externalize(&changed(seed, changes));
    }

    #[test]
    fn changed_placeholders_are_text(
        seed in prop::sample::select(seeds("restore")),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        restore(&changed(seed, changes));
    }

    #[test]
    fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        externalize(&bytes);
        restore(&bytes);
    }
}
