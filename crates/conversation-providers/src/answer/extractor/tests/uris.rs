//! Data URIs in answers, cut anywhere.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn data_uris_are_taken_as_if_all_was_there(
        url in r#"(data|DATA|dat)?:?(image/png|image\\/png|é)?(;x="?)?(\\n|\\u0041)?(;base64)?,?[A-Za-z0-9]{0,9}"#,
        size in 1_usize..20,
    ) {
        let url = url.replace("\"", "\\\"");
        let text = format!(r#"{{"images":[{{"url":"{url}"}}],"a":1}}"#);
        let found = sift(text.as_bytes(), size);
        match whole(text.as_bytes()) {
            Some((value, media)) => {
                let (rest, taken) = found.unwrap();
                prop_assert_eq!(serde_json::from_slice::<Value>(&rest).unwrap(), value);
                prop_assert_eq!(taken, media);
            }
            None => prop_assert_eq!(found.unwrap_err(), ExtractError::NotBase64),
        }
    }
}
