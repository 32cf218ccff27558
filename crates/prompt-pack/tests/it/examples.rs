//! Packs and schemas of others, read from the folder that CONTRACT_DATA names.

use std::io::Write;
use std::path::PathBuf;

use prompt_pack::{PackErrorKind, PackLocation, PackOptions, PromptPack, Variables};
use serde_json::{Value, json};

#[cfg(feature = "strict")]
use super::own_pack;

/// The folder with other people's packs and schemas, which are not part of the repository.
fn contract_data(test: &str) -> Option<PathBuf> {
    let data = std::env::var_os("CONTRACT_DATA").map(|data| PathBuf::from(data).join("promptpack"));
    if data.is_none() {
        // Straight to the handle: what goes through `eprintln!` is hidden when a test passes.
        let line = format!("!!! {test} DID NOT RUN: CONTRACT_DATA is not set\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    data
}

/// Example pack, and `None` if it loads or the place where it does not.
const EXAMPLES: [(&str, Option<&str>); 14] = [
    ("0001-core-schema_06_hello-world.pack.json", None),
    ("0004-multimodal-support_07_image-analyzer.pack.json", None),
    ("customer-support.json", None),
    ("image-analyzer.json", None),
    ("image-generator.pack.json", None),
    ("sales-assistant.json", None),
    ("schema-v1.1_example0_customer-support.pack.json", None),
    ("schema-v1.1_example1_image-analyzer.pack.json", None),
    ("v1.1-file-format_05_customer-support.pack.json", None),
    ("v1.1-schema-guide_04_my-pack.pack.json", None),
    ("validation-demo.json", None),
    // These define some of the tools that their prompts name, but not all.
    (
        "v1.1-examples_01_customer-support.pack.json",
        Some("/prompts/billing/tools/0"),
    ),
    (
        "v1.1-examples_02_content-marketing.pack.json",
        Some("/prompts/blog/tools/1"),
    ),
    (
        "v1.1-examples_03_learning-assistant.pack.json",
        Some("/prompts/research/tools/1"),
    ),
];

#[test]
fn example_packs_load_or_fail_for_a_known_reason() {
    let Some(data) = contract_data("example_packs_load_or_fail_for_a_known_reason") else {
        return;
    };
    let mut found: Vec<_> = std::fs::read_dir(data.join("packs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort_unstable();
    let mut listed: Vec<_> = EXAMPLES
        .iter()
        .map(|(file, _)| (*file).to_owned())
        .collect();
    listed.sort_unstable();
    assert_eq!(found, listed);

    for (file, failure) in EXAMPLES {
        let path = data.join("packs").join(file);
        match (PromptPack::from_path(&path), failure) {
            (Ok(pack), None) => assert_eq!(pack.path(), Some(path.as_path())),
            (Err(error), Some(pointer)) => {
                assert_eq!(error.kind(), PackErrorKind::InvalidPack, "{file}: {error}");
                let Some(PackLocation::Path(path)) = error.location() else {
                    panic!("{file}: {error}")
                };
                assert_eq!(path.to_pointer(), pointer, "{file}: {error}");
                assert!(
                    error.hint().contains("with_undefined_tools"),
                    "{}",
                    error.hint()
                );
                assert!(error.to_string().contains(file), "{error}");
            }
            (result, _) => panic!("{file}: {result:?}"),
        }
        let pack =
            PromptPack::from_path_with(&path, &PackOptions::new().with_undefined_tools(true))
                .unwrap();
        assert_eq!(
            pack.warnings()
                .iter()
                .any(|warning| warning.path.to_pointer().contains("/tools/")),
            failure.is_some(),
            "{file}"
        );
    }
}

/// Every prompt of every example renders once its variables are given, and names a variable until then.
#[test]
fn prompts_of_example_packs_ask_for_their_variables_and_render() {
    let Some(data) = contract_data("prompts_of_example_packs_ask_for_their_variables_and_render")
    else {
        return;
    };
    let mut rendered = 0;
    for (file, _) in EXAMPLES {
        let options = PackOptions::new().with_undefined_tools(true);
        let pack = PromptPack::from_path_with(data.join("packs").join(file), &options).unwrap();
        for name in pack.prompt_names() {
            let prompt = pack.prompt(name).unwrap();
            let mut given = Variables::new();
            let system = loop {
                match prompt.render(&given) {
                    Ok(system) => break system,
                    Err(error) if error.kind() == PackErrorKind::MissingVariable => {
                        let variable = error.name().unwrap().to_owned();
                        assert!(given.get(&variable).is_none(), "{file} {name}: {error}");
                        let rules = &pack.json()["prompts"][name]["variables"];
                        let declared = rules
                            .as_array()
                            .into_iter()
                            .flatten()
                            .find(|one| one["name"] == variable.as_str());
                        let value = declared
                            .map_or(Value::Null, |one| one["validation"]["enum"][0].clone());
                        given.insert(
                            variable.clone(),
                            if value.is_null() {
                                json!(format!("<{variable}>"))
                            } else {
                                value
                            },
                        );
                    }
                    Err(error) => panic!("{file} {name}: {error}"),
                }
            };
            assert!(!system.contains("{{"), "{file} {name}: {system}");
            for (variable, value) in given.iter().filter(|(name, _)| {
                prompt
                    .definition()
                    .system_template
                    .contains(&format!("{{{{{name}}}}}"))
            }) {
                assert!(
                    system.contains(value.as_str().unwrap()),
                    "{file} {name} {variable}: {system}"
                );
            }
            rendered += 1;
        }
    }
    assert_eq!(rendered, 25);
}

#[cfg(feature = "strict")]
#[test]
fn strict_mode_follows_the_published_schemas() {
    let Some(data) = contract_data("strict_mode_follows_the_published_schemas") else {
        return;
    };
    for version in ["v1.1", "v1.4.0"] {
        let schema = data.join(format!("schema/promptpack.schema.{version}.json"));
        let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
        for (file, _) in EXAMPLES {
            let options = PackOptions::new().with_undefined_tools(true);
            let pack = PromptPack::from_path_with(data.join("packs").join(file), &options).unwrap();
            // Without a template engine (three of them), or without a prompt's version.
            let conforms = !["_02_", "_03_", "_05_", "image-generator"]
                .iter()
                .any(|part| file.contains(part));
            let result = pack.validate_strict(&schema);
            assert_eq!(result.is_ok(), conforms, "{file} {version}: {result:?}");
            if let Err(error) = result {
                assert_eq!(error.kind(), PackErrorKind::SchemaViolation);
                assert!(
                    error.location().is_some() && error.to_string().contains(file),
                    "{error}"
                );
            }
        }
    }
    let pack = PromptPack::from_path(own_pack()).unwrap();
    assert_eq!(
        pack.validate_strict(&json!({"type": 1}))
            .unwrap_err()
            .kind(),
        PackErrorKind::SchemaViolation
    );
    assert!(pack.validate_strict(&json!({"required": ["id"]})).is_ok());
}
