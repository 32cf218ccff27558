//! Whatever a pack holds, it is read or refused, and using it does not panic.

use media_types::Mime;
use prompt_pack::{MediaProperties, PackErrorKind, PackLocation, PromptPack, Variables};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{read, with_prompt};

fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        "[a-z_$/~]{0,8}",
        proptest::sample::select(vec![
            "name", "type", "required", "default", "params", "pattern", "words", "enabled", "enum",
            "image"
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "(\\{\\{)?[a-z.]{0,6}(\\}\\})?".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(key.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Uses everything a pack offers.
fn exercise(pack: &PromptPack, given: &Variables) {
    for name in pack.prompt_names() {
        let prompt = pack.prompt(name).unwrap();
        let _ = (
            prompt.render(given),
            prompt.render_for("m", given),
            prompt.parameters_for("m"),
        );
        let _ = prompt.check_answer("some text");
        let _ = (prompt.tools().count(), prompt.undefined_tools().count());
        let image = MediaProperties::new(&Mime::IMAGE_PNG).with_size(u64::MAX);
        let _ = prompt.check_media([image]);
        assert_eq!(
            pack.prompt_for(&prompt.reference(given).unwrap())
                .unwrap()
                .name(),
            name
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_pack_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = PromptPack::from_json(bytes);
    }

    #[test]
    fn any_value_in_any_place_is_a_pack_or_an_error(
        place in proptest::sample::select(vec![
            "id", "name", "version", "template_engine", "prompts", "fragments", "tools", "p", "p.variables", "p.tools",
            "p.tool_policy", "p.parameters", "p.validators", "p.model_overrides", "p.media", "p.system_template",
        ]),
        value in any_json(),
        wrapped in any::<bool>(),
    ) {
        let mut json = with_prompt(json!({"system_template": "{{a}}{{f}}"}));
        let value = match (place, wrapped) {
            ("p.variables" | "p.validators", true) => json!([value]),
            ("p.media", true) => json!({"image": value}),
            ("p.model_overrides", true) => json!({"m": value}),
            ("fragments", true) => json!({"f": value}),
            _ => value,
        };
        match place.strip_prefix("p.") {
            Some(field) => json["prompts"]["p"][field] = value.clone(),
            None if place == "p" => json["prompts"]["p"] = value.clone(),
            None => json[place] = value.clone(),
        }
        match read(&json) {
            Ok(pack) => exercise(&pack, &Variables::new().with("a", value)),
            Err(error) => {
                prop_assert_eq!(error.kind(), PackErrorKind::InvalidPack);
                let Some(PackLocation::Path(path)) = error.location() else { panic!("{error}") };
                prop_assert!(json.pointer(&path.to_pointer()).is_some(), "{}", error);
            }
        }
    }
}
