//! Sidecars: what reads is written and read again as the same, and decides without a panic.
#![no_main]

use chrono::Utc;
use libfuzzer_sys::fuzz_target;
use media_storage::{Operation, Scope, Sidecar};
use media_types::StorageReference;

fuzz_target!(|data: &[u8]| {
    let Ok(sidecar) = Sidecar::from_json(data) else {
        return;
    };
    if let Ok(json) = sidecar.to_json() {
        let again = Sidecar::from_json(&json).expect("what was written reads");
        assert_eq!(again.to_json().expect("it writes again"), json);
    }
    let _ = sidecar.metadata();
    let _ = sidecar.entry("file", Some("eu"));
    let Ok(reference) = StorageReference::builder("file", "a").with_size(3).build() else {
        return;
    };
    for scope in [Scope::All, Scope::Session("s".parse().expect("an id"))] {
        let admitted = sidecar.admit(&reference, Some(&scope), Utc::now(), Operation::Retrieve);
        assert!(admitted.is_err() || sidecar.size_bytes == 3 && sidecar.is_in(&scope));
    }
});
