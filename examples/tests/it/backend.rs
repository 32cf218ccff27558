use tempfile::tempdir;

use crate::run::run;

#[test]
fn media_goes_to_the_bucket_and_is_gone_with_the_conversation() {
    let place = tempdir().unwrap();
    let out = run("custom_backend", place.path(), &[]).ok();
    assert_eq!(out.matches("read back and verified: ").count(), 2, "{out}");
    assert_eq!(out.matches(".png.meta  ").count(), 2, "{out}");
    assert!(out.ends_with("objects left in the bucket: 0\n"), "{out}");
    assert_eq!(
        std::fs::read_dir(place.path()).unwrap().count(),
        0,
        "nothing on disk"
    );
}
