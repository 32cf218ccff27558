//! What a pack says, and what its prompts make of it.

use std::num::NonZeroU64;
use std::path::Path;

use media_types::{MediaType, Mime};
use prompt_pack::{
    MediaProperties, MediaViolationKind, PackErrorKind, PackRef, PromptPack, ToolChoice, Variables,
};
use serde_json::{Value, json};

use super::{own_pack, read, with_prompt};

#[test]
fn own_pack_says_what_the_sdk_needs() {
    let pack = PromptPack::from_path(own_pack()).unwrap();
    assert_eq!(
        (pack.id(), pack.version(), pack.name()),
        ("image-generator", "1.0.0", "Image Generator")
    );
    assert_eq!(pack.prompt_names().collect::<Vec<_>>(), ["image-generator"]);
    assert_eq!(pack.warnings(), []);

    let prompt = pack.prompt("image-generator").unwrap();
    assert_eq!(prompt.definition().version, None);
    let system = prompt.render(&Variables::new()).unwrap();
    assert!(
        system.contains("natural light") && system.contains("Ask one short question"),
        "{system}"
    );
    let system = prompt
        .render(&Variables::new().with("style", "{{fragments.manners}}"))
        .unwrap();
    assert!(
        system.contains("another: {{fragments.manners}}."),
        "{system}"
    );
    let error = prompt
        .render(&Variables::new().with("style", "x".repeat(201)))
        .unwrap_err();
    assert_eq!(error.kind(), PackErrorKind::InvalidVariable);
    assert_eq!(
        (error.prompt(), error.name()),
        (Some("image-generator"), Some("style"))
    );

    assert_eq!(prompt.definition().parameters.temperature, Some(0.7));
    assert_eq!(
        prompt.definition().parameters.max_tokens,
        NonZeroU64::new(500)
    );
    let tools: Vec<_> = prompt.tools().collect();
    assert_eq!(tools.len(), 1);
    assert_eq!(tools[0].name, "image-generator-tool");
    assert_eq!(tools[0].parameters["required"], json!(["prompt"]));
    assert_eq!(
        (
            prompt.tool_policy().max_rounds.get(),
            prompt.tool_policy().max_tool_calls_per_turn.get()
        ),
        (4, 4)
    );

    let media = prompt.media().unwrap();
    assert!(media.supports(MediaType::Image) && !media.supports(MediaType::Audio));
    let image = MediaProperties::new(&Mime::IMAGE_PNG).with_size(20 * 1024 * 1024);
    assert_eq!(media.check([image; 4]), []);
    let violations = media.check([
        image,
        MediaProperties::new(&Mime::IMAGE_GIF),
        MediaProperties::new(&Mime::AUDIO_WAV),
    ]);
    let kinds: Vec<_> = violations
        .iter()
        .map(|violation| (violation.index, violation.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            (1, MediaViolationKind::UnsupportedFormat),
            (2, MediaViolationKind::UnsupportedType)
        ]
    );
}

#[test]
fn an_unknown_prompt_lists_those_there_are() {
    let pack = PromptPack::from_path(own_pack()).unwrap();
    let error = pack.prompt("image_generator").unwrap_err();
    assert_eq!(
        (error.kind(), error.name()),
        (PackErrorKind::UnknownPrompt, Some("image_generator"))
    );
    assert!(error.hint().contains("image-generator"), "{}", error.hint());
}

#[test]
fn declared_variables() {
    let pack = read(&with_prompt(json!({
        "system_template": "[{{req}}|{{opt}}|{{def}}|{{both}}|{{user.name}}]",
        "variables": [
            {"name": "req", "type": "string", "required": true},
            {"name": "opt", "type": "string"},
            {"name": "def", "type": "number", "required": false, "default": 7},
            {"name": "both", "type": "string", "required": true, "default": "never"},
            {"name": "user", "type": "object", "default": {"name": "{{req}}"}},
            {"name": "unused", "type": "string", "required": true}
        ]
    })))
    .unwrap();
    let prompt = pack.prompt("p").unwrap();
    let mut given = Variables::new();
    for name in ["req", "both", "unused"] {
        let error = prompt.render(&given).unwrap_err();
        assert_eq!(
            (error.kind(), error.prompt(), error.name()),
            (PackErrorKind::MissingVariable, Some("p"), Some(name))
        );
        assert!(
            error.to_string().contains(name) && error.hint().contains(name),
            "{error}"
        );
        given.insert(name, "v");
    }
    // Not declared and not used is no mistake: applications share one set of variables among prompts.
    given.insert("elsewhere", 1);
    assert_eq!(prompt.render(&given).unwrap(), "[v||7|v|{{req}}]");
    given.insert("def", "seven");
    assert_eq!(
        prompt.render(&given).unwrap_err().kind(),
        PackErrorKind::InvalidVariable
    );
}

#[test]
fn a_declared_variable_hides_a_fragment_of_its_name() {
    let mut json = with_prompt(
        json!({"system_template": "{{x}} {{fragments.x}}", "variables": [{"name": "x"}]}),
    );
    json["fragments"] = json!({"x": "fragment"});
    let prompt = read(&json).unwrap().prompt("p").unwrap();
    assert_eq!(
        prompt.render(&Variables::new().with("x", "value")).unwrap(),
        "value fragment"
    );
    assert_eq!(prompt.render(&Variables::new()).unwrap(), " fragment");
}

#[test]
fn model_overrides_change_template_and_parameters() {
    let prompt = read(&with_prompt(json!({
        "system_template": "base {{x}}",
        "parameters": {"temperature": 0.5, "max_tokens": 10, "seed": 1, "stop": ["a"], "top_k": null},
        "model_overrides": {
            "small": {"system_template_prefix": "<{{x}}>", "system_template_suffix": "!", "parameters": {"max_tokens": 5, "seed": 2}},
            "other": {"system_template": "own {{x}}", "system_template_suffix": "?"}
        }
    })))
    .unwrap()
    .prompt("p")
    .unwrap();
    let given = Variables::new().with("x", 1);
    for (model, system) in [
        ("large", "base 1"),
        ("small", "<1>base 1!"),
        ("small-2025-01-31", "<1>base 1!"),
        ("smaller", "base 1"),
        ("other", "own 1?"),
    ] {
        assert_eq!(prompt.render_for(model, &given).unwrap(), system, "{model}");
    }
    let parameters = prompt.parameters_for("small");
    assert_eq!(
        (
            parameters.temperature,
            parameters.max_tokens,
            parameters.top_k
        ),
        (Some(0.5), NonZeroU64::new(5), None)
    );
    assert_eq!(
        Value::Object(parameters.other.clone()),
        json!({"seed": 2, "stop": ["a"]})
    );
    assert_eq!(
        prompt.parameters_for("large"),
        prompt.definition().parameters
    );
}

#[test]
fn tool_policy_and_its_defaults() {
    let prompt = |fields: Value| {
        let mut json = with_prompt(fields);
        json["tools"] = json!({"a": {"description": "d"}, "b-c": {"parameters": {"properties": {"x": {}}, "$defs": {}}}});
        read(&json).unwrap().prompt("p").unwrap()
    };
    let plain = prompt(json!({"tools": ["b-c", "a"]}));
    let policy = plain.tool_policy();
    assert_eq!(
        (
            &policy.tool_choice,
            policy.max_rounds.get(),
            policy.max_tool_calls_per_turn.get()
        ),
        (&ToolChoice::Auto, 5, 10)
    );
    assert!(policy.blocklist.is_empty() && policy.allows("a"));
    let tools: Vec<_> = plain.tools().collect();
    assert_eq!(
        tools
            .iter()
            .map(|tool| tool.name.as_str())
            .collect::<Vec<_>>(),
        ["b-c", "a"]
    );
    assert_eq!(
        tools[0].parameters,
        json!({"type": "object", "properties": {"x": {}}, "$defs": {}})
    );
    assert_eq!(
        tools[1].parameters,
        json!({"type": "object", "properties": {}})
    );

    let blocked = prompt(
        json!({"tools": ["b-c", "a"], "tool_policy": {"blocklist": ["a"], "max_rounds": 2, "tool_choice": "required"}}),
    );
    assert_eq!(
        blocked
            .tools()
            .map(|tool| tool.name.as_str())
            .collect::<Vec<_>>(),
        ["b-c"]
    );
    assert!(!blocked.tool_policy().allows("a") && blocked.tool_policy().allows("b-c"));
    assert_eq!(
        (
            &blocked.tool_policy().tool_choice,
            blocked.tool_policy().max_rounds.get()
        ),
        (&ToolChoice::Required, 2)
    );
    assert!(
        !prompt(json!({"tool_policy": {"tool_choice": "none"}}))
            .tool_policy()
            .allows("a")
    );
}

#[test]
fn tools_from_code_are_named_where_a_pack_defines_none() {
    let pack = read(&with_prompt(
        json!({"tools": ["x", "y"], "tool_policy": {"blocklist": ["y"]}}),
    ))
    .unwrap();
    let prompt = pack.prompt("p").unwrap();
    assert_eq!(prompt.listed_tools().collect::<Vec<_>>(), ["x"]);
    assert_eq!(prompt.undefined_tools().collect::<Vec<_>>(), ["x"]);
    assert_eq!(prompt.tools().count(), 0);
    assert_eq!(pack.warnings().len(), 2);
}

#[test]
fn later_versions_and_unknown_fields_load_with_warnings() {
    let mut json = with_prompt(json!({
        "evals": [{"id": "e"}],
        "variables": [{"name": "x", "type": "resource", "binding": {"kind": "project"}}],
        "validators": [{"type": "pii_detection", "params": {"deep": [1]}}]
    }));
    json["workflow"] = json!({"version": 2});
    json["template_engine"] =
        json!({"version": "v9", "syntax": "{{variable}}", "features": ["loops", "fragments"]});
    let pack = read(&json).unwrap();
    assert_eq!(pack.json(), &json);
    let pointers: Vec<_> = pack
        .warnings()
        .iter()
        .map(|warning| warning.path.to_pointer())
        .collect();
    assert_eq!(
        pointers,
        [
            "/template_engine/features/0",
            "/prompts/p/variables/0/type",
            "/prompts/p/validators/0"
        ]
    );
    assert!(
        pointers
            .iter()
            .all(|pointer| json.pointer(pointer).is_some())
    );
    assert_eq!(pack.prompt("p").unwrap().check_answer("anything"), []);
}

#[test]
fn state_remembers_names_and_variables_only() {
    let pack = PromptPack::from_path(own_pack()).unwrap();
    let variables = Variables::new().with("style", "ink");
    let reference = pack
        .prompt("image-generator")
        .unwrap()
        .reference(&variables)
        .unwrap();
    let json = serde_json::to_value(&reference).unwrap();
    assert_eq!(
        json,
        json!({"pack": "image-generator", "version": "1.0.0", "prompt": "image-generator", "variables": {"style": "ink"}})
    );
    let read_back: PackRef = serde_json::from_value(json).unwrap();
    assert_eq!(read_back, reference);
    let prompt = pack.prompt_for(&read_back).unwrap();
    assert!(prompt.render(&read_back.variables).unwrap().contains("ink"));
    assert!(!format!("{reference:?}").contains("ink"));

    let other = read(&with_prompt(json!({}))).unwrap();
    assert_eq!(
        other.prompt_for(&reference).unwrap_err().kind(),
        PackErrorKind::PackMismatch
    );
}

#[test]
fn the_pack_of_the_documentation_does_what_the_page_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/prompt-packs.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, json) = page.split_once("```json\n").unwrap();
    let (json, _) = json.split_once("```").unwrap();
    let pack = PromptPack::from_json(json).unwrap();
    assert_eq!(pack.warnings(), []);
    let prompt = pack.prompt("chat").unwrap();
    let given = Variables::new().with("company", "Acme");
    assert_eq!(
        prompt.render_for("small-model", &given).unwrap(),
        "You help customers of Acme. Answer in English, in at most three sentences."
    );
    let parameters = prompt.parameters_for("small-model");
    assert_eq!(
        (parameters.temperature, parameters.max_tokens),
        (Some(0.3), NonZeroU64::new(200))
    );
    assert_eq!(prompt.listed_tools().collect::<Vec<_>>(), ["search"]);
    let violation = &prompt.check_answer("We guarantee it.")[0];
    assert!(violation.is_failure && violation.message == "The answer promises too much.");
    assert_eq!(
        prompt.media().unwrap().image.max_per_message,
        NonZeroU64::new(4)
    );
}
