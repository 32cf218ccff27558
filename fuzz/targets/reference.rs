//! References: what reads is bounded, and reads again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media_types::StorageReference;

fuzz_target!(|data: &[u8]| {
    let Ok(reference) = serde_json::from_slice::<StorageReference>(data) else {
        return;
    };
    assert!(!reference.id().is_empty() && reference.id().len() <= 1024);
    assert!(!reference.id().chars().any(char::is_control));
    let json = serde_json::to_string(&reference).expect("a reference writes");
    let again: StorageReference = serde_json::from_str(&json).expect("it reads again");
    assert_eq!(
        serde_json::to_string(&again).expect("it writes again"),
        json
    );
    let _ = (reference.file_name(), format!("{reference:?}"));
});
